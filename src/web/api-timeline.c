/* The timeline over HTTP: where footage is, where it is from, where it is missing and why. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "web/ask.h"
#include <string.h>

#define MERGE_NS PT_NS_PER_S

static int64_t to_ms(int64_t ns) { return ns / PT_NS_PER_MS; }

static void put_spans(PtAsk *a, const char *name, const GArray *spans) {
	const int64_t *v = (const int64_t *)(const void *)spans->data;
	pt_json_array(a->json, name);
	for (guint i = 0; i < spans->len; i++) {
		json_builder_begin_array(a->json);
		json_builder_add_int_value(a->json, to_ms(v[2 * i]));
		json_builder_add_int_value(a->json, to_ms(v[2 * i + 1]));
		json_builder_end_array(a->json);
	}
	json_builder_end_array(a->json);
}

static bool put_coverage(PtAsk *a, const PtSeriesRow *s, GError **error) {
	PtStore *store = pt_archive_store(a->host->archive);
	g_autoptr(GArray) spans = pt_store_coverage(store, s->id, a->from, a->to, MERGE_NS, error);
	g_autoptr(GArray) fetched = spans ? pt_store_fetched(store, s->id, a->from, a->to, MERGE_NS, error) : NULL;
	g_autoptr(GArray) other = fetched ? pt_store_other_quality(store, s->id, a->from, a->to, MERGE_NS, error) : NULL;
	if (!other)
		return false;
	put_spans(a, "footage", spans);
	put_spans(a, "fetched", fetched);
	pt_json_array(a->json, "other_quality");
	for (guint i = 0; i < other->len; i++) {
		const PtQualitySpan *span = &g_array_index(other, PtQualitySpan, i);
		json_builder_begin_array(a->json);
		json_builder_add_int_value(a->json, to_ms(span->start_ns));
		json_builder_add_int_value(a->json, to_ms(span->end_ns));
		json_builder_add_int_value(a->json, span->width);
		json_builder_add_int_value(a->json, span->height);
		json_builder_end_array(a->json);
	}
	json_builder_end_array(a->json);
	return true;
}

/* What becomes of a gap: the job that tries to fill it. */
static void put_job(PtAsk *a, const GArray *jobs, const PtGapRow *g) {
	for (guint i = 0; i < jobs->len; i++) {
		const PtJobRow *job = &g_array_index(jobs, PtJobRow, i);
		if (job->start_ns >= (g->end_ns ? g->end_ns : a->to) || job->end_ns <= g->start_ns)
			continue;
		pt_json_text(a->json, "job", pt_job_state_words[job->state]);
		pt_json_text(a->json, "job_reason", job->reason[0] ? job->reason : NULL);
		char waits[200] = "";
		if (a->host->backfill_wait && job->state == PT_JOB_FOUND)
			a->host->backfill_wait(a->host->user, job, waits, sizeof waits);
		if (waits[0])
			pt_json_text(a->json, "waits", waits);
		PtJobProgress at[8];
		unsigned n =
		    a->host->backfill_progress ? a->host->backfill_progress(a->host->user, at, G_N_ELEMENTS(at)) : 0;
		for (unsigned k = 0; k < n; k++)
			if (at[k].job == job->id && at[k].reached_ns > g->start_ns)
				pt_json_int(a->json, "reached", to_ms(MIN(at[k].reached_ns, g->end_ns)));
		return;
	}
}

static bool put_gaps(PtAsk *a, const PtSeriesRow *s, int64_t at_least_ns, GError **error) {
	g_autoptr(GArray) gaps = pt_store_gaps(pt_archive_store(a->host->archive), s->id, a->from, a->to, error);
	g_autoptr(GArray) jobs =
	    gaps ? pt_store_jobs(pt_archive_store(a->host->archive), s->id, a->from, a->to, false, error) : NULL;
	if (!jobs)
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
		pt_json_text(a->json, "cause", pt_gap_cause_words[g->cause]);
		pt_json_text(a->json, "reason", g->reason);
		put_job(a, jobs, g);
		json_builder_end_object(a->json);
	}
	json_builder_end_array(a->json);
	return true;
}

static bool timeline_work(PtAsk *a, GError **error) {
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
	PtAsk *a = pt_ask_new(data, r);
	if (!a)
		return;
	const char *stream = pt_request_query(r, "stream");
	if (stream && !pt_ask_valid_stream(stream)) {
		pt_request_fail(r, 400, "stream: '%s' is not one of main, sub, audio, metadata", stream);
		pt_ask_free(a);
		return;
	}
	a->stream = g_strdup(stream);
	a->detail = pt_request_query(r, "detail") != NULL;
	if (!pt_ask_choose_cameras(a)) {
		pt_ask_free(a);
		return;
	}
	pt_ask_run(a, timeline_work);
}

void pt_api_add_timeline(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/timeline", PT_ROLE_VIEWER, get_timeline, host);
}
