/* pigtail state, events, relay, input, snapshot: short questions and orders to the daemon. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/suggest.h"
#include "base/units.h"
#include "cli/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- state ---- */

static double number(JsonObject *o, const char *name) {
	return json_object_has_member(o, name) ? json_object_get_double_member(o, name) : 0;
}

static void print_stream(const char *camera, const char *name, JsonObject *stream) {
	JsonArray *tracks = json_object_get_array_member(stream, "tracks");
	g_autoptr(GString) text = g_string_new(NULL);
	double lost = 0;
	for (guint i = 0; i < json_array_get_length(tracks); i++) {
		JsonObject *t = json_array_get_object_element(tracks, i);
		g_string_append_printf(text, "%s%s", i ? " + " : "", pt_cli_member(t, "codec"));
		if (json_object_has_member(t, "width"))
			g_string_append_printf(text, " %dx%d@%.1f", (int)number(t, "width"), (int)number(t, "height"),
			                       number(t, "fps"));
		g_string_append_printf(text, " %.2f Mbit/s", number(t, "bitrate") / 1e6);
		lost += number(t, "lost_packets");
	}
	printf("%-14s %-5s %-11s %s%s", camera, name, pt_cli_member(stream, "state"), text->str, lost > 0 ? "" : "\n");
	if (lost > 0)
		printf(", %.0f packets lost\n", lost);
	if (pt_cli_member(stream, "reason")[0])
		printf("%-14s       %s\n", "", pt_cli_member(stream, "reason"));
}

/* A microphone of its own machine: its sound is a track of main. */
static void print_microphone(const char *camera, JsonObject *microphone) {
	printf("%-14s %-5s %s\n", camera, "sound", pt_cli_member(microphone, "state"));
	if (pt_cli_member(microphone, "reason")[0])
		printf("%-14s       %s\n", "", pt_cli_member(microphone, "reason"));
}

/* Of `record: on-loss`: what is left to the hub that takes it. */
static void print_on_loss(const char *camera, JsonObject *on_loss) {
	static const char *const names[] = {"main", "sub"};
	for (int k = 0; k < 2; k++)
		if (json_object_has_member(on_loss, names[k]))
			printf("%-14s %-5s on-loss: %s\n", camera, names[k],
			       strcmp(pt_cli_member(on_loss, names[k]), "waiting") ? "records" : "a hub records it");
}

static void print_lines(const char *what, JsonObject *o, const char *name) {
	JsonArray *lines = json_object_has_member(o, name) ? json_object_get_array_member(o, name) : NULL;
	for (guint i = 0; lines && i < json_array_get_length(lines); i++) {
		g_autofree char *line = pt_cli_printable(json_array_get_string_element(lines, i));
		printf("%-14s       %s%s\n", "", what, line);
	}
}

/* The camera by ONVIF: the way its events come, why they do not, and what somebody should see to. */
static void print_onvif(JsonObject *onvif) {
	const char *way = pt_cli_member(onvif, "events_by"), *reason = pt_cli_member(onvif, "reason");
	printf("%-14s onvif %-11s %s%s%s\n", "", pt_cli_member(onvif, "state"), *way ? "events by " : "", way, reason);
	print_lines("", onvif, "notes");
	print_lines("warning: ", onvif, "warnings");
}

static void print_latency(const char *what, JsonObject *archive, const char *name) {
	if (!json_object_has_member(archive, name))
		return;
	JsonObject *l = json_object_get_object_member(archive, name);
	printf("               %s: half within %.0f ms, 99 %% within %.0f ms, longest %.0f ms\n", what, number(l, "p50"),
	       number(l, "p99"), number(l, "max"));
}

