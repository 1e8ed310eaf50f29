/* What the files of the index share: store.c (opening, writing), store-read.c (queries), store-jobs.c (what is fetched from
 * cameras later, and their clocks) and store-shift.c (what was recorded before the clock was set). The only places of the
 * archive that see SQLite. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"
#include <sqlite3.h>

#define PT_STORE_READERS 4

/* What is written often, prepared once. */
enum {
	PT_PUT_SEGMENT,
	PT_DELETE_SEGMENT,
	PT_PUT_GAP,
	PT_DELETE_GAP,
	PT_DELETE_GAPS,
	PT_PUT_KEEP,
	PT_DELETE_KEEP,
	PT_PUT_JOB,
	PT_PUT_FETCHING,
	PT_DELETE_FETCHING,
	PT_DELETE_JOBS,
	PT_PUT_CLOCK,
	PT_DELETE_CLOCKS,
	PT_STORE_N_WRITES
};

struct PtStore {
	char *path;
	int64_t hub;

	GRecMutex lock;
	/* under lock, which a slow disk holds up */
	sqlite3 *db;
	sqlite3_stmt *writes[PT_STORE_N_WRITES];
	int depth;
	bool fresh; /* made by this opening */

	_Atomic int64_t total_bytes; /* of what is committed; written under lock */

	GMutex id_lock; /* of its own: who needs an id must not wait for a transaction */
	int64_t last_ms;
	unsigned counter;

	GMutex readers_lock;
	/* under readers_lock */
	sqlite3 *readers[PT_STORE_READERS]; /* idle ones */
	unsigned opening;                   /* counts, so that none of an earlier one is taken back */
	bool open;
};

sqlite3 *pt_store_connect(const char *path, int flags, GError **error);
bool pt_store_write_keeps(PtStore *store, GError **error); /* to the file beside the index */
/* Always false. */
bool pt_store_fail(sqlite3 *db, const char *what, GError **error);
/* One of the prepared writes. format: i = int64_t, s = text, in order of the parameters. */
bool pt_store_run(PtStore *store, int which, GError **error, const char *format, ...);

typedef void (*PtStoreReadRow)(sqlite3_stmt *st, GArray *rows);
/* Rows of a query on a connection that is borrowed for it; NULL on error. format as of pt_store_run(). */
GArray *pt_store_select(PtStore *store, size_t row_size, PtStoreReadRow read_row, GError **error, const char *sql,
                        const char *format, ...);
void pt_store_copy_text(char *to, size_t size, sqlite3_stmt *st, int column);
