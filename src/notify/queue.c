/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/queue.h"
#include "base/db.h"
#include <sqlite3.h>
#include <string.h>

#define COLUMNS                                                                                                             \
	"row, target, title, text, actor, event, camera, code, link, alike, reason, zone, priority, tries, count, "         \
	"sequence, "                                                                                                        \
	"wall_ns, due_ns, expires_ns, made_ns"

/* A clock that was set back must not leave anything waiting for years: nothing is due later than a day and an hour. */
#define DUE_MAX_NS (INT64_C(90000) * 1000000000)

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304;"
    "CREATE TABLE IF NOT EXISTS message(row INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, title TEXT NOT NULL,"
    " text TEXT NOT NULL, actor TEXT, event TEXT, camera TEXT, code TEXT, link TEXT, alike TEXT, reason TEXT, zone INTEGER "
    "NOT NULL,"
    " priority INTEGER NOT NULL, tries INTEGER NOT NULL, count INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " wall_ns INTEGER NOT NULL, due_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL, made_ns INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS message_by_target ON message(target, row);"
    "CREATE TABLE IF NOT EXISTS sequence(target TEXT PRIMARY KEY, last INTEGER NOT NULL);";

enum { PUT, COUNT_ON, SEQUENCE, JOIN, DUE, TARGETS, NEXT, SET, WAKE, DONE, NEWEST, SHIFT, COUNT_OF, LEAST, STATEMENTS };
static const char *const sql[STATEMENTS] = {
    [PUT] = "INSERT INTO message(target, title, text, actor, event, camera, code, link, alike, zone, priority, tries, "
            "count, sequence, wall_ns, due_ns, expires_ns, made_ns) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, "
            "?12, (SELECT last FROM sequence WHERE target = ?1), ?13, ?14, ?15, ?16)",
    [SEQUENCE] = "INSERT INTO sequence(target, last) VALUES(?1, 1) ON CONFLICT(target) DO UPDATE SET last = last % 9999 + 1",
    [COUNT_ON] = "SELECT count(*) FROM message",
    [JOIN] = "UPDATE message SET count = count + 1 WHERE row = (SELECT row FROM message WHERE target = ? AND alike = ? AND "
             "tries = 0 ORDER BY row LIMIT 1)",
    [DUE] = "SELECT " COLUMNS " FROM message WHERE target = ?1 AND (due_ns <= ?2 OR due_ns > ?3) AND (NOT ?4 OR row = "
            "(SELECT min(row) FROM message WHERE target = ?1)) ORDER BY row LIMIT 1",
    [TARGETS] = "SELECT DISTINCT target FROM message",
    [NEXT] = "SELECT min(due_ns) FROM message WHERE target = ?",
    [SET] = "UPDATE message SET due_ns = ?2, tries = ?3, reason = ?4 WHERE row = ?1",
    [WAKE] = "UPDATE message SET due_ns = ?2 WHERE target = ?1 AND tries > 0 AND due_ns > ?2",
    [DONE] = "DELETE FROM message WHERE row = ?",
    [COUNT_OF] = "SELECT count(*) FROM message WHERE target = ?",
    [LEAST] = "SELECT " COLUMNS " FROM message WHERE target = ? AND priority < 5 ORDER BY tries, row LIMIT 1",
    [NEWEST] = "SELECT max(row) FROM message",
    [SHIFT] = "UPDATE message SET expires_ns = expires_ns + ?2, due_ns = due_ns + min(?2, 0) WHERE row > ?1",
};

struct PtNotifyQueue {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t length;
	int64_t found_row; /* the newest that was there at the beginning */
};

void pt_queued_free(PtQueued *m) {
	if (!m)
		return;
	char *strings[] = {m->target, m->title, m->text, m->actor, m->event,
	                   m->camera, m->code,  m->link, m->like,  m->reason};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_free(m);
}

char *pt_queued_text(const PtQueued *m) {
	return m->count > 1 ? g_strdup_printf("%s (%" G_GINT64_FORMAT " times)", m->text, m->count) : g_strdup(m->text);
}

static sqlite3_stmt *text(sqlite3_stmt *s, int at, const char *value) {
	sqlite3_bind_text(s, at, value, -1, SQLITE_STATIC);
	return s;
}

static sqlite3_stmt *number(sqlite3_stmt *s, int at, int64_t value) {
	sqlite3_bind_int64(s, at, value);
	return s;
}

