/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/read.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define S PT_NS_PER_S
#define FPS 10
#define T0 (INT64_C(1795345530) * S)

typedef struct {
	char *dir;
	PtArchive *archive;
	PtStream *stream;
	PtRecorder *recorder;
	PtFormat *format;
	int64_t dts, wall; /* of the next sample */
	uint32_t counter;
} Fixture;

static void open_archive(Fixture *f) {
	g_autoptr(GError) error = NULL;
	f->archive = pt_archive_open(&(PtArchiveParams){.path = f->dir, .sync_ns = 2 * S}, NULL, &error);
	g_assert_no_error(error);
	f->stream = pt_stream_new("gate/main");
	f->recorder = pt_archive_record(
	    f->archive, f->stream, &(PtRecorderParams){.camera = "gate", .video = "main", .metadata = "metadata"}, &error);
	g_assert_no_error(error);
}

static void close_archive(Fixture *f) {
	pt_archive_stop(f->archive, f->recorder, PT_GAP_HUB, "pigtail was stopped");
	pt_stream_unref(f->stream);
	pt_archive_free(f->archive);
	f->archive = NULL;
}

static void set_up(Fixture *f, gconstpointer unused) {
	f->dir = g_dir_make_tmp("pt-archive-XXXXXX", NULL);
	f->format =
	    pt_format_new(&(PtFormat){.codec = PT_CODEC_MJPEG, .timescale = 90000, .width = 64, .height = 48}, NULL, 0);
	f->wall = pt_wall_ns(pt_clock_system());
	open_archive(f);
}

static void tear_down(Fixture *f, gconstpointer unused) {
	if (f->archive)
		close_archive(f);
	pt_format_unref(f->format);
	g_autofree char *rm = g_strdup_printf("rm -rf '%s'", f->dir);
	g_assert_cmpint(system(rm), ==, 0);
	g_free(f->dir);
}

/* key every two seconds; the payload is the frame's number */
static void push_one(Fixture *f, uint32_t lost) {
	PtSample *s = pt_sample_new(64);
	uint8_t *p = pt_sample_grow(&s, 40);
	memset(p, 0xab, 40);
	pt_put_u32(p, f->counter);
	s->key = f->counter % (2 * FPS) == 0;
	s->broken = lost > 0;
	s->lost = lost;
	s->dts = s->pts = f->dts;
	s->wall_ns = f->wall;
	s->format = pt_format_ref(f->format);
	pt_stream_push(f->stream, s);
	pt_sample_unref(s);
	f->counter++;
	f->dts += 90000 / FPS;
	f->wall += S / FPS;
}

static void push(Fixture *f, int n) {
	for (int i = 0; i < n; i++)
		push_one(f, 0);
}

static GArray *segments(Fixture *f) {
	PtStore *store = pt_archive_store(f->archive);
	return pt_store_segments(store, pt_store_series(store, "gate", "main", NULL), 0, INT64_MAX, NULL);
}

static GArray *gaps(Fixture *f) {
	PtStore *store = pt_archive_store(f->archive);
	return pt_store_gaps(store, pt_store_series(store, "gate", "main", NULL), 0, INT64_MAX, NULL);
}

static void assert_gap(GArray *all, guint i, const char *reason, int64_t length_ms) {
	g_assert_cmpuint(i, <, all->len);
	const PtGapRow *g = &g_array_index(all, PtGapRow, i);
	g_test_message("gap %u: %s, %" G_GINT64_FORMAT " ms", i, g->reason, (g->end_ns - g->start_ns) / PT_NS_PER_MS);
	g_assert_nonnull(strstr(g->reason, reason));
	if (length_ms >= 0)
		g_assert_cmpint(ABS((g->end_ns - g->start_ns) / PT_NS_PER_MS - length_ms), <=, 1);
}

