/* Gaps and their filling over HTTP: what is missing, what is done about it, asking for it now, and the proof of recording.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/proof.h"
#include "base/error.h"
#include "base/units.h"
#include "web/ask.h"
#include <string.h>

#define LIST_MAX 2000 /* gaps and jobs in one answer: the newest */
#define RUNNING_MAX 16
#define DRILL_NS (20 * PT_NS_PER_S)
#define DRILL_LEAST_NS (5 * PT_NS_PER_S)
#define DRILL_MOST_NS (600 * PT_NS_PER_S)

static double seconds(int64_t ns) { return (double)(ns / PT_NS_PER_MS) / 1000; }

static bool is_chosen(const PtAsk *a, const char *camera) {
	return g_strv_contains((const char *const *)a->cameras, camera);
}

static GArray *chosen_series(PtAsk *a, GError **error) {
	GArray *all = pt_store_all_series(pt_archive_store(a->host->archive), false, error);
	for (guint i = all ? all->len : 0; i-- > 0;)
		if (!is_chosen(a, g_array_index(all, PtSeriesRow, i).camera))
			g_array_remove_index(all, i);
	return all;
}

/* The job of a gap, or NULL. jobs: by their begin; *at moves with the gaps, which are as well. */
static const PtJobRow *job_at(const GArray *jobs, guint *at, const PtGapRow *gap) {
	while (*at < jobs->len && g_array_index(jobs, PtJobRow, *at).end_ns <= gap->start_ns)
		++*at;
	const PtJobRow *job = *at < jobs->len ? &g_array_index(jobs, PtJobRow, *at) : NULL;
	return job && job->start_ns < gap->end_ns ? job : NULL;
}

static void put_fate(PtAsk *a, const PtJobRow *job) {
	pt_json_text(a->json, "job", job ? pt_job_state_words[job->state] : NULL);
	pt_json_text(a->json, "job_reason", job && job->reason[0] ? job->reason : NULL);
}

/* ---- GET /api/backfill ---- */

typedef struct {
	PtJobProgress at[RUNNING_MAX];
	unsigned n;
} Running;

/* What makes a job wait, and how far one that runs has come. */
static void put_state(PtAsk *a, const PtJobRow *job, const Running *running) {
	char waits[200] = "";
	if (a->host->backfill_wait && job->state == PT_JOB_FOUND)
		a->host->backfill_wait(a->host->user, job, waits, sizeof waits);
	pt_json_text(a->json, "waits", waits[0] ? waits : NULL);
	for (unsigned i = 0; i < running->n; i++)
		if (running->at[i].job == job->id) {
			pt_json_time(a->json, "reached", running->at[i].reached_ns);
			pt_json_int(a->json, "fetched_bytes", (int64_t)running->at[i].bytes);
		}
}

static bool put_gaps(PtAsk *a, const PtSeriesRow *s, const Running *running, GError **error) {
	PtStore *store = pt_archive_store(a->host->archive);
	g_autoptr(GArray) gaps = pt_store_gaps(store, s->id, a->from, a->to, error);
	g_autoptr(GArray) jobs = gaps ? pt_store_jobs(store, s->id, a->from, a->to, false, error) : NULL;
	guint first = gaps && gaps->len > LIST_MAX ? gaps->len - LIST_MAX : 0;
	for (guint i = first, k = 0; jobs && i < gaps->len; i++) {
		const PtGapRow *g = &g_array_index(gaps, PtGapRow, i);
		pt_json_object(a->json, NULL);
		pt_json_text(a->json, "camera", s->camera);
		pt_json_text(a->json, "stream", s->stream);
		pt_json_time(a->json, "start", g->start_ns);
		pt_json_time(a->json, "end", g->end_ns);
		pt_json_number(a->json, "seconds",
		               seconds((g->end_ns ? g->end_ns : pt_wall_ns(a->host->clock)) - g->start_ns));
		pt_json_text(a->json, "cause", pt_gap_cause_words[g->cause]);
		pt_json_text(a->json, "reason", g->reason);
		const PtJobRow *job = job_at(jobs, &k, g);
		put_fate(a, job);
		if (job)
			put_state(a, job, running);
		json_builder_end_object(a->json);
	}
	return jobs != NULL;
}