static void print_health(JsonObject *archive) {
	print_latency("writes", archive, "write_ms");
	print_latency("syncs", archive, "sync_ms");
	if (json_object_has_member(archive, "wear")) {
		JsonObject *w = json_object_get_object_member(archive, "wear");
		printf("               %s %s: ", pt_cli_member(w, "kind"), pt_cli_member(w, "name"));
		if (json_object_has_member(w, "used_percent"))
			printf("up to %.0f %% of its life used, %s\n", number(w, "used_percent"),
			       pt_cli_member(w, "end_of_life"));
		else
			printf("it says nothing of its wear\n");
	}
	if (json_object_has_member(archive, "read_back")) {
		JsonObject *r = json_object_get_object_member(archive, "read_back");
		printf("               read back %s: %.0f files, %.0f damaged%s%s\n", pt_cli_member(r, "at"),
		       number(r, "files"), number(r, "damaged"), *pt_cli_member(r, "first") ? ": " : "",
		       pt_cli_member(r, "first"));
	}
}

static void print_broker(JsonObject *daemon) {
	if (!json_object_has_member(daemon, "mqtt"))
		return;
	JsonObject *m = json_object_get_object_member(daemon, "mqtt");
	if (json_object_get_boolean_member(m, "connected"))
		printf("broker         connected by MQTT %s", pt_cli_member(m, "version"));
	else
		printf("broker         not connected%s%s", *pt_cli_member(m, "error") ? ": " : "",
		       pt_cli_member(m, "error"));
	if (number(m, "waiting") > 0)
		printf(", %.0f messages wait", number(m, "waiting"));
	if (number(m, "dropped") > 0)
		printf(", %.0f were lost: there was no room for them", number(m, "dropped"));
	if (number(m, "refused") > 0)
		printf(", %.0f were lost: the broker refused them, so see its access list", number(m, "refused"));
	putchar('\n');
}

static void print_messages(JsonObject *daemon) {
	if (!json_object_has_member(daemon, "notify"))
		return;
	JsonObject *n = json_object_get_object_member(daemon, "notify");
	if (number(n, "waiting") + number(n, "sent") + number(n, "failed") > 0)
		printf("messages       %.0f sent, %.0f failed, %.0f wait\n", number(n, "sent"), number(n, "failed"),
		       number(n, "waiting"));
}

static void print_plugs(JsonObject *plugs, const char *list) {
	JsonArray *all = json_object_get_array_member(plugs, list);
	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *p = json_array_get_object_element(all, i);
		printf("%-14s %-5s %s", pt_cli_member(p, "name"), strcmp(list, "relays") ? "input" : "relay",
		       pt_cli_member(p, "state"));
		if (number(p, "rated_cycles") > 0)
			printf(", %.0f of %.0f cycles", number(p, "cycles"), number(p, "rated_cycles"));
		putchar('\n');
		static const char *const notes[] = {"error", "warning", "wear"};
		for (size_t k = 0; k < G_N_ELEMENTS(notes); k++)
			if (pt_cli_member(p, notes[k])[0])
				printf("%-14s       %s%s\n", "", k ? "warning: " : "", pt_cli_member(p, notes[k]));
	}
}

