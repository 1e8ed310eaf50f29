/* A camera whose pictures are looked at for motion: events for the bus, footage that `record: events` keeps of it, and what
 * it is to be told of on pages. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "base/loop.h"
#include "daemon/keeper.h"
#include "media/stream.h"
#include "site/config.h"
#include <json-glib/json-glib.h>

typedef struct PtCameraMotion PtCameraMotion;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtKeeper *keeper; /* NULL: nothing is kept */
	PtLoop *loop;     /* of the camera */
} PtCameraMotionEnv;

/* settings and env are used as long as it lives. It looks at nothing yet. */
PtCameraMotion *pt_camera_motion_new(const PtSiteCamera *settings, const PtCameraMotionEnv *env);
/* Looks at this stream from now on; NULL: at none. Nothing happens when it does already. */
void pt_camera_motion_watch(PtCameraMotion *motion, PtStream *stream);
bool pt_camera_motion_watches(PtCameraMotion *motion, PtStream *stream); /* takes NULL */
void pt_camera_motion_free(PtCameraMotion *motion);                      /* takes NULL */
/* Adds the member "motion" to an object of /api/state. */
void pt_camera_motion_describe(PtCameraMotion *motion, JsonBuilder *builder);
