/* SPDX-License-Identifier: Apache-2.0 */
#include "base/db.h"
#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

bool pt_db_is_damaged(sqlite3 *db) {
	int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_OK;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

bool pt_db_put_aside(const char *path, GError **error) {
	static const char *const ends[] = {"", "-wal", "-shm"};
	g_autofree char *when = pt_time_format(pt_wall_ns(pt_clock_system()));
	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autofree char *from = g_strconcat(path, ends[i], NULL),
		                *to = g_strdup_printf("%s.damaged-%s%s", path, when, ends[i]);
		if (rename(from, to) && errno != ENOENT) {
			pt_error_set(error, DISK, "put %s aside: %s", from, g_strerror(errno));
			return false;
		}
	}
	return true;
}

bool pt_db_run(sqlite3_stmt *s) {
	bool ok = sqlite3_step(s) == SQLITE_DONE;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return ok;
}

int64_t pt_db_number(sqlite3_stmt *s, int64_t otherwise) {
	int64_t n = otherwise;
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
		n = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return n;
}

void pt_db_close(sqlite3 *db, sqlite3_stmt **statements, size_t n) {
	for (size_t i = 0; i < n; i++) {
		sqlite3_finalize(statements[i]);
		statements[i] = NULL;
	}
	sqlite3_close(db);
}

static bool prepare(sqlite3 *db, const char *schema, const char *const *sql, size_t n, sqlite3_stmt **statements) {
	if (sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (sqlite3_prepare_v2(db, sql[i], -1, &statements[i], NULL) != SQLITE_OK)
			return false;
	return true;
}

static sqlite3 *open_once(const char *path, const char *what, const char *schema, const char *const *sql, size_t n,
                          sqlite3_stmt **statements, GError **error) {
	sqlite3 *db = NULL;
	if (sqlite3_open(path, &db) == SQLITE_OK && prepare(db, schema, sql, n, statements))
		return db;
	g_set_error(error, PT_ERROR, pt_db_is_damaged(db) ? PT_ERROR_INVALID : PT_ERROR_DISK, "%s, %s: %s", what, path,
	            db ? sqlite3_errmsg(db) : "out of memory");
	pt_db_close(db, statements, n);
	return NULL;
}

sqlite3 *pt_db_open(const char *path, const char *what, const char *schema, const char *const *sql, size_t n,
                    sqlite3_stmt **statements, GError **error) {
	g_autoptr(GError) why = NULL;
	sqlite3 *db = open_once(path, what, schema, sql, n, statements, &why);
	if (!db && g_error_matches(why, PT_ERROR, PT_ERROR_INVALID) && pt_db_put_aside(path, NULL)) {
		fprintf(stderr, "%s: it was put aside (%s.damaged-…), and a new one begun\n", why->message, path);
		return open_once(path, what, schema, sql, n, statements, error);
	}
	if (!db)
		g_propagate_error(error, g_steal_pointer(&why));
	return db;
}
