/* What rules do to the rest of the house: relays, footage that is kept, messages to people and out of speakers. Main thread.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/alarm-desk.h"
#include "daemon/keeper.h"
#include "daemon/pictures.h"
#include "daemon/plugs.h"
#include "daemon/talk-desk.h"
#include "daemon/tell.h"
#include "rules/engine.h"

typedef struct PtActions PtActions;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtPlugs *plugs;
	PtKeeper *keeper;
	PtPictures *pictures;
	PtAlarmDesk *alarm;
	PtTell *tell;
	PtTalkDesk *talk;
	/* P6: writes an intent down before it is done; FALSE: it could not be. */
	gboolean (*journal)(void *user, PtEvent *intent, GError **error);
	void *user;
} PtActionsEnv;

PtActions *pt_actions_new(const PtActionsEnv *env);      /* copied; what it names outlives this */
void pt_actions_apply(PtActions *actions, PtSite *site); /* keeps a reference */
void pt_actions_free(PtActions *actions);                /* takes NULL */
/* A PtActFn for the rules' engine; user is the PtActions. */
void pt_actions_act(void *actions, const PtAction *action, const PtActContext *context);
