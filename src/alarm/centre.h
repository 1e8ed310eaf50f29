/* The alarm centre: (plan, state, what happened, now) -> news. Pure: it reads no clock and no file. It holds the arming
 * mode, what zones see, delays that run, and the alarms with what became of them. What it decides comes as news for the bus;
 * who may do what, and with which PIN, is asked before (web/api-alarm.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "alarm/plan.h"

typedef struct PtAlarmCentre PtAlarmCentre;

typedef struct {
	int64_t mono_ns, wall_ns;
} PtAlarmNow;

/* One event to publish. Strings are owned. */
typedef struct {
	char *source;         /* PT_SOURCE_MODE, "alarm/NAME" */
	const char *topic;    /* PT_TOPIC_MODE, PT_TOPIC_ALARM */
	char *state;          /* the mode; arming, kept; entry, raised, acknowledged, cleared */
	char *actor, *detail; /* NULL: none */
	bool initial;         /* how things stood at the start */
} PtAlarmNews;
GPtrArray *pt_alarm_news_new(void); /* of PtAlarmNews *, freed with it */

typedef enum { PT_ALARM_RAISED, PT_ALARM_ACKNOWLEDGED, PT_ALARM_CLEARED } PtAlarmState;
extern const char *const pt_alarm_state_words[]; /* raised acknowledged cleared, NULL-terminated */

/* One alarm of the memory: open until it is cleared, and remembered then. There is one open alarm of a name. */
typedef struct {
	int64_t id;                      /* 1, 2, …; never given twice */
	char *name;                      /* of the zone or the rule that raised it */
	bool zone;                       /* a zone raised it, else a rule */
	char *text, *procedure, *camera; /* procedure, camera NULL: none */
	unsigned priority;               /* 1 (low) .. 5 */
	PtAlarmState state;
	int64_t raised_ns, last_ns;          /* wall time, the first and the last time */
	int64_t count;                       /* how often since it was raised first */
	char *cause;                         /* "input door active", what did it last */
	char *acknowledged_by, *cleared_by;  /* NULL: nobody; cleared_by "zone/NAME" when it did so itself */
	int64_t acknowledged_ns, cleared_ns; /* wall time; 0: not */
} PtAlarm;
#define PT_ALARM_MEMORY 500 /* so many are remembered; open ones always */

/* A line that is cut or shorted counts as open, and is told as what it is. */
typedef enum { PT_ALARM_INPUT_UNKNOWN, PT_ALARM_INPUT_CLOSED, PT_ALARM_INPUT_OPEN, PT_ALARM_INPUT_FAULT } PtAlarmInput;

/* In mode NULL until a plan is set: then in the plan's first, or in what was loaded. */
PtAlarmCentre *pt_alarm_centre_new(void);
void pt_alarm_centre_free(PtAlarmCentre *centre); /* takes NULL */

/* At the start and after a reload: zones of the same name go on. plan outlives the centre, or the next plan. A mode that
 * the plan does not name any more becomes its first one, and that is told. */
void pt_alarm_centre_set_plan(PtAlarmCentre *c, const PtAlarmPlan *plan, const PtAlarmNow *now, GPtrArray *news);
/* How things stand: the mode and what is not cleared, as initial news. */
void pt_alarm_centre_tell(const PtAlarmCentre *c, GPtrArray *news);

/* since_ns: wall time of the change. An edge from before the mode was entered raises nothing; neither does a return to what
 * an input was before it went away. */
void pt_alarm_centre_input(PtAlarmCentre *c, const char *input, PtAlarmInput state, int64_t since_ns, const PtAlarmNow *now,
                           GPtrArray *news);

/* Whether it leaves something unguarded that is guarded now: what a PIN is asked for. */
bool pt_alarm_centre_is_disarming(const PtAlarmCentre *c, const char *mode);
/* Enters a mode, after the exit delay where it arms more than is armed now; the mode in force again ends a delay that runs.
 * Refused (FALSE, PT_ERROR_BUSY) while a zone that would be armed is not closed, unless it or the caller (force) says that
 * it is to be left out until it closes; zones on the way out may be open when there is an exit delay. */
gboolean pt_alarm_centre_set_mode(PtAlarmCentre *c, const char *mode, const char *actor, bool force, const PtAlarmNow *now,
                                  GPtrArray *news, GError **error);

typedef struct {
	const char *name, *text, *procedure, *camera, *cause, *actor; /* as in PtAlarm; actor "rule/NAME" */
	unsigned priority;
} PtAlarmRaise;
void pt_alarm_centre_raise(PtAlarmCentre *c, const PtAlarmRaise *what, const PtAlarmNow *now, GPtrArray *news);
/* Somebody has seen it. A zone's alarm is cleared with that, or as soon as the zone is closed. FALSE: there is no such open
 * alarm. */
gboolean pt_alarm_centre_acknowledge(PtAlarmCentre *c, int64_t id, const char *actor, const PtAlarmNow *now, GPtrArray *news,
                                     GError **error);
/* It is done with, whatever its inputs say: a zone that is still open is left out until it closes. */
gboolean pt_alarm_centre_clear(PtAlarmCentre *c, int64_t id, const char *actor, const PtAlarmNow *now, GPtrArray *news,
                               GError **error);

/* Does what is due; due: when to call (monotonic), -1: not. */
void pt_alarm_centre_tick(PtAlarmCentre *c, const PtAlarmNow *now, GPtrArray *news);
int64_t pt_alarm_centre_due(const PtAlarmCentre *c);

/* ---- how it stands ---- */
const char *pt_alarm_centre_mode(const PtAlarmCentre *c);
int64_t pt_alarm_centre_mode_since_ns(const PtAlarmCentre *c);                        /* wall time */
const char *pt_alarm_centre_arming(const PtAlarmCentre *c, int64_t *ret_due_mono_ns); /* the mode to come, or NULL */
typedef struct {
	const PtAlarmZone *zone;
	PtAlarmInput state; /* a fault is open here */
	bool armed, left_out;
	int64_t entry_due_mono_ns; /* its entry delay runs until then; -1: no */
} PtAlarmZoneView;
PtAlarmZoneView pt_alarm_centre_zone(const PtAlarmCentre *c, guint i);   /* in the order of the plan */
const GPtrArray *pt_alarm_centre_alarms(const PtAlarmCentre *c);         /* of PtAlarm *, oldest first */
const PtAlarm *pt_alarm_centre_find(const PtAlarmCentre *c, int64_t id); /* NULL: none, or cleared */

/* ---- memory.c: what outlives a restart, as text ---- */
char *pt_alarm_centre_save(const PtAlarmCentre *c, const PtAlarmNow *now); /* caller frees */
/* Into a new centre, before its plan. FALSE: the text is damaged; what could be read counts. Delays that ran go on by wall
 * time, and have at most as long to go as they had. */
gboolean pt_alarm_centre_load(PtAlarmCentre *c, const char *text, const PtAlarmNow *now, GError **error);
