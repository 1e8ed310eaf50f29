/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/parse.h"
#include "base/clock.h"
#include "base/suggest.h"
#include <stdio.h>
#include <string.h>

#define DAY_NS (86400 * PT_NS_PER_S)
#define HELD_MAX (7 * DAY_NS)
#define COOLDOWN_MAX (7 * DAY_NS)
#define BEFORE_MAX (600 * PT_NS_PER_S)
#define AFTER_MAX (DAY_NS)
#define KEEP_MAX (3650 * DAY_NS)
#define RULES_MAX 1000

const char *const pt_subject_words[] = {"input", "relay", "camera", "camera", "start", NULL};
static const char *const input_states[] = {"active", "inactive", "unknown", "fault", NULL};
static const char *const relay_states[] = {"on", "off", "unknown", "fault", NULL};
static const char *const camera_states[] = {"lost", "live", NULL};
static const char *const sight_states[] = {"motion", "still", NULL};
static const char *const all_camera_states[] = {"lost", "live", "motion", "still", NULL};
static const char *const *const states[] = {input_states, relay_states, camera_states, sight_states};

typedef struct {
	const PtRuleNames *names;
	GPtrArray *problems;
} Parser;

static const char *const *names_of(const Parser *p, PtSubjectKind kind) {
	static const char *const none[] = {NULL};
	const char *const *const lists[] = {p->names->inputs, p->names->relays, p->names->cameras, p->names->cameras};
	return kind < PT_SUBJECT_START && lists[kind] ? lists[kind] : none;
}

/* on and off as the reader of the file may have left them: yes, True, … */
static const char *canonical_state(const char *word) {
	int value = pt_node_switch_of(word);
	return value < 0 ? word : value ? "on" : "off";
}

static bool dangling(const Parser *p, const PtNode *node, const char *what, const char *name, const char *const *list) {
	if (g_strv_contains(list, name))
		return false;
	g_autofree char *meant = pt_suggest_text(name, list);
	pt_problem(p->problems, node, "there is no %s named '%.60s'%s", what, name, meant);
	return true;
}

/* The kind a state word belongs to, among those that have something of this name. */
static PtSubjectKind kind_of(const Parser *p, const char *name, const char *state) {
	PtSubjectKind by_state = PT_SUBJECTS;
	for (int kind = PT_SUBJECT_INPUT; kind < PT_SUBJECT_START; kind++) {
		if (!g_strv_contains(states[kind], state))
			continue;
		if (g_strv_contains(names_of(p, kind), name))
			return kind;
		if (by_state == PT_SUBJECTS)
			by_state = kind;
	}
	return by_state;
}

static void no_such_state(const Parser *p, const PtNode *node, const char *name, const char *state) {
	for (int kind = PT_SUBJECT_INPUT; kind < PT_SUBJECT_START; kind++) {
		if (!g_strv_contains(names_of(p, kind), name))
			continue;
		const char *const *known = kind == PT_SUBJECT_CAMERA ? all_camera_states : states[kind];
		g_autofree char *list = pt_suggest_join(known), *meant = pt_suggest_text(state, known);
		pt_problem(p->problems, node, "'%.40s' is no state of %s %s; these are %s%s", state, pt_subject_words[kind],
		           name, list, meant);
		return;
	}
	pt_problem(
	    p->problems, node,
	    "'%.40s' is no state: write active or inactive for an input, on or off for a relay, lost, live, motion or still "
	    "for a camera",
	    state);
}

