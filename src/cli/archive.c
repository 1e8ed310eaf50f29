/* pigtail archive: ls, export, keep and release through the daemon; check on the files themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/backfill.h"
#include "cli/cli.h"
#include "site/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

const char pt_cli_archive_usage[] =
    "usage: pigtail archive ls [CAMERA [--stream S]] [--from TIME] [--to TIME] [--json]\n"
    "       pigtail archive gaps [CAMERA] [--from TIME] [--to TIME] [--explain] [--json]\n"
    "       pigtail archive backfill [CAMERA] [--from TIME] [--to TIME] [--now] [--json]\n"
    "       pigtail archive backfill --pause|--resume\n"
    "       pigtail archive proof [CAMERA] [--from TIME] [--to TIME] [--json]\n"
    "       pigtail archive export CAMERA --from TIME --to TIME [--output FILE.mp4] [--stream S] "
    "[--exact] [--h264] [--no-sound]\n"
    "       pigtail archive keep CAMERA --from TIME --to TIME [--until TIME] [--why TEXT]\n"
    "       pigtail archive release ID      (pigtail archive keep alone lists what is kept)\n"
    "       pigtail archive check PATH|SITE.yaml [--rebuild] [--json]\n"
    "TIME: 2026-11-22T10:55:30Z, seconds since 1970, now, \"10min ago\" or -10min, +30d\n";

static int usage(void) {
	fputs(pt_cli_archive_usage, stderr);
	return PT_EXIT_USAGE;
}

/* ---- ls ---- */

static void print_totals(JsonObject *o) {
	JsonArray *series = json_object_get_array_member(o, "series");
	for (guint i = 0; i < json_array_get_length(series); i++) {
		JsonObject *s = json_array_get_object_element(series, i);
		g_autofree char *size = pt_units_about_size((uint64_t)json_object_get_int_member(s, "bytes"));
		printf("%-14s %-9s %6d segments %10s  %s – %s\n", pt_cli_member(s, "camera"), pt_cli_member(s, "stream"),
		       (int)json_object_get_int_member(s, "segments"), size, pt_cli_member(s, "first"),
		       pt_cli_member(s, "last"));
	}
}

static void print_segments(JsonObject *o) {
	JsonArray *segments = json_object_get_array_member(o, "segments");
	for (guint i = 0; i < json_array_get_length(segments); i++) {
		JsonObject *s = json_array_get_object_element(segments, i);
		g_autofree char *size = pt_units_about_size((uint64_t)json_object_get_int_member(s, "bytes"));
		printf("%s – %s %10s  %s%s", pt_cli_member(s, "start"), pt_cli_member(s, "end"), size,
		       pt_cli_member(s, "path"), json_object_get_boolean_member(s, "open") ? "  (open)" : "");
		if (json_object_get_boolean_member_with_default(s, "other_quality", FALSE))
			printf("  (fetched, in another quality: %dx%d)", (int)json_object_get_int_member(s, "width"),
			       (int)json_object_get_int_member(s, "height"));
		else if (json_object_get_boolean_member_with_default(s, "fetched", FALSE))
			printf("  (fetched)");
		printf("\n");
	}
}

static int list(const char *camera, const char *stream, const char *from, const char *to, bool json) {
	g_autofree char *escaped = camera ? pt_cli_escape(camera) : NULL;
	g_autoptr(GString) path = g_string_new("/api/archive");
	if (camera)
		g_string_printf(path, "/api/cameras/%s/segments", escaped);
	pt_cli_add_query(path, "stream", camera ? stream : NULL);
	pt_cli_add_query(path, "from", from);
	pt_cli_add_query(path, "to", to);
	g_autoptr(JsonNode) answer = pt_cli_call("GET", path->str, NULL);
	if (!answer)
		return PT_EXIT_FAILED;
	if (json)
		pt_cli_print_json(answer);
	else if (camera)
		print_segments(json_node_get_object(answer));
	else
		print_totals(json_node_get_object(answer));
	return PT_EXIT_DONE;
}

/* ---- keep, release ---- */

