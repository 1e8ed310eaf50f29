/* The centre's state, for its own files. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "alarm/centre.h"

#define NEVER (-1)

typedef struct {
	int64_t entry_due; /* monotonic; NEVER: no delay runs */
	char *entry_cause; /* what began it */
	bool left_out;     /* until all its inputs are closed */
} ZoneState;

typedef struct {
	PtAlarmInput state, known; /* known: the last one that was not unknown */
} InputState;

struct PtAlarmCentre {
	const PtAlarmPlan *plan;
	char *mode;
	int64_t since_ns; /* wall time */
	char *target;     /* the mode to come; NULL: no exit delay runs */
	char *target_actor;
	int64_t exit_due;   /* monotonic */
	GHashTable *zones;  /* name → ZoneState */
	GHashTable *inputs; /* name → InputState; of what was heard */
	GPtrArray *alarms;  /* of PtAlarm *, oldest first */
	int64_t last_id;
};

ZoneState *pt_alarm_zone_state(const PtAlarmCentre *c, const char *name); /* made when there is none */
/* What its inputs say together: open before unknown before closed. A zone that is in no plan is closed. */
PtAlarmInput pt_alarm_zone_sees(const PtAlarmCentre *c, const char *name);

/* alarms.c */
void pt_alarm_free(void *alarm);
PtAlarm *pt_alarm_open_of(const PtAlarmCentre *c, const char *name); /* the one that is not cleared, or NULL */
void pt_alarm_raise(PtAlarmCentre *c, const PtAlarmRaise *what, bool zone, const PtAlarmNow *now, GPtrArray *news);
/* Its zone is closed: an alarm that somebody has seen is over. */
void pt_alarm_zone_closed(PtAlarmCentre *c, const char *name, const PtAlarmNow *now, GPtrArray *news);
void pt_alarm_tell(GPtrArray *news, const char *source, const char *topic, const char *state, const char *actor,
                   const char *detail);
/* Of an alarm or a zone: source "alarm/NAME". */
void pt_alarm_tell_of(GPtrArray *news, const char *name, const char *state, const char *actor, const char *detail);
