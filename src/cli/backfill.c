/* pigtail archive gaps, backfill and proof: what is missing, what is done about it, and what can be shown to somebody. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backfill.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/cli.h"
#include <stdio.h>
#include <string.h>

static JsonNode *ask(const char *resource, const char *camera, const char *from, const char *to) {
	g_autoptr(GString) path = g_string_new(resource);
	pt_cli_add_query(path, "camera", camera);
	pt_cli_add_query(path, "from", from);
	pt_cli_add_query(path, "to", to);
	return pt_cli_call("GET", path->str, NULL);
}

/* The same, printed at once where json is wanted: NULL then as well, and *ret_exit says how it went. */
static JsonNode *ask_for_people(const char *resource, const char *camera, const char *from, const char *to, bool json,
                                int *ret_exit) {
	g_autoptr(JsonNode) answer = ask(resource, camera, from, to);
	*ret_exit = answer ? PT_EXIT_DONE : PT_EXIT_FAILED;
	if (!answer || !json)
		return g_steal_pointer(&answer);
	pt_cli_print_json(answer);
	return NULL;
}

static JsonArray *array_of(JsonNode *answer, const char *name) {
	return json_object_get_array_member(json_node_get_object(answer), name);
}

static double number_of(JsonObject *o, const char *name) { return json_object_get_double_member_with_default(o, name, 0); }

/* "fetching, has come to 10:55:30", "found, waits: the camera is not reached": of a job or of a gap, which names them so. */
static void print_fate(JsonObject *o, const char *state_name, const char *reason_name) {
	const char *reason = pt_cli_member(o, reason_name), *waits = pt_cli_member(o, "waits"),
	           *reached = pt_cli_member(o, "reached");
	printf("%s", pt_cli_member(o, state_name));
	if (*reached)
		printf(", has come to %s", reached);
	if (*waits)
		printf(", waits: %s", waits);
	if (*reason)
		printf(" (%s)", reason);
}

static void explain(JsonObject *gap) {
	static const struct {
		const char *cause, *text;
	} hopeless[] = {{"policy", "nobody wanted it recorded: it is not fetched"},
	                {"clock", "the hub's clock was set: nothing is missing"}};
	const char *cause = pt_cli_member(gap, "cause");
	printf("    cause: %s", cause);
	for (unsigned i = 0; i < G_N_ELEMENTS(hopeless); i++)
		if (!strcmp(cause, hopeless[i].cause)) {
			printf("; %s\n", hopeless[i].text);
			return;
		}
	printf("; backfill: ");
	if (!strcmp(pt_cli_member(gap, "stream"), "metadata"))
		printf("none: what happened is asked for, not the stream that told of it");
	else if (*pt_cli_member(gap, "job"))
		print_fate(gap, "job", "job_reason");
	else if (!*pt_cli_member(gap, "end"))
		printf("begins when footage comes again");
	else
		printf("none: the camera was not reached since, replays nothing, or is not to be asked");
	printf("\n");
}

int pt_cli_gaps(const char *camera, const char *from, const char *to, bool with_why, bool json) {
	int code;
	g_autoptr(JsonNode) answer = ask_for_people("/api/backfill", camera, from, to, json, &code);
	if (!answer)
		return code;
	JsonArray *gaps = array_of(answer, "gaps");
	for (guint i = 0; i < json_array_get_length(gaps); i++) {
		JsonObject *gap = json_array_get_object_element(gaps, i);
		const char *end = pt_cli_member(gap, "end");
		printf("%-14s %-9s %s – %s %10.3f s  %s\n", pt_cli_member(gap, "camera"), pt_cli_member(gap, "stream"),
		       pt_cli_member(gap, "start"), *end ? end : "now", number_of(gap, "seconds"),
		       pt_cli_member(gap, "reason"));
		if (with_why)
			explain(gap);
	}
	return PT_EXIT_DONE;
}

/* ---- backfill ---- */

static int list_jobs(const char *camera, const char *from, const char *to, bool json) {
	int code;
	g_autoptr(JsonNode) answer = ask_for_people("/api/backfill", camera, from, to, json, &code);
	if (!answer)
		return code;
	JsonArray *jobs = array_of(answer, "jobs");
	if (json_object_get_boolean_member_with_default(json_node_get_object(answer), "paused", FALSE))
		printf("backfill is paused: 'pigtail archive backfill --resume' goes on with it\n");
	for (guint i = 0; i < json_array_get_length(jobs); i++) {
		JsonObject *job = json_array_get_object_element(jobs, i);
		printf("%-14s %-6s %s – %s %10.3f s  ", pt_cli_member(job, "camera"), pt_cli_member(job, "stream"),
		       pt_cli_member(job, "start"), pt_cli_member(job, "end"), number_of(job, "seconds"));
		print_fate(job, "state", "reason");
		printf("\n");
	}
	return PT_EXIT_DONE;
}

