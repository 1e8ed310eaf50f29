/* The archive over HTTP: timeline, gaps, what is kept, and footage to play. All of it asks the disk, so all of it runs on
 * threads of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/playback.h"
#include "base/error.h"
#include "media/codec/job.h"
#include "web/host.h"
#include <string.h>

#define MERGE_NS PT_NS_PER_S
#define PLAY_MAX (48u << 20)
#define SPAN_MAX (INT64_C(10) * 366 * 86400 * PT_NS_PER_S)

static const char *const series_names[] = {"main", "sub", "audio", "metadata"};

/* One question to the archive, answered on a thread. */
typedef struct Ask Ask;
struct Ask {
	PtHost *host;
	PtRequest *request;
	char *camera, *stream;
	char **cameras; /* those asked for, all visible to the caller */
	bool detail;    /* gaps of any length */
	int64_t from, to, epoch;
	PtKeepRow keep;
	JsonBuilder *json;
	PtPlayback playback;
	bool (*work)(Ask *ask, GError **error);
	void (*answer)(Ask *ask);
};

static void ask_free(void *data) {
	Ask *a = data;
	pt_request_unref(a->request);
	g_free(a->camera);
	g_free(a->stream);
	g_strfreev(a->cameras);
	g_clear_object(&a->json);
	pt_playback_clear(&a->playback);
	g_free(a);
}

static void answer_json(Ask *a) { pt_api_reply(a->request, a->json); }

