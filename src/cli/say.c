/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <stdio.h>
#include <string.h>

/* What is the name of a message is played, everything else is said; but a mistyped name is not read out. */
static bool is_message(JsonObject *talk, const char *words) {
	static const char *const endings[] = {".wav", ".opus", ".m4a", ".mp4", ".mp3", ".ogg"};
	for (size_t i = 0; i < G_N_ELEMENTS(endings) && !strpbrk(words, " \t\n"); i++)
		if (g_str_has_suffix(words, endings[i]))
			return true;
	JsonArray *messages = json_object_get_array_member(talk, "messages");
	for (guint i = 0; i < json_array_get_length(messages); i++)
		if (!strcmp(json_array_get_string_element(messages, i), words))
			return true;
	return false;
}

int pt_cli_say(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (!pt_cli_no_more_options(argc, argv) || argc != 3) {
		fprintf(stderr, "usage: pigtail say CAMERA TEXT|FILE [--json]\n");
		return PT_EXIT_USAGE;
	}
	g_autofree char *camera = pt_cli_escape(argv[1]), *path = g_strdup_printf("/api/cameras/%s/talk", camera);
	g_autoptr(JsonNode) talk = pt_cli_call("GET", path, NULL);
	if (!talk)
		return PT_EXIT_FAILED;
	const char *name = is_message(json_node_get_object(talk), argv[2]) ? "file" : "text", *words = argv[2];
	g_autoptr(JsonNode) answer = pt_cli_post(path, &name, &words, 1);
	if (!answer)
		return PT_EXIT_FAILED;
	if (json)
		pt_cli_print_json(answer);
	return PT_EXIT_DONE;
}
