/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/store-internal.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

const char *const pt_gap_cause_words[PT_N_GAP_CAUSES] = {
    [PT_GAP_UNKNOWN] = "unknown", [PT_GAP_NETWORK] = "network", [PT_GAP_CAMERA] = "camera", [PT_GAP_HUB] = "hub",
    [PT_GAP_DISK] = "disk",       [PT_GAP_POLICY] = "policy",   [PT_GAP_CLOCK] = "clock",
};

/* Each step makes the layout of the version before the next one. */
static const char *const steps[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE series(id INTEGER PRIMARY KEY, camera TEXT NOT NULL, stream TEXT NOT NULL, UNIQUE(camera, stream));"
    "CREATE TABLE segment(id INTEGER PRIMARY KEY, series INTEGER NOT NULL, start_ns INTEGER NOT NULL,"
    " end_ns INTEGER NOT NULL, bytes INTEGER NOT NULL, open INTEGER NOT NULL, path TEXT NOT NULL, codec TEXT NOT NULL,"
    " width INTEGER NOT NULL, height INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX segment_path ON segment(path);"
    "CREATE INDEX segment_time ON segment(series, start_ns, end_ns, bytes);"
    "CREATE INDEX segment_age ON segment(start_ns);"
    "CREATE INDEX segment_open ON segment(id) WHERE open;"
    "INSERT INTO meta VALUES('bytes', 0);"
    "CREATE TRIGGER segment_added AFTER INSERT ON segment BEGIN UPDATE meta SET value=value+new.bytes WHERE key='bytes'; "
    "END;"
    "CREATE TRIGGER segment_grown AFTER UPDATE OF bytes ON segment BEGIN"
    " UPDATE meta SET value=value+new.bytes-old.bytes WHERE key='bytes'; END;"
    "CREATE TRIGGER segment_gone AFTER DELETE ON segment BEGIN"
    " UPDATE meta SET value=value-old.bytes WHERE key='bytes'; END;"
    "CREATE TABLE gap(id INTEGER PRIMARY KEY, series INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " reason TEXT NOT NULL);"
    "CREATE INDEX gap_time ON gap(series, start_ns);"
    "CREATE TABLE keep(id INTEGER PRIMARY KEY, camera TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " until_ns INTEGER NOT NULL, person INTEGER NOT NULL, ring INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL);"
    "CREATE INDEX keep_camera ON keep(camera, start_ns);",
    /* 2: footage that was fetched later (1; 2: in another quality than what was recorded live), why gaps are gaps, and what
       is to be fetched */
    "ALTER TABLE segment ADD COLUMN fetched INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX segment_fetched ON segment(series, start_ns, end_ns) WHERE fetched;"
    "ALTER TABLE gap ADD COLUMN cause INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE job(id INTEGER PRIMARY KEY, series INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " cause INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL, urgent INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, due_ns INTEGER NOT NULL, found_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL,"
    " frames INTEGER NOT NULL, bytes INTEGER NOT NULL, seam INTEGER NOT NULL, offset_ns INTEGER NOT NULL);"
    "CREATE INDEX job_time ON job(series, start_ns);"
    "CREATE INDEX job_state ON job(state);"
    "CREATE TABLE fetching(path TEXT PRIMARY KEY) WITHOUT ROWID;",
    /* 3: footage of before the clock was set */
    "ALTER TABLE segment ADD COLUMN shift_ns INTEGER NOT NULL DEFAULT 0;",
    /* 4: how cameras' clocks stood to ours */
    ("CREATE TABLE clock(camera TEXT NOT NULL, since_ns INTEGER NOT NULL, offset_ns INTEGER NOT NULL,"
     " PRIMARY KEY(camera, since_ns)) WITHOUT ROWID;"),
};
#define SCHEMA_VERSION ((int64_t)G_N_ELEMENTS(steps))

