/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/fill.h"
#include "archive/playback.h"
#include "archive/reader.h"
#include "archive/replay.h"
#include "archive/seam.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S PT_NS_PER_S
#define FPS 10
#define GOP 20
#define FRAME_NS (S / FPS)

typedef struct {
	char *dir;
	PtArchive *archive;
	PtStream *stream;
	PtRecorder *recorder;
	PtFormat *format;
	int64_t t0; /* of frame 0 */
	int64_t series;
} Fixture;

static void open_archive(Fixture *f) {
	g_autoptr(GError) error = NULL;
	f->archive = pt_archive_open(&(PtArchiveParams){.path = f->dir, .sync_ns = 2 * S}, NULL, &error);
	g_assert_no_error(error);
	f->series = pt_store_series(pt_archive_store(f->archive), "gate", "main", NULL);
}

static PtSample *frame(Fixture *f, uint32_t number) {
	PtSample *s = pt_sample_new(64);
	uint8_t *p = pt_sample_grow(&s, 40);
	memset(p, 0xab, 40);
	pt_put_u32(p, number);
	s->key = number % GOP == 0;
	s->dts = s->pts = number * 90000ll / FPS;
	s->wall_ns = f->t0 + number * FRAME_NS;
	s->format = pt_format_ref(f->format);
	return s;
}

static void live(Fixture *f, uint32_t from, uint32_t to) {
	for (uint32_t i = from; i < to; i++) {
		PtSample *s = frame(f, i);
		pt_stream_push(f->stream, s);
		pt_sample_unref(s);
	}
}

/* Frames 0 to 54 and 105 to 160 are there (the second begins with the key frame 120): 55 to 119 are missing. */
static void set_up(Fixture *f, gconstpointer unused) {
	f->dir = g_dir_make_tmp("pt-fill-XXXXXX", NULL);
	f->format =
	    pt_format_new(&(PtFormat){.codec = PT_CODEC_MJPEG, .timescale = 90000, .width = 64, .height = 48}, NULL, 0);
	f->t0 = pt_wall_ns(pt_clock_system());
	open_archive(f);
	f->stream = pt_stream_new("gate/main");
	f->recorder = pt_archive_record(f->archive, f->stream, &(PtRecorderParams){.camera = "gate", .video = "main"}, NULL);
	live(f, 0, 55);
	pt_stream_set_state(f->stream, PT_STREAM_LOST, "the cable was cut", f->t0 + 55 * FRAME_NS);
	pt_stream_set_state(f->stream, PT_STREAM_LIVE, NULL, f->t0 + 120 * FRAME_NS);
	live(f, 120, 161);
	pt_archive_stop(f->archive, f->recorder, PT_GAP_HUB, "pigtail was stopped");
	pt_writer_flush(pt_archive_writer(f->archive));
}

static void tear_down(Fixture *f, gconstpointer unused) {
	pt_stream_unref(f->stream);
	pt_archive_free(f->archive);
	pt_format_unref(f->format);
	g_autofree char *rm = g_strdup_printf("rm -rf '%s'", f->dir);
	g_assert_cmpint(system(rm), ==, 0);
	g_free(f->dir);
}

/* Of what is missing from frame `first` on. */
static PtFill *begin_at(Fixture *f, uint32_t first) {
	g_autoptr(GError) error = NULL;
	PtFill *fill = pt_fill_new(f->archive,
	                           &(PtFillParams){.camera = "gate",
	                                           .stream = "main",
	                                           .from_ns = f->t0 + first * FRAME_NS,
	                                           .to_ns = f->t0 + 120 * FRAME_NS,
	                                           .origin = "serial 4711, recording Rec1"},
	                           &error);
	g_assert_no_error(error);
	return fill;
}

static PtFill *begin(Fixture *f) { return begin_at(f, 55); }

/* Those before `first` are for the decoder alone. */
static void add_from(Fixture *f, PtFill *fill, uint32_t from, uint32_t to, uint32_t first) {
	g_autoptr(GError) error = NULL;
	for (uint32_t i = from; i < to; i++) {
		PtSample *s = frame(f, i);
		/* the times that cameras give tremble against their ticks */
		int64_t tremble = ((int64_t)(i * 7 % 5) - 2) * PT_NS_PER_MS;
		pt_fill_add(fill, s, s->wall_ns + tremble, i >= first, &error);
		g_assert_no_error(error);
		pt_sample_unref(s);
	}
}

static void add(Fixture *f, PtFill *fill, uint32_t from, uint32_t to) { add_from(f, fill, from, to, 55); }

