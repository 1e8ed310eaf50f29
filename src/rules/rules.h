/* Rules as parse.c makes them of the site file and eval.c works them: when / if / do. Plain data, immutable after parsing.
 * A new condition or action is one more row in the tables of parse-if.c and parse-do.c, one more case in cond.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "rules/holidays.h"
#include "rules/schedule.h"

/* What a rule can speak of. */
typedef enum {
	PT_SUBJECT_INPUT,
	PT_SUBJECT_RELAY,
	PT_SUBJECT_CAMERA,
	PT_SUBJECT_SIGHT,   /* what a camera sees: motion, still */
	PT_SUBJECT_ALARM,   /* of a rule or a zone: raised, acknowledged, cleared */
	PT_SUBJECT_STORAGE, /* the archive's medium: lost, live */
	PT_SUBJECT_NETWORK, /* this machine's: lost, live */
	PT_SUBJECT_MODE,    /* the site's arming mode; its state is the mode's name */
	PT_SUBJECT_EVENT,   /* any event of the log, by its topic */
	PT_SUBJECT_START,
	PT_SUBJECTS,
} PtSubjectKind;
extern const char *const pt_subject_words[]; /* input relay camera camera alarm …, NULL-terminated */
static inline bool pt_subject_is_named(PtSubjectKind kind) { return kind <= PT_SUBJECT_ALARM; }

/* "door active", "relay gate on", "camera gate lost", "gate motion", "mode night", "start"; { event: tamper, source: … } */
typedef struct {
	PtSubjectKind kind;
	char *name;  /* NULL where it has none; of an event: its source, NULL: any */
	char *state; /* of an event: NULL: any */
	char *topic; /* of an event */
} PtSubject;
void pt_subject_clear(PtSubject *subject);
/* "input door active". Caller frees. */
char *pt_subject_text(const PtSubject *subject);

typedef enum {
	PT_WHEN_STATE,  /* a state is reached, or was held for held_ns, or was reached `times` times within within_ns */
	PT_WHEN_SILENT, /* nothing was heard of the subject for held_ns; its state is NULL */
	PT_WHEN_TIME,
} PtWhenKind;
typedef struct {
	PtWhenKind kind;
	PtSubject subject;
	int64_t held_ns; /* 0: fires on the edge */
	unsigned times;  /* 0 and 1: each */
	int64_t within_ns;
	PtSchedule schedule;
	char *text; /* of a schedule, for people: "sunset-15min", "0 7 * * mon-fri" */
} PtTrigger;
#define PT_WHEN_TIMES_MAX 1000

typedef enum {
	PT_COND_AND,
	PT_COND_OR,
	PT_COND_NOT,
	PT_COND_BETWEEN,
	PT_COND_DAYS,
	PT_COND_STATE,
	PT_COND_HOLIDAY,
} PtCondKind;
typedef struct PtCond PtCond;
struct PtCond {
	PtCondKind kind;
	GPtrArray *of; /* AND, OR, NOT: of PtCond *, owned */
	PtDaytime from, to;
	unsigned days; /* bit 0 = Monday .. bit 6 = Sunday */
	PtSubject subject;
	PtHolidays *holidays; /* HOLIDAY: referenced */
};

typedef enum {
	PT_DO_RELAY,
	PT_DO_RECORD,
	PT_DO_SNAPSHOT,
	PT_DO_NOTIFY,
	PT_DO_LOG,
	PT_DO_MODE,
	PT_DO_ALARM,
	PT_DO_SHOW,
	PT_DO_LIGHT,
	PT_DO_MQTT,
	PT_DO_WEBHOOK,
	PT_DO_SAY,
	PT_DO_WAIT,
} PtActionKind;
const char *pt_action_word(PtActionKind kind); /* as the site file has it: "relay" */
typedef enum { PT_RULE_OFF, PT_RULE_ON, PT_RULE_PULSE, PT_RULE_AUTO } PtRuleOrder;
typedef struct {
	PtActionKind kind;
	char *target;                         /* relay, camera, mode, topic, URL, or where to notify (NULL: everywhere) */
	PtRuleOrder order;                    /* relay, light */
	int64_t for_ns;                       /* relay: 0: until the next order; wait */
	int64_t before_ns, after_ns, keep_ns; /* record (before: snapshot too); keep 0: as long as the archive keeps */
	char *text;        /* notify, log, alarm, say; of a light: its word for the camera; mqtt, webhook: the payload */
	char *file;        /* say: what is played instead of a text */
	char *procedure;   /* alarm: what to do about it; NULL: nothing is said */
	unsigned priority; /* alarm, notify: 1 (low) .. 5 */
	bool retain;       /* mqtt */
	char *camera;      /* notify: whose picture goes with it; NULL: none */
	char *code;        /* notify: for a monitoring station; NULL: the general one */
	unsigned zone;     /* notify: likewise, 0 .. 999 */
	char *method;      /* webhook: GET, POST, PUT */
	char *secret;      /* webhook: name of a token; NULL: none */
} PtAction;

typedef struct {
	char *name;
	int line;
	GPtrArray *when; /* of PtTrigger *; any of them */
	PtCond *cond;    /* NULL: always */
	int64_t cooldown_ns;
	unsigned late;      /* bits 1 << PT_DO_NOTIFY, 1 << PT_DO_RECORD: which actions follow an event that is told late */
	GPtrArray *actions; /* of PtAction *; those behind a wait come later */
	GPtrArray *cancel;  /* of PtTrigger *, states alone: end what still waits */
	bool restart;       /* fired anew while it waits, it begins anew; else it goes on */
	int64_t repeat_ns;  /* all once more, so long after the last of it; 0: no */
	unsigned repeats;
} PtRule;

typedef struct {
	GPtrArray *list; /* of PtRule *, in the order of the file */
} PtRules;

void pt_rules_free(PtRules *rules); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtRules, pt_rules_free)
