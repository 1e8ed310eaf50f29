/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/holidays.h"
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define LINES_MAX (PT_HOLIDAYS_MAX * 20)
#define SPAN_MAX 366 /* days of one event of a calendar */

struct PtHolidays {
	gatomicrefcount refs;
	GHashTable *days;    /* of int64_t: days since 1970 */
	bool yearly[13][32]; /* [month][day] */
	unsigned count;
};

PtHolidays *pt_holidays_ref(PtHolidays *h) {
	g_atomic_ref_count_inc(&h->refs);
	return h;
}

void pt_holidays_unref(PtHolidays *h) {
	if (!h || !g_atomic_ref_count_dec(&h->refs))
		return;
	g_hash_table_unref(h->days);
	g_free(h);
}

static bool day_of(int year, int month, int day, int64_t *ret) {
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 ||
	    !g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year))
		return false;
	g_autoptr(GDateTime) date = g_date_time_new_utc(year, month, day, 0, 0, 0);
	*ret = g_date_time_to_unix(date) / DAY_S;
	return true;
}

static void add(PtHolidays *h, int64_t day) { h->count += g_hash_table_add(h->days, g_memdup2(&day, sizeof day)); }

static bool is_end(char c) { return !c || g_ascii_isspace(c) || c == '#'; }

static bool read_line(PtHolidays *h, const char *line) {
	int year, month, day, n = 0;
	int64_t at;
	while (*line == ' ' || *line == '\t')
		line++;
	if (is_end(*line))
		return true;
	if (sscanf(line, "%4d-%2d-%2d%n", &year, &month, &day, &n) == 3 && n == 10 && is_end(line[n])) {
		if (!day_of(year, month, day, &at))
			return false;
		add(h, at);
		return true;
	}
	n = 0;
	if (sscanf(line, "%2d-%2d%n", &month, &day, &n) != 2 || n != 5 || !is_end(line[n]) || !day_of(2000, month, day, &at))
		return false; /* 2000 has a 29th of February */
	h->count += !h->yearly[month][day];
	h->yearly[month][day] = true;
	return true;
}

/* "DTSTART;VALUE=DATE:20261225": the date behind the colon. */
static bool read_ics_date(const char *line, int64_t *ret) {
	int year, month, day;
	const char *colon = strchr(line, ':');
	return colon && sscanf(colon + 1, "%4d%2d%2d", &year, &month, &day) == 3 && day_of(year, month, day, ret);
}

/* "RRULE:FREQ=YEARLY": on the same day of each year, for ever. Others would need a calendar's whole arithmetic. */
static bool read_ics_rule(const char *line, const char *next) {
	static const char *const same[] = {"FREQ=YEARLY", "INTERVAL=1", "WKST=MO", "WKST=SU"};
	g_autofree char *rule = g_strstrip(g_ascii_strup(line, -1));
	g_auto(GStrv) parts = g_strsplit(strchr(rule, ':') ? strchr(rule, ':') + 1 : "", ";", 0);
	bool yearly = false, other = next && (next[0] == ' ' || next[0] == '\t'); /* it goes on in the next line */
	for (char **p = parts; *p; p++) {
		bool known = false;
		for (size_t i = 0; i < G_N_ELEMENTS(same); i++)
			known |= !strcmp(*p, same[i]);
		yearly |= !strcmp(*p, same[0]);
		other |= !known;
	}
	return yearly && !other;
}

static void add_yearly(PtHolidays *h, int64_t day) {
	g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(day * DAY_S);
	bool *on = &h->yearly[g_date_time_get_month(date)][g_date_time_get_day_of_month(date)];
	h->count += !*on;
	*on = true;
}

/* Events alone: time zones have a DTSTART as well. */
static char *read_calendar(PtHolidays *h, char **lines) {
	int64_t begin = -1, end = -1;
	bool within = false, yearly = false;
	for (guint i = 0; lines[i]; i++) {
		bool is_begin = g_str_has_prefix(lines[i], "DTSTART"), is_end_date = g_str_has_prefix(lines[i], "DTEND");
		if (g_str_has_prefix(lines[i], "BEGIN:VEVENT")) {
			within = true;
			yearly = false;
			begin = end = -1;
		}
		if (!within)
			continue;
		if ((is_begin || is_end_date) && !read_ics_date(lines[i], is_begin ? &begin : &end))
			return g_strdup_printf("line %u: '%.40s' holds no date", i + 1, lines[i]);
		if (g_str_has_prefix(lines[i], "RRULE")) {
			if (!read_ics_rule(lines[i], lines[i + 1]))
				return g_strdup_printf(
				    "line %u: '%.60s' is not understood: take it out and write the days, one event "
				    "each (FREQ=YEARLY alone is understood)",
				    i + 1, lines[i]);
			yearly = true;
		}
		if (!g_str_has_prefix(lines[i], "END:VEVENT"))
			continue;
		if (begin >= 0 && end - begin > SPAN_MAX)
			return g_strdup_printf("line %u: an event of more than %d days", i + 1, SPAN_MAX);
		for (int64_t day = begin; begin >= 0 && day < MAX(end, begin + 1); day++) { /* its end is the day after it */
			if (yearly)
				add_yearly(h, day);
			else
				add(h, day);
		}
		within = false;
	}
	return NULL;
}

PtHolidays *pt_holidays_parse(const char *text, char **ret_problem) {
	PtHolidays *h = g_new0(PtHolidays, 1);
	g_atomic_ref_count_init(&h->refs);
	h->days = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_auto(GStrv) lines = g_strsplit(text, "\n", LINES_MAX);
	char *problem = NULL;
	if (g_strv_length(lines) == LINES_MAX) /* the last of them is all the rest */
		problem = g_strdup_printf("more than %d lines", LINES_MAX);
	else if (g_str_has_prefix(text, "BEGIN:VCALENDAR"))
		problem = read_calendar(h, lines);
	else
		for (guint i = 0; lines[i] && !problem; i++)
			if (!read_line(h, lines[i]))
				problem =
				    g_strdup_printf("line %u: '%.40s' is no date: write 2026-12-25, or 12-25 for each year",
				                    i + 1, lines[i]);
	if (!problem && h->count > PT_HOLIDAYS_MAX)
		problem = g_strdup_printf("more than %d days", PT_HOLIDAYS_MAX);
	if (!problem)
		return h;
	*ret_problem = problem;
	pt_holidays_unref(h);
	return NULL;
}

bool pt_holidays_has(const PtHolidays *h, int64_t day) {
	if (!h)
		return false;
	if (g_hash_table_contains(h->days, &day))
		return true;
	g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(day * DAY_S);
	return date && h->yearly[g_date_time_get_month(date)][g_date_time_get_day_of_month(date)];
}

unsigned pt_holidays_count(const PtHolidays *h) { return h ? h->count : 0; }
