/* pigtail config check: every problem of a site file, with file and line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "site/config.h"
#include <stdio.h>
#include <string.h>

#define COUNTED(n) (n), (n) == 1 ? "" : "s"

int pt_cli_config(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json");
	if (argc != 3 || strcmp(argv[1], "check")) {
		fprintf(stderr, "usage: pigtail config check SITE.yaml [--json]\n");
		return PT_EXIT_USAGE;
	}
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtSite) site = NULL;
	bool ok = pt_site_load(argv[2], &site, problems);
	if (json) {
		g_autoptr(JsonBuilder) b = json_builder_new();
		json_builder_begin_object(b);
		json_builder_set_member_name(b, "ok");
		json_builder_add_boolean_value(b, ok);
		json_builder_set_member_name(b, "problems");
		json_builder_begin_array(b);
		for (guint i = 0; i < problems->len; i++)
			json_builder_add_string_value(b, g_ptr_array_index(problems, i));
		json_builder_end_array(b);
		json_builder_end_object(b);
		g_autoptr(JsonNode) root = json_builder_get_root(b);
		pt_cli_print_json(root);
	} else {
		for (guint i = 0; i < problems->len; i++)
			fprintf(stderr, "%s\n", (char *)g_ptr_array_index(problems, i));
		for (guint i = 0; ok && i < site->notes->len; i++)
			fprintf(stderr, "note: %s\n", (char *)g_ptr_array_index(site->notes, i));
		if (ok)
			printf("%s is right: %u camera%s, %u input%s, %u relay%s, %u rule%s\n", argv[2],
			       COUNTED(site->cameras->len), COUNTED(site->inputs->len), COUNTED(site->relays->len),
			       COUNTED(site->rules->list->len));
	}
	return ok ? PT_EXIT_DONE : PT_EXIT_SITE;
}
