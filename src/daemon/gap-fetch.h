/* One gap, filled from the camera's card: finds in what the camera recorded the last frame before the gap and the first one
 * behind it, and puts what stands between them in, at its place on the archive's axis. Lives on a worker loop of its own,
 * where it blocks on the disk: that slows the camera down and nobody else. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "media/fetch.h"

typedef struct PtGapFetch PtGapFetch;

/* The clock of the camera, or ours, was set within the gap: its card holds the one part by the offset of before, and the
 * other by that of after. Each is fetched by itself. */
typedef enum {
	PT_GAP_WHOLE,       /* it was not: offset_ns counts for all of it */
	PT_GAP_BEFORE_STEP, /* offset_ns is that of the gap's begin: to where the clock was set, and no further */
	PT_GAP_BEHIND_STEP, /* that of its end: the rest */
} PtGapPart;

typedef struct {
	uint64_t frames, bytes; /* that are in the archive now */
	PtSeam seam;            /* at the gap's begin */
	PtSeam seam_end;        /* and at its end */
	int64_t offset_ns;      /* the camera's clock less the archive's, at the gap's begin */
	bool axis_jumped;       /* it was ours: what is left of the gap is no time that passed */
	const GError *error;    /* NULL: the camera gave what it has; see PtFetchParams.done, and DISK is ours */
} PtGapFetchResult;

typedef struct {
	PtArchive *archive;
	const char *camera, *stream;
	int64_t from_ns, to_ns; /* the gap */
	PtKind kind;            /* of its series */
	const char *url, *user, *password;
	PtTrust trust;
	PtGapPart part;
	int64_t offset_ns; /* the camera's clock less ours, as measured */
	int64_t step_ns;   /* the offset behind the step less that before it; 0: WHOLE */
	int64_t others[2]; /* WHOLE: other offsets by which the frames behind the gap may be found */
	unsigned n_others;
	bool offset_rough;  /* to a second or two */
	uint64_t rate;      /* bit/s; 0: no limit */
	const char *origin; /* see PtFillParams */
	PtLoop *loop;
	void *user_data;
	void (*done)(void *user_data, const PtGapFetchResult *result); /* once, on the loop's thread */
} PtGapFetchParams;

PtGapFetch *pt_gap_fetch_start(const PtGapFetchParams *params); /* copies */
/* What is put in but not committed; any thread. */
void pt_gap_fetch_progress(PtGapFetch *fetch, int64_t *ret_reached_ns, PtFetchStats *ret_stats);
/* What came is put in and kept, and it is done, with the error CLOSED. Any thread; returns at once. */
void pt_gap_fetch_stop(PtGapFetch *fetch);
void pt_gap_fetch_free(PtGapFetch *fetch); /* not from the loop's thread; done is not called any more; takes NULL */
