/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/store-internal.h"
#include "base/clock.h"

const char *const pt_job_state_words[PT_N_JOB_STATES] = {
    [PT_JOB_FOUND] = "found",           [PT_JOB_ASKED] = "asked",   [PT_JOB_FETCHING] = "fetching",
    [PT_JOB_VERIFYING] = "verifying",   [PT_JOB_FILLED] = "filled", [PT_JOB_PARTLY] = "partly",
    [PT_JOB_IMPOSSIBLE] = "impossible",
};

bool pt_store_put_job(PtStore *store, const PtJobRow *r, GError **error) {
	return pt_store_run(store, PT_PUT_JOB, error, "iiiiiisiiiiiiiii", r->id, r->series, r->start_ns, r->end_ns,
	                    (int64_t)r->cause, (int64_t)r->state, r->reason, (int64_t)r->urgent, (int64_t)r->tries,
	                    r->due_ns, r->found_ns, r->changed_ns, r->frames, r->bytes, (int64_t)r->seam, r->offset_ns);
}

bool pt_store_delete_jobs_before(PtStore *store, int64_t series, int64_t end_ns, GError **error) {
	return pt_store_run(store, PT_DELETE_JOBS, error, "ii", series, end_ns);
}

static void read_job(sqlite3_stmt *st, GArray *rows) {
	PtJobRow r = {.id = sqlite3_column_int64(st, 0),
	              .series = sqlite3_column_int64(st, 1),
	              .start_ns = sqlite3_column_int64(st, 4),
	              .end_ns = sqlite3_column_int64(st, 5),
	              .cause = (PtGapCause)sqlite3_column_int(st, 6),
	              .state = (PtJobState)sqlite3_column_int(st, 7),
	              .urgent = sqlite3_column_int(st, 9) != 0,
	              .tries = (unsigned)sqlite3_column_int(st, 10),
	              .due_ns = sqlite3_column_int64(st, 11),
	              .found_ns = sqlite3_column_int64(st, 12),
	              .changed_ns = sqlite3_column_int64(st, 13),
	              .frames = sqlite3_column_int64(st, 14),
	              .bytes = sqlite3_column_int64(st, 15),
	              .seam = (PtSeam)sqlite3_column_int(st, 16),
	              .offset_ns = sqlite3_column_int64(st, 17)};
	pt_store_copy_text(r.camera, sizeof r.camera, st, 2);
	pt_store_copy_text(r.stream, sizeof r.stream, st, 3);
	pt_store_copy_text(r.reason, sizeof r.reason, st, 8);
	g_array_append_val(rows, r);
}

GArray *pt_store_jobs(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, bool open, GError **error) {
	return pt_store_select(
	    store, sizeof(PtJobRow), read_job, error,
	    "SELECT "
	    "j.id,j.series,camera,stream,j.start_ns,j.end_ns,cause,state,reason,urgent,tries,due_ns,found_ns,changed_ns,"
	    "frames,j.bytes,seam,offset_ns FROM job j JOIN series s ON s.id=j.series WHERE (?1=0 OR j.series=?1)"
	    " AND j.start_ns<?3 AND j.end_ns>?2 AND (?4=0 OR state<?5) ORDER BY j.start_ns, j.id",
	    "iiiii", series, from_ns, to_ns, (int64_t)open, (int64_t)PT_JOB_FILLED);
}

/* ---- cameras' clocks ---- */

static void read_clock(sqlite3_stmt *st, GArray *rows) {
	PtClockRow r = {sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)};
	g_array_append_val(rows, r);
}

PtClockRow pt_store_clock_at(PtStore *store, const char *camera, int64_t at_ns) {
	g_autoptr(GArray) rows = pt_store_select(
	    store, sizeof(PtClockRow), read_clock, NULL,
	    "SELECT since_ns,offset_ns FROM clock WHERE camera=?1 AND since_ns<=?2 ORDER BY since_ns DESC LIMIT 1", "si",
	    camera, at_ns);
	return rows && rows->len ? g_array_index(rows, PtClockRow, 0) : (PtClockRow){0};
}

bool pt_store_put_clock(PtStore *store, const char *camera, const PtClockRow *row, int64_t forget_ns, GError **error) {
	PtClockRow first = pt_store_clock_at(store, camera, forget_ns);
	return pt_store_run(store, PT_PUT_CLOCK, error, "sii", camera, row->since_ns, row->offset_ns) &&
	       pt_store_run(store, PT_DELETE_CLOCKS, error, "si", camera, first.since_ns);
}

/* ---- files that are being fetched ---- */

bool pt_store_note_fetching(PtStore *store, const char *path, GError **error) {
	return pt_store_run(store, PT_PUT_FETCHING, error, "s", path);
}

bool pt_store_forget_fetching(PtStore *store, const char *path, GError **error) {
	return pt_store_run(store, PT_DELETE_FETCHING, error, "s", path);
}

static void read_path(sqlite3_stmt *st, GArray *rows) {
	char *path = g_strdup((const char *)sqlite3_column_text(st, 0));
	g_array_append_val(rows, path);
}

GPtrArray *pt_store_fetching(PtStore *store, GError **error) {
	g_autoptr(GArray) rows =
	    pt_store_select(store, sizeof(char *), read_path, error, "SELECT path FROM fetching ORDER BY path", "");
	GPtrArray *paths = rows ? g_ptr_array_new_with_free_func(g_free) : NULL;
	for (guint i = 0; rows && i < rows->len; i++)
		g_ptr_array_add(paths, g_array_index(rows, char *, i));
	return paths;
}

/* ---- gaps that are filled ---- */

/* What [from, to) leaves of a gap. */
static bool trim(PtStore *store, const PtGapRow *gap, int64_t from, int64_t to, int64_t slack_ns, GError **error) {
	PtGapRow before = *gap, after = *gap;
	before.end_ns = from;
	after.start_ns = to;
	after.id = pt_store_new_id(store);
	if (!pt_store_delete_gap(store, gap->id, error))
		return false;
	if (before.end_ns - before.start_ns > slack_ns && !pt_store_put_gap(store, &before, error))
		return false;
	return after.end_ns - after.start_ns <= slack_ns || pt_store_put_gap(store, &after, error);
}

bool pt_store_fill(PtStore *store, const PtSegmentRow *row, int64_t from_ns, int64_t to_ns, int64_t slack_ns,
                   GError **error) {
	if (!pt_store_begin(store, true, error))
		return false;
	g_autoptr(GArray) gaps = pt_store_gaps(store, row->series, from_ns, to_ns, error);
	bool ok = gaps && pt_store_put_segment(store, row, error) && pt_store_forget_fetching(store, row->path, error);
	for (guint i = 0; ok && i < gaps->len; i++) {
		const PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		ok = !gap->end_ns || trim(store, gap, from_ns, to_ns, slack_ns, error); /* an open one is the writer's */
	}
	if (!ok) {
		pt_store_rollback(store);
		return false;
	}
	return pt_store_commit(store, error);
}
