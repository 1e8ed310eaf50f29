/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/engine.h"
#include "plugs/wake.h"
#include "rules/translate.h"
#include <string.h>

#define FOREIGN_MAX 4096 /* events of other threads that wait */

typedef struct {
	char *why;
	bool fired;
	int64_t wall_ns;
	uint64_t fired_count;
} Last;

struct PtRulesEngine {
	PtClock *clock;
	PtBus *bus;
	GMainContext *context;
	GThread *thread;
	PtActFn act;
	void *user;
	PtBusSubscription *own, *others;

	/* engine's thread */
	const PtRules *rules;
	PtRulesState *state;
	PtRulesPlace place;
	Last *last;     /* one per rule */
	GQueue waiting; /* of PtEvent *: published while the engine was acting */
	bool busy;
	GSource *wake;
};

static PtRulesNow now_of(const PtRulesEngine *e) {
	PtRulesNow now = {.mono_ns = pt_mono_ns(e->clock),
	                  .wall_ns = pt_wall_ns(e->clock),
	                  .located = e->place.located,
	                  .latitude = e->place.latitude,
	                  .longitude = e->place.longitude};
	if (e->place.zone) {
		int interval = g_time_zone_find_interval(e->place.zone, G_TIME_TYPE_UNIVERSAL, now.wall_ns / PT_NS_PER_S);
		now.utc_offset_s = interval < 0 ? 0 : g_time_zone_get_offset(e->place.zone, interval);
	}
	return now;
}

static void publish(PtRulesEngine *e, const PtRule *rule, const char *state, const char *detail) {
	g_autofree char *source = g_strconcat("rule/", rule->name, NULL);
	g_autoptr(PtEvent) event = pt_event_now(e->clock, source, PT_TOPIC_RULE, state, NULL, detail);
	pt_bus_publish(e->bus, event);
}

static void act(PtRulesEngine *e, const PtDecision *d, const PtEvent *event, const PtRulesNow *now) {
	if (d->kind == PT_FIRED) /* told once all is done */
		return;
	if (d->kind != PT_DECIDED) {
		publish(e, d->rule, d->kind == PT_STOPPED ? "stopped" : "cancelled", d->reason);
		return;
	}
	g_autofree char *actor = g_strconcat("rule/", d->rule->name, NULL);
	bool of_event = event && d->first;
	PtActContext context = {.actor = actor,
	                        .rule = d->rule,
	                        .cause = d->cause,
	                        .event = of_event ? event : NULL,
	                        .wall_ns = of_event ? event->wall_ns : now->wall_ns,
	                        .mono_ns = now->mono_ns};
	e->act(e->user, d->action, &context);
}

static void remember(PtRulesEngine *e, GPtrArray *explains, const PtRulesNow *now) {
	for (guint i = 0; i < explains->len; i++) {
		PtExplain *x = explains->pdata[i];
		guint index;
		if (!g_ptr_array_find(e->rules->list, x->rule, &index))
			continue;
		Last *last = &e->last[index];
		g_free(last->why);
		last->why = g_steal_pointer(&x->why);
		last->fired = x->fired;
		last->wall_ns = now->wall_ns;
		last->fired_count += x->fired;
	}
}

static void eval(PtRulesEngine *e, const PtRulesEvent *what, const PtEvent *event) {
	PtRulesNow now = now_of(e);
	g_autoptr(GPtrArray) decisions = pt_decisions_new();
	g_autoptr(GPtrArray) explains = pt_explains_new();
	pt_rules_eval(e->state, what, &now, decisions, explains);
	/* first what is done, relays before all that only tells of it */
	for (guint i = 0; i < decisions->len; i++)
		act(e, decisions->pdata[i], event, &now);
	for (guint i = 0; i < decisions->len; i++) {
		const PtDecision *d = decisions->pdata[i];
		if (d->kind == PT_FIRED)
			publish(e, d->rule, "fired", d->cause);
	}
	remember(e, explains, &now);
}

