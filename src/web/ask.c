/* SPDX-License-Identifier: Apache-2.0 */
#include "web/ask.h"
#include "base/error.h"
#include <string.h>

#define SPAN_MAX (INT64_C(10) * 366 * 86400 * PT_NS_PER_S)

static const char *const series_names[] = {"main", "sub", "audio", "metadata"};

void pt_ask_free(void *data) {
	PtAsk *a = data;
	pt_request_unref(a->request);
	g_free(a->camera);
	g_free(a->stream);
	g_strfreev(a->cameras);
	g_clear_object(&a->json);
	pt_playback_clear(&a->playback);
	pt_sample_unref(a->still);
	g_free(a);
}

void pt_ask_answer(PtAsk *a) { pt_api_reply(a->request, a->json); }

static void ask_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	PtAsk *a = data;
	GError *error = NULL;
	if (a->work(a, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

static void ask_done(GObject *source, GAsyncResult *result, gpointer data) {
	PtAsk *a = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	if (g_task_propagate_boolean(G_TASK(result), &error))
		a->answer(a);
	else
		pt_request_fail_error(a->request, error);
}

void pt_ask_run(PtAsk *a, bool (*work)(PtAsk *, GError **)) {
	a->work = work;
	if (!a->answer)
		a->answer = pt_ask_answer;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, ask_done, NULL);
	g_task_set_task_data(task, a, pt_ask_free);
	g_task_run_in_thread(task, ask_in_thread);
}

PtAsk *pt_ask_new(PtHost *host, PtRequest *r) {
	if (!host->archive) {
		pt_request_fail(r, 503, "%s", host->archive_error ? host->archive_error : "there is no archive");
		return NULL;
	}
	PtAsk *a = g_new0(PtAsk, 1);
	a->host = host;
	a->request = pt_request_ref(r);
	a->json = json_builder_new();
	int64_t now = pt_wall_ns(host->clock);
	if (!pt_api_time(r, "from", now - 86400 * PT_NS_PER_S, &a->from) || !pt_api_time(r, "to", now, &a->to)) {
		pt_ask_free(a);
		return NULL;
	}
	if (a->to <= a->from || a->to - a->from > SPAN_MAX) {
		pt_request_fail(r, 400, "to has to be later than from, by at most ten years");
		pt_ask_free(a);
		return NULL;
	}
	return a;
}

const char *pt_ask_valid_stream(const char *name) {
	for (unsigned i = 0; i < G_N_ELEMENTS(series_names); i++)
		if (!g_strcmp0(name ? name : "main", series_names[i]))
			return series_names[i];
	return NULL;
}

bool pt_ask_choose_cameras(PtAsk *a) {
	PtSite *site = a->host->site(a->host->user);
	const char *wanted = pt_request_query(a->request, "camera");
	g_auto(GStrv) names = wanted ? g_strsplit(wanted, ",", 1000) : NULL;
	g_autoptr(GPtrArray) chosen = g_ptr_array_new_with_free_func(g_free);
	for (char **n = names; n && *n; n++) {
		if (!pt_site_camera(site, *n) || !pt_request_may_see(a->request, *n)) {
			pt_api_fail_unknown_camera(a->host, a->request, *n);
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

PtAsk *pt_ask_camera(PtHost *host, PtRequest *r) {
	const PtSiteCamera *camera = pt_api_camera(host, r);
	const char *stream = pt_request_query(r, "stream");
	if (!camera)
		return NULL;
	if (!pt_ask_valid_stream(stream)) {
		pt_request_fail(r, 400, "stream: '%s' is not one of main, sub, audio, metadata", stream);
		return NULL;
	}
	if (!g_strcmp0(stream, "audio") && !pt_api_may_listen(r, camera))
		return NULL;
	PtAsk *a = pt_ask_new(host, r);
	if (a) {
		a->camera = g_strdup(camera->name);
		a->stream = g_strdup(pt_ask_valid_stream(stream));
	}
	return a;
}
