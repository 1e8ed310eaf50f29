/* Files that ffmpeg made are compared packet by packet with what ffprobe says of them; a hand-made fragmented file is cut at
 * every byte. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/clock.h"
#include "media/fmp4/read.h"
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_WALL (INT64_C(1763809000) * PT_NS_PER_S + 125 * PT_NS_PER_MS)
#define FRAGMENTS 3
#define FRAMES 5 /* per fragment */

/* ---- a file by hand ---- */

static size_t begin(PtBuf *b, const char *type) {
	size_t at = b->size;
	pt_buf_u32(b, 0);
	pt_buf_put(b, type, 4);
	return at;
}

static void end(PtBuf *b, size_t at) { pt_buf_patch_u32(b, at, (uint32_t)(b->size - at)); }

static void put_entry(PtBuf *b, bool video) {
	static const uint8_t avcc[] = {1, 0x64, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1e, 1, 0, 2, 0x68, 0xee};
	size_t stsd = begin(b, "stsd");
	pt_buf_u32(b, 0);
	pt_buf_u32(b, 1);
	size_t entry = begin(b, video ? "avc1" : "ulaw");
	if (video) {
		pt_buf_zero(b, 24);
		pt_buf_u16(b, 640);
		pt_buf_u16(b, 360);
		pt_buf_zero(b, 50);
		size_t box = begin(b, "avcC");
		pt_buf_put(b, avcc, sizeof avcc);
		end(b, box);
	} else {
		pt_buf_zero(b, 16);
		pt_buf_u16(b, 1);
		pt_buf_u16(b, 16);
		pt_buf_u32(b, 0);
		pt_buf_u32(b, 8000u << 16);
	}
	end(b, entry);
	end(b, stsd);
}

static void put_trak(PtBuf *b, uint32_t id, uint32_t timescale, bool video) {
	size_t trak = begin(b, "trak"), box = begin(b, "tkhd");
	pt_buf_zero(b, 12);
	pt_buf_u32(b, id);
	pt_buf_zero(b, 68);
	end(b, box);
	size_t mdia = begin(b, "mdia");
	box = begin(b, "mdhd");
	pt_buf_zero(b, 12);
	pt_buf_u32(b, timescale);
	pt_buf_zero(b, 8);
	end(b, box);
	size_t minf = begin(b, "minf"), stbl = begin(b, "stbl");
	put_entry(b, video);
	end(b, stbl);
	end(b, minf);
	end(b, mdia);
	end(b, trak);
}

static void put_moov(PtBuf *b) {
	size_t moov = begin(b, "moov"), box = begin(b, "mvhd");
	pt_buf_zero(b, 12);
	pt_buf_u32(b, 1000);
	end(b, box);
	put_trak(b, 1, 90000, true);
	put_trak(b, 2, 8000, false);
	size_t mvex = begin(b, "mvex");
	for (uint32_t id = 1; id <= 2; id++) {
		box = begin(b, "trex");
		pt_buf_u32(b, 0);
		pt_buf_u32(b, id);
		pt_buf_u32(b, 1);
		pt_buf_u32(b, id == 1 ? 6000 : 160);
		pt_buf_u32(b, id == 1 ? 0 : 160);
		pt_buf_u32(b, id == 1 ? 0x10000 : 0);
		end(b, box);
	}
	end(b, mvex);
	end(b, moov);
}

static void put_prft(PtBuf *b, int64_t wall_ns, uint64_t media_time) {
	size_t box = begin(b, "prft");
	pt_buf_u32(b, 1u << 24);
	pt_buf_u32(b, 1);
	pt_buf_u32(b, (uint32_t)(wall_ns / PT_NS_PER_S + 2208988800));
	pt_buf_u32(b, (uint32_t)(((wall_ns % PT_NS_PER_S) << 32) / PT_NS_PER_S));
	pt_buf_u64(b, media_time);
	end(b, box);
}

static size_t put_traf(PtBuf *b, uint32_t id, uint64_t time, bool video) {
	size_t traf = begin(b, "traf"), box = begin(b, "tfhd");
	pt_buf_u32(b, 0x20000);
	pt_buf_u32(b, id);
	end(b, box);
	box = begin(b, "tfdt");
	pt_buf_u32(b, 1u << 24);
	pt_buf_u64(b, time);
	end(b, box);
	box = begin(b, "trun");
	pt_buf_u32(b, 1u << 24 | (video ? 0xa05 : 0x1)); /* v1: signed composition offsets */
	pt_buf_u32(b, FRAMES);
	size_t data_offset = b->size;
	pt_buf_u32(b, 0);
	if (video)
		pt_buf_u32(b, 0); /* the first is a key frame */
	for (uint32_t i = 0; video && i < FRAMES; i++) {
		pt_buf_u32(b, 10 + i);
		pt_buf_u32(b, i == 1 ? 6000 : i == 2 ? (uint32_t)-6000 : 0); /* 1 and 2 are shown the other way round */
	}
	end(b, box);
	end(b, traf);
	return data_offset;
}

