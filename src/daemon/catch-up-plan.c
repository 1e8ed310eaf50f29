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
static bool can_be(const PtEvent *e, const PtPast *p, PtPastSlack slack) {
	int64_t after = e->wall_ns - p->wall_ns;
	return !e->initial && after >= -slack.early_ns && after <= slack.late_ns && !strcmp(e->source, p->source) &&
	       !strcmp(e->topic, p->topic) && !strcmp(e->state, p->state);
}

void pt_past_mark(GArray *past, const GPtrArray *logged, PtPastSlack slack) {
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
	}
}
