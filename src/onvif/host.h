/* What the ONVIF server needs of the program around it: everything it shows and does goes through these callbacks, so that
 * it knows neither cameras nor plugs nor files of the site. All are called on the server's thread and must not block. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include <gio/gio.h>
#include <stdbool.h>

#define PT_ONVIF_NAME 48 /* of a camera, an input, a relay; they are tokens on the wire */

/* ---- who ---- */

typedef enum { PT_ONVIF_ANYBODY, PT_ONVIF_USER, PT_ONVIF_OPERATOR, PT_ONVIF_ADMINISTRATOR } PtOnvifLevel;

typedef struct {
	char name[72];
	PtOnvifLevel level;
} PtOnvifUser;

/* ---- what it is ---- */

typedef struct {
	char manufacturer[64], model[64], firmware[64], serial[64], hardware[64];
	char name[128], location[64]; /* for discovery; "": none */
	char posix_tz[64];            /* "CET-1CEST,M3.5.0,M10.5.0/3"; "": unknown */
	bool ntp;                     /* the machine's clock is kept by NTP */
} PtOnvifIdentity;

typedef struct {
	char name[32], mac[20]; /* mac: "02:00:00:00:00:01" */
	int mtu;                /* 0: unknown */
	bool up;
	char ipv4[16], ipv6[46]; /* "": none */
	int prefix4, prefix6;
} PtOnvifInterface;

typedef struct {
	char hostname[128];
	GArray *interfaces;                        /* of PtOnvifInterface */
	GPtrArray *dns, *search, *gateways;        /* of char *: addresses, domains */
	unsigned http_port, https_port, rtsp_port; /* 0: not served */
} PtOnvifNetwork;

/* ---- streams ---- */

typedef enum { PT_ONVIF_NO_VIDEO, PT_ONVIF_H264, PT_ONVIF_H265, PT_ONVIF_JPEG } PtOnvifVideoCodec;
typedef enum {
	PT_ONVIF_NO_AUDIO,
	PT_ONVIF_PCMU,
	PT_ONVIF_PCMA,
	PT_ONVIF_AAC,
	PT_ONVIF_OPUS,
} PtOnvifAudioCodec;

typedef struct {
	PtOnvifVideoCodec codec;
	unsigned width, height;
	double fps;
	unsigned kbps, gop; /* gop: frames from key frame to key frame */
} PtOnvifVideo;

#define PT_ONVIF_AUDIOS 4
typedef struct {
	PtOnvifAudioCodec codec;
	unsigned sample_rate, kbps;
} PtOnvifAudio;

/* One stream of a camera. Its path on the RTSP server is CAMERA/main or CAMERA/sub. */
typedef struct {
	char camera[PT_ONVIF_NAME];
	bool sub;
	PtOnvifVideo video;
	char profile[12]; /* "Baseline", "Main", "High"; "": unknown */
	PtOnvifAudioCodec audio;
	unsigned sample_rate, channels, audio_kbps;
	/* What set_audio takes; 0: it is as it is. */
	unsigned n_audio_options;
	PtOnvifAudio audio_options[PT_ONVIF_AUDIOS];
	bool settable; /* set_video takes other values than these */
	bool metadata; /* events travel along in it */
	bool osd;      /* set_osds burns text into it */
	bool speaker;  /* the camera has one: its streams have the back channel of ONVIF, in G.711 */
} PtOnvifStream;

#define PT_ONVIF_SIZES 8
typedef struct {
	unsigned n_codecs;
	PtOnvifVideoCodec codecs[PT_ONVIF_JPEG];
	unsigned n_sizes, widths[PT_ONVIF_SIZES], heights[PT_ONVIF_SIZES];
	unsigned n_rates, rates[PT_ONVIF_SIZES]; /* frames per second */
	unsigned kbps_min, kbps_max, gop_min, gop_max;
} PtOnvifVideoOptions;

