/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "daemon/backfill-plan.h"
#include "daemon/camera-clock.h"
#include "daemon/gap-fetch.h"
#include "onvif/client/recordings.h"
#include <gio/gio.h>
#include <string.h>

#define TICK_S 1
#define SCAN_NS (60 * PT_NS_PER_S) /* gaps are looked for so often, and whenever one has ended or a camera is back */
#define AGE_NS (INT64_C(400) * 86400 * PT_NS_PER_S)
#define RUNS_MAX 3
#define LEAST_NS (15 * PT_NS_PER_MS) /* no frame fits into less */
#define YOUNG_NS (120 * PT_NS_PER_S) /* the camera may not have written yet what is so new */

/* A camera as the main thread saw it last. */
typedef struct {
	char *name, *user, *password, *origin;
	PtTrust trust;
	uint64_t rate;
	PtBackfillCamera plan; /* name is this one's */
	bool main, sub, audio; /* recorded */
	int64_t offset_ns;
	bool rough;
	int64_t restarted_ns; /* wall time; 0: not known */
} Source;

/* A job that is being done. It is with the main thread while the camera is asked, else with the books. */
typedef struct {
	PtBackfill *owner; /* NULL: gone, and an answer is still awaited */
	PtJobRow job;
	Source *source; /* as it was at its begin */
	PtLoop *loop;
	char *url, *recording;
	GError *error;
	/* books' thread */
	bool asking, stopped;
	int64_t cursor; /* gaps that begin before it were tried in this run */
	/* under the owner's lock */
	PtGapFetch *fetch;
	bool answered; /* the fetch is over, and the books will hear of it */
} Run;

struct PtBackfill {
	PtBackfillEnv env;
	PtSite *site; /* main thread */
	guint timer;
	PtLoop *books;

	GMutex lock;
	/* under lock */
	GPtrArray *sources; /* of Source; replaced as a whole */
	GPtrArray *runs;    /* of Run */
	GArray *jobs;       /* PtJobRow: those that have not ended; changed by the books' thread alone */
	GHashTable *poor;   /* cameras that had nothing of what was asked for last */
	GTimeZone *zone;    /* of the site; NULL: the machine's */
	bool metered, paused, stopping;

	/* books' thread */
	bool loaded;
	int64_t scanned_at;
	uint64_t ends_seen;
	int64_t sum_seen; /* sum_of() */
};

/* ---- sources ---- */

static void source_free(void *data) {
	Source *s = data;
	g_free(s->name);
	g_free(s->user);
	g_free(s->password);
	g_free(s->origin);
	g_free(s);
}

static Source *source_new(PtBackfill *b, const PtSiteCamera *c) {
	static const PtTrustKind kinds[] = {[PT_SITE_TLS_ANY] = PT_TRUST_ANY,
	                                    [PT_SITE_TLS_VERIFY] = PT_TRUST_VERIFY,
	                                    [PT_SITE_TLS_PINNED] = PT_TRUST_PINNED};
	Source *s = g_new0(Source, 1);
	PtOnvifCamera *camera = pt_onvif_camera_get(c->name);
	PtOnvifView view;
	pt_onvif_camera_view(camera, &view);
	PtOnvifDevice *device = pt_onvif_camera_device(camera);
	s->name = g_strdup(c->name);
	s->user = g_strdup(c->login ? c->login->user : NULL);
	s->password = g_strdup(c->login ? c->login->password : NULL);
	s->trust.kind = kinds[c->tls];
	memcpy(s->trust.sha256, c->tls_pin, sizeof s->trust.sha256);
	s->rate = c->backfill_rate;
	s->main = c->record_main == PT_RECORD_ALWAYS;
	s->sub = c->record_sub == PT_RECORD_ALWAYS;
	s->audio = s->main && c->sound == PT_SOUND_ALWAYS;
	s->plan = (PtBackfillCamera){.name = s->name,
	                             .ready = device && pt_onvif_device_has(device, PT_ONVIF_REPLAY),
	                             .wanted = c->backfill,
	                             .from_min = c->backfill_from_min,
	                             .to_min = c->backfill_to_min,
	                             .oldest_first = c->backfill_oldest_first};
	if (view.found)
		s->origin = g_strdup_printf("%s %s, serial %s", view.found->maker ? view.found->maker : "?",
		                            view.found->model ? view.found->model : "?",
		                            view.found->serial && *view.found->serial ? view.found->serial : "?");
	s->restarted_ns = view.restarted_ns;
	s->rough = !pt_camera_clock(b->env.cameras, c->name, &view, &s->offset_ns);
	pt_onvif_camera_unref(camera);
	return s;
}

