/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/store-internal.h"
#include "base/clock.h"
#include <string.h>

#define SEGMENT_MAX_NS (600 * PT_NS_PER_S) /* no segment is longer */

static sqlite3 *borrow(PtStore *store, unsigned *ret_opening, GError **error) {
	sqlite3 *db = NULL;
	g_mutex_lock(&store->readers_lock);
	for (int i = 0; i < PT_STORE_READERS && !db; i++)
		db = g_steal_pointer(&store->readers[i]);
	bool open = store->open;
	*ret_opening = store->opening;
	g_mutex_unlock(&store->readers_lock);
	if (!open)
		pt_store_fail(NULL, "read", error);
	return db || !open ? db : pt_store_connect(store->path, SQLITE_OPEN_READWRITE, error);
}

static void give_back(PtStore *store, sqlite3 *db, unsigned opening) {
	g_mutex_lock(&store->readers_lock);
	for (int i = 0; i < PT_STORE_READERS && db && opening == store->opening; i++)
		if (!store->readers[i])
			store->readers[i] = g_steal_pointer(&db);
	g_mutex_unlock(&store->readers_lock);
	sqlite3_close(db);
}

GArray *pt_store_select(PtStore *store, size_t row_size, PtStoreReadRow read_row, GError **error, const char *sql,
                        const char *format, ...) {
	unsigned opening;
	sqlite3 *db = borrow(store, &opening, error);
	if (!db)
		return NULL;
	sqlite3_stmt *st = NULL;
	GArray *rows = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK) {
		va_list args;
		va_start(args, format);
		for (int i = 0; format[i]; i++) {
			if (format[i] == 'i')
				sqlite3_bind_int64(st, i + 1, va_arg(args, int64_t));
			else
				sqlite3_bind_text(st, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
		}
		va_end(args);
		rows = g_array_new(FALSE, TRUE, (guint)row_size);
		int r;
		while ((r = sqlite3_step(st)) == SQLITE_ROW)
			read_row(st, rows);
		if (r != SQLITE_DONE)
			g_clear_pointer(&rows, g_array_unref);
	}
	if (!rows)
		pt_store_fail(db, "read", error);
	sqlite3_finalize(st);
	give_back(store, db, opening);
	return rows;
}

void pt_store_copy_text(char *to, size_t size, sqlite3_stmt *st, int column) {
	const char *text = (const char *)sqlite3_column_text(st, column);
	g_strlcpy(to, text ? text : "", size);
}

static void read_segment(sqlite3_stmt *st, GArray *rows) {
	PtSegmentRow r = {.id = sqlite3_column_int64(st, 0),
	                  .series = sqlite3_column_int64(st, 1),
	                  .start_ns = sqlite3_column_int64(st, 2),
	                  .end_ns = sqlite3_column_int64(st, 3),
	                  .bytes = sqlite3_column_int64(st, 4),
	                  .open = sqlite3_column_int(st, 5) != 0,
	                  .width = sqlite3_column_int(st, 8),
	                  .height = sqlite3_column_int(st, 9),
	                  .fetched = sqlite3_column_int(st, 10) != 0,
	                  .other = sqlite3_column_int(st, 10) == 2,
	                  .shift_ns = sqlite3_column_int64(st, 11)};
	pt_store_copy_text(r.path, sizeof r.path, st, 6);
	pt_store_copy_text(r.codec, sizeof r.codec, st, 7);
	g_array_append_val(rows, r);
}

#define SEGMENT_COLUMNS "id,series,start_ns,end_ns,bytes,open,path,codec,width,height,fetched,shift_ns"

GArray *pt_store_segments(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, GError **error) {
	/* the one that begins before `from` may reach into it; segments of a series do not overlap */
	return pt_store_select(
	    store, sizeof(PtSegmentRow), read_segment, error,
	    "SELECT " SEGMENT_COLUMNS " FROM segment WHERE series=?1 AND start_ns<?3 AND end_ns>?2 AND start_ns>="
	    "ifnull((SELECT max(start_ns) FROM segment WHERE series=?1 AND start_ns<=?2),?2) ORDER BY start_ns, id",
	    "iii", series, from_ns, to_ns);
}

GArray *pt_store_open_segments(PtStore *store, GError **error) {
	return pt_store_select(store, sizeof(PtSegmentRow), read_segment, error,
	                       "SELECT " SEGMENT_COLUMNS " FROM segment WHERE open ORDER BY id", "");
}

