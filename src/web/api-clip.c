/* Clips to save and to send: GET /api/cameras/NAME/clip.mp4?from=&to=&stream=&exact=1&h264=1&sound=0. Players and browsers
 * ask for a file in ranges, each a request of its own: what was prepared for one is kept a while for the next. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/export.h"
#include "base/error.h"
#include "web/host.h"
#include <string.h>

#define PREPARED_MAX 3  /* clips kept for further ranges */
#define PREPARED_S 60   /* how long after the last one */
#define AT_ONCE_MAX 2   /* that are being prepared */
#define PATIENCE_S 1800 /* conversions of long spans take their time */

typedef struct {
	char *key;
	PtExport *export;
	int64_t used_us;
} Prepared;

struct PtClips {
	Prepared prepared[PREPARED_MAX];
	GPtrArray *running; /* Clip, borrowed: being prepared, on threads of their own */
	guint tidy;

	GMutex lock;
	GCond none; /* threads became 0 */
	unsigned threads;
};

typedef struct {
	PtHost *host;
	PtRequest *request;
	char *camera, *key;
	PtExportParams params;
	PtExport *export;
	GCancellable *cancellable;
	guint patience;
} Clip;

static void clip_free(void *data) {
	Clip *c = data;
	g_clear_handle_id(&c->patience, g_source_remove);
	g_clear_object(&c->cancellable);
	pt_request_unref(c->request);
	pt_export_unref(c->export);
	g_free(c->camera);
	g_free(c->key);
	g_free(c);
}

static void forget(Prepared *p) {
	g_clear_pointer(&p->export, pt_export_unref);
	g_clear_pointer(&p->key, g_free);
}

static gboolean tidy(gpointer data) {
	PtClips *clips = data;
	bool left = false;
	for (unsigned i = 0; i < PREPARED_MAX; i++) {
		Prepared *p = &clips->prepared[i];
		if (p->key && g_get_monotonic_time() - p->used_us > PREPARED_S * G_USEC_PER_SEC)
			forget(p);
		left |= p->key != NULL;
	}
	if (!left)
		clips->tidy = 0;
	return left;
}

static PtExport *find_prepared(PtClips *clips, const char *key) {
	for (unsigned i = 0; i < PREPARED_MAX; i++) {
		Prepared *p = &clips->prepared[i];
		if (!g_strcmp0(p->key, key)) {
			p->used_us = g_get_monotonic_time();
			return pt_export_ref(p->export);
		}
	}
	return NULL;
}

static void remember(PtClips *clips, const char *key, PtExport *export) {
	Prepared *oldest = &clips->prepared[0];
	for (unsigned i = 0; i < PREPARED_MAX; i++) {
		Prepared *p = &clips->prepared[i];
		if (!g_strcmp0(p->key, key)) {
			oldest = p;
			break;
		}
		if (!p->key || (oldest->key && p->used_us < oldest->used_us))
			oldest = p;
	}
	forget(oldest);
	*oldest = (Prepared){g_strdup(key), pt_export_ref(export), g_get_monotonic_time()};
	if (!clips->tidy)
		clips->tidy = g_timeout_add_seconds(10, tidy, clips);
}

/* ---- the answer ---- */

static gssize read_clip(void *export, uint64_t offset, uint8_t *to, size_t size, GError **error) {
	return pt_export_read(export, offset, to, size, error);
}

static void unref_clip(void *export) { pt_export_unref(export); }

static void answer(Clip *c) {
	const PtExportInfo *info = pt_export_info(c->export);
	g_autofree char *first = pt_time_format(info->first_ns), *show = pt_time_format(info->show_ns),
	                *end = pt_time_format(info->end_ns);
	g_autofree char *stamp = g_strndup(show, 19); /* to the second, and without what file systems refuse */
	for (char *p = stamp; *p; p++)
		*p = *p == ':' ? '-' : *p == 'T' ? '_' : *p;
	g_autofree char *disposition = g_strdup_printf("attachment; filename=\"%s_%sZ.mp4\"", c->camera, stamp);
	pt_request_add_header(c->request, "Content-Disposition", disposition);
	pt_request_add_header(c->request, "Pigtail-First-Frame", first);
	pt_request_add_header(c->request, "Pigtail-Shown-From", show);
	pt_request_add_header(c->request, "Pigtail-Shown-To", end);
	pt_request_stream(c->request, "video/mp4", info->size, read_clip, pt_export_ref(c->export), unref_clip);
}

static void log_it(Clip *c) {
	const PtExportInfo *info = pt_export_info(c->export);
	g_autofree char *show = pt_time_format(info->show_ns), *end = pt_time_format(info->end_ns);
	g_autofree char *source = g_strconcat("camera/", c->camera, NULL);
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(c->request)->user, NULL);
	g_autofree char *detail = g_strdup_printf("%s, %s to %s%s%s", c->params.stream, show, end,
	                                          info->sound ? ", with sound" : "", c->params.exact ? ", exact" : "");
	g_autoptr(PtEvent) event = pt_event_now(c->host->clock, source, PT_TOPIC_ARCHIVE, "exported", actor, detail);
	pt_bus_publish(c->host->bus, event);
}

