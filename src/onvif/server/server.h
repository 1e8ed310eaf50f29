/* The ONVIF server: a message in, a message out, now or later. It knows no sockets: whoever has one hands requests in and
 * gets answers through a callback. One thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/host.h"

typedef struct PtOnvifServer PtOnvifServer;

typedef struct {
	const char *method; /* "POST"; "GET" for snapshots */
	const char *path;   /* "/onvif/device_service", … */
	const void *body;
	size_t size;
	const char *authorization; /* NULL: none */
	const char *origin; /* "http://192.0.2.5:8081": how the client reached us; addresses given out begin with it */
	const char *remote; /* for the log */
} PtOnvifRequest;

typedef struct {
	unsigned status; /* of HTTP */
	const char *type;
	GBytes *body;
	char **challenges; /* values of WWW-Authenticate headers; NULL: none */
} PtOnvifAnswer;

typedef struct {
	void (*reply)(void *user, const PtOnvifAnswer *answer); /* once, and last */
	/* True: nobody waits for the answer any more. */
	bool (*gone)(void *user);
	/* A reply may take this long. */
	void (*patience)(void *user, unsigned seconds);
} PtOnvifClient;

/* host is copied; what it names outlives the server. */
PtOnvifServer *pt_onvif_server_new(const PtOnvifHost *host);
/* Waiting clients are told that it ends. Takes NULL. */
void pt_onvif_server_free(PtOnvifServer *server);
/* Nothing of the request is kept. client outlives the server. */
void pt_onvif_server_handle(PtOnvifServer *server, const PtOnvifRequest *request, const PtOnvifClient *client, void *user);

/* For those whom the caller has let in already by other means: user is who asks. */
void pt_onvif_server_handle_trusted(PtOnvifServer *server, const PtOnvifRequest *request, const char *user,
                                    const PtOnvifClient *client, void *client_user);

/* ---- events: the host says what is; the server works out what that changes for whom ---- */

/* The state of a plug, known for the first time or again; the same twice is no event. camera: whom it belongs to, NULL:
 * none.
 */
void pt_onvif_server_set_property(PtOnvifServer *server, PtOnvifTopic topic, const char *token, const char *camera,
                                  bool active, int64_t wall_ns);
/* The plug is gone. */
void pt_onvif_server_drop_property(PtOnvifServer *server, PtOnvifTopic topic, const char *token, int64_t wall_ns);
/* Drops those for which keep says so: after the site file was read again. */
void pt_onvif_server_drop_unless(PtOnvifServer *server, bool (*keep)(void *user, PtOnvifTopic topic, const char *token),
                                 void *user);

/* All states once more into the metadata of the streams: from time to time, for those who began to watch meanwhile. */
void pt_onvif_server_repeat_metadata(PtOnvifServer *server);

/* Tells the host once more what is to be burnt into pictures. */
void pt_onvif_server_repeat_osds(PtOnvifServer *server);

/* ---- for WS-Discovery ---- */

const char *pt_onvif_server_endpoint(PtOnvifServer *server); /* "urn:uuid:…", the same after each start */
#define PT_ONVIF_TYPES "dn:NetworkVideoTransmitter tds:Device"
/* Space-separated. Caller frees. */
char *pt_onvif_server_scopes(PtOnvifServer *server);
/* "http://192.0.2.5:8081" becomes the address of the device service. Caller frees. */
char *pt_onvif_server_xaddr(const char *origin);
bool pt_onvif_server_discoverable(PtOnvifServer *server);

typedef struct {
	unsigned subscriptions, waiting; /* pull points with a question open */
	uint64_t requests, faults, failed_logins, replays, notifications, dropped;
} PtOnvifServerStats;
void pt_onvif_server_get_stats(PtOnvifServer *server, PtOnvifServerStats *ret);