static int fill_now(const char *camera, const char *from, const char *to) {
	const char *names[] = {"camera", "from", "to"}, *values[] = {camera, from, to};
	g_autoptr(JsonNode) answer = pt_cli_post("/api/backfill", names, values, G_N_ELEMENTS(names));
	if (!answer)
		return PT_EXIT_FAILED;
	int n = (int)json_object_get_int_member(json_node_get_object(answer), "gaps");
	if (n)
		printf("%d %s asked for; 'pigtail archive backfill %s' shows how far %s\n", n,
		       n == 1 ? "gap is" : "gaps are", camera, n == 1 ? "it is" : "they are");
	else
		printf("nothing that can be fetched is missing of %s in that time\n", camera);
	return PT_EXIT_DONE;
}

int pt_cli_backfill(const char *camera, const char *from, const char *to, bool now, bool json) {
	return now ? fill_now(camera, from, to) : list_jobs(camera, from, to, json);
}

int pt_cli_backfill_pause(bool pause) {
	g_autoptr(JsonNode) answer =
	    pt_cli_call("POST", "/api/backfill/pause", pause ? "{\"pause\":true}" : "{\"pause\":false}");
	return answer ? PT_EXIT_DONE : PT_EXIT_FAILED;
}

/* ---- proof ---- */

static void print_share(JsonObject *series) {
	double share = number_of(series, "share") * 100; /* 100 only when nothing is missing */
	printf("%-14s %-9s ", pt_cli_member(series, "camera"), pt_cli_member(series, "stream"));
	if (json_object_has_member(series, "share"))
		printf("%8.3f%%", share < 100 ? MIN(share, 99.999) : share);
	else
		printf("%9s", "-");
}

int pt_cli_proof(const char *camera, const char *from, const char *to, bool json) {
	int code;
	g_autoptr(JsonNode) answer = ask_for_people("/api/proof", camera, from, to, json, &code);
	if (!answer)
		return code;
	JsonObject *o = json_node_get_object(answer);
	printf("Proof of recording, %s – %s, made %s\n\n%-14s %-9s %9s %12s %12s %12s %14s\n", pt_cli_member(o, "from"),
	       pt_cli_member(o, "to"), pt_cli_member(o, "made"), "camera", "stream", "there", "live", "fetched", "missing",
	       "not recorded");
	JsonArray *all = array_of(answer, "series");
	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *s = json_array_get_object_element(all, i);
		double live = number_of(s, "live"), fetched = number_of(s, "fetched"),
		       unknown = number_of(s, "not_recorded");
		double missing = number_of(s, "seconds") - live - fetched - unknown;
		print_share(s);
		printf(" %10.1f s %10.1f s %10.1f s %12.1f s\n", live, fetched, missing > 0 ? missing : 0, unknown);
		if (strcmp(pt_cli_member(s, "since"), pt_cli_member(o, "from")) > 0)
			printf("    counts from %s: of before there is no footage\n", pt_cli_member(s, "since"));
		if (number_of(s, "other_quality") > 0)
			printf("    %.1f s of what was fetched are in another quality than what was recorded live\n",
			       number_of(s, "other_quality"));
		JsonArray *gaps = json_object_get_array_member(s, "gaps");
		for (guint k = 0; k < json_array_get_length(gaps); k++) {
			JsonObject *gap = json_array_get_object_element(gaps, k);
			printf("    %s – %s %10.3f s  %s: %s", pt_cli_member(gap, "start"), pt_cli_member(gap, "end"),
			       number_of(gap, "seconds"), pt_cli_member(gap, "cause"), pt_cli_member(gap, "reason"));
			if (*pt_cli_member(gap, "job"))
				printf("; backfill: %s%s%s", pt_cli_member(gap, "job"),
				       *pt_cli_member(gap, "job_reason") ? ", " : "", pt_cli_member(gap, "job_reason"));
			printf("\n");
		}
	}
	return PT_EXIT_DONE;
}