static Source *source_copy(const Source *from) {
	Source *s = g_memdup2(from, sizeof *from);
	s->name = g_strdup(from->name);
	s->user = g_strdup(from->user);
	s->password = g_strdup(from->password);
	s->origin = g_strdup(from->origin);
	s->plan.name = s->name;
	return s;
}

/* Under the lock. */
static const Source *find_source(PtBackfill *b, const char *camera) {
	for (guint i = 0; i < b->sources->len; i++) {
		const Source *s = g_ptr_array_index(b->sources, i);
		if (!strcmp(s->name, camera))
			return s;
	}
	return NULL;
}

/* ---- the books ---- */

static PtStore *store_of(const PtBackfill *b) { return pt_archive_store(b->env.archive); }
static int64_t now_of(const PtBackfill *b) { return pt_wall_ns(b->env.clock); }

static int find_job(PtBackfill *b, int64_t id) {
	for (guint i = 0; i < b->jobs->len; i++)
		if (g_array_index(b->jobs, PtJobRow, i).id == id)
			return (int)i;
	return -1;
}

/* Writes a job down and keeps it among the open ones, or takes it from them. */
static void note_job(PtBackfill *b, PtJobRow *job) {
	job->changed_ns = now_of(b);
	pt_store_put_job(store_of(b), job, NULL); /* a disk that fails is told by the writer; it is found again later */
	g_mutex_lock(&b->lock);
	int i = find_job(b, job->id);
	if (job->state >= PT_JOB_FILLED && i >= 0)
		g_array_remove_index_fast(b->jobs, (guint)i);
	else if (job->state < PT_JOB_FILLED && i >= 0)
		g_array_index(b->jobs, PtJobRow, i) = *job;
	else if (job->state < PT_JOB_FILLED)
		g_array_append_val(b->jobs, *job);
	g_mutex_unlock(&b->lock);
}

static PtJobRow job_of(PtBackfill *b, const PtSeriesRow *series, const PtGapRow *gap, bool urgent) {
	PtJobRow job = {.id = pt_store_new_id(store_of(b)),
	                .series = series->id,
	                .start_ns = gap->start_ns,
	                .end_ns = gap->end_ns,
	                .cause = gap->cause,
	                .urgent = urgent,
	                .found_ns = now_of(b),
	                .due_ns = gap->end_ns + PT_BACKFILL_SETTLE_NS};
	g_strlcpy(job.camera, series->camera, sizeof job.camera);
	g_strlcpy(job.stream, series->stream, sizeof job.stream);
	return job;
}

static bool can_be_filled(const PtGapRow *gap) {
	return gap->end_ns && gap->end_ns - gap->start_ns >= LEAST_NS && pt_backfill_fillable(gap->cause);
}

/* A few frames within a file that goes on behind them: a closed segment never changes (P3), and what is put beside it would
 * not stand in its order. */
static bool is_within_a_file(PtBackfill *b, int64_t series, const PtGapRow *gap) {
	g_autoptr(GArray) rows = pt_store_segments(store_of(b), series, gap->start_ns, gap->end_ns, NULL);
	for (guint i = 0; rows && i < rows->len; i++) {
		const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, i);
		if (!row->fetched && row->start_ns < gap->start_ns && row->end_ns > gap->end_ns)
			return true;
	}
	return false;
}

/* The gap at *at and those that follow it without anything in between, as one; *at moves behind them. When the last of them
 * is still open, so is the whole: its end is where a seam can be found. */
