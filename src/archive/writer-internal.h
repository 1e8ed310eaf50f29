/* What the parts of the writer share: writer.c (segments, syncs, the thread), writer-gaps.c (what is missing and why) and
 * writer-medium.c (a card that goes and comes back). Nobody else includes this. All on the writer's thread unless said. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/card.h"
#include "archive/segment.h"
#include "archive/syncer.h"
#include "archive/writer.h"
#include "base/bytes.h"
#include <pthread.h>

#define PT_WRITER_RETRY_NS (2 * INT64_C(1000000000)) /* after the disk failed, and between two looks after the medium */

struct PtSeries {
	char *camera, *stream;
	int64_t id;

	/* writer's thread only */
	PtSegment *segment;
	PtSegmentRow row; /* of the open segment; row.end_ns is what is written */
	int64_t dts0;     /* first dts of the open segment */
	uint32_t sequence;
	bool dirty;       /* appended to since the last sync */
	int64_t file_end; /* of the newest footage by the ticks in its file */
	bool gap_open;
	PtGapRow gap;

	/* under the writer's lock */
	int64_t last_end; /* end of the newest footage written; 0 none */
	size_t queued;
};

typedef struct PtWriterJob Job;
struct PtWriterJob {
	Job *next;
	PtFragment *fragment; /* or, when NULL, what follows */
	PtSeries *series;
	int64_t from_ns;
	PtGapCause cause;
	char *reason;
	bool close;
	bool slow;           /* the gap is the disk's fault */
	bool *flushed;       /* a flush request */
	PtSyncBatch *synced; /* the syncer is done with it */
};

struct PtWriter {
	pthread_t thread;
	char *root;
	PtStore *store;
	int64_t sync_interval;
	PtWriterHooks hooks;

	/* under lock */
	GMutex lock;
	GCond wake, flushed;
	Job *first, **last;
	GPtrArray *series;
	PtWriterStats stats;
	PtLatency syncs, writes;
	bool quit;

	/* writer's thread only */
	PtBuf head;
	GArray *iov;
	PtSyncer *syncer;
	PtSyncBatch *next; /* what the next sync is to take besides the open segments */
	bool syncing;      /* a batch is under way */
	int64_t retry_at, next_sync, next_tick;
	bool broken;
	PtMedium medium;   /* that is written to */
	bool lost;         /* it went, and none was taken in its place */
	int64_t next_look; /* after the medium, when nothing is written that would tell */
	int64_t slow_until;
};

/* writer.c */
PtSeries *pt_writer_series_at(PtWriter *w, guint i); /* NULL: there are not so many. Any thread */
void pt_writer_close_segment(PtWriter *w, PtSeries *s);

/* writer-gaps.c */
void pt_writer_set_problem(PtWriter *w, const char *what); /* NULL: all is well */
void pt_writer_disk_failed(PtWriter *w, const GError *error);
/* One that is open already keeps its reason, unless it was none. */
void pt_writer_open_gap(PtWriter *w, PtSeries *s, int64_t start_ns, PtGapCause cause, const char *reason);
void pt_writer_close_gap(PtWriter *w, PtSeries *s, int64_t end_ns);
void pt_writer_undo_gap(PtWriter *w, PtSeries *s);
/* Nothing follows for now: footage ends where its file does, which goes by the camera's ticks, and not where the hub's
 * estimate had it. What is missing begins there, and is found in other footage by it. before_ns: where footage begins again.
 */
void pt_writer_reach_file_end(PtWriter *w, PtSeries *s, int64_t before_ns);
/* What a recorder says is missing. */
void pt_writer_take_gap(PtWriter *w, PtSeries *s, int64_t from_ns, PtGapCause cause, const char *reason);
void pt_writer_drop(PtWriter *w, PtSeries *s, PtFragment *f, const char *reason);
/* What the index knows of a series when it is taken up: where it ends, and the gap that stands open there. */
bool pt_writer_read_series_end(PtWriter *w, PtSeries *s, GError **error);

/* writer-medium.c */
/* Lets go of what is open on a medium that is not there any more, and of what was to be promised of it. */
void pt_writer_leave_medium(PtWriter *w);
/* The archive's directory must be on what was opened: an unmounted drive leaves an empty directory of the same name, and
 * filling the system's disk through it would be worse than a gap. */
bool pt_writer_root_is_there(PtWriter *w, GError **error);
/* A card that goes while nothing is written to it is missed all the same, and taken up when it is back. */
void pt_writer_look_at_medium(PtWriter *w, int64_t now);