static void put_job(PtAsk *a, const PtJobRow *j, const Running *running) {
	static const char *const seams[] = {NULL, "clock", "content"};
	JsonBuilder *b = a->json;
	g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, j->id);
	pt_json_object(b, NULL);
	pt_json_text(b, "id", id);
	pt_json_text(b, "camera", j->camera);
	pt_json_text(b, "stream", j->stream);
	pt_json_time(b, "start", j->start_ns);
	pt_json_time(b, "end", j->end_ns);
	pt_json_number(b, "seconds", seconds(j->end_ns - j->start_ns));
	pt_json_text(b, "cause", pt_gap_cause_words[j->cause]);
	pt_json_text(b, "state", pt_job_state_words[j->state]);
	pt_json_text(b, "reason", j->reason[0] ? j->reason : NULL);
	pt_json_bool(b, "urgent", j->urgent);
	pt_json_int(b, "tries", j->tries);
	pt_json_time(b, "due", j->state == PT_JOB_FOUND ? j->due_ns : 0);
	pt_json_time(b, "found", j->found_ns);
	pt_json_time(b, "changed", j->changed_ns);
	pt_json_int(b, "frames", j->frames);
	pt_json_int(b, "bytes", j->bytes);
	pt_json_text(b, "seam", seams[MIN(j->seam, PT_SEAM_CONTENT)]);
	if (j->seam)
		pt_json_int(b, "clock_offset_ms", j->offset_ns / PT_NS_PER_MS);
	put_state(a, j, running);
	json_builder_end_object(b);
}

static bool jobs_work(PtAsk *a, GError **error) {
	Running running;
	PtHost *h = a->host;
	g_autoptr(GArray) series = chosen_series(a, error);
	g_autoptr(GArray) jobs =
	    series ? pt_store_jobs(pt_archive_store(h->archive), 0, a->from, a->to, false, error) : NULL;
	running.n = h->backfill_progress ? h->backfill_progress(h->user, running.at, RUNNING_MAX) : 0;
	if (!jobs)
		return false;
	pt_json_object(a->json, NULL);
	pt_json_bool(a->json, "paused", h->backfill_paused && h->backfill_paused(h->user));
	pt_json_array(a->json, "gaps");
	for (guint i = 0; i < series->len; i++)
		if (!put_gaps(a, &g_array_index(series, PtSeriesRow, i), &running, error))
			return false;
	json_builder_end_array(a->json);
	pt_json_array(a->json, "jobs");
	guint n_chosen = 0, first = jobs->len;
	while (first > 0 && n_chosen < LIST_MAX)
		n_chosen += is_chosen(a, g_array_index(jobs, PtJobRow, --first).camera);
	for (guint i = first; i < jobs->len; i++)
		if (is_chosen(a, g_array_index(jobs, PtJobRow, i).camera))
			put_job(a, &g_array_index(jobs, PtJobRow, i), &running);
	json_builder_end_array(a->json);
	json_builder_end_object(a->json);
	return true;
}

static void ask_of_cameras(PtHost *host, PtRequest *r, bool (*work)(PtAsk *, GError **)) {
	PtAsk *a = pt_ask_new(host, r);
	if (a && pt_ask_choose_cameras(a))
		pt_ask_run(a, work);
	else if (a)
		pt_ask_free(a);
}

static void get_backfill(PtRequest *r, void *data) { ask_of_cameras(data, r, jobs_work); }

/* ---- POST /api/backfill ---- */

static bool fill_work(PtAsk *a, GError **error) {
	int n = a->host->backfill_ask(a->host->user, a->camera, a->from, a->to, error);
	pt_json_object(a->json, NULL);
	pt_json_int(a->json, "gaps", n);
	json_builder_end_object(a->json);
	return n >= 0;
}

