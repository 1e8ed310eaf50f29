/* How the cameras' clocks stood to the archive's axis, and since when. A clock that is set, the camera's or ours, leaves
 * what the card holds of before at the offset of before: each gap is asked for by those of its own time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill-internal.h"

#define LATE_NS (60 * PT_NS_PER_S) /* after a gap's end, until the clock is measured again */

GHashTable *pt_backfill_clocks_new(void) { return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free); }

static PtClockWatch *watch_of(PtBackfill *b, const char *camera, int64_t now) {
	PtClockWatch *w = g_hash_table_lookup(b->clocks, camera);
	if (!w) {
		w = g_new0(PtClockWatch, 1);
		w->row = pt_store_clock_at(store_of(b), camera, now);
		g_hash_table_insert(b->clocks, g_strdup(camera), w);
	}
	return w;
}

/* A row that cannot be written down is tried again at the next look. */
static void note_clock(PtBackfill *b, const PtBackfillSource *s) {
	PtClockWatch *w = watch_of(b, s->name, s->live_ns), before = *w;
	if (pt_clock_watch(w, s->offset_ns, s->rough, s->live_ns) &&
	    !pt_store_put_clock(store_of(b), s->name, &w->row, s->live_ns - PT_BACKFILL_AGE_NS, NULL)) {
		w->row = before.row;
		w->rough = before.rough;
	}
}

void pt_backfill_note_clocks(PtBackfill *b) {
	g_mutex_lock(&b->lock);
	g_autoptr(GPtrArray) sources = g_ptr_array_ref(b->sources);
	g_mutex_unlock(&b->lock);
	for (guint i = 0; i < sources->len; i++) {
		const PtBackfillSource *s = g_ptr_array_index(sources, i);
		if (s->live_ns)
			note_clock(b, s);
	}
}

PtBackfillOffsets pt_backfill_offsets(PtBackfill *b, const PtBackfillSource *s, const PtGapRow *gap) {
	PtClockRow begin = pt_store_clock_at(store_of(b), s->name, gap->start_ns),
	           end = pt_store_clock_at(store_of(b), s->name, gap->end_ns + LATE_NS), before = begin;
	const PtClockWatch *w = watch_of(b, s->name, gap->end_ns + LATE_NS);
	PtBackfillOffsets o = {.begin_ns = pt_clock_watch_offset(w, &begin, s->offset_ns),
	                       .end_ns = pt_clock_watch_offset(w, &end, s->offset_ns)};
	if (!begin.since_ns || ABS(o.begin_ns - o.end_ns) <= PT_CLOCK_STEP_NS)
		o.begin_ns = o.end_ns;
	while (before.since_ns && o.n_others < PT_BACKFILL_OFFSETS) {
		before = pt_store_clock_at(store_of(b), s->name, before.since_ns - 1);
		if (before.since_ns)
			o.others[o.n_others++] = before.offset_ns;
	}
	return o;
}
