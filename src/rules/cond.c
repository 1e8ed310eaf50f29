/* Whether a condition holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/eval.h"
#include <string.h>

static bool cond_between(const PtCond *c, const PtRulesNow *now, GString *why) {
	int64_t local_s = pt_local_s(now), day = pt_floor_div(local_s, PT_DAY_S);
	double minute = (double)(local_s - day * PT_DAY_S) / 60;
	double from = pt_daytime_minutes(&c->from, day, now, NULL), to = pt_daytime_minutes(&c->to, day, now, NULL);
	bool holds = from <= to ? minute >= from && minute < to : minute >= from || minute < to;
	if (from == to) /* the polar night, all of which lies between sunset and sunrise; an empty span else */
		holds = c->from.kind == PT_DAYTIME_SUNSET;
	if (why)
		g_string_append_printf(why, "between %02d:%02d and %02d:%02d is %s at %02d:%02d", (int)from / 60,
		                       (int)from % 60, (int)to / 60, (int)to % 60, holds ? "true" : "not true",
		                       (int)minute / 60, (int)minute % 60);
	return holds;
}

static bool cond_days(const PtCond *c, const PtRulesNow *now, GString *why) {
	static const char *const names[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
	unsigned weekday = pt_weekday(pt_floor_div(pt_local_s(now), PT_DAY_S));
	bool holds = c->days >> weekday & 1;
	if (why)
		g_string_append_printf(why, "%s is %s of the days", names[weekday], holds ? "one" : "none");
	return holds;
}

static bool cond_holiday(const PtCond *c, const PtRulesNow *now, GString *why) {
	bool holds = pt_holidays_has(c->holidays, pt_floor_div(pt_local_s(now), PT_DAY_S));
	if (why)
		g_string_append_printf(why, "it is %s holiday", holds ? "a" : "no");
	return holds;
}

static bool cond_state(const PtRulesState *s, const PtCond *c, GString *why) {
	const char *state = pt_rules_state_of(s, c->subject.kind, c->subject.name);
	/* what was never heard of is unknown, and nothing else */
	bool holds = !strcmp(state ? state : "unknown", c->subject.state);
	if (why)
		g_string_append_printf(why, "%s%s%s is %s", pt_subject_words[c->subject.kind], c->subject.name ? " " : "",
		                       c->subject.name ? c->subject.name : "", state ? state : "unknown");
	return holds;
}

bool pt_rules_cond(const PtRulesState *s, const PtCond *c, const PtRulesNow *now, GString *why) {
	bool holds = true;
	switch (c->kind) {
	case PT_COND_BETWEEN:
		return cond_between(c, now, why);
	case PT_COND_DAYS:
		return cond_days(c, now, why);
	case PT_COND_HOLIDAY:
		return cond_holiday(c, now, why);
	case PT_COND_STATE:
		return cond_state(s, c, why);
	case PT_COND_AND:
		for (guint i = 0; i < c->of->len && holds; i++) {
			if (why)
				g_string_truncate(why, 0); /* the last one looked at decides */
			holds = pt_rules_cond(s, c->of->pdata[i], now, why);
		}
		return holds;
	case PT_COND_OR:
		holds = false;
		for (guint i = 0; i < c->of->len && !holds; i++) {
			if (why && why->len)
				g_string_append(why, ", ");
			holds = pt_rules_cond(s, c->of->pdata[i], now, why);
		}
		return holds;
	case PT_COND_NOT:
		if (why)
			g_string_append(why, "not: ");
		return c->of->len == 0 || !pt_rules_cond(s, c->of->pdata[0], now, why);
	}
	return false;
}
