/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill-internal.h"
#include "base/error.h"
#include "base/units.h"
#include "onvif/client/recordings.h"
#include <string.h>

#define DISK_TRIES 4                 /* our own disk counts for no more: it is tried again every 40 s until it has room */
#define YOUNG_NS (120 * PT_NS_PER_S) /* the camera may not have written yet what is so new */

static void run_free(PtBackfillRun *r) {
	pt_loop_free(r->loop);
	pt_backfill_source_free(r->source);
	g_clear_error(&r->error);
	g_ptr_array_unref(r->recordings);
	g_free(r->url);
	g_free(r);
}

static char *span_text(int64_t ns) {
	return ns < 10 * PT_NS_PER_S ? g_strdup_printf("%.2f s", (double)ns / PT_NS_PER_S)
	                             : pt_units_format_duration(ns / PT_NS_PER_S * PT_NS_PER_S);
}

static int64_t missing(PtBackfill *b, const PtJobRow *job) {
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), job->series, job->start_ns, job->end_ns, NULL);
	int64_t sum = 0;
	for (guint i = 0; gaps && i < gaps->len; i++) {
		const PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		if (pt_backfill_can_fill(gap) || !gap->end_ns)
			sum += MIN(gap->end_ns ? gap->end_ns : job->end_ns, job->end_ns) - MAX(gap->start_ns, job->start_ns);
	}
	return gaps ? sum : -1;
}

/* Retention forgets gaps with the footage around them: then nothing is missing, and nothing is there. */
static bool is_deleted(PtBackfill *b, const PtJobRow *job) {
	g_autoptr(GArray) spans = pt_store_coverage(store_of(b), job->series, job->start_ns, job->end_ns, PT_NS_PER_S, NULL);
	return spans && !spans->len;
}

static void tell(PtBackfill *b, const PtJobRow *job, int64_t left) {
	static const char *const states[] = {
	    [PT_JOB_FILLED] = "filled", [PT_JOB_PARTLY] = "partly-filled", [PT_JOB_IMPOSSIBLE] = "not-filled"};
	g_autofree char *source = g_strconcat("camera/", job->camera, NULL);
	g_autofree char *all = span_text(job->end_ns - job->start_ns), *rest = span_text(MAX(left, 0));
	g_autofree char *when = pt_time_format(job->start_ns);
	g_autofree char *detail =
	    job->state == PT_JOB_FILLED
	        ? g_strdup_printf("%s of %s from %s on were fetched from the camera's card%s%s", all, job->stream, when,
	                          *job->reason ? ", " : "", job->reason)
	        : g_strdup_printf("%s of %s from %s on: %s are missing: %s", all, job->stream, when, rest, job->reason);
	g_autoptr(PtEvent) event = pt_event_now(b->env.clock, source, PT_TOPIC_ARCHIVE, states[job->state], NULL, detail);
	pt_bus_publish(b->env.bus, event);
}

/* Whether the recording that was asked last will give nothing more of what is missing, after so many tries. */
static bool is_exhausted(PtBackfillRun *r, unsigned tries) {
	bool nothing = !r->error || g_error_matches(r->error, PT_ERROR, PT_ERROR_NOT_FOUND);
	bool old = now_of(r->owner) - r->job.end_ns > YOUNG_NS;
	return g_error_matches(r->error, PT_ERROR, PT_ERROR_UNSUPPORTED) || tries >= PT_BACKFILL_TRIES ||
	       (nothing && tries >= 3 && old) || (nothing && tries >= 8);
}

/* "" when it is as what was recorded live. */
static void say_quality(PtBackfill *b, PtJobRow *job) {
	g_autoptr(GArray) spans = pt_store_other_quality(store_of(b), job->series, job->start_ns, job->end_ns, 0, NULL);
	const PtQualitySpan *span = spans && spans->len ? &g_array_index(spans, PtQualitySpan, 0) : NULL;
	job->reason[0] = 0;
	if (span)
		g_snprintf(job->reason, sizeof job->reason, "in another quality than what was recorded live: %dx%d",
		           span->width, span->height);
}