static PtGapRow joined(const GArray *gaps, guint *at) {
	PtGapRow gap = g_array_index(gaps, PtGapRow, *at);
	while (++*at < gaps->len) {
		const PtGapRow *next = &g_array_index(gaps, PtGapRow, *at);
		bool fits = gap.end_ns && pt_backfill_fillable(next->cause) && pt_backfill_fillable(gap.cause);
		if (!fits || next->start_ns - gap.end_ns > PT_NS_PER_MS)
			break;
		gap.end_ns = next->end_ns ? MAX(gap.end_ns, next->end_ns) : 0;
	}
	return gap;
}

static bool is_recorded(const Source *s, const char *stream) {
	return (s->main && !strcmp(stream, "main")) || (s->sub && !strcmp(stream, "sub")) ||
	       (s->audio && !strcmp(stream, "audio"));
}

/* Gaps are told why they are there, where the camera says that it started anew. A fill may be changing the same rows. */
static void note_restart(PtBackfill *b, const PtSeriesRow *series, int64_t restarted_ns) {
	if (!restarted_ns || !pt_store_begin(store_of(b), false, NULL))
		return;
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), series->id, restarted_ns, restarted_ns + PT_NS_PER_S, NULL);
	for (guint i = 0; gaps && i < gaps->len; i++) {
		PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		if (!pt_backfill_is_restart(gap, restarted_ns))
			continue;
		gap->cause = PT_GAP_CAMERA;
		g_strlcpy(gap->reason, "the camera started anew", sizeof gap->reason);
		pt_store_put_gap(store_of(b), gap, NULL);
	}
	pt_store_commit(store_of(b), NULL);
}

/* The job of a gap, or NULL. jobs: by their begin; *at moves with the gaps, which are as well. */
static const PtJobRow *job_at(const GArray *jobs, guint *at, const PtGapRow *gap) {
	while (*at < jobs->len && g_array_index(jobs, PtJobRow, *at).end_ns <= gap->start_ns)
		++*at;
	const PtJobRow *job = *at < jobs->len ? &g_array_index(jobs, PtJobRow, *at) : NULL;
	return job && job->start_ns < gap->end_ns ? job : NULL;
}

/* What may be filled and has no job yet. */
static void scan_series(PtBackfill *b, const PtSeriesRow *series) {
	int64_t now = now_of(b);
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), series->id, now - AGE_NS, now, NULL);
	g_autoptr(GArray) jobs = pt_store_jobs(store_of(b), series->id, now - AGE_NS, now, false, NULL);
	for (guint i = 0, k = 0; gaps && jobs && i < gaps->len;) {
		PtGapRow gap = joined(gaps, &i);
		bool has_job = job_at(jobs, &k, &gap) != NULL;
		/* what is before the first footage was kept once and is no more */
		if (!can_be_filled(&gap) || has_job || gap.end_ns < series->first_ns ||
		    is_within_a_file(b, series->id, &gap))
			continue;
		PtJobRow job = job_of(b, series, &gap, false);
		note_job(b, &job);
	}
}

/* Another number when a camera is back, or says that it started anew. */
static int64_t sum_of(PtBackfill *b) {
	int64_t sum = 0;
	g_mutex_lock(&b->lock);
	for (guint i = 0; i < b->sources->len; i++) {
		const Source *s = g_ptr_array_index(b->sources, i);
		sum += s->plan.ready + s->restarted_ns / PT_NS_PER_MS;
	}
	g_mutex_unlock(&b->lock);
	return sum;
}

static void scan(PtBackfill *b) {
	PtWriterStats stats;
	pt_writer_get_stats(pt_archive_writer(b->env.archive), &stats);
	int64_t now = pt_mono_ns(b->env.clock);
	int64_t sum = sum_of(b);
	if (stats.gap_ends == b->ends_seen && sum == b->sum_seen && b->scanned_at && now - b->scanned_at < SCAN_NS)
		return;
	b->ends_seen = stats.gap_ends;
	b->sum_seen = sum;
	b->scanned_at = now;
	g_autoptr(GArray) all = pt_store_all_series(store_of(b), false, NULL);
	for (guint i = 0; all && i < all->len; i++) {
		const PtSeriesRow *series = &g_array_index(all, PtSeriesRow, i);
		g_mutex_lock(&b->lock);
		const Source *s = find_source(b, series->camera);
		int64_t restarted_ns = s ? s->restarted_ns : 0;
		bool wanted = s && s->plan.ready && s->plan.wanted && is_recorded(s, series->stream);
		g_mutex_unlock(&b->lock);
		note_restart(b, series, restarted_ns);
		if (wanted)
			scan_series(b, series);
	}
}

