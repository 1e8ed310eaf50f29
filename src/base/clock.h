/* Time as the program sees it, injected so that tests and pure rooms run in virtual time. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#define PT_NS_PER_S INT64_C(1000000000)
#define PT_NS_PER_MS INT64_C(1000000)
#define PT_NS_PER_US INT64_C(1000)

typedef struct PtClock PtClock;
struct PtClock {
	int64_t (*wall_ns)(PtClock *clock); /* ns since 1970 UTC; may step either way */
	int64_t (*mono_ns)(PtClock *clock); /* ns since some start; never steps, never goes back */
};

/* The kernel's CLOCK_REALTIME and CLOCK_MONOTONIC. Not freed. */
PtClock *pt_clock_system(void);

/* A board without a battery begins in 1970. While the kernel's clock stands before set_ns, a time at which the program was
 * made, it has not been set, and the wall time runs from begin_ns on instead: the last one that is known. It is the kernel's
 * again from the instant when that is set. False: it is set. Called again, it only moves forward. Any thread. */
bool pt_clock_system_begin(int64_t set_ns, int64_t begin_ns);
bool pt_clock_system_is_set(void);
/* The pure part, for tests. */
typedef struct {
	_Atomic int64_t set_ns, ahead_ns; /* ahead 0: it is set */
} PtClockBegin;
bool pt_clock_begin(PtClockBegin *begin, int64_t kernel_ns, int64_t set_ns, int64_t begin_ns);
int64_t pt_clock_begin_place(PtClockBegin *begin, int64_t kernel_ns);

/* A clock that stands still until it is moved. Thread-safe. */
PtClock *pt_clock_virtual_new(int64_t wall_ns, int64_t mono_ns);
void pt_clock_virtual_advance(PtClock *clock, int64_t ns); /* both times; ns >= 0 */
void pt_clock_virtual_step(PtClock *clock, int64_t ns);    /* wall time alone, either way */
void pt_clock_virtual_free(PtClock *clock);                /* takes NULL */

static inline int64_t pt_wall_ns(PtClock *clock) { return clock->wall_ns(clock); }
static inline int64_t pt_mono_ns(PtClock *clock) { return clock->mono_ns(clock); }

/* "2026-11-22T10:55:30.125Z". Caller frees. */
char *pt_time_format(int64_t wall_ns);
/* RFC 3339 with 'Z' or an offset, or seconds since 1970 with an optional fraction ("1763809000.125"). */
gboolean pt_time_parse(const char *text, int64_t *ret_wall_ns, GError **error);
