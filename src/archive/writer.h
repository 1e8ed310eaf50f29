/* The archive's one writing thread per volume: it takes fragments from the recorders, appends them to segment files, syncs
 * all of them in groups and only then lets the index promise them. It knows why footage is missing and writes that down. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"
#include "base/latency.h"
#include "media/sample.h"

typedef struct PtWriter PtWriter;
typedef struct PtSeries PtSeries; /* one camera's main, sub, audio or metadata; lives as long as the writer */

/* A run of samples on its way to disk. Made by the recorder, owned by the writer once submitted. */
typedef struct PtFragment PtFragment;
struct PtFragment {
	PtSeries *series;
	int64_t wall_start_ns, wall_end_ns; /* decode times on the archive's axis */
	bool fresh;                         /* a new segment begins here: first, new format, or a minute is over */
	bool sparse;                        /* metadata: silence before it is nothing missing */
	char *gap_reason;                   /* not NULL: footage is missing before it, and why; owned */
	PtGapCause gap_cause;
	size_t n, bytes;
	PtSample **samples;  /* references */
	uint32_t *durations; /* ticks */
	PtFragment *next;    /* private to the writer */
};
void pt_fragment_free(PtFragment *fragment); /* takes NULL */

typedef struct {
	void *user;
	void (*tick)(void *user);                      /* about five times a second, on the writer's thread */
	void (*problem)(void *user, const char *what); /* a sentence, or NULL when all is well again; writer's thread */
	void (*disk_full)(void *user);                 /* make room, if policy allows; writer's thread, must not block */
	/* A medium that may go and come back: takes what is in its place now, or says why not; writer's thread, may block.
	 * NULL: there is only the one that was there at the start. */
	bool (*medium)(void *user, GError **error);
	bool no_medium; /* at the start there was none to be taken */
} PtWriterHooks;

typedef struct {
	uint64_t fragments, samples, bytes, dropped_samples, gaps;
	uint64_t gap_ends; /* that stand in the index: who looks for gaps finds them there */
	size_t queued_bytes;
	int64_t last_sync_ns;           /* how long the last group sync took */
	PtLatencyFigures syncs, writes; /* of group syncs, and of fragments appended */
	char problem[300];              /* "" when well */
} PtWriterStats;

/* store and root outlive it. sync_ns: how much footage a power cut may cost (P1), at least 1.2 s. */
PtWriter *pt_writer_new(const char *root, PtStore *store, int64_t sync_ns, const PtWriterHooks *hooks);
/* Writes what is queued, syncs, closes. Takes NULL. */
void pt_writer_free(PtWriter *writer);

/* The series, found or made. From any thread. What stands at its end is known from the index. NULL and error when the
 * index cannot be asked. */
PtSeries *pt_writer_series(PtWriter *writer, const char *camera, const char *stream, GError **error);
int64_t pt_series_id(const PtSeries *series);
int64_t pt_series_last_end_ns(PtWriter *writer, const PtSeries *series); /* 0: holds nothing */

/* From any thread; never blocks on the disk. Fragments over the bound on memory are dropped, counted and become a gap. */
void pt_writer_submit(PtWriter *writer, PtFragment *fragment);
/* The reason with which a recorder starts: it ends what was open ("pigtail was stopped"), and the first real reason takes
 * its place. */
extern const char pt_gap_starting[];
/* The reason of a gap that may be none: nothing came for most of a second. What comes in time after all makes it undone, and
 * the first real reason takes its place. */
extern const char pt_gap_silent[];
/* Footage should come and does not: a gap begins where the series ends, or at from_ns when it is empty. A gap that is open
 * already keeps its first reason. close: the segment ends here. */
void pt_writer_gap(PtWriter *writer, PtSeries *series, int64_t from_ns, PtGapCause cause, const char *reason, bool close);

void pt_writer_get_stats(PtWriter *writer, PtWriterStats *ret_stats);
/* Waits until all that was submitted before is synced and in the index. For tests, export of the newest footage, and stop.
 */
void pt_writer_flush(PtWriter *writer);
