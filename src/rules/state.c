/* What the evaluator remembers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/eval-internal.h"
#include <string.h>

static guint key_hash(const void *data) {
	const Key *k = data;
	return (guint)k->kind * 2654435761u ^ (k->name ? g_str_hash(k->name) : 0);
}

static gboolean key_equal(const void *a, const void *b) {
	const Key *x = a, *y = b;
	return x->kind == y->kind && !g_strcmp0(x->name, y->name);
}

static Key *key_new(PtSubjectKind kind, const char *name) {
	Key *k = g_new0(Key, 1);
	*k = (Key){kind, g_strdup(name)};
	return k;
}

static void key_free(void *data) {
	Key *k = data;
	g_free((char *)k->name);
	g_free(k);
}

static void known_free(void *data) {
	Known *k = data;
	g_free((char *)k->key.name);
	g_free(k->state);
	g_free(k);
}

static void cause_free(void *data) {
	g_free(((Cause *)data)->chain);
	g_free(data);
}

static void array_free(void *data) { g_array_unref(data); }

/* Of an event the topic is what it is found by. */
static const char *name_of(const PtSubject *subject) {
	return subject->kind == PT_SUBJECT_EVENT ? subject->topic : subject->name;
}

static void add_ref(PtRulesState *s, const PtSubject *subject, Ref ref) {
	Key key = {subject->kind, name_of(subject)};
	GArray *list = g_hash_table_lookup(s->refs, &key);
	if (!list) {
		list = g_array_new(FALSE, FALSE, sizeof(Ref));
		g_hash_table_insert(s->refs, key_new(key.kind, key.name), list);
	}
	g_array_append_val(list, ref);
}

static void add_rule(PtRulesState *s, guint i) {
	const PtRule *rule = rule_at(s->rules, i);
	RuleState *rs = &s->of[i];
	rs->when = g_new0(TriggerState, MAX(1, rule->when->len));
	rs->course.due = PT_NEVER;
	for (guint k = 0; k < rule->cancel->len; k++) {
		const PtTrigger *t = rule->cancel->pdata[k];
		add_ref(s, &t->subject, (Ref){i, k, true});
	}
	for (guint k = 0; k < rule->when->len; k++) {
		const PtTrigger *t = trigger_at(rule, k);
		rs->when[k].due = PT_NEVER;
		if (t->kind == PT_WHEN_TIME)
			s->timed = true;
		else
			add_ref(s, &t->subject, (Ref){i, k, false});
		if (t->times > 1)
			rs->when[k].edges = g_new0(int64_t, t->times);
	}
}

PtRulesState *pt_rules_state_new(const PtRules *rules) {
	PtRulesState *s = g_new0(PtRulesState, 1);
	s->rules = rules;
	s->known = g_hash_table_new_full(key_hash, key_equal, NULL, known_free);
	s->causes = g_hash_table_new_full(key_hash, key_equal, key_free, cause_free);
	s->refs = g_hash_table_new_full(key_hash, key_equal, key_free, array_free);
	s->of = g_new0(RuleState, MAX(1, rules->list->len));
	for (guint i = 0; i < rules->list->len; i++)
		add_rule(s, i);
	return s;
}

void pt_rules_state_free(PtRulesState *s) {
	if (!s)
		return;
	for (guint i = 0; i < s->rules->list->len; i++) {
		for (guint k = 0; k < rule_at(s->rules, i)->when->len; k++)
			g_free(s->of[i].when[k].edges);
		g_free(s->of[i].when);
		g_free(s->of[i].course.cause);
	}
	g_free(s->of);
	g_hash_table_unref(s->known);
	g_hash_table_unref(s->causes);
	g_hash_table_unref(s->refs);
	g_free(s);
}

PtRulesState *pt_rules_state_move(PtRulesState *old, const PtRules *rules) {
	PtRulesState *s = pt_rules_state_new(rules);
	g_hash_table_unref(s->known);
	s->known = g_hash_table_ref(old->known);
	pt_rules_state_free(old);
	return s;
}

static const Known *known_of(const PtRulesState *s, PtSubjectKind kind, const char *name) {
	Key key = {kind, name};
	return g_hash_table_lookup(s->known, &key);
}

const char *pt_rules_state_of(const PtRulesState *s, PtSubjectKind kind, const char *name) {
	const Known *known = known_of(s, kind, name);
	return known ? known->state : NULL;
}

bool pt_rules_learn(PtRulesState *s, const PtRulesEvent *event) {
	if (event->kind == PT_SUBJECT_START || event->kind == PT_SUBJECT_EVENT)
		return true;
	const Known *before = known_of(s, event->kind, event->name);
	if (before && !strcmp(before->state, event->state))
		return false;
	Known *known = g_new0(Known, 1);
	known->key = (Key){event->kind, g_strdup(event->name)};
	known->state = g_strdup(event->state);
	g_hash_table_replace(s->known, &known->key, known);
	return true;
}

const GArray *pt_rules_refs(const PtRulesState *s, PtSubjectKind kind, const char *name) {
	Key key = {kind, name};
	return g_hash_table_lookup(s->refs, &key);
}
