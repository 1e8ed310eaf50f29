/* pigtail alarm: how the alarm centre stands; arming, disarming, what becomes of alarms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <stdio.h>
#include <string.h>

const char pt_cli_alarm_usage[] =
    "usage: pigtail alarm [--all] [--json]         mode, zones, open alarms (--all: all remembered)\n"
    "       pigtail alarm arm MODE [--force]        --force: leaves out what is open until it closes\n"
    "       pigtail alarm disarm                    asks for the PIN where the site has any\n"
    "       pigtail alarm ack ID | clear ID\n";

static void print_zone(JsonObject *z) {
	const char *about = json_object_get_boolean_member(z, "left_out") ? "left out until it closes"
	                    : json_object_has_member(z, "entry_in_s")     ? "raises unless disarmed"
	                    : json_object_get_boolean_member(z, "armed")  ? "armed"
	                                                                  : "";
	printf("  %-20s %-8s %s\n", pt_cli_member(z, "name"), pt_cli_member(z, "state"), about);
}

static void print_alarm(JsonObject *a) {
	int count = (int)json_object_get_int_member(a, "count");
	printf("%4d %-12s %s  %s: %s", (int)json_object_get_int_member(a, "id"), pt_cli_member(a, "state"),
	       pt_cli_member(a, "last"), pt_cli_member(a, "name"), pt_cli_member(a, "text"));
	if (count > 1)
		printf(" (%d times since %s)", count, pt_cli_member(a, "raised"));
	const char *pairs[][2] = {{"acknowledged by", pt_cli_member(a, "acknowledged_by")},
	                          {"cleared by", pt_cli_member(a, "cleared_by")},
	                          {"to do", pt_cli_member(a, "procedure")},
	                          {"camera", pt_cli_member(a, "camera")}};
	printf("\n");
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
		if (*pairs[i][1])
			printf("     %s: %s\n", pairs[i][0], pairs[i][1]);
}

static void print(JsonObject *o, bool all) {
	printf("mode %s since %s\n", pt_cli_member(o, "mode"), pt_cli_member(o, "since"));
	if (*pt_cli_member(o, "arming"))
		printf("%s in %.0f s\n", pt_cli_member(o, "arming"), json_object_get_double_member(o, "arming_in_s"));
	JsonArray *zones = json_object_get_array_member(o, "zones"), *alarms = json_object_get_array_member(o, "alarms");
	for (guint i = 0; i < json_array_get_length(zones); i++)
		print_zone(json_array_get_object_element(zones, i));
	for (guint i = 0; i < json_array_get_length(alarms); i++) {
		JsonObject *a = json_array_get_object_element(alarms, i);
		if (all || strcmp(pt_cli_member(a, "state"), "cleared"))
			print_alarm(a);
	}
}

static int show(bool all, bool json) {
	g_autoptr(JsonNode) answer = pt_cli_call("GET", "/api/alarm", NULL);
	if (!answer)
		return PT_EXIT_FAILED;
	if (json)
		pt_cli_print_json(answer);
	else
		print(json_node_get_object(answer), all);
	return PT_EXIT_DONE;
}

static bool wants_pin(JsonArray *modes, const char *mode) {
	for (guint i = 0; i < json_array_get_length(modes); i++) {
		JsonObject *m = json_array_get_object_element(modes, i);
		if (!strcmp(pt_cli_member(m, "name"), mode))
			return json_object_get_boolean_member(m, "pin");
	}
	return false;
}

/* mode NULL: the first, which is disarmed. */
static int set_mode(const char *mode, bool force) {
	g_autoptr(JsonNode) stands = pt_cli_call("GET", "/api/alarm", NULL);
	if (!stands)
		return PT_EXIT_FAILED;
	JsonArray *modes = json_object_get_array_member(json_node_get_object(stands), "modes");
	if (!mode)
		mode = pt_cli_member(json_array_get_object_element(modes, 0), "name");
	char *pin = wants_pin(modes, mode) ? pt_cli_read_secret("PIN", false) : NULL;
	g_autoptr(JsonBuilder) b = json_builder_new();
	json_builder_begin_object(b);
	json_builder_set_member_name(b, "mode");
	json_builder_add_string_value(b, mode);
	json_builder_set_member_name(b, "force");
	json_builder_add_boolean_value(b, force);
	if (pin) {
		json_builder_set_member_name(b, "pin");
		json_builder_add_string_value(b, pin);
	}
	json_builder_end_object(b);
	g_autoptr(JsonNode) node = json_builder_get_root(b);
	char *body = json_to_string(node, FALSE);
	g_autoptr(JsonNode) answer = pt_cli_call("POST", "/api/alarm/mode", body);
	pt_cli_wipe(body);
	pt_cli_wipe(pin);
	if (!answer)
		return PT_EXIT_FAILED;
	JsonObject *o = json_node_get_object(answer);
	if (*pt_cli_member(o, "arming"))
		printf("%s in %.0f s\n", pt_cli_member(o, "arming"), json_object_get_double_member(o, "arming_in_s"));
	return PT_EXIT_DONE;
}

static int settle(const char *id, const char *how) {
	g_autofree char *escaped = g_uri_escape_string(id, NULL, FALSE);
	g_autofree char *path = g_strdup_printf("/api/alarm/%s/%s", escaped, how);
	g_autoptr(JsonNode) answer = pt_cli_call("POST", path, "{}");
	return answer ? PT_EXIT_DONE : PT_EXIT_FAILED;
}

int pt_cli_alarm(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json"), all = pt_cli_flag(&argc, argv, "--all");
	bool force = pt_cli_flag(&argc, argv, "--force");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (!pt_cli_no_more_options(argc, argv))
		return PT_EXIT_USAGE;
	if (argc == 1)
		return show(all, json);
	if (argc == 3 && !strcmp(argv[1], "arm"))
		return set_mode(argv[2], force);
	if (argc == 2 && !strcmp(argv[1], "disarm"))
		return set_mode(NULL, force);
	if (argc == 3 && !strcmp(argv[1], "ack"))
		return settle(argv[2], "acknowledge");
	if (argc == 3 && !strcmp(argv[1], "clear"))
		return settle(argv[2], "clear");
	fputs(pt_cli_alarm_usage, stderr);
	return PT_EXIT_USAGE;
}
