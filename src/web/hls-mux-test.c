/* What is muxed is read back by the house's own reader here, by others in tests/e2e/test_hls.py. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/hls-mux.h"
#include "base/clock.h"
#include "media/fmp4/read.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOON (INT64_C(1763809200) * PT_NS_PER_S)
#define FRAME 3600
#define SOUND 1000 /* sixteen a second */

static PtFormat *picture, *wider, *sound;

static void add(GPtrArray *to, PtFormat *f, int64_t dts, int64_t pts, int64_t wall, bool key) {
	PtSample *s = pt_sample_new(16);
	memset(pt_sample_grow(&s, 8), (int)(dts / 100), 8);
	memcpy(s->data, "\0\0\0\4", 4);
	s->format = pt_format_ref(f);
	s->dts = dts;
	s->pts = pts;
	s->key = key;
	s->wall_ns = wall;
	g_ptr_array_add(to, s);
}

/* 25 frames from frame number `from`, with the sound of that second; wall: capture time of the first. */
static PtHlsGroup *group(PtFormat *f, int64_t from, int64_t sound_from, int64_t wall, bool hole) {
	PtHlsGroup *g = g_new0(PtHlsGroup, 1);
	g->video = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	g->audio = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	for (int64_t i = 0; i < 25; i++)
		add(g->video, f, (from + i) * FRAME, (from + i) * FRAME, wall + i * 40 * PT_NS_PER_MS, i == 0);
	for (int64_t i = 0; sound_from >= 0 && i < 16; i++)
		add(g->audio, sound, (sound_from + i) * SOUND, (sound_from + i) * SOUND,
		    wall + i * SOUND * PT_NS_PER_S / sound->timescale, true);
	g->last_duration = FRAME;
	g->bytes = 8 * (g->video->len + g->audio->len);
	g->hole = hole;
	return g;
}

static PtBuf file;

static PtHlsPiece mux(PtHlsMux *m, PtHlsGroup *g) {
	PtHlsPiece p;
	pt_hls_mux_group(m, g, &p);
	pt_hls_group_free(g);
	if (p.map.size) {
		pt_buf_clear(&file);
		pt_buf_put(&file, p.map.data, p.map.size);
	}
	pt_buf_put(&file, p.bytes.data, p.bytes.size);
	p.map.size = p.map.size ? 1 : 0; /* its content is in the file */
	pt_buf_clear(&p.bytes);
	size_t had = p.map.size;
	pt_buf_clear(&p.map);
	p.map.size = had;
	return p;
}

static PtMp4 *read_back(void) {
	g_autoptr(GError) error = NULL;
	int fd = memfd_create("hls", 0);
	g_assert_cmpint(write(fd, file.data, file.size), ==, (ssize_t)file.size);
	PtMp4 *mp4 = pt_mp4_read(fd, &error);
	g_assert_no_error(error);
	g_assert_true(mp4->fragmented);
	g_assert_cmpuint(mp4->whole_size, ==, file.size);
	close(fd);
	return mp4;
}

static void test_continuous(void) {
	PtHlsMux m = {0};
	for (int64_t i = 0; i < 5; i++) {
		PtHlsPiece p = mux(&m, group(picture, 1000 + 25 * i, 70 + 16 * i, NOON + i * PT_NS_PER_S, false));
		g_assert_false(p.discontinuity);
		g_assert_cmpint(p.duration_ns, ==, PT_NS_PER_S);
		g_assert_cmpint(p.wall_ns, ==, NOON + i * PT_NS_PER_S);
		g_assert_cmpuint(p.map.size, ==, i == 0);
	}
	g_autoptr(PtMp4) mp4 = read_back();
	g_assert_cmpuint(mp4->n_tracks, ==, 2);
	g_assert_cmpuint(mp4->tracks[0].n_samples, ==, 125);
	g_assert_cmpuint(mp4->tracks[1].n_samples, ==, 80);
	for (unsigned i = 0; i < 125; i++) {
		g_assert_cmpint(mp4->tracks[0].samples[i].dts, ==, i * FRAME);
		g_assert_cmpint(mp4->tracks[0].samples[i].key, ==, i % 25 == 0);
	}
	for (unsigned i = 0; i < 80; i++)
		g_assert_cmpint(mp4->tracks[1].samples[i].dts, ==, i * SOUND);
	pt_hls_mux_finish(&m);
}

/* After a hole the axis goes on by capture time, and never back when the clock does. */
static void test_hole(void) {
	static const struct { int64_t wall_s, dts_s; } rows[] = {{0, 0}, {11, 11}, {2, 12}, {7, 17}};
	PtHlsMux m = {0};
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		PtHlsPiece p = mux(&m, group(picture, 77 - i, 0, NOON + rows[i].wall_s * PT_NS_PER_S, i > 0));
		g_assert_cmpint(p.discontinuity, ==, i > 0);
		g_assert_cmpuint(p.map.size, ==, i == 0);
	}
	g_autoptr(PtMp4) mp4 = read_back();
	g_assert_cmpuint(mp4->tracks[0].n_samples, ==, 100);
	g_assert_cmpuint(mp4->tracks[1].n_samples, ==, 64);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_assert_cmpint(mp4->tracks[0].samples[25 * i].dts, ==, rows[i].dts_s * 90000);
		g_assert_cmpint(mp4->tracks[1].samples[16 * i].dts, ==, rows[i].dts_s * 16000);
	}
	pt_hls_mux_finish(&m);
}

