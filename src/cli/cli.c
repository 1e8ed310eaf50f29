/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "base/clock.h"
#include "base/suggest.h"
#include "base/units.h"
#include <stdio.h>
#include <string.h>

static const PtCommand commands[] = {
    {"demo", "[--dir DIR] [--port N]", "a virtual camera and a hub, as two processes", pt_cli_demo},
    {"discover", "[--user NAME] [--host ADDRESS,…] [--json]", "which cameras are there, as a piece of a site file",
     pt_cli_discover, pt_cli_discover_usage},
    {"config", "check SITE.yaml", "is the site file right?", pt_cli_config},
    {"state", "[--json]", "what runs and how well", pt_cli_state},
    {"events", "[--follow] [--since TIME] [--topic T] [--source S] [--json]", "what happened", pt_cli_events},
    {"relay", "NAME on [--for TIME]|off|pulse", "switch a relay", pt_cli_relay},
    {"input", "NAME [--json]", "how an input stands", pt_cli_input},
    {"say", "CAMERA TEXT|FILE [--json]", "a text, or a sound file of the site, out of its speaker", pt_cli_say},
    {"snapshot", "CAMERA [-o FILE] [--stream main|sub]", "a JPEG of what it sees", pt_cli_snapshot},
    {"archive", "ls|gaps|backfill|proof|export|check|keep|release …", "the footage", pt_cli_archive, pt_cli_archive_usage},
    {"drill", "CAMERA [--for 20s] [--json]", "cuts a camera off, and sees that its card fills the gap", pt_cli_drill},
    {"rules", "ls|explain NAME [--at TIME]|simulate SITE.yaml", "the rules, why they fired or not, and what others would do",
     pt_cli_rules, pt_cli_rules_usage},
    {"alarm", "[arm MODE|disarm|ack ID|clear ID]", "mode, zones and alarms; arming, disarming, acknowledging", pt_cli_alarm,
     pt_cli_alarm_usage},
    {"ca", "[--renew] [--json]", "how phones and computers come to trust the pages", pt_cli_ca},
    {"user", "add NAME ROLE | password | pin", "a line for users.yaml, the password asked for", pt_cli_user,
     pt_cli_user_usage},
    {"parse", "KIND FILE", "what a parser makes of a file: sdp, rtsp, rtp, mp4, site", pt_cli_parse},
};

/* What is too long for its column has the words about it in a line of its own. */
static void help_line(FILE *out, const PtCommand *c) {
	int width = 40, pad = width - (int)g_utf8_strlen(c->arguments, -1);
	fprintf(out, "  %-9s %s", c->name, c->arguments);
	if (pad < 0)
		fprintf(out, "\n%*s", 12 + width, "");
	fprintf(out, "%*s %s\n", MAX(pad, 0), "", c->about);
}

static void help(FILE *out, const PtCommand *more, size_t n_more) {
	fprintf(out, "usage: pigtail COMMAND …\n\n");
	for (size_t i = 0; i < n_more; i++)
		help_line(out, &more[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		help_line(out, &commands[i]);
	fprintf(out, "\nCommands that ask a running daemon take --site SITE.yaml when more than one runs on this machine. "
	             "`pigtail COMMAND --help` says more of one.\n");
}

static bool asks_for_help(const char *word) { return !strcmp(word, "--help") || !strcmp(word, "-h"); }

/* pigtail relay --help */
static int help_of(const PtCommand *c) {
	if (c->usage)
		fputs(c->usage, stdout);
	else
		printf("usage: pigtail %s %s\n%s\n", c->name, c->arguments, c->about);
	return PT_EXIT_DONE;
}

static int run(const PtCommand *c, int argc, char **argv) {
	return argc == 2 && asks_for_help(argv[1]) ? help_of(c) : c->run(argc, argv);
}

int pt_cli_main(int argc, char **argv, const PtCommand *more, size_t n_more) {
	if (argc > 1 && (asks_for_help(argv[1]) || !strcmp(argv[1], "help"))) {
		help(stdout, more, n_more);
		return PT_EXIT_DONE;
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("pigtail %s\n", PT_VERSION);
		return PT_EXIT_DONE;
	}
	for (size_t i = 0; argc > 1 && i < n_more; i++)
		if (!strcmp(argv[1], more[i].name))
			return run(&more[i], argc - 1, argv + 1);
	for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return run(&commands[i], argc - 1, argv + 1);
	if (argc > 1) {
		const char *names[G_N_ELEMENTS(commands) + 8] = {NULL};
		for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
			names[i] = commands[i].name;
		for (size_t i = 0; i < n_more && i < 7; i++)
			names[G_N_ELEMENTS(commands) + i] = more[i].name;
		g_autofree char *meant = pt_suggest_text(argv[1], names);
		fprintf(stderr, "pigtail: there is no command '%s'%s\n", argv[1], meant);
		if (*meant)
			return PT_EXIT_USAGE;
	}
	help(stderr, more, n_more);
	return PT_EXIT_USAGE;
}

/* ---- arguments ---- */

static void take_out(int *argc, char **argv, int at, int n) {
	memmove(argv + at, argv + at + n, (size_t)(*argc - at - n + 1) * sizeof *argv);
	*argc -= n;
}

bool pt_cli_flag(int *argc, char **argv, const char *name) {
	for (int i = 1; i < *argc; i++)
		if (!strcmp(argv[i], name)) {
			take_out(argc, argv, i, 1);
			return true;
		}
	return false;
}

const char *pt_cli_option(int *argc, char **argv, const char *name) {
	size_t n = strlen(name);
	for (int i = 1; i < *argc; i++) {
		if (!strncmp(argv[i], name, n) && argv[i][n] == '=') {
			const char *value = argv[i] + n + 1;
			take_out(argc, argv, i, 1);
			return value;
		}
		if (!strcmp(argv[i], name) && i + 1 < *argc) {
			const char *value = argv[i + 1];
			take_out(argc, argv, i, 2);
			return value;
		}
	}
	return NULL;
}

bool pt_cli_time(int *argc, char **argv, const char *name, char **ret) {
	const char *text = pt_cli_option(argc, argv, name);
	g_autoptr(GError) error = NULL;
	int64_t at;
	if (!text)
		return true;
	if (!pt_units_parse_time(text, pt_wall_ns(pt_clock_system()), &at, &error)) {
		fprintf(stderr, "pigtail %s: %s: %s\n", argv[0], name, error->message);
		return false;
	}
	*ret = pt_time_format(at);
	return true;
}

bool pt_cli_no_more_options(int argc, char **argv) {
	for (int i = 1; i < argc; i++)
		if (g_str_has_prefix(argv[i], "--")) {
			fprintf(stderr, "pigtail %s: unknown or incomplete option %s\n", argv[0], argv[i]);
			return false;
		}
	return true;
}

/* ---- printing ---- */

void pt_cli_print_json(JsonNode *node) {
	g_autofree char *text = json_to_string(node, TRUE);
	puts(text);
}

char *pt_cli_printable(const char *text) {
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *out = g_string_new(NULL);
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		g_string_append_unichar(out, g_unichar_isspace(c) && c < 0x80 ? ' ' : g_unichar_iscntrl(c) ? 0xfffd : c);
	}
	return g_string_free(out, FALSE);
}

const char *pt_cli_member(JsonObject *object, const char *name) {
	JsonNode *node = json_object_get_member(object, name);
	if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
		return "";
	g_autofree char *clean = pt_cli_printable(json_node_get_string(node));
	if (strcmp(clean, json_node_get_string(node)))
		json_node_set_string(node, clean);
	return json_node_get_string(node);
}