GArray *pt_store_oldest_segments(PtStore *store, int64_t series, int64_t from_ns, int64_t before_ns, unsigned limit,
                                 GError **error) {
	if (series)
		return pt_store_select(store, sizeof(PtSegmentRow), read_segment, error,
		                       "SELECT " SEGMENT_COLUMNS
		                       " FROM segment WHERE series=?1 AND start_ns>=?2 AND start_ns<?3 AND NOT open"
		                       " ORDER BY start_ns LIMIT ?4",
		                       "iiii", series, from_ns, before_ns, (int64_t)limit);
	return pt_store_select(store, sizeof(PtSegmentRow), read_segment, error,
	                       "SELECT " SEGMENT_COLUMNS " FROM segment WHERE start_ns>=?1 AND start_ns<?2 AND NOT open"
	                       " ORDER BY start_ns LIMIT ?3",
	                       "iii", from_ns, before_ns, (int64_t)limit);
}

GArray *pt_store_oldest_of_camera(PtStore *store, const char *camera, int64_t from_ns, int64_t before_ns, unsigned limit,
                                  GError **error) {
	return pt_store_select(store, sizeof(PtSegmentRow), read_segment, error,
	                       "SELECT " SEGMENT_COLUMNS
	                       " FROM segment WHERE series IN (SELECT id FROM series WHERE camera=?1) AND start_ns>=?2"
	                       " AND start_ns<?3 AND NOT open ORDER BY start_ns LIMIT ?4",
	                       "siii", camera, from_ns, before_ns, (int64_t)limit);
}

static void read_number(sqlite3_stmt *st, GArray *rows) {
	int64_t value = sqlite3_column_int64(st, 0);
	g_array_append_val(rows, value);
}

int64_t pt_store_camera_bytes(PtStore *store, const char *camera) {
	g_autoptr(GArray) sum = pt_store_select(store, sizeof(int64_t), read_number, NULL,
	                                        "SELECT sum(bytes) FROM segment"
	                                        " WHERE series IN (SELECT id FROM series WHERE camera=?1)",
	                                        "s", camera);
	return sum && sum->len ? g_array_index(sum, int64_t, 0) : 0;
}

int pt_store_neighbour(PtStore *store, int64_t series, int64_t start_ns, bool later, PtSegmentRow *ret, GError **error) {
	static const char earlier_sql[] = "SELECT " SEGMENT_COLUMNS " FROM segment WHERE series=?1 AND start_ns<?2"
	                                  " ORDER BY start_ns DESC LIMIT 1",
	                  later_sql[] = "SELECT " SEGMENT_COLUMNS " FROM segment WHERE series=?1 AND start_ns>?2"
	                                " ORDER BY start_ns LIMIT 1";
	g_autoptr(GArray) rows = pt_store_select(store, sizeof(PtSegmentRow), read_segment, error,
	                                         later ? later_sql : earlier_sql, "ii", series, start_ns);
	if (!rows)
		return -1;
	if (rows->len)
		*ret = g_array_index(rows, PtSegmentRow, 0);
	return rows->len > 0;
}

int64_t pt_store_total_bytes(PtStore *store) { return store->total_bytes; }

static void read_gap(sqlite3_stmt *st, GArray *rows) {
	PtGapRow r = {.id = sqlite3_column_int64(st, 0),
	              .series = sqlite3_column_int64(st, 1),
	              .start_ns = sqlite3_column_int64(st, 2),
	              .end_ns = sqlite3_column_int64(st, 3),
	              .cause = (PtGapCause)sqlite3_column_int(st, 5)};
	pt_store_copy_text(r.reason, sizeof r.reason, st, 4);
	g_array_append_val(rows, r);
}

GArray *pt_store_gaps(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, GError **error) {
	return pt_store_select(store, sizeof(PtGapRow), read_gap, error,
	                       "SELECT id,series,start_ns,end_ns,reason,cause FROM gap WHERE series=?1 AND start_ns<?3 AND "
	                       "(end_ns=0 OR end_ns>?2)"
	                       " ORDER BY start_ns, id",
	                       "iii", series, from_ns, to_ns);
}

