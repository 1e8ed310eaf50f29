/* What rules have people told, and what becomes of it: texts filled in, pictures out of the archive, outcomes into the log.
 * Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "base/bus.h"
#include "rules/engine.h"
#include "site/config.h"
#include <json-glib/json-glib.h>

typedef struct PtTell PtTell;
typedef struct PtDevices PtDevices;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtArchive *archive;
	const char *state_dir; /* where the queue of messages lies */
} PtTellEnv;

PtTell *pt_tell_new(const PtTellEnv *env, GError **error); /* copied; what it names outlives this */
void pt_tell_apply(PtTell *tell, PtSite *site);            /* whom to tell; keeps a reference */
void pt_tell_free(PtTell *tell);                           /* what waits stays on disk; takes NULL */
/* A text for ears, with {names} filled in by what happened: {time} is the time of day, to the minute. Caller frees. */
char *pt_tell_fill_spoken(const PtTell *tell, const char *text, const char *camera, const PtActContext *context);
/* NOTIFY and WEBHOOK. */
void pt_tell_act(PtTell *tell, const PtAction *action, const PtActContext *context);
PtDevices *pt_tell_devices(PtTell *tell); /* borrowed */
void pt_tell_describe(PtTell *tell, JsonBuilder *builder);
