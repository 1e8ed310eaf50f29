/* The rule evaluator: (rules, state, what happened, now) -> decisions. Pure: it reads no clock and touches nothing but the
 * state it is given, so that a year of rules runs in virtual time, and what it decides depends on nothing else. Decisions
 * come in the order of the rules in the file, and of the actions in each. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "rules/rules.h"

/* Something that happened. initial: the state was found, not reached; late: reported long after. Both are remembered as
 * state, and neither starts a rule, but for the messages, footage and lines of the log of one that asks for late events.
 * past: late, and no news of how it is now: not remembered either. */
typedef struct {
	PtSubjectKind kind; /* PT_SUBJECT_EVENT: what is no more than an event of the log */
	const char *name;   /* NULL for what has none, and for an event */
	const char *state;
	const char *topic, *source; /* as on the bus; topic NULL: of nothing that is on it */
	bool initial, late, past;
	int64_t wall_ns; /* of a late one: when it happened */
} PtRulesEvent;

typedef enum {
	PT_FIRED,     /* the rule begins; its actions follow, now or later */
	PT_DECIDED,   /* action is to be done */
	PT_STOPPED,   /* by the evaluator: see reason */
	PT_CANCELLED, /* what still waited is not done: see reason */
} PtDecisionKind;
typedef struct {
	PtDecisionKind kind;
	const PtRule *rule;
	const PtAction *action; /* NULL unless DECIDED */
	bool first;             /* the rule fired just now; false: it comes later in its course */
	char *cause;            /* "door active": what started it */
	char *reason;           /* "rules a -> b -> a start one another" */
} PtDecision;

/* Why a rule fired or did not, when asked. */
typedef struct {
	const PtRule *rule;
	bool fired;
	char *why; /* "if: between 20:31 and 05:12 is not true at 12:00" */
} PtExplain;

#define PT_RULES_DEPTH_MAX 8 /* rules that start one another within a second of each other */
#define PT_RULES_CHAIN_NS INT64_C(1000000000)
#define PT_RULES_RATE_MAX 100 /* firings of one rule per window */
#define PT_RULES_RATE_NS (INT64_C(10) * 1000000000)

typedef struct PtRulesState PtRulesState;
PtRulesState *pt_rules_state_new(const PtRules *rules); /* rules outlive it */
void pt_rules_state_free(PtRulesState *state);          /* takes NULL */
/* After a reload: states of plugs are kept; spans that were running start anew, and what rules had still to do is dropped.
 */
PtRulesState *pt_rules_state_move(PtRulesState *old, const PtRules *rules);

/* event NULL: only time passes. decisions: of PtDecision *, made by pt_decisions_new(), appended to. explain: NULL, or of
 * PtExplain *, made by pt_explains_new(); gets one entry for each rule that looked at the event. */
void pt_rules_eval(PtRulesState *state, const PtRulesEvent *event, const PtRulesNow *now, GPtrArray *decisions,
                   GPtrArray *explain);
/* When to call again although nothing happens (monotonic; 0: at once); -1: not. Rules with times of day want a call each
 * minute, so that a clock that was set is noticed. */
int64_t pt_rules_due(const PtRulesState *state);
/* The state last heard of ("active"), or NULL. */
const char *pt_rules_state_of(const PtRulesState *state, PtSubjectKind kind, const char *name);

GPtrArray *pt_decisions_new(void);
GPtrArray *pt_explains_new(void);

/* Whether a condition holds; why (may be NULL) gets the part that decided. */
bool pt_rules_cond(const PtRulesState *state, const PtCond *cond, const PtRulesNow *now, GString *why);
