/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill-internal.h"
#include <string.h>

#define SCAN_NS (60 * PT_NS_PER_S)   /* gaps are looked for so often, and whenever one has ended or a camera is back */
#define LEAST_NS (15 * PT_NS_PER_MS) /* no frame fits into less */

static int find_job(PtBackfill *b, int64_t id) {
	for (guint i = 0; i < b->jobs->len; i++)
		if (g_array_index(b->jobs, PtJobRow, i).id == id)
			return (int)i;
	return -1;
}

void pt_backfill_note_job(PtBackfill *b, PtJobRow *job) {
	job->changed_ns = now_of(b);
	pt_store_put_job(store_of(b), job, NULL); /* a disk that fails is told by the writer; it is found again later */
	g_mutex_lock(&b->lock);
	int i = find_job(b, job->id);
	if (job->state >= PT_JOB_FILLED && i >= 0)
		g_array_remove_index_fast(b->jobs, (guint)i);
	else if (job->state < PT_JOB_FILLED && i >= 0)
		g_array_index(b->jobs, PtJobRow, i) = *job;
	else if (job->state < PT_JOB_FILLED)
		g_array_append_val(b->jobs, *job);
	g_mutex_unlock(&b->lock);
}

PtJobRow pt_backfill_job_of(PtBackfill *b, const PtSeriesRow *series, const PtGapRow *gap, bool urgent) {
	PtJobRow job = {.id = pt_store_new_id(store_of(b)),
	                .series = series->id,
	                .start_ns = gap->start_ns,
	                .end_ns = gap->end_ns,
	                .cause = gap->cause,
	                .urgent = urgent,
	                .found_ns = now_of(b),
	                .due_ns = MIN(gap->end_ns, now_of(b)) + PT_BACKFILL_SETTLE_NS};
	g_strlcpy(job.camera, series->camera, sizeof job.camera);
	g_strlcpy(job.stream, series->stream, sizeof job.stream);
	return job;
}

bool pt_backfill_can_fill(const PtGapRow *gap) {
	return gap->end_ns && gap->end_ns - gap->start_ns >= LEAST_NS && pt_backfill_fillable(gap->cause);
}

/* A few frames within a file that goes on behind them: a closed segment never changes (P3), and what is put beside it would
 * not stand in its order. */
bool pt_backfill_is_within_a_file(PtBackfill *b, int64_t series, const PtGapRow *gap) {
	g_autoptr(GArray) rows = pt_store_segments(store_of(b), series, gap->start_ns, gap->end_ns, NULL);
	for (guint i = 0; rows && i < rows->len; i++) {
		const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, i);
		if (!row->fetched && row->start_ns < gap->start_ns && row->end_ns > gap->end_ns)
			return true;
	}
	return false;
}

/* The gap at *at and those that follow it without anything in between, as one; *at moves behind them. When the last of them
 * is still open, so is the whole: its end is where a seam can be found. */
PtGapRow pt_backfill_joined(const GArray *gaps, guint *at) {
	PtGapRow gap = g_array_index(gaps, PtGapRow, *at);
	while (++*at < gaps->len) {
		const PtGapRow *next = &g_array_index(gaps, PtGapRow, *at);
		bool fits = gap.end_ns && pt_backfill_fillable(next->cause) && pt_backfill_fillable(gap.cause);
		if (!fits || next->start_ns - gap.end_ns > PT_NS_PER_MS)
			break;
		gap.end_ns = next->end_ns ? MAX(gap.end_ns, next->end_ns) : 0;
	}
	return gap;
}

static bool is_recorded(const PtBackfillSource *s, const char *stream) {
	return (s->main && !strcmp(stream, "main")) || (s->sub && !strcmp(stream, "sub")) ||
	       (s->audio && !strcmp(stream, "audio"));
}

/* Gaps are told why they are there, where the camera says that it started anew. A fill may be changing the same rows. */
static void note_restart(PtBackfill *b, const PtSeriesRow *series, int64_t restarted_ns) {
	if (!restarted_ns || !pt_store_begin(store_of(b), false, NULL))
		return;
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), series->id, restarted_ns, restarted_ns + PT_NS_PER_S, NULL);
	for (guint i = 0; gaps && i < gaps->len; i++) {
		PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		if (!pt_backfill_is_restart(gap, restarted_ns))
			continue;
		gap->cause = PT_GAP_CAMERA;
		g_strlcpy(gap->reason, "the camera started anew", sizeof gap->reason);
		pt_store_put_gap(store_of(b), gap, NULL);
	}
	pt_store_commit(store_of(b), NULL);
}