static GArray *open_gaps(Fixture *f) {
	GArray *all = pt_store_gaps(pt_archive_store(f->archive), f->series, 0, f->t0 + 150 * FRAME_NS, NULL);
	for (guint i = all->len; i-- > 0;) {
		const PtGapRow *gap = &g_array_index(all, PtGapRow, i);
		if (gap->end_ns - gap->start_ns < PT_NS_PER_MS) /* open, or before the first picture */
			g_array_remove_index(all, i);
	}
	return all;
}

static uint32_t number_of(PtSample *s) {
	PtBytes b = pt_bytes(s->data, s->size);
	return pt_bytes_u32(&b);
}

/* Every frame from `from` to `to` once, in order, but for [hole, hole_end). */
static void assert_frames(Fixture *f, int64_t from_ns, uint32_t from, uint32_t to, uint32_t hole, uint32_t hole_end) {
	g_autoptr(PtReader) reader =
	    pt_reader_new(pt_archive_store(f->archive), f->dir, f->series, from_ns, INT64_MAX, NULL);
	for (uint32_t want = from; want < to; want++) {
		if (want == hole)
			want = hole_end;
		const PtFootage *at = pt_reader_next(reader);
		g_assert_nonnull(at);
		PtSample *s = pt_reader_load(reader, NULL);
		g_assert_cmpuint(number_of(s), ==, want);
		g_assert_cmpint(ABS(at->wall_ns - f->t0 - want * FRAME_NS), <, 5 * PT_NS_PER_MS);
		pt_sample_unref(s);
	}
	g_assert_null(pt_reader_next(reader));
}

/* From the clean point before a frame on: every frame to the last one once, but for [hole, hole_end). */
static void assert_replay(Fixture *f, uint32_t from, uint32_t hole, uint32_t hole_end) {
	PtReplay *replay = pt_archive_replay(f->archive, "gate", "main", false);
	PtReplayRun *run = replay->ops->open(
	    replay, &(PtReplaySpan){.from_ns = f->t0 + from * FRAME_NS + 1, .to_ns = INT64_MAX, .tracks = 1}, NULL);
	for (uint32_t want = from - (from < hole ? from % GOP : 0); want < 161; want++) {
		PtReplayItem item;
		if (want == hole)
			want = hole_end;
		g_assert_cmpint(replay->ops->next(run, &item, NULL), ==, PT_REPLAY_SAMPLE);
		g_assert_cmpuint(number_of(item.sample), ==, want);
		pt_sample_unref(item.sample);
	}
	replay->ops->close(run);
	replay->ops->free(replay);
}

/* Group by group, each forward: every frame once. */
static void assert_replay_backwards(Fixture *f) {
	PtReplay *replay = pt_archive_replay(f->archive, "gate", "main", false);
	PtReplayRun *run = replay->ops->open(
	    replay, &(PtReplaySpan){.from_ns = f->t0 + 161 * FRAME_NS, .to_ns = f->t0, .tracks = 1, .reverse = true}, NULL);
	for (uint32_t group = 160 + GOP; group;) {
		group -= GOP;
		for (uint32_t want = group; want < MIN(group + GOP, 161); want++) {
			PtReplayItem item;
			g_assert_cmpint(replay->ops->next(run, &item, NULL), ==, PT_REPLAY_SAMPLE);
			g_assert_cmpuint(number_of(item.sample), ==, want);
			pt_sample_unref(item.sample);
		}
	}
	replay->ops->close(run);
	replay->ops->free(replay);
}

static void test_whole(Fixture *f, gconstpointer unused) {
	assert_frames(f, f->t0, 0, 161, 55, 120);
	g_autoptr(GArray) before = open_gaps(f);
	g_assert_cmpuint(before->len, ==, 1);
	g_assert_cmpint(g_array_index(before, PtGapRow, 0).cause, ==, PT_GAP_NETWORK);
	PtFill *fill = begin(f);
	add(f, fill, 30, 120);
	assert_frames(f, f->t0, 0, 161, 55, 120); /* not there before it is whole */
	g_assert_true(pt_fill_commit(fill, false, NULL));
	PtFillStats stats;
	pt_fill_get_stats(fill, &stats);
	g_assert_cmpuint(stats.frames, ==, 65);
	pt_fill_free(fill);
	g_autoptr(GArray) after = open_gaps(f);
	g_assert_cmpuint(after->len, ==, 0);
	assert_frames(f, f->t0, 0, 161, 200, 200);
	assert_frames(f, f->t0 + 60 * FRAME_NS + 1, 60, 161, 200, 200);
	assert_frames(f, f->t0 + 57 * FRAME_NS + 1, 40, 161, 200, 200); /* decoded from 40 on, which the file has too */
	assert_replay(f, 0, 200, 200);
	assert_replay(f, 57, 200, 200);
	assert_replay_backwards(f);
	g_autoptr(GArray) spans =
	    pt_store_coverage(pt_archive_store(f->archive), f->series, 0, INT64_MAX, 5 * PT_NS_PER_MS, NULL);
	g_assert_cmpuint(spans->len, ==, 1);
	g_autoptr(GArray) fetched = pt_store_fetched(pt_archive_store(f->archive), f->series, 0, INT64_MAX, 0, NULL);
	g_assert_cmpuint(fetched->len, ==, 1);
}