static void test_format(void) {
	PtHlsMux m = {0};
	PtHlsPiece p = mux(&m, group(picture, 0, -1, NOON, false)); /* no sound yet */
	g_assert_cmpuint(p.map.size, ==, 1);
	p = mux(&m, group(picture, 25, 0, NOON + PT_NS_PER_S, false));
	g_assert_true(p.discontinuity && p.map.size);
	p = mux(&m, group(picture, 50, -1, NOON + 2 * PT_NS_PER_S, false)); /* and none for a while: the same section */
	g_assert_false(p.discontinuity || p.map.size);
	g_autoptr(PtMp4) narrow = read_back();
	g_assert_cmpuint(narrow->n_tracks, ==, 2);
	g_assert_cmpuint(narrow->tracks[0].format->width, ==, 640);
	g_assert_cmpint(narrow->tracks[0].samples[0].dts, ==, 90000);
	p = mux(&m, group(wider, 75, 32, NOON + 3 * PT_NS_PER_S, false));
	g_assert_true(p.discontinuity && p.map.size);
	g_autoptr(PtMp4) wide = read_back();
	g_assert_cmpuint(wide->tracks[0].format->width, ==, 1280);
	g_assert_cmpint(wide->tracks[0].samples[0].dts, ==, 3 * 90000);
	pt_hls_mux_finish(&m);
}

/* Sound that drifts away from the picture is brought back, and never stands on what was sent. */
static void test_drift(void) {
	PtHlsMux m = {0};
	for (int64_t i = 0; i < 60; i++) {
		PtHlsGroup *g = group(picture, 25 * i, 16 * i, NOON + i * PT_NS_PER_S, false);
		for (guint k = 0; k < g->audio->len; k++)
			((PtSample *)g->audio->pdata[k])->wall_ns += (i < 30 ? i : 60 - i) * 20 * PT_NS_PER_MS;
		mux(&m, g);
	}
	g_autoptr(PtMp4) mp4 = read_back();
	const PtMp4Track *t = &mp4->tracks[1];
	g_assert_cmpuint(t->n_samples, >, 60 * 16 - 12);
	for (size_t i = 1; i < t->n_samples; i++)
		g_assert_cmpint(t->samples[i].dts, >, t->samples[i - 1].dts);
	pt_hls_mux_finish(&m);
}

/* B-frames: what is decoded before it is shown keeps its offset. */
static void test_reordered(void) {
	static const int64_t shown[] = {1, 4, 2, 3};
	PtHlsMux m = {0};
	PtHlsGroup *g = group(picture, 0, -1, NOON, false);
	g_ptr_array_set_size(g->video, 0);
	for (int64_t i = 0; i < 4; i++)
		add(g->video, picture, i * FRAME, shown[i] * FRAME, NOON + shown[i] * 40 * PT_NS_PER_MS, i == 0);
	mux(&m, g);
	g_autoptr(PtMp4) mp4 = read_back();
	for (unsigned i = 0; i < 4; i++) {
		g_assert_cmpint(mp4->tracks[0].samples[i].dts, ==, i * FRAME);
		g_assert_cmpint(mp4->tracks[0].samples[i].pts, ==, shown[i] * FRAME);
	}
	pt_hls_mux_finish(&m);
}

int main(int argc, char **argv) {
	static const uint8_t avcc[] = {1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0};
	static const uint8_t asc[] = {0x14, 0x08};
	g_test_init(&argc, &argv, NULL);
	picture = pt_format_new(&(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000, .width = 640, .height = 360}, avcc,
	                        sizeof avcc);
	wider = pt_format_new(&(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000, .width = 1280, .height = 720}, avcc,
	                      sizeof avcc);
	sound = pt_format_new(&(PtFormat){.codec = PT_CODEC_AAC, .timescale = 16000, .sample_rate = 16000, .channels = 1},
	                      asc, sizeof asc);
	g_test_add_func("/hls-mux/continuous", test_continuous);
	g_test_add_func("/hls-mux/hole", test_hole);
	g_test_add_func("/hls-mux/format", test_format);
	g_test_add_func("/hls-mux/drift", test_drift);
	g_test_add_func("/hls-mux/reordered", test_reordered);
	int status = g_test_run();
	pt_buf_clear(&file);
	pt_format_unref(picture);
	pt_format_unref(wider);
	pt_format_unref(sound);
	return status;
}
