/* The cameras of a running hub: for each its streams, the sources that feed them, the recorders that keep them. Follows the
 * site file on reload and touches only what changed. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "base/bus.h"
#include "http/client.h"
#include "media/source.h"
#include "site/config.h"
#include <json-glib/json-glib.h>

typedef struct PtCameras PtCameras;

typedef struct {
	PtArchive *archive; /* NULL: nothing is recorded, and why was said */
	PtBus *bus;
	PtLoop **loops; /* workers; cameras are spread over them */
	unsigned n_loops;
	PtHttp *http; /* for ONVIF */
	PtClock *clock;
} PtCamerasEnv;

PtCameras *pt_cameras_new(const PtCamerasEnv *env); /* env is copied; what it names outlives this */
/* Stops and starts what differs from before; the first call starts all. Keeps a reference. */
void pt_cameras_apply(PtCameras *cameras, PtSite *site);
/* Stops everything; reason goes into the gaps. Takes NULL. */
void pt_cameras_free(PtCameras *cameras, const char *reason);

/* The stream "main" or "sub" of a camera; a reference, or NULL. Any thread. */
PtStream *pt_cameras_stream(PtCameras *cameras, const char *camera, const char *stream);
/* Adds the member "onvif" of an ONVIF camera to an object of /api/state: whether it is reached, what it is and has. */
void pt_cameras_describe(PtCameras *cameras, const char *camera, JsonBuilder *builder);