/* Text in the picture of a camera, in the words of tt:OSDConfiguration. */
#define PT_ONVIF_OSDS 8       /* of a camera */
#define PT_ONVIF_OSD_TEXT 128 /* bytes of one and its terminator */
typedef struct {
	char token[PT_ONVIF_NAME + 40], camera[PT_ONVIF_NAME];
	char position[12];       /* "UpperLeft", …, "Custom" */
	double x, y;             /* Custom: -1, -1 is the lower left corner, 1, 1 the upper right one */
	char type[12];           /* "Plain", "Date", "Time", "DateAndTime" */
	char date[24], time[16]; /* how they are written: "yyyy-MM-dd", "HH:mm:ss" */
	char text[PT_ONVIF_OSD_TEXT];
} PtOnvifOsd;

/* jpeg NULL: error says why. */
typedef void (*PtOnvifSnapshotFn)(void *user, GBytes *jpeg, const GError *error);

/* ---- events ---- */

typedef enum {
	PT_ONVIF_DIGITAL_INPUT,   /* active: the input is */
	PT_ONVIF_RELAY,           /* active: the relay is */
	PT_ONVIF_MOTION_ALARM,    /* active: something moves; token: the camera */
	PT_ONVIF_STORAGE_FAILURE, /* active: it failed */
	PT_ONVIF_LAST_REBOOT,     /* its wall time is what it says; one, without a token */
	PT_ONVIF_RECORDING_STATE, /* active: it is being recorded; token: the recording */
	PT_ONVIF_TRACK_STATE,     /* active: its pictures come; token: the recording */
	PT_ONVIF_JOB_STATE,       /* active: it records; token: the job */
	PT_ONVIF_N_TOPICS,
} PtOnvifTopic;

/* A state that something took at some time, or had then. */
typedef struct {
	PtOnvifTopic topic;
	char token[PT_ONVIF_NAME + 16], camera[PT_ONVIF_NAME]; /* camera "": it belongs to none */
	bool active;
	bool start; /* it had it before, and had it still */
	int64_t wall_ns;
} PtOnvifHappening;

/* ---- recordings ---- */

typedef struct {
	int64_t from_ns, to_ns;
} PtOnvifSpan;

/* What is kept of one stream of a camera. The address of its replay is replay/CAMERA/main or …/sub. */
typedef struct {
	char token[PT_ONVIF_NAME + 8], camera[PT_ONVIF_NAME];
	bool sub;
	bool recording;            /* now */
	bool job;                  /* the site file has it recorded */
	bool wanted;               /* its job is active: it is recorded whenever there are pictures */
	int64_t first_ns, last_ns; /* 0: there is nothing yet */
	bool sound;                /* there is some, and it may be heard */
	bool sound_recording;      /* now */
	int64_t sound_first_ns, sound_last_ns;
	GArray *spans; /* of PtOnvifSpan, by time, those that touch joined; NULL: not asked for */
} PtOnvifRecording;

/* What is asked of them. */
typedef struct {
	bool history; /* with where there is footage from one instant to the other, and what happened: */
	int64_t from_ns, to_ns;
	bool newest; /* when it is too much, the newest counts */
} PtOnvifRecordingsQuery;

/* recordings: of PtOnvifRecording, the callee's to change, the caller's to unref; NULL and an error. happenings: of
 * PtOnvifHappening, those of one thing in the order of time, before them its state at from_ns where that is known (start);
 * NULL: not asked for. */
typedef void (*PtOnvifRecordingsFn)(void *user, GArray *recordings, GArray *happenings, const GError *error);

/* ---- plugs ---- */

typedef struct {
	char token[PT_ONVIF_NAME], camera[PT_ONVIF_NAME]; /* camera "": it belongs to none */
	bool idle_closed;                                 /* a normally-closed contact */
} PtOnvifInput;

typedef struct {
	bool monostable, idle_closed;
	int64_t delay_ns;
} PtOnvifRelaySettings;