static void ask_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Ask *a = data;
	GError *error = NULL;
	if (a->work(a, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

static void ask_done(GObject *source, GAsyncResult *result, gpointer data) {
	Ask *a = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	if (g_task_propagate_boolean(G_TASK(result), &error))
		a->answer(a);
	else
		pt_request_fail_error(a->request, error);
}

static void ask_run(Ask *a, bool (*work)(Ask *, GError **)) {
	a->work = work;
	if (!a->answer)
		a->answer = answer_json;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, ask_done, NULL);
	g_task_set_task_data(task, a, ask_free);
	g_task_run_in_thread(task, ask_in_thread);
}

/* NULL when the request has been answered already. */
static Ask *ask_new(PtHost *host, PtRequest *r) {
	if (!host->archive) {
		pt_request_fail(r, 503, "%s", host->archive_error ? host->archive_error : "there is no archive");
		return NULL;
	}
	Ask *a = g_new0(Ask, 1);
	a->host = host;
	a->request = pt_request_ref(r);
	a->json = json_builder_new();
	int64_t now = pt_wall_ns(host->clock);
	if (!pt_api_time(r, "from", now - 86400 * PT_NS_PER_S, &a->from) || !pt_api_time(r, "to", now, &a->to)) {
		ask_free(a);
		return NULL;
	}
	if (a->to <= a->from || a->to - a->from > SPAN_MAX) {
		pt_request_fail(r, 400, "to has to be later than from, by at most ten years");
		ask_free(a);
		return NULL;
	}
	return a;
}

static const char *valid_stream(const char *name) {
	for (unsigned i = 0; i < G_N_ELEMENTS(series_names); i++)
		if (!g_strcmp0(name ? name : "main", series_names[i]))
			return series_names[i];
	return NULL;
}

/* "camera=a,b" or all the caller may see. False: answered. */
static bool choose_cameras(Ask *a) {
	PtSite *site = a->host->site(a->host->user);
	const char *wanted = pt_request_query(a->request, "camera");
	g_auto(GStrv) names = wanted ? g_strsplit(wanted, ",", 1000) : NULL;
	g_autoptr(GPtrArray) chosen = g_ptr_array_new_with_free_func(g_free);
	for (char **n = names; n && *n; n++) {
		if (!pt_site_camera(site, *n) || !pt_request_may_see(a->request, *n)) {
			pt_request_fail(a->request, 404, "there is no camera '%s'", *n);
			return false;
		}
		g_ptr_array_add(chosen, g_strdup(*n));
	}
	for (guint i = 0; !names && i < site->cameras->len; i++) {
		const PtSiteCamera *c = g_ptr_array_index(site->cameras, i);
		if (pt_request_may_see(a->request, c->name))
			g_ptr_array_add(chosen, g_strdup(c->name));
	}
	g_ptr_array_add(chosen, NULL);
	a->cameras = (char **)g_ptr_array_steal(chosen, NULL);
	return true;
}

/* ---- timeline and gaps ---- */

static int64_t to_ms(int64_t ns) { return ns / PT_NS_PER_MS; }

static bool put_coverage(Ask *a, const PtSeriesRow *s, GError **error) {
	g_autoptr(GArray) spans =
	    pt_store_coverage(pt_archive_store(a->host->archive), s->id, a->from, a->to, MERGE_NS, error);
	if (!spans)
		return false;
	const int64_t *v = (const int64_t *)(const void *)spans->data;
	pt_json_array(a->json, "footage");
	for (guint i = 0; i < spans->len; i++) {
		json_builder_begin_array(a->json);
		json_builder_add_int_value(a->json, to_ms(v[2 * i]));
		json_builder_add_int_value(a->json, to_ms(v[2 * i + 1]));
		json_builder_end_array(a->json);
	}
	json_builder_end_array(a->json);
	return true;
}

static bool put_gaps(Ask *a, const PtSeriesRow *s, int64_t at_least_ns, GError **error) {
	g_autoptr(GArray) gaps = pt_store_gaps(pt_archive_store(a->host->archive), s->id, a->from, a->to, error);
	if (!gaps)
		return false;
	pt_json_array(a->json, "gaps");
	for (guint i = 0; i < gaps->len; i++) {
		const PtGapRow *g = &g_array_index(gaps, PtGapRow, i);
		if (g->end_ns && g->end_ns - g->start_ns < at_least_ns)
			continue;
		pt_json_object(a->json, NULL);
		pt_json_int(a->json, "start", to_ms(g->start_ns));
		if (g->end_ns)
			pt_json_int(a->json, "end", to_ms(g->end_ns));
		pt_json_text(a->json, "reason", g->reason);
		json_builder_end_object(a->json);
	}
	json_builder_end_array(a->json);
	return true;
}

static bool timeline_work(Ask *a, GError **error) {
	g_autoptr(GArray) all = pt_store_all_series(pt_archive_store(a->host->archive), false, error);
	if (!all)
		return false;
	JsonBuilder *b = a->json;
	pt_json_object(b, NULL);
	pt_json_int(b, "from", to_ms(a->from));
	pt_json_int(b, "to", to_ms(a->to));
	pt_json_object(b, "cameras");
	for (char **camera = a->cameras; *camera; camera++) {
		pt_json_object(b, *camera);
		for (guint i = 0; i < all->len; i++) {
			const PtSeriesRow *s = &g_array_index(all, PtSeriesRow, i);
			if (strcmp(s->camera, *camera) || (a->stream && strcmp(s->stream, a->stream)))
				continue;
			pt_json_object(b, s->stream);
			pt_json_int(b, "first", to_ms(s->first_ns));
			pt_json_int(b, "last", to_ms(s->last_ns));
			/* what is narrower than a pixel of a wide screen is not worth sending */
			if (!put_coverage(a, s, error) || !put_gaps(a, s, a->detail ? 0 : (a->to - a->from) / 4000, error))
				return false;
			json_builder_end_object(b);
		}
		json_builder_end_object(b);
	}
	json_builder_end_object(b);
	json_builder_end_object(b);
	return true;
}

static void get_timeline(PtRequest *r, void *data) {
	Ask *a = ask_new(data, r);
	if (!a)
		return;
	const char *stream = pt_request_query(r, "stream");
	if (stream && !valid_stream(stream)) {
		pt_request_fail(r, 400, "stream: '%s' is not one of main, sub, audio, metadata", stream);
		ask_free(a);
		return;
	}
	a->stream = g_strdup(stream);
	a->detail = pt_request_query(r, "detail") != NULL;
	if (!choose_cameras(a)) {
		ask_free(a);
		return;
	}
	ask_run(a, timeline_work);
}

/* ---- GET /api/archive: what is there, in total; /api/archive/segments ---- */

static bool totals_work(Ask *a, GError **error) {
	g_autoptr(GArray) all = pt_store_all_series(pt_archive_store(a->host->archive), true, error);
	if (!all)
		return false;
	pt_json_object(a->json, NULL);
	pt_json_array(a->json, "series");
	for (guint i = 0; i < all->len; i++) {
		const PtSeriesRow *s = &g_array_index(all, PtSeriesRow, i);
		if (!s->segments || !pt_request_may_see(a->request, s->camera))
			continue;
		pt_json_object(a->json, NULL);
		pt_json_text(a->json, "camera", s->camera);
		pt_json_text(a->json, "stream", s->stream);
		pt_json_time(a->json, "first", s->first_ns);
		pt_json_time(a->json, "last", s->last_ns);
		pt_json_int(a->json, "segments", s->segments);
		pt_json_int(a->json, "bytes", s->bytes);
		json_builder_end_object(a->json);
	}
	json_builder_end_array(a->json);
	json_builder_end_object(a->json);
	return true;
}

static void get_totals(PtRequest *r, void *data) {
	Ask *a = ask_new(data, r);
	if (a)
		ask_run(a, totals_work);
}

static bool segments_work(Ask *a, GError **error) {
	PtStore *store = pt_archive_store(a->host->archive);
	int64_t series = pt_store_series(store, a->camera, a->stream, error);
	g_autoptr(GArray) rows = series ? pt_store_segments(store, series, a->from, a->to, error) : NULL;
	if (!rows)
		return false;
	pt_json_object(a->json, NULL);
	pt_json_array(a->json, "segments");
	for (guint i = 0; i < rows->len; i++) {
		const PtSegmentRow *s = &g_array_index(rows, PtSegmentRow, i);
		pt_json_object(a->json, NULL);
		pt_json_time(a->json, "start", s->start_ns);
		pt_json_time(a->json, "end", s->end_ns);
		pt_json_int(a->json, "bytes", s->bytes);
		pt_json_text(a->json, "path", s->path);
		pt_json_text(a->json, "codec", s->codec);
		pt_json_int(a->json, "width", s->width);
		pt_json_int(a->json, "height", s->height);
		pt_json_bool(a->json, "open", s->open);
		json_builder_end_object(a->json);
	}
	json_builder_end_array(a->json);
	json_builder_end_object(a->json);
	return true;
}

/* Camera of the path and stream of the query; NULL: answered. */
static Ask *ask_camera(PtHost *host, PtRequest *r) {
	const PtSiteCamera *camera = pt_api_camera(host, r);
	const char *stream = pt_request_query(r, "stream");
	if (!camera)
		return NULL;
	if (!valid_stream(stream)) {
		pt_request_fail(r, 400, "stream: '%s' is not one of main, sub, audio, metadata", stream);
		return NULL;
	}
	if (!g_strcmp0(stream, "audio") && !pt_api_may_listen(r, camera))
		return NULL;
	Ask *a = ask_new(host, r);
	if (a) {
		a->camera = g_strdup(camera->name);
		a->stream = g_strdup(valid_stream(stream));
	}
	return a;
}

static void get_segments(PtRequest *r, void *data) {
	Ask *a = ask_camera(data, r);
	if (a)
		ask_run(a, segments_work);
}

/* ---- keeping ---- */

static bool keeps_work(Ask *a, GError **error) {
	g_autoptr(GArray) rows = pt_store_keeps(pt_archive_store(a->host->archive), NULL, error);
	if (!rows)
		return false;
	pt_json_object(a->json, NULL);
	pt_json_array(a->json, "kept");
	for (guint i = 0; i < rows->len; i++) {
		const PtKeepRow *k = &g_array_index(rows, PtKeepRow, i);
		if (!pt_request_may_see(a->request, k->camera))
			continue;
		g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, k->id);
		pt_json_object(a->json, NULL);
		pt_json_text(a->json, "id", id);
		pt_json_text(a->json, "camera", k->camera);
		pt_json_time(a->json, "from", k->start_ns);
		pt_json_time(a->json, "to", k->end_ns);
		pt_json_time(a->json, "until", k->until_ns);
		pt_json_text(a->json, "who", k->who);
		pt_json_text(a->json, "why", k->why);
		pt_json_bool(a->json, "person", k->person);
		json_builder_end_object(a->json);
	}
	json_builder_end_array(a->json);
	json_builder_end_object(a->json);
	return true;
}

