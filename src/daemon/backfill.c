/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill.h"
#include "base/error.h"
#include "daemon/backfill-internal.h"
#include "daemon/camera-clock.h"
#include "daemon/camera-feed.h"
#include <gio/gio.h>
#include <string.h>

#define TICK_S 1
#define RUNS_MAX 3

/* ---- sources ---- */

void pt_backfill_source_free(void *data) {
	PtBackfillSource *s = data;
	g_free(s->name);
	g_free(s->user);
	g_free(s->password);
	g_free(s->origin);
	g_free(s);
}

static PtBackfillSource *source_new(PtBackfill *b, const PtSiteCamera *c) {
	PtBackfillSource *s = g_new0(PtBackfillSource, 1);
	PtOnvifCamera *camera = pt_onvif_camera_get(c->name);
	PtOnvifView view;
	pt_onvif_camera_view(camera, &view);
	PtOnvifDevice *device = pt_onvif_camera_device(camera);
	s->name = g_strdup(c->name);
	s->user = g_strdup(c->login ? c->login->user : NULL);
	s->password = g_strdup(c->login ? c->login->password : NULL);
	s->trust = pt_feed_trust(c);
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
	bool fresh;
	s->rough = !pt_camera_clock(b->env.cameras, c->name, &view, &s->offset_ns, &fresh);
	s->plan.rough = !fresh;
	int64_t hold = pt_cameras_hold_ns(b->env.cameras, c->name), since;
	s->offset_ns -= hold;
	if (s->plan.ready && (pt_cameras_records(b->env.cameras, c->name, "main", &since) ||
	                      pt_cameras_records(b->env.cameras, c->name, "sub", &since)))
		s->live_ns = now_of(b) + hold;
	pt_onvif_camera_unref(camera);
	return s;
}

static PtBackfillSource *source_copy(const PtBackfillSource *from) {
	PtBackfillSource *s = g_memdup2(from, sizeof *from);
	s->name = g_strdup(from->name);
	s->user = g_strdup(from->user);
	s->password = g_strdup(from->password);
	s->origin = g_strdup(from->origin);
	s->plan.name = s->name;
	return s;
}

const PtBackfillSource *pt_backfill_source(PtBackfill *b, const char *camera) {
	for (guint i = 0; i < b->sources->len; i++) {
		const PtBackfillSource *s = g_ptr_array_index(b->sources, i);
		if (!strcmp(s->name, camera))
			return s;
	}
	return NULL;
}

/* ---- the tick ---- */

/* Under the lock; cameras: freed by the caller. */
static PtBackfillView view_of(PtBackfill *b, GArray *cameras) {
	for (guint i = 0; i < b->sources->len; i++) {
		PtBackfillCamera c = ((const PtBackfillSource *)g_ptr_array_index(b->sources, i))->plan;
		for (guint k = 0; k < b->runs->len; k++)
			c.running += !strcmp(((const PtBackfillRun *)g_ptr_array_index(b->runs, k))->job.camera, c.name);
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
		pt_backfill_load(b);
	if (!b->loaded || b->stopping)
		return;
	pt_backfill_note_clocks(b);
	pt_backfill_scan(b);
	for (;;) {
		g_autoptr(GArray) cameras = g_array_new(FALSE, FALSE, sizeof(PtBackfillCamera));
		g_mutex_lock(&b->lock);
		PtBackfillView view = view_of(b, cameras);
		int next = b->stopping ? -1 : pt_backfill_next(&view);
		PtJobRow job = {0};
		PtBackfillSource *source = NULL;
		if (next >= 0) {
			job = view.jobs[next];
			source = source_copy(pt_backfill_source(b, job.camera));
		}
		g_mutex_unlock(&b->lock);
		if (next < 0)
			return;
		pt_backfill_begin(b, &job, source);
	}
}

/* Main thread: how the cameras are now. */
static gboolean look(void *data) {
	PtBackfill *b = data;
	GPtrArray *sources = g_ptr_array_new_with_free_func(pt_backfill_source_free);
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
		const PtBackfillSource *s = g_ptr_array_index(sources, i);
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
	b->sources = g_ptr_array_new_with_free_func(pt_backfill_source_free);
	b->runs = g_ptr_array_new();
	b->jobs = g_array_new(FALSE, FALSE, sizeof(PtJobRow));
	b->poor = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	b->clocks = pt_backfill_clocks_new();
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

static void nothing(void *data) {}

void pt_backfill_free(PtBackfill *b) {
	if (!b)
		return;
	g_source_remove(b->timer);
	g_mutex_lock(&b->lock);
	b->stopping = true;
	g_mutex_unlock(&b->lock);
	pt_loop_call(b->books, pt_backfill_stop_runs, b);
	pt_loop_call(b->books, nothing, NULL);
	pt_loop_free(b->books);
	for (guint i = 0; i < b->runs->len; i++) /* those that wait for a camera's answer end with it */
		((PtBackfillRun *)g_ptr_array_index(b->runs, i))->owner = NULL;
	g_ptr_array_unref(b->sources);
	g_ptr_array_unref(b->runs);
	g_array_unref(b->jobs);
	g_hash_table_unref(b->poor);
	g_hash_table_unref(b->clocks);
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
	PtJobRow job = known ? *known : pt_backfill_job_of(b, series, gap, true);
	job.urgent = true;
	if (!known || job.state >= PT_JOB_FILLED || job.state == PT_JOB_FOUND) {
		job.state = PT_JOB_FOUND;
		job.tries = 0;
		job.due_ns = now_of(b);
		pt_backfill_note_job(b, &job);
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
		PtGapRow gap = pt_backfill_joined(gaps, &i);
		const PtJobRow *known = pt_backfill_job_at(jobs, &k, &gap);
		if (!pt_backfill_can_fill(&gap) || pt_backfill_is_within_a_file(b, series->id, &gap))
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
	const PtBackfillSource *s = pt_backfill_source(b, camera);
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
	pt_loop_post(b->books, pt_backfill_pause_runs, b);
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
		PtBackfillRun *r = g_ptr_array_index(b->runs, i);
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