/* ret_ends: of ftyp+moov and of each fragment. */
static void make_file(PtBuf *b, size_t *ret_ends) {
	size_t box = begin(b, "ftyp");
	pt_buf_str(b, "iso6");
	pt_buf_zero(b, 4);
	end(b, box);
	put_moov(b);
	ret_ends[0] = b->size;
	for (unsigned f = 0; f < FRAGMENTS; f++) {
		put_prft(b, FIRST_WALL + f * PT_NS_PER_S,
		         90000u * f); /* a second between fragments of a third of a second */
		size_t moof = begin(b, "moof");
		size_t video = put_traf(b, 1, 90000u * f, true), audio = put_traf(b, 2, 8000u * f, false);
		end(b, moof);
		size_t mdat = begin(b, "mdat");
		pt_buf_patch_u32(b, video, (uint32_t)(b->size - moof));
		for (unsigned i = 0; i < FRAMES; i++)
			memset(pt_buf_grow(b, 10 + i), (int)(f * 16 + i), 10 + i);
		pt_buf_patch_u32(b, audio, (uint32_t)(b->size - moof));
		memset(pt_buf_grow(b, 160 * FRAMES), 0x55, 160 * FRAMES);
		end(b, mdat);
		ret_ends[f + 1] = b->size;
	}
}

static int memory_file(const void *p, size_t n) {
	int fd = memfd_create("mp4", 0);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, p, n), ==, (ssize_t)n);
	return fd;
}

static void check_fragment(PtMp4 *mp4, int fd, unsigned f) {
	for (unsigned i = 0; i < FRAMES; i++) {
		const PtMp4Sample *s = &mp4->tracks[0].samples[f * FRAMES + i];
		int64_t dts = 90000 * f + 6000 * i, pts = dts + (i == 1 ? 6000 : i == 2 ? -6000 : 0);
		g_assert_cmpint(s->dts, ==, dts);
		g_assert_cmpint(s->pts, ==, pts);
		g_assert_cmpuint(s->key, ==, i == 0);
		g_assert_cmpint(labs(s->wall_ns - (FIRST_WALL + pts * PT_NS_PER_S / 90000)), <=, 1);
		PtSample *sample = pt_mp4_load(mp4, fd, 0, f * FRAMES + i, NULL);
		g_assert_cmpuint(sample->size, ==, 10 + i);
		for (size_t k = 0; k < sample->size; k++)
			g_assert_cmpuint(sample->data[k], ==, f * 16 + i);
		pt_sample_unref(sample);
		s = &mp4->tracks[1].samples[f * FRAMES + i];
		g_assert_cmpint(s->dts, ==, 8000 * f + 160 * i);
		g_assert_cmpint(labs(s->wall_ns - (FIRST_WALL + s->pts * PT_NS_PER_S / 8000)), <=, 1);
	}
}

static void test_truncated(void) {
	PtBuf b = {0};
	size_t ends[FRAGMENTS + 1];
	make_file(&b, ends);
	for (size_t n = 0; n <= b.size; n++) {
		int fd = memory_file(b.data, n);
		g_autoptr(GError) error = NULL;
		g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, &error);
		if (n < ends[0]) {
			g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
			g_assert_null(mp4);
		} else {
			unsigned whole = 0;
			while (whole < FRAGMENTS && ends[whole + 1] <= n)
				whole++;
			g_assert_no_error(error);
			g_assert_cmpuint(mp4->whole_size, ==, ends[whole]);
			g_assert_cmpuint(mp4->n_tracks, ==, 2);
			for (unsigned t = 0; t < 2; t++)
				g_assert_cmpuint(mp4->tracks[t].n_samples, ==, whole * FRAMES);
			for (unsigned f = 0; f < whole; f++)
				check_fragment(mp4, fd, f);
		}
		close(fd);
	}
	int fd = memory_file(b.data, b.size);
	g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, NULL);
	const PtFormat *v = mp4->tracks[0].format, *a = mp4->tracks[1].format;
	g_assert_cmpstr(v->rfc6381, ==, "avc1.64001e");
	g_assert_cmpuint(v->width, ==, 640);
	g_assert_cmpuint(v->reorder, ==, 1);
	g_assert_cmpint(a->codec, ==, PT_CODEC_PCMU);
	g_assert_cmpuint(a->timescale, ==, 8000);
	g_autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	pt_mp4_print(mp4, out);
	fclose(out);
	g_assert_nonnull(
	    strstr(text, "track 1: H.264 avc1.64001e 640x360, 3 key frames, 15 samples, 0.000 s to 2.267 s, captured from "
	                 "2025-11-22T10:56:40.125Z"));
	close(fd);
	pt_buf_clear(&b);
}

