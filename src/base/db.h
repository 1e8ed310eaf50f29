/* What the owners of SQLite databases share: statements that are prepared once, and that a damaged one is never mended in
 * its place: it is put aside, and another begun. A library of its own, for the rooms that own one. One thread at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

/* Opens or creates one, makes what schema holds, and prepares the n statements of sql. One that is damaged is put aside, of
 * which stderr is told. what: "the queue of …", for messages. NULL and error when there can be none. */
sqlite3 *pt_db_open(const char *path, const char *what, const char *schema, const char *const *sql, size_t n,
                    sqlite3_stmt **ret_statements, GError **error);
void pt_db_close(sqlite3 *db, sqlite3_stmt **statements, size_t n); /* takes NULL */

/* Of a statement that gives no rows. What it was bound to is forgotten. */
bool pt_db_run(sqlite3_stmt *statement);
/* The number that a statement gives; otherwise: it gives none. */
int64_t pt_db_number(sqlite3_stmt *statement, int64_t otherwise);

/* Whether its last error says so. */
bool pt_db_is_damaged(sqlite3 *db);
/* Gives a damaged one another name, beside its place: PATH.damaged-TIME. */
bool pt_db_put_aside(const char *path, GError **error);
