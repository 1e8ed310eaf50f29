/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "daemon/gap-edge.h"
#include "daemon/gap-fetch-internal.h"

#define GUARD_MAX_NS (120 * PT_NS_PER_S) /* set back by more: nothing is told apart by its content */
#define GUARD_FRAMES 20000

static bool on_probe(void *data, PtSample *s, const PtFetchFlags *flags) {
	PtGapFetch *g = data;
	PtSeamFrame frame = {pt_seam_hash(s), decode_time(s)};
	bool enough = pt_gap_is_too_much(g, s) || frame.decode_ns >= g->p.to_ns + g->probe_offset + margin_of(g);
	if (!pt_gap_is_repeated(g, s, frame.hash))
		g_array_append_val(g->seen, frame);
	return !enough;
}

/* Where the frame behind the gap stands by the offset that is tried; false: nowhere. */
static bool find_end(PtGapFetch *g, int64_t *ret_decode_ns) {
	int i = pt_seam_find(frames_of(g->after), g->after->len, frames_of(g->seen), g->seen->len, false,
	                     g->p.to_ns + g->probe_offset);
	if (i < 0 || !is_likely(g, frame_at(g->seen, (guint)i), frame_at(g->after, 0), g->probe_offset))
		return false;
	*ret_decode_ns = frame_at(g->seen, (guint)i)->decode_ns;
	return true;
}

/* The offsets at which the frames behind the gap are looked for, one after the other; returns how many. */
static unsigned offsets_to_try(const PtGapFetch *g, int64_t *ret) {
	const PtGapFetchParams *p = &g->p;
	unsigned n = 0;
	ret[n++] = p->offset_ns;
	if (p->part == PT_GAP_BEFORE_STEP)
		ret[n++] = p->offset_ns + p->step_ns;
	for (unsigned i = 0; i < p->n_others && p->part == PT_GAP_WHOLE; i++)
		ret[n++] = p->others[i];
	return n;
}

static void on_probed(void *data, const GError *error) {
	PtGapFetch *g = data;
	int64_t offsets[G_N_ELEMENTS(g->p.others) + 1], decode;
	if (g->over)
		return;
	bool found = find_end(g, &decode), more = !found && g->probed + 1 < offsets_to_try(g, offsets);
	if (error && !more && !g->seen->len && !g_error_matches(error, PT_ERROR, PT_ERROR_NOT_FOUND)) {
		g->error = g_error_copy(error);
		pt_gap_finish(g);
	} else if (more) {
		g->probed++;
		pt_gap_probe(g);
	} else {
		if (found && g->p.part == PT_GAP_BEFORE_STEP && g->probed) {
			g->jump_end = decode;
		} else if (found) {
			g->seam_end = PT_SEAM_CONTENT;
			g->first_live = decode;
			g->offset_end = decode - frame_at(g->after, 0)->decode_ns;
			g->p.offset_ns = g->probe_offset;
		}
		pt_gap_fetch_all(g);
	}
}

void pt_gap_probe(PtGapFetch *g) {
	int64_t offsets[G_N_ELEMENTS(g->p.others) + 1];
	offsets_to_try(g, offsets);
	g_array_set_size(g->seen, 0);
	g->probe_offset = offsets[g->probed];
	int64_t at = g->p.to_ns + g->probe_offset;
	pt_gap_fetch_span(g, at - margin_of(g), at + margin_of(g), on_probe, on_probed);
}

/* Set back, the camera has two times that are called alike. What it recorded before is known by its content, where that is
 * in the archive; else only what is later than all of it is beyond doubt. */
void pt_gap_guard(PtGapFetch *g) {
	int64_t back = -g->p.step_ns;
	if (g->p.part != PT_GAP_BEHIND_STEP || back <= 0)
		return;
	if (back <= GUARD_MAX_NS)
		g->known = pt_gap_edge_known(g->p.archive, g->camera, g->stream, g->p.from_ns - back - margin_of(g),
		                             g->p.from_ns, GUARD_FRAMES);
	if (!g->known)
		g->p.from_ns = MIN(g->p.from_ns + back + PT_NS_PER_S, g->p.to_ns);
}