/* Decides by what is missing now, not by what the camera said. */
static void judge(PtBackfillRun *r) {
	PtBackfill *b = r->owner;
	PtJobRow *job = &r->job;
	int64_t left = missing(b, job), now = now_of(b);
	bool disk = g_error_matches(r->error, PT_ERROR, PT_ERROR_DISK);
	g_strlcpy(job->reason, r->error ? r->error->message : "", sizeof job->reason);
	if (!r->error && r->step_ns) /* of what is left, if anything is */
		g_snprintf(job->reason, sizeof job->reason,
		           "the camera's clock was set %s by %" G_GINT64_FORMAT
		           " s meanwhile, or the hub's the other way: what the card may have of that time cannot be placed",
		           r->step_ns > 0 ? "forward" : "back", (ABS(r->step_ns) + PT_NS_PER_S / 2) / PT_NS_PER_S);
	job->tries = disk ? MIN(job->tries + 1, DISK_TRIES) : job->tries + 1;
	if (!left && is_deleted(b, job)) {
		job->state = PT_JOB_IMPOSSIBLE;
		g_strlcpy(job->reason, "what is so old was deleted meanwhile", sizeof job->reason);
	} else if (!left) {
		job->state = PT_JOB_FILLED;
		say_quality(b, job);
	} else if (is_exhausted(r, job->tries)) {
		job->state = job->frames ? PT_JOB_PARTLY : PT_JOB_IMPOSSIBLE;
		if (!job->reason[0])
			g_strlcpy(job->reason, "the camera's card has no footage of it", sizeof job->reason);
	} else {
		job->state = PT_JOB_FOUND;
		job->due_ns = now + pt_backfill_pause_ns(job->tries);
		if (!job->reason[0])
			g_strlcpy(job->reason, "the camera's card has no footage of it (yet)", sizeof job->reason);
	}
	pt_backfill_note_job(b, job);
	if (job->state < PT_JOB_FILLED)
		return;
	g_mutex_lock(&b->lock);
	if (job->state == PT_JOB_IMPOSSIBLE)
		g_hash_table_add(b->poor, g_strdup(job->camera));
	else
		g_hash_table_remove(b->poor, job->camera);
	g_mutex_unlock(&b->lock);
	tell(b, job, left);
}

static void put_back(PtBackfillRun *r) {
	r->job.state = PT_JOB_FOUND;
	r->job.due_ns = now_of(r->owner);
	pt_backfill_note_job(r->owner, &r->job);
}

static void end_run(PtBackfillRun *r) {
	PtBackfill *b = r->owner;
	if (r->paused && !r->stopped && missing(b, &r->job))
		put_back(r);
	else if (!r->stopped)
		judge(r);
	g_mutex_lock(&b->lock);
	g_ptr_array_remove_fast(b->runs, r);
	g_mutex_unlock(&b->lock);
	run_free(r);
}

static void next_gap(PtBackfillRun *r);
static gboolean ask_url(void *data);

/* What one recording of the card lacks, a lesser one may have; as long as the better one may still give it, it is waited
 * for. False: there is none. */
static bool next_recording(PtBackfillRun *r) {
	if (r->at + 1 >= r->recordings->len || !missing(r->owner, &r->job) || !is_exhausted(r, r->job.tries + 1))
		return false;
	r->at++;
	r->cursor = r->behind = INT64_MIN;
	r->step_ns = 0;
	r->asking = true;
	g_clear_error(&r->error);
	g_idle_add(ask_url, r);
	return true;
}

/* Nothing was recorded in it, and nothing is missing: our own clock was set. */
static void call_clock(PtBackfill *b, const PtJobRow *job) {
	if (!pt_store_begin(store_of(b), true, NULL))
		return;
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), job->series, job->start_ns, job->end_ns, NULL);
	for (guint i = 0; gaps && i < gaps->len; i++) {
		PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		if (!pt_backfill_can_fill(gap) || gap->start_ns < job->start_ns || gap->end_ns > job->end_ns)
			continue;
		gap->cause = PT_GAP_CLOCK;
		g_strlcpy(gap->reason, "the hub's clock was set forward: no footage is missing", sizeof gap->reason);
		pt_store_put_gap(store_of(b), gap, NULL);
	}
	pt_store_commit(store_of(b), NULL);
}

typedef struct {
	PtBackfillRun *run;
	PtGapFetchResult result;
	GError *error;
} Fetched;

static void on_fetched(void *data) {
	Fetched *f = data;
	PtBackfillRun *r = f->run;
	PtBackfill *b = r->owner;
	g_mutex_lock(&b->lock);
	PtGapFetch *fetch = g_steal_pointer(&r->fetch);
	g_mutex_unlock(&b->lock);
	pt_gap_fetch_free(fetch);
	r->job.frames += (int64_t)f->result.frames;
	r->job.bytes += (int64_t)f->result.bytes;
	if (f->result.frames || !r->job.seam) {
		r->job.seam = MIN(f->result.seam, f->result.seam_end);
		if (!r->step_ns || r->cursor < r->behind) /* that of the gap's begin */
			r->job.offset_ns = f->result.offset_ns;
	}
	if (f->result.axis_jumped)
		call_clock(b, &r->job);
	g_clear_error(&r->error);
	r->error = f->error;
	bool go_on = !r->stopped && !r->paused && (!r->error || g_error_matches(r->error, PT_ERROR, PT_ERROR_NOT_FOUND));
	g_free(f);
	if (go_on)
		next_gap(r);
	else if (r->stopped || r->paused || !next_recording(r))
		end_run(r);
}