/* Every frame number from 0 to n-1 once and in order, in files whose times rise. */
static void assert_frames(Fixture *f, uint32_t n, uint32_t except) {
	g_autoptr(GArray) rows = segments(f);
	uint32_t want = 0;
	int64_t wall = 0, end = 0;
	for (guint i = 0; i < rows->len; i++) {
		const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, i);
		g_autofree char *path = g_build_filename(f->dir, row->path, NULL);
		int fd = open(path, O_RDONLY);
		g_autoptr(GError) error = NULL;
		g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, &error);
		g_assert_no_error(error);
		g_assert_cmpint(mp4->whole_size, ==, row->bytes);
		g_assert_true(mp4->tracks[0].samples[0].key);
		g_assert_cmpint(row->start_ns, >=, end);
		end = row->end_ns;
		for (size_t k = 0; k < mp4->tracks[0].n_samples; k++, want++) {
			if (want == except)
				want++;
			PtSample *s = pt_mp4_load(mp4, fd, 0, k, &error);
			g_assert_no_error(error);
			PtBytes b = pt_bytes(s->data, s->size);
			g_assert_cmpuint(pt_bytes_u32(&b), ==, want);
			g_assert_cmpint(s->wall_ns, >, wall);
			wall = s->wall_ns;
			pt_sample_unref(s);
		}
		close(fd);
	}
	g_assert_cmpuint(want, ==, n);
}

static void test_plain(Fixture *f, gconstpointer unused) {
	push(f, 1500);
	pt_writer_flush(pt_archive_writer(f->archive));
	close_archive(f);
	open_archive(f);
	assert_frames(f, 1500, G_MAXUINT32);
	g_autoptr(GArray) rows = segments(f);
	g_assert_cmpuint(rows->len, ==, 3);
	const PtSegmentRow *a = &g_array_index(rows, PtSegmentRow, 0), *b = a + 1;
	g_assert_cmpint(a->end_ns - a->start_ns, ==, 60 * S);
	g_assert_cmpint(ABS(b->start_ns - a->end_ns), <, PT_NS_PER_MS);
	g_assert_false(a->open);
}

static void test_gaps(Fixture *f, gconstpointer unused) {
	push(f, 25);
	f->counter++; /* one frame never came */
	f->dts += 90000 / FPS;
	f->wall += S / FPS;
	push_one(f, 3);
	push(f, 10);
	pt_stream_set_state(f->stream, PT_STREAM_LOST, "camera gate: connection reset", f->wall);
	f->wall += 5 * S;
	f->counter = 40; /* a new connection begins at a key frame with times of its own */
	f->dts = 12345;
	push(f, 20);
	close_archive(f);
	open_archive(f);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, 1, "3 packets were lost", 100);
	assert_gap(all, 2, "connection reset", 5000);
	assert_gap(all, 3, "pigtail was stopped", -1);
	assert_gap(all, 4, "waiting for the first picture", -1);
	g_assert_cmpint(g_array_index(all, PtGapRow, 4).end_ns, ==, 0);
}

/* Where frames come earlier than their ticks say, a gap begins where the file ends: what is fetched begins there too. */
static void test_ends_by_ticks(Fixture *f, gconstpointer unused) {
	push(f, 21);
	for (int i = 0; i < 7; i++) {
		f->wall -= S / FPS / 4; /* the estimate is late by 175 ms in the end */
		push_one(f, 0);
	}
	pt_stream_set_state(f->stream, PT_STREAM_LOST, "camera gate: connection reset", f->wall);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) all = gaps(f);
	g_autoptr(GArray) rows = segments(f);
	const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, rows->len - 1);
	const PtGapRow *gap = &g_array_index(all, PtGapRow, all->len - 1);
	g_assert_cmpint(gap->start_ns, ==, row->end_ns);
	g_autofree char *path = g_build_filename(f->dir, row->path, NULL);
	int fd = open(path, O_RDONLY);
	g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, NULL);
	close(fd);
	const PtMp4Track *t = &mp4->tracks[0];
	g_assert_cmpint(ABS(t->samples[t->n_samples - 1].wall_ns + S / FPS - row->end_ns), <, PT_NS_PER_MS);
	g_assert_cmpint(row->end_ns, >, f->wall + S / FPS);
}

/* An encoder that stood still sends what it owes at once: the estimate catches up, and no frame stands before the one before
 * it. */
