/* How the cameras' clocks stood to the archive's axis, and since when. A clock that is set, the camera's or ours, leaves
 * what the card holds of before at the offset of before: each gap is asked for by those of its own time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill-internal.h"

#define FINE_NS (100 * PT_NS_PER_MS) /* what is measured well is kept that well */
#define ROUGH_STEP_NS (8 * PT_NS_PER_S)
#define LATE_NS (60 * PT_NS_PER_S) /* after a gap's end, until the clock is measured again */

typedef struct {
	PtClockRow row;  /* as it is in the index; since_ns 0: there is none */
	bool rough;      /* it was measured roughly */
	int64_t seen_ns; /* the offset at the last look */
	bool seen;
} Clock;

GHashTable *pt_backfill_clocks_new(void) { return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free); }

static Clock *clock_of(PtBackfill *b, const char *camera, int64_t now) {
	Clock *c = g_hash_table_lookup(b->clocks, camera);
	if (!c) {
		c = g_new0(Clock, 1);
		c->row = pt_store_clock_at(store_of(b), camera, now);
		g_hash_table_insert(b->clocks, g_strdup(camera), c);
	}
	return c;
}

/* One look alone may have fallen between the setting of a clock and the first that was measured by it. */
static bool is_steady(Clock *c, int64_t offset_ns) {
	bool steady = c->seen && ABS(offset_ns - c->seen_ns) < PT_NS_PER_S;
	c->seen = true;
	c->seen_ns = offset_ns;
	return steady;
}

/* What is measured roughly, on a camera that takes seconds to answer, may be off by as much as a clock that was set. */
static void note_clock(PtBackfill *b, const PtBackfillSource *s) {
	Clock *c = clock_of(b, s->name, s->live_ns);
	int64_t apart = ABS(s->offset_ns - c->row.offset_ns);
	bool same = c->row.since_ns && apart <= (s->rough || c->rough ? ROUGH_STEP_NS : PT_BACKFILL_STEP_NS);
	if (!is_steady(c, s->offset_ns))
		return;
	if (same && (s->rough || apart < FINE_NS)) {
		c->rough &= s->rough;
		return;
	}
	PtClockRow row = {same ? c->row.since_ns : s->live_ns, s->offset_ns};
	if (pt_store_put_clock(store_of(b), s->name, &row, s->live_ns - PT_BACKFILL_AGE_NS, NULL))
		*c = (Clock){row, s->rough, c->seen_ns, c->seen};
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

/* What counted then; where that is what is measured now, the better of the two. */
static int64_t offset_at(const PtClockRow *row, const PtBackfillSource *s) {
	return row->since_ns && ABS(row->offset_ns - s->offset_ns) > PT_BACKFILL_STEP_NS ? row->offset_ns : s->offset_ns;
}

PtBackfillOffsets pt_backfill_offsets(PtBackfill *b, const PtBackfillSource *s, const PtGapRow *gap) {
	PtClockRow begin = pt_store_clock_at(store_of(b), s->name, gap->start_ns),
	           end = pt_store_clock_at(store_of(b), s->name, gap->end_ns + LATE_NS), before = begin;
	PtBackfillOffsets o = {.begin_ns = offset_at(&begin, s), .end_ns = offset_at(&end, s)};
	if (!begin.since_ns || ABS(o.begin_ns - o.end_ns) <= PT_BACKFILL_STEP_NS)
		o.begin_ns = o.end_ns;
	while (before.since_ns && o.n_others < PT_BACKFILL_OFFSETS) {
		before = pt_store_clock_at(store_of(b), s->name, before.since_ns - 1);
		if (before.since_ns)
			o.others[o.n_others++] = before.offset_ns;
	}
	return o;
}
