/* SPDX-License-Identifier: Apache-2.0 */
#include "web/hls-cut.h"
#include "base/clock.h"
#include <string.h>

#define NOON (INT64_C(1763809200) * PT_NS_PER_S)
#define FRAME 3600 /* 25 pictures a second */

static PtFormat *picture, *wider, *sound;

static PtSample *sample(PtFormat *f, int64_t dts, bool key, size_t size) {
	PtSample *s = pt_sample_new(size);
	memset(pt_sample_grow(&s, size), 0, size);
	s->format = pt_format_ref(f);
	s->dts = s->pts = dts;
	s->key = key;
	s->wall_ns = NOON + dts * PT_NS_PER_S / f->timescale;
	return s;
}

static PtHlsGroup *push_wall(PtHlsCut *cut, PtFormat *f, int64_t dts, bool key, int64_t later_ns) {
	PtSample *s = sample(f, dts, key, 100);
	s->wall_ns += later_ns;
	PtHlsGroup *g = pt_hls_cut_push(cut, s);
	pt_sample_unref(s);
	return g;
}

static PtHlsGroup *push(PtHlsCut *cut, PtFormat *f, int64_t dts, bool key) { return push_wall(cut, f, dts, key, 0); }

static void expect(PtHlsGroup *g, guint frames, bool hole) {
	g_assert_nonnull(g);
	g_assert_cmpuint(g->video->len, ==, frames);
	g_assert_true(((PtSample *)g->video->pdata[0])->key);
	g_assert_cmpint(g->last_duration, ==, FRAME);
	g_assert_cmpint(g->hole, ==, hole);
	pt_hls_group_free(g);
}

/* No frame is lost or doubled from the first key frame on, whatever the distance of key frames is. */
static void test_keys(void) {
	static const struct {
		unsigned gop, frames; /* in a group */
	} rows[] = {{1, 23}, {5, 25}, {10, 30}, {24, 24}, {25, 25}, {50, 50}, {400, 400}};
	for (unsigned r = 0; r < G_N_ELEMENTS(rows); r++) {
		PtHlsCut cut = {0};
		unsigned groups = 0;
		for (unsigned i = rows[r].gop > 1 ? 1 : 0; i < 1700; i++) { /* the first ones cannot be decoded */
			PtHlsGroup *g = push(&cut, picture, (int64_t)i * FRAME, i % rows[r].gop == 0);
			if (!g)
				continue;
			int64_t first = ((PtSample *)g->video->pdata[0])->dts / FRAME;
			g_assert_cmpint(first, ==, (rows[r].gop > 1 ? rows[r].gop : 0) + groups * rows[r].frames);
			expect(g, rows[r].frames, false);
			groups++;
		}
		g_assert_cmpuint(groups, >, 2);
		g_assert_null(pt_hls_cut_problem(&cut));
		pt_hls_cut_finish(&cut);
	}
}

static void test_holes(void) {
	PtHlsCut cut = {0};
	for (int64_t i = 0; i < 30; i++)
		g_assert_null(push(&cut, picture, i * FRAME, i == 0));
	/* the camera sent nothing for three seconds, and goes on without a key frame */
	expect(push(&cut, picture, 105 * FRAME, false), 30, false);
	g_assert_null(push(&cut, picture, 106 * FRAME, false));
	for (int64_t i = 110; i < 140; i++)
		g_assert_null(push(&cut, picture, i * FRAME, i == 110));
	/* another connection counts anew */
	expect(push(&cut, picture, 5 * FRAME, true), 30, true);
	for (int64_t i = 6; i < 30; i++)
		g_assert_null(push(&cut, picture, i * FRAME, false));
	/* the clock jumps: at the next key frame */
	for (int64_t i = 30; i < 35; i++)
		g_assert_null(push_wall(&cut, picture, i * FRAME, false, 5 * PT_NS_PER_S));
	expect(push_wall(&cut, picture, 35 * FRAME, true, 10 * PT_NS_PER_S), 30, true);
	/* the stream was lost */
	expect(pt_hls_cut_break(&cut), 1, true);
	g_assert_null(pt_hls_cut_break(&cut));
	g_assert_null(push(&cut, picture, 36 * FRAME, false));
	g_assert_null(push(&cut, picture, 37 * FRAME, true));
	expect(pt_hls_cut_break(&cut), 1, true);
	pt_hls_cut_finish(&cut);
}

