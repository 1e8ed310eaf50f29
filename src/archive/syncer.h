/* The archive's syncing thread: brings what the writer has appended onto the medium and only then into the index, while the
 * writer goes on. One batch at a time; a slow disk holds up the promise of footage, not its recording. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/segment.h"
#include "archive/store.h"

typedef struct {
	PtSegment *segment; /* while the batch is under way, its sync state belongs to the syncer */
	int64_t size;       /* bytes of it that are to be synced and promised */
	PtSegmentRow row;   /* as it is to stand in the index, but that it promises no more than was synced */
	bool close;         /* nothing more comes: close it behind the sync */
	/* the outcome */
	GError *error; /* could not be synced, or is no longer there */
} PtSyncItem;

typedef struct {
	GArray *items;       /* PtSyncItem */
	GArray *rows, *gaps; /* PtSegmentRow, PtGapRow for the index besides */
	GPtrArray *flushes;  /* the writer's own */
	/* the outcome */
	GError *index_error; /* the index took nothing: items' rows are added to rows, to be tried again */
	unsigned gap_ends;   /* that the index knows now */
	int64_t took_ns;
} PtSyncBatch;

PtSyncBatch *pt_sync_batch_new(void);
void pt_sync_batch_free(PtSyncBatch *batch); /* takes NULL */

typedef struct PtSyncer PtSyncer;

/* done: on the syncer's thread, with the batch that was given; whoever takes it frees it. */
PtSyncer *pt_syncer_new(PtStore *store, void (*done)(void *user, PtSyncBatch *batch), void *user);
void pt_syncer_submit(PtSyncer *syncer, PtSyncBatch *batch); /* only after the one before is done */
void pt_syncer_free(PtSyncer *syncer);                       /* after the last batch is done; takes NULL */