/* The job of a gap, or NULL. jobs: by their begin; *at moves with the gaps, which are as well. */
const PtJobRow *pt_backfill_job_at(const GArray *jobs, guint *at, const PtGapRow *gap) {
	while (*at < jobs->len && g_array_index(jobs, PtJobRow, *at).end_ns <= gap->start_ns)
		++*at;
	const PtJobRow *job = *at < jobs->len ? &g_array_index(jobs, PtJobRow, *at) : NULL;
	return job && job->start_ns < gap->end_ns ? job : NULL;
}

/* What may be filled and has no job yet. */
static void scan_series(PtBackfill *b, const PtSeriesRow *series) {
	int64_t since = now_of(b) - PT_BACKFILL_AGE_NS; /* what is later than now is where the axis is, after a step back */
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), series->id, since, INT64_MAX, NULL);
	g_autoptr(GArray) jobs = pt_store_jobs(store_of(b), series->id, since, INT64_MAX, false, NULL);
	for (guint i = 0, k = 0; gaps && jobs && i < gaps->len;) {
		PtGapRow gap = pt_backfill_joined(gaps, &i);
		bool has_job = pt_backfill_job_at(jobs, &k, &gap) != NULL;
		/* what is before the first footage was kept once and is no more */
		if (!pt_backfill_can_fill(&gap) || has_job || gap.end_ns < series->first_ns ||
		    pt_backfill_is_within_a_file(b, series->id, &gap))
			continue;
		PtJobRow job = pt_backfill_job_of(b, series, &gap, false);
		pt_backfill_note_job(b, &job);
	}
}

/* Another number when a camera is back, or says that it started anew. */
static int64_t sum_of(PtBackfill *b) {
	int64_t sum = 0;
	g_mutex_lock(&b->lock);
	for (guint i = 0; i < b->sources->len; i++) {
		const PtBackfillSource *s = g_ptr_array_index(b->sources, i);
		sum += s->plan.ready + s->restarted_ns / PT_NS_PER_MS;
	}
	g_mutex_unlock(&b->lock);
	return sum;
}

void pt_backfill_scan(PtBackfill *b) {
	PtWriterStats stats;
	pt_writer_get_stats(pt_archive_writer(b->env.archive), &stats);
	int64_t now = pt_mono_ns(b->env.clock);
	int64_t sum = sum_of(b);
	if (stats.gap_ends == b->ends_seen && sum == b->sum_seen && b->scanned_at && now - b->scanned_at < SCAN_NS)
		return;
	b->ends_seen = stats.gap_ends;
	b->sum_seen = sum;
	b->scanned_at = now;
	g_autoptr(GArray) all = pt_store_all_series(store_of(b), false, NULL);
	for (guint i = 0; all && i < all->len; i++) {
		const PtSeriesRow *series = &g_array_index(all, PtSeriesRow, i);
		g_mutex_lock(&b->lock);
		const PtBackfillSource *s = pt_backfill_source(b, series->camera);
		int64_t restarted_ns = s ? s->restarted_ns : 0;
		bool wanted = s && s->plan.ready && s->plan.wanted && is_recorded(s, series->stream);
		g_mutex_unlock(&b->lock);
		note_restart(b, series, restarted_ns);
		if (wanted)
			scan_series(b, series);
	}
}

/* What was under way when the program ended begins anew: what it had put in is not missing any more. */
void pt_backfill_load(PtBackfill *b) {
	g_autoptr(GArray) open = pt_store_jobs(store_of(b), 0, INT64_MIN, INT64_MAX, true, NULL);
	if (!open || !pt_store_begin(store_of(b), false, NULL))
		return;
	for (guint i = 0; i < open->len; i++) {
		PtJobRow *job = &g_array_index(open, PtJobRow, i);
		job->state = PT_JOB_FOUND;
		pt_backfill_note_job(b, job);
	}
	b->loaded = pt_store_commit(store_of(b), NULL);
}
