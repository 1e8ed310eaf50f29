/* A stream fans samples out: one source pushes, any number of sinks take. It is the contract between ingest and all that
 * lives on footage (archive, viewers, restream, codec), and it keeps the counters that the system page shows. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/sample.h"

#define PT_STREAM_TRACKS 4

typedef enum {
	PT_STREAM_IDLE,       /* not asked to run */
	PT_STREAM_CONNECTING, /* trying, nothing has come yet */
	PT_STREAM_LIVE,       /* samples come */
	PT_STREAM_LOST,       /* it failed and is tried again; the reason says why */
} PtStreamState;

typedef struct PtStream PtStream;
typedef struct PtSink PtSink;

typedef struct {
	const char *name;
	/* On the stream's pushing thread, with the stream locked: must not block, must not add or remove sinks, takes a
	 * reference to keep the sample. */
	void (*sample)(PtSink *sink, PtSample *sample);
	/* all of the following are optional */
	void (*state)(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns); /* same thread and rules */
} PtSinkOps;

struct PtSink {
	const PtSinkOps *ops;
	/* private */
	PtStream *stream;
	PtSink *next;
};

typedef struct {
	uint64_t samples, bytes, lost_packets, dropped_samples, packets;
	PtFormat *format;     /* a reference the caller drops; NULL: no such track */
	int64_t last_wall_ns; /* 0: none yet */
	double bitrate, fps;  /* bit/s and samples/s over the last two to four seconds */
} PtTrackStats;

typedef struct {
	PtStreamState state;
	char reason[200]; /* "" or the one clear sentence why it is not live */
	int64_t since_ns; /* wall time of the last change of state */
	int n_tracks;
	PtTrackStats tracks[PT_STREAM_TRACKS];
	int64_t clock_offset_ns; /* camera's clock minus ours, by its sender reports */
	bool clock_known;
	bool clock_fresh; /* and since it is live */
	unsigned reconnects;
	uint64_t refused_packets; /* what came and was not for it, or broke its format */
} PtStreamStats;

PtStream *pt_stream_new(const char *name); /* "gate/main" */
PtStream *pt_stream_ref(PtStream *stream);
void pt_stream_unref(PtStream *stream); /* takes NULL; all sinks must be gone at the last one */
const char *pt_stream_name(const PtStream *stream);

/* For the source, all from one thread. */
void pt_stream_set_format(PtStream *stream, unsigned track, PtFormat *format); /* takes its own reference; NULL removes */
void pt_stream_push(PtStream *stream, PtSample *sample);                       /* keeps no reference unless a sink does */
void pt_stream_set_state(PtStream *stream, PtStreamState state, const char *reason,
                         int64_t wall_ns); /* reason may be NULL */
void pt_stream_count(PtStream *stream, unsigned track, uint64_t packets, uint64_t lost, uint64_t dropped); /* adds */
void pt_stream_count_refused(PtStream *stream, uint64_t packets);                                          /* adds */
void pt_stream_set_clock_offset(PtStream *stream, int64_t offset_ns);

/* Who makes a key frame when somebody asks: called on any thread, with the stream locked; NULL: nobody any more. */
void pt_stream_set_key_maker(PtStream *stream, void (*make_key)(void *data), void *data);

/* For everybody, from any thread. */
/* A key frame as soon as may be. False: the source makes them when it does. */
bool pt_stream_request_key(PtStream *stream);
void pt_stream_add_sink(PtStream *stream, PtSink *sink);
void pt_stream_remove_sink(
    PtSink *sink); /* when it returns, the sink is not and will not be called; harmless when not added */
PtFormat *pt_stream_get_format(PtStream *stream, unsigned track);     /* a reference, or NULL */
void pt_stream_get_stats(PtStream *stream, PtStreamStats *ret_stats); /* drop with pt_stream_stats_clear */
void pt_stream_stats_clear(PtStreamStats *stats);
/* The newest key sample of the first video track, or NULL. A reference. */
PtSample *pt_stream_get_key(PtStream *stream);
/* What other programs have of it, as far as the server that sends it knows (monotonic; 0: never): when somebody last took
 * what there was to take, and when pictures were last kept from somebody who played it, since he was too slow or went. */
void pt_stream_note_taken(PtStream *stream, int64_t mono_ns);
void pt_stream_note_missed(PtStream *stream, int64_t mono_ns);
int64_t pt_stream_taken_ns(const PtStream *stream); /* without a lock: for sinks */
int64_t pt_stream_missed_ns(const PtStream *stream);
/* How many sinks but the archive's look at it: a source may idle at zero. */
unsigned pt_stream_n_sinks(PtStream *stream);
