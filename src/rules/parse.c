/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "rules/parse-internal.h"
#include <string.h>

#define RULES_MAX 1000
#define REPEATS_MAX 1000

bool pt_parse_dangling(const Parser *p, const PtNode *node, const char *what, const char *name, const char *const *list) {
	static const char *const none[] = {NULL};
	if (!list)
		list = none;
	if (g_strv_contains(list, name))
		return false;
	g_autofree char *meant = pt_suggest_text(name, list);
	pt_problem(p->problems, node, "there is no %s named '%.60s'%s", what, name, meant);
	return true;
}

const char *pt_parse_text(const Parser *p, const PtNode *node) {
	if (!pt_node_is_kind(node, PT_NODE_SCALAR, p->problems))
		return NULL;
	if (pt_node_is_empty(node) || strlen(node->text) > 1000) {
		pt_problem(p->problems, node, "must have 1 to 1000 bytes of text");
		return NULL;
	}
	return node->text;
}

bool pt_parse_span(const Parser *p, const PtNode *node, const char *key, const char *word, int64_t min, int64_t max,
                   int64_t *ret) {
	g_autoptr(PtNode) span = pt_node_new(PT_NODE_SCALAR, word, node->line, node->column);
	span->parent = (PtNode *)node; /* for the place in a problem alone */
	span->key = g_strdup(key);
	bool ok = pt_node_read_duration(span, min, max, ret, p->problems);
	span->parent = NULL;
	return ok;
}

static void rule_free(void *data) {
	PtRule *r = data;
	g_free(r->name);
	g_ptr_array_unref(r->when);
	g_ptr_array_unref(r->actions);
	g_ptr_array_unref(r->cancel);
	pt_cond_free(r->cond);
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

/* { every: 5min, times: 6 } */
static void parse_repeat(const Parser *p, const PtNode *node, PtRule *rule) {
	static const char *const known[] = {"every", "times", NULL};
	int64_t times = 0;
	if (!node || !pt_node_check_keys(node, known, p->problems))
		return;
	if (!pt_node_get(node, "every") || !pt_node_get(node, "times"))
		pt_problem(p->problems, node, "needs both: write { every: 5min, times: 6 }");
	pt_node_read_duration(pt_node_get(node, "every"), PT_NS_PER_S, PT_RULE_SPAN_MAX, &rule->repeat_ns, p->problems);
	if (pt_node_read_integer(pt_node_get(node, "times"), 1, REPEATS_MAX, &times, p->problems))
		rule->repeats = (unsigned)times;
}

static bool waits(const PtRule *rule) {
	bool any = rule->repeat_ns > 0;
	for (guint i = 0; i < rule->actions->len; i++)
		any |= ((const PtAction *)rule->actions->pdata[i])->kind == PT_DO_WAIT;
	return any;
}

/* What is about a rule whose actions take their time. */
static void parse_course(const Parser *p, const PtNode *node, PtRule *rule) {
	static const char *const words[] = {"ignore", "restart", NULL};
	const PtNode *cancel = pt_node_get(node, "cancel"), *running = pt_node_get(node, "running");
	int word = 0;
	parse_repeat(p, pt_node_get(node, "repeat"), rule);
	if (cancel)
		pt_parse_triggers(p, cancel, rule->name, rule->cancel);
	if (pt_node_read_choice(running, words, &word, p->problems))
		rule->restart = word == 1;
	const PtNode *idle = cancel ? cancel : running;
	if (idle && !waits(rule))
		pt_problem(p->problems, idle,
		           "means nothing here: the rule holds no wait and no repeat, and is over at once");
}

static PtRule *parse_rule(const Parser *p, const PtNode *node) {
	static const char *const known[] = {"when", "if", "do", "cooldown", "late", "repeat", "cancel", "running", NULL};
	PtRule *rule = g_new0(PtRule, 1);
	rule->name = g_strdup(node->key);
	rule->line = node->line;
	rule->when = g_ptr_array_new_with_free_func(pt_trigger_free);
	rule->cancel = g_ptr_array_new_with_free_func(pt_trigger_free);
	rule->actions = g_ptr_array_new_with_free_func(pt_action_free);
	if (!pt_node_check_keys(node, known, p->problems))
		return rule;
	const PtNode *when = pt_node_get(node, "when"), *what = pt_node_get(node, "do"), *cond = pt_node_get(node, "if");
	if (!when)
		pt_problem(p->problems, node, "has no when: say what starts it, such as 'when: door active'");
	else
		pt_parse_triggers(p, when, NULL, rule->when);
	if (!what || (what->kind == PT_NODE_LIST && !pt_node_count(what)))
		pt_problem(p->problems, node, "has no do: say what it does, such as 'do: [{ log: text }]'");
	else
		pt_parse_do(p, what, rule);
	if (cond)
		rule->cond = pt_parse_cond(p, cond);
	pt_node_read_duration(pt_node_get(node, "cooldown"), 0, PT_RULE_SPAN_MAX, &rule->cooldown_ns, p->problems);
	parse_late(p, pt_node_get(node, "late"), rule);
	parse_course(p, node, rule);
	return rule;
}

PtRules *pt_rules_parse(const PtNode *node, const PtRuleNames *names, GPtrArray *problems) {
	PtRules *rules = g_new0(PtRules, 1);
	rules->list = g_ptr_array_new_with_free_func(rule_free);
	if (pt_node_is_empty(node) || !pt_node_is_kind(node, PT_NODE_MAP, problems))
		return rules;
	if (pt_node_count(node) > RULES_MAX)
		pt_problem(problems, node, "more than %d rules", RULES_MAX);
	g_autofree const char **of_rules = g_new0(const char *, pt_node_count(node) + 1);
	for (unsigned i = 0; i < pt_node_count(node); i++)
		of_rules[i] = pt_node_at(node, i)->key;
	Parser p = {names, of_rules, problems};
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