/* words[0..n): "door active" | "relay gate on" | "start" */
static bool subject_of_words(const Parser *p, const PtNode *node, char **words, guint n, PtSubject *ret) {
	int kind = PT_SUBJECTS;
	if (n == 1 && !strcmp(words[0], "start")) {
		*ret = (PtSubject){.kind = PT_SUBJECT_START, .state = g_strdup("start")};
		return true;
	}
	for (int k = PT_SUBJECT_INPUT; n == 3 && k <= PT_SUBJECT_CAMERA; k++)
		if (!strcmp(words[0], pt_subject_words[k]))
			kind = k;
	if (n != 2 && !(n == 3 && kind != PT_SUBJECTS)) {
		pt_problem(p->problems, node,
		           "'%.60s' is not understood: write NAME STATE, such as 'door active', 'flood on', 'camera gate "
		           "lost', or 'start'",
		           node->text);
		return false;
	}
	const char *name = words[n - 2], *state = canonical_state(words[n - 1]);
	if (n == 2)
		kind = kind_of(p, name, state);
	else if (kind == PT_SUBJECT_CAMERA && g_strv_contains(sight_states, state))
		kind = PT_SUBJECT_SIGHT;
	if (kind == PT_SUBJECTS || !g_strv_contains(states[kind], state)) {
		no_such_state(p, node, name, state);
		return false;
	}
	if (dangling(p, node, pt_subject_words[kind], name, names_of(p, kind)))
		return false;
	*ret = (PtSubject){.kind = kind, .name = g_strdup(name), .state = g_strdup(state)};
	return true;
}

static const char *text_of(const Parser *p, const PtNode *node) {
	if (!pt_node_is_kind(node, PT_NODE_SCALAR, p->problems))
		return NULL;
	if (pt_node_is_empty(node) || strlen(node->text) > 1000) {
		pt_problem(p->problems, node, "must have 1 to 1000 bytes of text");
		return NULL;
	}
	return node->text;
}

static bool parse_subject(const Parser *p, const PtNode *node, PtSubject *ret) {
	const char *text = text_of(p, node);
	if (!text)
		return false;
	g_auto(GStrv) words = g_strsplit(text, " ", 8);
	return subject_of_words(p, node, words, g_strv_length(words), ret);
}

/* ---- when ---- */

static void trigger_free(void *data) {
	PtTrigger *t = data;
	g_free(t->subject.name);
	g_free(t->subject.state);
	g_free(t);
}

static void parse_trigger(const Parser *p, const PtNode *node, PtRule *rule) {
	const char *text = text_of(p, node);
	if (!text)
		return;
	g_auto(GStrv) words = g_strsplit(text, " ", 8);
	guint n = g_strv_length(words);
	PtTrigger t = {0};
	if (n > 2 && !strcmp(words[n - 2], "for")) { /* "door active for 10s" */
		g_autoptr(PtNode) span = pt_node_new(PT_NODE_SCALAR, words[n - 1], node->line, node->column);
		span->parent = (PtNode *)node; /* for the place in a problem alone */
		span->key = g_strdup("for");
		bool ok = pt_node_read_duration(span, PT_NS_PER_MS, HELD_MAX, &t.held_ns, p->problems);
		span->parent = NULL;
		if (!ok)
			return;
		n -= 2;
	}
	if (subject_of_words(p, node, words, n, &t.subject))
		g_ptr_array_add(rule->when, g_memdup2(&t, sizeof t));
}

static void parse_when(const Parser *p, const PtNode *node, PtRule *rule) {
	if (node->kind == PT_NODE_LIST)
		for (unsigned i = 0; i < pt_node_count(node); i++)
			parse_trigger(p, pt_node_at(node, i), rule);
	else
		parse_trigger(p, node, rule);
}

/* ---- if ---- */

static void cond_free(void *data) {
	PtCond *c = data;
	if (!c)
		return;
	if (c->of)
		g_ptr_array_unref(c->of);
	g_free(c->subject.name);
	g_free(c->subject.state);
	g_free(c);
}

static PtCond *cond_new(PtCondKind kind) {
	PtCond *c = g_new0(PtCond, 1);
	c->kind = kind;
	if (kind <= PT_COND_NOT)
		c->of = g_ptr_array_new_with_free_func(cond_free);
	return c;
}

/* "22:00", "6:30", "sunset", "sunrise+30min", "sunset-1h" */
static bool parse_daytime(const Parser *p, const PtNode *node, PtDaytime *ret) {
	const char *text = text_of(p, node), *rest = NULL;
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
	g_autoptr(PtNode) span = pt_node_new(PT_NODE_SCALAR, rest + 1, node->line, node->column);
	span->parent = (PtNode *)node;
	span->key = g_strdup("offset");
	bool ok = pt_node_read_duration(span, 0, DAY_NS / 2, &ns, p->problems);
	span->parent = NULL;
	ret->minutes = (int)(ns / (60 * PT_NS_PER_S)) * (*rest == '-' ? -1 : 1);
	return ok;
}