/* What was under way when the program ended begins anew: what it had put in is not missing any more. */
static void load(PtBackfill *b) {
	g_autoptr(GArray) open = pt_store_jobs(store_of(b), 0, INT64_MIN, INT64_MAX, true, NULL);
	if (!open || !pt_store_begin(store_of(b), false, NULL))
		return;
	for (guint i = 0; i < open->len; i++) {
		PtJobRow *job = &g_array_index(open, PtJobRow, i);
		job->state = PT_JOB_FOUND;
		note_job(b, job);
	}
	b->loaded = pt_store_commit(store_of(b), NULL);
}

/* ---- a run ---- */

static void run_free(Run *r) {
	pt_loop_free(r->loop);
	source_free(r->source);
	g_clear_error(&r->error);
	g_free(r->url);
	g_free(r->recording);
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
		if (can_be_filled(gap) || !gap->end_ns)
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
	        ? g_strdup_printf("%s of %s from %s on were fetched from the camera's card", all, job->stream, when)
	        : g_strdup_printf("%s of %s from %s on: %s are missing: %s", all, job->stream, when, rest, job->reason);
	g_autoptr(PtEvent) event = pt_event_now(b->env.clock, source, PT_TOPIC_ARCHIVE, states[job->state], NULL, detail);
	pt_bus_publish(b->env.bus, event);
}

/* Decides by what is missing now, not by what the camera said. */
static void judge(Run *r) {
	PtBackfill *b = r->owner;
	PtJobRow *job = &r->job;
	int64_t left = missing(b, job), now = now_of(b);
	bool nothing = !r->error || g_error_matches(r->error, PT_ERROR, PT_ERROR_NOT_FOUND);
	bool hopeless = g_error_matches(r->error, PT_ERROR, PT_ERROR_UNSUPPORTED);
	g_strlcpy(job->reason, r->error ? r->error->message : "", sizeof job->reason);
	job->tries++;
	if (!left && is_deleted(b, job)) {
		job->state = PT_JOB_IMPOSSIBLE;
		g_strlcpy(job->reason, "what is so old was deleted meanwhile", sizeof job->reason);
	} else if (!left) {
		job->state = PT_JOB_FILLED;
		job->reason[0] = 0;
	} else if (hopeless || job->tries >= PT_BACKFILL_TRIES ||
	           (nothing && job->tries >= 3 && now - job->end_ns > YOUNG_NS) || (nothing && job->tries >= 8)) {
		job->state = job->frames ? PT_JOB_PARTLY : PT_JOB_IMPOSSIBLE;
		if (!r->error)
			g_strlcpy(job->reason, "the camera's card has no footage of it", sizeof job->reason);
	} else {
		job->state = PT_JOB_FOUND;
		job->due_ns = now + pt_backfill_pause_ns(job->tries);
		if (!r->error)
			g_strlcpy(job->reason, "the camera's card has no footage of it (yet)", sizeof job->reason);
	}
	note_job(b, job);
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

static void end_run(Run *r) {
	PtBackfill *b = r->owner;
	if (!r->stopped)
		judge(r);
	g_mutex_lock(&b->lock);
	g_ptr_array_remove_fast(b->runs, r);
	g_mutex_unlock(&b->lock);
	run_free(r);
}

static void next_gap(Run *r);

typedef struct {
	Run *run;
	PtGapFetchResult result;
	GError *error;
} Fetched;

static void on_fetched(void *data) {
	Fetched *f = data;
	Run *r = f->run;
	PtBackfill *b = r->owner;
	g_mutex_lock(&b->lock);
	PtGapFetch *fetch = g_steal_pointer(&r->fetch);
	g_mutex_unlock(&b->lock);
	pt_gap_fetch_free(fetch);
	r->job.frames += (int64_t)f->result.frames;
	r->job.bytes += (int64_t)f->result.bytes;
	if (f->result.frames || !r->job.seam) {
		r->job.seam = MIN(f->result.seam, f->result.seam_end);
		r->job.offset_ns = f->result.offset_ns;
	}
	g_clear_error(&r->error);
	r->error = f->error;
	bool go_on = !r->stopped && (!r->error || g_error_matches(r->error, PT_ERROR, PT_ERROR_NOT_FOUND));
	g_free(f);
	if (go_on)
		next_gap(r);
	else
		end_run(r);
}

/* On the run's loop. */
static void gap_done(void *user_data, const PtGapFetchResult *result) {
	Run *r = user_data;
	Fetched *f = g_new0(Fetched, 1);
	f->run = r;
	f->result = *result;
	f->error = result->error ? g_error_copy(result->error) : NULL;
	g_mutex_lock(&r->owner->lock);
	r->answered = true;
	g_mutex_unlock(&r->owner->lock);
	pt_loop_post(r->owner->books, on_fetched, f);
}

static void next_gap(Run *r) {
	PtBackfill *b = r->owner;
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), r->job.series, r->job.start_ns, r->job.end_ns, NULL);
	PtGapRow next = {0};
	for (guint i = 0; gaps && i < gaps->len && !next.end_ns;) {
		PtGapRow gap = joined(gaps, &i);
		if (can_be_filled(&gap) && gap.start_ns >= r->cursor)
			next = gap;
	}
	if (!next.end_ns) {
		r->job.state = PT_JOB_VERIFYING;
		note_job(b, &r->job);
		end_run(r);
		return;
	}
	r->cursor = next.end_ns;
	r->job.state = PT_JOB_FETCHING;
	note_job(b, &r->job);
	g_autofree char *origin =
	    g_strdup_printf("%s, recording %s", r->source->origin ? r->source->origin : "?", r->recording);
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
	                      .offset_ns = r->source->offset_ns,
	                      .offset_rough = r->source->rough,
	                      .rate = r->source->rate,
	                      .origin = origin,
	                      .loop = r->loop,
	                      .user_data = r,
	                      .done = gap_done};
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