static int keep(const char *camera, const char *from, const char *to, const char *until, const char *why) {
	if (!camera) {
		g_autoptr(JsonNode) answer = pt_cli_call("GET", "/api/keep", NULL);
		if (!answer)
			return PT_EXIT_FAILED;
		JsonArray *kept = json_object_get_array_member(json_node_get_object(answer), "kept");
		for (guint i = 0; i < json_array_get_length(kept); i++) {
			JsonObject *k = json_array_get_object_element(kept, i);
			printf("%s  %-12s %s – %s  until %s  %s: %s\n", pt_cli_member(k, "id"), pt_cli_member(k, "camera"),
			       pt_cli_member(k, "from"), pt_cli_member(k, "to"),
			       pt_cli_member(k, "until")[0] ? pt_cli_member(k, "until") : "released",
			       pt_cli_member(k, "who"), pt_cli_member(k, "why"));
		}
		return PT_EXIT_DONE;
	}
	if (!from || !to)
		return usage();
	const char *names[] = {"camera", "from", "to", "until", "why"}, *values[] = {camera, from, to, until, why};
	g_autoptr(JsonNode) answer = pt_cli_post("/api/keep", names, values, G_N_ELEMENTS(names));
	if (!answer)
		return PT_EXIT_FAILED;
	printf("%s\n", pt_cli_member(json_node_get_object(answer), "id"));
	return PT_EXIT_DONE;
}

static int release(const char *id) {
	g_autofree char *escaped = pt_cli_escape(id), *path = g_strconcat("/api/keep/", escaped, NULL);
	g_autoptr(JsonNode) answer = pt_cli_call("DELETE", path, NULL);
	return answer ? PT_EXIT_DONE : PT_EXIT_FAILED;
}

/* ---- export ---- */

static int export(const char *camera, const char *stream, const char *from, const char *to, const char *output, bool exact,
                  bool h264, bool no_sound) {
	if (!camera || !from || !to)
		return usage();
	g_autofree char *escaped = pt_cli_escape(camera);
	g_autoptr(GString) path = g_string_new(NULL);
	g_string_printf(path, "/api/cameras/%s/clip.mp4", escaped);
	pt_cli_add_query(path, "from", from);
	pt_cli_add_query(path, "to", to);
	pt_cli_add_query(path, "stream", stream);
	pt_cli_add_query(path, "exact", exact ? "1" : NULL);
	pt_cli_add_query(path, "h264", h264 ? "1" : NULL);
	pt_cli_add_query(path, "sound", no_sound ? "0" : NULL);
	g_autofree char *stamp = g_strdup(from), *file = NULL;
	g_strdelimit(stamp, ":/ ", '-');
	file = output ? g_strdup(output) : g_strdup_printf("%s_%s.mp4", camera, stamp);
	g_autofree char *partial = g_strconcat(file, ".partial", NULL);
	int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		fprintf(stderr, "pigtail archive export: %s: %s\n", file, g_strerror(errno));
		return PT_EXIT_FAILED;
	}
	g_autoptr(GError) error = NULL;
	uint64_t bytes = 0;
	g_autofree char *first = NULL;
	bool ok = pt_cli_download(path->str, fd, &bytes, "Pigtail-First-Frame:", &first, &error);
	close(fd);
	if (!ok || rename(partial, file)) {
		fprintf(stderr, "pigtail archive export: %s\n", ok ? g_strerror(errno) : error->message);
		unlink(partial);
		return PT_EXIT_FAILED;
	}
	g_autofree char *size = pt_units_about_size(bytes);
	printf("%s (%s)%s%s%s\n", file, size, first ? "; the file holds frames from " : "", first ? first : "",
	       first ? " on" : "");
	return PT_EXIT_DONE;
}

/* ---- check ---- */

/* A site file stands for the archive it names. NULL: it is not right, and why was printed. Caller frees. */
static char *root_of(const char *path) {
	if (!g_str_has_suffix(path, ".yaml") && !g_str_has_suffix(path, ".yml"))
		return g_strdup(path);
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtSite) site = NULL;
	if (pt_site_load(path, &site, problems))
		return g_strdup(site->archive_path);
	for (guint i = 0; i < problems->len; i++)
		fprintf(stderr, "%s\n", (char *)g_ptr_array_index(problems, i));
	return NULL;
}