static const char *const write_sql[PT_STORE_N_WRITES] = {
    [PT_PUT_SEGMENT] = "INSERT INTO segment(id,series,start_ns,end_ns,bytes,open,path,codec,width,height,fetched,shift_ns)"
                       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
                       " ON CONFLICT(id) DO UPDATE SET end_ns=?4,bytes=?5,open=?6",
    [PT_DELETE_SEGMENT] = "DELETE FROM segment WHERE id=?1",
    [PT_PUT_GAP] = "INSERT OR REPLACE INTO gap(id,series,start_ns,end_ns,reason,cause) VALUES(?1,?2,?3,?4,?5,?6)",
    [PT_DELETE_GAP] = "DELETE FROM gap WHERE id=?1",
    [PT_DELETE_GAPS] = "DELETE FROM gap WHERE series=?1 AND end_ns>0 AND end_ns<=?2",
    [PT_PUT_KEEP] = "INSERT OR REPLACE INTO keep(id,camera,start_ns,end_ns,until_ns,person,ring,who,why)"
                    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [PT_DELETE_KEEP] = "DELETE FROM keep WHERE id=?1",
    [PT_PUT_JOB] = "INSERT OR REPLACE INTO job(id,series,start_ns,end_ns,cause,state,reason,urgent,tries,due_ns,found_ns,"
                   "changed_ns,frames,bytes,seam,offset_ns) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [PT_PUT_FETCHING] = "INSERT OR REPLACE INTO fetching(path) VALUES(?1)",
    [PT_DELETE_FETCHING] = "DELETE FROM fetching WHERE path=?1",
    [PT_DELETE_JOBS] = "DELETE FROM job WHERE series=?1 AND end_ns<=?2",
    [PT_PUT_CLOCK] = "INSERT OR REPLACE INTO clock(camera,since_ns,offset_ns) VALUES(?1,?2,?3)",
    [PT_DELETE_CLOCKS] = "DELETE FROM clock WHERE camera=?1 AND since_ns<?2",
};

bool pt_store_fail(sqlite3 *db, const char *what, GError **error) {
	bool damaged = pt_db_is_damaged(db);
	g_set_error(error, PT_ERROR, damaged ? PT_ERROR_INVALID : PT_ERROR_DISK, "index: %s: %s%s", what,
	            db ? sqlite3_errmsg(db) : "its medium is not there",
	            damaged ? " (the footage is not touched; 'pigtail archive check --rebuild' makes the index again)" : "");
	return false;
}

sqlite3 *pt_store_connect(const char *path, int flags, GError **error) {
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		pt_store_fail(db, "open", error);
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, 5000);
	sqlite3_exec(db, "PRAGMA cache_size=-1024", NULL, NULL, NULL);
	return db;
}

static int64_t query_int(sqlite3 *db, const char *sql) {
	sqlite3_stmt *st = NULL;
	int64_t v = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

/* Under the lock, after what may have changed it. */
static void note_total(PtStore *store) {
	store->total_bytes = MAX(query_int(store->db, "SELECT value FROM meta WHERE key='bytes'"), 0);
}

/* ---- what is kept, once more in a file of its own ----
 * All else of the index can be made again from the footage; what a person or a rule wants kept cannot. A new index takes it
 * from there, so that a lost or damaged one costs nobody's evidence (P3). */

static char *keeps_path(const PtStore *store) { return g_strconcat(store->path, ".keeps", NULL); }

bool pt_store_write_keeps(PtStore *store, GError **error) {
	g_autoptr(GArray) rows = pt_store_keeps(store, NULL, error);
	if (!rows)
		return false;
	g_autoptr(GKeyFile) file = g_key_file_new();
	for (guint i = 0; i < rows->len; i++) {
		const PtKeepRow *r = &g_array_index(rows, PtKeepRow, i);
		g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, r->id);
		g_key_file_set_string(file, id, "camera", r->camera);
		g_key_file_set_int64(file, id, "start_ns", r->start_ns);
		g_key_file_set_int64(file, id, "end_ns", r->end_ns);
		g_key_file_set_int64(file, id, "until_ns", r->until_ns);
		g_key_file_set_boolean(file, id, "person", r->person);
		g_key_file_set_boolean(file, id, "ring", r->ring);
		g_key_file_set_string(file, id, "who", r->who);
		g_key_file_set_string(file, id, "why", r->why);
	}
	g_autofree char *path = keeps_path(store), *text = g_key_file_to_data(file, NULL, NULL);
	g_autoptr(GError) cause = NULL;
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0640,
	                             &cause))
		return true;
	pt_error_set(error, DISK, "index: write %s: %s", path, cause->message);
	return false;
}