/* Of several recordings the one of the stream: as large as what was recorded live, else the largest for main and sound and
 * the smallest for sub. A card that holds less than main is still better than nothing; but what is main's is not fetched
 * once more for sub. */
static const PtOnvifRecording *choose(const GPtrArray *all, const Run *r, Size own, Size main) {
	PtOnvifTrackKind kind = !strcmp(r->job.stream, "audio") ? PT_ONVIF_TRACK_AUDIO : PT_ONVIF_TRACK_VIDEO;
	bool sub = !strcmp(r->job.stream, "sub");
	const PtOnvifRecording *best = NULL;
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifRecording *recording = g_ptr_array_index(all, i);
		bool has = false;
		for (guint k = 0; k < recording->tracks->len; k++)
			has |= ((const PtOnvifTrack *)g_ptr_array_index(recording->tracks, k))->kind == kind;
		if (!has)
			continue;
		if (kind == PT_ONVIF_TRACK_VIDEO && is_of_size(recording, own))
			return recording;
		if (sub && is_of_size(recording, main))
			continue;
		if (!best || sub) /* those with the highest resolution come first */
			best = recording;
	}
	return best;
}

static void begin_fetching(void *data) {
	Run *r = data;
	r->asking = false;
	if (r->error || r->stopped)
		end_run(r);
	else
		next_gap(r);
}

static void back_to_books(Run *r, const GError *error) {
	if (!r->owner) {
		run_free(r);
		return;
	}
	if (error)
		r->error = g_error_copy(error);
	pt_loop_post(r->owner->books, begin_fetching, r);
}

static void on_url(void *user, const char *url, const GError *error) {
	Run *r = user;
	r->url = g_strdup(url);
	back_to_books(r, error);
}

static void on_recordings(void *user, const GPtrArray *recordings, const GError *error) {
	Run *r = user;
	if (error || !r->owner) {
		back_to_books(r, error);
		return;
	}
	Size own = size_of(r->owner, r->job.camera, r->job.stream), main = size_of(r->owner, r->job.camera, "main");
	const PtOnvifRecording *chosen = choose(recordings, r, own, main);
	if (!chosen) {
		g_autoptr(GError) none = NULL;
		pt_error_set(&none, NOT_FOUND, "the camera records nothing on its card that is of the stream %s",
		             r->job.stream);
		back_to_books(r, none);
		return;
	}
	r->recording = g_strdup(chosen->token);
	PtOnvifCamera *camera = pt_onvif_camera_get(r->job.camera);
	pt_onvif_replay_url(camera, r->recording, on_url, r);
	pt_onvif_camera_unref(camera);
}

