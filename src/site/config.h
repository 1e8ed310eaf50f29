/* The site file: YAML in, checked structs out. Immutable once loaded and ref-counted, so that a reload swaps one pointer and
 * whoever still works with the old site keeps it. doc/guide/site-file.md describes every key. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "alarm/plan.h"
#include "base/node.h"
#include "notify/target.h"
#include "plugs/plug.h"
#include "rules/parse.h"

typedef enum { PT_RECORD_NEVER, PT_RECORD_EVENTS, PT_RECORD_ALWAYS, PT_RECORD_ON_LOSS } PtRecordMode;
typedef enum { PT_LISTEN_NEVER, PT_LISTEN_OPERATOR, PT_LISTEN_ALL } PtListen;
typedef enum { PT_SOUND_NEVER, PT_SOUND_EVENTS, PT_SOUND_ALWAYS, PT_SOUND_TALK } PtSoundRecord;
typedef enum { PT_SITE_TRANSPORT_TCP, PT_SITE_TRANSPORT_UDP } PtSiteTransport;
typedef enum { PT_SITE_TLS_ANY, PT_SITE_TLS_VERIFY, PT_SITE_TLS_PINNED } PtSiteTls;
/* The way an ONVIF camera's events come. */
typedef enum {
	PT_SITE_EVENTS_ANY,
	PT_SITE_EVENTS_NONE,
	PT_SITE_EVENTS_PULL,
	PT_SITE_EVENTS_PUSH,
	PT_SITE_EVENTS_METADATA
} PtSiteEvents;
typedef enum { PT_SITE_ROLE_VIEWER, PT_SITE_ROLE_OPERATOR, PT_SITE_ROLE_ADMIN } PtSiteRole;
extern const char *const pt_record_words[], *const pt_listen_words[], *const pt_sound_words[], *const pt_transport_words[],
                                                                                                   *const pt_role_words[];
extern const char *const pt_site_events_words[];

typedef struct {
	char *name, *user, *password;
	char *place; /* "secrets.yaml:3: app-passwords.vlc", for messages; NULL: of a token */
} PtSiteLogin;

#define PT_ZONE_POINTS 16
#define PT_ZONES 16

/* A polygon in the picture, whose corners are 0..1 from its top left. */
typedef struct {
	bool exclude;
	unsigned n;
	float x[PT_ZONE_POINTS], y[PT_ZONE_POINTS];
} PtSiteZone;

typedef struct {
	char *name;
	char *source, *sub;       /* without any password; sub NULL: none */
	char *microphone;         /* "alsa:default"; NULL: the source's own, if it has one */
	char *speaker;            /* "alsa:default", "wav:FILE"; NULL: the source's own, if it has one */
	char *snapshot;           /* URL of still pictures; NULL: from the stream */
	const PtSiteLogin *login; /* of the site's logins; NULL: none */
	PtSiteTransport transport;
	PtSiteTls tls;                    /* whom to trust over rtsps:// and onvifs:// */
	uint8_t tls_pin[32];              /* PINNED: SHA-256 of its certificate */
	PtSiteEvents events;              /* of ONVIF cameras */
	char *profile_main, *profile_sub; /* of ONVIF cameras: tokens or names; NULL: chosen by size and codec */
	PtRecordMode record_main, record_sub;
	int64_t keep_ns, max_keep_ns; /* 0: as the archive; no hard limit */
	uint64_t keep_bytes;          /* 0: as the archive */
	PtListen listen;
	PtSoundRecord sound;
	bool backfill;          /* gaps are filled from its card by themselves; ONVIF cameras unless they are not to */
	uint64_t backfill_rate; /* bit/s; 0: no limit */
	int backfill_from_min, backfill_to_min; /* minutes of the day; -1: any */
	bool backfill_oldest_first;
	bool motion; /* it is looked for */
	unsigned motion_sensitivity;
	int64_t motion_hold_ns, motion_before_ns, motion_after_ns; /* before, after: kept of record: events */
	GArray *motion_zones;                                      /* of PtSiteZone; NULL: the whole picture */
} PtSiteCamera;

/* The broker, and how the site shows itself there. */
typedef struct {
	char *host;
	int port;
	bool tls;
	char *ca;                 /* file; NULL: the system's certificates */
	const PtSiteLogin *login; /* of the site's logins; NULL: none */
	char *client_id, *prefix;
	int version;          /* 5 or 311; 0: whichever the broker speaks */
	char *home_assistant; /* its discovery prefix; NULL: nothing is announced */
	int64_t pictures_ns;  /* how often one of each camera is published; 0: none is */
} PtSiteMqtt;

typedef struct {
	char *name;
	PtSiteRole role;
	char **cameras; /* NULL: all */
	char *password; /* "$argon2id$…"; NULL: cannot log in with a password */
	char *pin;      /* the same of the PIN that disarms; NULL: has none */
} PtSiteUser;

