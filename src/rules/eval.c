/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/eval.h"
#include "rules/sun.h"
#include <string.h>

#define DAY_S 86400

typedef struct {
	char *state;
	int64_t since_ns; /* monotonic */
} Known;

/* What a rule's orders to a relay brought about can start rules again: the chain is followed through the relays. */
typedef struct {
	int64_t at_ns; /* monotonic, of the order */
	int depth;
	char *chain; /* "a -> b" */
} Cause;

typedef struct {
	int64_t window_ns; /* its start */
	int fired;         /* within it */
	bool stopped;
} Rate;

typedef struct {
	int64_t *held_due; /* one per trigger; -1: not waiting */
	int64_t last_fired_ns;
	int64_t last_late_ns; /* wall time of the late event it fired on last; 0: none */
	Rate rate, late;      /* what was missed in a day must not use up what is left for now */
	bool ever_fired;
} RuleState;

struct PtRulesState {
	const PtRules *rules;
	RuleState *of;      /* one per rule */
	GHashTable *known;  /* as known_key() says -> Known */
	GHashTable *causes; /* relay name -> Cause */
};

static void known_free(void *data) {
	g_free(((Known *)data)->state);
	g_free(data);
}

static void cause_free(void *data) {
	g_free(((Cause *)data)->chain);
	g_free(data);
}

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

static const PtRule *rule_at(const PtRules *rules, guint i) { return rules->list->pdata[i]; }

static RuleState *rule_states_new(const PtRules *rules) {
	RuleState *of = g_new0(RuleState, MAX(1, rules->list->len));
	for (guint i = 0; i < rules->list->len; i++) {
		guint n = rule_at(rules, i)->when->len;
		of[i].held_due = g_new(int64_t, MAX(1, n));
		for (guint k = 0; k < n; k++)
			of[i].held_due[k] = -1;
	}
	return of;
}

static void rule_states_free(PtRulesState *s) {
	for (guint i = 0; i < s->rules->list->len; i++)
		g_free(s->of[i].held_due);
	g_free(s->of);
}

PtRulesState *pt_rules_state_new(const PtRules *rules) {
	PtRulesState *s = g_new0(PtRulesState, 1);
	s->rules = rules;
	s->of = rule_states_new(rules);
	s->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
	s->causes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cause_free);
	return s;
}

void pt_rules_state_free(PtRulesState *s) {
	if (!s)
		return;
	rule_states_free(s);
	g_hash_table_unref(s->known);
	g_hash_table_unref(s->causes);
	g_free(s);
}

PtRulesState *pt_rules_state_move(PtRulesState *old, const PtRules *rules) {
	PtRulesState *s = pt_rules_state_new(rules);
	g_hash_table_unref(s->known);
	s->known = g_hash_table_ref(old->known);
	pt_rules_state_free(old);
	return s;
}

static char *known_key(PtSubjectKind kind, const char *name) { return g_strdup_printf("%d/%s", kind, name ? name : ""); }

static const Known *known_of(const PtRulesState *s, PtSubjectKind kind, const char *name) {
	g_autofree char *key = known_key(kind, name);
	return g_hash_table_lookup(s->known, key);
}

const char *pt_rules_state_of(const PtRulesState *s, PtSubjectKind kind, const char *name) {
	const Known *known = known_of(s, kind, name);
	return known ? known->state : NULL;
}

/* ---- conditions ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Minutes since local midnight of a time of day on the local day. */
static double minutes_of(const PtDaytime *t, int64_t day, const PtRulesNow *now) {
	double rise = 0, set = 0;
	if (t->kind == PT_DAYTIME_CLOCK)
		return t->minutes;
	PtSunKind sun = pt_sun_times(day, now->latitude, now->longitude, now->utc_offset_s, &rise, &set);
	double at = t->kind == PT_DAYTIME_SUNRISE ? rise : set;
	return sun == PT_SUN_NORMAL ? at + t->minutes : at; /* without a sunset there is nothing to be early for */
}