static gboolean ask_camera(void *data) {
	Run *r = data;
	if (!r->owner) {
		run_free(r);
		return G_SOURCE_REMOVE;
	}
	PtOnvifCamera *camera = pt_onvif_camera_get(r->job.camera);
	pt_onvif_recordings(camera, on_recordings, r);
	pt_onvif_camera_unref(camera);
	return G_SOURCE_REMOVE;
}

/* source: taken. */
static void begin_run(PtBackfill *b, const PtJobRow *job, Source *source) {
	Run *r = g_new0(Run, 1);
	r->owner = b;
	r->job = *job;
	r->source = source;
	r->cursor = INT64_MIN;
	r->loop = pt_loop_new("pt-backfill");
	r->asking = true;
	g_mutex_lock(&b->lock);
	g_ptr_array_add(b->runs, r);
	g_mutex_unlock(&b->lock);
	r->job.state = PT_JOB_ASKED;
	r->job.reason[0] = 0;
	note_job(b, &r->job);
	g_idle_add(ask_camera, r);
}

/* ---- the tick ---- */

/* Under the lock; cameras: freed by the caller. */
static PtBackfillView view_of(PtBackfill *b, GArray *cameras) {
	for (guint i = 0; i < b->sources->len; i++) {
		PtBackfillCamera c = ((const Source *)g_ptr_array_index(b->sources, i))->plan;
		for (guint k = 0; k < b->runs->len; k++)
			c.running += !strcmp(((const Run *)g_ptr_array_index(b->runs, k))->job.camera, c.name);
		g_array_append_val(cameras, c);
	}
	int64_t now = now_of(b);
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now / PT_NS_PER_S);
	g_autoptr(GDateTime) local = b->zone ? g_date_time_to_timezone(utc, b->zone) : g_date_time_to_local(utc);
	return (PtBackfillView){.jobs = (const PtJobRow *)(void *)b->jobs->data,
	                        .n_jobs = b->jobs->len,
	                        .cameras = (const PtBackfillCamera *)(void *)cameras->data,
	                        .n_cameras = cameras->len,
	                        .running = b->runs->len,
	                        .max_running = b->paused ? 0 : RUNS_MAX,
	                        .metered = b->metered,
	                        .now_ns = now,
	                        .minute = g_date_time_get_hour(local) * 60 + g_date_time_get_minute(local)};
}

static void tick(void *data) {
	PtBackfill *b = data;
	if (!b->loaded)
		load(b);
	if (!b->loaded || b->stopping)
		return;
	scan(b);
	for (;;) {
		g_autoptr(GArray) cameras = g_array_new(FALSE, FALSE, sizeof(PtBackfillCamera));
		g_mutex_lock(&b->lock);
		PtBackfillView view = view_of(b, cameras);
		int next = b->stopping ? -1 : pt_backfill_next(&view);
		PtJobRow job = {0};
		Source *source = NULL;
		if (next >= 0) {
			job = view.jobs[next];
			source = source_copy(find_source(b, job.camera));
		}
		g_mutex_unlock(&b->lock);
		if (next < 0)
			return;
		begin_run(b, &job, source);
	}
}

/* Main thread: how the cameras are now. */
static gboolean look(void *data) {
	PtBackfill *b = data;
	GPtrArray *sources = g_ptr_array_new_with_free_func(source_free);
	for (guint i = 0; b->site && i < b->site->cameras->len; i++) {
		const PtSiteCamera *c = g_ptr_array_index(b->site->cameras, i);
		if (pt_site_is_onvif(c))
			g_ptr_array_add(sources, source_new(b, c));
	}
	g_mutex_lock(&b->lock);
	bool matters = b->jobs->len > 0;
	g_mutex_unlock(&b->lock);
	bool metered = matters && g_network_monitor_get_network_metered(g_network_monitor_get_default());
	g_mutex_lock(&b->lock);
	GPtrArray *old = b->sources;
	b->sources = sources;
	for (guint i = 0; i < sources->len; i++) {
		const Source *s = g_ptr_array_index(sources, i);
		pt_cameras_set_refillable(b->env.cameras, s->name,
		                          s->plan.ready && s->plan.wanted && !g_hash_table_contains(b->poor, s->name));
	}
	b->metered = metered;
	g_mutex_unlock(&b->lock);
	g_ptr_array_unref(old);
	pt_loop_post(b->books, tick, b);
	return G_SOURCE_CONTINUE;
}

