/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/writer-internal.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/write.h"
#include <string.h>

#define GATHER_NS (20 * PT_NS_PER_MS) /* fragments of many streams are taken in one wake-up */
#define TICK_NS (200 * PT_NS_PER_MS)
#define SYNC_PAUSE_NS (200 * PT_NS_PER_MS) /* between two syncs at least */
#define SLOW_NS (10 * PT_NS_PER_S)         /* so long after the last footage that had to be dropped it is still slow */
#define QUEUE_MAX_SERIES (8u << 20)        /* bytes a series may have waiting: a slow disk costs its own streams only */
#define QUEUE_MAX_TOTAL (512u << 20)

void pt_fragment_free(PtFragment *f) {
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		pt_sample_unref(f->samples[i]);
	g_free(f->samples);
	g_free(f->durations);
	g_free(f->gap_reason);
	g_free(f);
}

/* ---- segments ---- */

PtSeries *pt_writer_series_at(PtWriter *w, guint i) {
	g_mutex_lock(&w->lock);
	PtSeries *s = i < w->series->len ? g_ptr_array_index(w->series, i) : NULL;
	g_mutex_unlock(&w->lock);
	return s;
}

void pt_writer_close_segment(PtWriter *w, PtSeries *s) {
	if (!s->segment)
		return;
	if (!s->sequence) { /* the disk had room for its beginning alone: the index must not promise it */
		pt_segment_cut_to_synced(s->segment);
		g_clear_pointer(&s->segment, pt_segment_close);
		return;
	}
	PtSyncItem item = {.segment = s->segment, .size = pt_segment_size(s->segment), .row = s->row, .close = true};
	item.row.open = false;
	g_array_append_val(w->next->items, item);
	s->segment = NULL;
	s->dirty = false;
}

static bool open_segment(PtWriter *w, PtSeries *s, const PtFragment *f, GError **error) {
	const PtFormat *format = f->samples[0]->format;
	if (!pt_writer_root_is_there(w, error))
		return false;
	PtSegment *segment = pt_segment_create(w->root, s->camera, s->stream, f->wall_start_ns, error);
	if (!segment)
		return false;
	PtFormat *formats[] = {f->samples[0]->format};
	w->head.size = 0;
	pt_mp4_write_init(&w->head, formats, 1, f->wall_start_ns, NULL);
	struct iovec iov = {w->head.data, w->head.size};
	if (!pt_segment_append(segment, &iov, 1, error)) {
		pt_segment_close(segment);
		return false;
	}
	s->segment = segment;
	s->sequence = 0;
	s->dts0 = f->samples[0]->dts;
	s->row = (PtSegmentRow){.id = pt_store_new_id(w->store),
	                        .series = s->id,
	                        .start_ns = f->wall_start_ns,
	                        .end_ns = f->wall_start_ns,
	                        .open = true,
	                        .width = format->width,
	                        .height = format->height};
	g_strlcpy(s->row.path, pt_segment_path(segment), sizeof s->row.path);
	g_strlcpy(s->row.codec, format->rfc6381[0] ? format->rfc6381 : pt_codec_name(format->codec), sizeof s->row.codec);
	return true;
}

static bool append_fragment(PtWriter *w, PtSeries *s, PtFragment *f, GError **error) {
	const PtSample *first = f->samples[0];
	PtFragmentHead head = {
	    .sequence = s->sequence + 1,
	    .track_id = 1,
	    .base_dts = first->dts - s->dts0,
	    .wall_ns = f->wall_start_ns + (first->pts - first->dts) * PT_NS_PER_S / first->format->timescale,
	};
	w->head.size = 0;
	pt_mp4_write_fragment(&w->head, &head, f->samples, f->durations, f->n);
	g_array_set_size(w->iov, (guint)f->n + 1);
	struct iovec *iov = (struct iovec *)(void *)w->iov->data;
	iov[0] = (struct iovec){w->head.data, w->head.size};
	for (size_t i = 0; i < f->n; i++)
		iov[i + 1] = (struct iovec){f->samples[i]->data, f->samples[i]->size};
	int64_t begun = pt_mono_ns(pt_clock_system());
	if (!pt_segment_append(s->segment, iov, f->n + 1, error))
		return false;
	int64_t took = pt_mono_ns(pt_clock_system()) - begun;
	s->sequence++;
	s->file_end = f->wall_start_ns + (f->samples[f->n - 1]->dts - first->dts + f->durations[f->n - 1]) * PT_NS_PER_S /
	                                     first->format->timescale;
	s->row.end_ns = f->wall_end_ns;
	s->dirty = true;
	g_mutex_lock(&w->lock);
	s->last_end = f->wall_end_ns;
	w->stats.fragments++;
	pt_latency_add(&w->writes, took);
	w->stats.samples += f->n;
	w->stats.bytes += f->bytes;
	g_mutex_unlock(&w->lock);
	return true;
}

