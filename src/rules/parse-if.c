/* The conditions of a rule. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/parse-internal.h"
#include <stdio.h>
#include <string.h>

void pt_cond_free(void *data) {
	PtCond *c = data;
	if (!c)
		return;
	if (c->of)
		g_ptr_array_unref(c->of);
	pt_subject_clear(&c->subject);
	pt_holidays_unref(c->holidays);
	g_free(c);
}

static PtCond *cond_new(PtCondKind kind) {
	PtCond *c = g_new0(PtCond, 1);
	c->kind = kind;
	if (kind <= PT_COND_NOT)
		c->of = g_ptr_array_new_with_free_func(pt_cond_free);
	return c;
}

/* "22:00", "6:30", "sunset", "sunrise+30min", "sunset-1h" */
bool pt_parse_daytime(const Parser *p, const PtNode *node, PtDaytime *ret) {
	const char *text = pt_parse_text(p, node), *rest = NULL;
	int hours, minutes, used = 0;
	if (!text)
		return false;
	if (sscanf(text, "%2d:%2d%n", &hours, &minutes, &used) == 2 && used > 3 && !text[used] && hours >= 0 &&
	    minutes >= 0 && hours * 60 + minutes <= 1440 && minutes < 60) {
		*ret = (PtDaytime){PT_DAYTIME_CLOCK, hours * 60 + minutes};
		return true;
	}
	if (g_str_has_prefix(text, "sunrise"))
		*ret = (PtDaytime){PT_DAYTIME_SUNRISE, 0}, rest = text + 7;
	else if (g_str_has_prefix(text, "sunset"))
		*ret = (PtDaytime){PT_DAYTIME_SUNSET, 0}, rest = text + 6;
	if (!rest || (*rest && *rest != '+' && *rest != '-')) {
		pt_problem(p->problems, node, "'%.40s' is no time of day: write \"22:00\", sunrise, sunset or sunset+30min",
		           text);
		return false;
	}
	if (!p->names->located)
		pt_problem(p->problems, node, "%.7s needs the place: write site: { location: [latitude, longitude] }", text);
	if (!*rest)
		return true;
	int64_t ns = 0;
	bool ok = pt_parse_span(p, node, "offset", rest + 1, 0, PT_DAY_S * PT_NS_PER_S / 2, &ns);
	ret->minutes = (int)(ns / (60 * PT_NS_PER_S)) * (*rest == '-' ? -1 : 1);
	return ok;
}

static PtCond *parse_between(const Parser *p, const PtNode *node) {
	PtCond *c = cond_new(PT_COND_BETWEEN);
	if (node->kind != PT_NODE_LIST || pt_node_count(node) != 2)
		pt_problem(p->problems, node,
		           "must be two times of day, such as [\"22:00\", \"6:00\"] or [sunset, sunrise]");
	else if (pt_parse_daytime(p, pt_node_at(node, 0), &c->from) && pt_parse_daytime(p, pt_node_at(node, 1), &c->to))
		return c;
	pt_cond_free(c);
	return NULL;
}

static bool parse_day(const Parser *p, const PtNode *node, unsigned *days) {
	static const char *const words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", "workdays", "weekend", NULL};
	int day;
	if (!pt_node_read_choice(node, words, &day, p->problems))
		return false;
	*days |= day == 7 ? 0x1f : day == 8 ? 0x60 : 1u << day;
	return true;
}

bool pt_parse_days(const Parser *p, const PtNode *node, unsigned *ret_days) {
	bool ok = true;
	unsigned days = 0;
	if (node->kind == PT_NODE_LIST)
		for (unsigned i = 0; i < pt_node_count(node); i++)
			ok &= parse_day(p, pt_node_at(node, i), &days);
	else
		ok = parse_day(p, node, &days);
	if (ok && !days)
		pt_problem(p->problems, node, "names no day");
	*ret_days = days;
	return ok && days;
}

static PtCond *parse_days(const Parser *p, const PtNode *node) {
	PtCond *c = cond_new(PT_COND_DAYS);
	if (pt_parse_days(p, node, &c->days))
		return c;
	pt_cond_free(c);
	return NULL;
}

