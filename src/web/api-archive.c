/* The archive over HTTP: what there is in total and in files, what is kept, and footage to play. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/still.h"
#include "base/error.h"
#include "media/codec/job.h"
#include "web/ask.h"
#include <string.h>

#define PLAY_MAX (48u << 20)
#define PICTURE_LATE_NS (10 * PT_NS_PER_S) /* what the archive does not hold then never comes */

/* ---- GET /api/archive: what is there, in total; /api/archive/segments ---- */

static bool totals_work(PtAsk *a, GError **error) {
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
	PtAsk *a = pt_ask_new(data, r);
	if (a)
		pt_ask_run(a, totals_work);
}

static bool segments_work(PtAsk *a, GError **error) {
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
		pt_json_bool(a->json, "fetched", s->fetched);
		pt_json_bool(a->json, "other_quality", s->other);
		pt_json_bool(a->json, "open", s->open);
		json_builder_end_object(a->json);
	}
	json_builder_end_array(a->json);
	json_builder_end_object(a->json);
	return true;
}

static void get_segments(PtRequest *r, void *data) {
	PtAsk *a = pt_ask_camera(data, r);
	if (a)
		pt_ask_run(a, segments_work);
}

/* ---- keeping ---- */

static bool keeps_work(PtAsk *a, GError **error) {
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
	PtAsk *a = pt_ask_new(data, r);
	if (a)
		pt_ask_run(a, keeps_work);
}

/* What people keep and release is in the log, with who did it. */
static void log_keep(PtAsk *a, const char *state) {
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

static void answer_kept(PtAsk *a) {
	log_keep(a, "kept");
	pt_ask_answer(a);
}

static void answer_released(PtAsk *a) {
	log_keep(a, "released");
	pt_ask_answer(a);
}

static bool keep_work(PtAsk *a, GError **error) {
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
	PtAsk *a = body ? pt_ask_new(host, r) : NULL;
	if (!a)
		return;
	const char *camera = pt_api_text(body, "camera"), *why = pt_api_text(body, "why");
	const char *from = pt_api_text(body, "from"), *to = pt_api_text(body, "to");
	g_autoptr(GError) error = NULL;
	if (!camera || !pt_site_camera(host->site(host->user), camera) || !pt_request_may_see(r, camera))
		pt_error_set(&error, NOT_FOUND, "there is no camera '%s'", camera ? camera : "");
	if (error || !pt_time_parse(from, &a->keep.start_ns, &error) || !pt_time_parse(to, &a->keep.end_ns, &error) ||
	    !pt_api_body_time(body, "until", &a->keep.until_ns, &error)) {
		pt_request_fail_error(r, error);
		pt_ask_free(a);
		return;
	}
	bool past = json_object_has_member(body, "until") && a->keep.until_ns <= pt_wall_ns(host->clock);
	if (past || a->keep.end_ns <= a->keep.start_ns) {
		pt_request_fail(r, 400, past ? "until has to be in the future" : "to has to be later than from");
		pt_ask_free(a);
		return;
	}
	a->keep.person = true;
	g_strlcpy(a->keep.camera, camera, sizeof a->keep.camera);
	g_strlcpy(a->keep.who, pt_request_caller(r)->user, sizeof a->keep.who);
	g_strlcpy(a->keep.why, why ? why : "", sizeof a->keep.why);
	a->answer = answer_kept;
	pt_ask_run(a, keep_work);
}

static bool release_work(PtAsk *a, GError **error) {
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
	PtAsk *a = pt_ask_new(data, r);
	if (!a)
		return;
	a->keep.id = id;
	a->answer = answer_released;
	pt_ask_run(a, release_work);
}

/* ---- footage to play: GET /api/cameras/NAME/play.mp4?stream=&from=&to=&epoch= ---- */

static bool play_work(PtAsk *a, GError **error) {
	return pt_playback_read(
	    a->host->archive, a->camera, a->stream,
	    &(PtPlaybackWindow){.from_ns = a->from, .to_ns = a->to, .epoch_ns = a->epoch, .max_bytes = PLAY_MAX},
	    &a->playback, error);
}

static void play_answer(PtAsk *a) {
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
	PtAsk *a = pt_ask_camera(data, r);
	if (!a)
		return;
	if (!pt_api_time(r, "epoch", a->from, &a->epoch)) {
		pt_ask_free(a);
		return;
	}
	a->answer = play_answer;
	pt_ask_run(a, play_work);
}

/* ---- what was to be seen at a time: GET /api/cameras/NAME/picture.jpg?at=&width= ---- */

static bool picture_work(PtAsk *a, GError **error) {
	bool early;
	a->still = pt_still_find(a->host->archive, a->camera, a->epoch, &early, error);
	if (!a->still || !early || pt_wall_ns(a->host->clock) - a->epoch > PICTURE_LATE_NS)
		return a->still != NULL;
	pt_error_set(error, NOT_FOUND, "camera %s is not recorded up to that time yet: ask again", a->camera);
	return false;
}

static void picture_answer(PtAsk *a) {
	g_autofree char *when = pt_time_format(a->still->wall_ns);
	pt_request_add_header(a->request, "Pigtail-Time", when);
	pt_api_reply_picture(a->request, a->still, a->width);
}

static void get_picture(PtRequest *r, void *data) {
	PtAsk *a = pt_ask_camera(data, r);
	if (!a)
		return;
	if (!pt_request_query(r, "at")) {
		pt_request_fail(r, 400, "at is needed: a time as 2026-11-22T12:00:00Z or seconds since 1970");
		pt_ask_free(a);
		return;
	}
	if (!pt_api_time(r, "at", 0, &a->epoch) || !pt_api_width(r, &a->width)) {
		pt_ask_free(a);
		return;
	}
	a->answer = picture_answer;
	pt_ask_run(a, picture_work);
}

void pt_api_add_archive(PtHost *host) {
	PtServer *s = host->server;
	pt_server_route(s, "GET", "/api/archive", PT_ROLE_VIEWER, get_totals, host);
	pt_server_route(s, "GET", "/api/cameras/*/segments", PT_ROLE_VIEWER, get_segments, host);
	pt_server_route(s, "GET", "/api/cameras/*/play.mp4", PT_ROLE_VIEWER, get_play, host);
	pt_server_route(s, "GET", "/api/cameras/*/picture.jpg", PT_ROLE_VIEWER, get_picture, host);
	pt_server_route(s, "GET", "/api/keep", PT_ROLE_VIEWER, get_keeps, host);
	pt_server_route(s, "POST", "/api/keep", PT_ROLE_OPERATOR, post_keep, host);
	pt_server_route(s, "DELETE", "/api/keep/*", PT_ROLE_OPERATOR, delete_keep, host);
}
