/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/add-camera.h"
#include "base/error.h"
#include "media/source.h"
#include "onvif/client/find.h"
#include "site/edit.h"
#include <string.h>

#define PREVIEW_MS 12000      /* a picture must come within; cameras have key frames up to ten seconds apart */
#define PREVIEW_KEEP_MS 15000 /* a source stays for the next picture of it */
#define PREVIEW_WIDTH 640
#define PREVIEWS_MAX 8
#define SEARCHES_MAX 2

typedef struct {
	PtAddCamera *add;
	PtRequest *request;
	PtOnvifFind *find;
	JsonBuilder *json;
} Search;

/* A camera that is looked at before it is one of the site. */
typedef struct {
	PtAddCamera *add;
	char *key; /* source, user and password */
	PtStream *stream;
	PtSource *source;
	GPtrArray *waiting; /* of PtRequest * */
	guint poll, age_ms, waited_ms;
} Preview;

struct PtAddCamera {
	PtAddCameraEnv env;
	GPtrArray *searches; /* of Search * */
	GPtrArray *previews; /* of Preview * */
};

/* ---- looking for cameras ---- */

static void search_free(void *data) {
	Search *s = data;
	pt_onvif_find_free(s->find);
	pt_request_unref(s->request);
	g_object_unref(s->json);
	g_free(s);
}

static void search_found(void *user, const PtOnvifCandidate *c) {
	pt_onvif_candidate_json(c, c->name, ((Search *)user)->json);
}

static void search_done(void *user) {
	Search *s = user;
	json_builder_end_array(s->json);
	json_builder_end_object(s->json);
	pt_api_reply(s->request, s->json);
	g_ptr_array_remove_fast(s->add->searches, s);
}

void pt_add_camera_discover(PtAddCamera *a, PtRequest *r) {
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	if (a->searches->len >= SEARCHES_MAX) {
		pt_request_fail(r, 409, "somebody is looking for cameras already: try again in a few seconds");
		return;
	}
	const char *user = pt_api_text(body, "user"), *password = pt_api_text(body, "password"),
	           *hosts = pt_api_text(body, "hosts");
	g_auto(GStrv) list = hosts ? g_strsplit_set(hosts, ", ", 64) : NULL;
	GStrvBuilder *builder = g_strv_builder_new();
	for (char **h = list; h && *h; h++)
		if (**h)
			g_strv_builder_add(builder, *h);
	g_auto(GStrv) named = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	Search *s = g_new0(Search, 1);
	s->add = a;
	s->request = pt_request_ref(r);
	s->json = json_builder_new();
	json_builder_begin_object(s->json);
	pt_json_array(s->json, "cameras");
	g_ptr_array_add(a->searches, s);
	g_autoptr(GError) error = NULL;
	s->find = pt_onvif_find_new(a->env.http, a->env.clock,
	                            &(PtOnvifFindParams){.hosts = (const char *const *)named,
	                                                 .user = user && *user ? user : NULL,
	                                                 .password = password},
	                            search_found, search_done, s, &error);
	if (!s->find) {
		pt_request_fail_error(r, error);
		g_ptr_array_remove_fast(a->searches, s);
	}
}

/* ---- a picture before it is saved ---- */

static void preview_free(void *data) {
	Preview *p = data;
	g_clear_handle_id(&p->poll, g_source_remove);
	for (guint i = 0; i < p->waiting->len; i++)
		pt_request_fail(g_ptr_array_index(p->waiting, i), 503, "given up");
	g_ptr_array_unref(p->waiting);
	pt_source_stop(p->source);
	pt_stream_unref(p->stream);
	explicit_bzero(p->key, strlen(p->key));
	g_free(p->key);
	g_free(p);
}

static void preview_answer(Preview *p, PtSample *key) {
	for (guint i = 0; i < p->waiting->len; i++)
		pt_api_reply_picture(g_ptr_array_index(p->waiting, i), key, PREVIEW_WIDTH);
	g_ptr_array_set_size(p->waiting, 0);
}

static void preview_refuse(Preview *p, const char *reason) {
	for (guint i = 0; i < p->waiting->len; i++)
		pt_request_fail(g_ptr_array_index(p->waiting, i), 502, "%s", reason);
	g_ptr_array_set_size(p->waiting, 0);
}

static gboolean preview_poll(void *data) {
	Preview *p = data;
	PtSample *key = p->waiting->len ? pt_stream_get_key(p->stream) : NULL;
	PtStreamStats stats = {0};
	pt_stream_get_stats(p->stream, &stats);
	p->age_ms += 100;
	p->waited_ms = p->waiting->len ? p->waited_ms + 100 : 0;
	if (key)
		preview_answer(p, key);
	else if (p->waiting->len && stats.state == PT_STREAM_LOST && stats.reason[0])
		preview_refuse(p, stats.reason);
	else if (p->waited_ms >= PREVIEW_MS)
		preview_refuse(p, "it shows no picture");
	pt_sample_unref(key);
	pt_stream_stats_clear(&stats);
	if (p->waiting->len)
		p->age_ms = 0;
	if (p->age_ms < PREVIEW_KEEP_MS)
		return G_SOURCE_CONTINUE;
	p->poll = 0;
	g_ptr_array_remove_fast(p->add->previews, p);
	return G_SOURCE_REMOVE;
}

