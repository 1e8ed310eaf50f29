/* What the archive keeps, as ONVIF describes it: read from the index on a thread of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "daemon/onvif.h"
#include <string.h>

#define STEP_NS (3 * 86400 * PT_NS_PER_S) /* within so much the index tells every gap */
#define TOUCH_NS (PT_NS_PER_S / 2)        /* as the replay sees it */

typedef struct {
	PtArchive *archive;
	PtEventlog *log;
	GArray *list;                /* of PtOnvifRecording */
	GArray *things, *happenings; /* of PtOnvifHappening; NULL: not asked for, or not yet */
	PtOnvifRecordingsQuery query;
	PtOnvifRecordingsFn fn;
	void *user;
} Job;

static void job_free(gpointer data) {
	Job *j = data;
	g_clear_pointer(&j->list, g_array_unref);
	g_clear_pointer(&j->things, g_array_unref);
	g_clear_pointer(&j->happenings, g_array_unref);
	g_free(j);
}

static void recording_clear(gpointer data) { g_clear_pointer(&((PtOnvifRecording *)data)->spans, g_array_unref); }

static bool is_open(const GArray *open, int64_t series) {
	for (guint i = 0; i < open->len; i++)
		if (g_array_index(open, PtSegmentRow, i).series == series)
			return true;
	return false;
}

static bool read_spans(const Job *j, PtOnvifRecording *r, int64_t series, GError **error) {
	int64_t end = MIN(j->query.to_ns, r->last_ns + 1);
	r->spans = g_array_new(FALSE, FALSE, sizeof(PtOnvifSpan));
	for (int64_t from = MAX(j->query.from_ns, r->first_ns) - PT_NS_PER_S; from < end; from += STEP_NS) {
		g_autoptr(GArray) part =
		    pt_store_coverage(pt_archive_store(j->archive), series, from, MIN(from + STEP_NS, end), TOUCH_NS, error);
		if (!part)
			return false;
		for (guint i = 0; i < part->len; i++) {
			PtOnvifSpan s = g_array_index(part, PtOnvifSpan, i);
			PtOnvifSpan *last = r->spans->len ? &g_array_index(r->spans, PtOnvifSpan, r->spans->len - 1) : NULL;
			if (last && s.from_ns <= last->to_ns + TOUCH_NS)
				last->to_ns = MAX(last->to_ns, s.to_ns);
			else
				g_array_append_val(r->spans, s);
		}
	}
	return true;
}

static bool fill(Job *j, GError **error) {
	PtStore *store = pt_archive_store(j->archive);
	g_autoptr(GArray) all = pt_store_all_series(store, true, error);
	g_autoptr(GArray) open = all ? pt_store_open_segments(store, error) : NULL;
	if (!open)
		return false;
	for (guint i = 0; i < j->list->len; i++) {
		PtOnvifRecording *r = &g_array_index(j->list, PtOnvifRecording, i);
		bool audible = r->sound;
		int64_t series = 0;
		r->sound = false;
		for (guint k = 0; k < all->len; k++) {
			const PtSeriesRow *s = &g_array_index(all, PtSeriesRow, k);
			if (strcmp(s->camera, r->camera) || !s->segments)
				continue;
			if (!strcmp(s->stream, r->sub ? "sub" : "main")) {
				r->first_ns = s->first_ns;
				r->last_ns = s->last_ns;
				r->recording = is_open(open, s->id);
				series = s->id;
			} else if (!strcmp(s->stream, "audio") && audible) {
				r->sound = true;
				r->sound_recording = is_open(open, s->id);
				r->sound_first_ns = s->first_ns;
				r->sound_last_ns = s->last_ns;
			}
		}
		if (!j->query.history)
			continue;
		if (!series)
			r->spans = g_array_new(FALSE, FALSE, sizeof(PtOnvifSpan));
		else if (!read_spans(j, r, series, error))
			return false;
	}
	/* what is not to be recorded and has left nothing is no recording */
	for (guint i = j->list->len; i-- > 0;) {
		const PtOnvifRecording *r = &g_array_index(j->list, PtOnvifRecording, i);
		if (!r->first_ns && !r->job)
			g_array_remove_index(j->list, i);
	}
	if (j->things)
		j->happenings = pt_onvif_history_read(j->log, j->things, &j->query, error);
	return !j->things || j->happenings;
}

static void work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	GError *error = NULL;
	if (fill(data, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

static void done(GObject *source, GAsyncResult *result, gpointer data) {
	Job *j = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	bool ok = g_task_propagate_boolean(G_TASK(result), &error);
	j->fn(j->user, ok ? j->list : NULL, j->happenings, error);
}

void pt_onvif_recordings_list(const PtOnvifEnv *env, const PtSite *site, const PtOnvifRecordingsQuery *query,
                              PtOnvifRecordingsFn fn, void *user) {
	Job *j = g_new(Job, 1);
	*j = (Job){.archive = env->archive,
	           .log = env->log,
	           .list = g_array_new(FALSE, TRUE, sizeof(PtOnvifRecording)),
	           .things = query->history ? pt_onvif_history_things(env, site) : NULL,
	           .query = *query,
	           .fn = fn,
	           .user = user};
	g_array_set_clear_func(j->list, recording_clear);
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *camera = g_ptr_array_index(site->cameras, i);
		for (unsigned sub = 0; sub < 2; sub++) {
			const char *stream = sub ? "sub" : "main";
			PtOnvifRecording r = {.sub = sub,
			                      .sound = camera->listen != PT_LISTEN_NEVER,
			                      .job = (sub ? camera->record_sub : camera->record_main) != PT_RECORD_NEVER,
			                      .wanted = pt_cameras_is_to_record(env->cameras, camera, stream)};
			g_strlcpy(r.camera, camera->name, sizeof r.camera);
			g_snprintf(r.token, sizeof r.token, "%s-%s", camera->name, stream);
			g_array_append_val(j->list, r);
		}
	}
	GTask *task = g_task_new(NULL, NULL, done, NULL);
	g_task_set_task_data(task, j, job_free);
	g_task_run_in_thread(task, work);
	g_object_unref(task);
}