static void write_fragment(PtWriter *w, PtFragment *f) {
	PtSeries *s = f->series;
	g_autoptr(GError) error = NULL;
	if (w->broken && pt_mono_ns(pt_clock_system()) < w->retry_at) {
		pt_writer_drop(w, s, f, w->stats.problem);
		return;
	}
	if (f->gap_reason)
		pt_writer_reach_file_end(w, s, f->wall_start_ns);
	if (f->fresh)
		pt_writer_close_segment(w, s);
	if (!s->segment && !f->samples[0]->key) {
		pt_writer_drop(w, s, f, "the footage before its first key frame could not be kept");
		return;
	}
	int64_t prior_end = s->last_end;
	if ((!s->segment && !open_segment(w, s, f, &error)) || !append_fragment(w, s, f, &error)) {
		pt_writer_close_segment(w, s);
		pt_writer_disk_failed(w, error);
		pt_writer_drop(w, s, f, error->message);
		return;
	}
	w->broken = false; /* the problem is over when a sync goes well, too */
	if (s->gap_open && !strcmp(s->gap.reason, pt_gap_silent)) {
		if (!f->gap_reason && f->wall_start_ns - prior_end <= PT_NS_PER_S)
			pt_writer_undo_gap(w, s);
		else
			pt_writer_open_gap(w, s, prior_end, f->gap_reason ? f->gap_cause : PT_GAP_CAMERA,
			                   f->gap_reason ? f->gap_reason : "the camera sent nothing");
	}
	if (prior_end && !s->gap_open &&
	    (f->gap_reason ? f->wall_start_ns > prior_end : !f->sparse && f->wall_start_ns - prior_end > PT_NS_PER_S)) {
		pt_writer_open_gap(w, s, prior_end, f->gap_reason ? f->gap_cause : PT_GAP_CAMERA,
		                   f->gap_reason ? f->gap_reason : "the camera sent nothing");
	}
	pt_writer_close_gap(w, s, f->wall_start_ns);
}

/* ---- the group sync ---- */

/* Hands everything that was appended since the last time to the syncer. */
static void begin_sync(PtWriter *w) {
	PtSyncBatch *batch = w->next;
	PtSeries *s;
	if (w->lost) /* no index to be told; it is asked anew when there is one */
		pt_writer_leave_medium(w);
	w->next = pt_sync_batch_new();
	for (guint i = 0; (s = pt_writer_series_at(w, i)); i++) {
		if (!s->segment || !s->dirty)
			continue;
		PtSyncItem item = {.segment = s->segment, .size = pt_segment_size(s->segment), .row = s->row};
		g_array_append_val(batch->items, item);
		s->dirty = false;
	}
	if (!batch->items->len && !batch->rows->len && !batch->gaps->len && !batch->flushes->len) {
		pt_sync_batch_free(batch);
		return;
	}
	w->syncing = true;
	pt_syncer_submit(w->syncer, batch);
}

static PtSeries *series_of(PtWriter *w, const PtSyncItem *item) {
	PtSeries *s;
	for (guint i = 0; (s = pt_writer_series_at(w, i)); i++)
		if (s->id == item->row.series)
			return s;
	return NULL;
}

/* How far the footage of a segment that was closed would have reached: the item of its closing may wait in the next batch.
 */