PtNotifyQueue *pt_notify_queue_open(const char *path, GError **error) {
	PtNotifyQueue *q = g_new0(PtNotifyQueue, 1);
	q->db = pt_db_open(path, "the queue of messages", schema, sql, STATEMENTS, q->statements, error);
	if (!q->db) {
		g_free(q);
		return NULL;
	}
	q->length = pt_db_number(q->statements[COUNT_ON], 0);
	q->found_row = pt_db_number(q->statements[NEWEST], 0);
	return q;
}

void pt_notify_queue_free(PtNotifyQueue *q) {
	if (!q)
		return;
	pt_db_close(q->db, q->statements, STATEMENTS);
	g_free(q);
}

bool pt_notify_queue_put(PtNotifyQueue *q, const PtQueued *m) {
	sqlite3_stmt *s = q->statements[PUT];
	const char *const texts[] = {m->target, m->title, m->text, m->actor, m->event, m->camera, m->code, m->link, m->like};
	const int64_t numbers[] = {m->zone, m->priority, m->count, m->wall_ns, m->due_ns, m->expires_ns, m->made_ns};
	if (!pt_db_run(text(q->statements[SEQUENCE], 1, m->target)))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		text(s, (int)i + 1, texts[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		number(s, (int)(G_N_ELEMENTS(texts) + i) + 1, numbers[i]);
	bool ok = pt_db_run(s);
	q->length += ok;
	return ok;
}

bool pt_notify_queue_join(PtNotifyQueue *q, const char *target, const char *like) {
	return pt_db_run(text(text(q->statements[JOIN], 1, target), 2, like)) && sqlite3_changes(q->db) > 0;
}

/* The first of them, NULL: none. */
static PtQueued *take(sqlite3_stmt *s) {
	PtQueued *m = NULL;
	if (sqlite3_step(s) == SQLITE_ROW) {
		m = g_new0(PtQueued, 1);
		char **texts[] = {&m->target, &m->title, &m->text, &m->actor, &m->event,
		                  &m->camera, &m->code,  &m->link, &m->like,  &m->reason};
		int64_t *numbers[] = {&m->zone,    &m->priority, &m->tries,      &m->count,  &m->sequence,
		                      &m->wall_ns, &m->due_ns,   &m->expires_ns, &m->made_ns};
		int at = 0;
		m->row = sqlite3_column_int64(s, at++);
		for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
			*texts[i] = g_strdup((const char *)sqlite3_column_text(s, at++));
		for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
			*numbers[i] = sqlite3_column_int64(s, at++);
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return m;
}

PtQueued *pt_notify_queue_due(PtNotifyQueue *q, const char *target, bool in_order, int64_t now_ns) {
	sqlite3_stmt *s = text(q->statements[DUE], 1, target);
	return take(number(number(number(s, 2, now_ns), 3, now_ns + DUE_MAX_NS), 4, in_order));
}

PtQueued *pt_notify_queue_least(PtNotifyQueue *q, const char *target) { return take(text(q->statements[LEAST], 1, target)); }

int64_t pt_notify_queue_length_of(PtNotifyQueue *q, const char *target) {
	return pt_db_number(text(q->statements[COUNT_OF], 1, target), 0);
}

GPtrArray *pt_notify_queue_targets(PtNotifyQueue *q) {
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	sqlite3_stmt *s = q->statements[TARGETS];
	while (sqlite3_step(s) == SQLITE_ROW)
		g_ptr_array_add(list, g_strdup((const char *)sqlite3_column_text(s, 0)));
	sqlite3_reset(s);
	return list;
}

int64_t pt_notify_queue_next_ns(PtNotifyQueue *q, const char *target) {
	return pt_db_number(text(q->statements[NEXT], 1, target), G_MAXINT64);
}

bool pt_notify_queue_set(PtNotifyQueue *q, int64_t row, int64_t due_ns, int64_t tries, const char *reason) {
	return pt_db_run(text(number(number(number(q->statements[SET], 1, row), 2, due_ns), 3, tries), 4, reason));
}

void pt_notify_queue_wake(PtNotifyQueue *q, const char *target, int64_t now_ns) {
	pt_db_run(number(text(q->statements[WAKE], 1, target), 2, now_ns));
}

void pt_notify_queue_shift(PtNotifyQueue *q, int64_t step_ns) {
	pt_db_run(number(number(q->statements[SHIFT], 1, q->found_row), 2, step_ns));
}

void pt_notify_queue_done(PtNotifyQueue *q, int64_t row) {
	if (pt_db_run(number(q->statements[DONE], 1, row)))
		q->length -= sqlite3_changes(q->db);
}

int64_t pt_notify_queue_length(const PtNotifyQueue *q) { return q->length; }
