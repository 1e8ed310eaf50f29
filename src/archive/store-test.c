/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/store.h"
#include "base/clock.h"
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
	g_assert_true(pt_store_put_aside(path, NULL));
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

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	dir = g_dir_make_tmp("pt-store-XXXXXX", NULL);
	g_test_add_func("/store/segments", test_segments);
	g_test_add_func("/store/coarse", test_coarse);
	g_test_add_func("/store/ids-and-damage", test_ids_and_damage);
	g_test_add_func("/store/keeps", test_keeps);
	int r = g_test_run();
	g_autofree char *rm = g_strdup_printf("rm -rf '%s'", dir);
	if (system(rm))
		g_printerr("left behind: %s\n", dir);
	g_free(dir);
	return r;
}
