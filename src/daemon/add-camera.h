/* "Add camera" of the pages: looks for cameras, shows a picture of one before it is saved, writes it down and takes it up.
 * Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "http/client.h"
#include "site/config.h"
#include "web/host.h"

typedef struct PtAddCamera PtAddCamera;

typedef struct {
	PtHttp *http;
	PtClock *clock;
	PtBus *bus;
	PtLoop *loop; /* where pictures for a preview are received */
	void *user;
	PtSite *(*site)(void *user);                     /* borrowed; the one in force */
	bool (*reload)(void *user, GPtrArray *problems); /* as SIGHUP does */
} PtAddCameraEnv;

PtAddCamera *pt_add_camera_new(const PtAddCameraEnv *env);
void pt_add_camera_free(PtAddCamera *add); /* ends what is under way; takes NULL */

/* {"user", "password", "hosts": ["192.0.2.20"], "seconds": 3} → {"cameras": […]}, see pt_onvif_candidate_json(). */
void pt_add_camera_discover(PtAddCamera *add, PtRequest *request);
/* {"source": "rtsp://…", "user", "password"} → a JPEG of what it shows now. */
void pt_add_camera_preview(PtAddCamera *add, PtRequest *request);
/* {"name", "source", "sub", "tls", "user", "password", "record"}: written to cameras.d and the secrets file, and running. */
void pt_add_camera_save(PtAddCamera *add, PtRequest *request);
/* The one whose name is in the path; its footage stays. */
void pt_add_camera_remove(PtAddCamera *add, PtRequest *request);
