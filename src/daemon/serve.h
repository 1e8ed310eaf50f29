/* What this Pigtail offers to other programs over RTSP: its streams, live and as they were recorded, and its loudspeakers.
 * Follows the site file. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/cameras.h"
#include "site/config.h"
#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct PtServe PtServe;

/* All outlive it. */
typedef struct {
	PtLoop *loop;
	PtCameras *cameras;
	PtArchive *archive; /* NULL: nothing is replayed */
	PtClock *clock;
	PtBus *bus;
	gboolean (*journal)(void *user, PtEvent *intent, GError **error); /* any thread */
	void *user;
} PtServeEnv;

PtServe *pt_serve_new(const PtServeEnv *env);      /* copied */
void pt_serve_apply(PtServe *serve, PtSite *site); /* who may; keeps a reference */
/* Opens what the site asks for; nothing is no error. */
bool pt_serve_start(PtServe *serve, PtSite *site, GError **error);
void pt_serve_describe(PtServe *serve, JsonBuilder *builder); /* the member "rtsp" of /api/state */
/* The app password of a user, or NULL. Caller wipes and frees it. */
char *pt_serve_password(const PtSite *site, const char *user);
unsigned pt_serve_rtsp_port(PtServe *serve); /* 0: streams are not served */
void pt_serve_free(PtServe *serve);          /* takes NULL */

/* The certificate that Pigtail signed itself, for ten years: made now when there is none (tls.crt, tls.key, mode 0600). */
GTlsCertificate *pt_serve_own_certificate(const char *directory, GError **error);
