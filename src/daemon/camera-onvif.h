/* A camera of the site that is reached by ONVIF: its streams for the recorder, its events for the bus, what it is for the
 * pages. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "daemon/notify-door.h"
#include "http/client.h"
#include "media/stream.h"
#include "site/config.h"
#include <json-glib/json-glib.h>

typedef struct PtCameraOnvif PtCameraOnvif;

typedef struct {
	PtHttp *http;
	PtClock *clock;
	PtBus *bus;
	PtNotifyDoor *door;
} PtCameraOnvifEnv;

typedef struct {
	/* Addresses of its streams, whenever it was reached (again); NULL: it has none. */
	void (*found)(void *user, const char *main, const char *sub);
	void (*lost)(void *user, const char *reason);
} PtCameraOnvifOps;

/* main: its main stream, whose metadata may tell of events; outlives it. */
PtCameraOnvif *pt_camera_onvif_new(const PtSiteCamera *settings, PtStream *main, const PtCameraOnvifEnv *env,
                                   const PtCameraOnvifOps *ops, void *user);
void pt_camera_onvif_free(PtCameraOnvif *camera); /* takes NULL */
void pt_camera_onvif_describe(PtCameraOnvif *camera, JsonBuilder *builder);