static PtCond *parse_between(const Parser *p, const PtNode *node) {
	PtCond *c = cond_new(PT_COND_BETWEEN);
	if (node->kind != PT_NODE_LIST || pt_node_count(node) != 2)
		pt_problem(p->problems, node,
		           "must be two times of day, such as [\"22:00\", \"6:00\"] or [sunset, sunrise]");
	else if (parse_daytime(p, pt_node_at(node, 0), &c->from) && parse_daytime(p, pt_node_at(node, 1), &c->to))
		return c;
	cond_free(c);
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

static PtCond *parse_days(const Parser *p, const PtNode *node) {
	PtCond *c = cond_new(PT_COND_DAYS);
	bool ok = true;
	if (node->kind == PT_NODE_LIST)
		for (unsigned i = 0; i < pt_node_count(node); i++)
			ok &= parse_day(p, pt_node_at(node, i), &c->days);
	else
		ok = parse_day(p, node, &c->days);
	if (ok && c->days)
		return c;
	if (ok)
		pt_problem(p->problems, node, "names no day");
	cond_free(c);
	return NULL;
}

static PtCond *parse_cond(const Parser *p, const PtNode *node);

static PtCond *parse_state(const Parser *p, const PtNode *node) {
	PtCond *c = cond_new(PT_COND_STATE);
	if (parse_subject(p, node, &c->subject) && c->subject.kind != PT_SUBJECT_START)
		return c;
	if (c->subject.kind == PT_SUBJECT_START)
		pt_problem(p->problems, node, "start is no state, but something that happens: it belongs to when");
	cond_free(c);
	return NULL;
}

/* "all of one" is that one. */
static PtCond *simplify(PtCond *c) {
	if (c->kind == PT_COND_NOT || c->of->len != 1)
		return c;
	PtCond *one = g_ptr_array_steal_index(c->of, 0);
	cond_free(c);
	return one;
}

static PtCond *parse_several(const Parser *p, const PtNode *node, PtCondKind kind) {
	PtCond *c = cond_new(kind);
	if (kind == PT_COND_NOT || node->kind != PT_NODE_LIST) {
		PtCond *one = parse_cond(p, node);
		if (one)
			g_ptr_array_add(c->of, one);
		return simplify(c);
	}
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		PtCond *one = parse_cond(p, pt_node_at(node, i));
		if (one)
			g_ptr_array_add(c->of, one);
	}
	return simplify(c);
}

static PtCond *parse_and(const Parser *p, const PtNode *node) { return parse_several(p, node, PT_COND_AND); }
static PtCond *parse_or(const Parser *p, const PtNode *node) { return parse_several(p, node, PT_COND_OR); }
static PtCond *parse_not(const Parser *p, const PtNode *node) { return parse_several(p, node, PT_COND_NOT); }

/* ADD A CONDITION: a row here, a PtCondKind, a case in eval.c. */
static const struct {
	const char *key;
	PtCond *(*parse)(const Parser *p, const PtNode *node);
} cond_table[] = {
    {"between", parse_between}, {"days", parse_days}, {"state", parse_state},
    {"and", parse_and},         {"or", parse_or},     {"not", parse_not},
};

