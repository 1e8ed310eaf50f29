/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/writer-internal.h"
#include "base/clock.h"
#include "base/error.h"
#include <errno.h>

void pt_writer_leave_medium(PtWriter *w) {
	PtSeries *s;
	for (guint i = 0; (s = pt_writer_series_at(w, i)); i++)
		pt_writer_close_segment(w, s);
	for (guint i = 0; i < w->next->items->len; i++)
		pt_segment_close(g_array_index(w->next->items, PtSyncItem, i).segment);
	g_array_set_size(w->next->items, 0);
	g_array_set_size(w->next->rows, 0);
	g_array_set_size(w->next->gaps, 0);
}

/* The index is another one, or has been mended: where each series ends is asked anew, and what is missing since has the
 * reason why there was no medium. */
static bool enter_medium(PtWriter *w, const char *reason, GError **error) {
	PtSeries *s;
	for (guint i = 0; (s = pt_writer_series_at(w, i)); i++) {
		s->gap_open = false;
		s->id = pt_store_series(w->store, s->camera, s->stream, error);
		if (!s->id || !pt_writer_read_series_end(w, s, error))
			return false;
		if (s->last_end)
			pt_writer_open_gap(w, s, s->last_end, PT_GAP_DISK, reason);
	}
	return true;
}

static bool take_medium(PtWriter *w, PtMedium medium, GError **error) {
	char reason[sizeof w->stats.problem];
	if (w->syncing) {
		pt_error_set(error, DISK, "archive directory %s: what was there before is still being left", w->root);
		return false;
	}
	w->lost = true;
	pt_writer_leave_medium(w);
	g_strlcpy(reason, w->stats.problem[0] ? w->stats.problem : "another card was put in", sizeof reason);
	if (!w->hooks.medium(w->hooks.user, error) || !enter_medium(w, reason, error))
		return false;
	w->lost = false;
	w->medium = medium;
	return true;
}

bool pt_writer_root_is_there(PtWriter *w, GError **error) {
	PtMedium now = {0};
	bool there = pt_medium_of(w->root, &now);
	if (there && !w->lost && now.device == w->medium.device && now.mount == w->medium.mount)
		return true;
	if (w->hooks.medium)
		return take_medium(w, now, error) && (there || pt_medium_of(w->root, &w->medium));
	if (!there)
		pt_error_set(error, DISK, "archive directory %s has vanished: %s", w->root, g_strerror(errno));
	else if (now.device == w->medium.device) /* the same file system, mounted anew */
		return true;
	else
		pt_error_set(error, DISK, "archive directory %s is on another file system than before: is its disk mounted?",
		             w->root);
	return false;
}

void pt_writer_look_at_medium(PtWriter *w, int64_t now) {
	g_autoptr(GError) error = NULL;
	if (!w->hooks.medium || now < w->next_look)
		return;
	w->next_look = now + PT_WRITER_RETRY_NS;
	bool was_lost = w->lost;
	if (!pt_writer_root_is_there(w, &error)) {
		pt_writer_disk_failed(w, error);
	} else if (was_lost) {
		w->broken = false;
		pt_writer_set_problem(w, NULL);
	}
}