static void read_keep(sqlite3_stmt *st, GArray *rows) {
	PtKeepRow r = {.id = sqlite3_column_int64(st, 0),
	               .start_ns = sqlite3_column_int64(st, 2),
	               .end_ns = sqlite3_column_int64(st, 3),
	               .until_ns = sqlite3_column_int64(st, 4),
	               .person = sqlite3_column_int(st, 5) != 0,
	               .ring = sqlite3_column_int(st, 6) != 0};
	pt_store_copy_text(r.camera, sizeof r.camera, st, 1);
	pt_store_copy_text(r.who, sizeof r.who, st, 7);
	pt_store_copy_text(r.why, sizeof r.why, st, 8);
	g_array_append_val(rows, r);
}

#define KEEP_COLUMNS "id,camera,start_ns,end_ns,until_ns,person,ring,who,why"

GArray *pt_store_keeps(PtStore *store, const char *camera, GError **error) {
	if (camera)
		return pt_store_select(store, sizeof(PtKeepRow), read_keep, error,
		                       "SELECT " KEEP_COLUMNS " FROM keep WHERE camera=?1 ORDER BY start_ns", "s", camera);
	return pt_store_select(store, sizeof(PtKeepRow), read_keep, error,
	                       "SELECT " KEEP_COLUMNS " FROM keep ORDER BY start_ns", "");
}

static void read_flag(sqlite3_stmt *st, GArray *rows) {
	char one = 1;
	g_array_append_val(rows, one);
}

bool pt_store_has_path(PtStore *store, const char *path) {
	g_autoptr(GArray) rows =
	    pt_store_select(store, 1, read_flag, NULL, "SELECT 1 FROM segment WHERE path=?1", "s", path);
	return rows && rows->len;
}

static void read_series(sqlite3_stmt *st, GArray *rows) {
	PtSeriesRow r = {.id = sqlite3_column_int64(st, 0),
	                 .first_ns = sqlite3_column_int64(st, 3),
	                 .last_ns = sqlite3_column_int64(st, 4),
	                 .bytes = sqlite3_column_int64(st, 5),
	                 .segments = sqlite3_column_int64(st, 6)};
	pt_store_copy_text(r.camera, sizeof r.camera, st, 1);
	pt_store_copy_text(r.stream, sizeof r.stream, st, 2);
	g_array_append_val(rows, r);
}

GArray *pt_store_all_series(PtStore *store, bool totals, GError **error) {
	if (totals)
		return pt_store_select(
		    store, sizeof(PtSeriesRow), read_series, error,
		    "SELECT "
		    "s.id,camera,stream,ifnull(min(start_ns),0),ifnull(max(end_ns),0),ifnull(sum(bytes),0),count(g.id)"
		    " FROM series s LEFT JOIN segment g ON g.series=s.id GROUP BY s.id ORDER BY camera, stream",
		    "");
	return pt_store_select(
	    store, sizeof(PtSeriesRow), read_series, error,
	    "SELECT id,camera,stream,"
	    "ifnull((SELECT start_ns FROM segment g WHERE g.series=s.id ORDER BY start_ns LIMIT 1),0),"
	    "ifnull((SELECT end_ns FROM segment g WHERE g.series=s.id ORDER BY start_ns DESC LIMIT 1),0),0,0"
	    " FROM series s ORDER BY camera, stream",
	    "");
}

typedef struct {
	int64_t start, end;
} Span;

static void read_span(sqlite3_stmt *st, GArray *rows) {
	Span span = {sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)};
	g_array_append_val(rows, span);
}

static void append_span(GArray *spans, Span span, int64_t merge_ns) {
	Span *last = spans->len ? &g_array_index(spans, Span, spans->len - 1) : NULL;
	if (last && span.start - last->end <= merge_ns)
		last->end = MAX(last->end, span.end);
	else
		g_array_append_val(spans, span);
}

/* Zoomed far out, a row per segment would be half a million of them a year: look once per slot instead. */
static GArray *coarse_coverage(PtStore *store, int64_t series, int64_t from, int64_t to, int64_t slot, GError **error) {
	return pt_store_select(
	    store, sizeof(Span), read_span, error,
	    "WITH RECURSIVE t(s,e) AS (SELECT start_ns,end_ns FROM (SELECT start_ns,end_ns FROM segment WHERE series=?1"
	    " AND start_ns>=ifnull((SELECT max(start_ns) FROM segment WHERE series=?1 AND start_ns<=?2),?2)"
	    " ORDER BY start_ns LIMIT 1) UNION ALL"
	    " SELECT g.start_ns,g.end_ns FROM t JOIN segment g ON g.id=(SELECT id FROM segment WHERE series=?1"
	    " AND start_ns>=t.s+?4 ORDER BY start_ns LIMIT 1) WHERE t.s<?3)"
	    " SELECT s,e FROM t WHERE s<?3",
	    "iiii", series, from, to, slot);
}

