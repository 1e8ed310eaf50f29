/* Rules as parse.c makes them of the site file and eval.c works them: when / if / do. Plain data, immutable after parsing.
 * A new condition or action is one more row in the tables of parse.c, one more case in eval.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

/* What a rule can speak of. */
typedef enum {
	PT_SUBJECT_INPUT,
	PT_SUBJECT_RELAY,
	PT_SUBJECT_CAMERA,
	PT_SUBJECT_SIGHT, /* what a camera sees: motion, still */
	PT_SUBJECT_START,
	PT_SUBJECTS,
} PtSubjectKind;
extern const char *const pt_subject_words[]; /* input relay camera camera start, NULL-terminated */

/* "door active", "relay gate on", "camera gate lost", "gate motion", "start" */
typedef struct {
	PtSubjectKind kind;
	char *name; /* NULL for start */
	char *state;
} PtSubject;

typedef struct {
	PtSubject subject;
	int64_t held_ns; /* it must have stood this long; 0: fires on the edge */
} PtTrigger;

/* A time of day: clock, or the sun with an offset. */
typedef enum { PT_DAYTIME_CLOCK, PT_DAYTIME_SUNRISE, PT_DAYTIME_SUNSET } PtDaytimeKind;
typedef struct {
	PtDaytimeKind kind;
	int minutes; /* since midnight; or after (before: negative) the sun's */
} PtDaytime;

typedef enum { PT_COND_AND, PT_COND_OR, PT_COND_NOT, PT_COND_BETWEEN, PT_COND_DAYS, PT_COND_STATE } PtCondKind;
typedef struct PtCond PtCond;
struct PtCond {
	PtCondKind kind;
	GPtrArray *of; /* AND, OR, NOT: of PtCond *, owned */
	PtDaytime from, to;
	unsigned days; /* bit 0 = Monday .. bit 6 = Sunday */
	PtSubject subject;
};

typedef enum { PT_DO_RELAY, PT_DO_RECORD, PT_DO_NOTIFY, PT_DO_LOG } PtActionKind;
typedef enum { PT_RULE_OFF, PT_RULE_ON, PT_RULE_PULSE } PtRuleOrder;
typedef struct {
	PtActionKind kind;
	char *target;                         /* relay, camera, or where to notify (NULL: everywhere) */
	PtRuleOrder order;                    /* relay */
	int64_t for_ns;                       /* relay: 0: until the next order */
	int64_t before_ns, after_ns, keep_ns; /* record; keep 0: as long as the archive keeps */
	char *text;                           /* notify, log */
} PtAction;

typedef struct {
	char *name;
	int line;
	GPtrArray *when; /* of PtTrigger *; any of them */
	PtCond *cond;    /* NULL: always */
	int64_t cooldown_ns;
	unsigned late;      /* bits 1 << PT_DO_NOTIFY, 1 << PT_DO_RECORD: which actions follow an event that is told late */
	GPtrArray *actions; /* of PtAction * */
} PtRule;

typedef struct {
	GPtrArray *list; /* of PtRule *, in the order of the file */
} PtRules;

void pt_rules_free(PtRules *rules); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtRules, pt_rules_free)