static void test_formats(void) {
	PtHlsCut cut = {0};
	for (int64_t i = 0; i < 10; i++)
		g_assert_null(push(&cut, picture, i * FRAME, i == 0));
	PtHlsGroup *g = push(&cut, wider, 10 * FRAME, true); /* sooner than a segment would end otherwise */
	g_assert_true(pt_format_equal(((PtSample *)g->video->pdata[9])->format, picture));
	expect(g, 10, false);
	for (int64_t i = 11; i < 40; i++)
		g_assert_null(push(&cut, wider, i * FRAME, false));
	g = push(&cut, wider, 40 * FRAME, true);
	g_assert_true(pt_format_equal(((PtSample *)g->video->pdata[0])->format, wider));
	expect(g, 30, false);
	pt_hls_cut_finish(&cut);
}

static void test_too_much(void) {
	PtHlsCut cut = {0};
	for (int64_t i = 0; i < 25 * (PT_HLS_GROUP_S + 1); i++)
		g_assert_null(push(&cut, picture, i * FRAME, i == 0));
	g_assert_nonnull(strstr(pt_hls_cut_problem(&cut), "20 s apart"));
	pt_hls_cut_finish(&cut);
	cut = (PtHlsCut){0};
	for (int64_t i = 0; i < 14; i++) {
		PtSample *s = sample(picture, i * FRAME, i == 0, 1 << 20);
		g_assert_null(pt_hls_cut_push(&cut, s));
		pt_sample_unref(s);
	}
	g_assert_nonnull(strstr(pt_hls_cut_problem(&cut), "12 MiB"));
	pt_hls_cut_finish(&cut);
}

/* The first segment waits for the sound, but not for ever. */
static void test_sound(void) {
	PtHlsCut cut = {.wants_audio = true};
	guint groups = 0;
	for (int64_t i = 0; i < 100; i++) {
		if (i > 35)
			g_assert_null(push(&cut, sound, i * 320, true));
		PtHlsGroup *g = push(&cut, picture, i * FRAME, i % 25 == 0);
		if (g)
			g_assert_cmpint(((PtSample *)g->video->pdata[0])->dts, ==, (50 + 25 * groups++) * FRAME);
		if (g)
			g_assert_cmpuint(g->audio->len, ==, 25);
		pt_hls_group_free(g);
	}
	g_assert_cmpuint(groups, ==, 1);
	pt_hls_cut_finish(&cut);
	cut = (PtHlsCut){.wants_audio = true};
	int64_t first = -1;
	for (int64_t i = 0; i < 200 && first < 0; i++) {
		PtHlsGroup *g = push(&cut, picture, i * FRAME, i % 25 == 0);
		first = g ? ((PtSample *)g->video->pdata[0])->dts / FRAME : -1;
		pt_hls_group_free(g);
	}
	g_assert_cmpint(first, ==, 125);
	pt_hls_cut_finish(&cut);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	picture =
	    pt_format_new(&(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000, .width = 640, .height = 360}, "a", 1);
	wider = pt_format_new(&(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000, .width = 1280, .height = 720}, "b", 1);
	sound =
	    pt_format_new(&(PtFormat){.codec = PT_CODEC_AAC, .timescale = 8000, .sample_rate = 8000, .channels = 1}, "c", 1);
	g_test_add_func("/hls-cut/keys", test_keys);
	g_test_add_func("/hls-cut/holes", test_holes);
	g_test_add_func("/hls-cut/formats", test_formats);
	g_test_add_func("/hls-cut/too-much", test_too_much);
	g_test_add_func("/hls-cut/sound", test_sound);
	int status = g_test_run();
	pt_format_unref(picture);
	pt_format_unref(wider);
	pt_format_unref(sound);
	return status;
}