/* Every byte set to each of some values: nothing but clean answers (the sanitizers watch). */
static void test_damaged(void) {
	static const uint8_t values[] = {0, 1, 8, 0x7f, 0x80, 0xff};
	PtBuf b = {0};
	size_t ends[FRAGMENTS + 1];
	make_file(&b, ends);
	for (size_t i = 0; i < ends[1]; i++)
		for (unsigned v = 0; v < G_N_ELEMENTS(values); v++) {
			uint8_t was = b.data[i];
			b.data[i] = values[v];
			int fd = memory_file(b.data, ends[1]);
			g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, NULL);
			if (mp4 && mp4->n_tracks && mp4->tracks[0].n_samples)
				pt_sample_unref(pt_mp4_load(mp4, fd, 0, 0, NULL));
			close(fd);
			b.data[i] = was;
		}
	pt_buf_clear(&b);
}

/* ---- files of ffmpeg ---- */

static char *dir;

static bool run(const char *command, char **ret_output) {
	int status = 0;
	g_autofree char *out = NULL;
	g_autoptr(GError) error = NULL;
	if (!g_spawn_command_line_sync(command, &out, NULL, &status, &error) || status) {
		g_test_message("%s: %s", command, error ? error->message : "failed");
		return false;
	}
	if (ret_output)
		*ret_output = g_steal_pointer(&out);
	return true;
}

#define VIDEO "-f lavfi -i testsrc2=size=320x180:rate=15:duration=3 "
#define AUDIO "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=3 "
#define X264 "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 15 "

static const struct {
	const char *name, *arguments;
	PtCodec codecs[2];
	unsigned n_tracks;
	const char *rfc6381;
	bool fragmented;
} cases[] = {
    {"progressive.mp4", VIDEO AUDIO X264 "-c:a aac", {PT_CODEC_H264, PT_CODEC_AAC}, 2, "avc1."},
    {"b-frames.mp4", VIDEO "-pix_fmt yuv420p -c:v libx264 -preset veryfast -bf 3 -g 30", {PT_CODEC_H264}, 1, "avc1."},
    {"faststart.mp4", VIDEO AUDIO X264 "-c:a aac -movflags faststart", {PT_CODEC_H264, PT_CODEC_AAC}, 2, "avc1."},
    {"fragmented.mp4",
     VIDEO AUDIO "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 15 -c:a aac -movflags frag_keyframe+empty_moov",
     {PT_CODEC_H264, PT_CODEC_AAC},
     2,
     "avc1.",
     true},
    {"default-base.mp4",
     VIDEO AUDIO X264 "-c:a aac -movflags frag_keyframe+empty_moov+default_base_moof+separate_moof",
     {PT_CODEC_H264, PT_CODEC_AAC},
     2,
     "avc1.",
     true},
    {"negative-cts.mp4",
     VIDEO "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 15 -movflags frag_keyframe+empty_moov+negative_cts_offsets",
     {PT_CODEC_H264},
     1,
     "avc1.",
     true},
    {"h265.mp4",
     VIDEO "-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1",
     {PT_CODEC_H265},
     1,
     "hvc1.1.6.L60.90"},
    {"mjpeg.mp4", VIDEO "-pix_fmt yuvj420p -c:v mjpeg", {PT_CODEC_MJPEG}, 1, ""},
    {"mjpeg.mov", VIDEO "-pix_fmt yuvj420p -c:v mjpeg", {PT_CODEC_MJPEG}, 1, ""},
    {"opus.mp4", AUDIO "-c:a libopus", {PT_CODEC_OPUS}, 1, "opus"},
    {"aac.mov", AUDIO "-c:a aac", {PT_CODEC_AAC}, 1, "mp4a.40.2"},
};

