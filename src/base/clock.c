/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/error.h"
#include <string.h>
#include <time.h>

#define YEAR_2250_S INT64_C(8835955200) /* since 1970; what is later would soon not fit */

static int64_t read_clock(clockid_t id) {
	struct timespec ts;
	clock_gettime(id, &ts);
	return ts.tv_sec * PT_NS_PER_S + ts.tv_nsec;
}

static PtClockBegin begin; /* all zeros: it is set */

bool pt_clock_begin(PtClockBegin *b, int64_t kernel_ns, int64_t set_ns, int64_t begin_ns) {
	if (kernel_ns >= set_ns)
		return false;
	b->set_ns = set_ns;
	b->ahead_ns = MAX(MAX(begin_ns, set_ns) - kernel_ns, b->ahead_ns);
	return true;
}

int64_t pt_clock_begin_place(PtClockBegin *b, int64_t kernel_ns) {
	if (b->ahead_ns && kernel_ns >= b->set_ns)
		b->ahead_ns = 0;
	return kernel_ns + b->ahead_ns;
}

bool pt_clock_system_begin(int64_t set_ns, int64_t begin_ns) {
	return pt_clock_begin(&begin, read_clock(CLOCK_REALTIME), set_ns, begin_ns);
}

bool pt_clock_system_is_set(void) { return !begin.ahead_ns; }

static int64_t system_wall(PtClock *clock) { return pt_clock_begin_place(&begin, read_clock(CLOCK_REALTIME)); }
static int64_t system_mono(PtClock *clock) { return read_clock(CLOCK_MONOTONIC); }

PtClock *pt_clock_system(void) {
	static PtClock system_clock = {system_wall, system_mono};
	return &system_clock;
}

typedef struct {
	PtClock base;
	GMutex lock;
	int64_t wall, mono; /* under lock */
} VirtualClock;

static int64_t virtual_get(PtClock *clock, gboolean wall) {
	VirtualClock *v = (VirtualClock *)clock;
	g_mutex_lock(&v->lock);
	int64_t ns = wall ? v->wall : v->mono;
	g_mutex_unlock(&v->lock);
	return ns;
}

static int64_t virtual_wall(PtClock *clock) { return virtual_get(clock, TRUE); }
static int64_t virtual_mono(PtClock *clock) { return virtual_get(clock, FALSE); }

PtClock *pt_clock_virtual_new(int64_t wall_ns, int64_t mono_ns) {
	VirtualClock *v = g_new0(VirtualClock, 1);
	v->base = (PtClock){virtual_wall, virtual_mono};
	g_mutex_init(&v->lock);
	v->wall = wall_ns;
	v->mono = mono_ns;
	return &v->base;
}

void pt_clock_virtual_advance(PtClock *clock, int64_t ns) {
	VirtualClock *v = (VirtualClock *)clock;
	g_return_if_fail(ns >= 0);
	g_mutex_lock(&v->lock);
	v->wall += ns;
	v->mono += ns;
	g_mutex_unlock(&v->lock);
}

void pt_clock_virtual_step(PtClock *clock, int64_t ns) {
	VirtualClock *v = (VirtualClock *)clock;
	g_mutex_lock(&v->lock);
	v->wall += ns;
	g_mutex_unlock(&v->lock);
}

void pt_clock_virtual_free(PtClock *clock) {
	if (!clock)
		return;
	g_mutex_clear(&((VirtualClock *)clock)->lock);
	g_free(clock);
}

char *pt_time_format(int64_t wall_ns) {
	int64_t s = wall_ns / PT_NS_PER_S, ns = wall_ns % PT_NS_PER_S;
	if (ns < 0) {
		ns += PT_NS_PER_S;
		s--;
	}
	time_t t = s;
	struct tm tm;
	if (!gmtime_r(&t, &tm))
		return g_strdup("invalid time");
	return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	                       tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ns / PT_NS_PER_MS));
}

gboolean pt_time_parse(const char *text, int64_t *ret_wall_ns, GError **error) {
	if (text && g_ascii_isdigit(text[0]) && !strchr(text, '-')) {
		char *end;
		int64_t s = g_ascii_strtoll(text, &end, 10), ns = 0, unit = PT_NS_PER_S / 10;
		if (*end == '.')
			for (end++; g_ascii_isdigit(*end); end++, unit /= 10)
				ns += (*end - '0') * unit;
		if (!*end && s < YEAR_2250_S) {
			*ret_wall_ns = s * PT_NS_PER_S + ns;
			return TRUE;
		}
	} else if (text) {
		g_autoptr(GDateTime) dt = g_date_time_new_from_iso8601(text, NULL);
		if (dt && g_date_time_get_year(dt) >= 1970 && g_date_time_get_year(dt) < 2250) {
			*ret_wall_ns =
			    g_date_time_to_unix(dt) * PT_NS_PER_S + g_date_time_get_microsecond(dt) * PT_NS_PER_US;
			return TRUE;
		}
	}
	pt_error_set(error, INVALID, "'%s' is not a time (write 2026-11-22T10:55:30Z or seconds since 1970)",
	             text ? text : "");
	return FALSE;
}
