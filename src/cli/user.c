/* pigtail user: makes the lines that users.yaml wants, without the password ever standing in a file or in a list of
 * processes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "site/config.h"
#include "web/login.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* From the terminal without echo, twice; from a pipe one line. Caller frees and wipes. */
static char *read_password(void) {
	bool terminal = isatty(STDIN_FILENO);
	struct termios before, quiet;
	char *lines[2] = {NULL, NULL};
	if (terminal && !tcgetattr(STDIN_FILENO, &before)) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	for (int i = 0; i < (terminal ? 2 : 1); i++) {
		size_t size = 0;
		if (terminal)
			fprintf(stderr, i ? "\nagain: " : "password: ");
		ssize_t n = getline(&lines[i], &size, stdin);
		if (n > 0 && lines[i][n - 1] == '\n')
			lines[i][n - 1] = 0;
	}
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	bool same = !terminal || !g_strcmp0(lines[0], lines[1]);
	free(lines[1]);
	if (!same)
		fprintf(stderr, "pigtail user: the two were not the same\n");
	char *password = same && lines[0] ? g_strdup(lines[0]) : NULL;
	free(lines[0]);
	return password;
}

const char pt_cli_user_usage[] = "usage: pigtail user add NAME viewer|operator|admin     prints the lines for users.yaml\n"
                                 "       pigtail user password                           prints the hash alone\n";

int pt_cli_user(int argc, char **argv) {
	bool add = argc == 4 && !strcmp(argv[1], "add"), hash_only = argc == 2 && !strcmp(argv[1], "password");
	if ((!add && !hash_only) || (add && (!pt_role_parse(argv[3]) || !pt_site_name_valid(argv[2])))) {
		fputs(pt_cli_user_usage, stderr);
		return PT_EXIT_USAGE;
	}
	char *password = read_password();
	g_autoptr(GError) error = NULL;
	g_autofree char *hash = password ? pt_login_hash_password(password, &error) : NULL;
	if (password)
		explicit_bzero(password, strlen(password));
	g_free(password);
	if (!hash) {
		fprintf(stderr, "pigtail user: %s\n", error ? error->message : "no password was given");
		return PT_EXIT_FAILED;
	}
	if (add)
		printf("%s:\n  role: %s\n  password: \"%s\"\n", argv[2], argv[3], hash);
	else
		printf("%s\n", hash);
	return PT_EXIT_DONE;
}