/* On the run's loop. */
static void gap_done(void *user_data, const PtGapFetchResult *result) {
	PtBackfillRun *r = user_data;
	Fetched *f = g_new0(Fetched, 1);
	f->run = r;
	f->result = *result;
	f->error = result->error ? g_error_copy(result->error) : NULL;
	g_mutex_lock(&r->owner->lock);
	r->answered = true;
	g_mutex_unlock(&r->owner->lock);
	pt_loop_post(r->owner->books, on_fetched, f);
}

static void next_gap(PtBackfillRun *r) {
	PtBackfill *b = r->owner;
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), r->job.series, r->job.start_ns, r->job.end_ns, NULL);
	PtGapRow next = {0};
	for (guint i = 0; gaps && i < gaps->len && !next.end_ns;) {
		PtGapRow gap = pt_backfill_joined(gaps, &i);
		if (pt_backfill_can_fill(&gap) && gap.start_ns >= r->cursor)
			next = gap;
	}
	if (!next.end_ns && next_recording(r))
		return;
	if (!next.end_ns) {
		r->job.state = PT_JOB_VERIFYING;
		pt_backfill_note_job(b, &r->job);
		end_run(r);
		return;
	}
	PtBackfillOffsets offsets = pt_backfill_offsets(b, r->source, &next);
	PtGapPart part = PT_GAP_WHOLE;
	if (next.end_ns <= r->behind)
		part = PT_GAP_BEHIND_STEP;
	else if (offsets.begin_ns != offsets.end_ns)
		part = PT_GAP_BEFORE_STEP;
	if (part != PT_GAP_BEHIND_STEP)
		r->step_ns = offsets.end_ns - offsets.begin_ns;
	if (part == PT_GAP_BEFORE_STEP)
		r->behind = next.end_ns; /* what is left of it comes next */
	r->cursor = part == PT_GAP_BEFORE_STEP ? next.start_ns : next.end_ns;
	r->job.state = PT_JOB_FETCHING;
	pt_backfill_note_job(b, &r->job);
	g_autofree char *origin = g_strdup_printf("%s, recording %s", r->source->origin ? r->source->origin : "?",
	                                          (char *)g_ptr_array_index(r->recordings, r->at));
	PtGapFetchParams p = {.archive = b->env.archive,
	                      .camera = r->job.camera,
	                      .stream = r->job.stream,
	                      .from_ns = next.start_ns,
	                      .to_ns = next.end_ns,
	                      .kind = !strcmp(r->job.stream, "audio") ? PT_KIND_AUDIO : PT_KIND_VIDEO,
	                      .url = r->url,
	                      .user = r->source->user,
	                      .password = r->source->password,
	                      .trust = r->source->trust,
	                      .part = part,
	                      .offset_ns = part == PT_GAP_BEFORE_STEP ? offsets.begin_ns : offsets.end_ns,
	                      .step_ns = part == PT_GAP_WHOLE ? 0 : r->step_ns,
	                      .n_others = offsets.n_others,
	                      .offset_rough = r->source->rough,
	                      .rate = r->source->rate,
	                      .origin = origin,
	                      .loop = r->loop,
	                      .user_data = r,
	                      .done = gap_done};
	memcpy(p.others, offsets.others, sizeof p.others);
	g_mutex_lock(&b->lock);
	r->answered = false;
	r->fetch = pt_gap_fetch_start(&p);
	g_mutex_unlock(&b->lock);
}

/* ---- what the camera is asked: on the main thread, answers back to the books ---- */

typedef struct {
	int width, height; /* of what was recorded live; 0: not known */
} Size;

static Size size_of(PtBackfill *b, const char *camera, const char *name) {
	PtStream *stream = pt_cameras_stream(b->env.cameras, camera, name);
	PtFormat *format = stream ? pt_stream_get_format(stream, 0) : NULL;
	Size size = format ? (Size){format->width, format->height} : (Size){0};
	pt_format_unref(format);
	pt_stream_unref(stream);
	return size;
}

static bool is_of_size(const PtOnvifRecording *recording, Size size) {
	return size.width && recording->width == size.width && recording->height == size.height;
}

/* Of several recordings those that are of use, the best first: as large as what was recorded live, then from the largest on
 * for main and sound and from the smallest for sub. A card that holds less than main is still better than nothing; but what
 * is main's is not fetched once more for sub. */
