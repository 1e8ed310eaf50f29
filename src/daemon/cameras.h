/* The cameras of a running hub: for each its streams, the sources that feed them, the recorders that keep them. Follows the
 * site file on reload and touches only what changed. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "base/bus.h"
#include "daemon/keeper.h"
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
	PtKeeper *keeper; /* NULL: nothing is kept of motion */
} PtCamerasEnv;

PtCameras *pt_cameras_new(const PtCamerasEnv *env); /* env is copied; what it names outlives this */
/* Stops and starts what differs from before; the first call starts all. Keeps a reference. */
void pt_cameras_apply(PtCameras *cameras, PtSite *site);
/* Stops everything; reason goes into the gaps. Takes NULL. */
void pt_cameras_free(PtCameras *cameras, const char *reason);

/* Where a stream (or the microphone, "microphone") comes from instead of what the site file says: begins anew when it runs.
 * For sources whose settings are part of their location. Main thread. */
void pt_cameras_set_location(PtCameras *cameras, const char *camera, const char *stream, const char *location);
/* Where it comes from: what was set so, unless the site file says another source; NULL: there is none. Borrowed. Main
 * thread. */
const char *pt_cameras_location(PtCameras *cameras, const PtSiteCamera *camera, const char *stream);

/* Where its main stream is played from now, as it told itself or the site file says; NULL: not known (yet). Borrowed. Main
 * thread. */
const char *pt_cameras_played(PtCameras *cameras, const char *camera);

/* Whether a stream that the site file has recorded is: why_not goes into its gap; NULL: it is. It may come later. Main
 * thread, as the next two. */
void pt_cameras_set_recording(PtCameras *cameras, const char *camera, const char *stream, const char *why_not);
/* Whether it is recorded whenever it has pictures. */
bool pt_cameras_is_to_record(PtCameras *cameras, const PtSiteCamera *camera, const char *stream);
/* Whether it is being recorded; since when its stream is as it is, 0: not known. */
bool pt_cameras_records(PtCameras *cameras, const char *camera, const char *stream, int64_t *ret_since_ns);

/* How far the axis of a camera's archive runs ahead of the hub's clock: see pt_recorder_hold_ns(). Main thread. */
int64_t pt_cameras_hold_ns(PtCameras *cameras, const char *camera);

/* Stops a camera's streams for so long, as if its cable were cut; the reason stands in the gap. False: one is cut already,
 * or nothing of it is being recorded. Main thread. */
bool pt_cameras_cut(PtCameras *cameras, const char *camera, int64_t length_ns, const char *reason);

/* Whether a camera gives later what of it got lost: see pt_recorder_set_refillable(). Main thread. */
void pt_cameras_set_refillable(PtCameras *cameras, const char *camera, bool refillable);

/* What is burnt into the pictures of a camera whose pictures are encoded here, from now on; copied. Main thread. */
void pt_cameras_set_texts(PtCameras *cameras, const char *camera, const PtOsdList *texts);

/* What a stream can be asked for by pt_cameras_set_location(); false: nothing, or not known yet. Main thread. */
bool pt_cameras_abilities(PtCameras *cameras, const char *camera, const char *stream, PtSourceAbilities *ret);

/* A document of ONVIF metadata (events) that travels along in a camera's streams (camera NULL: in all cameras'), for whoever
 * watches them. Only cameras that this program makes itself have room for it: pt_cameras_has_metadata(). Main thread. */
bool pt_cameras_has_metadata(PtCameras *cameras, const char *camera);
void pt_cameras_push_metadata(PtCameras *cameras, const char *camera, const void *xml, size_t size, int64_t wall_ns);
/* Whether anybody but the archive watches a camera with room for metadata. Main thread. */
bool pt_cameras_metadata_watched(PtCameras *cameras);

/* The stream "main" or "sub" of a camera; a reference, or NULL. Any thread. */
PtStream *pt_cameras_stream(PtCameras *cameras, const char *camera, const char *stream);
/* Adds to an object of /api/state the member "onvif" of an ONVIF camera (whether it is reached, what it is and has),
 * "microphone" where this machine's goes along, and "motion" where it is looked for. */
void pt_cameras_describe(PtCameras *cameras, const char *camera, JsonBuilder *builder);
