/* Footage of before the clock was set, put to the time at which it happened. Closed files never change (P3): the index and a
 * small file beside it say what is to be added to the times in them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/store-internal.h"
#include "base/clock.h"
#include "base/error.h"

#define NOTHING_NS (2 * PT_NS_PER_S) /* what may be left of the gap that the setting of the clock made */

static char *file_path(const PtStore *store) { return g_strconcat(store->path, ".shifts", NULL); }

static GKeyFile *read_file(const PtStore *store) {
	g_autofree char *path = file_path(store);
	GKeyFile *file = g_key_file_new();
	g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL); /* none: nothing was moved yet */
	return file;
}

static bool write_down(PtStore *store, int64_t from, int64_t to, int64_t by, GError **error) {
	g_autoptr(GKeyFile) file = read_file(store);
	g_autofree char *group = g_strdup_printf("%" G_GINT64_FORMAT, from);
	g_key_file_set_int64(file, group, "from_ns", from);
	g_key_file_set_int64(file, group, "to_ns", to);
	g_key_file_set_int64(file, group, "by_ns", by);
	g_autofree char *path = file_path(store), *text = g_key_file_to_data(file, NULL, NULL);
	g_autoptr(GError) cause = NULL;
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0640,
	                             &cause))
		return true;
	pt_error_set(error, DISK, "index: write %s: %s", path, cause->message);
	return false;
}

int64_t pt_store_shift_of(PtStore *store, int64_t start_ns) {
	g_autoptr(GKeyFile) file = read_file(store);
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **g = groups; *g; g++)
		if (start_ns >= g_key_file_get_int64(file, *g, "from_ns", NULL) &&
		    start_ns < g_key_file_get_int64(file, *g, "to_ns", NULL))
			return g_key_file_get_int64(file, *g, "by_ns", NULL);
	return 0;
}

/* ?1 from, ?2 to, ?3 by. The value of the first column, or 0; -1: error. */
static int64_t execute(PtStore *store, const char *sql, int64_t from, int64_t to, int64_t by, GError **error) {
	sqlite3_stmt *st = NULL;
	int64_t value = -1;
	if (sqlite3_prepare_v2(store->db, sql, -1, &st, NULL) == SQLITE_OK) {
		const int64_t values[] = {from, to, by};
		for (int i = 0; i < sqlite3_bind_parameter_count(st); i++)
			sqlite3_bind_int64(st, i + 1, values[i]);
		int r = sqlite3_step(st);
		value = r == SQLITE_ROW ? sqlite3_column_int64(st, 0) : r == SQLITE_DONE ? 0 : -1;
	}
	sqlite3_finalize(st);
	if (value < 0)
		pt_store_fail(store->db, "move what was recorded before the clock was set", error);
	return value;
}

static bool move(PtStore *store, int64_t from, int64_t to, int64_t by, GError **error) {
	static const char *const steps[] = {
	    "UPDATE segment SET shift_ns=shift_ns+?3 WHERE start_ns>=?1 AND start_ns<?2",
	    "UPDATE segment SET end_ns=end_ns+?3 WHERE start_ns>=?1 AND start_ns<?2",
	    "UPDATE segment SET start_ns=start_ns+?3 WHERE start_ns>=?1 AND start_ns<?2",
	    "UPDATE gap SET end_ns=end_ns+?3 WHERE end_ns>=?1 AND end_ns<?2",
	    "UPDATE gap SET start_ns=start_ns+?3 WHERE start_ns>=?1 AND start_ns<?2",
	    "UPDATE keep SET end_ns=end_ns+?3 WHERE end_ns>=?1 AND end_ns<?2",
	    "UPDATE keep SET start_ns=start_ns+?3 WHERE start_ns>=?1 AND start_ns<?2",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		if (execute(store, steps[i], from, to, by, error) < 0)
			return false;
	g_autofree char *rest = g_strdup_printf("DELETE FROM gap WHERE end_ns>0 AND (end_ns<=start_ns OR (cause=%d AND"
	                                        " end_ns-start_ns<%" G_GINT64_FORMAT "))",
	                                        PT_GAP_CLOCK, NOTHING_NS);
	return execute(store, rest, 0, 0, 0, error) >= 0;
}

bool pt_store_shift(PtStore *store, int64_t from_ns, int64_t to_ns, int64_t by_ns, unsigned *ret_open, GError **error) {
	if (!pt_store_begin(store, true, error))
		return false;
	int64_t open = execute(store,
	                       "SELECT (SELECT count(*) FROM segment WHERE open AND start_ns>=?1 AND start_ns<?2) +"
	                       " (SELECT count(*) FROM gap WHERE end_ns=0 AND start_ns>=?1 AND start_ns<?2)",
	                       from_ns, to_ns, 0, error);
	bool ok = open >= 0 && (open || move(store, from_ns, to_ns, by_ns, error));
	if (!ok) {
		pt_store_rollback(store);
		return false;
	}
	*ret_open = (unsigned)open;
	return pt_store_commit(store, error) &&
	       (open || (pt_store_write_keeps(store, error) && write_down(store, from_ns, to_ns, by_ns, error)));
}