int pt_cli_state(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (argc != 1) {
		fprintf(stderr, "usage: pigtail state [--json]\n");
		return PT_EXIT_USAGE;
	}
	g_autoptr(JsonNode) root = pt_cli_call("GET", "/api/state", NULL);
	if (!root)
		return PT_EXIT_FAILED;
	if (json) {
		pt_cli_print_json(root);
		return PT_EXIT_DONE;
	}
	JsonObject *o = json_node_get_object(root);
	JsonArray *cameras = json_object_get_array_member(o, "cameras");
	for (guint i = 0; i < json_array_get_length(cameras); i++) {
		JsonObject *c = json_array_get_object_element(cameras, i),
		           *streams = json_object_get_object_member(c, "streams");
		static const char *const names[] = {"main", "sub"};
		for (int k = 0; k < 2; k++)
			if (json_object_has_member(streams, names[k]))
				print_stream(pt_cli_member(c, "name"), names[k],
				             json_object_get_object_member(streams, names[k]));
		if (json_object_has_member(c, "microphone"))
			print_microphone(pt_cli_member(c, "name"), json_object_get_object_member(c, "microphone"));
		if (json_object_has_member(c, "on_loss"))
			print_on_loss(pt_cli_member(c, "name"), json_object_get_object_member(c, "on_loss"));
		if (json_object_has_member(c, "onvif"))
			print_onvif(json_object_get_object_member(c, "onvif"));
	}
	print_plugs(json_object_get_object_member(o, "plugs"), "inputs");
	print_plugs(json_object_get_object_member(o, "plugs"), "relays");
	JsonObject *archive = json_object_get_object_member(o, "archive"),
	           *daemon = json_object_get_object_member(o, "daemon");
	g_autofree char *size = pt_units_about_size((uint64_t)number(archive, "bytes"));
	g_autofree char *room = pt_units_about_size((uint64_t)number(archive, "free_bytes"));
	g_autofree char *memory = pt_units_about_size((uint64_t)number(daemon, "memory_bytes"));
	printf("archive        %s of footage, %s free at %s\n", size, room, pt_cli_member(archive, "path"));
	print_health(archive);
	if (pt_cli_member(archive, "problem")[0])
		printf("               %s\n", pt_cli_member(archive, "problem"));
	if (pt_cli_member(archive, "over_limit")[0])
		printf("               %s\n", pt_cli_member(archive, "over_limit"));
	print_broker(daemon);
	print_messages(daemon);
	printf("daemon         process %.0f, %s of memory, %.1f s of CPU\n", number(daemon, "pid"), memory,
	       number(daemon, "cpu_s"));
	return PT_EXIT_DONE;
}

/* ---- events ---- */

/* What its state is said of, where the source alone could be taken for something else: a door that is active and one that
 * somebody has been at. */
static const char *said_of(const char *topic) {
	static const char *const own[] = {"motion", "tamper", "sound", "storage", "reboot", "picture"};
	for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
		if (!strcmp(topic, own[i]))
			return topic;
	return !strcmp(topic, "command") ? "told" : "";
}

static void print_event(JsonObject *e, bool json, JsonNode *node) {
	if (json) {
		g_autofree char *line = json_to_string(node, FALSE);
		puts(line);
		return;
	}
	const char *of = said_of(pt_cli_member(e, "topic"));
	const char *late = json_object_has_member(e, "late") ? pt_cli_member(e, "told") : NULL;
	printf("%s  %-22s %s%s%-9s %s%s%s%s%s%s%s\n", pt_cli_member(e, "time"), pt_cli_member(e, "source"), of,
	       *of ? " " : "", pt_cli_member(e, "state"), pt_cli_member(e, "actor")[0] ? "by " : "",
	       pt_cli_member(e, "actor"), pt_cli_member(e, "detail")[0] ? "  " : "", pt_cli_member(e, "detail"),
	       late ? "  (late, told at " : "", late ? late : "", late ? ")" : "");
}

/* What of the log was shown. */
typedef struct {
	GString *path;     /* with what of it is wanted */
	char *cursor;      /* id of the last one */
	char *told;        /* late ones stand before it: those told since then are asked for once more */
	GHashTable *shown; /* ids of late ones */
	bool json;
} Log;

static bool is_new(Log *log, JsonObject *event) {
	if (!json_object_has_member(event, "late"))
		return true;
	const char *told = pt_cli_member(event, "told");
	if (strcmp(told, log->told) > 0) {
		g_free(log->told);
		log->told = g_strdup(told);
	}
	return g_hash_table_add(log->shown, g_strdup(pt_cli_member(event, "id")));
}