typedef struct {
	char token[PT_ONVIF_NAME], camera[PT_ONVIF_NAME];
	PtOnvifRelaySettings settings;
	bool fixed; /* it moves what a person could be hurt by: its settings are those of the site file */
	char kind[16];
} PtOnvifRelay;

#define PT_ONVIF_DELAY_MIN_NS (50 * PT_NS_PER_MS)
#define PT_ONVIF_DELAY_MAX_NS (3600 * PT_NS_PER_S)

/* ---- the callbacks ---- */

typedef struct {
	PtClock *clock;
	const char *directory; /* where settings made over ONVIF are kept, in a file of their own; NULL: they are not kept */
	void *data;

	/* "user/anna via onvif" is who does it; errors become faults by their code. */
	void (*identify)(void *data, PtOnvifIdentity *ret);
	void (*network)(void *data, PtOnvifNetwork *ret); /* lists are made by the caller and empty */
	GArray *(*streams)(void *data);                   /* of PtOnvifStream; caller unrefs */
	GArray *(*inputs)(void *data);                    /* of PtOnvifInput */
	GArray *(*relays)(void *data);                    /* of PtOnvifRelay */
	gboolean (*set_relay)(void *data, const char *relay, bool active, const char *actor, GError **error);
	char *(*password)(void *data, const char *user); /* NULL: no such user; the server wipes and frees it */
	PtOnvifLevel (*level)(void *data, const char *user);
	bool (*may_see)(void *data, const char *user, const char *camera);
	GArray *(*users)(void *data); /* of PtOnvifUser */
	/* all of the following are optional */

	/* The settings stored come back through this at the start, with actor "start". */
	gboolean (*configure_relay)(void *data, const char *relay, const PtOnvifRelaySettings *settings, const char *actor,
	                            GError **error);
	void (*snapshot)(void *data, const char *camera, bool sub, PtOnvifSnapshotFn fn, void *user);
	bool (*video_options)(void *data, const char *camera, bool sub, PtOnvifVideoOptions *ret);
	gboolean (*set_video)(void *data, const char *camera, bool sub, const PtOnvifVideo *video, GError **error);
	/* One of the stream's audio_options. */
	gboolean (*set_audio)(void *data, const char *camera, bool sub, PtOnvifAudioCodec codec, GError **error);
	/* A key frame as soon as the source can; one that cannot makes them when it does. */
	void (*key_frame)(void *data, const char *camera, bool sub);
	/* All texts in the picture of a camera. */
	void (*set_osds)(void *data, const char *camera, const PtOnvifOsd *osds, unsigned n);
	/* Infrared of a camera: the plug that moves the filter. False: the camera has none. day: the filter is in (ON). */
	bool (*ir_cut)(void *data, const char *camera, bool *ret_day);
	gboolean (*set_ir_cut)(void *data, const char *camera, bool day, const char *actor, GError **error);
	/* An event for those who watch a camera's stream with metadata; camera NULL: all of them. */
	void (*metadata)(void *data, const char *camera, const void *xml, size_t size, int64_t wall_ns);
	/* A login was refused; user: as claimed, "" when none was. */
	void (*login_refused)(void *data, const char *user, const char *remote, const char *why);
	/* Scopes, discovery mode or addresses are others now: who announces them says so. */
	void (*discovery_changed)(void *data);
	/* All recordings, at once or later. */
	void (*recordings)(void *data, const PtOnvifRecordingsQuery *query, PtOnvifRecordingsFn fn, void *user);
	/* Whether a stream that the site file has recorded is. user: who wants it so; what is stored comes back at the
	 * start, with the user of then. */
	gboolean (*set_recording)(void *data, const char *camera, bool sub, bool on, const char *user, GError **error);
	bool (*motion)(void *data); /* whether MotionAlarm events come; NULL: they do not */
	bool push;                  /* base notification: events are sent to addresses that clients give */
} PtOnvifHost;