static void prepare(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Clip *c = data;
	GError *error = NULL;
	c->export = pt_export_new(c->host->archive, &c->params, c->cancellable, &error);
	if (c->export)
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
	PtClips *clips = c->host->clips;
	g_mutex_lock(&clips->lock);
	if (!--clips->threads)
		g_cond_broadcast(&clips->none);
	g_mutex_unlock(&clips->lock);
}

static void prepared(GObject *source, GAsyncResult *result, gpointer data) {
	Clip *c = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	g_ptr_array_remove_fast(c->host->clips->running, c);
	if (!g_task_propagate_boolean(G_TASK(result), &error)) {
		pt_request_fail_error(c->request, error);
		return;
	}
	log_it(c);
	if (pt_request_header(c->request, "Range"))
		remember(c->host->clips, c->key, c->export);
	answer(c);
}

static gboolean too_long(gpointer data) {
	Clip *c = data;
	c->patience = 0;
	g_cancellable_cancel(c->cancellable);
	return G_SOURCE_REMOVE;
}

static bool asked(PtRequest *r, const char *name, bool otherwise) {
	const char *text = pt_request_query(r, name);
	return text ? !strcmp(text, "1") || !strcmp(text, "true") : otherwise;
}

static bool fill_params(PtRequest *r, PtExportParams *p) {
	const char *stream = pt_request_query(r, "stream");
	if (!pt_request_query(r, "from") || !pt_request_query(r, "to")) {
		pt_request_fail(r, 400, "from and to are needed: times as 2026-11-22T12:00:00Z or seconds since 1970");
		return false;
	}
	if (stream && strcmp(stream, "main") && strcmp(stream, "sub")) {
		pt_request_fail(r, 400, "stream: '%s' is not one of main, sub", stream);
		return false;
	}
	p->stream = stream && !strcmp(stream, "sub") ? "sub" : "main";
	p->exact = asked(r, "exact", false);
	p->h264 = asked(r, "h264", false);
	p->sound = asked(r, "sound", true);
	return pt_api_time(r, "from", 0, &p->from_ns) && pt_api_time(r, "to", 0, &p->to_ns);
}

static void get_clip(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	PtExportParams params = {0};
	if (!camera || !fill_params(r, &params))
		return;
	if (!host->archive) {
		pt_request_fail(r, 503, "%s", host->archive_error ? host->archive_error : "there is no archive");
		return;
	}
	/* operators and above come here: only where nobody listens do they not get the sound either */
	params.sound &= camera->listen != PT_LISTEN_NEVER;
	Clip *c = g_new0(Clip, 1);
	*c = (Clip){.host = host, .request = pt_request_ref(r), .camera = g_strdup(camera->name), .params = params};
	c->params.camera = c->camera;
	c->key =
	    g_strdup_printf("%s %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %d%d%d", pt_request_caller(r)->user,
	                    c->camera, params.stream, params.from_ns, params.to_ns, params.exact, params.h264, params.sound);
	if (pt_request_header(r, "Range") && (c->export = find_prepared(host->clips, c->key))) {
		answer(c);
		clip_free(c);
		return;
	}
	if (host->clips->running->len >= AT_ONCE_MAX) {
		pt_request_fail(r, 503, "%d clips are being prepared: try again in a moment", AT_ONCE_MAX);
		clip_free(c);
		return;
	}
	g_ptr_array_add(host->clips->running, c);
	g_mutex_lock(&host->clips->lock);
	host->clips->threads++;
	g_mutex_unlock(&host->clips->lock);
	pt_request_be_patient(r, PATIENCE_S);
	c->cancellable = g_cancellable_new();
	c->patience = g_timeout_add_seconds(PATIENCE_S, too_long, c);
	g_autoptr(GTask) task = g_task_new(NULL, NULL, prepared, NULL);
	g_task_set_task_data(task, c, clip_free);
	g_task_run_in_thread(task, prepare);
}

void pt_api_add_clip(PtHost *host) {
	host->clips = g_new0(PtClips, 1);
	host->clips->running = g_ptr_array_new();
	g_mutex_init(&host->clips->lock);
	g_cond_init(&host->clips->none);
	pt_server_route(host->server, "GET", "/api/cameras/*/clip.mp4", PT_ROLE_OPERATOR, get_clip, host);
}

void pt_api_free_clips(PtHost *host) {
	pt_hls_free(host);
	pt_api_free_alarm(host);
	if (!host->clips)
		return;
	for (guint i = 0; i < host->clips->running->len; i++)
		g_cancellable_cancel(((Clip *)g_ptr_array_index(host->clips->running, i))->cancellable);
	g_mutex_lock(&host->clips->lock);
	while (host->clips->threads)
		g_cond_wait(&host->clips->none, &host->clips->lock);
	g_mutex_unlock(&host->clips->lock);
	g_ptr_array_unref(host->clips->running);
	g_mutex_clear(&host->clips->lock);
	g_cond_clear(&host->clips->none);
	for (unsigned i = 0; i < PREPARED_MAX; i++)
		forget(&host->clips->prepared[i]);
	g_clear_handle_id(&host->clips->tidy, g_source_remove);
	g_clear_pointer(&host->clips, g_free);
}
