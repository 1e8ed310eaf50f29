/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/proof.h"
#include "base/clock.h"

#define STEP_NS (INT64_C(3) * 86400 * PT_NS_PER_S) /* asked at once: longer spans the index answers roughly */
#define WRITING_NS (5 * PT_NS_PER_S)               /* until what came is on the medium */
#define TOUCH_NS PT_NS_PER_S                       /* what is nearer belongs together; a gap within has its row */

typedef struct {
	int64_t start, end;
} Span;

/* Joins what touches, over the borders of the steps as well. */
static bool add_spans(GArray *to, GArray *from, int64_t merge_ns) {
	for (guint i = 0; from && i < from->len; i++) {
		Span span = g_array_index(from, Span, i);
		Span *last = to->len ? &g_array_index(to, Span, to->len - 1) : NULL;
		if (last && span.start - last->end <= merge_ns)
			last->end = MAX(last->end, span.end);
		else
			g_array_append_val(to, span);
	}
	return from != NULL;
}

static int64_t clipped(int64_t start, int64_t end, int64_t from, int64_t to) {
	return MAX(MIN(end, to) - MAX(start, from), 0);
}

static int by_start(const void *a, const void *b) {
	const Span *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/* What neither footage nor a gap tells of. */
static int64_t untold(GArray *told, int64_t from, int64_t to) {
	int64_t at = from, sum = 0;
	g_array_sort(told, by_start);
	for (guint i = 0; i < told->len; i++) {
		const Span *span = &g_array_index(told, Span, i);
		if (span->start - at > TOUCH_NS)
			sum += MIN(span->start, to) - at;
		at = MAX(at, MIN(span->end, to));
	}
	return to - at > TOUCH_NS ? sum + to - at : sum;
}

bool pt_proof_make(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t now_ns, PtProof *ret,
                   GError **error) {
	int64_t to = MIN(to_ns, now_ns);
	PtSegmentRow first, last;
	int any = pt_store_neighbour(store, series, INT64_MIN, true, &first, error);
	if (any < 0)
		return false;
	if (any && pt_store_neighbour(store, series, to, false, &last, NULL) > 0 && last.open && last.end_ns < to &&
	    to - last.end_ns < WRITING_NS)
		to = MAX(last.end_ns, from_ns); /* what comes now is promised a moment later */
	PtProof p = {.span_ns = MAX(to - from_ns, 0), .since_ns = from_ns};
	if (any && first.start_ns - from_ns > TOUCH_NS)
		p.since_ns = MIN(first.start_ns, MAX(from_ns, to));
	g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(Span));
	g_autoptr(GArray) fetched = g_array_new(FALSE, FALSE, sizeof(Span));
	for (int64_t at = from_ns; at < to; at += STEP_NS) {
		g_autoptr(GArray) all = pt_store_coverage(store, series, at, MIN(at + STEP_NS, to), TOUCH_NS, error);
		g_autoptr(GArray) later = all ? pt_store_fetched(store, series, at, MIN(at + STEP_NS, to), 0, error) : NULL;
		if (!add_spans(told, all, TOUCH_NS) || !add_spans(fetched, later, 0))
			return false;
	}
	g_autoptr(GArray) gaps = pt_store_gaps(store, series, from_ns, to, error);
	g_autoptr(GArray) other = gaps ? pt_store_other_quality(store, series, from_ns, to, 0, error) : NULL;
	if (!other)
		return false;
	p.missing = g_array_new(FALSE, FALSE, sizeof(PtGapRow));
	int64_t missing = 0, reached = p.since_ns;
	for (guint i = 0; i < gaps->len; i++) {
		PtGapRow gap = g_array_index(gaps, PtGapRow, i);
		gap.start_ns = MAX(gap.start_ns, reached);
		gap.end_ns = gap.end_ns ? MIN(gap.end_ns, to) : to;
		if (gap.end_ns <= gap.start_ns)
			continue;
		Span span = {gap.start_ns, gap.end_ns};
		reached = gap.end_ns;
		g_array_append_val(told, span);
		if (gap.cause == PT_GAP_CLOCK)
			continue;
		p.missing_ns[gap.cause < PT_N_GAP_CAUSES ? gap.cause : PT_GAP_UNKNOWN] += gap.end_ns - gap.start_ns;
		missing += gap.end_ns - gap.start_ns;
		g_array_append_val(p.missing, gap);
	}
	for (guint i = 0; i < fetched->len; i++) {
		const Span *span = &g_array_index(fetched, Span, i);
		p.fetched_ns += clipped(span->start, span->end, from_ns, to);
	}
	for (guint i = 0; i < other->len; i++) {
		const PtQualitySpan *span = &g_array_index(other, PtQualitySpan, i);
		p.other_ns += clipped(span->start_ns, span->end_ns, from_ns, to);
	}
	p.unknown_ns = untold(told, from_ns, to);
	p.live_ns = MAX(p.span_ns - missing - p.unknown_ns - p.fetched_ns, 0);
	*ret = p;
	return true;
}

void pt_proof_clear(PtProof *p) { g_clear_pointer(&p->missing, g_array_unref); }
