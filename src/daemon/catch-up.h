/* What happened at ONVIF cameras while nobody listened: after a break the camera is asked for it, and it goes to the bus as
 * late events, at the time it happened. What is owed is kept on disk, so that a hub that was down asks as well. Main
 * thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/eventlog.h"
#include "daemon/cameras.h"

typedef struct PtCatchUp PtCatchUp;

typedef struct {
	PtBus *bus;
	PtClock *clock;
	PtCameras *cameras;
	PtEventlog *log;
	const char *directory; /* of the state */
	int64_t last_ns;       /* wall time at which this hub was last known to be up before this start; 0: not known */
} PtCatchUpEnv;

PtCatchUp *pt_catch_up_new(const PtCatchUpEnv *env); /* env is copied, what it names outlives this */
void pt_catch_up_apply(PtCatchUp *catch_up, PtSite *site);
/* What was asked and not answered is asked at the next start. Before the cameras end. Takes NULL. */
void pt_catch_up_free(PtCatchUp *catch_up);
