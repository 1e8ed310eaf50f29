/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/queue.h"
#include "base/db.h"
#include <sqlite3.h>

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;"
    "CREATE TABLE IF NOT EXISTS message(row INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS last(one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL);";

enum { PUT, DONE, LAST, AFTER, COUNT, LAST_ID, OLDEST, STATEMENTS };
static const char *const sql[STATEMENTS] = {
    [PUT] = "INSERT INTO message(topic, payload) VALUES(?, ?)",
    [DONE] = "DELETE FROM message WHERE row = ?",
    [LAST] = "INSERT INTO last(one, id) VALUES(1, ?1) ON CONFLICT(one) DO UPDATE SET id = max(id, ?1)",
    [AFTER] = "SELECT row, topic, payload FROM message WHERE row > ? ORDER BY row LIMIT ?",
    [COUNT] = "SELECT count(*) FROM message",
    [LAST_ID] = "SELECT id FROM last",
    [OLDEST] = "SELECT min(row) FROM message",
};

struct PtMqttQueue {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t length;
	uint64_t last_id, dropped;
	bool failed; /* since begin */
};

static void count(PtMqttQueue *q) {
	q->length = pt_db_number(q->statements[COUNT], 0);
	q->last_id = (uint64_t)pt_db_number(q->statements[LAST_ID], 0);
}

PtMqttQueue *pt_mqtt_queue_open(const char *path, GError **error) {
	PtMqttQueue *q = g_new0(PtMqttQueue, 1);
	q->db = pt_db_open(path, "the queue of MQTT messages", schema, sql, STATEMENTS, q->statements, error);
	if (!q->db) {
		g_free(q);
		return NULL;
	}
	count(q);
	return q;
}

void pt_mqtt_queue_free(PtMqttQueue *q) {
	if (!q)
		return;
	pt_db_close(q->db, q->statements, STATEMENTS);
	g_free(q);
}

void pt_mqtt_queue_begin(PtMqttQueue *q) { q->failed = sqlite3_exec(q->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK; }

bool pt_mqtt_queue_commit(PtMqttQueue *q) {
	bool ok = sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK && !q->failed;
	if (ok)
		return true;
	sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
	count(q);
	return false;
}

static bool run(PtMqttQueue *q, int which) {
	bool ok = pt_db_run(q->statements[which]);
	q->failed |= !ok;
	return ok;
}

bool pt_mqtt_queue_put(PtMqttQueue *q, uint64_t id, const char *topic, const char *payload) {
	sqlite3_bind_text(q->statements[PUT], 1, topic, -1, SQLITE_STATIC);
	sqlite3_bind_text(q->statements[PUT], 2, payload, -1, SQLITE_STATIC);
	bool ok = run(q, PUT);
	q->length += ok;
	if (id > q->last_id) {
		sqlite3_bind_int64(q->statements[LAST], 1, (int64_t)id);
		ok &= run(q, LAST);
		q->last_id = id;
	}
	if (q->length > PT_MQTT_QUEUE_MAX) {
		pt_mqtt_queue_done(q, pt_db_number(q->statements[OLDEST], 0));
		q->dropped++;
	}
	return ok;
}

void pt_mqtt_queue_done(PtMqttQueue *q, int64_t row) {
	sqlite3_bind_int64(q->statements[DONE], 1, row);
	if (run(q, DONE))
		q->length -= sqlite3_changes(q->db);
}

static void queued_free(void *data) {
	PtMqttQueued *m = data;
	g_free(m->topic);
	g_free(m->payload);
	g_free(m);
}

GPtrArray *pt_mqtt_queue_after(PtMqttQueue *q, int64_t row, unsigned n) {
	GPtrArray *list = g_ptr_array_new_with_free_func(queued_free);
	sqlite3_stmt *after = q->statements[AFTER];
	sqlite3_bind_int64(after, 1, row);
	sqlite3_bind_int64(after, 2, n);
	while (sqlite3_step(after) == SQLITE_ROW) {
		PtMqttQueued *m = g_new0(PtMqttQueued, 1);
		*m = (PtMqttQueued){sqlite3_column_int64(after, 0), g_strdup((const char *)sqlite3_column_text(after, 1)),
		                    g_strdup((const char *)sqlite3_column_text(after, 2))};
		g_ptr_array_add(list, m);
	}
	sqlite3_reset(after);
	return list;
}

uint64_t pt_mqtt_queue_last_id(PtMqttQueue *q) { return q->last_id; }
int64_t pt_mqtt_queue_length(const PtMqttQueue *q) { return q->length; }
uint64_t pt_mqtt_queue_dropped(const PtMqttQueue *q) { return q->dropped; }
