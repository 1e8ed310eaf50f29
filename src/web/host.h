/* What the web room needs of the program around it. The daemon fills it in; nothing here knows the daemon. Everything is
 * called on the main thread unless said. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "alarm/centre.h"
#include "archive/archive.h"
#include "archive/eventlog.h"
#include "base/bus.h"
#include "base/loop.h"
#include "media/stream.h"
#include "plugs/input.h"
#include "plugs/relay.h"
#include "rules/engine.h"
#include "site/config.h"
#include "web/login.h"
#include "web/server.h"
#include <json-glib/json-glib.h>

typedef struct PtClips PtClips; /* api-clip.c */
typedef struct PtHls PtHls;     /* hls.c */
typedef struct PtPins PtPins;   /* pins.h */

/* The authority that vouches for this hub (daemon/authority.h). */
typedef struct {
	const char *problem;     /* why there is none, or none newer; NULL: all is well */
	const char *certificate; /* PEM; NULL: there is none, and nothing of what follows */
	const char *fingerprint; /* SHA-256 of it: "AB:CD:…" */
	const char *pages;       /* URL of the pages */
	const char *address;     /* URL of the page that gives the certificate */
	char **names;            /* names and addresses that the server's own certificate is for */
	int64_t until_ns, server_until_ns;
} PtOwnAuthority;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtArchive *archive; /* NULL: could not be opened; archive_error says why */
	const char *archive_error;
	PtEventlog *log;
	PtLoop *loop; /* where conversions for viewers run */
	PtLogin *login;
	PtServer *server;

	void *user;
	PtSite *(*site)(void *user);                                             /* borrowed; the one in force */
	PtStream *(*stream)(void *user, const char *camera, const char *stream); /* a reference, or NULL; any thread */
	GPtrArray *(*inputs)(void *user);                                        /* of PtInput *, borrowed */
	GPtrArray *(*relays)(void *user);                                        /* of PtRelay *, borrowed */
	PtRulesEngine *(*rules)(void *user);
	/* The alarm centre (daemon/alarm-desk.h); when_kept calls done once all of it is on disk, or says why it is not */
	const PtAlarmCentre *(*alarm)(void *user);
	gboolean (*set_mode)(void *user, const char *mode, const char *actor, const char *detail, bool force,
	                     GError **error);
	gboolean (*acknowledge)(void *user, int64_t id, const char *actor, GError **error);
	gboolean (*clear)(void *user, int64_t id, const char *actor, GError **error);
	void (*when_kept)(void *user, void (*done)(void *data, const char *problem), void *data);
	void (*describe)(void *user, JsonBuilder *builder);         /* members of "daemon" in /api/state */
	void (*describe_archive)(void *user, JsonBuilder *builder); /* more members of "archive" there */
	void (*describe_camera)(void *user, const char *camera, JsonBuilder *builder); /* more members of it in /api/state */
	bool (*reload)(void *user, GPtrArray *problems);                               /* as SIGHUP does */
	/* Adding cameras, all answered by the host (daemon/add-camera.c); NULL: not possible here */
	void (*discover)(void *user, PtRequest *request);
	void (*preview)(void *user, PtRequest *request);
	void (*add_camera)(void *user, PtRequest *request);
	void (*remove_camera)(void *user, PtRequest *request);
	/* What a camera lets itself be told, and telling it (daemon/controls.c); NULL: nothing */
	void (*controls)(void *user, const PtSiteCamera *camera, PtRequest *request);
	void (*control)(void *user, const PtSiteCamera *camera, PtRequest *request);

	/* A picture that a rule took of a camera, answered by the host (daemon/pictures.c) */
	void (*picture)(void *user, const PtSiteCamera *camera, const char *name, PtRequest *request);

	/* Out of a camera's speaker: whether it may have one, whether texts can be spoken, and saying a text or playing a
	 * file (daemon/talk-desk.h); started is called once, maybe at once. NULL: not possible here */
	bool (*may_say)(void *user, const PtSiteCamera *camera);
	bool (*speaks)(void *user);
	void (*say)(void *user, const char *camera, const char *actor, const char *text, const char *file,
	            void (*started)(void *data, double seconds, const GError *error), void *data);

	/* The caller's devices that are told by Web Push, all answered by the host (daemon/devices.c); NULL: not possible
	 * here */
	void (*devices)(void *user, PtRequest *request);
	void (*add_device)(void *user, PtRequest *request);
	void (*remove_device)(void *user, PtRequest *request);

	/* Own authority; NULL: the site file asks for none */
	const PtOwnAuthority *(*authority)(void *user);
	void (*renew)(void *user, PtRequest *request); /* answered; only when there is one */

	/* Filling gaps from the cameras' cards (daemon/backfill.h); ask NULL: not possible here. Any thread, ask not the
	 * main one */
	int (*backfill_ask)(void *user, const char *camera, int64_t from_ns, int64_t to_ns, GError **error);
	bool (*drill)(void *user, const char *camera, int64_t length_ns, GError **error); /* main thread */
	void (*backfill_pause)(void *user, bool pause);
	bool (*backfill_paused)(void *user);
	unsigned (*backfill_progress)(void *user, PtJobProgress *ret, unsigned max);
	void (*backfill_wait)(void *user, const PtJobRow *job, char *ret, size_t size);

	PtClips *clips; /* made with the routes, freed with pt_api_free_clips() */
	PtHls *hls;     /* likewise */
	PtPins *pins;   /* likewise */
} PtHost;