static void test_times_rise(Fixture *f, gconstpointer unused) {
	push(f, 21);
	for (int i = 0; i < 39; i++) {
		if (i % 13 < 7)
			f->wall -= S / FPS / 4;
		push_one(f, 0);
	}
	push(f, 100);
	close_archive(f);
	open_archive(f);
	assert_frames(f, 160, G_MAXUINT32);
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, 1, "pigtail was stopped", -1);
}

/* What can be fetched later is fetched whole: frames 25 and 27 to 29 are lost, and the gap goes on to the key frame 40;
 * where only the key frame itself is left, it is the end of the gap. */
static void test_refillable(Fixture *f, gconstpointer unused) {
	pt_recorder_set_refillable(f->recorder, true);
	push(f, 25);
	f->counter++, f->dts += 90000 / FPS, f->wall += S / FPS;
	push_one(f, 2);
	f->counter += 3, f->dts += 3 * 90000 / FPS, f->wall += 3 * S / FPS;
	push_one(f, 3);
	push(f, 29); /* to 59 */
	f->counter++, f->dts += 90000 / FPS, f->wall += S / FPS;
	push_one(f, 1); /* no key frame: that was 60 */
	push(f, 38);    /* to 99: the key frame 80 is among them */
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, 1, "5 packets were lost", 1500);
	assert_gap(all, 2, "1 packets were lost", 2000);
	close_archive(f);
	open_archive(f);
	g_autoptr(GArray) rows = segments(f);
	g_assert_cmpuint(rows->len, ==, 3);
	const PtSegmentRow *a = &g_array_index(rows, PtSegmentRow, 0);
	g_assert_cmpint(a[1].start_ns - a[0].end_ns, ==, 1500 * PT_NS_PER_MS);
	g_assert_cmpint(a[2].start_ns - a[1].end_ns, ==, 2 * S);
}

/* The end of a gap was not in the index yet when the program was killed, but the footage behind it was on the disk. */
static void test_left_gap(Fixture *f, gconstpointer unused) {
	push(f, 20);
	pt_stream_set_state(f->stream, PT_STREAM_LOST, "the cable was cut", f->wall);
	f->wall += 5 * S;
	f->dts += 5 * 90000;
	push(f, 20);
	close_archive(f);
	open_archive(f);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) whole = gaps(f);
	PtGapRow left = g_array_index(whole, PtGapRow, 1);
	int64_t end = left.end_ns;
	left.end_ns = 0;
	g_assert_true(pt_store_put_gap(pt_archive_store(f->archive), &left, NULL));
	close_archive(f);
	open_archive(f);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, 1, "the cable was cut", 5000);
	g_assert_cmpint(g_array_index(all, PtGapRow, 1).end_ns, ==, end);
}

/* Told within a second, undone when it came late after all, and given its reason when it did not. */
static void test_silence(Fixture *f, gconstpointer unused) {
	push(f, 20);
	g_usleep(1200 * 1000);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) open = gaps(f);
	assert_gap(open, open->len - 1, pt_gap_silent, -1);
	g_assert_cmpint(g_array_index(open, PtGapRow, open->len - 1).end_ns, ==, 0);
	push(f, 20);
	g_usleep(300 * 1000);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) undone = gaps(f);
	g_assert_cmpuint(undone->len, ==, open->len - 1);
	g_usleep(1000 * 1000);
	f->wall += 5 * S;
	f->dts += 5 * 90000;
	push(f, 20);
	g_usleep(1000 * 1000);
	pt_stream_set_state(f->stream, PT_STREAM_LOST, "the cable was cut", f->wall);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, undone->len, "the camera sent nothing", 5000);
	assert_gap(all, undone->len + 1, "the cable was cut", -1);
	g_assert_cmpuint(all->len, ==, undone->len + 2);
	assert_frames(f, 60, G_MAXUINT32);
}

