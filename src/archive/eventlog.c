/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/eventlog.h"
#include "archive/journal.h"
#include "base/bytes.h"
#include "base/db.h"
#include "base/error.h"
#include <sqlite3.h>
#include <string.h>

#define GATHER_US (100 * 1000) /* events of so long go into one commit */
#define RETRY_US (1000 * 1000) /* after a failure of the disk */
#define PRUNE_NS (60 * PT_NS_PER_S)
#define READERS 4
#define LIMIT_MAX 10000
#define RECORD_EVENT 1
#define RECORD_NOTE 2
#define NO_TEXT 0xffff
#define FLUSH_NS (10 * PT_NS_PER_S)
#define BY_ONE_CLOCK_NS (PT_NS_PER_S / 2) /* it drifts, and is read a moment before or after the monotonic one */
/* as pt_event_told_ns() has it */
#define TOLD "CASE WHEN mono_ns AND noticed_ns THEN wall_ns + noticed_ns - mono_ns ELSE wall_ns END"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL,"
    " noticed_ns INTEGER NOT NULL, source TEXT NOT NULL, topic TEXT NOT NULL, state TEXT NOT NULL, actor TEXT, detail TEXT,"
    " flags INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS event_wall ON event(wall_ns);"
    "CREATE INDEX IF NOT EXISTS event_source ON event(source, id);"
    "CREATE INDEX IF NOT EXISTS event_topic ON event(topic, id);"
    "CREATE INDEX IF NOT EXISTS event_late ON event(" TOLD ") WHERE flags & 1;"
    "CREATE TABLE IF NOT EXISTS off_due(relay TEXT PRIMARY KEY, boot TEXT NOT NULL, mono_ns INTEGER NOT NULL,"
    " wall_ns INTEGER NOT NULL);";

struct PtEventlog {
	char *path, *boot;
	int64_t keep_ns;
	uint64_t keep_rows, last_id;
	bool damaged; /* at the start: it was put aside */
	PtJournal *journal;
	GThread *thread;

	/* writing thread */
	sqlite3 *db;
	sqlite3_stmt *insert, *note, *unnote;
	bool failed; /* a record of this batch */
	int64_t pruned_ns;

	GMutex lock;
	GCond wake, settled;
	/* under lock */
	GQueue pending;      /* of PtEvent *: appended, not known to be in the database */
	GHashTable *off_due; /* relay -> int64_t *, monotonic */
	unsigned notes_waiting;
	bool quit, hurry;
	PtEventlogCounters counters;
	GPtrArray *readers; /* of sqlite3 *, idle */
};

/* ---- records of the journal ---- */

static void put_text(PtBuf *b, const char *text) {
	size_t n = text ? strlen(text) : NO_TEXT;
	pt_buf_u16(b, (uint16_t)n);
	if (text)
		pt_buf_put(b, text, n);
}

static char *get_text(PtBytes *b) {
	uint16_t n = pt_bytes_u16(b);
	const uint8_t *p = n == NO_TEXT ? NULL : pt_bytes_take(b, n);
	return p ? g_strndup((const char *)p, n) : NULL;
}

static void event_record(PtBuf *b, const PtEvent *e) {
	pt_buf_u8(b, RECORD_EVENT);
	pt_buf_u64(b, e->id);
	pt_buf_u64(b, (uint64_t)e->wall_ns);
	pt_buf_u64(b, (uint64_t)e->mono_ns);
	pt_buf_u64(b, (uint64_t)e->noticed_ns);
	pt_buf_u8(b, (uint8_t)(e->late | e->initial << 1 | e->past << 2));
	put_text(b, e->source);
	put_text(b, e->topic);
	put_text(b, e->state);
	put_text(b, e->actor);
	put_text(b, e->detail);
}

static void bind_text(sqlite3_stmt *s, int i, const char *text) { sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT); }

static bool store_event(PtEventlog *log, PtBytes *b) {
	for (int i = 1; i <= 4; i++)
		sqlite3_bind_int64(log->insert, i, (int64_t)pt_bytes_u64(b));
	sqlite3_bind_int(log->insert, 10, pt_bytes_u8(b));
	for (int i = 5; i <= 9; i++) {
		g_autofree char *text = get_text(b);
		bind_text(log->insert, i, text);
	}
	return pt_db_run(log->insert);
}

