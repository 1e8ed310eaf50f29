/* The contract between whoever keeps footage and the RTSP server that replays it (ONVIF Streaming Specification, Playback).
 * Everything here may wait for a disk and is called from threads of the replay alone, one thread at a time per object. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"
#include "media/stream.h"

/* One recording: the tracks of one stream of a camera. Footage comes and goes while it is looked at. */
typedef struct PtReplay PtReplay;
/* One run through it. */
typedef struct PtReplayRun PtReplayRun;

typedef struct {
	int64_t from_ns;  /* where it begins: within footage at the clean point at or before it */
	int64_t to_ns;    /* where it ends: before from_ns in reverse; INT64_MAX, in reverse INT64_MIN: open */
	bool reverse;     /* groups of pictures in falling order, each in itself in rising order; pictures alone */
	bool intra;       /* of pictures only those that stand alone, */
	int64_t interval; /* ns, and none nearer than this to the one before */
	unsigned tracks;  /* bits */
} PtReplaySpan;

typedef struct {
	PtSample *sample;   /* a reference; its dts and pts are those of its file and mean nothing from one to the next */
	int64_t decode_ns;  /* wall time of its dts: rises forward within a track, B-frames or not */
	bool end;           /* the last before a gap, or of what there is */
	bool discontinuity; /* it does not follow the one before in time */
	bool terminal;      /* the last of its track in this run */
} PtReplayItem;

typedef enum {
	PT_REPLAY_SAMPLE,
	PT_REPLAY_LATER, /* nothing more yet: ask again in a while */
	PT_REPLAY_OVER,
	PT_REPLAY_FAILED,
} PtReplayNext;

typedef struct {
	void (*free)(PtReplay *replay);
	/* Formats of the newest footage (NULL: no such track; the caller drops them) and between which instants there is
	 * any. NOT_FOUND when there is none at all. */
	bool (*describe)(PtReplay *replay, PtFormat *ret_formats[PT_STREAM_TRACKS], int64_t *ret_first_ns,
	                 int64_t *ret_last_ns, GError **error);
	PtReplayRun *(*open)(PtReplay *replay, const PtReplaySpan *span, GError **error);
	PtReplayNext (*next)(PtReplayRun *run, PtReplayItem *ret, GError **error);
	void (*close)(PtReplayRun *run);
} PtReplayOps;

struct PtReplay {
	const PtReplayOps *ops;
	const char
	    *tracks[PT_STREAM_TRACKS]; /* how each is called elsewhere ("VIDEO001"); constant text, NULL: no such track */
};
