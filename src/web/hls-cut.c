/* SPDX-License-Identifier: Apache-2.0 */
#include "web/hls-cut.h"
#include "base/clock.h"

#define MIN_NS (900 * PT_NS_PER_MS)  /* key frames that follow sooner share a segment: a second with some jitter is one */
#define JUMP_NS (2 * PT_NS_PER_S)    /* capture times that leave the pace of the frames by so much are a hole */
#define WAIT_NS (5 * PT_NS_PER_S)    /* for sound to show up */
#define LATE_NS (250 * PT_NS_PER_MS) /* by how much the first sound may begin after the first picture */

static PtHlsGroup *group_new(void) {
	PtHlsGroup *g = g_new0(PtHlsGroup, 1);
	g->video = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	g->audio = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	return g;
}

void pt_hls_group_free(PtHlsGroup *g) {
	if (!g)
		return;
	g_ptr_array_unref(g->video);
	g_ptr_array_unref(g->audio);
	g_free(g);
}

void pt_hls_cut_finish(PtHlsCut *cut) { g_clear_pointer(&cut->open, pt_hls_group_free); }
const char *pt_hls_cut_problem(const PtHlsCut *cut) { return cut->problem; }

static int64_t ticks_to_ns(const PtFormat *f, int64_t ticks) { return ticks * PT_NS_PER_S / f->timescale; }

/* Whether the sound of the first group covers it; a viewer who waits for it too long gets the picture alone. */
static bool may_begin(const PtHlsCut *cut, const PtHlsGroup *g) {
	const PtSample *first = g->video->pdata[0];
	if (!cut->wants_audio || cut->last_wall - cut->first_wall > WAIT_NS)
		return true;
	return g->audio->len && ((const PtSample *)g->audio->pdata[0])->wall_ns - first->wall_ns <= LATE_NS;
}

static PtHlsGroup *complete(PtHlsCut *cut, int64_t last_duration) {
	PtHlsGroup *g = g_steal_pointer(&cut->open);
	if (!g)
		return NULL;
	g->last_duration = last_duration;
	if (!cut->begun && !may_begin(cut, g)) {
		pt_hls_group_free(g);
		return NULL;
	}
	cut->begun = true;
	return g;
}

static int64_t guess(const PtHlsCut *cut, const PtFormat *f) { return cut->nominal ? cut->nominal : f->timescale / 25; }

PtHlsGroup *pt_hls_cut_break(PtHlsCut *cut) {
	cut->hole = true;
	return cut->open ? complete(cut, guess(cut, ((PtSample *)cut->open->video->pdata[0])->format)) : NULL;
}

static PtHlsGroup *too_much(PtHlsCut *cut, const char *problem) {
	cut->problem = problem;
	cut->hole = true;
	g_clear_pointer(&cut->open, pt_hls_group_free);
	return NULL;
}

/* Ends the open group before a frame if it has to end there. */
static PtHlsGroup *end_before(PtHlsCut *cut, const PtSample *s) {
	const PtSample *first = cut->open->video->pdata[0];
	int64_t step = s->dts - cut->last_dts, scale = s->format->timescale;
	if (!pt_format_equal(first->format, s->format))
		return complete(cut, step > 0 && step <= scale ? step : guess(cut, first->format));
	if (step <= 0 || (step > scale && step > 4 * guess(cut, s->format)))
		return pt_hls_cut_break(cut);
	int64_t strayed = s->wall_ns - cut->last_wall - ticks_to_ns(s->format, step);
	if (s->key && ABS(strayed) > JUMP_NS)
		return pt_hls_cut_break(cut);
	if (!s->broken && step <= scale)
		cut->nominal = step;
	if (s->key && ticks_to_ns(s->format, s->dts - first->dts) >= MIN_NS)
		return complete(cut, step);
	if (s->dts - first->dts > PT_HLS_GROUP_S * scale)
		return too_much(cut,
		                "its key frames are more than 20 s apart: set a shorter key frame (I-frame) interval in the "
		                "camera, 2 s for instance");
	return NULL;
}

static PtHlsGroup *push_video(PtHlsCut *cut, PtSample *s) {
	PtHlsGroup *done = cut->open ? end_before(cut, s) : NULL;
	cut->last_dts = s->dts;
	cut->last_wall = s->wall_ns;
	if (!cut->open && !s->key) {
		cut->hole |= cut->begun;
		return done;
	}
	if (!cut->open) {
		cut->open = group_new();
		cut->open->hole = cut->hole && cut->begun;
		cut->hole = false;
		cut->first_wall = cut->first_wall ? cut->first_wall : s->wall_ns;
	}
	g_ptr_array_add(cut->open->video, pt_sample_ref(s));
	return done;
}

PtHlsGroup *pt_hls_cut_push(PtHlsCut *cut, PtSample *s) {
	PtHlsGroup *done = NULL;
	if (pt_codec_kind(s->format->codec) == PT_KIND_VIDEO)
		done = push_video(cut, s);
	else if (cut->open)
		g_ptr_array_add(cut->open->audio, pt_sample_ref(s));
	if (cut->open && (cut->open->bytes += s->size) > PT_HLS_GROUP_MAX)
		too_much(cut,
		         "what lies between two of its key frames is larger than 12 MiB: set a shorter key frame (I-frame) "
		         "interval in the camera, or look at its other stream");
	return done;
}
