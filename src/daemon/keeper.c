/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keeper.h"

struct PtKeeper {
	PtArchive *archive;
	GThreadPool *pool; /* of one thread: in the order they were asked for */
};

static void write_down(gpointer data, gpointer user) {
	g_autofree PtKeepRow *row = data;
	PtKeeper *k = user;
	g_autoptr(GError) error = NULL;
	if (!pt_store_put_keep(pt_archive_store(k->archive), row, &error))
		g_warning("footage of camera %s that %s wants kept: %s", row->camera, row->who, error->message);
}

PtKeeper *pt_keeper_new(PtArchive *archive) {
	PtKeeper *k = g_new0(PtKeeper, 1);
	k->archive = archive;
	k->pool = g_thread_pool_new(write_down, k, 1, FALSE, NULL);
	return k;
}

void pt_keeper_free(PtKeeper *k) {
	if (!k)
		return;
	g_thread_pool_free(k->pool, FALSE, TRUE);
	g_free(k);
}

int64_t pt_keeper_new_id(PtKeeper *k) { return pt_store_new_id(pt_archive_store(k->archive)); }

void pt_keeper_put(PtKeeper *k, const PtKeepRow *row) { g_thread_pool_push(k->pool, g_memdup2(row, sizeof *row), NULL); }
