/* Between the bus and the pure evaluator: hears events, knows the time, carries decisions out through callbacks. An edge
 * published on the engine's own thread is evaluated and acted upon before pt_bus_publish() returns: no thread is woken. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "rules/eval.h"

typedef struct PtRulesEngine PtRulesEngine;

/* What an action comes with. */
typedef struct {
	const char *actor; /* "rule/NAME" */
	const PtRule *rule;
	const char *cause;    /* "input door active": what started it */
	const PtEvent *event; /* NULL: time did */
	int64_t wall_ns;      /* when what started it happened; later actions of a course: now */
	int64_t mono_ns;      /* now */
} PtActContext;

/* Does what a rule decided, on the engine's thread; may not block. */
typedef void (*PtActFn)(void *user, const PtAction *action, const PtActContext *context);

typedef struct {
	bool located;
	double latitude, longitude;
	GTimeZone *zone; /* referenced; NULL: UTC */
} PtRulesPlace;

/* The thread that makes it is the engine's, the same as the plugs', and runs context (NULL: the default one) later on.
 * It listens to all that is published. Each firing is
 * published as "rule/NAME" fired, a stopped circle as stopped, what was still to come as cancelled. clock, bus and rules
 * outlive it, or what replaces them. */
PtRulesEngine *pt_rules_engine_new(PtClock *clock, PtBus *bus, GMainContext *context, PtActFn act, void *user);
void pt_rules_engine_free(PtRulesEngine *engine); /* takes NULL */
/* New rules, at the start and after a reload: states of plugs are kept, spans that were running start anew. */
void pt_rules_engine_set(PtRulesEngine *engine, const PtRules *rules, const PtRulesPlace *place);
/* Fires `when: start`; once, after the plugs are open. */
void pt_rules_engine_start(PtRulesEngine *engine);
/* Does what is due by the clock; called by the engine itself when it runs under a main loop. */
void pt_rules_engine_tick(PtRulesEngine *engine);

typedef struct {
	const PtRule *rule;
	const char *why; /* why it fired or did not when it last looked at an event; NULL: never did */
	bool fired;
	int64_t wall_ns;
	uint64_t fired_count;
} PtRuleView;
/* One per rule, in their order; valid until the engine runs on. Caller frees the array with g_array_unref(). */
GArray *pt_rules_engine_view(PtRulesEngine *engine);