/* Nothing stands right before what was fetched: it is read from its key frame on, for nothing else is there to decode it
 * from. */
static void test_behind_a_hole(Fixture *f, gconstpointer unused) {
	PtFill *fill = begin_at(f, 90);
	add_from(f, fill, 70, 120, 90);
	g_assert_true(pt_fill_commit(fill, false, NULL));
	pt_fill_free(fill);
	assert_frames(f, f->t0, 0, 161, 55, 80);
	g_autoptr(GArray) left = open_gaps(f);
	g_assert_cmpuint(left->len, ==, 1);
	g_assert_cmpint(ABS(g_array_index(left, PtGapRow, 0).end_ns - f->t0 - 90 * FRAME_NS), <, 5 * PT_NS_PER_MS);
	assert_replay(f, 41, 55, 80);
	assert_replay(f, 60, 60, 80); /* from within the gap */
}

/* A program that knows nothing of the index makes the same of it. */
static void test_rebuild(Fixture *f, gconstpointer unused) {
	PtFill *fill = begin(f);
	add(f, fill, 30, 120);
	g_assert_true(pt_fill_commit(fill, false, NULL));
	pt_fill_free(fill);
	pt_archive_free(f->archive);
	PtCheck check;
	g_assert_true(pt_archive_check(f->dir, true, &check, NULL));
	g_assert_cmpuint(check.torn + check.missing + check.unreadable + check.unknown, ==, 0);
	pt_check_clear(&check);
	open_archive(f);
	assert_frames(f, f->t0, 0, 161, 200, 200);
	g_autoptr(GArray) fetched = pt_store_fetched(pt_archive_store(f->archive), f->series, 0, INT64_MAX, 0, NULL);
	g_assert_cmpuint(fetched->len, ==, 1);
}

/* The card holds a smaller picture: it is there, says so, and playback goes on into it and out of it. */
static void test_other_quality(Fixture *f, gconstpointer unused) {
	PtFormat *small =
	    pt_format_new(&(PtFormat){.codec = PT_CODEC_MJPEG, .timescale = 90000, .width = 32, .height = 24}, NULL, 0);
	PtFormat *full = f->format;
	PtFill *fill = begin(f);
	f->format = small;
	add(f, fill, 40, 120);
	f->format = full;
	pt_format_unref(small);
	g_assert_true(pt_fill_commit(fill, false, NULL));
	pt_fill_free(fill);
	for (int made_anew = 0; made_anew < 2; made_anew++) {
		PtStore *store = pt_archive_store(f->archive);
		g_autoptr(GArray) spans = pt_store_other_quality(store, f->series, 0, INT64_MAX, 0, NULL);
		g_assert_cmpuint(spans->len, ==, 1);
		const PtQualitySpan *span = &g_array_index(spans, PtQualitySpan, 0);
		g_assert_cmpint(span->width, ==, 32);
		g_assert_cmpint(span->height, ==, 24);
		g_assert_cmpint(ABS(span->start_ns - f->t0 - 55 * FRAME_NS), <, 5 * PT_NS_PER_MS);
		g_assert_cmpint(ABS(span->end_ns - f->t0 - 120 * FRAME_NS), <, 5 * PT_NS_PER_MS);
		int width = 0, height = 0;
		g_assert_true(pt_store_live_size(store, f->series, f->t0 + 90 * FRAME_NS, &width, &height));
		g_assert_cmpint(width, ==, 64);
		assert_frames(f, f->t0, 0, 161, 200, 200);
		PtPlaybackWindow window = {.from_ns = f->t0, .to_ns = f->t0 + 161 * FRAME_NS, .max_bytes = 1 << 20};
		int widths[3] = {0};
		for (int i = 0; i < 3; i++) {
			PtPlayback piece;
			g_assert_true(pt_playback_read(f->archive, "gate", "main", &window, &piece, NULL));
			g_assert_nonnull(piece.format);
			widths[i] = piece.format->width;
			g_assert_cmpint(piece.end_ns, >, window.from_ns);
			g_assert_cmpint(piece.more, ==, i < 2);
			window.from_ns = piece.end_ns / PT_NS_PER_MS * PT_NS_PER_MS; /* as a page asks on */
			pt_playback_clear(&piece);
		}
		g_assert_true(widths[0] == 64 && widths[1] == 32 && widths[2] == 64);
		pt_archive_free(f->archive);
		PtCheck check;
		g_assert_true(pt_archive_check(f->dir, true, &check, NULL));
		pt_check_clear(&check);
		open_archive(f);
	}
}