/* A document of events every five seconds for some minutes: a segment a minute, and no gap but the two at the ends. */
static void test_metadata_is_sparse(Fixture *f, gconstpointer unused) {
	PtFormat *video = f->format;
	f->format = pt_format_new(&(PtFormat){.codec = PT_CODEC_ONVIF_METADATA, .timescale = 90000}, NULL, 0);
	for (int i = 0; i < 40; i++) {
		f->counter = 0; /* a key */
		f->dts = i * 5 * 90000;
		push_one(f, 0);
		f->wall += 5 * S - S / FPS;
	}
	close_archive(f);
	pt_format_unref(f->format);
	f->format = video;
	open_archive(f);
	PtStore *store = pt_archive_store(f->archive);
	int64_t series = pt_store_series(store, "gate", "metadata", NULL);
	g_autoptr(GArray) rows = pt_store_segments(store, series, 0, INT64_MAX, NULL);
	g_autoptr(GArray) all = pt_store_gaps(store, series, 0, INT64_MAX, NULL);
	g_assert_cmpuint(rows->len, ==, 4);
	for (guint i = 0; i < all->len; i++)
		g_assert_null(strstr(g_array_index(all, PtGapRow, i).reason, "sent nothing"));
	g_assert_cmpuint(all->len, <=, 2);
}

static void test_clock_steps(Fixture *f, gconstpointer unused) {
	push(f, 105);
	f->wall += 3600 * S;
	push(f, 200);
	f->wall -= 3600 * S;
	push(f, 200);
	pt_writer_flush(pt_archive_writer(f->archive));
	close_archive(f);
	open_archive(f);
	assert_frames(f, 505, G_MAXUINT32);
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, 1, "the hub's clock was set forward", 3600 * 1000);
}

/* The open file cut at every byte of its last fragment: what was whole before stays, the rest is gone, nothing else. */
static void test_truncation(Fixture *f, gconstpointer unused) {
	push(f, 33);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) rows = segments(f);
	PtSegmentRow row = g_array_index(rows, PtSegmentRow, 0);
	g_autofree char *path = g_build_filename(f->dir, row.path, NULL);
	g_autofree char *copy = g_build_filename(f->dir, "copy.mp4", NULL);
	g_autofree char *data = NULL;
	gsize size;
	g_assert_true(g_file_get_contents(path, &data, &size, NULL));
	int fd = open(path, O_RDONLY);
	g_autoptr(PtMp4) whole = pt_mp4_read(fd, NULL);
	close(fd);
	size_t n = whole->tracks[0].n_samples, last_fragment = 8;
	const PtMp4Sample *before = &whole->tracks[0].samples[n - last_fragment - 1];
	uint64_t begin = before->offset + before->size;
	for (gsize cut = begin; cut < size; cut++) {
		g_assert_true(g_file_set_contents(copy, data, (gssize)cut, NULL));
		PtSegmentRow seen = {0};
		g_autoptr(GError) error = NULL;
		g_assert_true(pt_archive_inspect(f->dir, "copy.mp4", &seen, &error));
		g_assert_no_error(error);
		g_assert_cmpint(seen.bytes, <=, (int64_t)cut);
		g_assert_cmpint(row.end_ns - seen.end_ns, <=, S);
	}
}

