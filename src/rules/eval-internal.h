/* The evaluator's state, for its own files. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "rules/eval.h"

#define PT_NEVER (-1)

/* What something is known by: the kind and the name of a subject; of an event its topic. */
typedef struct {
	PtSubjectKind kind;
	const char *name; /* NULL: it has none */
} Key;

typedef struct {
	Key key; /* name is owned */
	char *state;
} Known;

/* What a rule brought about can start rules again: the chain is followed through what it ordered. */
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
	int64_t due;    /* monotonic: a held state or a silence comes due; PT_NEVER: it does not wait */
	int64_t *edges; /* of N times within: when the last ones were, a ring of n_times; NULL: none yet */
	unsigned n;     /* edges since the start, or since it fired */
	bool holds;     /* of a state that has to last: it is so, as far as is known */
} TriggerState;

/* What a rule has still to do. */
typedef struct {
	int64_t due; /* monotonic; PT_NEVER: nothing */
	guint at;    /* the action that comes then */
	unsigned round;
	char *cause;
} Course;

typedef struct {
	TriggerState *when; /* one per trigger */
	int64_t last_fired_ns;
	int64_t last_late_ns; /* wall time of the late event it fired on last; 0: none */
	Rate rate, late;      /* what was missed in a day must not use up what is left for now */
	bool ever_fired;
	Course course;
} RuleState;

/* A place where a subject is spoken of. Sorted by rule; what cancels comes before what starts. */
typedef struct {
	guint rule, trigger;
	bool cancels;
} Ref;

struct PtRulesState {
	const PtRules *rules;
	RuleState *of;                          /* one per rule */
	GHashTable *known;                      /* Key -> Known */
	GHashTable *causes;                     /* Key of what was ordered -> Cause */
	GHashTable *refs;                       /* Key -> GArray of Ref */
	bool begun;                             /* silences and times are counted from the first look on */
	bool timed;                             /* some rule has times of day */
	int64_t checked_local_s, checked_utc_s; /* up to where those were looked at */
	int64_t checked_mono_ns;
	int64_t times_due; /* monotonic: when to look again */
};

typedef struct {
	PtRulesState *s;
	const PtRulesNow *now;
	const Cause *cause; /* the chain that led to this event, or NULL */
	GPtrArray *decisions, *explain;
} Run;

static inline const PtRule *rule_at(const PtRules *rules, guint i) { return rules->list->pdata[i]; }
static inline const PtTrigger *trigger_at(const PtRule *rule, guint k) { return rule->when->pdata[k]; }

/* Remembers the new state; false when it was the same already. */
bool pt_rules_learn(PtRulesState *s, const PtRulesEvent *event);
/* What speaks of it; NULL: nothing. */
const GArray *pt_rules_refs(const PtRulesState *s, PtSubjectKind kind, const char *name);

void pt_rules_explain(const Run *run, const PtRule *rule, bool fired, const char *format, ...) G_GNUC_PRINTF(4, 5);
/* The rule's trigger has come: conditions, rests and guards decide. */
void pt_rules_fire(const Run *run, guint rule, const char *cause);
/* The same for something told long after it happened. */
void pt_rules_fire_late(const Run *run, guint rule, const PtRulesEvent *event, const char *cause);
/* Goes on with what is due. */
void pt_rules_proceed(const Run *run, guint rule);
void pt_rules_cancel(const Run *run, guint rule, const char *cause);
