/* pigtail ca: the authority that vouches for a hub's pages: where devices get its certificate, and by what to know it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "web/qr.h"
#include <stdio.h>
#include <unistd.h>

static bool print(JsonObject *o) {
	const char *address = pt_cli_member(o, "address"), *problem = pt_cli_member(o, "problem");
	if (*problem)
		fprintf(stderr, "pigtail: %s\n", problem);
	if (!*address)
		return false;
	JsonArray *names = json_object_get_array_member(o, "names");
	g_autofree char *code = pt_qr_text(address, isatty(STDOUT_FILENO));
	printf("%s\nDevices that are to trust the hub open %s\n\n", code ? code : "", address);
	printf("SHA-256      %s\nvalid until  %s; the hub's own certificate until %s, for", pt_cli_member(o, "fingerprint"),
	       pt_cli_member(o, "until"), pt_cli_member(o, "server_until"));
	for (guint i = 0; i < json_array_get_length(names); i++)
		printf("%s %s", i ? "," : "", json_array_get_string_element(names, i));
	printf("\n");
	return true;
}

int pt_cli_ca(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json"), renew = pt_cli_flag(&argc, argv, "--renew");
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (!pt_cli_no_more_options(argc, argv) || argc != 1) {
		fprintf(stderr, "usage: pigtail ca [--renew] [--json]\n");
		return PT_EXIT_USAGE;
	}
	g_autoptr(JsonNode) answer =
	    renew ? pt_cli_call("POST", "/api/authority/renew", "{}") : pt_cli_call("GET", "/api/state", NULL);
	if (!answer)
		return PT_EXIT_FAILED;
	JsonObject *o = json_node_get_object(answer);
	JsonNode *authority =
	    renew ? answer : json_object_get_member(json_object_get_object_member(o, "daemon"), "authority");
	if (!authority) {
		fprintf(stderr,
		        "pigtail: this hub is no authority of its own: write 'tls: own' under web in the site file\n");
		return PT_EXIT_FAILED;
	}
	if (json)
		pt_cli_print_json(authority);
	else if (!print(json_node_get_object(authority)))
		return PT_EXIT_FAILED;
	return PT_EXIT_DONE;
}
