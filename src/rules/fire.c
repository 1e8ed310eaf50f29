/* Whether a rule whose time has come fires, and the course of what it does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/eval-internal.h"

static void decision_free(void *data) {
	PtDecision *d = data;
	g_free(d->cause);
	g_free(d->reason);
	g_free(d);
}

static void explain_free(void *data) {
	g_free(((PtExplain *)data)->why);
	g_free(data);
}

GPtrArray *pt_decisions_new(void) { return g_ptr_array_new_with_free_func(decision_free); }
GPtrArray *pt_explains_new(void) { return g_ptr_array_new_with_free_func(explain_free); }

void pt_rules_explain(const Run *run, const PtRule *rule, bool fired, const char *format, ...) {
	if (!run->explain)
		return;
	va_list args;
	va_start(args, format);
	PtExplain *e = g_new0(PtExplain, 1);
	*e = (PtExplain){rule, fired, g_strdup_vprintf(format, args)};
	va_end(args);
	g_ptr_array_add(run->explain, e);
}

static PtDecision *decide(const Run *run, PtDecisionKind kind, const PtRule *rule, const char *cause) {
	PtDecision *d = g_new0(PtDecision, 1);
	*d = (PtDecision){.kind = kind, .rule = rule, .cause = g_strdup(cause)};
	g_ptr_array_add(run->decisions, d);
	return d;
}

/* Rules that start one another without end are stopped and named: by the length of the chain, and by how often one fires. */
static bool guard(const Run *run, const PtRule *rule, Rate *rate, const char *cause) {
	g_autofree char *reason = NULL;
	if (run->cause && run->cause->depth >= PT_RULES_DEPTH_MAX)
		reason = g_strdup_printf("stopped: rules start one another in a circle (%s -> %s)", run->cause->chain,
		                         rule->name);
	if (!rate->fired || run->now->mono_ns - rate->window_ns > PT_RULES_RATE_NS)
		*rate = (Rate){.window_ns = run->now->mono_ns};
	if (++rate->fired > PT_RULES_RATE_MAX && !reason)
		reason = g_strdup_printf("stopped: rule %s fired %d times within 10s", rule->name, PT_RULES_RATE_MAX);
	if (!reason)
		return true;
	pt_rules_explain(run, rule, false, "%s", reason);
	if (!rate->stopped) /* said once per window, not once per turn of the circle */
		decide(run, PT_STOPPED, rule, cause)->reason = g_steal_pointer(&reason);
	rate->stopped = true;
	return false;
}

/* What it orders may start rules in turn. */
static void note_order(const Run *run, const PtRule *rule, const PtAction *action) {
	Key key;
	switch (action->kind) {
	case PT_DO_RELAY:
		key = (Key){PT_SUBJECT_RELAY, action->target};
		break;
	case PT_DO_MODE:
		key = (Key){PT_SUBJECT_MODE, NULL};
		break;
	case PT_DO_ALARM:
		key = (Key){PT_SUBJECT_ALARM, rule->name};
		break;
	default:
		return;
	}
	Cause *c = g_new0(Cause, 1);
	c->at_ns = run->now->mono_ns;
	c->depth = run->cause ? run->cause->depth + 1 : 1;
	c->chain = run->cause ? g_strconcat(run->cause->chain, " -> ", rule->name, NULL) : g_strdup(rule->name);
	Key *owned = g_new0(Key, 1);
	*owned = (Key){key.kind, g_strdup(key.name)};
	g_hash_table_replace(run->s->causes, owned, c);
}

/* ---- the course of actions ---- */

static void end_course(Course *c) {
	c->due = PT_NEVER;
	g_clear_pointer(&c->cause, g_free);
}

/* Does what comes up to the next wait. */
static void go_on(const Run *run, guint i, bool first) {
	const PtRule *rule = rule_at(run->s->rules, i);
	Course *c = &run->s->of[i].course;
	while (c->at < rule->actions->len) {
		const PtAction *action = rule->actions->pdata[c->at++];
		if (action->kind == PT_DO_WAIT) {
			c->due = run->now->mono_ns + action->for_ns;
			return;
		}
		note_order(run, rule, action);
		PtDecision *d = decide(run, PT_DECIDED, rule, c->cause);
		d->action = action;
		d->first = first;
	}
	if (c->round < rule->repeats) {
		c->round++;
		c->at = 0;
		c->due = run->now->mono_ns + rule->repeat_ns;
		return;
	}
	end_course(c);
}

