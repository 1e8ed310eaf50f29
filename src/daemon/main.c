/* pigtail: the one program. Looks up the subcommand and hands over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "daemon/hub.h"
#include <locale.h>
#include <stdio.h>
#include <string.h>

static int cmd_run(int argc, char **argv) {
	if (argc != 2) {
		fprintf(stderr, "usage: pigtail run SITE.yaml\n");
		return 2;
	}
	return pt_hub_run(
	    &(PtHubOptions){.site_path = argv[1], .print_link = true, .link_to_stdout = g_getenv("PIGTAIL_LINK") != NULL});
}

static const PtCommand own[] = {
    {"run", "SITE.yaml", "the daemon in the foreground", cmd_run},
};

int main(int argc, char **argv) {
	setlocale(LC_ALL, "");
	return pt_cli_main(argc, argv, own, G_N_ELEMENTS(own));
}
