/* A day of the log once more, against rules of one's choice: events in, what those rules would have done out. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/event.h"
#include "rules/eval.h"

typedef struct {
	const PtRules *rules;
	int64_t from_ns, to_ns; /* wall time */
	GTimeZone *zone;        /* NULL: UTC */
	bool located;
	double latitude, longitude;
	/* Each as it comes, at its wall time. Any may be NULL. */
	void (*decided)(void *user, int64_t wall_ns, const PtDecision *decision);
	void (*explained)(void *user, int64_t wall_ns, const PtExplain *explain);
	/* At the end, with the state reached. */
	void (*ended)(void *user, const PtRulesState *state, const PtRulesNow *now);
	void *user;
} PtSimulation;

/* events: of PtEvent *, by time. Those of before from_ns say how things stood, and start nothing. What rules themselves
 * brought about (relays, modes and alarms whose actor is a rule, and the timed end of such an order) is left out of the log,
 * and comes from the rules that are tried instead: relays and modes follow at once, times end by themselves. */
void pt_rules_simulate(const PtSimulation *simulation, const GPtrArray *events);
