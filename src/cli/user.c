/* pigtail user: makes the lines that users.yaml wants, without the password ever standing in a file or in a list of
 * processes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "site/config.h"
#include "web/login.h"
#include <stdio.h>
#include <string.h>

const char pt_cli_user_usage[] = "usage: pigtail user add NAME viewer|operator|admin     prints the lines for users.yaml\n"
                                 "       pigtail user password                           prints the hash alone\n"
                                 "       pigtail user pin                                prints the line of a PIN\n";

int pt_cli_user(int argc, char **argv) {
	bool add = argc == 4 && !strcmp(argv[1], "add"), hash_only = argc == 2 && !strcmp(argv[1], "password");
	bool pin = argc == 2 && !strcmp(argv[1], "pin");
	if ((!add && !hash_only && !pin) || (add && (!pt_role_parse(argv[3]) || !pt_site_name_valid(argv[2])))) {
		fputs(pt_cli_user_usage, stderr);
		return PT_EXIT_USAGE;
	}
	char *secret = pt_cli_read_secret(pin ? "PIN" : "password", true);
	g_autoptr(GError) error = NULL;
	g_autofree char *hash = !secret ? NULL
	                        : pin   ? pt_login_hash_pin(secret, &error)
	                                : pt_login_hash_password(secret, &error);
	pt_cli_wipe(secret);
	if (!hash) {
		fprintf(stderr, "pigtail user: %s\n",
		        error ? error->message
		        : pin ? "no PIN was given"
		              : "no password was given");
		return PT_EXIT_FAILED;
	}
	if (add)
		printf("%s:\n  role: %s\n  password: \"%s\"\n", argv[2], argv[3], hash);
	else if (pin)
		printf("pin: \"%s\"\n", hash);
	else
		printf("%s\n", hash);
	return PT_EXIT_DONE;
}