GArray *pt_store_coverage(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t merge_ns, GError **error) {
	bool coarse = (to_ns - from_ns) > INT64_C(4) * 86400 * PT_NS_PER_S;
	int64_t slot = MAX(merge_ns, (to_ns - from_ns) / 2000);
	g_autoptr(GArray) rows =
	    coarse ? coarse_coverage(store, series, from_ns, to_ns, slot, error)
	           : pt_store_select(
	                 store, sizeof(Span), read_span, error,
	                 "SELECT start_ns,end_ns FROM segment WHERE series=?1 AND start_ns<?3 AND end_ns>?2 AND start_ns>="
	                 "ifnull((SELECT max(start_ns) FROM segment WHERE series=?1 AND start_ns<=?2),?2) ORDER BY start_ns",
	                 "iii", series, from_ns, to_ns);
	if (!rows)
		return NULL;
	GArray *spans = g_array_new(FALSE, FALSE, sizeof(Span));
	for (guint i = 0; i < rows->len; i++) {
		Span span = g_array_index(rows, Span, i);
		append_span(spans, span, coarse ? slot + 90 * PT_NS_PER_S : merge_ns);
	}
	return spans;
}

GArray *pt_store_fetched(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t merge_ns, GError **error) {
	g_autoptr(GArray) rows =
	    pt_store_select(store, sizeof(Span), read_span, error,
	                    "SELECT start_ns,end_ns FROM segment WHERE series=?1 AND fetched AND start_ns<?3"
	                    " AND start_ns>?2-?4 AND end_ns>?2 AND NOT open ORDER BY start_ns",
	                    "iiii", series, from_ns, to_ns, SEGMENT_MAX_NS);
	GArray *spans = rows ? g_array_new(FALSE, FALSE, sizeof(Span)) : NULL;
	for (guint i = 0; rows && i < rows->len; i++)
		append_span(spans, g_array_index(rows, Span, i), merge_ns);
	return spans;
}

static void read_quality(sqlite3_stmt *st, GArray *rows) {
	PtQualitySpan span = {sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int(st, 2),
	                      sqlite3_column_int(st, 3)};
	g_array_append_val(rows, span);
}

GArray *pt_store_other_quality(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t merge_ns,
                               GError **error) {
	GArray *rows =
	    pt_store_select(store, sizeof(PtQualitySpan), read_quality, error,
	                    "SELECT start_ns,end_ns,width,height FROM segment WHERE series=?1 AND fetched AND fetched=2"
	                    " AND start_ns<?3 AND start_ns>?2-?4 AND end_ns>?2 ORDER BY start_ns",
	                    "iiii", series, from_ns, to_ns, SEGMENT_MAX_NS);
	for (guint i = 1; rows && i < rows->len;) {
		PtQualitySpan *a = &g_array_index(rows, PtQualitySpan, i - 1), *b = a + 1;
		bool same = a->width == b->width && a->height == b->height && b->start_ns - a->end_ns <= merge_ns;
		if (same) {
			a->end_ns = MAX(a->end_ns, b->end_ns);
			g_array_remove_index(rows, i);
		} else {
			i++;
		}
	}
	return rows;
}

bool pt_store_live_size(PtStore *store, int64_t series, int64_t at_ns, int *ret_width, int *ret_height) {
	g_autoptr(GArray) rows =
	    pt_store_select(store, sizeof(PtQualitySpan), read_quality, NULL,
	                    "SELECT * FROM (SELECT start_ns,end_ns,width,height FROM segment WHERE series=?1 AND start_ns<?2"
	                    " AND NOT fetched ORDER BY start_ns DESC LIMIT 1) UNION ALL SELECT * FROM"
	                    " (SELECT start_ns,end_ns,width,height FROM segment WHERE series=?1 AND start_ns>=?2"
	                    " AND NOT fetched ORDER BY start_ns LIMIT 1)",
	                    "ii", series, at_ns);
	if (!rows || !rows->len)
		return false;
	*ret_width = g_array_index(rows, PtQualitySpan, 0).width;
	*ret_height = g_array_index(rows, PtQualitySpan, 0).height;
	return true;
}