/* Compares one track with ffprobe's lines of "pts_time,dts_time,size,pos,flags". */
static void compare(const PtMp4Track *t, const char *path, unsigned index) {
	g_autofree char *command = g_strdup_printf(
	    "ffprobe -v error -select_streams %u -show_entries packet=pts_time,dts_time,size,pos,flags -of csv=p=0 %s",
	    index, path);
	g_autofree char *out = NULL;
	g_assert_true(run(command, &out));
	g_auto(GStrv) lines = g_strsplit(g_strstrip(out), "\n", -1);
	/* ffprobe moves a track with negative composition offsets so that no pts lies before its dts; we leave it where it
	 * is */
	double shift = strstr(path, "negative") ? 1 / 15.0 : 0;
	size_t i = 0;
	for (char **line = lines; *line; line++) {
		if (!**line)
			continue; /* side data, which the csv writer ends with an empty line */
		g_assert_cmpuint(i, <, t->n_samples);
		g_auto(GStrv) f = g_strsplit(*line, ",", -1);
		const PtMp4Sample *s = &t->samples[i++];
		g_assert_cmpuint(g_ascii_strtoull(f[2], NULL, 10), ==, s->size);
		g_assert_cmpuint(g_ascii_strtoull(f[3], NULL, 10), ==, s->offset);
		g_assert_cmpint(f[4][0] == 'K', ==, s->key);
		g_assert_cmpfloat_with_epsilon(g_ascii_strtod(f[0], NULL) - shift, (double)s->pts / t->format->timescale,
		                               0.0001);
		g_assert_cmpfloat_with_epsilon(g_ascii_strtod(f[1], NULL), (double)s->dts / t->format->timescale, 0.0001);
	}
	g_assert_cmpuint(i, ==, t->n_samples);
}

static void test_ffmpeg(gconstpointer data) {
	unsigned n = GPOINTER_TO_UINT(data);
	if (!run("ffmpeg -version", NULL) || !run("ffprobe -version", NULL)) {
		g_test_skip("ffmpeg is not installed");
		return;
	}
	g_autofree char *path = g_build_filename(dir, cases[n].name, NULL);
	g_autofree char *command = g_strdup_printf("ffmpeg -v error -y %s %s", cases[n].arguments, path);
	g_assert_true(run(command, NULL));
	int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
	g_autoptr(GError) error = NULL;
	g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(mp4->n_tracks, ==, cases[n].n_tracks);
	g_assert_cmpint(mp4->fragmented, ==, cases[n].fragmented);
	for (unsigned i = 0; i < mp4->n_tracks; i++) {
		const PtFormat *f = mp4->tracks[i].format;
		g_assert_cmpint(f->codec, ==, cases[n].codecs[i]);
		if (pt_codec_kind(f->codec) == PT_KIND_VIDEO) {
			g_assert_cmpuint(f->width, ==, 320);
			g_assert_cmpuint(f->height, ==, 180);
			g_assert_cmpuint(f->timescale, ==, 90000);
		} else {
			g_assert_cmpuint(f->sample_rate, ==, 48000);
			g_assert_cmpuint(f->channels, ==, 1);
		}
		if (i == 0)
			g_assert_true(g_str_has_prefix(f->rfc6381, cases[n].rfc6381));
		compare(&mp4->tracks[i], path, i);
		for (size_t k = 0; k < mp4->tracks[i].n_samples; k++) {
			PtSample *s = pt_mp4_load(mp4, fd, i, k, &error);
			g_assert_no_error(error);
			pt_sample_unref(s);
		}
	}
	close(fd);
	g_unlink(path);
}

static void test_not_mp4(void) {
	static const char *const texts[] = {
	    "", "RIFF", "\0\0\0\1moov", "\0\0\0\0free", "\0\0\0\x08moov", "\0\0\0\x10mdatxxxxxxxx"};
	static const size_t sizes[] = {0, 4, 8, 8, 8, 16};
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		int fd = memory_file(texts[i], sizes[i]);
		g_autoptr(GError) error = NULL;
		g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, &error);
		if (i == 4)
			g_assert_cmpuint(mp4->n_tracks, ==, 0);
		else
			g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
		close(fd);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	dir = g_dir_make_tmp("pigtail-mp4-XXXXXX", NULL);
	g_test_add_func("/mp4/truncated", test_truncated);
	g_test_add_func("/mp4/damaged", test_damaged);
	g_test_add_func("/mp4/not-mp4", test_not_mp4);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strdup_printf("/mp4/ffmpeg/%s", cases[i].name);
		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_ffmpeg);
	}
	int status = g_test_run();
	g_rmdir(dir);
	g_free(dir);
	return status;
}
