/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/simulate.h"
#include "rules/translate.h"
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

/* An order that ends by itself. */
typedef struct {
	char *relay;
	int64_t at_ns; /* monotonic */
} Off;

typedef struct {
	const PtSimulation *p;
	PtRulesState *state;
	PtRulesNow now;
	int64_t base_ns;  /* wall less monotonic */
	GArray *offs;     /* of Off */
	GHashTable *ours; /* relays that a rule of the log switched last: of char * */
	bool running;     /* false: it is only learnt how things stood */
} Run;

static void off_clear(void *off) { g_free(((Off *)off)->relay); }

static void go_to(Run *run, int64_t mono_ns) {
	run->now.mono_ns = mono_ns;
	run->now.wall_ns = run->base_ns + mono_ns;
	if (run->p->zone) {
		int interval = g_time_zone_find_interval(run->p->zone, G_TIME_TYPE_UNIVERSAL, run->now.wall_ns / NS_PER_S);
		run->now.utc_offset_s = interval < 0 ? 0 : g_time_zone_get_offset(run->p->zone, interval);
	}
}

static void eval(Run *run, const PtRulesEvent *event);

static void plan_off(Run *run, const char *relay, int64_t at_ns) {
	for (guint i = run->offs->len; i-- > 0;)
		if (!strcmp(g_array_index(run->offs, Off, i).relay, relay))
			g_array_remove_index(run->offs, i);
	if (at_ns) {
		Off off = {g_strdup(relay), at_ns};
		g_array_append_val(run->offs, off);
	}
}

static void follow(Run *run, const PtDecision *d) {
	const PtAction *a = d->action;
	PtRulesEvent back = {0};
	if (a->kind == PT_DO_RELAY) {
		back = (PtRulesEvent){
		    .kind = PT_SUBJECT_RELAY, .name = a->target, .state = a->order == PT_RULE_OFF ? "off" : "on"};
		/* how long a pulse is stands with the relay: a second does for rules */
		int64_t span = a->order == PT_RULE_PULSE ? NS_PER_S : a->for_ns;
		plan_off(run, a->target, a->order != PT_RULE_OFF && span ? run->now.mono_ns + span : 0);
	} else if (a->kind == PT_DO_MODE) {
		back = (PtRulesEvent){.kind = PT_SUBJECT_MODE, .state = a->target};
	} else if (a->kind == PT_DO_ALARM) {
		back = (PtRulesEvent){.kind = PT_SUBJECT_ALARM, .name = d->rule->name, .state = "raised"};
	}
	if (back.state)
		eval(run, &back);
}

static void eval(Run *run, const PtRulesEvent *event) {
	g_autoptr(GPtrArray) decisions = pt_decisions_new();
	g_autoptr(GPtrArray) explains = pt_explains_new();
	pt_rules_eval(run->state, event, &run->now, decisions, run->p->explained ? explains : NULL);
	for (guint i = 0; i < explains->len && run->running; i++)
		run->p->explained(run->p->user, run->now.wall_ns, explains->pdata[i]);
	for (guint i = 0; i < decisions->len && run->running; i++) {
		const PtDecision *d = decisions->pdata[i];
		if (run->p->decided)
			run->p->decided(run->p->user, run->now.wall_ns, d);
		if (d->action)
			follow(run, d);
	}
}

/* Lets time pass. */
static void pass(Run *run, int64_t mono_ns) {
	for (;;) {
		int64_t due = pt_rules_due(run->state);
		guint next = G_MAXUINT;
		for (guint i = 0; i < run->offs->len; i++)
			if (next == G_MAXUINT ||
			    g_array_index(run->offs, Off, i).at_ns < g_array_index(run->offs, Off, next).at_ns)
				next = i;
		int64_t off_at = next == G_MAXUINT ? INT64_MAX : g_array_index(run->offs, Off, next).at_ns;
		if (MIN(off_at, due < 0 ? INT64_MAX : due) > mono_ns)
			break;
		if (due >= 0 && due <= off_at) {
			go_to(run, MAX(due, run->now.mono_ns));
			eval(run, NULL);
			continue;
		}
		go_to(run, MAX(off_at, run->now.mono_ns));
		g_autofree char *relay = g_strdup(g_array_index(run->offs, Off, next).relay);
		g_array_remove_index(run->offs, next);
		eval(run, &(PtRulesEvent){.kind = PT_SUBJECT_RELAY, .name = relay, .state = "off"});
	}
	go_to(run, MAX(mono_ns, run->now.mono_ns));
}

/* Whether it was brought about by a rule of then, and is none of what happened to the site. What rules did before the span
 * is how things stood. */
static bool is_of_rules(Run *run, const PtEvent *event) {
	if (!strcmp(event->topic, PT_TOPIC_RULE) || !strcmp(event->topic, PT_TOPIC_SHOW))
		return true;
	if (!run->running)
		return false;
	bool by_rule = event->actor && g_str_has_prefix(event->actor, "rule/");
	if (strcmp(event->topic, PT_TOPIC_RELAY))
		return by_rule;
	if (by_rule)
		g_hash_table_add(run->ours, g_strdup(event->source));
	else if (!g_strcmp0(event->actor, "timer") && g_hash_table_contains(run->ours, event->source))
		return true;
	else
		g_hash_table_remove(run->ours, event->source);
	return by_rule;
}

static void take(Run *run, const PtEvent *event) {
	PtRulesEvent what;
	if (is_of_rules(run, event))
		return;
	pt_rules_translate(event, &what);
	pass(run, event->wall_ns - run->base_ns);
	what.initial |= !run->running;
	eval(run, &what);
}

void pt_rules_simulate(const PtSimulation *p, const GPtrArray *events) {
	guint i = 0;
	const PtEvent *first = events->len ? events->pdata[0] : NULL;
	Run run = {.p = p, .state = pt_rules_state_new(p->rules)};
	run.base_ns = first && first->wall_ns < p->from_ns ? first->wall_ns : p->from_ns;
	run.now = (PtRulesNow){.located = p->located, .latitude = p->latitude, .longitude = p->longitude};
	run.offs = g_array_new(FALSE, FALSE, sizeof(Off));
	g_array_set_clear_func(run.offs, off_clear);
	run.ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	go_to(&run, 0);
	for (; i < events->len && ((const PtEvent *)events->pdata[i])->wall_ns < p->from_ns; i++)
		take(&run, events->pdata[i]);
	pass(&run, p->from_ns - run.base_ns);
	run.running = true;
	for (; i < events->len && ((const PtEvent *)events->pdata[i])->wall_ns < p->to_ns; i++)
		take(&run, events->pdata[i]);
	pass(&run, p->to_ns - run.base_ns);
	if (p->ended)
		p->ended(p->user, run.state, &run.now);
	pt_rules_state_free(run.state);
	g_array_unref(run.offs);
	g_hash_table_unref(run.ours);
}
