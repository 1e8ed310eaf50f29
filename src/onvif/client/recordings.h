/* What an ONVIF camera has on its card (Profile G): its recordings, what happened while nobody listened, and where it
 * replays it. Each call answers once; the camera must be ready, else CLOSED. UNSUPPORTED: it records nothing, or does not
 * let anybody find it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/camera.h"

typedef enum { PT_ONVIF_TRACK_VIDEO, PT_ONVIF_TRACK_AUDIO, PT_ONVIF_TRACK_METADATA } PtOnvifTrackKind;

typedef struct {
	char *token;
	PtOnvifTrackKind kind;
	int64_t first_ns, last_ns; /* by its clock; 0: not told */
} PtOnvifTrack;

typedef struct {
	char *token;
	char *source;              /* name or id of what it records, as it says; "" */
	char *status;              /* "Recording", "Stopped", …; "" when it does not say */
	int64_t first_ns, last_ns; /* by its clock; 0: not told */
	int width, height;         /* of its pictures; 0: not told */
	char *codec;               /* "H264" as it says; "" */
	GPtrArray *tracks;         /* of PtOnvifTrack * */
} PtOnvifRecording;

/* recordings: of PtOnvifRecording *, valid during the call; NULL on error. Those with the highest resolution first. */
typedef void (*PtOnvifRecordingsFn)(void *user, const GPtrArray *recordings, const GError *error);
void pt_onvif_recordings(PtOnvifCamera *camera, PtOnvifRecordingsFn fn, void *user);

/* url: without a password, reachable from here (its host is the one that the camera is reached by); NULL on error. */
typedef void (*PtOnvifReplayFn)(void *user, const char *url, const GError *error);
void pt_onvif_replay_url(PtOnvifCamera *camera, const char *recording, PtOnvifReplayFn fn, void *user);

/* What happened in [from, to) by the camera's clock: FindEvents, in order of time. said: of PtOnvifSaid *, normalised as
 * live events are, their times by the camera's clock; what was only the state at the beginning is marked initial. */
typedef void (*PtOnvifHappenedFn)(void *user, const GPtrArray *said, const GError *error);
void pt_onvif_events_between(PtOnvifCamera *camera, int64_t from_ns, int64_t to_ns, PtOnvifHappenedFn fn, void *user);