static void get_keeps(PtRequest *r, void *data) {
	Ask *a = ask_new(data, r);
	if (a)
		ask_run(a, keeps_work);
}

/* What people keep and release is in the log, with who did it. */
static void log_keep(Ask *a, const char *state) {
	const PtKeepRow *k = &a->keep;
	g_autofree char *from = pt_time_format(k->start_ns), *to = pt_time_format(k->end_ns);
	g_autofree char *until = k->until_ns ? pt_time_format(k->until_ns) : NULL;
	g_autofree char *source = g_strconcat("camera/", k->camera, NULL);
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(a->request)->user, NULL);
	g_autofree char *detail = g_strdup_printf("%s to %s%s%s%s%s", from, to, until ? ", until " : "", until ? until : "",
	                                          k->why[0] ? ": " : "", k->why);
	g_autoptr(PtEvent) event = pt_event_now(a->host->clock, source, PT_TOPIC_ARCHIVE, state, actor, detail);
	pt_bus_publish(a->host->bus, event);
}

static void answer_kept(Ask *a) {
	log_keep(a, "kept");
	answer_json(a);
}

static void answer_released(Ask *a) {
	log_keep(a, "released");
	answer_json(a);
}

static bool keep_work(Ask *a, GError **error) {
	PtStore *store = pt_archive_store(a->host->archive);
	a->keep.id = pt_store_new_id(store);
	if (!pt_store_put_keep(store, &a->keep, error))
		return false;
	g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, a->keep.id);
	pt_json_object(a->json, NULL);
	pt_json_text(a->json, "id", id);
	json_builder_end_object(a->json);
	return true;
}