static int64_t end_of_closed(PtWriter *w, const PtSyncItem *item) {
	int64_t end = item->row.end_ns;
	for (guint i = 0; i < w->next->items->len; i++) {
		const PtSyncItem *other = &g_array_index(w->next->items, PtSyncItem, i);
		if (other->segment == item->segment)
			end = other->row.end_ns;
	}
	return end;
}

/* What was not synced may be gone from the cache, and what vanished is gone: promise no more than before, begin a new file.
 */
static void item_failed(PtWriter *w, PtSyncItem *item) {
	PtSeries *s = series_of(w, item);
	int64_t kept_end = pt_segment_synced_end_ns(item->segment);
	int64_t from = kept_end ? kept_end : item->row.start_ns;
	pt_writer_disk_failed(w, item->error);
	pt_segment_cut_to_synced(item->segment);
	if (s->segment == item->segment) {
		pt_writer_close_segment(w, s);
		g_mutex_lock(&w->lock);
		s->last_end = from;
		g_mutex_unlock(&w->lock);
		pt_writer_open_gap(w, s, from, PT_GAP_DISK, item->error->message);
	} else if (end_of_closed(w, item) > from) { /* the series has gone on since */
		PtGapRow gap = {.id = pt_store_new_id(w->store),
		                .series = s->id,
		                .start_ns = from,
		                .end_ns = end_of_closed(w, item),
		                .cause = PT_GAP_DISK};
		g_strlcpy(gap.reason, item->error->message, sizeof gap.reason);
		g_array_append_val(w->next->gaps, gap);
	}
}

static void end_sync(PtWriter *w, PtSyncBatch *batch) {
	w->syncing = false;
	for (guint i = 0; i < batch->items->len; i++) {
		PtSyncItem *item = &g_array_index(batch->items, PtSyncItem, i);
		if (item->error)
			item_failed(w, item);
		if (item->close)
			pt_segment_close(item->segment);
	}
	if (batch->index_error) { /* the footage is safe; the rows are tried again with the next batch */
		g_array_prepend_vals(w->next->rows, batch->rows->data, batch->rows->len);
		g_array_prepend_vals(w->next->gaps, batch->gaps->data, batch->gaps->len);
		pt_writer_set_problem(w, batch->index_error->message);
	} else if (!w->broken && pt_mono_ns(pt_clock_system()) >= w->slow_until) {
		pt_writer_set_problem(w, NULL);
	}
	g_mutex_lock(&w->lock);
	w->stats.last_sync_ns = batch->took_ns;
	w->stats.gap_ends += batch->gap_ends;
	pt_latency_add(&w->syncs, batch->took_ns);
	for (guint i = 0; i < batch->flushes->len; i++)
		*(bool *)g_ptr_array_index(batch->flushes, i) = true;
	g_cond_broadcast(&w->flushed);
	g_mutex_unlock(&w->lock);
	pt_sync_batch_free(batch);
}

/* ---- the thread ---- */

/* Under the lock. */
static void submit(PtWriter *w, Job *job) {
	bool wake = !w->first;
	*w->last = job;
	w->last = &job->next;
	if (wake)
		g_cond_signal(&w->wake);
}

static void run_job(PtWriter *w, Job *job) {
	if (job->fragment) {
		size_t bytes = job->fragment->bytes;
		PtSeries *s = job->fragment->series;
		write_fragment(w, job->fragment);
		pt_fragment_free(job->fragment);
		g_mutex_lock(&w->lock);
		s->queued -= bytes;
		w->stats.queued_bytes -= bytes;
		g_mutex_unlock(&w->lock);
	} else if (job->flushed) {
		g_ptr_array_add(w->next->flushes, job->flushed);
	} else if (job->synced) {
		end_sync(w, job->synced);
	} else {
		pt_writer_reach_file_end(w, job->series, G_MAXINT64);
		if (job->close)
			pt_writer_close_segment(w, job->series);
		pt_writer_take_gap(w, job->series, job->from_ns, job->cause, job->reason);
		if (job->slow && !w->broken) {
			w->slow_until = pt_mono_ns(pt_clock_system()) + SLOW_NS;
			pt_writer_set_problem(w, job->reason);
		}
	}
	g_free(job->reason);
	g_free(job);
}

