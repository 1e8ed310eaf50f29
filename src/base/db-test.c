/* SPDX-License-Identifier: Apache-2.0 */
#include "base/db.h"
#include <glib/gstdio.h>

enum { PUT, COUNT, STATEMENTS };
static const char *const sql[STATEMENTS] = {[PUT] = "INSERT INTO t(v) VALUES(1)", [COUNT] = "SELECT count(*) FROM t"};

static int64_t open_and_put(const char *path, const char *schema, GError **error) {
	sqlite3_stmt *statements[STATEMENTS] = {NULL};
	sqlite3 *db = pt_db_open(path, "the test", schema, sql, STATEMENTS, statements, error);
	if (!db)
		return -1;
	g_assert_true(pt_db_run(statements[PUT]));
	int64_t n = pt_db_number(statements[COUNT], -1);
	pt_db_close(db, statements, STATEMENTS);
	return n;
}

static unsigned files(const char *dir, const char *prefix) {
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	unsigned n = 0;
	for (const char *name; (name = g_dir_read_name(d));)
		n += g_str_has_prefix(name, prefix);
	return n;
}

/* What is there stays; what is damaged is put aside, whole, and another begun; what cannot be made is an error. */
static void test_open(void) {
	static const char schema[] = "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t(v)";
	g_autofree char *dir = g_dir_make_tmp("pt-db-XXXXXX", NULL), *path = g_build_filename(dir, "t.db", NULL);
	g_autoptr(GError) error = NULL;
	g_assert_cmpint(open_and_put(path, schema, NULL), ==, 1);
	g_assert_cmpint(open_and_put(path, schema, NULL), ==, 2);
	g_autofree char *noise = g_strnfill(8192, 'x');
	g_assert_true(g_file_set_contents(path, noise, 8192, NULL));
	g_assert_cmpint(open_and_put(path, schema, NULL), ==, 1);
	g_assert_cmpuint(files(dir, "t.db.damaged-"), ==, 1);
	g_assert_cmpint(open_and_put(path, "no SQL", &error), ==, -1);
	g_assert_nonnull(strstr(error->message, "the test, "));
	g_assert_cmpuint(files(dir, "t.db.damaged-"), ==, 1);
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	for (const char *name; (name = g_dir_read_name(d));) {
		g_autofree char *file = g_build_filename(dir, name, NULL);
		g_unlink(file);
	}
	g_rmdir(dir);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/db/open", test_open);
	return g_test_run();
}