static void log_wish(PtRequest *r, PtHost *host, const char *source, const char *state, const char *detail) {
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
	g_autoptr(PtEvent) event = pt_event_now(host->clock, source, PT_TOPIC_ARCHIVE, state, actor, detail);
	pt_bus_publish(host->bus, event);
}

static void post_backfill(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	PtAsk *a = body ? pt_ask_new(host, r) : NULL;
	if (!a)
		return;
	const char *name = pt_api_text(body, "camera");
	const PtSiteCamera *camera = name ? pt_site_camera(host->site(host->user), name) : NULL;
	g_autoptr(GError) error = NULL;
	if (!camera || !pt_request_may_see(r, name)) {
		pt_api_fail_unknown_camera(host, r, name ? name : "");
		pt_ask_free(a);
		return;
	}
	if (!host->backfill_ask || !pt_site_is_onvif(camera))
		pt_error_set(&error, UNSUPPORTED,
		             "camera %s is reached by %.4s: only cameras by onvif:// can be asked for what they recorded",
		             name, camera->source);
	if (error || !pt_api_body_time(body, "from", &a->from, &error) || !pt_api_body_time(body, "to", &a->to, &error)) {
		pt_request_fail_error(r, error);
		pt_ask_free(a);
		return;
	}
	if (a->to <= a->from) {
		pt_request_fail(r, 400, "to has to be later than from");
		pt_ask_free(a);
		return;
	}
	a->camera = g_strdup(name);
	g_autofree char *source = g_strconcat("camera/", name, NULL), *since = pt_time_format(a->from),
	                *until = pt_time_format(a->to), *detail = g_strdup_printf("%s to %s", since, until);
	log_wish(r, host, source, "backfill-asked", detail);
	pt_ask_run(a, fill_work);
}

/* ---- POST /api/cameras/NAME/drill ---- */

