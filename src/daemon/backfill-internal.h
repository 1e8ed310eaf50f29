/* What the parts of filling share: backfill.c (life, cameras, whose turn it is, what others ask), backfill-gaps.c (the
 * books: which gaps may be filled, and their jobs), backfill-clock.c (how cameras' clocks stood when) and backfill-run.c
 * (one job, from asking the camera to the verdict). Nobody else includes this. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "daemon/backfill-plan.h"
#include "daemon/backfill.h"
#include "daemon/clock-watch.h"
#include "daemon/gap-fetch.h"

/* A camera as the main thread saw it last. */
typedef struct {
	char *name, *user, *password, *origin;
	PtTrust trust;
	uint64_t rate;
	PtBackfillCamera plan; /* name is this one's */
	bool main, sub, audio; /* recorded */
	int64_t offset_ns;     /* its clock less the archive's axis */
	bool rough;            /* to a second or two */
	int64_t live_ns;       /* now, on the axis, while its pictures arrive; else 0 */
	int64_t restarted_ns;  /* wall time; 0: not known */
} PtBackfillSource;

/* A job that is being done. It is with the main thread while the camera is asked, else with the books. */
typedef struct {
	PtBackfill *owner; /* NULL: gone, and an answer is still awaited */
	PtJobRow job;
	PtBackfillSource *source; /* as it was at its begin */
	PtLoop *loop;
	GPtrArray *recordings; /* tokens of the card's that may be of use, the best first */
	guint at;              /* of them */
	char *url;             /* where that one is replayed */
	GError *error;
	/* books' thread */
	bool asking, stopped, paused; /* paused: it ends soon, and waits again */
	int64_t cursor;               /* gaps that begin before it were tried in this run */
	int64_t behind;               /* those that end by it, with the camera's clock of before it was set */
	int64_t step_ns;              /* by how much it was set within the gap that was tried last; 0: it was not */
	/* under the owner's lock */
	PtGapFetch *fetch;
	bool answered; /* the fetch is over, and the books will hear of it */
} PtBackfillRun;

struct PtBackfill {
	PtBackfillEnv env;
	PtSite *site; /* main thread */
	guint timer;
	PtLoop *books;

	GMutex lock;
	/* under lock */
	GPtrArray *sources; /* of PtBackfillSource; replaced as a whole */
	GPtrArray *runs;    /* of PtBackfillRun */
	GArray *jobs;       /* PtJobRow: those that have not ended; changed by the books' thread alone */
	GHashTable *poor;   /* cameras that had nothing of what was asked for last */
	GTimeZone *zone;    /* of the site; NULL: the machine's */
	bool metered, paused, stopping;

	/* books' thread */
	GHashTable *clocks; /* PtClockWatch of cameras, by name */
	bool loaded;
	int64_t scanned_at;
	uint64_t ends_seen;
	int64_t sum_seen; /* sum_of() */
};

static inline PtStore *store_of(const PtBackfill *b) { return pt_archive_store(b->env.archive); }
static inline int64_t now_of(const PtBackfill *b) { return pt_wall_ns(b->env.clock); }

/* ---- backfill.c ---- */
void pt_backfill_source_free(void *source);
const PtBackfillSource *pt_backfill_source(PtBackfill *b, const char *camera); /* or NULL; under the lock */

/* ---- backfill-gaps.c, all on the books' thread ---- */
/* Writes a job down and keeps it among the open ones, or takes it from them. */
void pt_backfill_note_job(PtBackfill *b, PtJobRow *job);
PtJobRow pt_backfill_job_of(PtBackfill *b, const PtSeriesRow *series, const PtGapRow *gap, bool urgent);
bool pt_backfill_can_fill(const PtGapRow *gap);
bool pt_backfill_is_within_a_file(PtBackfill *b, int64_t series, const PtGapRow *gap);
PtGapRow pt_backfill_joined(const GArray *gaps, guint *at);
const PtJobRow *pt_backfill_job_at(const GArray *jobs, guint *at, const PtGapRow *gap);
void pt_backfill_scan(PtBackfill *b); /* makes jobs of what may be filled, when something has changed */
void pt_backfill_load(PtBackfill *b); /* at the start */

/* ---- backfill-clock.c, on the books' thread ---- */

#define PT_BACKFILL_AGE_NS (INT64_C(400) * 86400 * PT_NS_PER_S) /* what is older is not filled */
#define PT_BACKFILL_OFFSETS 2

/* Where a camera's clock stood when a gap began, and when it ended. */
typedef struct {
	int64_t begin_ns, end_ns;            /* its clock less the axis; equal: it was not set meanwhile */
	int64_t others[PT_BACKFILL_OFFSETS]; /* where it stood before: a card may go on by the time of then */
	unsigned n_others;
} PtBackfillOffsets;

GHashTable *pt_backfill_clocks_new(void);
void pt_backfill_note_clocks(PtBackfill *b); /* as the cameras were seen last, into the index */
PtBackfillOffsets pt_backfill_offsets(PtBackfill *b, const PtBackfillSource *source, const PtGapRow *gap);

/* ---- backfill-run.c, on the books' thread ---- */
void pt_backfill_begin(PtBackfill *b, const PtJobRow *job, PtBackfillSource *source); /* source: taken */
void pt_backfill_stop_runs(void *backfill);
void pt_backfill_pause_runs(void *backfill);