static void test_recovery(Fixture *f, gconstpointer unused) {
	push(f, 700);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) rows = segments(f);
	PtSegmentRow row = g_array_index(rows, PtSegmentRow, rows->len - 1);
	g_autofree char *path = g_build_filename(f->dir, row.path, NULL);
	close_archive(f);
	/* as a crash would leave it: open in the index, a torn tail in the file */
	g_autofree char *sql = g_strdup_printf("%s/index.db", f->dir);
	PtStore *store = pt_store_open(sql, NULL);
	row.open = true;
	g_assert_true(pt_store_put_segment(store, &row, NULL));
	pt_store_free(store);
	struct stat st;
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(truncate(path, st.st_size - 7), ==, 0);
	PtRecovery recovery;
	g_autoptr(GError) error = NULL;
	PtArchive *a = pt_archive_open(&(PtArchiveParams){.path = f->dir, .sync_ns = 2 * S}, &recovery, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(recovery.recovered, ==, 1);
	g_assert_cmpint(recovery.cut_bytes, >, 0);
	g_assert_null(pt_archive_open(&(PtArchiveParams){.path = f->dir, .sync_ns = 2 * S}, NULL, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_BUSY);
	g_clear_error(&error);
	pt_archive_free(a);
	PtCheck check;
	g_assert_true(pt_archive_check(f->dir, false, &check, NULL));
	g_assert_cmpuint(check.torn + check.missing + check.unknown + check.unreadable, ==, 0);
	pt_check_clear(&check);
	/* without its index nothing is lost */
	g_assert_cmpint(g_remove(sql), ==, 0);
	g_assert_true(pt_archive_check(f->dir, true, &check, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(check.segments, ==, rows->len);
	g_assert_cmpuint(check.torn + check.missing + check.unknown + check.unreadable, ==, 0);
	pt_check_clear(&check);
	open_archive(f);
}

static void test_retention(Fixture *f, gconstpointer unused) {
	push(f, 6000); /* ten minutes that lie in the future of the clock: what counts is the order */
	pt_writer_flush(pt_archive_writer(f->archive));
	PtStore *store = pt_archive_store(f->archive);
	int64_t start = f->wall - 600 * S;
	PtKeepRow keep = {.id = pt_store_new_id(store),
	                  .camera = "gate",
	                  .start_ns = start + 130 * S,
	                  .end_ns = start + 140 * S,
	                  .person = true,
	                  .who = "anna",
	                  .why = "test"};
	g_assert_true(pt_store_put_keep(store, &keep, NULL));
	pt_archive_set_policy(f->archive, "gate", "main", &(PtKeepPolicy){.age_ns = 300 * S});
	PtRetention *r = pt_retention_new(store, f->dir, &(PtRetentionParams){0});
	pt_retention_set(r, "gate", "main", &(PtKeepPolicy){.age_ns = 300 * S});
	pt_retention_run(r, f->wall);
	pt_retention_free(r);
	g_autoptr(GArray) rows = segments(f);
	g_assert_cmpuint(rows->len, ==, 6); /* the kept one, and the five newest */
	g_assert_cmpint(g_array_index(rows, PtSegmentRow, 0).start_ns - start, ==, 120 * S);
	r = pt_retention_new(store, f->dir,
	                     &(PtRetentionParams){.max_bytes = g_array_index(rows, PtSegmentRow, 0).bytes * 3});
	pt_retention_run(r, f->wall);
	pt_retention_free(r);
	g_autoptr(GArray) fewer = segments(f);
	g_assert_cmpuint(fewer->len, <=, 3);
	g_assert_cmpint(g_array_index(fewer, PtSegmentRow, 0).start_ns - start, ==, 120 * S);
	for (guint i = 0; i < fewer->len; i++) {
		g_autofree char *path = g_build_filename(f->dir, g_array_index(fewer, PtSegmentRow, i).path, NULL);
		g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
	}
}

/* Room is made long before the first pass: a card may be full by then, and the power gone again. */
static void test_room_at_once(Fixture *f, gconstpointer unused) {
	push(f, 3000);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autoptr(GArray) before = segments(f), after = NULL;
	PtRetention *r =
	    pt_retention_new(pt_archive_store(f->archive), f->dir, &(PtRetentionParams){.free_bytes = G_MAXINT64 / 2});
	for (int i = 0; i < 50 && (!after || after->len == before->len); i++) {
		g_usleep(100 * 1000);
		g_clear_pointer(&after, g_array_unref);
		after = segments(f);
	}
	pt_retention_free(r);
	g_assert_cmpuint(before->len, >, 1);
	g_assert_cmpuint(after->len, <, before->len);
}

static void on_crowded(void *user, const char *what) {
	char **said = user;
	g_free(*said);
	*said = g_strdup(what ? what : "well");
}

/* A limit that cannot be met is told of once it stays so, and when it is over. */
static void test_crowded(Fixture *f, gconstpointer unused) {
	push(f, 3000);
	pt_writer_flush(pt_archive_writer(f->archive));
	PtStore *store = pt_archive_store(f->archive);
	PtKeepRow keep = {.id = pt_store_new_id(store),
	                  .camera = "gate",
	                  .start_ns = 1,
	                  .end_ns = f->wall + 3600 * S,
	                  .person = true,
	                  .who = "anna",
	                  .why = "all of it"};
	g_assert_true(pt_store_put_keep(store, &keep, NULL));
	g_autofree char *said = NULL;
	char text[200];
	int64_t total = pt_store_total_bytes(store);
	PtRetention *r = pt_retention_new(
	    store, f->dir, &(PtRetentionParams){.max_bytes = total * 3 / 4, .user = &said, .crowded = on_crowded});
	for (int i = 0; i < 4 && !said; i++) /* its own thread may have made a pass already */
		pt_retention_run(r, f->wall);
	g_assert_nonnull(strstr(said, "keep.size cannot be met by "));
	pt_retention_get_crowded(r, text, sizeof text);
	g_assert_cmpstr(text, ==, said);
	g_assert_cmpint(pt_store_total_bytes(store), ==, total);
	g_assert_true(pt_store_delete_keep(store, keep.id, NULL));
	pt_retention_run(r, f->wall);
	g_assert_cmpstr(said, ==, "well");
	pt_retention_get_crowded(r, text, sizeof text);
	g_assert_cmpstr(text, ==, "");
	g_assert_cmpint(pt_store_total_bytes(store), <, total);
	pt_retention_free(r);
}

static guint n_segments(Fixture *f) {
	g_autoptr(GArray) rows = segments(f);
	return rows->len;
}

static guint n_keeps(PtStore *store) {
	g_autoptr(GArray) rows = pt_store_keeps(store, NULL, NULL);
	return rows->len;
}

/* record: events keeps what was asked for and the newest; what was asked for is forgotten with its footage. */
static void test_ring(Fixture *f, gconstpointer unused) {
	push(f, 6000);
	pt_writer_flush(pt_archive_writer(f->archive));
	PtStore *store = pt_archive_store(f->archive);
	int64_t start = f->wall - 600 * S;
	int64_t ids[20];
	for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) { /* of two cameras; those of gate lie in two segments */
		PtKeepRow keep = {.id = ids[i] = pt_store_new_id(store),
		                  .start_ns = start + (i < 10 ? 130 : 250) * S + i * S,
		                  .end_ns = start + (i < 10 ? 135 : 255) * S + i * S,
		                  .ring = true};
		g_strlcpy(keep.camera, i % 2 ? "gate" : "a-yard", sizeof keep.camera);
		g_assert_true(pt_store_put_keep(store, &keep, NULL));
	}
	PtRetention *r = pt_retention_new(store, f->dir, &(PtRetentionParams){0});
	pt_retention_set(r, "gate", "main", &(PtKeepPolicy){.ring_ns = 90 * S});
	for (unsigned pass = 0; pass < 3; pass++) {
		pt_retention_run(r, f->wall + pass * S);
		g_assert_cmpuint(n_segments(f), ==, 4); /* the two, and those of the last 90 s */
	}
	for (unsigned i = 11; i < 20; i += 2)
		g_assert_true(pt_store_delete_keep(store, ids[i], NULL));
	pt_retention_run(r, f->wall + 4 * S);
	g_assert_cmpuint(n_segments(f), ==, 3);
	pt_retention_set(r, "gate", "main", &(PtKeepPolicy){.ring_ns = 90 * S, .age_ns = 300 * S});
	pt_retention_run(r, f->wall + 5 * S); /* age is above what rules asked for */
	g_assert_cmpuint(n_segments(f), ==, 2);
	g_assert_cmpuint(n_keeps(store), ==, 15);
	pt_retention_run(r, f->wall + 3600 * S);
	pt_retention_run(r, f->wall + 3601 * S);
	g_assert_cmpuint(n_keeps(store), ==, 0);
	pt_retention_free(r);
}

/* More comes than the disk takes: what does not fit into memory is dropped, with a gap, and told as a problem. */
static void test_too_slow(Fixture *f, gconstpointer unused) {
	push(f, 1);
	for (int i = 0; i < 60; i++) { /* 30 MiB at once */
		PtSample *s = pt_sample_new(512 << 10);
		memset(pt_sample_grow(&s, 512 << 10), 0, 512 << 10);
		s->key = true;
		s->dts = s->pts = f->dts;
		s->wall_ns = f->wall;
		s->format = pt_format_ref(f->format);
		pt_stream_push(f->stream, s);
		pt_sample_unref(s);
		f->dts += 90000 / FPS;
		f->wall += S / FPS;
	}
	pt_writer_flush(pt_archive_writer(f->archive));
	PtWriterStats stats;
	pt_writer_get_stats(pt_archive_writer(f->archive), &stats);
	g_assert_cmpuint(stats.dropped_samples, >, 0);
	g_assert_nonnull(strstr(stats.problem, "too slow"));
}

/* keep.size of a camera: the oldest of all its series together, and of no other camera. */
static void test_camera_size(Fixture *f, gconstpointer unused) {
	static const char *const names[][2] = {{"gate", "main"}, {"gate", "sub"}, {"yard", "main"}};
	PtStore *store = pt_archive_store(f->archive);
	int64_t series[3];
	for (unsigned i = 0; i < 3; i++) {
		series[i] = pt_store_series(store, names[i][0], names[i][1], NULL);
		for (int k = 0; k < 10; k++) {
			PtSegmentRow row = {.id = pt_store_new_id(store),
			                    .series = series[i],
			                    .start_ns = T0 + (k * 60 + i * 20) * S,
			                    .end_ns = T0 + (k * 60 + i * 20 + 59) * S,
			                    .bytes = 1000};
			g_snprintf(row.path, sizeof row.path, "%s/%s/%d.mp4", names[i][0], names[i][1], k);
			g_assert_true(pt_store_put_segment(store, &row, NULL));
		}
	}
	PtKeepRow kept = {
	    .id = pt_store_new_id(store), .camera = "gate", .start_ns = T0, .end_ns = T0 + 10 * S, .person = true};
	g_assert_true(pt_store_put_keep(store, &kept, NULL));
	PtRetention *r = pt_retention_new(store, f->dir, &(PtRetentionParams){0});
	for (unsigned i = 0; i < 3; i++)
		pt_retention_set(r, names[i][0], names[i][1], &(PtKeepPolicy){.camera_bytes = i < 2 ? 8000 : 0});
	pt_retention_run(r, T0 + 3600 * S);
	g_assert_cmpint(pt_store_camera_bytes(store, "gate"), ==, 8000);
	g_assert_cmpint(pt_store_camera_bytes(store, "yard"), ==, 10000);
	g_autoptr(GArray) main = pt_store_segments(store, series[0], 0, INT64_MAX, NULL),
	                  sub = pt_store_segments(store, series[1], 0, INT64_MAX, NULL);
	g_assert_cmpuint(main->len, ==, 4); /* the kept one and the newest three */
	g_assert_cmpuint(sub->len, ==, 4);
	g_assert_cmpint(g_array_index(main, PtSegmentRow, 0).start_ns, ==, T0);
	/* what is kept does not fit: it is told, and stays */
	pt_retention_set(r, "gate", "main", &(PtKeepPolicy){.camera_bytes = 500});
	pt_retention_set(r, "gate", "sub", &(PtKeepPolicy){.camera_bytes = 500});
	pt_retention_run(r, T0 + 3600 * S);
	pt_retention_run(r, T0 + 3610 * S);
	char text[200];
	pt_retention_get_crowded(r, text, sizeof text);
	g_assert_nonnull(strstr(text, "keep.size of camera gate"));
	g_assert_cmpint(pt_store_camera_bytes(store, "gate"), ==, 1000);
	pt_retention_free(r);
}

static void test_vanish(Fixture *f, gconstpointer unused) {
	push(f, 30);
	pt_writer_flush(pt_archive_writer(f->archive));
	g_autofree char *aside = g_strconcat(f->dir, "-aside", NULL);
	g_assert_cmpint(rename(f->dir, aside), ==, 0);
	push(f, 30);
	pt_writer_flush(pt_archive_writer(f->archive));
	push(f, 20);
	pt_writer_flush(pt_archive_writer(f->archive));
	PtWriterStats stats;
	pt_writer_get_stats(pt_archive_writer(f->archive), &stats);
	g_assert_nonnull(strstr(stats.problem, "vanished"));
	g_assert_cmpint(rename(aside, f->dir), ==, 0);
	g_usleep(2100000);
	push(f, 45);
	pt_writer_flush(pt_archive_writer(f->archive));
	pt_writer_get_stats(pt_archive_writer(f->archive), &stats);
	g_assert_cmpstr(stats.problem, ==, "");
	g_autoptr(GArray) all = gaps(f);
	assert_gap(all, 1, "vanished", -1);
	g_assert_cmpint(g_array_index(all, PtGapRow, 1).end_ns, >, 0);
}

static void test_axis(void) {
	PtAxis axis = {0};
	bool jump;
	g_assert_cmpint(pt_axis_place(&axis, T0, 0, true, &jump), ==, T0);
	axis.end_ns = T0 + S;
	/* set back by an hour in the middle: the axis goes on at its pace */
	g_assert_cmpint(pt_axis_place(&axis, T0 + S - 3600 * S, T0 + S, true, &jump), ==, T0 + S);
	g_assert_cmpint(axis.hold_ns, ==, 3600 * S);
	/* set right again: the hold is given up without a jump */
	g_assert_cmpint(pt_axis_place(&axis, T0 + 2 * S, T0 + 2 * S, true, &jump), ==, T0 + 2 * S);
	g_assert_cmpint(axis.hold_ns, ==, 0);
	g_assert_false(jump);
	/* forward: only a key frame can begin the new segment */
	g_assert_cmpint(pt_axis_place(&axis, T0 + 3600 * S, T0 + 3 * S, false, &jump), ==, T0 + 3 * S);
	g_assert_false(jump);
	g_assert_cmpint(pt_axis_place(&axis, T0 + 3600 * S, T0 + 3 * S, true, &jump), ==, T0 + 3600 * S);
	g_assert_true(jump);
	/* a new connection just after a step back */
	axis.end_ns = T0 + 3700 * S;
	g_assert_cmpint(pt_axis_place(&axis, T0 + 200 * S, 0, true, &jump), ==, T0 + 3700 * S);
	/* set back by an hour, ten minutes without pictures: they are as long on the axis, and the next ones too */
	axis = (PtAxis){.end_ns = T0};
	pt_axis_clock_set(&axis, -3600 * S);
	g_assert_cmpint(pt_axis_place(&axis, T0 - 3000 * S, 0, true, &jump), ==, T0 + 600 * S);
	g_assert_cmpint(pt_axis_place(&axis, T0 - 2999 * S, T0 + 601 * S, false, &jump), ==, T0 + 601 * S);
	pt_axis_clock_set(&axis, -S / 5); /* strays */
	axis.end_ns = T0 + 602 * S;
	g_assert_cmpint(pt_axis_place(&axis, T0 - 2900 * S, 0, true, &jump), ==, T0 + 700 * S);
	/* set right again in a pause */
	axis.end_ns = T0 + 701 * S;
	pt_axis_clock_set(&axis, 3600 * S);
	g_assert_cmpint(pt_axis_place(&axis, T0 + 800 * S, 0, true, &jump), ==, T0 + 800 * S);
	g_assert_cmpint(axis.hold_ns, ==, 0);
	/* what comes in a burst after a pause is no clock that was set */
	axis.end_ns = T0 + 803 * S;
	g_assert_cmpint(pt_axis_place(&axis, T0 + 802 * S, 0, true, &jump), ==, T0 + 803 * S);
	axis.end_ns = T0 + 804 * S;
	g_assert_cmpint(pt_axis_place(&axis, T0 + 900 * S, 0, true, &jump), ==, T0 + 900 * S);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/recorder/axis", test_axis);
#define ADD(name, fn) g_test_add("/recorder/" name, Fixture, NULL, set_up, fn, tear_down)
	ADD("plain", test_plain);
	ADD("gaps", test_gaps);
	ADD("ends-by-ticks", test_ends_by_ticks);
	ADD("times-rise", test_times_rise);
	ADD("left-gap", test_left_gap);
	ADD("refillable", test_refillable);
	ADD("metadata-is-sparse", test_metadata_is_sparse);
	ADD("silence", test_silence);
	ADD("clock-steps", test_clock_steps);
	ADD("truncation", test_truncation);
	ADD("recovery", test_recovery);
	ADD("retention", test_retention);
	ADD("ring", test_ring);
	ADD("room-at-once", test_room_at_once);
	ADD("crowded", test_crowded);
	ADD("too-slow", test_too_slow);
	ADD("camera-size", test_camera_size);
	ADD("vanish", test_vanish);
	return g_test_run();
}
