/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/writer-internal.h"
#include "base/clock.h"
#include <errno.h>
#include <string.h>

#define APART_MAX_NS (500 * PT_NS_PER_MS) /* an estimate strays no further before it is a step of the clock */

const char pt_gap_starting[] = "waiting for the first picture", pt_gap_silent[] = "nothing comes from the camera";

void pt_writer_set_problem(PtWriter *w, const char *what) {
	g_mutex_lock(&w->lock);
	bool changed = strncmp(w->stats.problem, what ? what : "", sizeof w->stats.problem - 1) != 0;
	g_strlcpy(w->stats.problem, what ? what : "", sizeof w->stats.problem);
	g_mutex_unlock(&w->lock);
	if (changed && w->hooks.problem)
		w->hooks.problem(w->hooks.user, what);
}

void pt_writer_disk_failed(PtWriter *w, const GError *error) {
	w->broken = true;
	w->retry_at = pt_mono_ns(pt_clock_system()) + PT_WRITER_RETRY_NS;
	pt_writer_set_problem(w, error->message);
	if (strstr(error->message, g_strerror(ENOSPC)) && w->hooks.disk_full)
		w->hooks.disk_full(w->hooks.user);
}

void pt_writer_open_gap(PtWriter *w, PtSeries *s, int64_t start_ns, PtGapCause cause, const char *reason) {
	if (!s->id || (s->gap_open && strcmp(s->gap.reason, pt_gap_starting) && strcmp(s->gap.reason, pt_gap_silent)))
		return;
	if (!s->gap_open)
		s->gap = (PtGapRow){.id = pt_store_new_id(w->store), .series = s->id, .start_ns = start_ns};
	s->gap.cause = cause;
	g_strlcpy(s->gap.reason, reason, sizeof s->gap.reason);
	s->gap_open = true;
	if (!strcmp(reason, pt_gap_silent)) /* whoever asks is to know within a second */
		w->next_sync = MIN(w->next_sync, pt_mono_ns(pt_clock_system()));
	g_array_append_val(w->next->gaps, s->gap);
	g_mutex_lock(&w->lock);
	w->stats.gaps++;
	g_mutex_unlock(&w->lock);
}

void pt_writer_close_gap(PtWriter *w, PtSeries *s, int64_t end_ns) {
	if (!s->gap_open)
		return;
	s->gap.end_ns = MAX(end_ns, s->gap.start_ns + 1);
	g_array_append_val(w->next->gaps, s->gap);
	s->gap_open = false;
}

/* It came late, but it came: nothing is missing. */
void pt_writer_undo_gap(PtWriter *w, PtSeries *s) {
	s->gap.end_ns = s->gap.start_ns;
	g_array_append_val(w->next->gaps, s->gap);
	s->gap_open = false;
	g_mutex_lock(&w->lock);
	w->stats.gaps--;
	g_mutex_unlock(&w->lock);
}

void pt_writer_reach_file_end(PtWriter *w, PtSeries *s, int64_t before_ns) {
	int64_t end = MIN(MIN(s->file_end, s->last_end + APART_MAX_NS), before_ns);
	if (!s->segment || s->gap_open || end <= s->last_end)
		return;
	s->row.end_ns = end;
	s->dirty = true;
	g_mutex_lock(&w->lock);
	s->last_end = end;
	g_mutex_unlock(&w->lock);
}

void pt_writer_take_gap(PtWriter *w, PtSeries *s, int64_t from_ns, PtGapCause cause, const char *reason) {
	if (!strcmp(reason, pt_gap_starting)) {
		/* a program that ends in order says so; one that did not was killed */
		if (s->last_end)
			pt_writer_open_gap(w, s, s->last_end, PT_GAP_HUB, "pigtail was killed or lost power");
		pt_writer_close_gap(w, s, from_ns);
		pt_writer_open_gap(w, s, MAX(from_ns, s->last_end), cause, reason);
	} else {
		pt_writer_open_gap(w, s, s->last_end ? s->last_end : from_ns, cause, reason);
	}
}

void pt_writer_drop(PtWriter *w, PtSeries *s, PtFragment *f, const char *reason) {
	pt_writer_open_gap(w, s, s->last_end ? s->last_end : f->wall_start_ns, PT_GAP_DISK, reason);
	g_mutex_lock(&w->lock);
	w->stats.dropped_samples += f->n;
	g_mutex_unlock(&w->lock);
}

/* A kill left it open although footage came after it, which was recovered from its file: it ended there. */
static bool end_left_gap(PtWriter *w, PtGapRow *gap, GError **error) {
	g_autoptr(GArray) rows = pt_store_segments(w->store, gap->series, gap->start_ns, G_MAXINT64, error);
	if (!rows)
		return false;
	gap->end_ns = gap->start_ns; /* none: it is no gap */
	for (guint i = rows->len; i-- > 0;)
		if (g_array_index(rows, PtSegmentRow, i).start_ns >= gap->start_ns)
			gap->end_ns = g_array_index(rows, PtSegmentRow, i).start_ns;
	return pt_store_put_gap(w->store, gap, error);
}

bool pt_writer_read_series_end(PtWriter *w, PtSeries *s, GError **error) {
	g_autoptr(GArray) all = pt_store_all_series(w->store, false, error);
	if (!all)
		return false;
	for (guint i = 0; i < all->len; i++)
		if (g_array_index(all, PtSeriesRow, i).id == s->id)
			s->last_end = g_array_index(all, PtSeriesRow, i).last_ns;
	g_autoptr(GArray) gaps = pt_store_gaps(w->store, s->id, s->last_end, G_MAXINT64, error);
	if (!gaps)
		return false;
	for (guint i = 0; i < gaps->len; i++) {
		PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		if (gap->end_ns)
			continue;
		if (gap->start_ns < s->last_end) {
			if (!end_left_gap(w, gap, error))
				return false;
			continue;
		}
		s->gap = *gap;
		s->gap_open = true;
	}
	return true;
}