static Job *take_jobs(PtWriter *w, bool *ret_quit) {
	int64_t until = (w->syncing ? w->next_tick : MIN(w->next_tick, w->next_sync)) / PT_NS_PER_US;
	g_mutex_lock(&w->lock);
	bool waited = false;
	while (!w->first && !w->quit && !waited)
		waited = !g_cond_wait_until(&w->wake, &w->lock, until);
	if (w->first && !w->quit) {
		g_mutex_unlock(&w->lock);
		g_usleep(GATHER_NS / PT_NS_PER_US);
		g_mutex_lock(&w->lock);
	}
	Job *jobs = w->first;
	w->first = NULL;
	w->last = &w->first;
	*ret_quit = w->quit;
	g_mutex_unlock(&w->lock);
	return jobs;
}

/* At the end: waits for the batch that is under way. */
static void finish_sync(PtWriter *w) {
	while (w->syncing) {
		g_mutex_lock(&w->lock);
		while (!w->first)
			g_cond_wait(&w->wake, &w->lock);
		Job *job = w->first;
		w->first = job->next;
		if (!w->first)
			w->last = &w->first;
		g_mutex_unlock(&w->lock);
		run_job(w, job);
	}
}

static void *writer_thread(void *data) {
	PtWriter *w = data;
	pthread_setname_np(pthread_self(), "pt-archive");
	for (bool quit = false; !quit;) {
		for (Job *job = take_jobs(w, &quit), *next; job; job = next) {
			next = job->next;
			run_job(w, job);
		}
		int64_t now = pt_mono_ns(pt_clock_system());
		if (now >= w->next_tick) {
			w->next_tick = now + TICK_NS;
			if (w->hooks.tick)
				w->hooks.tick(w->hooks.user);
			pt_writer_look_at_medium(w, now);
		}
		if (!w->syncing && (now >= w->next_sync || w->next->flushes->len)) {
			/* a slow disk is synced more often: what waits for a sync and what the sync takes are lost together
			 */
			w->next_sync = now + MAX(w->sync_interval - w->stats.last_sync_ns, SYNC_PAUSE_NS);
			begin_sync(w);
		}
	}
	PtSeries *s;
	for (guint i = 0; (s = pt_writer_series_at(w, i)); i++)
		pt_writer_close_segment(w, s);
	finish_sync(w);
	begin_sync(w);
	finish_sync(w);
	return NULL;
}

static void sync_done(void *user, PtSyncBatch *batch) {
	PtWriter *w = user;
	Job *job = g_new0(Job, 1);
	job->synced = batch;
	g_mutex_lock(&w->lock);
	submit(w, job);
	g_mutex_unlock(&w->lock);
}

static void series_free(void *data) {
	PtSeries *s = data;
	g_free(s->camera);
	g_free(s->stream);
	g_free(s);
}

PtWriter *pt_writer_new(const char *root, PtStore *store, int64_t sync_ns, const PtWriterHooks *hooks) {
	PtWriter *w = g_new0(PtWriter, 1);
	w->root = g_strdup(root);
	pt_medium_of(root, &w->medium);
	w->store = store;
	/* a fragment is up to 0.8 s old when it is written; the rest of the bound is what the sync may wait */
	w->sync_interval = MAX(sync_ns - PT_NS_PER_S, SYNC_PAUSE_NS);
	if (hooks)
		w->hooks = *hooks;
	w->lost = w->hooks.no_medium;
	g_mutex_init(&w->lock);
	g_cond_init(&w->wake);
	g_cond_init(&w->flushed);
	w->last = &w->first;
	w->series = g_ptr_array_new_with_free_func(series_free);
	w->iov = g_array_new(FALSE, FALSE, sizeof(struct iovec));
	w->next = pt_sync_batch_new();
	w->syncer = pt_syncer_new(store, sync_done, w);
	int e = pthread_create(&w->thread, NULL, writer_thread, w);
	if (e)
		g_error("cannot start the archive's writer: %s", g_strerror(e));
	return w;
}

