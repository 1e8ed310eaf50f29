/* The section `talk:`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "site/internal.h"
#include <string.h>

#define VOICE "en"
#define VOICE_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_"

void pt_site_read_talk(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"messages", "voice", NULL};
	site->talk_voice = g_strdup(VOICE);
	if (pt_node_is_empty(node) || !pt_node_check_keys(node, known, problems))
		return;
	const PtNode *messages = pt_node_get(node, "messages"), *voice = pt_node_get(node, "voice");
	pt_site_read_path(site, messages, &site->talk_messages, problems);
	if (site->talk_messages && !g_file_test(site->talk_messages, G_FILE_TEST_IS_DIR))
		pt_problem(problems, messages, "%s is no folder", site->talk_messages);
	if (pt_node_read_text(voice, &site->talk_voice, problems) &&
	    (!g_ascii_isalpha(*site->talk_voice) || strlen(site->talk_voice) > 40 ||
	     strspn(site->talk_voice, VOICE_BYTES) != strlen(site->talk_voice)))
		pt_problem(problems, voice,
		           "is no voice of espeak-ng, such as en, de or fr+f2 (espeak-ng --voices lists them)");
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

char **pt_site_messages(const PtSite *site) {
	g_autoptr(GDir) dir = site->talk_messages ? g_dir_open(site->talk_messages, 0, NULL) : NULL;
	GPtrArray *names = g_ptr_array_new();
	const char *name;
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(site->talk_messages, name, NULL);
		if (*name != '.' && g_utf8_validate(name, -1, NULL) && g_file_test(path, G_FILE_TEST_IS_REGULAR))
			g_ptr_array_add(names, g_strdup(name));
	}
	g_ptr_array_sort(names, by_name);
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

void pt_site_print_talk(GString *out, const PtSite *s) {
	if (!s->talk_messages && !strcmp(s->talk_voice, VOICE))
		return;
	g_string_append(out, "talk: {");
	pt_print_text(out, "voice", s->talk_voice);
	pt_print_text(out, "messages", s->talk_messages);
	g_string_append(out, " }\n");
}
