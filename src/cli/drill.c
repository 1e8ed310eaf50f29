/* pigtail drill: a restore that is never tried is none. Has the hub cut one of its cameras off for a while, waits until the
 * camera's card has filled the gap, and tells how that went. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/units.h"
#include "cli/cli.h"
#include <stdio.h>
#include <string.h>

#define POLL_US (G_USEC_PER_SEC / 2)
#define PATIENCE_NS (180 * PT_NS_PER_S) /* after the camera is back */

/* How a series came out of it. */
typedef struct {
	const char *stream, *state, *seam, *reason, *waits;
	double seconds, took; /* missing; from the end of the gap until it was filled */
	int64_t frames;
} Outcome;

static double seconds_between(const char *from, const char *to) {
	int64_t a, b;
	if (!pt_time_parse(from, &a, NULL) || !pt_time_parse(to, &b, NULL))
		return 0;
	return (double)(b - a) / PT_NS_PER_S;
}

static Outcome outcome_of(JsonObject *job) {
	return (Outcome){.stream = pt_cli_member(job, "stream"),
	                 .state = pt_cli_member(job, "state"),
	                 .seam = pt_cli_member(job, "seam"),
	                 .reason = pt_cli_member(job, "reason"),
	                 .waits = pt_cli_member(job, "waits"),
	                 .seconds = json_object_get_double_member_with_default(job, "seconds", 0),
	                 .took = seconds_between(pt_cli_member(job, "end"), pt_cli_member(job, "changed")),
	                 .frames = json_object_get_int_member_with_default(job, "frames", 0)};
}

static bool has_ended(const Outcome *o) {
	return !strcmp(o->state, "filled") || !strcmp(o->state, "partly") || !strcmp(o->state, "impossible");
}

/* The gap that the drill made, before there is a job for it: of the streams that are owed without a break. */
static bool is_awaited(JsonObject *gap) {
	const char *cause = pt_cli_member(gap, "cause");
	return strcmp(pt_cli_member(gap, "stream"), "metadata") && strcmp(cause, "policy") && strcmp(cause, "clock");
}

/* What there is of the drill now. True: nothing of it will change any more. */
static bool look(JsonNode *answer, GArray *outcomes) {
	JsonObject *o = json_node_get_object(answer);
	JsonArray *jobs = json_object_get_array_member(o, "jobs"), *gaps = json_object_get_array_member(o, "gaps");
	bool over = json_array_get_length(jobs) > 0;
	g_array_set_size(outcomes, 0);
	for (guint i = 0; i < json_array_get_length(jobs); i++) {
		Outcome outcome = outcome_of(json_array_get_object_element(jobs, i));
		g_array_append_val(outcomes, outcome);
		over &= has_ended(&outcome);
	}
	for (guint i = 0; i < json_array_get_length(gaps); i++) {
		JsonObject *gap = json_array_get_object_element(gaps, i);
		bool has_job = false;
		for (guint k = 0; k < outcomes->len; k++)
			has_job |= !strcmp(g_array_index(outcomes, Outcome, k).stream, pt_cli_member(gap, "stream"));
		over &= has_job || !is_awaited(gap);
	}
	return over;
}

/* Returns the last answer, for what the outcomes borrow of it; NULL: the hub cannot be asked. */
static JsonNode *wait_for_end(const char *path, GArray *outcomes) {
	int64_t until = pt_mono_ns(pt_clock_system()) + PATIENCE_NS;
	for (;;) {
		g_autoptr(JsonNode) answer = pt_cli_call("GET", path, NULL);
		if (!answer)
			return NULL;
		if (look(answer, outcomes) || pt_mono_ns(pt_clock_system()) > until)
			return g_steal_pointer(&answer);
		g_usleep(POLL_US);
	}
}

static bool all_filled(const GArray *outcomes) {
	bool all = outcomes->len > 0;
	for (guint i = 0; i < outcomes->len; i++)
		all &= !strcmp(g_array_index(outcomes, Outcome, i).state, "filled");
	return all;
}

/* The jobs as the API tells of them. */
static void print_json(const char *camera, const GArray *outcomes, JsonNode *answer) {
	g_autoptr(JsonNode) all = json_node_new(JSON_NODE_OBJECT);
	JsonObject *o = json_object_new();
	json_object_set_string_member(o, "camera", camera);
	json_object_set_boolean_member(o, "filled", all_filled(outcomes));
	json_object_set_member(o, "jobs", json_node_copy(json_object_get_member(json_node_get_object(answer), "jobs")));
	json_node_take_object(all, o);
	pt_cli_print_json(all);
}

static void print_text(const char *camera, const GArray *outcomes) {
	for (guint i = 0; i < outcomes->len; i++) {
		const Outcome *o = &g_array_index(outcomes, Outcome, i);
		printf("%-6s %7.2f s were missing: ", o->stream, o->seconds);
		if (!strcmp(o->state, "filled"))
			printf("filled %.1f s later, %" G_GINT64_FORMAT " frames, the seam by %s\n", o->took, o->frames,
			       *o->seam ? o->seam : "nothing");
		else
			printf("%s%s%s%s%s\n", o->state, *o->waits ? ", waits: " : "", o->waits, *o->reason ? ": " : "",
			       o->reason);
	}
	if (!outcomes->len)
		printf("no gap came of it, or the hub began none of its filling\n");
	printf("camera %s: %s\n", camera, all_filled(outcomes) ? "the drill went well" : "the drill FAILED");
}

int pt_cli_drill(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json");
	const char *text = pt_cli_option(&argc, argv, "--for");
	g_autoptr(GError) error = NULL;
	int64_t length = 20 * PT_NS_PER_S;
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (!pt_cli_no_more_options(argc, argv) || argc != 2) {
		fprintf(stderr, "usage: pigtail drill CAMERA [--for 20s] [--json]\n");
		return PT_EXIT_USAGE;
	}
	if (text && !pt_units_parse_duration(text, &length, &error)) {
		fprintf(stderr, "pigtail drill: --for: %s\n", error->message);
		return PT_EXIT_USAGE;
	}
	g_autofree char *name = pt_cli_escape(argv[1]), *path = g_strdup_printf("/api/cameras/%s/drill", name),
	                *body = g_strdup_printf("{\"for\":\"%" G_GINT64_FORMAT "ms\"}", length / PT_NS_PER_MS);
	g_autoptr(JsonNode) begun = pt_cli_call("POST", path, body);
	if (!begun)
		return PT_EXIT_FAILED;
	g_autofree char *from = pt_cli_escape(pt_cli_member(json_node_get_object(begun), "from")),
	                *question = g_strdup_printf("/api/backfill?camera=%s&from=%s", name, from);
	if (!json)
		fprintf(stderr, "camera %s is cut off for %.0f s …\n", argv[1], (double)length / PT_NS_PER_S);
	g_usleep((gulong)(length / 1000));
	g_autoptr(GArray) outcomes = g_array_new(FALSE, FALSE, sizeof(Outcome));
	g_autoptr(JsonNode) answer = wait_for_end(question, outcomes);
	if (!answer)
		return PT_EXIT_FAILED;
	if (json)
		print_json(argv[1], outcomes, answer);
	else
		print_text(argv[1], outcomes);
	return all_filled(outcomes) ? PT_EXIT_DONE : PT_EXIT_FAILED;
}
