/* The alarm centre at work: gives it time and what inputs say, publishes its news, writes down what people and rules ask of
 * it before it is done (P6), and keeps it over a restart, in alarm.state of the state directory. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "alarm/centre.h"
#include "base/bus.h"
#include "site/config.h"

typedef struct PtAlarmDesk PtAlarmDesk;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	gboolean (*journal)(void *user, PtEvent *intent, GError **error);
	void *user;
} PtAlarmDeskEnv;

/* Takes up what was kept. Nothing is published before pt_alarm_desk_begin(). env is copied, the site referenced. */
PtAlarmDesk *pt_alarm_desk_new(const PtAlarmDeskEnv *env, PtSite *site);
void pt_alarm_desk_free(PtAlarmDesk *desk); /* takes NULL; what is not written yet is */
/* Tells how things stand: when the rules listen, and before inputs report. */
void pt_alarm_desk_begin(PtAlarmDesk *desk);
void pt_alarm_desk_apply(PtAlarmDesk *desk, PtSite *site); /* after a reload */

const PtAlarmCentre *pt_alarm_desk_centre(const PtAlarmDesk *desk);
/* actor: "user/otto", "rule/NAME"; detail: for the log, or NULL. */
gboolean pt_alarm_desk_set_mode(PtAlarmDesk *desk, const char *mode, const char *actor, const char *detail, bool force,
                                GError **error);
gboolean pt_alarm_desk_acknowledge(PtAlarmDesk *desk, int64_t id, const char *actor, GError **error);
gboolean pt_alarm_desk_clear(PtAlarmDesk *desk, int64_t id, const char *actor, GError **error);
void pt_alarm_desk_raise(PtAlarmDesk *desk, const PtAlarmRaise *what);
/* Calls done, once, as soon as all that was asked until now is on disk; problem: why it is not, or NULL. */
void pt_alarm_desk_when_kept(PtAlarmDesk *desk, void (*done)(void *data, const char *problem), void *data);