/* Prints a page, oldest first; *ret_cursor: its last one, replaced. Returns how many there were; -1: the daemon is gone. */
static int print_page(Log *log, const char *since, const char *since_time, char **ret_cursor) {
	g_autoptr(GString) path = g_string_new(log->path->str);
	pt_cli_add_query(path, since, since_time);
	pt_cli_add_query(path, "before", *ret_cursor);
	g_autoptr(JsonNode) root = pt_cli_call("GET", path->str, NULL);
	if (!root)
		return -1;
	JsonArray *events = json_object_get_array_member(json_node_get_object(root), "events");
	guint n = json_array_get_length(events);
	for (guint i = 0; i < n; i++) {
		JsonNode *node = json_array_get_element(events, i);
		if (is_new(log, json_node_get_object(node)))
			print_event(json_node_get_object(node), log->json, node);
	}
	if (n) {
		g_free(*ret_cursor);
		*ret_cursor = g_strdup(pt_cli_member(json_array_get_object_element(events, n - 1), "id"));
	}
	fflush(stdout);
	return (int)n;
}

/* What came late since the last time, where that is wanted, and what else is new of the log. False: the daemon is gone. */
static bool print_new(Log *log, const char *since, bool late) {
	g_autofree char *told = g_strdup(log->told), *cursor = NULL;
	int n = 0;
	while (late && (n = print_page(log, "told", told, &cursor)) > 0)
		continue;
	while (n >= 0 && (n = print_page(log, "since", since, &log->cursor)) > 0)
		continue;
	return n >= 0;
}

int pt_cli_events(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json"), follow = pt_cli_flag(&argc, argv, "--follow");
	const char *topic = pt_cli_option(&argc, argv, "--topic");
	const char *source = pt_cli_option(&argc, argv, "--source");
	int64_t now = pt_wall_ns(pt_clock_system());
	g_autofree char *since = NULL;
	if (!pt_cli_time(&argc, argv, "--since", &since))
		return PT_EXIT_USAGE;
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (argc != 1) {
		fprintf(stderr,
		        "usage: pigtail events [--follow] [--since TIME] [--topic TOPIC] [--source SOURCE] [--json]\n");
		return PT_EXIT_USAGE;
	}
	if (!since)
		since = pt_time_format(now - (follow ? 0 : 86400 * PT_NS_PER_S));
	Log log = {.path = g_string_new("/api/events?order=oldest&limit=1000"),
	           .told = pt_time_format(now),
	           .shown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	           .json = json};
	pt_cli_add_query(log.path, "topic", topic);
	pt_cli_add_query(log.path, "source", source);
	bool ok;
	while ((ok = print_new(&log, since, follow)) && follow)
		g_usleep(300000);
	g_string_free(log.path, TRUE);
	g_hash_table_unref(log.shown);
	g_free(log.cursor);
	g_free(log.told);
	return ok ? PT_EXIT_DONE : PT_EXIT_FAILED;
}

/* ---- plugs ---- */

static void print_relay(JsonObject *o) {
	printf("%s: %s", pt_cli_member(o, "name"), pt_cli_member(o, "state"));
	if (strcmp(pt_cli_member(o, "state"), pt_cli_member(o, "commanded")))
		printf(" (commanded %s)", pt_cli_member(o, "commanded"));
	if (json_object_has_member(o, "off_in_s"))
		printf(", goes off in %.1f s", json_object_get_double_member(o, "off_in_s"));
	if (pt_cli_member(o, "error")[0])
		printf(", %s", pt_cli_member(o, "error"));
	putchar('\n');
}

#define READ_BACK_US 50000
#define READ_BACK_TRIES 20

static bool follows(JsonObject *o) { return !strcmp(pt_cli_member(o, "state"), pt_cli_member(o, "commanded")); }

