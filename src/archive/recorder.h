/* A recorder is the sink that turns one stream's samples into fragments for the writer: when a fragment ends, when a
 * segment begins, what is missing in between, and where on the archive's time axis everything stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/writer.h"
#include "media/stream.h"

typedef struct PtRecorder PtRecorder;

typedef struct {
	const char *camera;
	const char *video;    /* series for the picture: "main" or "sub"; NULL: not recorded */
	const char *audio;    /* "audio", or NULL */
	const char *metadata; /* "metadata", or NULL */
} PtRecorderParams;

/* Adds itself to the stream. From here on footage is owed: what does not come is a gap. */
PtRecorder *pt_recorder_start(PtWriter *writer, PtStream *stream, const PtRecorderParams *params, GError **error);
/* Hands over what is pending and opens a gap with the reason ("pigtail was stopped"). */
void pt_recorder_stop(PtRecorder *recorder, PtGapCause cause, const char *reason); /* takes NULL */

/* The camera can be asked later for what got lost: a gap then goes on to the next key frame, since what cannot be decoded
 * before it is fetched with the rest, and the segment ends there, so that what is fetched has its place. Without it (the
 * default) every frame that came is kept. Any thread. */
void pt_recorder_set_refillable(PtRecorder *recorder, bool refillable);

/* How far the archive's axis runs ahead of the hub's clock for its pictures, since that was set back; 0: it does not. Any
 * thread. */
int64_t pt_recorder_hold_ns(PtRecorder *recorder);

/* Hands over fragments that are old although no sample came to end them. From the writer's tick. */
void pt_recorder_tick(PtRecorder *recorder);

/* A fragment ends after this much footage, so that with the writer's own delay at most a second is in memory alone (P1). */
#define PT_FRAGMENT_NS (INT64_C(800) * 1000000)
#define PT_FRAGMENT_BYTES (512u * 1024)
#define PT_SEGMENT_NS (INT64_C(60) * 1000000000)

/* The pure part, for tests: where a sample stands on a time axis that never goes back. */
typedef struct {
	int64_t hold_ns;     /* how far the axis runs ahead of the hub's clock, since that was set back */
	int64_t end_ns;      /* end of what stands on the axis; 0 nothing */
	int64_t set_back_ns; /* by how much the hub's clock was set back in all since the axis was begun, and not forward
	                        again */
} PtAxis;
/* The hub's clock was set by so much (negative: back), or strayed by what is not worth telling. */
void pt_axis_clock_set(PtAxis *axis, int64_t by_ns);
/* wall_ns: the hub's estimate for the sample; expected_ns: where it should stand if nothing is missing before it, or 0 when
 * unknown (a new connection); key: a segment could begin with it. Returns its place; sets *ret_jump when the clock was set
 * forward between them. */
int64_t pt_axis_place(PtAxis *axis, int64_t wall_ns, int64_t expected_ns, bool key, bool *ret_jump);
