/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/syncer.h"
#include "base/clock.h"
#include "base/error.h"
#include <pthread.h>

/* Many files are synced by one call for the file system, few each by itself: another program's writes to the same disk then
 * do not hold up ours. */
#define TOGETHER 8

struct PtSyncer {
	pthread_t thread;
	PtStore *store;
	void (*done)(void *user, PtSyncBatch *batch);
	void *user;

	GMutex lock;
	GCond wake;
	/* under lock */
	PtSyncBatch *batch;
	bool quit;
};

static void item_clear(void *data) { g_clear_error(&((PtSyncItem *)data)->error); }

PtSyncBatch *pt_sync_batch_new(void) {
	PtSyncBatch *b = g_new0(PtSyncBatch, 1);
	b->items = g_array_new(FALSE, FALSE, sizeof(PtSyncItem));
	g_array_set_clear_func(b->items, item_clear);
	b->rows = g_array_new(FALSE, FALSE, sizeof(PtSegmentRow));
	b->gaps = g_array_new(FALSE, FALSE, sizeof(PtGapRow));
	b->flushes = g_ptr_array_new();
	return b;
}

void pt_sync_batch_free(PtSyncBatch *b) {
	if (!b)
		return;
	g_array_unref(b->items);
	g_array_unref(b->rows);
	g_array_unref(b->gaps);
	g_ptr_array_unref(b->flushes);
	g_clear_error(&b->index_error);
	g_free(b);
}

static PtSyncItem *item_at(PtSyncBatch *b, guint i) { return &g_array_index(b->items, PtSyncItem, i); }

static void sync_items(PtSyncBatch *b) {
	bool together = b->items->len >= TOGETHER && pt_segment_sync_all(item_at(b, 0)->segment);
	for (guint i = 0; !together && i < b->items->len; i++)
		pt_segment_start_sync(item_at(b, i)->segment, item_at(b, i)->size);
	for (guint i = 0; i < b->items->len; i++) {
		PtSyncItem *item = item_at(b, i);
		if (together)
			pt_segment_was_synced(item->segment, item->size, item->row.end_ns);
		else
			pt_segment_sync(item->segment, item->size, item->row.end_ns, &item->error);
		if (!item->error && !pt_segment_still_there(item->segment))
			pt_error_set(&item->error, DISK, "segment %s has vanished from the archive's directory",
			             pt_segment_path(item->segment));
		PtSegmentRow row = item->row;
		row.bytes = pt_segment_synced_size(item->segment);
		row.end_ns = pt_segment_synced_end_ns(item->segment);
		if (row.bytes)
			g_array_append_val(b->rows, row);
	}
}

static bool put_rows(PtStore *store, PtSyncBatch *b, GError **error) {
	if (!b->rows->len && !b->gaps->len)
		return true;
	/* what a power cut takes of the segments' rows, their files tell again; of a gap nothing else tells */
	if (!pt_store_begin(store, b->gaps->len > 0, error))
		return false;
	bool ok = true;
	for (guint i = 0; ok && i < b->rows->len; i++)
		ok = pt_store_put_segment(store, &g_array_index(b->rows, PtSegmentRow, i), error);
	for (guint i = 0; ok && i < b->gaps->len; i++)
		ok = pt_store_put_gap(store, &g_array_index(b->gaps, PtGapRow, i), error);
	if (!ok) {
		pt_store_rollback(store);
		return false;
	}
	return pt_store_commit(store, error);
}

static void work(PtSyncer *s, PtSyncBatch *b) {
	int64_t begin = pt_mono_ns(pt_clock_system());
	sync_items(b);
	if (put_rows(s->store, b, &b->index_error)) {
		for (guint i = 0; i < b->gaps->len; i++)
			b->gap_ends += g_array_index(b->gaps, PtGapRow, i).end_ns != 0;
		g_array_set_size(b->rows, 0);
		g_array_set_size(b->gaps, 0);
	}
	b->took_ns = pt_mono_ns(pt_clock_system()) - begin;
	s->done(s->user, b);
}

static void *syncer_thread(void *data) {
	PtSyncer *s = data;
	pthread_setname_np(pthread_self(), "pt-sync");
	g_mutex_lock(&s->lock);
	while (!s->quit) {
		PtSyncBatch *batch = g_steal_pointer(&s->batch);
		if (!batch) {
			g_cond_wait(&s->wake, &s->lock);
			continue;
		}
		g_mutex_unlock(&s->lock);
		work(s, batch);
		g_mutex_lock(&s->lock);
	}
	g_mutex_unlock(&s->lock);
	return NULL;
}

PtSyncer *pt_syncer_new(PtStore *store, void (*done)(void *user, PtSyncBatch *batch), void *user) {
	PtSyncer *s = g_new0(PtSyncer, 1);
	s->store = store;
	s->done = done;
	s->user = user;
	g_mutex_init(&s->lock);
	g_cond_init(&s->wake);
	int e = pthread_create(&s->thread, NULL, syncer_thread, s);
	if (e)
		g_error("cannot start the archive's syncer: %s", g_strerror(e));
	return s;
}

void pt_syncer_submit(PtSyncer *s, PtSyncBatch *batch) {
	g_mutex_lock(&s->lock);
	g_assert(!s->batch);
	s->batch = batch;
	g_cond_signal(&s->wake);
	g_mutex_unlock(&s->lock);
}

void pt_syncer_free(PtSyncer *s) {
	if (!s)
		return;
	g_mutex_lock(&s->lock);
	g_assert(!s->batch);
	s->quit = true;
	g_cond_signal(&s->wake);
	g_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	g_mutex_clear(&s->lock);
	g_cond_clear(&s->wake);
	g_free(s);
}
