/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/queue.h"
#include "base/error.h"
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;"
    "CREATE TABLE IF NOT EXISTS message(row INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS last(one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL);";

struct PtMqttQueue {
	sqlite3 *db;
	sqlite3_stmt *put, *done, *last, *after;
	int64_t length;
	uint64_t last_id, dropped;
	bool failed; /* since begin */
};

static int64_t number(sqlite3 *db, const char *sql) {
	sqlite3_stmt *s;
	int64_t n = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static bool open_db(PtMqttQueue *q, const char *path) {
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} statements[] = {
	    {&q->put, "INSERT INTO message(topic, payload) VALUES(?, ?)"},
	    {&q->done, "DELETE FROM message WHERE row = ?"},
	    {&q->last, "INSERT INTO last(one, id) VALUES(1, ?1) ON CONFLICT(one) DO UPDATE SET id = max(id, ?1)"},
	    {&q->after, "SELECT row, topic, payload FROM message WHERE row > ? ORDER BY row LIMIT ?"},
	};
	if (sqlite3_open(path, &q->db) != SQLITE_OK || sqlite3_exec(q->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(statements); i++)
		if (sqlite3_prepare_v2(q->db, statements[i].sql, -1, statements[i].statement, NULL) != SQLITE_OK)
			return false;
	q->length = number(q->db, "SELECT count(*) FROM message");
	q->last_id = (uint64_t)number(q->db, "SELECT id FROM last");
	return true;
}

static void close_db(PtMqttQueue *q) {
	sqlite3_stmt **statements[] = {&q->put, &q->done, &q->last, &q->after};
	for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
		sqlite3_finalize(*statements[i]);
		*statements[i] = NULL;
	}
	sqlite3_close(q->db);
	q->db = NULL;
}

PtMqttQueue *pt_mqtt_queue_open(const char *path, GError **error) {
	PtMqttQueue *q = g_new0(PtMqttQueue, 1);
	if (open_db(q, path))
		return q;
	int code = q->db ? sqlite3_errcode(q->db) : SQLITE_NOMEM;
	g_autofree char *why = g_strdup(q->db ? sqlite3_errmsg(q->db) : "out of memory");
	close_db(q);
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
		g_autofree char *aside = g_strconcat(path, ".damaged", NULL), *wal = g_strconcat(path, "-wal", NULL);
		fprintf(stderr, "mqtt: what was to be sent could not be read (%s): it was put aside as %s\n", why, aside);
		rename(path, aside);
		remove(wal);
		if (open_db(q, path))
			return q;
		close_db(q);
	}
	pt_error_set(error, DISK, "the queue of MQTT messages %s: %s", path, why);
	g_free(q);
	return NULL;
}

void pt_mqtt_queue_free(PtMqttQueue *q) {
	if (!q)
		return;
	close_db(q);
	g_free(q);
}

void pt_mqtt_queue_begin(PtMqttQueue *q) { q->failed = sqlite3_exec(q->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK; }

bool pt_mqtt_queue_commit(PtMqttQueue *q) {
	bool ok = sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK && !q->failed;
	if (ok)
		return true;
	sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
	q->length = number(q->db, "SELECT count(*) FROM message");
	q->last_id = (uint64_t)number(q->db, "SELECT id FROM last");
	return false;
}

static bool run(PtMqttQueue *q, sqlite3_stmt *s) {
	bool ok = sqlite3_step(s) == SQLITE_DONE;
	sqlite3_reset(s);
	q->failed |= !ok;
	return ok;
}

bool pt_mqtt_queue_put(PtMqttQueue *q, uint64_t id, const char *topic, const char *payload) {
	sqlite3_bind_text(q->put, 1, topic, -1, SQLITE_STATIC);
	sqlite3_bind_text(q->put, 2, payload, -1, SQLITE_STATIC);
	bool ok = run(q, q->put);
	q->length += ok;
	if (id > q->last_id) {
		sqlite3_bind_int64(q->last, 1, (int64_t)id);
		ok &= run(q, q->last);
		q->last_id = id;
	}
	if (q->length > PT_MQTT_QUEUE_MAX) {
		pt_mqtt_queue_done(q, number(q->db, "SELECT min(row) FROM message"));
		q->dropped++;
	}
	return ok;
}

void pt_mqtt_queue_done(PtMqttQueue *q, int64_t row) {
	sqlite3_bind_int64(q->done, 1, row);
	if (run(q, q->done))
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
	sqlite3_bind_int64(q->after, 1, row);
	sqlite3_bind_int64(q->after, 2, n);
	while (sqlite3_step(q->after) == SQLITE_ROW) {
		PtMqttQueued *m = g_new0(PtMqttQueued, 1);
		*m = (PtMqttQueued){sqlite3_column_int64(q->after, 0),
		                    g_strdup((const char *)sqlite3_column_text(q->after, 1)),
		                    g_strdup((const char *)sqlite3_column_text(q->after, 2))};
		g_ptr_array_add(list, m);
	}
	sqlite3_reset(q->after);
	return list;
}

uint64_t pt_mqtt_queue_last_id(PtMqttQueue *q) { return q->last_id; }
int64_t pt_mqtt_queue_length(const PtMqttQueue *q) { return q->length; }
uint64_t pt_mqtt_queue_dropped(const PtMqttQueue *q) { return q->dropped; }
