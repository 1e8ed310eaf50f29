/* The subcommands that are not the daemon. Each has a file; the list is in cli.c. They speak to a running daemon through its
 * API on the Unix socket, or work on files alone. Exit: 0 done, 1 failed, 2 usage, 3 site file invalid. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { PT_EXIT_DONE, PT_EXIT_FAILED, PT_EXIT_USAGE, PT_EXIT_SITE };

typedef struct {
	const char *name;      /* "relay" */
	const char *arguments; /* "NAME on|off|pulse [--for TIME]" */
	const char *about;
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand */
	const char *usage;                 /* its forms, where one line does not say them; optional */
} PtCommand;

/* Finds and runs argv[1]; more: commands that live elsewhere. */
int pt_cli_main(int argc, char **argv, const PtCommand *more, size_t n_more);

int pt_cli_config(int argc, char **argv);
int pt_cli_state(int argc, char **argv);
int pt_cli_events(int argc, char **argv);
int pt_cli_relay(int argc, char **argv);
int pt_cli_input(int argc, char **argv);
int pt_cli_snapshot(int argc, char **argv);
int pt_cli_say(int argc, char **argv);
int pt_cli_archive(int argc, char **argv);
int pt_cli_drill(int argc, char **argv);
int pt_cli_rules(int argc, char **argv);
int pt_cli_alarm(int argc, char **argv);
int pt_cli_ca(int argc, char **argv);
int pt_cli_parse(int argc, char **argv);
int pt_cli_user(int argc, char **argv);
int pt_cli_demo(int argc, char **argv);
int pt_cli_discover(int argc, char **argv);
extern const char pt_cli_alarm_usage[], pt_cli_archive_usage[], pt_cli_discover_usage[], pt_cli_user_usage[],
    pt_cli_rules_usage[];

/* ---- arguments: "--name value" and "--name" are taken out wherever they stand ---- */
bool pt_cli_flag(int *argc, char **argv, const char *name);
const char *pt_cli_option(int *argc, char **argv, const char *name); /* NULL: not given */
/* The same for a time: RFC 3339 of what was written, also as "10min ago", -10min or now. ret: NULL when it is not given,
 * caller frees. False, and a message, when it is no time. */
bool pt_cli_time(int *argc, char **argv, const char *name, char **ret);
/* False, and a message, when something that begins with "--" is left. */
bool pt_cli_no_more_options(int argc, char **argv);

/* ---- the daemon's API ---- */
/* The daemon is found by --site or PIGTAIL_SITE, else by the one control socket in use on this machine; pt_cli_connect
 * takes --site out of the arguments. Prints the error and returns false when there is none. */
bool pt_cli_connect(int *argc, char **argv);
/* One request. body NULL: none. Returns the status (0: not reached, error is set) and the answer's bytes. */
unsigned pt_cli_request(const char *method, const char *path, const char *body, GBytes **ret_body, GError **error);
/* The same for JSON: prints what went wrong and returns NULL. Caller unrefs. */
JsonNode *pt_cli_call(const char *method, const char *path, const char *body);
/* POST of an object of texts; those that are NULL are left out. */
JsonNode *pt_cli_post(const char *path, const char *const *names, const char *const *values, size_t n);
/* Streams the answer's body into a file descriptor. header: NULL, or "Name:" of one of the answer's headers, whose value is
 * given when it is there (caller frees). */
bool pt_cli_download(const char *path, int fd, uint64_t *ret_bytes, const char *header, char **ret_value, GError **error);
char *pt_cli_escape(const char *text);                                     /* for a URL's query. Caller frees. */
void pt_cli_add_query(GString *path, const char *name, const char *value); /* nothing when value is NULL */

/* From the terminal without echo, twice to be sure; from a pipe one line. NULL: nothing came, or (with a message) the two
 * differ. Wiped and freed by pt_cli_wipe(), which takes NULL. */
char *pt_cli_read_secret(const char *prompt, bool twice);
void pt_cli_wipe(char *secret);

void pt_cli_print_json(JsonNode *node); /* indented */
/* Text of a member, "" when absent or null; printable, so once it was asked for it is no more as the daemon said it. */
const char *pt_cli_member(JsonObject *object, const char *name);
/* One line that a terminal only shows: what others wrote may hold orders to it, or what looks like lines of ours. Caller
 * frees. */
char *pt_cli_printable(const char *text);