/* A map: all of its keys; a list: all of it; text: a state. NULL: a problem was added. */
static PtCond *parse_cond(const Parser *p, const PtNode *node) {
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

/* ---- do ---- */

static void action_free(void *data) {
	PtAction *a = data;
	g_free(a->target);
	g_free(a->text);
	g_free(a);
}

/* { flood: on, for: 2min } */
static bool parse_do_relay(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const orders[] = {"off", "on", "pulse", NULL};
	const PtNode *order = NULL, *span = NULL;
	if (!pt_node_is_kind(node, PT_NODE_MAP, p->problems))
		return false;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *child = pt_node_at(node, i);
		if (!strcmp(child->key, "for"))
			span = child;
		else if (!order)
			order = child;
		else
			pt_problem(p->problems, child, "one relay per action: write a second '- relay:' line");
	}
	int value;
	if (!order) {
		pt_problem(p->problems, node, "names no relay: write { NAME: on, for: 2min }");
		return false;
	}
	if (dangling(p, order, "relay", order->key, names_of(p, PT_SUBJECT_RELAY)) ||
	    !pt_node_read_choice(order, orders, &value, p->problems))
		return false;
	a->target = g_strdup(order->key);
	a->order = (PtRuleOrder)value;
	if (span && a->order != PT_RULE_ON)
		pt_problem(p->problems, span, "goes with on alone");
	return !span || pt_node_read_duration(span, PT_NS_PER_MS, 7 * DAY_NS, &a->for_ns, p->problems);
}

static bool parse_do_record(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"camera", "before", "after", "keep", NULL};
	a->after_ns = 30 * PT_NS_PER_S;
	if (node->kind == PT_NODE_SCALAR) {
		const char *text = text_of(p, node);
		a->target = g_strdup(text);
		return text && !dangling(p, node, "camera", text, names_of(p, PT_SUBJECT_CAMERA));
	}
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	pt_node_read_duration(pt_node_get(node, "before"), 0, BEFORE_MAX, &a->before_ns, p->problems);
	pt_node_read_duration(pt_node_get(node, "after"), 0, AFTER_MAX, &a->after_ns, p->problems);
	pt_node_read_duration(pt_node_get(node, "keep"), PT_NS_PER_S, KEEP_MAX, &a->keep_ns, p->problems);
	const PtNode *camera = pt_node_get(node, "camera");
	if (!camera)
		pt_problem(p->problems, node, "names no camera: write { camera: NAME, before: 10s, after: 60s }");
	return camera && pt_node_read_text(camera, &a->target, p->problems) &&
	       !dangling(p, camera, "camera", a->target, names_of(p, PT_SUBJECT_CAMERA));
}

static bool parse_do_notify(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"to", "text", NULL};
	static const char *const none[] = {NULL};
	if (node->kind == PT_NODE_SCALAR) {
		a->text = g_strdup(text_of(p, node));
		return a->text != NULL;
	}
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *to = pt_node_get(node, "to"), *text = pt_node_get(node, "text");
	if (!text)
		pt_problem(p->problems, node, "has no text");
	if (to && (!pt_node_read_text(to, &a->target, p->problems) ||
	           dangling(p, to, "notify target", a->target, p->names->targets ? p->names->targets : none)))
		return false;
	return text && pt_node_read_text(text, &a->text, p->problems);
}

static bool parse_do_log(const Parser *p, const PtNode *node, PtAction *a) {
	a->text = g_strdup(text_of(p, node));
	return a->text != NULL;
}

/* ADD AN ACTION: a row here, a PtActionKind; who carries out decisions gets it as it stands. */
static const struct {
	const char *key;
	PtActionKind kind;
	bool (*parse)(const Parser *p, const PtNode *node, PtAction *action);
} action_table[] = {
    {"relay", PT_DO_RELAY, parse_do_relay},
    {"record", PT_DO_RECORD, parse_do_record},
    {"notify", PT_DO_NOTIFY, parse_do_notify},
    {"log", PT_DO_LOG, parse_do_log},
};

