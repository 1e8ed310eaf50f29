/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/schedule.h"
#include "rules/sun.h"
#include <math.h>
#include <string.h>

#define ALL_HOURS 0xffffffu

double pt_daytime_minutes(const PtDaytime *t, int64_t day, const PtRulesNow *now, bool *ret_happens) {
	double rise = 0, set = 0;
	if (ret_happens)
		*ret_happens = true;
	if (t->kind == PT_DAYTIME_CLOCK)
		return t->minutes;
	PtSunKind sun = pt_sun_times(day, now->latitude, now->longitude, now->utc_offset_s, &rise, &set);
	double at = t->kind == PT_DAYTIME_SUNRISE ? rise : set;
	if (ret_happens)
		*ret_happens = sun == PT_SUN_NORMAL;
	return sun == PT_SUN_NORMAL ? at + t->minutes : at; /* without a sunset there is nothing to be early for */
}

/* ---- cron ---- */

typedef struct {
	const char *name; /* of the field, for messages */
	int min, max;
	const char *const *words; /* their first is min; NULL: numbers alone */
} Field;

static const char *const month_words[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const Field fields[] = {{"minute", 0, 59, NULL},
                               {"hour", 0, 23, NULL},
                               {"day of the month", 1, 31, NULL},
                               {"month", 1, 12, month_words},
                               {"day of the week", 0, 7, day_words}};

static bool read_value(const Field *f, const char **p, int *ret) {
	for (int i = 0; f->words && f->words[i]; i++)
		if (!g_ascii_strncasecmp(*p, f->words[i], 3)) {
			*p += 3;
			*ret = f->min + i;
			return true;
		}
	if (!g_ascii_isdigit(**p))
		return false;
	*ret = 0;
	for (int digits = 0; g_ascii_isdigit(**p) && digits < 3; digits++)
		*ret = *ret * 10 + *(*p)++ - '0';
	return *ret >= f->min && *ret <= f->max;
}

/* One part of a list: "*", "5", "8-17", with a step behind it: "8-17/2". */
static bool read_part(const Field *f, const char **p, uint64_t *bits) {
	int from = f->min, to = f->max, step = 1;
	if (**p == '*') {
		++*p;
		to -= f->words == day_words; /* 7 is Sunday once more */
	} else {
		if (!read_value(f, p, &from))
			return false;
		to = from;
		if (**p == '-' && (++*p, !read_value(f, p, &to) || to < from))
			return false;
	}
	if (**p == '/') {
		const Field steps = {NULL, 1, f->max, NULL};
		++*p;
		if (!read_value(&steps, p, &step))
			return false;
	}
	for (int i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	return true;
}

char *pt_schedule_parse_cron(const char *text, PtSchedule *ret) {
	g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
	const char *of[5];
	guint n = 0;
	for (char **w = words; *w; w++)
		if (**w) {
			if (n < 5)
				of[n] = *w;
			n++;
		}
	if (n != 5)
		return g_strdup_printf(
		    "has %u fields: cron has five, minute, hour, day of the month, month, day of the week", n);
	uint64_t bits[5] = {0};
	for (int i = 0; i < 5; i++) {
		const char *p = of[i];
		bool more;
		do {
			if (!read_part(&fields[i], &p, &bits[i]) || (*p && *p != ','))
				return g_strdup_printf(
				    "'%.40s' is no %s: write *, a number from %d to %d, a list (1,5), a range (1-5) "
				    "or a step (*/5)",
				    of[i], fields[i].name, fields[i].min, fields[i].max);
			more = *p == ',';
			p += more;
		} while (more);
	}
	unsigned week = (unsigned)(bits[4] | bits[4] >> 7) & 0x7f; /* bit 0 = Sunday */
	*ret = (PtSchedule){.cron = true,
	                    .minutes = bits[0],
	                    .hours = (uint32_t)bits[1],
	                    .month_days = (uint32_t)bits[2],
	                    .months = (uint16_t)bits[3],
	                    .days = (week >> 1 | week << 6) & 0x7f,
	                    .any_month_day = of[2][0] == '*',
	                    .any_weekday = of[4][0] == '*'};
	return NULL;
}

/* Whether cron's fields for the day hold: of day of the month and day of the week either is enough when both are given. */
static bool day_matches(const PtSchedule *s, int64_t day) {
	g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(day * PT_DAY_S);
	if (!date || !(s->months >> g_date_time_get_month(date) & 1))
		return false;
	bool by_month = s->month_days >> g_date_time_get_day_of_month(date) & 1, by_week = s->days >> pt_weekday(day) & 1;
	if (s->any_month_day || s->any_weekday)
		return by_month && by_week;
	return by_month || by_week;
}

static bool minute_matches(const PtSchedule *s, int64_t minute) {
	int64_t of_day = ((minute % 1440) + 1440) % 1440;
	return s->minutes >> of_day % 60 & 1 && s->hours >> of_day / 60 & 1 && day_matches(s, pt_floor_div(minute, 1440));
}

/* ---- times ---- */

/* That of a day, in local seconds. */
static int64_t time_on(const PtSchedule *s, int64_t day, const PtRulesNow *now) {
	bool happens;
	if (!(s->days >> pt_weekday(day) & 1))
		return PT_SCHEDULE_NEVER;
	double minutes = pt_daytime_minutes(&s->at, day, now, &happens);
	return happens ? day * PT_DAY_S + (int64_t)floor(minutes * 60) : PT_SCHEDULE_NEVER;
}

int64_t pt_schedule_latest(const PtSchedule *s, int64_t from, int64_t to, const PtRulesNow *now) {
	int64_t best = PT_SCHEDULE_NEVER;
	from = MAX(from, to - PT_SCHEDULE_SPAN_S);
	if (s->cron) {
		for (int64_t m = pt_floor_div(to, 60); m * 60 > from; m--)
			if (minute_matches(s, m))
				return m * 60;
		return best;
	}
	/* sunset may lie behind midnight where the zone is far from the sun */
	for (int64_t day = pt_floor_div(from, PT_DAY_S) - 1; day <= pt_floor_div(to, PT_DAY_S) + 1; day++) {
		int64_t at = time_on(s, day, now);
		if (at > from && at <= to && at > best)
			best = at;
	}
	return best;
}

int64_t pt_schedule_soonest(const PtSchedule *s, int64_t from, int64_t horizon, const PtRulesNow *now) {
	int64_t to = from + MIN(horizon, PT_SCHEDULE_SPAN_S), best = PT_SCHEDULE_NEVER;
	if (s->cron) {
		for (int64_t m = pt_floor_div(from, 60) + 1; m * 60 <= to; m++)
			if (minute_matches(s, m))
				return m * 60;
		return best;
	}
	for (int64_t day = pt_floor_div(from, PT_DAY_S) - 1; day <= pt_floor_div(to, PT_DAY_S) + 1; day++) {
		int64_t at = time_on(s, day, now);
		if (at > from && at <= to && (best == PT_SCHEDULE_NEVER || at < best))
			best = at;
	}
	return best;
}