static void post_keep(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	Ask *a = body ? ask_new(host, r) : NULL;
	if (!a)
		return;
	const char *camera = pt_api_text(body, "camera"), *why = pt_api_text(body, "why"),
	           *until = pt_api_text(body, "until");
	const char *from = pt_api_text(body, "from"), *to = pt_api_text(body, "to");
	g_autoptr(GError) error = NULL;
	if (!camera || !pt_site_camera(host->site(host->user), camera) || !pt_request_may_see(r, camera))
		pt_error_set(&error, NOT_FOUND, "there is no camera '%s'", camera ? camera : "");
	if (error || !pt_time_parse(from, &a->keep.start_ns, &error) || !pt_time_parse(to, &a->keep.end_ns, &error) ||
	    (until && !pt_time_parse(until, &a->keep.until_ns, &error))) {
		pt_request_fail_error(r, error);
		ask_free(a);
		return;
	}
	bool past = until && a->keep.until_ns <= pt_wall_ns(host->clock);
	if (past || a->keep.end_ns <= a->keep.start_ns) {
		pt_request_fail(r, 400, past ? "until has to be in the future" : "to has to be later than from");
		ask_free(a);
		return;
	}
	a->keep.person = true;
	g_strlcpy(a->keep.camera, camera, sizeof a->keep.camera);
	g_strlcpy(a->keep.who, pt_request_caller(r)->user, sizeof a->keep.who);
	g_strlcpy(a->keep.why, why ? why : "", sizeof a->keep.why);
	a->answer = answer_kept;
	ask_run(a, keep_work);
}