void pt_rules_proceed(const Run *run, guint rule) { go_on(run, rule, false); }

void pt_rules_cancel(const Run *run, guint i, const char *cause) {
	const PtRule *rule = rule_at(run->s->rules, i);
	Course *c = &run->s->of[i].course;
	if (c->due == PT_NEVER)
		return;
	PtDecision *d = decide(run, PT_CANCELLED, rule, c->cause);
	d->reason = g_strdup_printf("cancelled: %s", cause);
	pt_rules_explain(run, rule, false, "%s", d->reason);
	end_course(c);
}

void pt_rules_fire(const Run *run, guint i, const char *cause) {
	const PtRule *rule = rule_at(run->s->rules, i);
	RuleState *rs = &run->s->of[i];
	g_autoptr(GString) why = g_string_new(NULL);
	if (rs->ever_fired && rule->cooldown_ns && run->now->mono_ns - rs->last_fired_ns < rule->cooldown_ns) {
		pt_rules_explain(run, rule, false, "%s, but it fired %.1f s ago and rests", cause,
		                 (double)(run->now->mono_ns - rs->last_fired_ns) / 1e9);
		return;
	}
	if (rs->course.due != PT_NEVER && !rule->restart) {
		pt_rules_explain(run, rule, false, "%s, but it is still at what it began at %s", cause, rs->course.cause);
		return;
	}
	if (rule->cond && !pt_rules_cond(run->s, rule->cond, run->now, run->explain ? why : NULL)) {
		pt_rules_explain(run, rule, false, "%s, but: %s", cause, why->str);
		return;
	}
	if (!guard(run, rule, &rs->rate, cause))
		return;
	rs->ever_fired = true;
	rs->last_fired_ns = run->now->mono_ns;
	pt_rules_explain(run, rule, true, "%s%s%s", cause, why->len ? "; " : "", why->str);
	decide(run, PT_FIRED, rule, cause);
	end_course(&rs->course);
	rs->course = (Course){.due = PT_NEVER, .cause = g_strdup(cause)};
	go_on(run, i, true);
}

/* Times of day count as they were then. Nothing is switched, whatever the rule says. */
void pt_rules_fire_late(const Run *run, guint i, const PtRulesEvent *event, const char *cause) {
	const PtRule *rule = rule_at(run->s->rules, i);
	RuleState *rs = &run->s->of[i];
	g_autoptr(GString) why = g_string_new(NULL);
	PtRulesNow then = *run->now;
	then.wall_ns = event->wall_ns;
	if (!rule->late) {
		pt_rules_explain(run, rule, false, "%s, but it was reported too late", cause);
		return;
	}
	if (rs->last_late_ns && ABS(event->wall_ns - rs->last_late_ns) < rule->cooldown_ns) {
		pt_rules_explain(run, rule, false, "%s, told late, but it fired for another of that time and rests", cause);
		return;
	}
	if (rule->cond && !pt_rules_cond(run->s, rule->cond, &then, run->explain ? why : NULL)) {
		pt_rules_explain(run, rule, false, "%s, told late, but: %s", cause, why->str);
		return;
	}
	if (!guard(run, rule, &rs->late, cause))
		return;
	rs->last_late_ns = event->wall_ns;
	pt_rules_explain(run, rule, true, "%s, told late%s%s", cause, why->len ? "; " : "", why->str);
	g_autofree char *told = g_strconcat(cause, ", told late", NULL);
	decide(run, PT_FIRED, rule, told);
	for (guint k = 0; k < rule->actions->len; k++) {
		const PtAction *action = rule->actions->pdata[k];
		if (action->kind != PT_DO_LOG && !(rule->late >> action->kind & 1))
			continue;
		PtDecision *d = decide(run, PT_DECIDED, rule, told);
		d->action = action;
		d->first = true;
	}
}