static void parse_action(const Parser *p, const PtNode *node, PtRule *rule) {
	const char *known[G_N_ELEMENTS(action_table) + 1] = {NULL};
	for (size_t i = 0; i < G_N_ELEMENTS(action_table); i++)
		known[i] = action_table[i].key;
	if (!pt_node_check_keys(node, known, p->problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++)
		for (size_t k = 0; k < G_N_ELEMENTS(action_table); k++) {
			if (strcmp(action_table[k].key, pt_node_at(node, i)->key))
				continue;
			PtAction *a = g_new0(PtAction, 1);
			a->kind = action_table[k].kind;
			if (action_table[k].parse(p, pt_node_at(node, i), a))
				g_ptr_array_add(rule->actions, a);
			else
				action_free(a);
		}
}

static void parse_do(const Parser *p, const PtNode *node, PtRule *rule) {
	if (node->kind != PT_NODE_LIST) {
		parse_action(p, node, rule);
		return;
	}
	for (unsigned i = 0; i < pt_node_count(node); i++)
		parse_action(p, pt_node_at(node, i), rule);
}

/* ---- rules ---- */

static void rule_free(void *data) {
	PtRule *r = data;
	g_free(r->name);
	g_ptr_array_unref(r->when);
	g_ptr_array_unref(r->actions);
	cond_free(r->cond);
	g_free(r);
}

void pt_rules_free(PtRules *rules) {
	if (!rules)
		return;
	g_ptr_array_unref(rules->list);
	g_free(rules);
}

/* ignore, notify, record, or a list of the latter two. What switches is not among the words. */
static void parse_late(const Parser *p, const PtNode *node, PtRule *rule) {
	static const char *const words[] = {"ignore", "notify", "record", NULL};
	static const unsigned bits[] = {0, 1 << PT_DO_NOTIFY, 1 << PT_DO_RECORD};
	bool list = node && node->kind == PT_NODE_LIST;
	for (unsigned i = 0; i < (list ? pt_node_count(node) : node ? 1 : 0); i++) {
		int word;
		if (!pt_node_read_choice(list ? pt_node_at(node, i) : node, words, &word, p->problems))
			return;
		rule->late |= bits[word];
	}
	for (int i = 1; words[i]; i++) {
		bool has = !(rule->late & bits[i]);
		for (guint k = 0; k < rule->actions->len; k++)
			has |= 1u << ((const PtAction *)rule->actions->pdata[k])->kind == bits[i];
		if (!has)
			pt_problem(p->problems, node, "%s: what the rule does holds no %s", words[i], words[i]);
	}
}

static PtRule *parse_rule(const Parser *p, const PtNode *node) {
	static const char *const known[] = {"when", "if", "do", "cooldown", "late", NULL};
	PtRule *rule = g_new0(PtRule, 1);
	rule->name = g_strdup(node->key);
	rule->line = node->line;
	rule->when = g_ptr_array_new_with_free_func(trigger_free);
	rule->actions = g_ptr_array_new_with_free_func(action_free);
	if (!pt_node_check_keys(node, known, p->problems))
		return rule;
	const PtNode *when = pt_node_get(node, "when"), *what = pt_node_get(node, "do"), *cond = pt_node_get(node, "if");
	if (!when)
		pt_problem(p->problems, node, "has no when: say what starts it, such as 'when: door active'");
	else
		parse_when(p, when, rule);
	if (!what || (what->kind == PT_NODE_LIST && !pt_node_count(what)))
		pt_problem(p->problems, node, "has no do: say what it does, such as 'do: [{ log: text }]'");
	else
		parse_do(p, what, rule);
	if (cond)
		rule->cond = parse_cond(p, cond);
	pt_node_read_duration(pt_node_get(node, "cooldown"), 0, COOLDOWN_MAX, &rule->cooldown_ns, p->problems);
	parse_late(p, pt_node_get(node, "late"), rule);
	return rule;
}

PtRules *pt_rules_parse(const PtNode *node, const PtRuleNames *names, GPtrArray *problems) {
	PtRules *rules = g_new0(PtRules, 1);
	Parser p = {names, problems};
	rules->list = g_ptr_array_new_with_free_func(rule_free);
	if (pt_node_is_empty(node) || !pt_node_is_kind(node, PT_NODE_MAP, problems))
		return rules;
	if (pt_node_count(node) > RULES_MAX)
		pt_problem(problems, node, "more than %d rules", RULES_MAX);
	for (unsigned i = 0; i < pt_node_count(node) && i < RULES_MAX; i++) {
		guint before = problems->len;
		PtRule *rule = parse_rule(&p, pt_node_at(node, i));
		if (problems->len == before)
			g_ptr_array_add(rules->list, rule);
		else
			rule_free(rule);
	}
	return rules;
}