static bool store_note(PtEventlog *log, PtBytes *b) {
	int64_t mono = (int64_t)pt_bytes_u64(b), wall = (int64_t)pt_bytes_u64(b);
	g_autofree char *boot = get_text(b), *relay = get_text(b);
	sqlite3_stmt *s = mono < 0 ? log->unnote : log->note;
	bind_text(s, 1, relay);
	if (mono >= 0) {
		bind_text(s, 2, boot);
		sqlite3_bind_int64(s, 3, mono);
		sqlite3_bind_int64(s, 4, wall);
	}
	return pt_db_run(s);
}

static void store(void *user, const uint8_t *data, size_t size) {
	PtEventlog *log = user;
	PtBytes b = pt_bytes(data, size);
	uint8_t kind = pt_bytes_u8(&b);
	if (!log->failed)
		log->failed = !(kind == RECORD_EVENT  ? store_event(log, &b)
		                : kind == RECORD_NOTE ? store_note(log, &b)
		                                      : true);
}

/* ---- the database ---- */

static sqlite3 *open_db(const char *path, bool write, GError **error) {
	sqlite3 *db = NULL;
	int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	/* FULL: a commit is on the disk when it returns, so that a power cut costs what was not committed, a second at most
	 */
	const char *setup = write ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000"
	                          : "PRAGMA busy_timeout=2000; PRAGMA query_only=1";
	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, setup, NULL, NULL, NULL) != SQLITE_OK ||
	    (write && sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)) {
		g_set_error(error, PT_ERROR, pt_db_is_damaged(db) ? PT_ERROR_INVALID : PT_ERROR_DISK, "event log %s: %s",
		            path, db ? sqlite3_errmsg(db) : "out of memory");
		sqlite3_close(db);
		return NULL;
	}
	return db;
}