int pt_cli_relay(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json");
	const char *how_long = pt_cli_option(&argc, argv, "--for");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (argc < 2 || !pt_cli_no_more_options(argc, argv) || argc > 3) {
		fprintf(stderr, "usage: pigtail relay NAME [on [--for TIME]|off|pulse] [--json]\n");
		return PT_EXIT_USAGE;
	}
	g_autofree char *name = pt_cli_escape(argv[1]), *path = g_strconcat("/api/relays/", name, NULL), *body = NULL;
	if (argc == 3) {
		g_autoptr(JsonBuilder) b = json_builder_new();
		json_builder_begin_object(b);
		json_builder_set_member_name(b, "state");
		json_builder_add_string_value(b, argv[2]);
		if (how_long) {
			json_builder_set_member_name(b, "for");
			json_builder_add_string_value(b, how_long);
		}
		json_builder_end_object(b);
		g_autoptr(JsonNode) root = json_builder_get_root(b);
		body = json_to_string(root, FALSE);
	}
	g_autoptr(JsonNode) answer = pt_cli_call(body ? "POST" : "GET", path, body);
	/* a relay behind a network is read back a moment later */
	for (int i = 0; body && answer && i < READ_BACK_TRIES && !follows(json_node_get_object(answer)); i++) {
		g_usleep(READ_BACK_US);
		g_clear_pointer(&answer, json_node_unref);
		answer = pt_cli_call("GET", path, NULL);
	}
	if (!answer)
		return PT_EXIT_FAILED;
	if (json)
		pt_cli_print_json(answer);
	else
		print_relay(json_node_get_object(answer));
	return PT_EXIT_DONE;
}

int pt_cli_input(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (argc != 2) {
		fprintf(stderr, "usage: pigtail input NAME [--json]\n");
		return PT_EXIT_USAGE;
	}
	g_autofree char *name = pt_cli_escape(argv[1]), *path = g_strconcat("/api/inputs/", name, NULL);
	g_autoptr(JsonNode) answer = pt_cli_call("GET", path, NULL);
	if (!answer)
		return PT_EXIT_FAILED;
	JsonObject *o = json_node_get_object(answer);
	if (json)
		pt_cli_print_json(answer);
	else
		printf("%s: %s since %s%s%s\n", pt_cli_member(o, "name"), pt_cli_member(o, "state"),
		       pt_cli_member(o, "since")[0] ? pt_cli_member(o, "since") : "the start",
		       pt_cli_member(o, "error")[0] ? ", " : "", pt_cli_member(o, "error"));
	return PT_EXIT_DONE;
}

/* ---- snapshot ---- */

int pt_cli_snapshot(int argc, char **argv) {
	const char *output = pt_cli_option(&argc, argv, "-o"), *stream = pt_cli_option(&argc, argv, "--stream");
	if (!output)
		output = pt_cli_option(&argc, argv, "--output");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (argc != 2) {
		fprintf(stderr, "usage: pigtail snapshot CAMERA [-o FILE.jpg] [--stream main|sub]\n");
		return PT_EXIT_USAGE;
	}
	g_autofree char *camera = pt_cli_escape(argv[1]), *which = pt_cli_escape(stream ? stream : "main");
	g_autofree char *path = g_strdup_printf("/api/cameras/%s/snapshot.jpg?stream=%s", camera, which);
	g_autofree char *file = output ? g_strdup(output) : g_strconcat(argv[1], ".jpg", NULL);
	g_autofree char *partial = g_strconcat(file, ".partial", NULL);
	g_autoptr(GError) error = NULL;
	uint64_t bytes;
	int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		fprintf(stderr, "pigtail snapshot: %s: %s\n", file, g_strerror(errno));
		return PT_EXIT_FAILED;
	}
	bool ok = pt_cli_download(path, fd, &bytes, NULL, NULL, &error);
	close(fd);
	if (!ok || rename(partial, file)) {
		fprintf(stderr, "pigtail snapshot: %s\n", ok ? g_strerror(errno) : error->message);
		unlink(partial);
		return PT_EXIT_FAILED;
	}
	printf("%s\n", file);
	return PT_EXIT_DONE;
}