static bool cond_between(const PtCond *c, const PtRulesNow *now, GString *why) {
	int64_t local_s = floor_div(now->wall_ns, 1000000000) + now->utc_offset_s, day = floor_div(local_s, DAY_S);
	double minute = (double)(local_s - day * DAY_S) / 60;
	double from = minutes_of(&c->from, day, now), to = minutes_of(&c->to, day, now);
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
	int64_t day = floor_div(floor_div(now->wall_ns, 1000000000) + now->utc_offset_s, DAY_S);
	unsigned weekday = (unsigned)(((day + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	bool holds = c->days >> weekday & 1;
	if (why)
		g_string_append_printf(why, "%s is %s of the days", names[weekday], holds ? "one" : "none");
	return holds;
}

static bool cond_state(const PtRulesState *s, const PtCond *c, GString *why) {
	const char *state = pt_rules_state_of(s, c->subject.kind, c->subject.name);
	/* what was never heard of is unknown, and nothing else */
	bool holds = !strcmp(state ? state : "unknown", c->subject.state);
	if (why)
		g_string_append_printf(why, "%s %s is %s", pt_subject_words[c->subject.kind], c->subject.name,
		                       state ? state : "unknown");
	return holds;
}

bool pt_rules_cond(const PtRulesState *s, const PtCond *c, const PtRulesNow *now, GString *why) {
	bool holds = true;
	switch (c->kind) {
	case PT_COND_BETWEEN:
		return cond_between(c, now, why);
	case PT_COND_DAYS:
		return cond_days(c, now, why);
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

/* ---- firing ---- */

typedef struct {
	PtRulesState *s;
	const PtRulesNow *now;
	const Cause *cause; /* the chain that led to this event, or NULL */
	GPtrArray *decisions, *explain;
} Run;

static void explain(const Run *run, const PtRule *rule, bool fired, const char *format, ...) G_GNUC_PRINTF(4, 5);
static void explain(const Run *run, const PtRule *rule, bool fired, const char *format, ...) {
	if (!run->explain)
		return;
	va_list args;
	va_start(args, format);
	PtExplain *e = g_new0(PtExplain, 1);
	*e = (PtExplain){rule, fired, g_strdup_vprintf(format, args)};
	va_end(args);
	g_ptr_array_add(run->explain, e);
}

static void decide(const Run *run, const PtRule *rule, const PtAction *action, const char *cause, const char *reason) {
	PtDecision *d = g_new0(PtDecision, 1);
	*d = (PtDecision){rule, action, g_strdup(cause), g_strdup(reason)};
	g_ptr_array_add(run->decisions, d);
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
	explain(run, rule, false, "%s", reason);
	if (!rate->stopped) /* said once per window, not once per turn of the circle */
		decide(run, rule, NULL, cause, reason);
	rate->stopped = true;
	return false;
}

static void note_order(const Run *run, const PtRule *rule, const char *relay) {
	Cause *c = g_new0(Cause, 1);
	c->at_ns = run->now->mono_ns;
	c->depth = run->cause ? run->cause->depth + 1 : 1;
	c->chain = run->cause ? g_strconcat(run->cause->chain, " -> ", rule->name, NULL) : g_strdup(rule->name);
	g_hash_table_replace(run->s->causes, g_strdup(relay), c);
}

static void fire(const Run *run, guint i, const char *cause) {
	const PtRule *rule = rule_at(run->s->rules, i);
	RuleState *rs = &run->s->of[i];
	g_autoptr(GString) why = g_string_new(NULL);
	if (rs->ever_fired && rule->cooldown_ns && run->now->mono_ns - rs->last_fired_ns < rule->cooldown_ns) {
		explain(run, rule, false, "%s, but it fired %.1f s ago and rests", cause,
		        (double)(run->now->mono_ns - rs->last_fired_ns) / 1e9);
		return;
	}
	if (rule->cond && !pt_rules_cond(run->s, rule->cond, run->now, run->explain ? why : NULL)) {
		explain(run, rule, false, "%s, but: %s", cause, why->str);
		return;
	}
	if (!guard(run, rule, &rs->rate, cause))
		return;
	rs->ever_fired = true;
	rs->last_fired_ns = run->now->mono_ns;
	explain(run, rule, true, "%s%s%s", cause, why->len ? "; " : "", why->str);
	for (guint k = 0; k < rule->actions->len; k++) {
		const PtAction *action = rule->actions->pdata[k];
		if (action->kind == PT_DO_RELAY)
			note_order(run, rule, action->target);
		decide(run, rule, action, cause, NULL);
	}
}

/* Told long after it happened: times of day count as they were then. Nothing is switched, whatever the rule says. */
static void fire_late(const Run *run, guint i, const PtRulesEvent *event, const char *cause) {
	const PtRule *rule = rule_at(run->s->rules, i);
	RuleState *rs = &run->s->of[i];
	g_autoptr(GString) why = g_string_new(NULL);
	PtRulesNow then = *run->now;
	then.wall_ns = event->wall_ns;
	if (!rule->late) {
		explain(run, rule, false, "%s, but it was reported too late", cause);
		return;
	}
	if (rs->last_late_ns && ABS(event->wall_ns - rs->last_late_ns) < rule->cooldown_ns) {
		explain(run, rule, false, "%s, told late, but it fired for another of that time and rests", cause);
		return;
	}
	if (rule->cond && !pt_rules_cond(run->s, rule->cond, &then, run->explain ? why : NULL)) {
		explain(run, rule, false, "%s, told late, but: %s", cause, why->str);
		return;
	}
	if (!guard(run, rule, &rs->late, cause))
		return;
	rs->last_late_ns = event->wall_ns;
	explain(run, rule, true, "%s, told late%s%s", cause, why->len ? "; " : "", why->str);
	g_autofree char *told = g_strconcat(cause, ", told late", NULL);
	for (guint k = 0; k < rule->actions->len; k++) {
		const PtAction *action = rule->actions->pdata[k];
		if (action->kind == PT_DO_LOG || (rule->late >> action->kind & 1))
			decide(run, rule, action, told, NULL);
	}
}

static char *cause_text(const PtSubject *subject, int64_t held_ns) {
	if (subject->kind == PT_SUBJECT_START)
		return g_strdup("start");
	if (held_ns)
		return g_strdup_printf("%s %s %s for %.3g s", pt_subject_words[subject->kind], subject->name, subject->state,
		                       (double)held_ns / 1e9);
	return g_strdup_printf("%s %s %s", pt_subject_words[subject->kind], subject->name, subject->state);
}

/* ---- events and time ---- */

static bool same_subject(const PtSubject *subject, const PtRulesEvent *event) {
	return subject->kind == event->kind && !g_strcmp0(subject->name, event->name);
}

/* A trigger that needs the state to last: starts, goes on, or ends its wait. */
static void wait_for(RuleState *rs, guint k, const PtTrigger *t, const PtRulesEvent *event, int64_t since_ns) {
	if (strcmp(t->subject.state, event->state))
		rs->held_due[k] = -1;
	else if (rs->held_due[k] < 0)
		rs->held_due[k] = since_ns + t->held_ns;
}

static void on_event(const Run *run, const PtRulesEvent *event, bool changed) {
	for (guint i = 0; i < run->s->rules->list->len; i++) {
		const PtRule *rule = rule_at(run->s->rules, i);
		bool fired = false;
		for (guint k = 0; k < rule->when->len; k++) {
			const PtTrigger *t = rule->when->pdata[k];
			if (!same_subject(&t->subject, event))
				continue;
			if (t->held_ns) { /* a door found open at the start and left so is worth its alarm: the span is ours
				           */
				if (changed && !event->past)
					wait_for(&run->s->of[i], k, t, event, run->now->mono_ns);
				continue;
			}
			if (strcmp(t->subject.state, event->state) || fired)
				continue;
			g_autofree char *cause = cause_text(&t->subject, 0);
			if (!changed)
				continue;
			if (event->initial) {
				explain(run, rule, false, "%s, but it was found so, and did not become so", cause);
				continue;
			}
			fired = true;
			if (event->late)
				fire_late(run, i, event, cause);
			else
				fire(run, i, cause);
		}
	}
}

static void on_time(const Run *run) {
	for (guint i = 0; i < run->s->rules->list->len; i++) {
		const PtRule *rule = rule_at(run->s->rules, i);
		for (guint k = 0; k < rule->when->len; k++) {
			int64_t *due = &run->s->of[i].held_due[k];
			if (*due < 0 || *due > run->now->mono_ns)
				continue;
			const PtTrigger *t = rule->when->pdata[k];
			g_autofree char *cause = cause_text(&t->subject, t->held_ns);
			*due = -1;
			fire(run, i, cause);
		}
	}
}

/* Remembers the new state; false when it was the same already. */
static bool learn(PtRulesState *s, const PtRulesEvent *event, int64_t now_ns) {
	if (event->kind == PT_SUBJECT_START)
		return true;
	const Known *before = known_of(s, event->kind, event->name);
	if (before && !strcmp(before->state, event->state))
		return false;
	Known *known = g_new0(Known, 1);
	known->state = g_strdup(event->state);
	known->since_ns = now_ns;
	g_hash_table_replace(s->known, known_key(event->kind, event->name), known);
	return true;
}

void pt_rules_eval(PtRulesState *s, const PtRulesEvent *event, const PtRulesNow *now, GPtrArray *decisions,
                   GPtrArray *explains) {
	Run run = {s, now, NULL, decisions, explains};
	on_time(&run); /* what came due before this event comes before it */
	if (!event)
		return;
	bool changed = event->past || learn(s, event, now->mono_ns);
	g_autofree char *chain = NULL;
	Cause cause;
	const Cause *known = event->kind == PT_SUBJECT_RELAY ? g_hash_table_lookup(s->causes, event->name) : NULL;
	if (known && !event->late && now->mono_ns - known->at_ns <= PT_RULES_CHAIN_NS) {
		cause = *known; /* a copy: firing replaces the entry */
		cause.chain = chain = g_strdup(known->chain);
		run.cause = &cause;
	}
	on_event(&run, event, changed);
}

int64_t pt_rules_due(const PtRulesState *s) {
	int64_t due = -1;
	for (guint i = 0; i < s->rules->list->len; i++)
		for (guint k = 0; k < rule_at(s->rules, i)->when->len; k++) {
			int64_t at = s->of[i].held_due[k];
			if (at >= 0 && (due < 0 || at < due))
				due = at;
		}
	return due;
}