typedef struct PtSite PtSite;
struct PtSite {
	gatomicrefcount refs;
	char *path, *dir; /* of the site file */

	char *name;
	bool located;
	double latitude, longitude;
	char *timezone;
	GTimeZone *zone;
	char **modes; /* arming modes; the first is what a new site is in */
	char *holidays_path;
	PtHolidays *holidays; /* NULL: no file is named */

	char *web_listen; /* "127.0.0.1:8080" */
	char **web_names; /* host names by which browsers may call it, besides addresses and this machine's; NULL: none */
	char *tls_cert, *tls_key; /* paths; NULL: none */
	bool tls_own;             /* by an authority of its own */
	char *web_install;        /* "ADDRESS:PORT" at which that authority's certificate is given without TLS; NULL: not */
	int web_max_connections;

	char *archive_path;
	char *archive_card;  /* where its medium is mounted, when it is one that may go; NULL: it is not */
	char *archive_state; /* directory of what is no footage: log, sessions, settings */
	int64_t archive_keep_ns, archive_sync_ns; /* keep 0: no limit by age */
	uint64_t archive_keep_bytes;              /* 0: no limit */
	uint64_t archive_free_bytes;              /* to stay free; 0: see percent */
	double archive_free_percent;

	GPtrArray *cameras;         /* of PtSiteCamera *, in the order of the file */
	GPtrArray *inputs, *relays; /* of PtPlugSettings * */
	PtRules *rules;
	PtAlarmPlan *alarm;              /* without a section alarm: no zones, no delays */
	GPtrArray *notify;               /* of PtNotifyTarget *; behind those of the file the webhooks of rules */
	PtSiteMqtt *mqtt;                /* NULL: no broker */
	char *talk_messages;             /* folder of sound files; NULL: none */
	char *talk_voice;                /* as espeak-ng calls it */
	GPtrArray *users;                /* of PtSiteUser * */
	char *users_path, *secrets_path; /* absolute; the files may be absent */

	char *serve_rtsp, *serve_rtsps, *serve_onvif; /* "ADDRESS:PORT"; NULL: not served */
	char *serve_events; /* where cameras deliver events; NULL: any free port, as soon as one has to */
	bool serve_plain;   /* plain: lan */

	GPtrArray *logins;        /* of PtSiteLogin * */
	GPtrArray *app_passwords; /* of PtSiteLogin *: name = what it is for, user, password */
	GPtrArray *notes;         /* of char *: what is not wrong, but should be known */
};

/* Reads the site file, cameras.d/ and the users and secrets files beside it. FALSE when there are problems, all of which
 * are added ("site.yaml:14: relays.gate: …"); *ret_site is then untouched. */
gboolean pt_site_load(const char *path, PtSite **ret_site, GPtrArray *problems);
PtSite *pt_site_ref(PtSite *site);
void pt_site_unref(PtSite *site); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtSite, pt_site_unref)

bool pt_site_is_onvif(const PtSiteCamera *camera);                        /* onvif:// or onvifs:// */
const PtSiteCamera *pt_site_camera(const PtSite *site, const char *name); /* NULL: none of this name */
const PtPlugSettings *pt_site_input(const PtSite *site, const char *name);
const PtPlugSettings *pt_site_relay(const PtSite *site, const char *name);
const PtSiteUser *pt_site_user(const PtSite *site, const char *name);
/* The names of the sound files in talk.messages, as they are now, sorted: no other file is ever played. NULL-terminated,
 * caller frees. */
char **pt_site_messages(const PtSite *site);
bool pt_site_has_pins(const PtSite *site); /* somebody has a PIN: disarming asks for one */

/* An address as others may see it: many cameras want user and password in its query or path, and those stay ours. Caller
 * frees. */
char *pt_site_shown_url(const char *url);

/* The site as normalised text, without secrets. Caller frees. */
char *pt_site_print(const PtSite *site);

/* The target of the webhook that is the rule's action of this number. Caller frees. */
char *pt_site_webhook_name(const PtRule *rule, unsigned number);

/* Whom to tell, and how: secrets included. */
bool pt_site_same_notify(const PtSite *a, const PtSite *b);

/* What a reload has to touch: names that came, went, or changed. What is not named keeps running. */
typedef struct {
	GPtrArray *cameras_gone, *cameras_new, *inputs_gone, *inputs_new, *relays_gone,
	    *relays_new;                                             /* of char *; changed: in both */
	bool rules, web, archive, serve, notify, users, place, mqtt; /* something of it changed */
} PtSiteDiff;
PtSiteDiff *pt_site_diff(const PtSite *before, const PtSite *after);
void pt_site_diff_free(PtSiteDiff *diff);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtSiteDiff, pt_site_diff_free)

/* "[a-z0-9][a-z0-9_-]*", at most 40: names become directories and parts of URLs. */
bool pt_site_name_valid(const char *name);