static Preview *preview_of(PtAddCamera *a, const char *source, const char *user, const char *password, GError **error) {
	g_autofree char *key = g_strdup_printf("%s\n%s\n%s", source, user ? user : "", password ? password : "");
	for (guint i = 0; i < a->previews->len; i++)
		if (!strcmp(((Preview *)g_ptr_array_index(a->previews, i))->key, key))
			return g_ptr_array_index(a->previews, i);
	if (a->previews->len >= PREVIEWS_MAX) {
		pt_error_set(error, BUSY, "too many cameras are looked at already: try again in a few seconds");
		return NULL;
	}
	Preview *p = g_new0(Preview, 1);
	p->add = a;
	p->stream = pt_stream_new("preview");
	p->source = pt_source_start(&(PtSourceParams){.camera = "preview",
	                                              .location = source,
	                                              .user = user,
	                                              .password = password,
	                                              .video = true,
	                                              .loop = a->env.loop,
	                                              .stream = p->stream},
	                            error);
	p->key = g_steal_pointer(&key);
	p->waiting = g_ptr_array_new_with_free_func((GDestroyNotify)pt_request_unref);
	if (!p->source) {
		preview_free(p);
		return NULL;
	}
	p->poll = g_timeout_add(100, preview_poll, p);
	g_ptr_array_add(a->previews, p);
	return p;
}

void pt_add_camera_preview(PtAddCamera *a, PtRequest *r) {
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	const char *source = pt_api_text(body, "source"), *user = pt_api_text(body, "user");
	if (!source || !g_str_has_prefix(source, "rtsp://") || strchr(source, '@')) {
		pt_request_fail(r, 400, "source: an rtsp:// address without a login in it is needed");
		return;
	}
	g_autoptr(GError) error = NULL;
	Preview *p = preview_of(a, source, user && *user ? user : NULL, pt_api_text(body, "password"), &error);
	if (p)
		g_ptr_array_add(p->waiting, pt_request_ref(r));
	else
		pt_request_fail_error(r, error);
}

/* ---- saving ---- */

static void reply_problems(PtRequest *r, GPtrArray *problems) {
	g_autoptr(GString) text = g_string_new("it was not taken up");
	for (guint i = 0; i < problems->len; i++)
		g_string_append_printf(text, "\n%s", (char *)g_ptr_array_index(problems, i));
	pt_request_fail(r, 409, "%s", text->str);
}

/* Who changed the site stands in the log. */
static void note(PtAddCamera *a, PtRequest *r, const char *name, const char *what) {
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
	g_autofree char *source = g_strconcat("camera/", name, NULL);
	g_autoptr(PtEvent) event = pt_event_now(a->env.clock, source, PT_TOPIC_SYSTEM, what, actor, NULL);
	pt_bus_publish(a->env.bus, event);
}

void pt_add_camera_save(PtAddCamera *a, PtRequest *r) {
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	const char *name = pt_api_text(body, "name"), *source = pt_api_text(body, "source"), *sub = pt_api_text(body, "sub"),
	           *tls = pt_api_text(body, "tls");
	const char *user = pt_api_text(body, "user"), *password = pt_api_text(body, "password"),
	           *record = pt_api_text(body, "record");
	bool login = user && *user;
	int mode = PT_RECORD_ALWAYS;
	for (int i = 0; record && pt_record_words[i]; i++)
		if (!strcmp(record, pt_record_words[i]))
			mode = i;
	if (!name || !source || strchr(source, '@')) {
		pt_request_fail(r, 400,
		                "name and source are needed; a login goes into user and password, never into the address");
		return;
	}
	PtSite *site = a->env.site(a->env.user);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autofree char *old_secrets = NULL;
	PtSiteNewCamera c = {.name = name,
	                     .source = source,
	                     .sub = sub && *sub ? sub : NULL,
	                     .tls = tls && *tls ? tls : NULL,
	                     .login = login ? name : NULL,
	                     .record = (PtRecordMode)mode};
	if (!pt_site_add_camera(site, &c, &error)) {
		pt_request_fail_error(r, error);
		return;
	}
	g_autofree char *secrets = g_strdup(site->secrets_path);
	g_file_get_contents(secrets, &old_secrets, NULL, NULL);
	if (login && !pt_site_add_login(site, name, user, password ? password : "", &error)) {
		pt_site_remove_camera(site, name, NULL);
		pt_request_fail_error(r, error);
		return;
	}
	if (!a->env.reload(a->env.user, problems)) { /* as it was before */
		pt_site_remove_camera(a->env.site(a->env.user), name, NULL);
		if (login && old_secrets)
			g_file_set_contents_full(secrets, old_secrets, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
		reply_problems(r, problems);
		return;
	}
	note(a, r, name, "added");
	pt_request_reply_text(r, 201, "application/json", "{\"ok\":true}");
}

void pt_add_camera_remove(PtAddCamera *a, PtRequest *r) {
	const char *name = pt_request_segment(r, 0);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	if (!pt_site_remove_camera(a->env.site(a->env.user), name, &error))
		pt_request_fail_error(r, error);
	else if (!a->env.reload(a->env.user, problems))
		reply_problems(r, problems);
	else {
		note(a, r, name, "removed");
		pt_request_reply_text(r, 200, "application/json", "{\"ok\":true}");
	}
}

PtAddCamera *pt_add_camera_new(const PtAddCameraEnv *env) {
	PtAddCamera *a = g_new0(PtAddCamera, 1);
	a->env = *env;
	a->searches = g_ptr_array_new_with_free_func(search_free);
	a->previews = g_ptr_array_new_with_free_func(preview_free);
	return a;
}

void pt_add_camera_free(PtAddCamera *a) {
	if (!a)
		return;
	g_ptr_array_unref(a->searches);
	g_ptr_array_unref(a->previews);
	g_free(a);
}