static bool release_work(Ask *a, GError **error) {
	PtStore *store = pt_archive_store(a->host->archive);
	g_autoptr(GArray) rows = pt_store_keeps(store, NULL, error);
	if (!rows)
		return false;
	for (guint i = 0; i < rows->len; i++) {
		const PtKeepRow *k = &g_array_index(rows, PtKeepRow, i);
		if (k->id != a->keep.id)
			continue;
		if (!pt_request_may_see(a->request, k->camera)) {
			pt_error_set(error, NOT_FOUND, "nothing is kept under %" G_GINT64_FORMAT, k->id);
			return false;
		}
		a->keep = *k;
	}
	if (!pt_store_delete_keep(store, a->keep.id, error))
		return false;
	pt_json_object(a->json, NULL);
	pt_json_bool(a->json, "ok", true);
	json_builder_end_object(a->json);
	return true;
}

static void delete_keep(PtRequest *r, void *data) {
	gint64 id = 0;
	if (!g_ascii_string_to_signed(pt_request_segment(r, 0), 10, 1, G_MAXINT64, &id, NULL)) {
		pt_request_fail(r, 404, "nothing is kept under '%s'", pt_request_segment(r, 0));
		return;
	}
	Ask *a = ask_new(data, r);
	if (!a)
		return;
	a->keep.id = id;
	a->answer = answer_released;
	ask_run(a, release_work);
}

/* ---- footage to play: GET /api/cameras/NAME/play.mp4?stream=&from=&to=&epoch= ---- */

static bool play_work(Ask *a, GError **error) {
	return pt_playback_read(
	    a->host->archive, a->camera, a->stream,
	    &(PtPlaybackWindow){.from_ns = a->from, .to_ns = a->to, .epoch_ns = a->epoch, .max_bytes = PLAY_MAX},
	    &a->playback, error);
}

static void play_answer(Ask *a) {
	PtPlayback *p = &a->playback;
	g_autofree char *next = g_strdup_printf("%.3f", (double)p->end_ns / PT_NS_PER_S);
	pt_request_add_header(a->request, "Pigtail-Next", next);
	pt_request_add_header(a->request, "Pigtail-More", p->more ? "1" : "0");
	if (!p->format) {
		pt_request_reply(a->request, 204, NULL, NULL);
		return;
	}
	g_autofree char *first = g_strdup_printf("%.6f", (double)p->first_ns / PT_NS_PER_S);
	g_autofree char *mime =
	    g_strdup_printf("%s/mp4; codecs=\"%s\"", pt_codec_kind(p->format->codec) == PT_KIND_VIDEO ? "video" : "audio",
	                    p->format->rfc6381);
	pt_request_add_header(a->request, "Pigtail-First", first);
	pt_request_add_header(a->request, "Pigtail-Mime", mime);
	pt_request_add_header(a->request, "Pigtail-Codec", pt_codec_name(p->format->codec));
	g_autoptr(GBytes) bytes = g_bytes_new_take(p->bytes.data, p->bytes.size);
	p->bytes = (PtBuf){0};
	pt_request_reply(a->request, 200, "video/mp4", bytes);
}

static void get_play(PtRequest *r, void *data) {
	Ask *a = ask_camera(data, r);
	if (!a)
		return;
	if (!pt_api_time(r, "epoch", a->from, &a->epoch)) {
		ask_free(a);
		return;
	}
	a->answer = play_answer;
	ask_run(a, play_work);
}

void pt_api_add_archive(PtHost *host) {
	PtServer *s = host->server;
	pt_server_route(s, "GET", "/api/timeline", PT_ROLE_VIEWER, get_timeline, host);
	pt_server_route(s, "GET", "/api/archive", PT_ROLE_VIEWER, get_totals, host);
	pt_server_route(s, "GET", "/api/cameras/*/segments", PT_ROLE_VIEWER, get_segments, host);
	pt_server_route(s, "GET", "/api/cameras/*/play.mp4", PT_ROLE_VIEWER, get_play, host);
	pt_server_route(s, "GET", "/api/keep", PT_ROLE_VIEWER, get_keeps, host);
	pt_server_route(s, "POST", "/api/keep", PT_ROLE_OPERATOR, post_keep, host);
	pt_server_route(s, "DELETE", "/api/keep/*", PT_ROLE_OPERATOR, delete_keep, host);
}