/* The camera's card lacks frames as well; what follows begins with a key frame. */
static void test_hole(Fixture *f, gconstpointer unused) {
	g_autoptr(GError) error = NULL;
	PtFill *fill = begin(f);
	add(f, fill, 40, 70);
	g_assert_true(pt_fill_hole(fill, false, &error));
	add(f, fill, 75, 80); /* nothing to decode it from */
	add(f, fill, 80, 120);
	g_assert_true(pt_fill_commit(fill, false, &error));
	pt_fill_free(fill);
	assert_frames(f, f->t0, 0, 161, 70, 80);
	g_autoptr(GArray) gaps = open_gaps(f);
	g_assert_cmpuint(gaps->len, ==, 1);
	const PtGapRow *gap = &g_array_index(gaps, PtGapRow, 0);
	g_assert_cmpint(ABS(gap->start_ns - f->t0 - 70 * FRAME_NS), <, 5 * PT_NS_PER_MS);
	g_assert_cmpint(ABS(gap->end_ns - f->t0 - 80 * FRAME_NS), <, 5 * PT_NS_PER_MS);
}

/* The camera's encoder stood still: what comes then is decoded from what came before, and is not given up for that. */
static void test_pause(Fixture *f, gconstpointer unused) {
	g_autoptr(GError) error = NULL;
	PtFill *fill = begin(f);
	add(f, fill, 40, 70);
	g_assert_true(pt_fill_hole(fill, true, &error));
	add(f, fill, 75, 79);
	g_assert_true(pt_fill_hole(fill, true, &error)); /* and once more in the same group */
	add(f, fill, 83, 120);
	g_assert_true(pt_fill_commit(fill, false, &error));
	PtFillStats stats;
	pt_fill_get_stats(fill, &stats);
	g_assert_cmpuint(stats.frames, ==, (70 - 55) + (79 - 75) + (120 - 83));
	pt_fill_free(fill);
	g_autoptr(GArray) gaps = open_gaps(f);
	static const int ends[][2] = {{70, 75}, {79, 83}};
	g_assert_cmpuint(gaps->len, ==, 2);
	for (guint i = 0; i < 2; i++) {
		const PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		g_assert_cmpint(ABS(gap->start_ns - f->t0 - ends[i][0] * FRAME_NS), <, 5 * PT_NS_PER_MS);
		g_assert_cmpint(ABS(gap->end_ns - f->t0 - ends[i][1] * FRAME_NS), <, 5 * PT_NS_PER_MS);
	}
	g_autoptr(PtReader) reader = pt_reader_new(pt_archive_store(f->archive), f->dir, f->series, f->t0, INT64_MAX, NULL);
	PtReplay *replay = pt_archive_replay(f->archive, "gate", "main", false);
	PtReplayRun *run =
	    replay->ops->open(replay, &(PtReplaySpan){.from_ns = f->t0 + 1, .to_ns = INT64_MAX, .tracks = 1}, NULL);
	for (uint32_t want = 0; want < 161; want++) {
		PtReplayItem item;
		want = want == 70 ? 75 : want == 79 ? 83 : want;
		g_assert_nonnull(pt_reader_next(reader));
		PtSample *read = pt_reader_load(reader, NULL);
		g_assert_cmpint(replay->ops->next(run, &item, NULL), ==, PT_REPLAY_SAMPLE);
		g_assert_cmpuint(number_of(read), ==, want);
		g_assert_cmpuint(number_of(item.sample), ==, want);
		pt_sample_unref(read);
		pt_sample_unref(item.sample);
	}
	replay->ops->close(run);
	run = replay->ops->open(
	    replay, &(PtReplaySpan){.from_ns = f->t0 + 161 * FRAME_NS, .to_ns = f->t0, .tracks = 1, .reverse = true}, NULL);
	for (uint32_t end = 161; end;) {
		uint32_t group = (end - 1) / GOP * GOP;
		group -= group == 80 ? GOP : 0; /* that key is not there */
		for (uint32_t want = group; want < end; want++) {
			PtReplayItem item;
			want = want == 70 ? 75 : want == 79 ? 83 : want;
			g_assert_cmpint(replay->ops->next(run, &item, NULL), ==, PT_REPLAY_SAMPLE);
			g_assert_cmpuint(number_of(item.sample), ==, want);
			pt_sample_unref(item.sample);
		}
		end = group;
	}
	replay->ops->close(run);
	replay->ops->free(replay);
}