/* All routes of the API and the pages. The host outlives the server. */
void pt_api_add_routes(PtHost *host);
/* Ends what is being prepared or sent, and lets go of what is kept of the archive and of the streams: between
 * pt_server_free() and the end of cameras and archive. */
void pt_api_free_clips(PtHost *host);

/* ---- shared by the api-*.c files ---- */
void pt_api_add_state(PtHost *host);
void pt_api_add_plugs(PtHost *host);
void pt_api_add_rules(PtHost *host);
void pt_api_add_alarm(PtHost *host);
void pt_api_free_alarm(PtHost *host);
bool pt_api_may_see_plug(PtRequest *request, const PtPlugSettings *plug);
void pt_api_add_events(PtHost *host);
void pt_api_add_archive(PtHost *host);
void pt_api_add_backfill(PtHost *host);
void pt_api_add_timeline(PtHost *host);
void pt_api_add_cameras(PtHost *host);
void pt_api_add_clip(PtHost *host);
void pt_api_add_devices(PtHost *host);
void pt_api_add_authority(PtHost *host);
void pt_live_add_routes(PtHost *host);
void pt_hls_add_routes(PtHost *host);
void pt_hls_free(PtHost *host);
void pt_pages_add_routes(PtHost *host);
/* What gives the authority's certificate to whoever does not trust it yet: nobody logs in for it, and there may be no TLS.
 */
void pt_install_add_routes(PtHost *host, PtServer *server);
/* The one whose certificate devices may install; or answers why there is none, NULL. */
const PtOwnAuthority *pt_api_authority(PtHost *host, PtRequest *request);
/* What there is to know of it, as a member (NULL: as the whole answer). */
void pt_api_put_authority(JsonBuilder *builder, const char *name, const PtOwnAuthority *authority);

/* Answers with what the builder holds. */
void pt_api_reply(PtRequest *request, JsonBuilder *builder);
/* Members "inputs" and "relays": those that the caller may see. */
void pt_api_put_plugs(PtHost *host, PtRequest *request, JsonBuilder *builder);
/* The body as a JSON object, or NULL and the request has been answered. Unref the parser when done. */
JsonObject *pt_api_body(PtRequest *request, JsonParser **ret_parser);
/* Text of a member, or NULL when it is absent or no text. */
const char *pt_api_text(JsonObject *object, const char *name);
/* A time of the body; absent: *ret_ns stays. False and an error: what is there is no time. */
bool pt_api_body_time(JsonObject *body, const char *name, int64_t *ret_ns, GError **error);
/* A time of the query (RFC 3339 or seconds), or fallback when absent. False: it is no time, and the request was answered. */
bool pt_api_time(PtRequest *request, const char *name, int64_t fallback_ns, int64_t *ret_ns);
/* The camera that the first '*' of the path names, when there is one and the caller may see it; else answers, NULL. */
const PtSiteCamera *pt_api_camera(PtHost *host, PtRequest *request);
/* Answers 404: there is no camera of this name, or the caller may not see it. */
void pt_api_fail_unknown_camera(PtHost *host, PtRequest *request, const char *name);
/* Answers 404: there is no such thing of this name, did you mean …? names: of what the caller may see; NULL-terminated here.
 */
void pt_api_fail_unknown(PtRequest *request, const char *what, const char *name, GPtrArray *names);
/* Whether audio.listen of the camera allows the caller to listen; else answers, false. */
bool pt_api_may_listen(PtRequest *request, const PtSiteCamera *camera);

/* How wide a picture is wanted, of the query; 0: as it is. False: it is no width, and the request was answered. */
bool pt_api_width(PtRequest *request, unsigned *ret);
/* Answers with a JPEG of a key frame, at most so wide (0: as it is). */
void pt_api_reply_picture(PtRequest *request, PtSample *key, unsigned width);

void pt_json_text(JsonBuilder *builder, const char *name, const char *text); /* null for NULL */
void pt_json_int(JsonBuilder *builder, const char *name, int64_t value);
void pt_json_number(JsonBuilder *builder, const char *name, double value);
void pt_json_bool(JsonBuilder *builder, const char *name, bool value);
void pt_json_time(JsonBuilder *builder, const char *name, int64_t wall_ns); /* RFC 3339; null for 0 */
void pt_json_object(JsonBuilder *builder, const char *name);                /* name NULL: within an array */
void pt_json_array(JsonBuilder *builder, const char *name);
