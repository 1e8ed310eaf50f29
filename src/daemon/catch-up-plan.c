/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/catch-up-plan.h"
#include <string.h>

static void past_clear(void *data) {
	PtPast *p = data;
	g_free(p->source);
	g_free(p->detail);
}

GArray *pt_past_new(void) {
	GArray *past = g_array_new(FALSE, TRUE, sizeof(PtPast));
	g_array_set_clear_func(past, past_clear);
	return past;
}

/* The state that was found at a start is told as initial, and is not what happened then. */
static bool is_of(const PtEvent *e, const PtPast *p) {
	return !e->initial && !strcmp(e->source, p->source) && !strcmp(e->topic, p->topic) && !strcmp(e->state, p->state);
}

static bool can_be(const PtEvent *e, const PtPast *p, PtPastSlack slack) {
	int64_t after = e->wall_ns - p->wall_ns;
	return after >= -slack.early_ns && after <= slack.late_ns && is_of(e, p);
}

/* Until when the state lasted into which it went at past[i]. */
static int64_t end_of(const GArray *past, guint i) {
	const PtPast *p = &g_array_index(past, PtPast, i);
	while (++i < past->len) {
		const PtPast *next = &g_array_index(past, PtPast, i);
		if (!strcmp(next->source, p->source) && !strcmp(next->topic, p->topic))
			return next->wall_ns;
	}
	return INT64_MAX;
}

static void mark_lasting(GArray *past, GPtrArray *left) {
	for (guint i = 0; i < past->len; i++) {
		PtPast *p = &g_array_index(past, PtPast, i);
		int64_t end = end_of(past, i);
		for (guint k = 0; !p->known && k < left->len; k++) {
			const PtEvent *e = left->pdata[k];
			if (!is_of(e, p) || e->wall_ns <= p->wall_ns || e->wall_ns >= end)
				continue;
			p->known = true;
			p->seen_ns = e->wall_ns;
			g_ptr_array_remove_index_fast(left, k);
		}
	}
}

void pt_past_mark(GArray *past, const GPtrArray *logged, PtPastSlack slack) {
	g_autoptr(GPtrArray) left = g_ptr_array_new(); /* of those that stand for nothing yet */
	for (guint k = 0; k < logged->len; k++) {
		const PtEvent *e = logged->pdata[k];
		PtPast *best = NULL;
		for (guint i = 0; i < past->len; i++) {
			PtPast *p = &g_array_index(past, PtPast, i);
			bool nearer = !best || ABS(e->wall_ns - p->wall_ns) < ABS(e->wall_ns - best->wall_ns);
			if (!p->known && nearer && can_be(e, p, slack))
				best = p;
		}
		if (best)
			best->known = true;
		else
			g_ptr_array_add(left, logged->pdata[k]);
	}
	mark_lasting(past, left);
}