/* A camera that leaves frames out: what stands next to each other on its card is whole, however far apart. */
static void test_uneven(Fixture *f, gconstpointer unused) {
	g_autoptr(GError) error = NULL;
	PtFill *fill = pt_fill_new(f->archive,
	                           &(PtFillParams){.camera = "gate",
	                                           .stream = "main",
	                                           .from_ns = f->t0 + 55 * FRAME_NS,
	                                           .to_ns = f->t0 + 120 * FRAME_NS,
	                                           .joined = true,
	                                           .origin = "serial 4711"},
	                           &error);
	add(f, fill, 40, 55);
	add(f, fill, 57, 90);
	add(f, fill, 94, 117);
	g_assert_true(pt_fill_commit(fill, true, &error));
	pt_fill_free(fill);
	g_autoptr(GArray) gaps = open_gaps(f);
	g_assert_cmpuint(gaps->len, ==, 0);
	g_autoptr(GArray) spans =
	    pt_store_coverage(pt_archive_store(f->archive), f->series, 0, INT64_MAX, PT_NS_PER_MS, NULL);
	g_assert_cmpuint(spans->len, ==, 1); /* nor is there an instant without footage */
}

static unsigned count_files(Fixture *f) {
	g_autofree char *find = g_strdup_printf("find '%s/gate/main' -name '*.mp4' | wc -l", f->dir);
	FILE *p = popen(find, "r");
	unsigned n = 0;
	g_assert_cmpint(fscanf(p, "%u", &n), ==, 1);
	pclose(p);
	return n;
}

/* What a crash left of a fetch is gone, and its gap is still there. */
static void test_crash(Fixture *f, gconstpointer unused) {
	unsigned files = count_files(f);
	g_autofree char *day = g_build_filename(f->dir, "gate", "main", "2026-01-01", NULL);
	g_autofree char *full = g_build_filename(day, "00-00-00Z.mp4", NULL);
	g_assert_cmpint(g_mkdir(day, 0755), ==, 0);
	g_assert_true(g_file_set_contents(full, "torn", -1, NULL));
	g_assert_true(pt_store_note_fetching(pt_archive_store(f->archive), "gate/main/2026-01-01/00-00-00Z.mp4", NULL));
	pt_archive_free(f->archive);
	open_archive(f);
	g_assert_cmpuint(count_files(f), ==, files);
	g_autoptr(GArray) gaps = open_gaps(f);
	g_assert_cmpuint(gaps->len, ==, 1);
	g_autoptr(GPtrArray) left = pt_store_fetching(pt_archive_store(f->archive), NULL);
	g_assert_cmpuint(left->len, ==, 0);
}

static void test_abort(Fixture *f, gconstpointer unused) {
	unsigned files = count_files(f);
	PtFill *fill = begin(f);
	add(f, fill, 40, 110);
	pt_fill_free(fill);
	g_assert_cmpuint(count_files(f), ==, files);
	g_autoptr(GPtrArray) left = pt_store_fetching(pt_archive_store(f->archive), NULL);
	g_assert_cmpuint(left->len, ==, 0);
}

static void test_long(Fixture *f, gconstpointer unused) {
	PtFill *fill = begin(f);
	g_autoptr(GError) error = NULL;
	/* an hour, not of this gap: a file a minute */
	for (uint32_t i = 0; i < 2000; i++) {
		PtSample *s = frame(f, i);
		g_assert_true(pt_fill_add(fill, s, f->t0 + 1000 * S + i * FRAME_NS, true, &error));
		pt_sample_unref(s);
	}
	pt_fill_free(fill);
	g_autoptr(GArray) rows =
	    pt_store_segments(pt_archive_store(f->archive), f->series, f->t0 + 900 * S, INT64_MAX, NULL);
	g_assert_cmpuint(rows->len, ==, 3);
}