/* The lock of a running recorder; -1 when one holds it, or the directory is not there. */
static int take_lock(const char *root) {
	g_autofree char *path = g_build_filename(root, ".lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	fprintf(stderr, "pigtail archive check: %s: %s\n", root,
	        fd < 0 ? g_strerror(errno) : "a daemon records into it; stop it for a rebuild");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int check(const char *path, bool rebuild, bool json) {
	g_autofree char *root = path ? root_of(path) : NULL;
	if (!path)
		return usage();
	if (!root)
		return PT_EXIT_SITE;
	if (!g_file_test(root, G_FILE_TEST_IS_DIR)) {
		fprintf(stderr, "pigtail archive check: %s is not a directory\n", root);
		return PT_EXIT_FAILED;
	}
	int lock = rebuild ? take_lock(root) : -1;
	if (rebuild && lock < 0)
		return PT_EXIT_FAILED;
	PtCheck c;
	g_autoptr(GError) error = NULL;
	bool ok = pt_archive_check(root, rebuild, &c, &error);
	if (lock >= 0)
		close(lock);
	if (!ok) {
		fprintf(stderr, "pigtail archive check: %s\n", error->message);
		pt_check_clear(&c);
		return PT_EXIT_FAILED;
	}
	unsigned bad = c.missing + c.torn + c.unreadable + c.unknown;
	if (json)
		printf("{\"segments\":%u,\"files\":%u,\"missing\":%u,\"torn\":%u,\"unreadable\":%u,\"unknown\":%u}\n",
		       c.segments, c.files, c.missing, c.torn, c.unreadable, c.unknown);
	for (guint i = 0; !json && i < c.problems->len; i++)
		printf("%s\n", (char *)g_ptr_array_index(c.problems, i));
	if (!json)
		printf("%u segments in the index, %u files: %u missing, %u torn, %u unreadable, %u not in the index\n",
		       c.segments, c.files, c.missing, c.torn, c.unreadable, c.unknown);
	pt_check_clear(&c);
	return bad ? PT_EXIT_FAILED : PT_EXIT_DONE;
}

int pt_cli_archive(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json"), rebuild = pt_cli_flag(&argc, argv, "--rebuild");
	bool exact = pt_cli_flag(&argc, argv, "--exact"), h264 = pt_cli_flag(&argc, argv, "--h264");
	bool no_sound = pt_cli_flag(&argc, argv, "--no-sound"), explain = pt_cli_flag(&argc, argv, "--explain");
	bool now = pt_cli_flag(&argc, argv, "--now"), pause = pt_cli_flag(&argc, argv, "--pause");
	bool resume = pt_cli_flag(&argc, argv, "--resume");
	g_autofree char *from = NULL, *to = NULL, *until = NULL;
	if (!pt_cli_time(&argc, argv, "--from", &from) || !pt_cli_time(&argc, argv, "--to", &to) ||
	    !pt_cli_time(&argc, argv, "--until", &until))
		return PT_EXIT_USAGE;
	const char *output = pt_cli_option(&argc, argv, "--output"), *stream = pt_cli_option(&argc, argv, "--stream");
	const char *why = pt_cli_option(&argc, argv, "--why");
	const char *site = pt_cli_option(&argc, argv, "--site"), *camera = pt_cli_option(&argc, argv, "--camera");
	if (argc < 2 || argc > 3 || !pt_cli_no_more_options(argc, argv))
		return usage();
	const char *what = argv[1], *name = argv[2] ? argv[2] : camera;
	if (!strcmp(what, "check"))
		return check(name, rebuild, json);
	if (site)
		g_setenv("PIGTAIL_SITE", site, TRUE);
	int none = 1;
	if (!pt_cli_connect(&none, argv))
		return PT_EXIT_FAILED;
	if (!strcmp(what, "ls"))
		return list(name, stream, from, to, json);
	if (!strcmp(what, "gaps"))
		return pt_cli_gaps(name, from, to, explain, json);
	if (!strcmp(what, "backfill") && pause != resume && !name && !now) /* of all cameras at once */
		return pt_cli_backfill_pause(pause);
	if (!strcmp(what, "backfill") && !pause && !resume && (name || !now))
		return pt_cli_backfill(name, from, to, now, json);
	if (!strcmp(what, "proof"))
		return pt_cli_proof(name, from, to, json);
	if (!strcmp(what, "keep"))
		return keep(name, from, to, until, why);
	if (!strcmp(what, "release") && name)
		return release(name);
	if (!strcmp(what, "export"))
		return export(name, stream, from, to, output, exact, h264, no_sound);
	return usage();
}