/* holiday: true */
static PtCond *parse_holiday(const Parser *p, const PtNode *node) {
	bool value;
	if (!pt_node_read_switch(node, &value, p->problems))
		return NULL;
	if (!p->names->holidays) {
		pt_problem(p->problems, node, "the site has no holidays: write site: { holidays: FILE }");
		return NULL;
	}
	PtCond *c = cond_new(PT_COND_HOLIDAY);
	c->holidays = pt_holidays_ref(p->names->holidays);
	if (value)
		return c;
	PtCond *not = cond_new(PT_COND_NOT);
	g_ptr_array_add(not ->of, c);
	return not ;
}

static PtCond *parse_state(const Parser *p, const PtNode *node) {
	PtCond *c = cond_new(PT_COND_STATE);
	if (pt_parse_subject(p, node, &c->subject) && c->subject.kind != PT_SUBJECT_START)
		return c;
	if (c->subject.kind == PT_SUBJECT_START)
		pt_problem(p->problems, node, "start is no state, but something that happens: it belongs to when");
	pt_cond_free(c);
	return NULL;
}

/* "all of one" is that one. */
static PtCond *simplify(PtCond *c) {
	if (c->kind == PT_COND_NOT || c->of->len != 1)
		return c;
	PtCond *one = g_ptr_array_steal_index(c->of, 0);
	pt_cond_free(c);
	return one;
}

static PtCond *parse_several(const Parser *p, const PtNode *node, PtCondKind kind) {
	PtCond *c = cond_new(kind);
	if (kind == PT_COND_NOT || node->kind != PT_NODE_LIST) {
		PtCond *one = pt_parse_cond(p, node);
		if (one)
			g_ptr_array_add(c->of, one);
		return simplify(c);
	}
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		PtCond *one = pt_parse_cond(p, pt_node_at(node, i));
		if (one)
			g_ptr_array_add(c->of, one);
	}
	return simplify(c);
}

static PtCond *parse_and(const Parser *p, const PtNode *node) { return parse_several(p, node, PT_COND_AND); }
static PtCond *parse_or(const Parser *p, const PtNode *node) { return parse_several(p, node, PT_COND_OR); }
static PtCond *parse_not(const Parser *p, const PtNode *node) { return parse_several(p, node, PT_COND_NOT); }

static PtCond *mode_is(const Parser *p, const PtNode *node) {
	static const char *const none[] = {NULL};
	const char *word = pt_parse_text(p, node);
	if (!word || pt_parse_dangling(p, node, "mode", word, p->names->modes ? p->names->modes : none))
		return NULL;
	PtCond *c = cond_new(PT_COND_STATE);
	c->subject = (PtSubject){.kind = PT_SUBJECT_MODE, .state = g_strdup(word)};
	return c;
}

/* mode: night | [night, away]: any of them */
static PtCond *parse_mode(const Parser *p, const PtNode *node) {
	if (node->kind != PT_NODE_LIST)
		return mode_is(p, node);
	PtCond *c = cond_new(PT_COND_OR);
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		PtCond *one = mode_is(p, pt_node_at(node, i));
		if (one)
			g_ptr_array_add(c->of, one);
	}
	return simplify(c);
}

/* ADD A CONDITION: a row here, a PtCondKind, a case in cond.c. */
static const struct {
	const char *key;
	PtCond *(*parse)(const Parser *p, const PtNode *node);
} cond_table[] = {
    {"between", parse_between}, {"days", parse_days}, {"holiday", parse_holiday}, {"mode", parse_mode},
    {"state", parse_state},     {"and", parse_and},   {"or", parse_or},           {"not", parse_not},
};

/* A map: all of its keys; a list: all of it; text: a state. NULL: a problem was added. */
PtCond *pt_parse_cond(const Parser *p, const PtNode *node) {
	const char *known[G_N_ELEMENTS(cond_table) + 1] = {NULL};
	for (size_t i = 0; i < G_N_ELEMENTS(cond_table); i++)
		known[i] = cond_table[i].key;
	if (node->kind == PT_NODE_SCALAR)
		return parse_state(p, node);
	if (node->kind == PT_NODE_LIST)
		return parse_and(p, node);
	pt_node_check_keys(node, known, p->problems);
	PtCond *all = cond_new(PT_COND_AND);
	for (unsigned i = 0; i < pt_node_count(node); i++)
		for (size_t k = 0; k < G_N_ELEMENTS(cond_table); k++) {
			if (strcmp(cond_table[k].key, pt_node_at(node, i)->key))
				continue;
			PtCond *one = cond_table[k].parse(p, pt_node_at(node, i));
			if (one)
				g_ptr_array_add(all->of, one);
		}
	return simplify(all);
}
