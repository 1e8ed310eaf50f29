/* Times of day, days and schedules in local time: pure arithmetic. Local seconds count from 1970-01-01T00:00 of the local
 * clock, so that a schedule means what stands on the wall. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

/* All the evaluator knows of time. Two clocks: spans are measured on the one that never steps. */
typedef struct {
	int64_t mono_ns, wall_ns;
	int utc_offset_s; /* of the site's zone at wall_ns */
	bool located;
	double latitude, longitude;
} PtRulesNow;

static inline int64_t pt_floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t pt_local_s(const PtRulesNow *now) {
	return pt_floor_div(now->wall_ns, INT64_C(1000000000)) + now->utc_offset_s;
}
#define PT_DAY_S INT64_C(86400)
/* 0 = Monday; day: days since 1970-01-01, a Thursday. */
static inline unsigned pt_weekday(int64_t day) { return (unsigned)(((day + 3) % 7 + 7) % 7); }

/* A time of day: clock, or the sun with an offset. */
typedef enum { PT_DAYTIME_CLOCK, PT_DAYTIME_SUNRISE, PT_DAYTIME_SUNSET } PtDaytimeKind;
typedef struct {
	PtDaytimeKind kind;
	int minutes; /* since midnight; or after (before: negative) the sun's */
} PtDaytime;

/* Minutes since local midnight on the local day. *ret_happens (may be NULL): false in a polar day or night, whose sun
 * neither rises nor sets; the minutes then say what "between sunset and sunrise" needs (see sun.h). */
double pt_daytime_minutes(const PtDaytime *t, int64_t day, const PtRulesNow *now, bool *ret_happens);

/* A time of day on some days, or the five fields of cron as POSIX has them. */
typedef struct {
	bool cron;
	PtDaytime at;
	unsigned days; /* bit 0 = Monday .. bit 6 = Sunday */
	uint64_t minutes;
	uint32_t hours, month_days; /* month_days: bit 1 = the first */
	uint16_t months;            /* bit 1 = January */
	bool any_month_day, any_weekday;
} PtSchedule;

/* "*\/5 8-17 * * mon-fri": lists, ranges, steps and English names. NULL, or what is wrong with it; caller frees. */
char *pt_schedule_parse_cron(const char *text, PtSchedule *ret);
/* It goes by hours as they pass, and not by those of the wall clock: when the clock is set back in autumn it goes on. */
static inline bool pt_schedule_is_hourly(const PtSchedule *s) { return s->cron && s->hours == 0xffffff; }

#define PT_SCHEDULE_NEVER INT64_MIN
#define PT_SCHEDULE_SPAN_S (3 * INT64_C(3600)) /* the longest span that is looked at */
/* The latest time of the schedule in (from, to], in local seconds, of what lies at most the span before to. */
int64_t pt_schedule_latest(const PtSchedule *s, int64_t from, int64_t to, const PtRulesNow *now);
/* The first one in (from, from + horizon]; horizon at most the span. */
int64_t pt_schedule_soonest(const PtSchedule *s, int64_t from, int64_t horizon, const PtRulesNow *now);
