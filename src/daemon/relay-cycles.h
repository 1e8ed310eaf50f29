/* How often each relay has switched, on disk: one line "NAME COUNT" each. Written some seconds after a change by a thread,
 * and at the end, so that no rule waits for it: a crash forgets what was counted in those seconds. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

typedef struct PtRelayCycles PtRelayCycles;

/* A file that is not there, or lines that are none, count 0. */
PtRelayCycles *pt_relay_cycles_new(const char *path);
void pt_relay_cycles_free(PtRelayCycles *cycles); /* writes what is not written; takes NULL */

int64_t pt_relay_cycles_get(const PtRelayCycles *cycles, const char *relay);
void pt_relay_cycles_note(PtRelayCycles *cycles, const char *relay, int64_t count);
