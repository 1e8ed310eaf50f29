/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/proof.h"
#include "archive/store.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/error.h"
#include <glib/gstdio.h>
#include <stdlib.h>

#define S PT_NS_PER_S

static char *dir;

static PtStore *open_store(const char *name) {
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autoptr(GError) error = NULL;
	PtStore *store = pt_store_open(path, &error);
	g_assert_no_error(error);
	return store;
}

static int64_t put(PtStore *store, int64_t series, int64_t start, int64_t end) {
	PtSegmentRow row = {
	    .id = pt_store_new_id(store), .series = series, .start_ns = start * S, .end_ns = end * S, .bytes = 100};
	g_snprintf(row.path, sizeof row.path, "%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, series, start);
	g_assert_true(pt_store_put_segment(store, &row, NULL));
	return row.id;
}

static void test_segments(void) {
	PtStore *store = open_store("a.db");
	int64_t main_id = pt_store_series(store, "gate", "main", NULL), sub_id = pt_store_series(store, "gate", "sub", NULL);
	g_assert_cmpint(main_id, ==, pt_store_series(store, "gate", "main", NULL));
	g_assert_cmpint(main_id, !=, sub_id);
	put(store, main_id, 100, 160);
	put(store, main_id, 160, 220);
	int64_t last = put(store, main_id, 300, 360);
	put(store, sub_id, 0, 1000);
	g_autoptr(GArray) rows = pt_store_segments(store, main_id, 150 * S, 301 * S, NULL);
	g_assert_cmpuint(rows->len, ==, 3);
	g_autoptr(GArray) none = pt_store_segments(store, main_id, 220 * S, 300 * S, NULL);
	g_assert_cmpuint(none->len, ==, 0);
	g_autoptr(GArray) spans = pt_store_coverage(store, main_id, 0, 1000 * S, S, NULL);
	g_assert_cmpuint(spans->len, ==, 2);
	g_assert_cmpint(pt_store_total_bytes(store), ==, 400);
	g_assert_true(pt_store_delete_segment(store, last, NULL));
	g_assert_cmpint(pt_store_total_bytes(store), ==, 300);
	pt_store_free(store);
}

static void test_coarse(void) {
	PtStore *store = open_store("b.db");
	int64_t id = pt_store_series(store, "gate", "main", NULL);
	g_assert_true(pt_store_begin(store, false, NULL));
	for (int64_t m = 0; m < 30 * 1440; m++)
		if (m < 10000 || m >= 20000)
			put(store, id, m * 60, m * 60 + 60);
	g_assert_true(pt_store_commit(store, NULL));
	g_autoptr(GArray) spans = pt_store_coverage(store, id, 0, INT64_C(30) * 86400 * S, 0, NULL);
	g_assert_cmpuint(spans->len, ==, 2);
	int64_t *v = (int64_t *)(void *)spans->data;
	g_assert_cmpint(v[0], ==, 0);
	g_assert_cmpint(v[2] / S, ==, 20000 * 60);
	pt_store_free(store);
}

static void test_ids_and_damage(void) {
	PtStore *store = open_store("c.db");
	int64_t before = 0;
	for (int i = 0; i < 20000; i++) {
		int64_t id = pt_store_new_id(store);
		g_assert_cmpint(id, >, before);
		before = id;
	}
	pt_store_free(store);
	g_autofree char *path = g_build_filename(dir, "d.db", NULL);
	g_assert_true(
	    g_file_set_contents(path, "this is not a database, not at all, and it is long enough to be read", -1, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_null(pt_store_open(path, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "--rebuild"));
}

/* P3: what is kept outlives the index. */
static void test_keeps(void) {
	PtStore *store = open_store("k.db");
	g_assert_true(pt_store_is_new(store));
	PtKeepRow rows[] = {
	    {.id = 7,
	     .camera = "gate",
	     .start_ns = 1,
	     .end_ns = 9,
	     .until_ns = 5,
	     .person = true,
	     .who = "anna",
	     .why = "police\n[4711]; \\ \"ü\""},
	    {.id = 8, .camera = "yard", .start_ns = 2, .end_ns = 3, .ring = true, .who = "rule/x", .why = ""}};
	for (unsigned i = 0; i < 2; i++)
		g_assert_true(pt_store_put_keep(store, &rows[i], NULL));
	g_assert_true(pt_store_delete_keep(store, 8, NULL));
	pt_store_free(store);
	g_autofree char *path = g_build_filename(dir, "k.db", NULL);
	g_assert_true(pt_db_put_aside(path, NULL));
	store = open_store("k.db");
	g_assert_true(pt_store_is_new(store));
	g_autoptr(GArray) back = pt_store_keeps(store, NULL, NULL);
	g_assert_cmpuint(back->len, ==, 1);
	const PtKeepRow *r = &g_array_index(back, PtKeepRow, 0);
	g_assert_true(r->id == 7 && r->end_ns == 9 && r->until_ns == 5 && r->person && !r->ring);
	g_assert_cmpstr(r->why, ==, rows[0].why);
	g_assert_cmpstr(r->who, ==, "anna");
	pt_store_free(store);
}

/* ---- jobs, and the proof of recording ---- */

static void put_gap(PtStore *store, int64_t series, int64_t start, int64_t end, PtGapCause cause) {
	PtGapRow gap = {
	    .id = pt_store_new_id(store), .series = series, .start_ns = start * S, .end_ns = end * S, .cause = cause};
	g_assert_true(pt_store_put_gap(store, &gap, NULL));
}

static void fill(PtStore *store, int64_t series, int64_t start, int64_t end) {
	PtSegmentRow row = {.id = pt_store_new_id(store),
	                    .series = series,
	                    .start_ns = start * S,
	                    .end_ns = end * S,
	                    .bytes = 100,
	                    .fetched = true};
	g_snprintf(row.path, sizeof row.path, "f/%" G_GINT64_FORMAT, start);
	g_assert_true(pt_store_fill(store, &row, row.start_ns, row.end_ns, S / 2, NULL));
}

static void test_jobs(void) {
	PtStore *store = open_store("jobs.db");
	int64_t main_id = pt_store_series(store, "gate", "main", NULL), sub_id = pt_store_series(store, "gate", "sub", NULL);
	PtJobRow job = {.id = pt_store_new_id(store),
	                .series = main_id,
	                .start_ns = 100 * S,
	                .end_ns = 200 * S,
	                .cause = PT_GAP_NETWORK,
	                .urgent = true,
	                .tries = 3,
	                .due_ns = 7,
	                .found_ns = 8,
	                .changed_ns = 9,
	                .frames = 10,
	                .bytes = 11,
	                .seam = PT_SEAM_CONTENT,
	                .offset_ns = -12,
	                .reason = "it is so"};
	g_assert_true(pt_store_put_job(store, &job, NULL));
	job.state = PT_JOB_FETCHING;
	g_assert_true(pt_store_put_job(store, &job, NULL));
	g_autoptr(GArray) open = pt_store_jobs(store, 0, 0, INT64_MAX, true, NULL);
	g_assert_cmpuint(open->len, ==, 1);
	const PtJobRow *got = &g_array_index(open, PtJobRow, 0);
	g_assert_cmpstr(got->camera, ==, "gate");
	g_assert_cmpstr(got->stream, ==, "main");
	g_assert_cmpstr(got->reason, ==, "it is so");
	g_assert_true(got->urgent && got->tries == 3 && got->due_ns == 7 && got->found_ns == 8 && got->changed_ns == 9 &&
	              got->frames == 10 && got->bytes == 11 && got->seam == PT_SEAM_CONTENT && got->offset_ns == -12 &&
	              got->cause == PT_GAP_NETWORK && got->state == PT_JOB_FETCHING && got->end_ns == 200 * S);
	job.state = PT_JOB_PARTLY;
	g_assert_true(pt_store_put_job(store, &job, NULL));
	g_autoptr(GArray) none = pt_store_jobs(store, 0, 0, INT64_MAX, true, NULL);
	g_autoptr(GArray) other = pt_store_jobs(store, sub_id, 0, INT64_MAX, false, NULL);
	g_autoptr(GArray) touching = pt_store_jobs(store, main_id, 199 * S, 300 * S, false, NULL);
	g_autoptr(GArray) behind = pt_store_jobs(store, main_id, 200 * S, 300 * S, false, NULL);
	g_assert_cmpuint(none->len + other->len + behind->len, ==, 0);
	g_assert_cmpuint(touching->len, ==, 1);
	g_assert_true(pt_store_delete_jobs_before(store, main_id, 200 * S, NULL));
	g_autoptr(GArray) gone = pt_store_jobs(store, 0, 0, INT64_MAX, false, NULL);
	g_assert_cmpuint(gone->len, ==, 0);
	pt_store_free(store);
}

/* What a segment leaves of a gap, wherever it lies in it. */
static void assert_clock(PtStore *store, int64_t at_s, int64_t since_s, int64_t offset_s) {
	PtClockRow r = pt_store_clock_at(store, "gate", at_s * S);
	g_assert_cmpint(r.since_ns, ==, since_s * S);
	g_assert_cmpint(r.offset_ns, ==, offset_s * S);
}

static void test_clocks(void) {
	PtStore *store = open_store("clocks.db");
	const PtClockRow rows[] = {{100 * S, 1 * S}, {200 * S, -7 * S}, {300 * S, 5 * S}, {300 * S, 6 * S}};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_true(pt_store_put_clock(store, "gate", &rows[i], 0, NULL));
	g_assert_true(pt_store_put_clock(store, "yard", &(PtClockRow){150 * S, 9 * S}, 0, NULL));
	assert_clock(store, 99, 0, 0);
	assert_clock(store, 100, 100, 1);
	assert_clock(store, 250, 200, -7);
	assert_clock(store, 9999, 300, 6);
	/* what counts at the instant of forgetting stays */
	g_assert_true(pt_store_put_clock(store, "gate", &(PtClockRow){400 * S, 8 * S}, 250 * S, NULL));
	assert_clock(store, 199, 0, 0);
	assert_clock(store, 260, 200, -7);
	assert_clock(store, 400, 400, 8);
	g_assert_cmpint(pt_store_clock_at(store, "yard", 160 * S).offset_ns, ==, 9 * S);
	pt_store_free(store);
}

static void test_fill(void) {
	static const struct {
		int64_t start, end;
		int64_t left[4]; /* spans, up to 0 */
	} cases[] = {
	    {100, 200, {0}}, {100, 150, {150, 200}}, {150, 200, {100, 150}}, {120, 180, {100, 120, 180, 200}},
	    {50, 250, {0}},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strdup_printf("fill%zu.db", i);
		PtStore *store = open_store(name);
		int64_t id = pt_store_series(store, "gate", "main", NULL);
		put_gap(store, id, 100, 200, PT_GAP_DISK);
		fill(store, id, cases[i].start, cases[i].end);
		g_autoptr(GArray) gaps = pt_store_gaps(store, id, 0, INT64_MAX, NULL);
		unsigned n = 0;
		for (; n < 4 && cases[i].left[n]; n += 2) {
			g_assert_cmpuint(gaps->len, >, n / 2);
			const PtGapRow *gap = &g_array_index(gaps, PtGapRow, n / 2);
			g_assert_cmpint(gap->start_ns, ==, cases[i].left[n] * S);
			g_assert_cmpint(gap->end_ns, ==, cases[i].left[n + 1] * S);
			g_assert_cmpint(gap->cause, ==, PT_GAP_DISK);
		}
		g_assert_cmpuint(gaps->len, ==, n / 2);
		pt_store_free(store);
	}
}

static void test_proof(void) {
	PtStore *store = open_store("proof.db");
	int64_t id = pt_store_series(store, "gate", "main", NULL);
	int64_t day = 86400;
	/* ten days, of which the first was never recorded; a minute missing, filled by half; one the policy did not want; a
	 * clock that was set; and the end, which is open */
	for (int64_t m = 1440; m < 14400; m++)
		if (m != 3000 && m != 5000 && m != 7000 && m < 14390)
			put(store, id, m * 60, m * 60 + 60);
	put_gap(store, id, 3000 * 60, 3001 * 60, PT_GAP_NETWORK);
	fill(store, id, 3000 * 60 + 30, 3001 * 60);
	put_gap(store, id, 5000 * 60, 5001 * 60, PT_GAP_POLICY);
	put_gap(store, id, 7000 * 60, 7001 * 60, PT_GAP_CLOCK);
	put_gap(store, id, 14390 * 60, 0, PT_GAP_HUB);
	PtProof p;
	g_assert_true(pt_proof_make(store, id, 0, 20 * day * S, 10 * day * S, &p, NULL));
	g_assert_cmpint(p.span_ns, ==, 10 * day * S);
	g_assert_cmpint(p.unknown_ns, ==, day * S);
	g_assert_cmpint(p.since_ns, ==, day * S);
	g_assert_cmpint(p.fetched_ns, ==, 30 * S);
	g_assert_cmpint(p.missing_ns[PT_GAP_NETWORK], ==, 30 * S);
	g_assert_cmpint(p.missing_ns[PT_GAP_POLICY], ==, 60 * S);
	g_assert_cmpint(p.missing_ns[PT_GAP_CLOCK], ==, 0);
	g_assert_cmpint(p.missing_ns[PT_GAP_HUB], ==, 600 * S);
	g_assert_cmpuint(p.missing->len, ==, 3);
	g_assert_cmpint(p.live_ns, ==, (9 * day - 30 - 30 - 60 - 600) * S);
	pt_proof_clear(&p);
	g_assert_true(pt_proof_make(store, id, (3000 * 60 + 10) * S, (3000 * 60 + 40) * S, 10 * day * S, &p, NULL));
	g_assert_cmpint(p.missing_ns[PT_GAP_NETWORK], ==, 20 * S);
	g_assert_cmpint(p.fetched_ns, ==, 10 * S);
	g_assert_cmpint(p.live_ns + p.unknown_ns, ==, 0);
	pt_proof_clear(&p);
	/* what a camera that was not there yet did not give is not missing */
	put_gap(store, id, 600 * 60, 1440 * 60, PT_GAP_NETWORK);
	g_assert_true(pt_proof_make(store, id, 500 * 60 * S, 1500 * 60 * S, 10 * day * S, &p, NULL));
	g_assert_cmpuint(p.missing->len, ==, 0);
	g_assert_cmpint(p.since_ns, ==, day * S);
	g_assert_cmpint(p.unknown_ns, ==, 940 * 60 * S);
	g_assert_cmpint(p.live_ns, ==, 60 * 60 * S);
	pt_proof_clear(&p);
	g_assert_true(pt_proof_make(store, id, 500 * 60 * S, 700 * 60 * S, 10 * day * S, &p, NULL));
	g_assert_cmpint(p.since_ns, ==, 700 * 60 * S);
	g_assert_cmpint(p.unknown_ns, ==, p.span_ns);
	pt_proof_clear(&p);
	/* what came last is not promised yet, and not missing */
	int64_t sub = pt_store_series(store, "gate", "sub", NULL);
	PtSegmentRow row = {.id = pt_store_new_id(store), .series = sub, .start_ns = 10 * S, .end_ns = 58 * S, .open = true};
	g_strlcpy(row.path, "open.mp4", sizeof row.path);
	g_assert_true(pt_store_put_segment(store, &row, NULL));
	for (int64_t now = 60; now <= 70; now += 10) {
		g_assert_true(pt_proof_make(store, sub, 10 * S, day * S, now * S, &p, NULL));
		g_assert_cmpint(p.live_ns, ==, 48 * S);
		g_assert_cmpint(p.unknown_ns, ==, now == 60 ? 0 : 12 * S);
		pt_proof_clear(&p);
	}
	pt_store_free(store);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	dir = g_dir_make_tmp("pt-store-XXXXXX", NULL);
	g_test_add_func("/store/segments", test_segments);
	g_test_add_func("/store/coarse", test_coarse);
	g_test_add_func("/store/ids-and-damage", test_ids_and_damage);
	g_test_add_func("/store/keeps", test_keeps);
	g_test_add_func("/store/jobs", test_jobs);
	g_test_add_func("/store/clocks", test_clocks);
	g_test_add_func("/store/fill", test_fill);
	g_test_add_func("/store/proof", test_proof);
	int r = g_test_run();
	g_autofree char *rm = g_strdup_printf("rm -rf '%s'", dir);
	if (system(rm))
		g_printerr("left behind: %s\n", dir);
	g_free(dir);
	return r;
}