static void copy_key(GKeyFile *file, const char *group, const char *key, char *to, size_t size) {
	g_autofree char *text = g_key_file_get_string(file, group, key, NULL);
	g_strlcpy(to, text ? text : "", size);
}

/* Into an index that has just been made. What cannot be read is left out: the rest counts all the same. */
static void read_keeps(PtStore *store) {
	g_autofree char *path = keeps_path(store);
	g_autoptr(GKeyFile) file = g_key_file_new();
	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL))
		return;
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **g = groups; *g; g++) {
		PtKeepRow r = {.id = g_ascii_strtoll(*g, NULL, 10),
		               .start_ns = g_key_file_get_int64(file, *g, "start_ns", NULL),
		               .end_ns = g_key_file_get_int64(file, *g, "end_ns", NULL),
		               .until_ns = g_key_file_get_int64(file, *g, "until_ns", NULL),
		               .person = g_key_file_get_boolean(file, *g, "person", NULL),
		               .ring = g_key_file_get_boolean(file, *g, "ring", NULL)};
		copy_key(file, *g, "camera", r.camera, sizeof r.camera);
		copy_key(file, *g, "who", r.who, sizeof r.who);
		copy_key(file, *g, "why", r.why, sizeof r.why);
		if (r.id > 0 && r.camera[0] && r.end_ns > r.start_ns)
			pt_store_run(store, PT_PUT_KEEP, NULL, "isiiiiiss", r.id, r.camera, r.start_ns, r.end_ns, r.until_ns,
			             (int64_t)r.person, (int64_t)r.ring, r.who, r.why);
	}
}

static void take_up_keeps(PtStore *store) {
	g_autofree char *path = keeps_path(store);
	if (store->fresh)
		read_keeps(store);
	else if (!g_file_test(path, G_FILE_TEST_EXISTS)) /* an index of before there was such a file */
		pt_store_write_keeps(store, NULL);
}

static bool make_layout(PtStore *store, int64_t version, GError **error) {
	uint16_t hub = 0;
	if (getrandom(&hub, sizeof hub, 0) != sizeof hub)
		hub = (uint16_t)pt_wall_ns(pt_clock_system());
	for (; version < SCHEMA_VERSION; version++) {
		g_autofree char *hub_sql =
		    version ? g_strdup("") : g_strdup_printf("INSERT INTO meta VALUES('hub',%d);", hub & 1023);
		g_autofree char *sql =
		    g_strdup_printf("BEGIN;%s %s PRAGMA user_version=%d; COMMIT", steps[version], hub_sql, (int)version + 1);
		if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
			pt_store_fail(store->db, "create", error);
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
			return false;
		}
	}
	return true;
}

static bool create_schema(PtStore *store, GError **error) {
	int64_t version = query_int(store->db, "PRAGMA user_version");
	if (version < 0)
		return pt_store_fail(store->db, "read", error);
	if (version > SCHEMA_VERSION || (!version && query_int(store->db, "SELECT count(*) FROM sqlite_schema"))) {
		pt_error_set(error, UNSUPPORTED,
		             "index: %s has layout %d, this program knows up to %d: it was made by another version",
		             store->path, (int)version, (int)SCHEMA_VERSION);
		return false;
	}
	if (!make_layout(store, version, error))
		return false;
	store->fresh = !version;
	store->hub = query_int(store->db, "SELECT value FROM meta WHERE key='hub'") & 1023;
	return true;
}

PtStore *pt_store_new(const char *path) {
	PtStore *store = g_new0(PtStore, 1);
	g_rec_mutex_init(&store->lock);
	g_mutex_init(&store->readers_lock);
	g_mutex_init(&store->id_lock);
	store->path = g_strdup(path);
	return store;
}

/* Under the lock, or of a store that nobody else knows. */
static void close_all(PtStore *store) {
	for (int i = 0; i < PT_STORE_N_WRITES; i++) {
		sqlite3_finalize(store->writes[i]);
		store->writes[i] = NULL;
	}
	g_mutex_lock(&store->readers_lock);
	for (int i = 0; i < PT_STORE_READERS; i++)
		sqlite3_close(g_steal_pointer(&store->readers[i]));
	store->opening++;
	store->open = false;
	g_mutex_unlock(&store->readers_lock);
	sqlite3_close(g_steal_pointer(&store->db));
	store->fresh = false;
}

