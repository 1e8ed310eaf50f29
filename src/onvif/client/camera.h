/* An ONVIF camera as the rest of the program needs it: found again whenever it was lost, asked what it has, listened to. One
 * object per camera of the site, known by its name, so that the driver of plugs finds it whether it is there yet or not.
 * Everything runs on one thread, that of the context on which the first was made. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/profiles.h"
#include "onvif/client/ways.h"

typedef struct PtOnvifCamera PtOnvifCamera;

/* ---- what it has ---- */

typedef enum { PT_ONVIF_PLUG_INPUT, PT_ONVIF_PLUG_RELAY } PtOnvifPlugKind;

typedef struct {
	PtOnvifPlugKind kind;
	char *token;
	bool idle_closed; /* closed when inactive */
	/* relays */
	bool monostable, can_monostable;
	double delay_s; /* of a monostable one */
	/* what it said last */
	bool known;
	bool assumed; /* the state is what it was told, not what it said: it sends no events of it */
	bool active;
} PtOnvifPlug;

typedef struct {
	char *maker, *model, *firmware, *serial;
	GPtrArray *profiles;              /* of PtOnvifProfile *, those of main and sub with their url */
	PtOnvifProfile *main, *sub;       /* of profiles; NULL: none */
	char *snapshot;                   /* address of still pictures; NULL: none */
	GPtrArray *plugs;                 /* of PtOnvifPlug * */
	int audio_sources, audio_outputs; /* -1: not told */
	GPtrArray *notes;                 /* of char *: what could not be read, and why */
	GPtrArray *warnings;              /* of char *: what somebody should see to */
	/* when it was asked thoroughly, and where it tells */
	GPtrArray *users, *storage; /* of char *, as people read them */
	char **auxiliary;           /* words for its lamps, "tt:IRLamp|On"; not NULL */
} PtOnvifFound;

typedef enum {
	PT_ONVIF_STOPPED,
	PT_ONVIF_CONNECTING,
	PT_ONVIF_READY, /* described, and its events, if it has any, come in */
	PT_ONVIF_LOST,  /* see the reason; tried again */
} PtOnvifState;

typedef struct {
	PtOnvifState state;
	const char *reason; /* "" when all is well; valid until the next change */
	int64_t offset_ns;  /* its clock less ours */
	bool clock_known;
	/* When it last started, as far as it has told, on our clock (wall time, to about a second); 0: not known. */
	int64_t restarted_ns;
	bool events;    /* they come in */
	uint64_t spell; /* of listening without a break: another number after each break */
	PtOnvifWay way;
	PtOnvifEventsStats stats;
	const PtOnvifFound *found; /* NULL: never reached; valid until the next change */
} PtOnvifView;

/* ---- life ---- */

/* The camera of this name, made when there is none yet. */
PtOnvifCamera *pt_onvif_camera_get(const char *name);
PtOnvifCamera *pt_onvif_camera_ref(PtOnvifCamera *camera);
void pt_onvif_camera_unref(PtOnvifCamera *camera); /* takes NULL */

typedef struct {
	/* Described anew (also when nothing changed): its streams, and whatever else view() tells. */
	void (*found)(void *user, const PtOnvifFound *found);
	void (*state)(void *user, PtOnvifState state, const char *reason); /* when either changed */
	void (*said)(void *user, const PtOnvifSaid *said);                 /* every event */
	void *user;
} PtOnvifCameraHost;

typedef struct {
	PtOnvifParams device;
	PtOnvifWay events;      /* the way they are to come */
	PtOnvifDoor door;       /* for those that deliver; open NULL: there is none */
	const char *main, *sub; /* token or name of the profile to take; NULL: chosen by size and codec */
} PtOnvifCameraParams;

/* Reaches it, and goes on for ever. http and clock outlive the camera; params are copied. host may be NULL. */
void pt_onvif_camera_start(PtOnvifCamera *camera, PtHttp *http, PtClock *clock, const PtOnvifCameraParams *params,
                           const PtOnvifCameraHost *host);
/* Its clock less ours, when somebody knows it better than to the second, as its streams tell it. known false: nobody does.
 */
void pt_onvif_camera_set_clock(PtOnvifCamera *camera, bool known, int64_t offset_ns);
/* Its streams tell another time than it did itself: it is asked again, every 30 s at most. */
void pt_onvif_camera_doubt_clock(PtOnvifCamera *camera);
/* What it delivered, as its door got it. False: it is no delivery, or none is expected. */
bool pt_onvif_camera_deliver(PtOnvifCamera *camera, const void *message, size_t size);
/* A document of the metadata track of its main stream. */
void pt_onvif_camera_metadata(PtOnvifCamera *camera, const void *document, size_t size);
/* Its subscription is given back in the background. What it knew is unknown. */
void pt_onvif_camera_stop(PtOnvifCamera *camera);
/* At the end of the program, before the cameras are stopped: waits until all orders to relays are answered, two seconds at
 * most, so that safe states (P5) are reached. */
void pt_onvif_cameras_finish_orders(GMainContext *context);
/* At the end of the program: waits until all subscriptions are given back, two seconds at most. */
void pt_onvif_cameras_leave(GMainContext *context);

void pt_onvif_camera_view(const PtOnvifCamera *camera, PtOnvifView *ret);
/* NULL while it is not ready. */
PtOnvifDevice *pt_onvif_camera_device(PtOnvifCamera *camera);
/* A call to it while it is ready. fn is called once whatever happens: CLOSED when the camera is stopped first. */
void pt_onvif_camera_call(PtOnvifCamera *camera, PtOnvifService service, PtXml *body, PtOnvifFn fn, void *user);
/* Between two calls: fn is called so much later, without an answer; CLOSED when the camera is stopped first. */
void pt_onvif_camera_wait(PtOnvifCamera *camera, unsigned ms, PtOnvifFn fn, void *user);

/* ---- its plugs ---- */

typedef enum { PT_ONVIF_CONTACT_UNKNOWN, PT_ONVIF_CONTACT_OPEN, PT_ONVIF_CONTACT_CLOSED } PtOnvifContact;
typedef struct PtOnvifWatch PtOnvifWatch;
/* What an event of an input or relay says, and of which. False: of none that is known. ret_token: valid until the next
 * change. */
bool pt_onvif_camera_read_plug(PtOnvifCamera *camera, const PtOnvifSaid *said, PtOnvifPlugKind *ret_kind,
                               const char **ret_token, PtOnvifContact *ret_level);
/* When what the host is being told by said() happened, monotonic: now, unless it was on its way for seconds. */
int64_t pt_onvif_camera_said_ns(const PtOnvifCamera *camera);
/* What the contact does, at once and whenever it changes; mono_ns: when it did, as well as is known. */
typedef void (*PtOnvifContactFn)(void *user, PtOnvifContact level, int64_t mono_ns, bool initial);

/* token: as the camera names it. For a relay pulse_ns > 0 wants it monostable with this delay, where the camera can. */
PtOnvifWatch *pt_onvif_camera_watch(PtOnvifCamera *camera, PtOnvifPlugKind kind, const char *token, int64_t pulse_ns,
                                    PtOnvifContactFn fn, void *user);
void pt_onvif_watch_free(PtOnvifWatch *watch); /* takes NULL */
/* FALSE: the camera is not there, or has no such relay. What becomes of it is seen by the watch. for_ns > 0: a monostable
 * one is to end by itself after it. */
bool pt_onvif_watch_set(PtOnvifWatch *watch, bool closed, int64_t for_ns, GError **error);
