/* Which of the gaps that may be filled is filled next, and when one is tried again. Pure: time comes in. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"

/* A camera as far as filling goes. */
typedef struct {
	const char *name;
	bool ready;           /* it is reached, and replays what it recorded */
	bool wanted;          /* by itself; what a person asks for is always done */
	int from_min, to_min; /* minutes of the local day, to before from: over midnight; from -1: any */
	bool oldest_first;
	unsigned running;
	bool rough; /* its clock was not measured well since it is back; its stream may tell soon */
} PtBackfillCamera;

typedef struct {
	const PtJobRow *jobs; /* that have not ended */
	unsigned n_jobs;
	const PtBackfillCamera *cameras;
	unsigned n_cameras;
	unsigned running, max_running; /* in all */
	bool metered;                  /* each byte costs: only what a person asks for */
	int64_t now_ns;
	int minute; /* of the local day */
} PtBackfillView;

/* The job to begin now: an index of jobs; -1: none. One at a time for each camera. What a person asked for goes first, then
 * each camera's newest (or oldest); of several cameras the one whose job is the newest. */
int pt_backfill_next(const PtBackfillView *view);
/* In words why this job waits; NULL: it does not, or not for that. Constant text. */
const char *pt_backfill_waits(const PtBackfillView *view, const PtJobRow *job);

bool pt_backfill_fillable(PtGapCause cause);
/* The camera started anew within the gap, and that is why: restarted_ns is known to about a second; 0: not known. */
bool pt_backfill_is_restart(const PtGapRow *gap, int64_t restarted_ns);
/* How long to wait after so many tries. */
int64_t pt_backfill_pause_ns(unsigned tries);
#define PT_BACKFILL_TRIES 60 /* with these pauses: about a day */
#define PT_BACKFILL_SETTLE_NS                                                                                               \
	(INT64_C(8) * 1000000000) /* after a gap's end: live footage to find the seam in, on both disks */
