/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/eval.h"
#include "rules/eval-internal.h"
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define LOOK_NS (60 * NS_PER_S) /* at the wall clock, which may be set */

static char *cause_text(const PtTrigger *t) {
	if (t->kind == PT_WHEN_TIME)
		return g_strdup_printf("it is %s", t->text);
	g_autofree char *subject = pt_subject_text(&t->subject);
	if (t->kind == PT_WHEN_SILENT)
		return g_strdup_printf("nothing was heard of %s for %.3g s", subject, (double)t->held_ns / 1e9);
	if (t->times > 1)
		return g_strdup_printf("%s %u times within %.3g s", subject, t->times, (double)t->within_ns / 1e9);
	if (t->held_ns)
		return g_strdup_printf("%s for %.3g s", subject, (double)t->held_ns / 1e9);
	return g_steal_pointer(&subject);
}

/* ---- events ---- */

static bool is_of(const PtSubject *subject, const PtRulesEvent *event) {
	return subject->kind != PT_SUBJECT_EVENT || !subject->name || !g_strcmp0(subject->name, event->source);
}

static bool has_state(const PtSubject *subject, const PtRulesEvent *event) {
	return !subject->state || !strcmp(subject->state, event->state);
}

/* One more edge; true when it completes the number within the span, which then begins anew. */
static bool count_edge(TriggerState *ts, const PtTrigger *t, int64_t now_ns) {
	ts->edges[ts->n++ % t->times] = now_ns;
	if (ts->n < t->times || now_ns - ts->edges[ts->n % t->times] > t->within_ns)
		return false;
	ts->n = 0;
	return true;
}

/* True when the rule has fired, or has said why it does not. */
static bool heed(const Run *run, guint i, guint k, const PtRulesEvent *event, bool changed) {
	const PtTrigger *t = trigger_at(rule_at(run->s->rules, i), k);
	TriggerState *ts = &run->s->of[i].when[k];
	if (t->kind == PT_WHEN_SILENT) {
		if (!event->past)
			ts->due = run->now->mono_ns + t->held_ns;
		return false;
	}
	if (t->held_ns) { /* a door found open at the start and left so is worth its alarm: the span is ours */
		bool holds = has_state(&t->subject, event);
		if (event->past || holds == ts->holds)
			return false;
		ts->holds = holds;
		ts->due = holds ? run->now->mono_ns + t->held_ns : PT_NEVER;
		return false;
	}
	if (!has_state(&t->subject, event) || !changed)
		return false;
	g_autofree char *cause = cause_text(t);
	if (event->initial) {
		pt_rules_explain(run, rule_at(run->s->rules, i), false, "%s, but it was found so, and did not become so",
		                 cause);
		return false;
	}
	if (t->times > 1 && (event->late || !count_edge(ts, t, run->now->mono_ns)))
		return false;
	if (event->late)
		pt_rules_fire_late(run, i, event, cause);
	else
		pt_rules_fire(run, i, cause);
	return true;
}

static void on_cancel(const Run *run, const Ref *ref, const PtRulesEvent *event) {
	const PtTrigger *t = rule_at(run->s->rules, ref->rule)->cancel->pdata[ref->trigger];
	if (event->past || !is_of(&t->subject, event) || !has_state(&t->subject, event))
		return;
	g_autofree char *cause = cause_text(t);
	pt_rules_cancel(run, ref->rule, cause);
}

/* The one that comes first of two; taken off. */
static const Ref *next_ref(const GArray *a, guint *at_a, const GArray *b, guint *at_b) {
	const Ref *x = a && *at_a < a->len ? &g_array_index(a, Ref, *at_a) : NULL;
	const Ref *y = b && *at_b < b->len ? &g_array_index(b, Ref, *at_b) : NULL;
	if (x && (!y || x->rule < y->rule || (x->rule == y->rule && x->cancels >= y->cancels))) {
		++*at_a;
		return x;
	}
	*at_b += y != NULL;
	return y;
}

/* All that speaks of it, in the order of the rules; a rule starts once for one event. */
static void on_event(const Run *run, const PtRulesEvent *event, bool changed) {
	const GArray *own = event->kind == PT_SUBJECT_EVENT ? NULL : pt_rules_refs(run->s, event->kind, event->name);
	const GArray *topic = event->topic ? pt_rules_refs(run->s, PT_SUBJECT_EVENT, event->topic) : NULL;
	guint at_own = 0, at_topic = 0, fired = G_MAXUINT;
	const Ref *ref;
	while ((ref = next_ref(own, &at_own, topic, &at_topic))) {
		if (ref->cancels) {
			on_cancel(run, ref, event);
			continue;
		}
		const PtSubject *subject = &trigger_at(rule_at(run->s->rules, ref->rule), ref->trigger)->subject;
		bool is_event = subject->kind == PT_SUBJECT_EVENT;
		if (ref->rule == fired || !is_of(subject, event))
			continue;
		if (heed(run, ref->rule, ref->trigger, event, is_event || changed))
			fired = ref->rule;
	}
}

/* ---- time ---- */