static void post_drill(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = camera ? pt_api_body(r, &parser) : NULL;
	if (!body)
		return;
	const char *text = pt_api_text(body, "for");
	int64_t length = DRILL_NS, begin = pt_wall_ns(host->clock);
	g_autoptr(GError) error = NULL;
	if (text && !pt_units_parse_duration(text, &length, &error)) {
		pt_request_fail(r, 400, "for: %s", error->message);
		return;
	}
	if (!text && json_object_has_member(body, "for")) {
		pt_request_fail(r, 400, "for: write how long as a text, such as \"20s\"");
		return;
	}
	if (length < DRILL_LEAST_NS || length > DRILL_MOST_NS) {
		pt_request_fail(r, 400, "a drill takes 5 s to 10 min");
		return;
	}
	if (!host->drill)
		pt_error_set(&error, UNSUPPORTED, "there is nothing to drill here");
	else
		host->drill(host->user, camera->name, length, &error);
	if (error) {
		pt_request_fail_error(r, error);
		return;
	}
	g_autofree char *source = g_strconcat("camera/", camera->name, NULL), *detail = pt_units_format_duration(length);
	log_wish(r, host, source, "drill", detail);
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_text(b, "camera", camera->name);
	pt_json_time(b, "from", begin);
	pt_json_time(b, "to", begin + length);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

static void post_pause(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	JsonNode *wish = json_object_get_member(body, "pause");
	if (!host->backfill_pause || !wish || !JSON_NODE_HOLDS_VALUE(wish) ||
	    json_node_get_value_type(wish) != G_TYPE_BOOLEAN) {
		pt_request_fail(r, 400, "expected {\"pause\": true} or false");
		return;
	}
	if (!pt_request_may_see(r, "")) { /* the site as a whole */
		pt_request_fail(r, 403, "all cameras are paused at once, and you may not see all of them");
		return;
	}
	bool pause = json_node_get_boolean(wish);
	host->backfill_pause(host->user, pause);
	log_wish(r, host, "archive", pause ? "backfill-paused" : "backfill-resumed", NULL);
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_bool(b, "paused", pause);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

/* ---- GET /api/proof ---- */

static bool put_proof(PtAsk *a, const PtSeriesRow *s, GError **error) {
	JsonBuilder *b = a->json;
	PtProof p;
	if (!pt_proof_make(pt_archive_store(a->host->archive), s->id, a->from, a->to, pt_wall_ns(a->host->clock), &p, error))
		return false;
	pt_json_object(b, NULL);
	pt_json_text(b, "camera", s->camera);
	pt_json_text(b, "stream", s->stream);
	pt_json_number(b, "seconds", seconds(p.span_ns));
	pt_json_number(b, "live", seconds(p.live_ns));
	pt_json_number(b, "fetched", seconds(p.fetched_ns));
	pt_json_number(b, "other_quality", seconds(p.other_ns));
	pt_json_number(b, "not_recorded", seconds(p.unknown_ns));
	int64_t counted = a->from + p.span_ns - p.since_ns;
	pt_json_time(b, "since", counted ? p.since_ns : 0);
	if (counted)
		pt_json_number(b, "share", (double)(p.live_ns + p.fetched_ns) / (double)counted);
	pt_json_object(b, "missing");
	for (unsigned i = 0; i < PT_N_GAP_CAUSES; i++)
		if (p.missing_ns[i])
			pt_json_number(b, pt_gap_cause_words[i], seconds(p.missing_ns[i]));
	json_builder_end_object(b);
	pt_json_array(b, "gaps");
	g_autoptr(GArray) jobs = pt_store_jobs(pt_archive_store(a->host->archive), s->id, a->from, a->to, false, NULL);
	guint first = p.missing->len > LIST_MAX ? p.missing->len - LIST_MAX : 0;
	for (guint i = first, k = 0; i < p.missing->len; i++) { /* both by their begin */
		const PtGapRow *g = &g_array_index(p.missing, PtGapRow, i);
		pt_json_object(b, NULL);
		pt_json_time(b, "start", g->start_ns);
		pt_json_time(b, "end", g->end_ns);
		pt_json_number(b, "seconds", seconds(g->end_ns - g->start_ns));
		pt_json_text(b, "cause", pt_gap_cause_words[g->cause]);
		pt_json_text(b, "reason", g->reason);
		put_fate(a, jobs ? job_at(jobs, &k, g) : NULL);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_proof_clear(&p);
	return true;
}

static bool proof_work(PtAsk *a, GError **error) {
	int64_t now = pt_wall_ns(a->host->clock);
	if (a->from >= now) {
		pt_error_set(error, INVALID, "from lies in the future, of which nothing can be proven");
		return false;
	}
	g_autoptr(GArray) series = chosen_series(a, error);
	if (!series)
		return false;
	pt_json_object(a->json, NULL);
	pt_json_time(a->json, "from", a->from);
	pt_json_time(a->json, "to", MIN(a->to, now));
	pt_json_time(a->json, "made", now);
	pt_json_array(a->json, "series");
	for (guint i = 0; i < series->len; i++) {
		const PtSeriesRow *s = &g_array_index(series, PtSeriesRow, i);
		if (strcmp(s->stream, "metadata") && !put_proof(a, s, error)) /* silence on it is nothing missing */
			return false;
	}
	json_builder_end_array(a->json);
	json_builder_end_object(a->json);
	return true;
}

static void get_proof(PtRequest *r, void *data) { ask_of_cameras(data, r, proof_work); }

void pt_api_add_backfill(PtHost *host) {
	PtServer *s = host->server;
	pt_server_route(s, "GET", "/api/backfill", PT_ROLE_VIEWER, get_backfill, host);
	pt_server_route(s, "POST", "/api/backfill", PT_ROLE_OPERATOR, post_backfill, host);
	pt_server_route(s, "POST", "/api/backfill/pause", PT_ROLE_OPERATOR, post_pause, host);
	pt_server_route(s, "POST", "/api/cameras/*/drill", PT_ROLE_ADMIN, post_drill, host);
	pt_server_route(s, "GET", "/api/proof", PT_ROLE_VIEWER, get_proof, host);
}