/* Likewise. */
static bool open_all(PtStore *store, GError **error) {
	store->db = pt_store_connect(store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
	if (!store->db)
		return false;
	if (sqlite3_exec(store->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", NULL, NULL, NULL) != SQLITE_OK)
		return pt_store_fail(store->db, "open", error);
	if (!create_schema(store, error))
		return false;
	for (int i = 0; i < PT_STORE_N_WRITES; i++)
		if (sqlite3_prepare_v3(store->db, write_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->writes[i], NULL) !=
		    SQLITE_OK)
			return pt_store_fail(store->db, "prepare", error);
	note_total(store);
	g_mutex_lock(&store->readers_lock);
	store->open = true;
	g_mutex_unlock(&store->readers_lock);
	take_up_keeps(store);
	return true;
}

void pt_store_close(PtStore *store) {
	g_rec_mutex_lock(&store->lock);
	g_assert(!store->depth);
	close_all(store);
	g_rec_mutex_unlock(&store->lock);
}

bool pt_store_reopen(PtStore *store, GError **error) {
	g_rec_mutex_lock(&store->lock);
	g_assert(!store->depth);
	close_all(store);
	bool ok = open_all(store, error);
	if (!ok)
		close_all(store);
	g_rec_mutex_unlock(&store->lock);
	return ok;
}

PtStore *pt_store_open(const char *path, GError **error) {
	PtStore *store = pt_store_new(path);
	if (pt_store_reopen(store, error))
		return store;
	pt_store_free(store);
	return NULL;
}

bool pt_store_is_new(const PtStore *store) { return store->fresh; }

void pt_store_free(PtStore *store) {
	if (!store)
		return;
	close_all(store);
	g_rec_mutex_clear(&store->lock);
	g_mutex_clear(&store->readers_lock);
	g_mutex_clear(&store->id_lock);
	g_free(store->path);
	g_free(store);
}

int64_t pt_store_new_id(PtStore *store) {
	g_mutex_lock(&store->id_lock);
	int64_t ms = pt_wall_ns(pt_clock_system()) / PT_NS_PER_MS;
	if (ms <= store->last_ms && ++store->counter < 4096) {
		ms = store->last_ms;
	} else {
		ms = MAX(ms, store->last_ms + 1);
		store->counter = 0;
	}
	store->last_ms = ms;
	int64_t id = (ms & ((INT64_C(1) << 41) - 1)) << 22 | store->hub << 12 | store->counter;
	g_mutex_unlock(&store->id_lock);
	return id;
}

/* ---- writing ---- */

bool pt_store_begin(PtStore *store, bool durable, GError **error) {
	g_rec_mutex_lock(&store->lock);
	/* SQLite does not change this within a transaction */
	const char *sql =
	    durable ? "PRAGMA synchronous=FULL; BEGIN IMMEDIATE" : "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE";
	if (store->depth++ == 0 && sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		pt_store_fail(store->db, "begin", error);
		store->depth--;
		g_rec_mutex_unlock(&store->lock);
		return false;
	}
	return true;
}

bool pt_store_commit(PtStore *store, GError **error) {
	bool ok = true;
	if (--store->depth == 0) {
		ok = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
		if (!ok) {
			pt_store_fail(store->db, "commit", error);
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		}
		note_total(store);
	}
	g_rec_mutex_unlock(&store->lock);
	return ok;
}

void pt_store_rollback(PtStore *store) {
	if (--store->depth == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	g_rec_mutex_unlock(&store->lock);
}

/* format: i = int64_t, s = text, in order of the parameters */
bool pt_store_run(PtStore *store, int which, GError **error, const char *format, ...) {
	g_rec_mutex_lock(&store->lock);
	sqlite3_stmt *st = store->writes[which];
	va_list args;
	va_start(args, format);
	for (int i = 0; format[i]; i++) {
		if (format[i] == 'i')
			sqlite3_bind_int64(st, i + 1, va_arg(args, int64_t));
		else
			sqlite3_bind_text(st, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
	}
	va_end(args);
	bool ok = sqlite3_step(st) == SQLITE_DONE;
	if (!ok)
		pt_store_fail(store->db, "write", error);
	sqlite3_reset(st);
	if (!store->depth)
		note_total(store);
	g_rec_mutex_unlock(&store->lock);
	return ok;
}

bool pt_store_put_segment(PtStore *store, const PtSegmentRow *r, GError **error) {
	return pt_store_run(store, PT_PUT_SEGMENT, error, "iiiiiissiiii", r->id, r->series, r->start_ns, r->end_ns, r->bytes,
	                    (int64_t)r->open, r->path, r->codec, (int64_t)r->width, (int64_t)r->height,
	                    (int64_t)(r->fetched ? 1 + r->other : 0), r->shift_ns);
}

bool pt_store_delete_segment(PtStore *store, int64_t id, GError **error) {
	return pt_store_run(store, PT_DELETE_SEGMENT, error, "i", id);
}

bool pt_store_delete_gap(PtStore *store, int64_t id, GError **error) {
	return pt_store_run(store, PT_DELETE_GAP, error, "i", id);
}

bool pt_store_put_gap(PtStore *store, const PtGapRow *r, GError **error) {
	if (r->end_ns && r->end_ns <= r->start_ns)
		return pt_store_delete_gap(store, r->id, error);
	return pt_store_run(store, PT_PUT_GAP, error, "iiiisi", r->id, r->series, r->start_ns, r->end_ns, r->reason,
	                    (int64_t)r->cause);
}

bool pt_store_delete_gaps_before(PtStore *store, int64_t series, int64_t end_ns, GError **error) {
	return pt_store_run(store, PT_DELETE_GAPS, error, "ii", series, end_ns);
}

/* Durable: what somebody was told is kept must not go because the power did. */
bool pt_store_put_keep(PtStore *store, const PtKeepRow *r, GError **error) {
	if (!pt_store_begin(store, true, error))
		return false;
	if (!pt_store_run(store, PT_PUT_KEEP, error, "isiiiiiss", r->id, r->camera, r->start_ns, r->end_ns, r->until_ns,
	                  (int64_t)r->person, (int64_t)r->ring, r->who, r->why)) {
		pt_store_rollback(store);
		return false;
	}
	return pt_store_commit(store, error) && pt_store_write_keeps(store, error);
}

bool pt_store_delete_keep(PtStore *store, int64_t id, GError **error) {
	g_rec_mutex_lock(&store->lock);
	bool ok = pt_store_run(store, PT_DELETE_KEEP, error, "i", id);
	if (ok && sqlite3_changes(store->db) == 0) {
		pt_error_set(error, NOT_FOUND, "nothing is kept under %" G_GINT64_FORMAT, id);
		ok = false;
	}
	g_rec_mutex_unlock(&store->lock);
	return ok && pt_store_write_keeps(store, error);
}

bool pt_store_forget_everything(PtStore *store, GError **error) {
	g_rec_mutex_lock(&store->lock);
	bool ok = sqlite3_exec(store->db, "DELETE FROM segment", NULL, NULL, NULL) == SQLITE_OK ||
	          pt_store_fail(store->db, "clear", error);
	g_rec_mutex_unlock(&store->lock);
	return ok;
}

int64_t pt_store_series(PtStore *store, const char *camera, const char *stream, GError **error) {
	g_rec_mutex_lock(&store->lock);
	sqlite3_stmt *st = NULL;
	int64_t id = 0;
	static const char *const sql[] = {"SELECT id FROM series WHERE camera=?1 AND stream=?2",
	                                  "INSERT INTO series(camera, stream) VALUES(?1, ?2)"};
	for (int i = 0; i < 2 && !id; i++) {
		if (sqlite3_prepare_v2(store->db, sql[i], -1, &st, NULL) != SQLITE_OK)
			break;
		sqlite3_bind_text(st, 1, camera, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, stream, -1, SQLITE_STATIC);
		int r = sqlite3_step(st);
		if (r == SQLITE_ROW)
			id = sqlite3_column_int64(st, 0);
		else if (r == SQLITE_DONE && i)
			id = sqlite3_last_insert_rowid(store->db);
		sqlite3_finalize(st);
	}
	if (!id)
		pt_store_fail(store->db, "series", error);
	g_rec_mutex_unlock(&store->lock);
	return id;
}