void pt_writer_free(PtWriter *w) {
	if (!w)
		return;
	g_mutex_lock(&w->lock);
	w->quit = true;
	g_cond_signal(&w->wake);
	g_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pt_syncer_free(w->syncer);
	g_ptr_array_unref(w->series);
	g_array_unref(w->iov);
	pt_sync_batch_free(w->next);
	pt_buf_clear(&w->head);
	g_mutex_clear(&w->lock);
	g_cond_clear(&w->wake);
	g_cond_clear(&w->flushed);
	g_free(w->root);
	g_free(w);
}

/* ---- from other threads ---- */

void pt_writer_submit(PtWriter *w, PtFragment *f) {
	g_mutex_lock(&w->lock);
	PtSeries *s = f->series;
	if (s->queued + f->bytes > QUEUE_MAX_SERIES || w->stats.queued_bytes + f->bytes > QUEUE_MAX_TOTAL) {
		w->stats.dropped_samples += f->n;
		Job *job = g_new0(Job, 1);
		job->series = s;
		job->from_ns = f->wall_start_ns;
		job->cause = PT_GAP_DISK;
		job->reason = g_strdup("the disk is too slow: footage had to be dropped");
		job->close = job->slow = true;
		submit(w, job);
		g_mutex_unlock(&w->lock);
		pt_fragment_free(f);
		return;
	}
	Job *job = g_new0(Job, 1);
	job->fragment = f;
	s->queued += f->bytes;
	w->stats.queued_bytes += f->bytes;
	submit(w, job);
	g_mutex_unlock(&w->lock);
}

void pt_writer_gap(PtWriter *w, PtSeries *series, int64_t from_ns, PtGapCause cause, const char *reason, bool close) {
	Job *job = g_new0(Job, 1);
	job->series = series;
	job->from_ns = from_ns;
	job->cause = cause;
	job->reason = g_strdup(reason);
	job->close = close;
	g_mutex_lock(&w->lock);
	submit(w, job);
	g_mutex_unlock(&w->lock);
}

void pt_writer_flush(PtWriter *w) {
	bool flushed = false;
	Job *job = g_new0(Job, 1);
	job->flushed = &flushed;
	g_mutex_lock(&w->lock);
	submit(w, job);
	while (!flushed)
		g_cond_wait(&w->flushed, &w->lock);
	g_mutex_unlock(&w->lock);
}

void pt_writer_get_stats(PtWriter *w, PtWriterStats *ret_stats) {
	g_mutex_lock(&w->lock);
	*ret_stats = w->stats;
	ret_stats->syncs = pt_latency_figures(&w->syncs);
	ret_stats->writes = pt_latency_figures(&w->writes);
	g_mutex_unlock(&w->lock);
}

PtSeries *pt_writer_series(PtWriter *w, const char *camera, const char *stream, GError **error) {
	PtSeries *found = NULL;
	g_mutex_lock(&w->lock);
	for (guint i = 0; i < w->series->len && !found; i++) {
		PtSeries *s = g_ptr_array_index(w->series, i);
		if (!strcmp(s->camera, camera) && !strcmp(s->stream, stream))
			found = s;
	}
	g_mutex_unlock(&w->lock);
	if (found)
		return found;
	g_autoptr(GError) why = NULL;
	PtSeries *s = g_new0(PtSeries, 1);
	s->camera = g_strdup(camera);
	s->stream = g_strdup(stream);
	s->id = pt_store_series(w->store, camera, stream, &why);
	if ((!s->id || !pt_writer_read_series_end(w, s, &why)) && !w->hooks.medium) {
		g_propagate_error(error, g_steal_pointer(&why));
		series_free(s);
		return NULL;
	}
	g_mutex_lock(&w->lock);
	g_ptr_array_add(w->series, s);
	g_mutex_unlock(&w->lock);
	return s;
}

int64_t pt_series_id(const PtSeries *series) { return series->id; }

int64_t pt_series_last_end_ns(PtWriter *w, const PtSeries *s) {
	g_mutex_lock(&w->lock);
	int64_t end = s->last_end;
	g_mutex_unlock(&w->lock);
	return end;
}
