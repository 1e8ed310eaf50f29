/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fmp4/progressive.h"
#include "base/clock.h"
#include "media/fmp4/read.h"
#include <glib.h>
#include <stdio.h>
#include <unistd.h>

#define S PT_NS_PER_S

/* Writes the head and sparse bytes behind it, and reads it back with the reader of any MP4. */
static PtMp4 *read_back(const PtBuf *head, uint64_t size) {
	FILE *f = tmpfile();
	g_assert_nonnull(f);
	g_assert_cmpint(write(fileno(f), head->data, head->size), ==, (ssize_t)head->size);
	g_assert_cmpint(ftruncate(fileno(f), (off_t)size), ==, 0);
	g_autoptr(GError) error = NULL;
	PtMp4 *mp4 = pt_mp4_read(fileno(f), &error);
	g_assert_no_error(error);
	fclose(f);
	return mp4;
}

/* Ten seconds of pictures in the order I P B B with a gap of 100 s after five, and sound beside them. */
static void test_movie(void) {
	static const int shown[] = {0, 3, 1, 2}; /* B-frames: place in the order of showing, by order of decoding */
	PtFormat *video =
	    pt_format_new(&(PtFormat){.codec = PT_CODEC_MJPEG, .timescale = 90000, .width = 64, .height = 48}, NULL, 0);
	PtFormat *audio = pt_format_new(
	    &(PtFormat){.codec = PT_CODEC_PCMU, .timescale = 8000, .sample_rate = 8000, .channels = 1}, NULL, 0);
	PtMp4Table *pictures = pt_mp4_table_new(), *sound = pt_mp4_table_new();
	int64_t zero = 3700 * 90000;
	for (int i = 0; i < 80; i++) {
		int64_t gap = i >= 40 ? 100 * 90000 : 0, dts = zero + gap + i * 11250;
		int64_t pts = zero + gap + (i / 4 * 4 + shown[i % 4] + 1) * 11250;
		pt_mp4_table_add(pictures, video, 1000 + (uint32_t)i, dts, pts, i % 4 == 0);
	}
	for (int i = 0; i < 100; i++)
		pt_mp4_table_add(sound, audio, 800, 3700 * 8000 + i * 800, 3700 * 8000 + i * 800, true);
	PtMp4MovieTrack tracks[] = {{pictures, 11250}, {sound, 800}};
	int64_t show = 3700 * S + 2 * S + S / 4;
	PtMp4Movie movie = {
	    .tracks = tracks, .n_tracks = 2, .show_ns = show, .end_ns = 3700 * S + 200 * S, .created_ns = S, .title = "t"};
	PtBuf head = {0};
	g_autofree PtMp4Place *places = NULL;
	uint64_t size = pt_mp4_write_movie(&head, &movie, &places);
	g_autoptr(PtMp4) mp4 = read_back(&head, size);
	g_assert_cmpuint(mp4->n_tracks, ==, 2);
	const PtMp4Track *v = &mp4->tracks[0], *a = &mp4->tracks[1];
	g_assert_cmpuint(v->n_samples, ==, 80);
	g_assert_cmpuint(a->n_samples, ==, 100);
	uint64_t bytes = 0;
	for (size_t i = 0; i < v->n_samples; i++) {
		int64_t gap = i >= 40 ? 100 * 90000 : 0;
		g_assert_cmpuint(v->samples[i].size, ==, 1000 + i);
		g_assert_true(v->samples[i].key == (i % 4 == 0));
		/* the edit list counts from what is shown first */
		g_assert_cmpint(v->samples[i].pts, ==,
		                gap + ((int64_t)i / 4 * 4 + shown[i % 4] + 1) * 11250 - (2 * 90000 + 22500));
		bytes += v->samples[i].size;
	}
	for (size_t i = 0; i < a->n_samples; i++) {
		g_assert_cmpint(a->samples[i].pts, ==, (int64_t)i * 800 - 2 * 8000 - 2000);
		bytes += a->samples[i].size;
	}
	g_assert_cmpuint(size, ==, head.size + bytes);
	/* chunks lie one behind the other, in step */
	uint64_t at = head.size;
	for (size_t i = 0; i < pt_mp4_table_chunks(pictures) + pt_mp4_table_chunks(sound); i++) {
		g_assert_cmpuint(places[i].offset, ==, at);
		at += places[i].size;
	}
	g_assert_cmpuint(at, ==, size);
	pt_buf_clear(&head);
	pt_mp4_table_free(pictures);
	pt_mp4_table_free(sound);
	pt_format_unref(video);
	pt_format_unref(audio);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/progressive/movie", test_movie);
	return g_test_run();
}
