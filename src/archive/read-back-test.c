/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/read-back.h"
#include "archive/archive.h"
#include "base/bytes.h"
#include "base/clock.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S PT_NS_PER_S
#define SIZE 4000
static const uint8_t avcc[] = {1, 0x64, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1e, 1, 0, 2, 0x68, 0xee};

typedef struct {
	char *dir;
	PtArchive *archive;
	GArray *rows; /* three closed segments, each in another minute */
} Fixture;

static void push(PtStream *stream, PtFormat *format, int i, int64_t wall) {
	PtSample *s = pt_sample_new(SIZE);
	uint8_t *p = pt_sample_grow(&s, SIZE);
	memset(p, 0x5a, SIZE);
	pt_put_u32(p, SIZE - 4);
	p[4] = 0x65;
	s->key = i % 10 == 0;
	s->dts = s->pts = i * 9000ll;
	s->wall_ns = wall;
	s->format = pt_format_ref(format);
	pt_stream_push(stream, s);
	pt_sample_unref(s);
}

static void set_up(Fixture *f, gconstpointer unused) {
	g_autoptr(GError) error = NULL;
	f->dir = g_dir_make_tmp("pt-read-back-XXXXXX", NULL);
	f->archive = pt_archive_open(&(PtArchiveParams){.path = f->dir, .sync_ns = 2 * S}, NULL, &error);
	g_assert_no_error(error);
	PtFormat *format = pt_format_new(
	    &(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000, .width = 64, .height = 48, .rfc6381 = "avc1.64001e"},
	    avcc, sizeof avcc);
	PtStream *stream = pt_stream_new("gate/main");
	int64_t wall = pt_wall_ns(pt_clock_system()) / (60 * S) * 60 * S - 600 * S;
	for (int k = 0; k < 3; k++) {
		PtRecorder *r =
		    pt_archive_record(f->archive, stream, &(PtRecorderParams){.camera = "gate", .video = "main"}, &error);
		for (int i = 0; i < 20; i++)
			push(stream, format, i, wall + k * 60 * S + i * S / 10);
		pt_archive_stop(f->archive, r, PT_GAP_HUB, "test");
	}
	pt_writer_flush(pt_archive_writer(f->archive));
	f->rows = pt_store_oldest_segments(pt_archive_store(f->archive), 0, INT64_MIN, INT64_MAX, 10, NULL);
	g_assert_cmpuint(f->rows->len, ==, 3);
	pt_stream_unref(stream);
	pt_format_unref(format);
}

static void tear_down(Fixture *f, gconstpointer unused) {
	pt_archive_free(f->archive);
	g_array_unref(f->rows);
	g_autofree char *rm = g_strdup_printf("rm -rf '%s'", f->dir);
	g_assert_cmpint(system(rm), ==, 0);
	g_free(f->dir);
}

static PtReadBack read_back(Fixture *f, PtReadBackParams params) {
	PtReadBack r;
	pt_read_back(pt_archive_store(f->archive), f->dir, &params, &r);
	return r;
}

static char *path_of(Fixture *f, guint i) {
	return g_build_filename(f->dir, g_array_index(f->rows, PtSegmentRow, i).path, NULL);
}

static void test_good(Fixture *f, gconstpointer unused) {
	PtReadBack r = read_back(f, (PtReadBackParams){.parts = 1});
	g_assert_cmpuint(r.files, ==, 3);
	g_assert_cmpuint(r.bad, ==, 0);
	g_assert_cmpint(r.bytes, ==, 3 * 20 * SIZE);
	g_assert_cmpint(r.ended_ns, >=, r.begun_ns);
	/* every minute has its turn, each once */
	unsigned files = 0;
	for (unsigned part = 0; part < 30; part++)
		files += read_back(f, (PtReadBackParams){.parts = 30, .part = part}).files;
	g_assert_cmpuint(files, ==, 3);
}

static void test_rotten(Fixture *f, gconstpointer unused) {
	g_autofree char *first = path_of(f, 0), *second = path_of(f, 1), *third = path_of(f, 2);
	/* a block of zeros in the middle, as a card gives for what it has lost */
	int fd = open(first, O_RDWR);
	g_assert_cmpint(pwrite(fd, (char[8192]){0}, 8192, 40000), ==, 8192);
	close(fd);
	PtReadBack r = read_back(f, (PtReadBackParams){.parts = 1});
	g_assert_cmpuint(r.bad, ==, 1);
	g_assert_nonnull(strstr(r.first, "no H.264 any more"));
	g_assert_nonnull(strstr(r.first, g_array_index(f->rows, PtSegmentRow, 0).path));
	g_assert_cmpint(truncate(second, 50000), ==, 0);
	g_assert_cmpint(unlink(third), ==, 0);
	r = read_back(f, (PtReadBackParams){.parts = 1});
	g_assert_cmpuint(r.files, ==, 3);
	g_assert_cmpuint(r.bad, ==, 3);
	/* what the index does not promise any more is missed by nobody */
	g_assert_true(
	    pt_store_delete_segment(pt_archive_store(f->archive), g_array_index(f->rows, PtSegmentRow, 2).id, NULL));
	r = read_back(f, (PtReadBackParams){.parts = 1});
	g_assert_cmpuint(r.files, ==, 2);
}

static void test_rate(Fixture *f, gconstpointer unused) {
	int64_t begin = pt_mono_ns(pt_clock_system());
	read_back(f, (PtReadBackParams){.parts = 1, .bytes_per_s = 1000000}); /* 240 kB */
	g_assert_cmpint(pt_mono_ns(pt_clock_system()) - begin, >=, 240 * PT_NS_PER_MS);
	PtReadBack r = read_back(f, (PtReadBackParams){.parts = 1, .stop = &(int){1}});
	g_assert_cmpuint(r.files, ==, 0);
	g_assert_cmpint(r.ended_ns, ==, 0);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add("/read-back/good", Fixture, NULL, set_up, test_good, tear_down);
	g_test_add("/read-back/rotten", Fixture, NULL, set_up, test_rotten, tear_down);
	g_test_add("/read-back/rate", Fixture, NULL, set_up, test_rate, tear_down);
	return g_test_run();
}
