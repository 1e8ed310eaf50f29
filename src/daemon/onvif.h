/* This Pigtail as an ONVIF camera: the host of the ONVIF server, mounted on a port of its own. Follows the site file. Main
 * thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/eventlog.h"
#include "daemon/plugs.h"
#include "daemon/serve.h"
#include "onvif/server/server.h"

typedef struct PtOnvif PtOnvif;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtPlugs *plugs;
	PtCameras *cameras;
	PtServe *serve;
	const char *directory; /* of the archive: what clients set is kept there */
	PtArchive *archive;    /* NULL: nothing is recorded */
	PtEventlog *log;
} PtOnvifEnv;

/* The server without a port: relays get what was set for them. env is copied; what it names outlives this. */
PtOnvif *pt_onvif_new(const PtOnvifEnv *env, PtSite *site);
/* Opens site->serve_onvif; certificate NULL: plain HTTP. */
bool pt_onvif_listen(PtOnvif *onvif, GTlsCertificate *certificate, GError **error);
void pt_onvif_apply(PtOnvif *onvif, PtSite *site);            /* keeps a reference; takes NULL, as do the following */
void pt_onvif_describe(PtOnvif *onvif, JsonBuilder *builder); /* the member "onvif" of /api/state */
void pt_onvif_free(PtOnvif *onvif);
/* For WS-Discovery: what is announced, and the port (0: none). */
PtOnvifServer *pt_onvif_server(PtOnvif *onvif);
unsigned pt_onvif_port(PtOnvif *onvif);
bool pt_onvif_is_tls(PtOnvif *onvif);
/* Called when scopes or the discovery mode were set. */
void pt_onvif_on_discovery_changed(PtOnvif *onvif, void (*fn)(void *user), void *user);

/* onvif-network.c: name, interfaces, name servers, gateways of this machine, into lists that are there. */
void pt_onvif_read_network(PtOnvifNetwork *ret);
/* "CET-1CEST,M3.5.0,M10.5.0/3" for "Europe/Berlin"; "" when it is not known. */
void pt_onvif_read_posix_tz(const char *timezone, char *ret, size_t size);
bool pt_onvif_clock_is_kept(void); /* by NTP */
/* A number of this machine and installation that stays the same: 12 hex digits. */
void pt_onvif_read_serial(const char *directory, char *ret, size_t size);

/* onvif-streams.c: the cameras' streams as ONVIF describes them. */
typedef struct PtOnvifStreams PtOnvifStreams;
PtOnvifStreams *pt_onvif_streams_new(PtCameras *cameras);
void pt_onvif_streams_free(PtOnvifStreams *streams);                        /* takes NULL */
GArray *pt_onvif_streams_list(PtOnvifStreams *streams, const PtSite *site); /* of PtOnvifStream; caller unrefs */
/* A JPEG of the newest key frame. */
void pt_onvif_streams_snapshot(PtOnvifStreams *streams, const char *camera, bool sub, PtOnvifSnapshotFn fn, void *user);

/* onvif-recordings.c: what the archive keeps of the site's cameras, and what happened to things, later, on the calling
 * thread. */
void pt_onvif_recordings_list(const PtOnvifEnv *env, const PtSite *site, const PtOnvifRecordingsQuery *query,
                              PtOnvifRecordingsFn fn, void *user);

/* onvif-history.c: the log in the words of ONVIF. */
/* The things that have a past, as happenings without a time: plugs, motion of cameras, the disk. Caller unrefs. */
GArray *pt_onvif_history_things(const PtOnvifEnv *env, const PtSite *site);
/* What the log says of them, as PtOnvifRecordingsFn gets it; any thread, waits for the disk. NULL and an error. */
GArray *pt_onvif_history_read(PtEventlog *log, const GArray *things, const PtOnvifRecordingsQuery *query, GError **error);
/* False: no state that ONVIF has a word for. */
bool pt_onvif_history_state(PtOnvifTopic topic, const char *state, bool *ret_active);

/* onvif-encoders.c: setting sources that are encoded on this machine. */
/* What a location asks for; false: it is not encoded here. */
bool pt_onvif_encoder_describe(const char *location, PtOnvifStream *ret);
/* The same for a microphone: what its codec may be and is. */
bool pt_onvif_microphone_describe(const char *location, PtOnvifStream *ret);
bool pt_onvif_encoder_options(PtCameras *cameras, const PtSite *site, const char *camera, bool sub,
                              PtOnvifVideoOptions *ret);
gboolean pt_onvif_encoder_set_video(PtCameras *cameras, const PtSite *site, const char *camera, bool sub,
                                    const PtOnvifVideo *video, GError **error);
gboolean pt_onvif_encoder_set_audio(PtCameras *cameras, const PtSite *site, const char *camera, bool sub,
                                    PtOnvifAudioCodec codec, GError **error);
/* Seconds by which the site's clocks are ahead of UTC. */
int32_t pt_onvif_utc_offset(const PtSite *site, int64_t wall_ns);
/* All texts in the pictures of a camera. */
void pt_onvif_set_texts(PtCameras *cameras, const char *camera, int32_t utc_offset_s, const PtOnvifOsd *osds, unsigned n);
