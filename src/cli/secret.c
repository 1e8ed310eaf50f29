/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

char *pt_cli_read_secret(const char *prompt, bool twice) {
	bool terminal = isatty(STDIN_FILENO);
	struct termios before, quiet;
	char *lines[2] = {NULL, NULL};
	bool quieted = terminal && !tcgetattr(STDIN_FILENO, &before);
	if (quieted) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	for (int i = 0; i < (terminal && twice ? 2 : 1); i++) {
		size_t size = 0;
		if (terminal)
			fprintf(stderr, i ? "\nagain: " : "%s: ", prompt);
		ssize_t n = getline(&lines[i], &size, stdin);
		if (n < 0) { /* what getline() made room for says nothing */
			free(lines[i]);
			lines[i] = NULL;
		} else if (n > 0 && lines[i][n - 1] == '\n') {
			lines[i][n - 1] = 0;
		}
	}
	if (quieted)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (terminal)
		fputc('\n', stderr);
	bool same = !terminal || !twice || !g_strcmp0(lines[0], lines[1]);
	if (!same)
		fprintf(stderr, "the two were not the same\n");
	char *secret = same && lines[0] ? g_strdup(lines[0]) : NULL;
	for (int i = 0; i < 2; i++) {
		if (lines[i])
			explicit_bzero(lines[i], strlen(lines[i]));
		free(lines[i]);
	}
	return secret;
}

void pt_cli_wipe(char *secret) {
	if (secret)
		explicit_bzero(secret, strlen(secret));
	g_free(secret);
}