/* Silences count from the first look on, and times of day are not made up for. */
static void begin(const Run *run) {
	PtRulesState *s = run->s;
	s->begun = true;
	s->checked_mono_ns = run->now->mono_ns;
	s->checked_local_s = pt_local_s(run->now);
	s->checked_utc_s = s->checked_local_s - run->now->utc_offset_s;
	for (guint i = 0; i < s->rules->list->len; i++)
		for (guint k = 0; k < rule_at(s->rules, i)->when->len; k++) {
			const PtTrigger *t = trigger_at(rule_at(s->rules, i), k);
			if (t->kind == PT_WHEN_SILENT && s->of[i].when[k].due == PT_NEVER)
				s->of[i].when[k].due = run->now->mono_ns + t->held_ns;
		}
}

/* Times of day that have come since the last look. What is skipped in spring is made up for at once, what comes twice in
 * autumn comes once; a clock that is set by more than PT_SCHEDULE_SPAN_S brings nothing about. */
static void on_schedules(const Run *run) {
	PtRulesState *s = run->s;
	int64_t local = pt_local_s(run->now), utc = local - run->now->utc_offset_s;
	int64_t passed = (run->now->mono_ns - s->checked_mono_ns) / NS_PER_S; /* by the clock that is never set */
	if (ABS(local - s->checked_local_s) > PT_SCHEDULE_SPAN_S)
		s->checked_local_s = local - passed;
	if (ABS(utc - s->checked_utc_s) > PT_SCHEDULE_SPAN_S)
		s->checked_utc_s = utc - passed;
	int64_t next = INT64_MAX;
	for (guint i = 0; i < s->rules->list->len; i++)
		for (guint k = 0; k < rule_at(s->rules, i)->when->len; k++) {
			const PtTrigger *t = trigger_at(rule_at(s->rules, i), k);
			if (t->kind != PT_WHEN_TIME)
				continue;
			int64_t from = pt_schedule_is_hourly(&t->schedule) ? s->checked_utc_s + run->now->utc_offset_s
			                                                   : s->checked_local_s;
			if (pt_schedule_latest(&t->schedule, from, local, run->now) != PT_SCHEDULE_NEVER) {
				g_autofree char *cause = cause_text(t);
				pt_rules_fire(run, i, cause);
			}
			int64_t soon = pt_schedule_soonest(&t->schedule, local, LOOK_NS / NS_PER_S, run->now);
			if (soon != PT_SCHEDULE_NEVER)
				next = MIN(next, soon);
		}
	s->checked_mono_ns = run->now->mono_ns;
	s->checked_local_s = MAX(s->checked_local_s, local);
	s->checked_utc_s = MAX(s->checked_utc_s, utc);
	int64_t ahead = next == INT64_MAX ? LOOK_NS : (next - run->now->utc_offset_s) * NS_PER_S - run->now->wall_ns;
	s->times_due = run->now->mono_ns + CLAMP(ahead, NS_PER_S / 1000, LOOK_NS);
}

static void on_time(const Run *run) {
	PtRulesState *s = run->s;
	int64_t now = run->now->mono_ns;
	if (!s->begun)
		begin(run);
	if (s->timed && now >= s->times_due)
		on_schedules(run);
	for (guint i = 0; i < s->rules->list->len; i++) {
		if (s->of[i].course.due != PT_NEVER && s->of[i].course.due <= now)
			pt_rules_proceed(run, i);
		for (guint k = 0; k < rule_at(s->rules, i)->when->len; k++) {
			int64_t *due = &s->of[i].when[k].due;
			if (*due == PT_NEVER || *due > now)
				continue;
			g_autofree char *cause = cause_text(trigger_at(rule_at(s->rules, i), k));
			*due = PT_NEVER;
			pt_rules_fire(run, i, cause);
		}
	}
}

void pt_rules_eval(PtRulesState *s, const PtRulesEvent *event, const PtRulesNow *now, GPtrArray *decisions,
                   GPtrArray *explains) {
	Run run = {s, now, NULL, decisions, explains};
	on_time(&run); /* what came due before this event comes before it */
	if (!event)
		return;
	bool changed = event->past || pt_rules_learn(s, event);
	g_autofree char *chain = NULL;
	Cause cause;
	Key key = {event->kind, event->name};
	const Cause *known = g_hash_table_lookup(s->causes, &key);
	if (known && !event->late && now->mono_ns - known->at_ns <= PT_RULES_CHAIN_NS) {
		cause = *known; /* a copy: firing replaces the entry */
		cause.chain = chain = g_strdup(known->chain);
		run.cause = &cause;
	}
	on_event(&run, event, changed);
}

static int64_t earlier(int64_t a, int64_t b) { return b == PT_NEVER || (a != PT_NEVER && a < b) ? a : b; }

int64_t pt_rules_due(const PtRulesState *s) {
	int64_t due = s->timed ? s->times_due : PT_NEVER;
	for (guint i = 0; i < s->rules->list->len; i++) {
		due = earlier(due, s->of[i].course.due);
		for (guint k = 0; k < rule_at(s->rules, i)->when->len; k++) {
			due = earlier(due, s->of[i].when[k].due);
			if (!s->begun && trigger_at(rule_at(s->rules, i), k)->kind == PT_WHEN_SILENT)
				return 0;
		}
	}
	return due;
}