PtBackfill *pt_backfill_new(const PtBackfillEnv *env) {
	PtBackfill *b = g_new0(PtBackfill, 1);
	b->env = *env;
	g_mutex_init(&b->lock);
	b->sources = g_ptr_array_new_with_free_func(source_free);
	b->runs = g_ptr_array_new();
	b->jobs = g_array_new(FALSE, FALSE, sizeof(PtJobRow));
	b->poor = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	b->books = pt_loop_new("pt-books");
	b->timer = g_timeout_add_seconds(TICK_S, look, b);
	return b;
}

void pt_backfill_apply(PtBackfill *b, PtSite *site) {
	PtSite *old = b->site;
	b->site = pt_site_ref(site);
	pt_site_unref(old);
	g_mutex_lock(&b->lock);
	GTimeZone *zone = b->zone;
	b->zone = site->zone ? g_time_zone_ref(site->zone) : NULL;
	g_mutex_unlock(&b->lock);
	if (zone)
		g_time_zone_unref(zone);
}

/* Books' thread. What is fetched and not put in is let go; an end that is told already is on its way here. */
static void stop_runs(void *data) {
	PtBackfill *b = data;
	for (guint i = b->runs->len; i-- > 0;) {
		Run *r = g_ptr_array_index(b->runs, i);
		r->stopped = true;
		g_mutex_lock(&b->lock);
		PtGapFetch *fetch = r->answered ? NULL : g_steal_pointer(&r->fetch);
		g_mutex_unlock(&b->lock);
		pt_gap_fetch_free(fetch);
		if (fetch && !r->answered)
			end_run(r);
	}
}

static void nothing(void *data) {}

void pt_backfill_free(PtBackfill *b) {
	if (!b)
		return;
	g_source_remove(b->timer);
	g_mutex_lock(&b->lock);
	b->stopping = true;
	g_mutex_unlock(&b->lock);
	pt_loop_call(b->books, stop_runs, b);
	pt_loop_call(b->books, nothing, NULL);
	pt_loop_free(b->books);
	for (guint i = 0; i < b->runs->len; i++) /* those that wait for a camera's answer end with it */
		((Run *)g_ptr_array_index(b->runs, i))->owner = NULL;
	g_ptr_array_unref(b->sources);
	g_ptr_array_unref(b->runs);
	g_array_unref(b->jobs);
	g_hash_table_unref(b->poor);
	if (b->zone)
		g_time_zone_unref(b->zone);
	pt_site_unref(b->site);
	g_mutex_clear(&b->lock);
	g_free(b);
}

/* ---- what others ask ---- */

typedef struct {
	PtBackfill *backfill;
	const char *camera;
	int64_t from, to;
	int found;
	GError *error;
} Wish;

/* What was given up before is tried again. known: its job, or NULL. */
static void take_up(PtBackfill *b, const PtSeriesRow *series, const PtGapRow *gap, const PtJobRow *known) {
	PtJobRow job = known ? *known : job_of(b, series, gap, true);
	job.urgent = true;
	if (!known || job.state >= PT_JOB_FILLED || job.state == PT_JOB_FOUND) {
		job.state = PT_JOB_FOUND;
		job.tries = 0;
		job.due_ns = now_of(b);
		note_job(b, &job);
	}
}