/* At the start a look at the newest of it, where the next ones go: damage shows only when somebody reads there. */
static sqlite3 *open_whole(const char *path, GError **error) {
	sqlite3 *db = open_db(path, true, error);
	sqlite3_stmt *st = NULL;
	bool whole =
	    db &&
	    sqlite3_prepare_v2(db, "SELECT sum(length(source)) FROM (SELECT source FROM event ORDER BY id DESC LIMIT 20000)",
	                       -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	if (!db || whole)
		return db;
	pt_error_set(error, INVALID, "event log %s: %s", path, sqlite3_errmsg(db));
	sqlite3_close(db);
	return NULL;
}

/* A damaged log is kept under another name, and a new one begun: recording and relays do not wait for it to be mended. */
static sqlite3 *open_or_begin(const char *path, bool *ret_damaged, GError **error) {
	g_autoptr(GError) why = NULL;
	sqlite3 *db = open_whole(path, &why);
	if (!db && g_error_matches(why, PT_ERROR, PT_ERROR_INVALID) && pt_db_put_aside(path, NULL)) {
		*ret_damaged = true;
		return open_whole(path, error);
	}
	if (!db)
		g_propagate_error(error, g_steal_pointer(&why));
	return db;
}

static gboolean prepare(PtEventlog *log, GError **error) {
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} all[] = {
	    {&log->insert,
	     "INSERT OR IGNORE INTO event(id, wall_ns, mono_ns, noticed_ns, source, topic, state, actor, detail, flags)"
	     " VALUES(?,?,?,?,?,?,?,?,?,?)"},
	    {&log->note, "INSERT OR REPLACE INTO off_due(relay, boot, mono_ns, wall_ns) VALUES(?,?,?,?)"},
	    {&log->unnote, "DELETE FROM off_due WHERE relay = ?"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (sqlite3_prepare_v2(log->db, all[i].sql, -1, all[i].statement, NULL) != SQLITE_OK) {
			pt_error_set(error, DISK, "event log %s: %s", log->path, sqlite3_errmsg(log->db));
			return FALSE;
		}
	return TRUE;
}

static void prune(PtEventlog *log) {
	int64_t now = pt_mono_ns(pt_clock_system());
	if (log->pruned_ns && now - log->pruned_ns < PRUNE_NS)
		return;
	log->pruned_ns = now;
	char sql[300];
	if (log->keep_ns) { /* at most so many at a time: no commit becomes long */
		g_snprintf(sql, sizeof sql,
		           "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE wall_ns < %" G_GINT64_FORMAT
		           " LIMIT 20000)",
		           pt_wall_ns(pt_clock_system()) - log->keep_ns);
		sqlite3_exec(log->db, sql, NULL, NULL, NULL);
	}
	if (log->keep_rows) {
		g_snprintf(
		    sql, sizeof sql,
		    "DELETE FROM event WHERE id <= (SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET %" G_GUINT64_FORMAT
		    ")",
		    log->keep_rows);
		sqlite3_exec(log->db, sql, NULL, NULL, NULL);
	}
}

/* Everything that stands in the journal into the database. FALSE: nothing of it, for now. */
static bool drain(PtEventlog *log) {
	log->failed = false;
	bool ok = sqlite3_exec(log->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
	if (ok) {
		pt_journal_take(log->journal, store, log);
		ok = !log->failed && sqlite3_exec(log->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
	}
	char problem[sizeof log->counters.error] = "";
	if (ok) {
		pt_journal_done(log->journal);
		prune(log);
	} else {
		g_strlcpy(problem, sqlite3_errmsg(log->db), sizeof problem);
		sqlite3_exec(log->db, "ROLLBACK", NULL, NULL, NULL);
	}
	g_mutex_lock(&log->lock);
	g_strlcpy(log->counters.error, problem, sizeof log->counters.error);
	g_mutex_unlock(&log->lock);
	return ok;
}

static void *log_thread(void *data) {
	PtEventlog *log = data;
	g_mutex_lock(&log->lock);
	while (true) {
		while (!log->quit && !log->pending.length && !log->notes_waiting)
			g_cond_wait(&log->wake, &log->lock);
		if (log->quit && !log->pending.length && !log->notes_waiting)
			break;
		int64_t until = g_get_monotonic_time() + GATHER_US;
		while (!log->quit && !log->hurry && g_cond_wait_until(&log->wake, &log->lock, until))
			;
		unsigned events = log->pending.length, notes = log->notes_waiting;
		g_mutex_unlock(&log->lock);
		bool ok = drain(log);
		g_mutex_lock(&log->lock);
		if (ok) {
			while (events--)
				pt_event_unref(g_queue_pop_head(&log->pending));
			log->notes_waiting -= notes;
			if (!log->pending.length && !log->notes_waiting)
				log->hurry = false;
			g_cond_broadcast(&log->settled);
			continue;
		}
		if (log->quit)
			break; /* it stays in the journal */
		until = g_get_monotonic_time() + RETRY_US;
		while (!log->quit && g_cond_wait_until(&log->wake, &log->lock, until))
			;
	}
	g_mutex_unlock(&log->lock);
	return NULL;
}

/* ---- start and end ---- */

static void load_start(PtEventlog *log) {
	sqlite3_stmt *s;
	int64_t mono_now = pt_mono_ns(pt_clock_system()), wall_now = pt_wall_ns(pt_clock_system());
	if (sqlite3_prepare_v2(log->db, "SELECT ifnull(max(id), 0) FROM event", -1, &s, NULL) == SQLITE_OK) {
		if (sqlite3_step(s) == SQLITE_ROW)
			log->last_id = (uint64_t)sqlite3_column_int64(s, 0);
		sqlite3_finalize(s);
	}
	if (sqlite3_prepare_v2(log->db, "SELECT relay, boot, mono_ns, wall_ns FROM off_due", -1, &s, NULL) != SQLITE_OK)
		return;
	while (sqlite3_step(s) == SQLITE_ROW) {
		/* another boot's monotonic clock says nothing here: the wall clock has to do */
		bool same_boot = !g_strcmp0((const char *)sqlite3_column_text(s, 1), log->boot);
		int64_t due = same_boot ? sqlite3_column_int64(s, 2) : mono_now + sqlite3_column_int64(s, 3) - wall_now;
		due = MAX(due, 0);
		g_hash_table_replace(log->off_due, g_strdup((const char *)sqlite3_column_text(s, 0)),
		                     g_memdup2(&due, sizeof due));
	}
	sqlite3_finalize(s);
}

PtEventlog *pt_eventlog_new(const PtEventlogSettings *settings, GError **error) {
	PtEventlog *log = g_new0(PtEventlog, 1);
	log->path = g_strdup(settings->path);
	log->keep_ns = settings->keep_ns;
	log->keep_rows = settings->keep_rows;
	g_mutex_init(&log->lock);
	g_cond_init(&log->wake);
	g_cond_init(&log->settled);
	g_queue_init(&log->pending);
	log->off_due = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	log->readers = g_ptr_array_new();
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &log->boot, NULL, NULL))
		log->boot = g_strdup("");
	g_strchomp(log->boot);
	log->db = open_or_begin(log->path, &log->damaged, error);
	if (!log->db || !prepare(log, error) || !(log->journal = pt_journal_open(settings->journal_dir, error))) {
		pt_eventlog_free(log);
		return NULL;
	}
	if (!pt_journal_empty(log->journal) && !drain(log)) {
		pt_error_set(error, DISK, "event log %s: %s", log->path, log->counters.error);
		pt_eventlog_free(log);
		return NULL;
	}
	load_start(log);
	log->thread = g_thread_new("eventlog", log_thread, log);
	return log;
}

bool pt_eventlog_was_damaged(const PtEventlog *log) { return log->damaged; }

void pt_eventlog_free(PtEventlog *log) {
	if (!log)
		return;
	g_mutex_lock(&log->lock);
	log->quit = true;
	g_cond_broadcast(&log->wake);
	g_mutex_unlock(&log->lock);
	if (log->thread)
		g_thread_join(log->thread);
	/* once more: the half that was appended to is emptied as well, and nothing is left behind */
	if (log->thread && !log->pending.length && !pt_journal_empty(log->journal))
		drain(log);
	sqlite3_finalize(log->insert);
	sqlite3_finalize(log->note);
	sqlite3_finalize(log->unnote);
	sqlite3_close(log->db);
	for (guint i = 0; i < log->readers->len; i++)
		sqlite3_close(log->readers->pdata[i]);
	g_ptr_array_unref(log->readers);
	pt_journal_close(log->journal);
	g_queue_clear_full(&log->pending, (GDestroyNotify)pt_event_unref);
	g_hash_table_unref(log->off_due);
	g_mutex_clear(&log->lock);
	g_cond_clear(&log->wake);
	g_cond_clear(&log->settled);
	g_free(log->path);
	g_free(log->boot);
	g_free(log);
}

/* ---- appending ---- */

gboolean pt_eventlog_append(PtEventlog *log, PtEvent *event, bool must, GError **error) {
	PtBuf b = {0};
	event_record(&b, event);
	g_mutex_lock(&log->lock);
	gboolean ok = pt_journal_append(log->journal, b.data, b.size, must, error);
	if (ok) {
		g_queue_push_tail(&log->pending, pt_event_ref(event));
		log->counters.appended++;
		if (log->pending.length == 1)
			g_cond_signal(&log->wake);
	} else {
		log->counters.dropped++;
	}
	g_mutex_unlock(&log->lock);
	pt_buf_clear(&b);
	return ok;
}

gboolean pt_eventlog_note_off(PtEventlog *log, const char *relay, int64_t due_mono_ns, GError **error) {
	PtBuf b = {0};
	int64_t wall = pt_wall_ns(pt_clock_system()) + due_mono_ns - pt_mono_ns(pt_clock_system());
	pt_buf_u8(&b, RECORD_NOTE);
	pt_buf_u64(&b, (uint64_t)due_mono_ns);
	pt_buf_u64(&b, (uint64_t)wall);
	put_text(&b, log->boot);
	put_text(&b, relay);
	g_mutex_lock(&log->lock);
	gboolean ok = pt_journal_append(log->journal, b.data, b.size, true, error);
	if (ok) {
		log->notes_waiting++;
		if (due_mono_ns < 0)
			g_hash_table_remove(log->off_due, relay);
		else
			g_hash_table_replace(log->off_due, g_strdup(relay), g_memdup2(&due_mono_ns, sizeof due_mono_ns));
		g_cond_signal(&log->wake);
	}
	g_mutex_unlock(&log->lock);
	pt_buf_clear(&b);
	return ok;
}

int64_t pt_eventlog_off_due(PtEventlog *log, const char *relay) {
	g_mutex_lock(&log->lock);
	const int64_t *due = g_hash_table_lookup(log->off_due, relay);
	int64_t value = due ? *due : -1;
	g_mutex_unlock(&log->lock);
	return value;
}

gboolean pt_eventlog_flush(PtEventlog *log, int64_t timeout_ns) {
	int64_t until = g_get_monotonic_time() + timeout_ns / 1000;
	g_mutex_lock(&log->lock);
	bool in_time = true;
	log->hurry = true;
	g_cond_broadcast(&log->wake);
	while (in_time && (log->pending.length || log->notes_waiting))
		in_time = g_cond_wait_until(&log->settled, &log->lock, until);
	log->hurry = false;
	gboolean done = !log->pending.length && !log->notes_waiting;
	g_mutex_unlock(&log->lock);
	return done;
}

/* By a connection of its own: the writing thread's waits for it, and it for that. */
gboolean pt_eventlog_shift(PtEventlog *log, int64_t from_ns, int64_t less_mono_ns, int64_t by_ns, GError **error) {
	static const char sql[] = "UPDATE event SET wall_ns = wall_ns + ?3 WHERE wall_ns >= ?1 AND mono_ns"
	                          " AND abs(wall_ns - mono_ns - ?2) < ?4";
	if (!pt_eventlog_flush(log, FLUSH_NS)) {
		pt_error_set(error, BUSY, "event log %s: the disk is behind", log->path);
		return FALSE;
	}
	sqlite3 *db = open_db(log->path, true, error);
	sqlite3_stmt *s = NULL;
	bool ok = db && sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK;
	const int64_t values[] = {from_ns, less_mono_ns, by_ns, BY_ONE_CLOCK_NS};
	for (int i = 0; ok && i < (int)G_N_ELEMENTS(values); i++)
		sqlite3_bind_int64(s, i + 1, values[i]);
	ok = ok && pt_db_run(s);
	if (db && !ok)
		pt_error_set(error, DISK, "event log %s: %s", log->path, sqlite3_errmsg(db));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return ok;
}

uint64_t pt_eventlog_last_id(PtEventlog *log) { return log->last_id; }

void pt_eventlog_counters(PtEventlog *log, PtEventlogCounters *ret) {
	g_mutex_lock(&log->lock);
	*ret = log->counters;
	ret->waiting = log->pending.length + log->notes_waiting;
	g_mutex_unlock(&log->lock);
}

/* ---- asking ---- */

static bool source_matches(const char *wanted, const char *source) {
	return g_str_has_suffix(wanted, "/") ? g_str_has_prefix(source, wanted) : !strcmp(wanted, source);
}

static bool matches(const PtEventlogQuery *q, const PtEvent *e) {
	return (!q->since_ns || e->wall_ns >= q->since_ns) && (!q->until_ns || e->wall_ns < q->until_ns) &&
	       (!q->told_ns || (e->late && pt_event_told_ns(e) >= q->told_ns)) &&
	       (!q->topic || !strcmp(q->topic, e->topic)) && (!q->source || source_matches(q->source, e->source)) &&
	       (!q->before_id || (q->oldest_first ? e->id > q->before_id : e->id < q->before_id));
}

static sqlite3 *reader_get(PtEventlog *log, GError **error) {
	g_mutex_lock(&log->lock);
	sqlite3 *db = log->readers->len ? g_ptr_array_steal_index_fast(log->readers, 0) : NULL;
	g_mutex_unlock(&log->lock);
	return db ? db : open_db(log->path, false, error);
}

static void reader_put(PtEventlog *log, sqlite3 *db) {
	g_mutex_lock(&log->lock);
	bool keep = log->readers->len < READERS;
	if (keep)
		g_ptr_array_add(log->readers, db);
	g_mutex_unlock(&log->lock);
	if (!keep)
		sqlite3_close(db);
}

static PtEvent *row_event(sqlite3_stmt *s) {
	PtEvent what = {
	    .id = (uint64_t)sqlite3_column_int64(s, 0),
	    .wall_ns = sqlite3_column_int64(s, 1),
	    .mono_ns = sqlite3_column_int64(s, 2),
	    .noticed_ns = sqlite3_column_int64(s, 3),
	    .source = (const char *)sqlite3_column_text(s, 4),
	    .topic = (const char *)sqlite3_column_text(s, 5),
	    .state = (const char *)sqlite3_column_text(s, 6),
	    .actor = (const char *)sqlite3_column_text(s, 7),
	    .detail = (const char *)sqlite3_column_text(s, 8),
	    .late = sqlite3_column_int(s, 9) & 1,
	    .initial = sqlite3_column_int(s, 9) >> 1 & 1,
	    .past = sqlite3_column_int(s, 9) >> 2 & 1,
	};
	return pt_event_new(&what);
}

static void bind_named(sqlite3_stmt *s, const char *name, const char *text, int64_t number) {
	int i = sqlite3_bind_parameter_index(s, name);
	if (i && text)
		bind_text(s, i, text);
	else if (i)
		sqlite3_bind_int64(s, i, number);
}

static bool select_rows(sqlite3 *db, const PtEventlogQuery *q, unsigned limit, GPtrArray *out) {
	g_autoptr(GString) sql =
	    g_string_new("SELECT id, wall_ns, mono_ns, noticed_ns, source, topic, state, actor, detail, flags"
	                 " FROM event WHERE 1");
	bool kind = q->source && g_str_has_suffix(q->source, "/");
	g_string_append(sql, q->since_ns ? " AND wall_ns >= :since" : "");
	g_string_append(sql, q->until_ns ? " AND wall_ns < :until" : "");
	g_string_append(sql, q->told_ns ? " AND flags & 1 AND " TOLD " >= :told" : "");
	g_string_append(sql, q->topic ? " AND topic = :topic" : "");
	/* '0' follows '/' in ASCII: all sources that begin with "input/" */
	g_string_append(sql, kind ? " AND source >= :source AND source < :end" : q->source ? " AND source = :source" : "");
	g_string_append(sql, !q->before_id ? "" : q->oldest_first ? " AND id > :cursor" : " AND id < :cursor");
	g_string_append_printf(sql, " ORDER BY id %s LIMIT %u", q->oldest_first ? "ASC" : "DESC", limit);
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(db, sql->str, -1, &s, NULL) != SQLITE_OK)
		return false;
	g_autofree char *end = kind ? g_strdup(q->source) : NULL;
	if (end)
		end[strlen(end) - 1] = '0';
	bind_named(s, ":since", NULL, q->since_ns);
	bind_named(s, ":until", NULL, q->until_ns);
	bind_named(s, ":told", NULL, q->told_ns);
	bind_named(s, ":topic", q->topic, 0);
	bind_named(s, ":source", q->source, 0);
	bind_named(s, ":end", end, 0);
	bind_named(s, ":cursor", NULL, (int64_t)q->before_id);
	int r;
	while ((r = sqlite3_step(s)) == SQLITE_ROW)
		g_ptr_array_add(out, row_event(s));
	sqlite3_finalize(s);
	return r == SQLITE_DONE;
}

static int by_id(const void *a, const void *b) {
	uint64_t x = (*(PtEvent *const *)a)->id, y = (*(PtEvent *const *)b)->id;
	return x < y ? -1 : x > y;
}

static int by_id_down(const void *a, const void *b) { return by_id(b, a); }

GPtrArray *pt_eventlog_query(PtEventlog *log, const PtEventlogQuery *q, GError **error) {
	unsigned limit = CLAMP(q->limit ? q->limit : 200, 1, LIMIT_MAX);
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func((GDestroyNotify)pt_event_unref);
	/* what waits is looked at first: it may reach the database meanwhile and is then met twice, but never missed */
	g_mutex_lock(&log->lock);
	for (GList *l = log->pending.head; l; l = l->next)
		if (matches(q, l->data))
			g_ptr_array_add(out, pt_event_ref(l->data));
	g_mutex_unlock(&log->lock);
	sqlite3 *db = reader_get(log, error);
	if (!db)
		return NULL;
	if (!select_rows(db, q, limit, out)) {
		pt_error_set(error, DISK, "event log %s: %s", log->path, sqlite3_errmsg(db));
		sqlite3_close(db);
		return NULL;
	}
	reader_put(log, db);
	g_ptr_array_sort(out, q->oldest_first ? by_id : by_id_down);
	for (guint i = 1; i < out->len;)
		if (((PtEvent *)out->pdata[i])->id == ((PtEvent *)out->pdata[i - 1])->id)
			g_ptr_array_remove_index(out, i);
		else
			i++;
	if (out->len > limit)
		g_ptr_array_set_size(out, (int)limit);
	return g_steal_pointer(&out);
}