static void choose(const GPtrArray *all, PtBackfillRun *r, Size own, Size main) {
	PtOnvifTrackKind kind = !strcmp(r->job.stream, "audio") ? PT_ONVIF_TRACK_AUDIO : PT_ONVIF_TRACK_VIDEO;
	bool sub = !strcmp(r->job.stream, "sub");
	gint place = 0;                        /* where the next is put: those that are as large come first */
	for (guint i = 0; i < all->len; i++) { /* those with the highest resolution come first */
		const PtOnvifRecording *recording = g_ptr_array_index(all, sub ? all->len - 1 - i : i);
		bool has = false;
		for (guint k = 0; k < recording->tracks->len; k++)
			has |= ((const PtOnvifTrack *)g_ptr_array_index(recording->tracks, k))->kind == kind;
		bool same = kind == PT_ONVIF_TRACK_VIDEO && is_of_size(recording, own);
		if (has && (same || !sub || !is_of_size(recording, main)))
			g_ptr_array_insert(r->recordings, same ? place++ : -1, g_strdup(recording->token));
	}
}

static void begin_fetching(void *data) {
	PtBackfillRun *r = data;
	r->asking = false;
	if (r->error || r->stopped || r->paused)
		end_run(r);
	else
		next_gap(r);
}

static void back_to_books(PtBackfillRun *r, const GError *error) {
	if (!r->owner) {
		run_free(r);
		return;
	}
	if (error)
		r->error = g_error_copy(error);
	pt_loop_post(r->owner->books, begin_fetching, r);
}

static void on_url(void *user, const char *url, const GError *error) {
	PtBackfillRun *r = user;
	g_free(r->url);
	r->url = g_strdup(url);
	back_to_books(r, error);
}

static gboolean ask_url(void *data) {
	PtBackfillRun *r = data;
	if (!r->owner) {
		run_free(r);
		return G_SOURCE_REMOVE;
	}
	PtOnvifCamera *camera = pt_onvif_camera_get(r->job.camera);
	pt_onvif_replay_url(camera, g_ptr_array_index(r->recordings, r->at), on_url, r);
	pt_onvif_camera_unref(camera);
	return G_SOURCE_REMOVE;
}

static void on_recordings(void *user, const GPtrArray *recordings, const GError *error) {
	PtBackfillRun *r = user;
	if (error || !r->owner) {
		back_to_books(r, error);
		return;
	}
	Size own = size_of(r->owner, r->job.camera, r->job.stream), main = size_of(r->owner, r->job.camera, "main");
	choose(recordings, r, own, main);
	if (!r->recordings->len) {
		g_autoptr(GError) none = NULL;
		pt_error_set(&none, NOT_FOUND, "the camera records nothing on its card that is of the stream %s",
		             r->job.stream);
		back_to_books(r, none);
		return;
	}
	ask_url(r);
}

static gboolean ask_camera(void *data) {
	PtBackfillRun *r = data;
	if (!r->owner) {
		run_free(r);
		return G_SOURCE_REMOVE;
	}
	PtOnvifCamera *camera = pt_onvif_camera_get(r->job.camera);
	pt_onvif_recordings(camera, on_recordings, r);
	pt_onvif_camera_unref(camera);
	return G_SOURCE_REMOVE;
}

void pt_backfill_begin(PtBackfill *b, const PtJobRow *job, PtBackfillSource *source) {
	PtBackfillRun *r = g_new0(PtBackfillRun, 1);
	r->owner = b;
	r->job = *job;
	r->source = source;
	r->cursor = r->behind = INT64_MIN;
	r->recordings = g_ptr_array_new_with_free_func(g_free);
	r->loop = pt_loop_new("pt-backfill");
	r->asking = true;
	g_mutex_lock(&b->lock);
	g_ptr_array_add(b->runs, r);
	g_mutex_unlock(&b->lock);
	r->job.state = PT_JOB_ASKED;
	r->job.reason[0] = 0;
	pt_backfill_note_job(b, &r->job);
	g_idle_add(ask_camera, r);
}

/* Books' thread. What is fetched and not put in is let go; an end that is told already is on its way here. */
void pt_backfill_stop_runs(void *data) {
	PtBackfill *b = data;
	for (guint i = b->runs->len; i-- > 0;) {
		PtBackfillRun *r = g_ptr_array_index(b->runs, i);
		r->stopped = true;
		g_mutex_lock(&b->lock);
		PtGapFetch *fetch = r->answered ? NULL : g_steal_pointer(&r->fetch);
		g_mutex_unlock(&b->lock);
		pt_gap_fetch_free(fetch);
		if (fetch && !r->answered)
			end_run(r);
	}
}

/* Books' thread. What came is put in; the rest is fetched when it goes on. */
void pt_backfill_pause_runs(void *data) {
	PtBackfill *b = data;
	g_mutex_lock(&b->lock);
	for (guint i = 0; b->paused && i < b->runs->len; i++) {
		PtBackfillRun *r = g_ptr_array_index(b->runs, i);
		r->paused = true;
		if (r->fetch && !r->answered)
			pt_gap_fetch_stop(r->fetch);
	}
	g_mutex_unlock(&b->lock);
}
