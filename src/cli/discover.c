/* pigtail discover: looks for cameras without a daemon, and prints what goes into the site file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "base/clock.h"
#include "onvif/client/find.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char pt_cli_discover_usage[] =
    "usage: pigtail discover [--host ADDRESS[,ADDRESS…]] [--only-hosts] [--user NAME] [--seconds N] [--json]\n"
    "The password of --user is asked for, or read from standard input.\n";

typedef struct {
	GMainLoop *loop;
	const char *login;
	JsonBuilder *json; /* NULL: for people */
	PtOnvifPiece *piece;
	unsigned found, asked;
	bool refused;
} Discover;

static void found(void *user, const PtOnvifCandidate *c) {
	Discover *d = user;
	d->found++;
	d->asked += c->found != NULL;
	d->refused = d->refused || (c->error && strstr(c->error, "401"));
	if (d->json) {
		pt_onvif_candidate_json(c, d->login, d->json);
		return;
	}
	pt_onvif_piece_add(d->piece, c, d->login);
}

static void done(void *user) { g_main_loop_quit(((Discover *)user)->loop); }

static char *ask_password(void) {
	if (isatty(STDIN_FILENO))
		return g_strdup(getpass("Password of the cameras: "));
	char line[300];
	if (!fgets(line, sizeof line, stdin))
		line[0] = 0;
	line[strcspn(line, "\r\n")] = 0;
	return g_strdup(line);
}

int pt_cli_discover(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json"), only = pt_cli_flag(&argc, argv, "--only-hosts");
	const char *hosts = pt_cli_option(&argc, argv, "--host"), *user = pt_cli_option(&argc, argv, "--user");
	const char *seconds = pt_cli_option(&argc, argv, "--seconds");
	guint64 wait = 3;
	if (!pt_cli_no_more_options(argc, argv) || argc != 1 || (only && !hosts) ||
	    (seconds && !g_ascii_string_to_unsigned(seconds, 10, 1, 60, &wait, NULL))) {
		fputs(pt_cli_discover_usage, stderr);
		return PT_EXIT_USAGE;
	}
	g_auto(GStrv) list = hosts ? g_strsplit(hosts, ",", 0) : NULL;
	g_autofree char *password = user ? ask_password() : NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(JsonBuilder) builder = json ? json_builder_new() : NULL;
	Discover d = {.loop = loop, .login = user ? "cameras" : NULL, .json = builder, .piece = pt_onvif_piece_new()};
	PtHttp *http = pt_http_new(64);
	if (builder)
		json_builder_begin_array(builder);
	PtOnvifFind *find = pt_onvif_find_new(http, pt_clock_system(),
	                                      &(PtOnvifFindParams){.hosts = (const char *const *)list,
	                                                           .only_hosts = only,
	                                                           .user = user,
	                                                           .password = password,
	                                                           .seconds = (unsigned)wait},
	                                      found, done, &d, &error);
	if (find)
		g_main_loop_run(loop);
	pt_onvif_find_free(find);
	g_autofree char *text = pt_onvif_piece_end(d.piece);
	pt_http_free(http);
	if (password)
		explicit_bzero(password, strlen(password));
	if (error) {
		fprintf(stderr, "pigtail discover: %s\n", error->message);
		return PT_EXIT_FAILED;
	}
	if (builder) {
		json_builder_end_array(builder);
		g_autoptr(JsonNode) root = json_builder_get_root(builder);
		pt_cli_print_json(root);
		return d.found ? PT_EXIT_DONE : PT_EXIT_FAILED;
	}
	fputs(text, stdout);
	fflush(stdout);
	if (!d.found)
		fprintf(stderr, "no camera answered within %u s; name one with --host ADDRESS if it is in another network\n",
		        (unsigned)wait);
	else if (d.refused && !user)
		fprintf(stderr, "\nsome want a login: pigtail discover --user NAME\n");
	if (user && d.asked)
		fprintf(stderr, "\nsecrets.yaml (chmod 600): logins: { cameras: { user: %s, password: … } }\n", user);
	return d.found ? PT_EXIT_DONE : PT_EXIT_FAILED;
}