/* ---- seams ---- */

static void test_seam(void) {
	static const struct {
		const char *live, *fetched;
		bool at_end;
		int64_t expected;
		int want;
	} cases[] = {
	    {"abcd", "xabcdy", true, 4, 4},    {"abcd", "xabcdy", false, 1, 1},
	    {"abcd", "xxxx", true, 2, -1},     {"aaaa", "aaaaaaaa", true, 5, 5}, /* a still picture: where the clock says */
	    {"zaaa", "aazaaaaa", true, 7, 5},  /* but the longest run before what the clock says */
	    {"abab", "ababxabab", true, 8, 8}, /* equally long: the nearer */
	    {"abab", "ababxabab", true, 2, 3}, {"bcde", "abcdefgh", false, 0, 1},
	    {"d", "abcdefgh", true, 0, 3},     {"abc", "", true, 0, -1},
	    {"", "abc", true, 0, -1},          {"a0", "a0", true, 0, -1}, /* 0: nothing in it */
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtSeamFrame live[16], fetched[16];
		unsigned n = (unsigned)strlen(cases[i].live), m = (unsigned)strlen(cases[i].fetched);
		for (unsigned k = 0; k < n; k++)
			live[k] = (PtSeamFrame){cases[i].live[k] == '0' ? 0 : (uint64_t)cases[i].live[k], k};
		for (unsigned k = 0; k < m; k++)
			fetched[k] = (PtSeamFrame){cases[i].fetched[k] == '0' ? 0 : (uint64_t)cases[i].fetched[k], k};
		g_test_message("case %zu", i);
		g_assert_cmpint(pt_seam_find(live, n, fetched, m, cases[i].at_end, cases[i].expected), ==, cases[i].want);
	}
}

static void test_hash(void) {
	static const uint8_t slice[] = {0, 0, 0, 3, 0x65, 1, 2},
	                     sei_and_slice[] = {0, 0, 0, 2, 6, 9, 0, 0, 0, 3, 0x65, 1, 2},
	                     other[] = {0, 0, 0, 3, 0x65, 1, 3}, lies[] = {0, 0, 0, 9, 0x65, 1};
	static const struct {
		const uint8_t *p;
		size_t n;
	} data[] = {
	    {slice, sizeof slice}, {sei_and_slice, sizeof sei_and_slice}, {other, sizeof other}, {lies, sizeof lies}};
	uint64_t hash[4];
	for (int i = 0; i < 4; i++) {
		PtSample *s = pt_sample_new(32);
		memcpy(pt_sample_grow(&s, data[i].n), data[i].p, data[i].n);
		s->format = pt_format_new(&(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000}, NULL, 0);
		hash[i] = pt_seam_hash(s);
		pt_sample_unref(s);
	}
	g_assert_cmpuint(hash[0], !=, 0);
	g_assert_cmpuint(hash[0], ==, hash[1]);
	g_assert_cmpuint(hash[0], !=, hash[2]);
	g_assert_cmpuint(hash[3], ==, 0);
}

/* A camera may call itself what it likes. */
static void test_comment(void) {
	int64_t start = 0;
	bool other = true;
	g_assert_true(
	    pt_fill_read_comment("Fetched from the camera's card: Acme; counts from 5 ns UTC, serial 7; counts from "
	                         "1789000000000000000 ns UTC (2026-09-10T00:26:40Z)",
	                         &start, &other));
	g_assert_false(other);
	g_assert_cmpint(start, ==, INT64_C(1789000000000000000));
	g_assert_false(pt_fill_read_comment("Fetched from the camera's card: ; counts from -1 ns UTC", &start, &other));
	g_assert_false(pt_fill_read_comment("holiday", &start, &other));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) g_test_add("/fill/" name, Fixture, NULL, set_up, fn, tear_down)
	CASE("whole", test_whole);
	CASE("behind-a-hole", test_behind_a_hole);
	CASE("rebuild", test_rebuild);
	CASE("other-quality", test_other_quality);
	CASE("hole", test_hole);
	CASE("pause", test_pause);
	CASE("uneven", test_uneven);
	CASE("crash", test_crash);
	CASE("abort", test_abort);
	CASE("long", test_long);
	g_test_add_func("/fill/comment", test_comment);
	g_test_add_func("/seam/find", test_seam);
	g_test_add_func("/seam/hash", test_hash);
	return g_test_run();
}