/* One event after the other: what actions bring about waits until the action is over, instead of nesting. */
static void work(PtRulesEngine *e) {
	if (e->busy)
		return;
	e->busy = true;
	PtEvent *event;
	while ((event = g_queue_pop_head(&e->waiting))) {
		if (e->state) {
			PtRulesEvent what;
			pt_rules_translate(event, &what);
			if (what.late) /* what has come due meanwhile is none of its doing, and is not told as late */
				eval(e, NULL, NULL);
			eval(e, &what, event);
		}
		pt_event_unref(event);
	}
	e->busy = false;
	pt_wake_set(e->wake, e->clock, e->state ? pt_rules_due(e->state) : -1);
}

static bool on_own_thread(PtRulesEngine *e) { return g_thread_self() == e->thread; }

/* On whatever thread publishes: acts at once when it is the engine's. */
static void on_direct(PtEvent *event, void *data) {
	PtRulesEngine *e = data;
	if (!pt_rules_is_prompt(event) || !on_own_thread(e))
		return;
	g_queue_push_tail(&e->waiting, pt_event_ref(event));
	work(e);
}

/* All else: it comes from the workers' threads too. */
static void on_queued(PtEvent *event, void *data) {
	PtRulesEngine *e = data;
	if (pt_rules_is_prompt(event))
		return;
	g_queue_push_tail(&e->waiting, pt_event_ref(event));
	work(e);
}

static void on_wake(void *data) { pt_rules_engine_tick(data); }

PtRulesEngine *pt_rules_engine_new(PtClock *clock, PtBus *bus, GMainContext *context, PtActFn act_fn, void *user) {
	PtRulesEngine *e = g_new0(PtRulesEngine, 1);
	e->clock = clock;
	e->bus = bus;
	e->context = g_main_context_ref(context ? context : g_main_context_default());
	e->thread = g_thread_self();
	e->act = act_fn;
	e->user = user;
	g_queue_init(&e->waiting);
	e->wake = pt_wake_new(e->context, on_wake, e);
	e->own = pt_bus_subscribe_direct(bus, NULL, on_direct, e);
	e->others = pt_bus_subscribe_queued(bus, NULL, e->context, G_PRIORITY_HIGH, FOREIGN_MAX, on_queued, e);
	return e;
}

static void free_last(PtRulesEngine *e) {
	for (guint i = 0; e->rules && i < e->rules->list->len; i++)
		g_free(e->last[i].why);
	g_free(e->last);
}

void pt_rules_engine_free(PtRulesEngine *e) {
	if (!e)
		return;
	pt_bus_unsubscribe(e->own);
	pt_bus_unsubscribe(e->others);
	pt_wake_free(e->wake);
	g_queue_clear_full(&e->waiting, (GDestroyNotify)pt_event_unref);
	pt_rules_state_free(e->state);
	free_last(e);
	g_clear_pointer(&e->place.zone, g_time_zone_unref);
	g_main_context_unref(e->context);
	g_free(e);
}

void pt_rules_engine_set(PtRulesEngine *e, const PtRules *rules, const PtRulesPlace *place) {
	g_assert(!e->busy);
	e->state = e->state ? pt_rules_state_move(e->state, rules) : pt_rules_state_new(rules);
	free_last(e);
	e->rules = rules;
	e->last = g_new0(Last, MAX(1, rules->list->len));
	GTimeZone *zone = place->zone ? g_time_zone_ref(place->zone) : NULL;
	g_clear_pointer(&e->place.zone, g_time_zone_unref);
	e->place = *place;
	e->place.zone = zone;
	work(e);
}

void pt_rules_engine_start(PtRulesEngine *e) {
	PtRulesEvent start = {.kind = PT_SUBJECT_START, .state = "start"};
	e->busy = true;
	eval(e, &start, NULL);
	e->busy = false;
	work(e);
}

void pt_rules_engine_tick(PtRulesEngine *e) {
	if (!e->state || e->busy)
		return;
	e->busy = true;
	eval(e, NULL, NULL);
	e->busy = false;
	work(e);
}

GArray *pt_rules_engine_view(PtRulesEngine *e) {
	GArray *out = g_array_new(FALSE, FALSE, sizeof(PtRuleView));
	for (guint i = 0; e->rules && i < e->rules->list->len; i++) {
		PtRuleView view = {e->rules->list->pdata[i], e->last[i].why, e->last[i].fired, e->last[i].wall_ns,
		                   e->last[i].fired_count};
		g_array_append_val(out, view);
	}
	return out;
}
