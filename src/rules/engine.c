/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/engine.h"
#include "plugs/wake.h"
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
	PtRulesActions actions;
	PtBusSubscription *own, *streams, *motion;

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
	const PtRulesActions *a = &e->actions;
	g_autofree char *actor = g_strconcat("rule/", d->rule->name, NULL);
	if (!d->action) {
		publish(e, d->rule, "stopped", d->reason);
		return;
	}
	switch (d->action->kind) {
	case PT_DO_RELAY:
		if (a->relay)
			a->relay(a->user, d->action, actor, now->mono_ns);
		break;
	case PT_DO_RECORD:
		if (a->record)
			a->record(a->user, d->action, actor, event ? event->wall_ns : now->wall_ns);
		break;
	case PT_DO_NOTIFY:
		if (a->notify)
			a->notify(a->user, d->action, actor, event);
		break;
	case PT_DO_LOG:
		if (a->log)
			a->log(a->user, d->action, actor);
		break;
	}
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
		const PtDecision *d = decisions->pdata[i], *before = i ? decisions->pdata[i - 1] : NULL;
		if (d->action && (!before || before->rule != d->rule))
			publish(e, d->rule, "fired", d->cause);
	}
	remember(e, explains, &now);
}

static bool translate(const PtEvent *event, PtRulesEvent *ret) {
	static const struct {
		const char *topic, *kind;
		PtSubjectKind subject;
	} table[] = {
	    {PT_TOPIC_INPUT, "input", PT_SUBJECT_INPUT},
	    {PT_TOPIC_RELAY, "relay", PT_SUBJECT_RELAY},
	    {PT_TOPIC_STREAM, "camera", PT_SUBJECT_CAMERA},
	    {PT_TOPIC_MOTION, "camera", PT_SUBJECT_SIGHT},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		const char *name = strcmp(event->topic, table[i].topic) ? NULL : pt_event_name(event, table[i].kind);
		if (!name)
			continue;
		const char *state = event->state;
		if (table[i].subject == PT_SUBJECT_SIGHT)
			state = !strcmp(state, "active") ? "motion" : !strcmp(state, "inactive") ? "still" : state;
		*ret = (PtRulesEvent){.kind = table[i].subject,
		                      .name = name,
		                      .state = state,
		                      .initial = event->initial,
		                      .late = event->late,
		                      .past = event->past,
		                      .wall_ns = event->wall_ns};
		return true;
	}
	return false;
}

/* One event after the other: what actions bring about waits until the action is over, instead of nesting. */
static void work(PtRulesEngine *e) {
	if (e->busy)
		return;
	e->busy = true;
	PtEvent *event;
	while ((event = g_queue_pop_head(&e->waiting))) {
		PtRulesEvent what;
		if (e->state && translate(event, &what)) {
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

static bool concerns(const PtEvent *event) {
	PtRulesEvent what;
	return translate(event, &what);
}

/* On whatever thread publishes: acts at once when it is the engine's. What cameras tell comes through the queue, whoever
 * publishes. */
static void on_direct(PtEvent *event, void *data) {
	PtRulesEngine *e = data;
	if (!strcmp(event->topic, PT_TOPIC_STREAM) || !strcmp(event->topic, PT_TOPIC_MOTION) || !concerns(event) ||
	    !on_own_thread(e))
		return;
	g_queue_push_tail(&e->waiting, pt_event_ref(event));
	work(e);
}

static void on_queued(PtEvent *event, void *data) {
	PtRulesEngine *e = data;
	g_queue_push_tail(&e->waiting, pt_event_ref(event));
	work(e);
}

static void on_wake(void *data) { pt_rules_engine_tick(data); }

PtRulesEngine *pt_rules_engine_new(PtClock *clock, PtBus *bus, GMainContext *context, const PtRulesActions *actions) {
	PtRulesEngine *e = g_new0(PtRulesEngine, 1);
	e->clock = clock;
	e->bus = bus;
	e->context = g_main_context_ref(context ? context : g_main_context_default());
	e->thread = g_thread_self();
	e->actions = *actions;
	g_queue_init(&e->waiting);
	e->wake = pt_wake_new(e->context, on_wake, e);
	e->own = pt_bus_subscribe_direct(bus, NULL, on_direct, e);
	/* these come from the workers' threads; an input or relay always from this one */
	e->streams = pt_bus_subscribe_queued(bus, PT_TOPIC_STREAM, e->context, G_PRIORITY_HIGH, FOREIGN_MAX, on_queued, e);
	e->motion = pt_bus_subscribe_queued(bus, PT_TOPIC_MOTION, e->context, G_PRIORITY_HIGH, FOREIGN_MAX, on_queued, e);
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
	pt_bus_unsubscribe(e->streams);
	pt_bus_unsubscribe(e->motion);
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