/* All at once: there may be thousands. */
static void take_up_series(Wish *w, const PtSeriesRow *series) {
	PtBackfill *b = w->backfill;
	g_autoptr(GArray) gaps = pt_store_gaps(store_of(b), series->id, w->from, w->to, &w->error);
	g_autoptr(GArray) jobs =
	    gaps ? pt_store_jobs(store_of(b), series->id, INT64_MIN, INT64_MAX, false, &w->error) : NULL;
	if (!jobs || !pt_store_begin(store_of(b), false, &w->error))
		return;
	for (guint i = 0, k = 0; i < gaps->len;) {
		PtGapRow gap = joined(gaps, &i);
		const PtJobRow *known = job_at(jobs, &k, &gap);
		if (!can_be_filled(&gap) || is_within_a_file(b, series->id, &gap))
			continue;
		take_up(b, series, &gap, known);
		w->found++;
	}
	pt_store_commit(store_of(b), &w->error);
}

static void ask(void *data) {
	Wish *w = data;
	PtBackfill *b = w->backfill;
	g_autoptr(GArray) all = pt_store_all_series(store_of(b), false, &w->error);
	for (guint i = 0; all && i < all->len && !w->error; i++) {
		const PtSeriesRow *series = &g_array_index(all, PtSeriesRow, i);
		if (!strcmp(series->camera, w->camera) && strcmp(series->stream, "metadata"))
			take_up_series(w, series);
	}
	tick(b);
}

int pt_backfill_ask(PtBackfill *b, const char *camera, int64_t from_ns, int64_t to_ns, GError **error) {
	Wish wish = {.backfill = b, .camera = camera, .from = from_ns, .to = to_ns};
	pt_loop_call(b->books, ask, &wish);
	if (!wish.error)
		return wish.found;
	g_propagate_error(error, wish.error);
	return -1;
}

bool pt_backfill_drill(PtBackfill *b, const char *camera, int64_t length_ns, GError **error) {
	g_mutex_lock(&b->lock);
	const Source *s = find_source(b, camera);
	const char *why = !s                    ? "only cameras by onvif:// can be asked for what they recorded"
	                  : !s->plan.ready      ? "the camera is not reached, or does not replay what it recorded"
	                  : !s->plan.wanted     ? "backfill is switched off for this camera"
	                  : !s->main && !s->sub ? "it is not recorded all the time, so that nothing would be missing"
	                  : b->paused           ? "filling is paused"
	                                        : NULL;
	g_mutex_unlock(&b->lock);
	if (why)
		pt_error_set(error, UNSUPPORTED, "no drill of camera %s: %s", camera, why);
	else if (!pt_cameras_cut(b->env.cameras, camera, length_ns, "a drill"))
		pt_error_set(error, BUSY, "no drill of camera %s: another one is on, or nothing of it is being recorded now",
		             camera);
	else
		return true;
	return false;
}

void pt_backfill_pause(PtBackfill *b, bool pause) {
	g_mutex_lock(&b->lock);
	b->paused = pause;
	g_mutex_unlock(&b->lock);
}

bool pt_backfill_paused(PtBackfill *b) {
	g_mutex_lock(&b->lock);
	bool paused = b->paused;
	g_mutex_unlock(&b->lock);
	return paused;
}

unsigned pt_backfill_get_progress(PtBackfill *b, PtJobProgress *ret, unsigned max) {
	unsigned n = 0;
	g_mutex_lock(&b->lock);
	for (guint i = 0; i < b->runs->len && n < max; i++) {
		Run *r = g_ptr_array_index(b->runs, i);
		PtFetchStats stats = {0};
		ret[n] = (PtJobProgress){.job = r->job.id};
		if (r->fetch)
			pt_gap_fetch_progress(r->fetch, &ret[n].reached_ns, &stats);
		ret[n].bytes = stats.bytes;
		ret[n++].samples = stats.samples;
	}
	g_mutex_unlock(&b->lock);
	return n;
}

void pt_backfill_get_wait(PtBackfill *b, const PtJobRow *job, char *ret, size_t size) {
	g_autoptr(GArray) cameras = g_array_new(FALSE, FALSE, sizeof(PtBackfillCamera));
	g_mutex_lock(&b->lock);
	PtBackfillView view = view_of(b, cameras);
	const char *why = job->state != PT_JOB_FOUND ? NULL
	                  : b->paused                ? "filling is paused"
	                                             : pt_backfill_waits(&view, job);
	g_strlcpy(ret, why ? why : "", size);
	g_mutex_unlock(&b->lock);
}
