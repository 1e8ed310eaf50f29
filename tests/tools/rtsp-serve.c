/* Serves sources over RTSP, for the tests: rtsp-serve [--listen ADDRESS] [--users FILE] [--cert FILE --key FILE]
 * PATH=LOCATION... Says "ready PORT SECURE-PORT"; the line "stats" on standard input prints a JSON object, its end ends the
 * program. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/server.h"
#include "media/source.h"
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *listen_on, *users_file, *cert, *key;
static GHashTable *streams, *users;

static const GOptionEntry options[] = {
    {"listen", 'l', 0, G_OPTION_ARG_STRING, &listen_on, "address and port", "ADDRESS"},
    {"users", 'u', 0, G_OPTION_ARG_FILENAME, &users_file, "lines of NAME:PASSWORD; 'denied' may see nothing", "FILE"},
    {"cert", 0, 0, G_OPTION_ARG_FILENAME, &cert, "rtsps as well, with this certificate", "FILE"},
    {"key", 0, 0, G_OPTION_ARG_FILENAME, &key, "of the certificate", "FILE"},
    {NULL}};

static PtStream *find(void *data, const char *path, const char *user, GError **error) {
	PtStream *stream = g_hash_table_lookup(streams, path);
	if (!g_strcmp0(user, "denied")) {
		pt_error_set(error, DENIED, "user denied may not see %s", path);
		return NULL;
	}
	if (!stream)
		pt_error_set(error, NOT_FOUND, "there is no stream %s", path);
	return stream ? pt_stream_ref(stream) : NULL;
}

static char *password(void *data, const char *user) { return g_strdup(g_hash_table_lookup(users, user)); }

static void read_users(void) {
	g_autofree char *text = NULL;
	users = g_hash_table_new(g_str_hash, g_str_equal);
	if (!users_file || !g_file_get_contents(users_file, &text, NULL, NULL))
		return;
	char **lines = g_strsplit(text, "\n", -1);
	for (char **l = lines; *l; l++) {
		char *colon = strchr(*l, ':');
		if (!colon)
			continue;
		*colon = 0;
		g_hash_table_insert(users, g_strdup(*l), g_strdup(colon + 1));
	}
	g_strfreev(lines);
}

static void print_stats(PtRtspServer *server) {
	PtRtspServerStats s;
	long pages = 0;
	g_autofree char *text = NULL;
	pt_rtsp_server_get_stats(server, &s);
	if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
		sscanf(text, "%*d %ld", &pages);
	printf("{\"connections\":%u,\"playing\":%u,\"accepted\":%" G_GUINT64_FORMAT ",\"refused\":%" G_GUINT64_FORMAT
	       ",\"bad_requests\":%" G_GUINT64_FORMAT ",\"failed_logins\":%" G_GUINT64_FORMAT
	       ",\"failed_tls\":%" G_GUINT64_FORMAT ",\"timeouts\":%" G_GUINT64_FORMAT ",\"packets\":%" G_GUINT64_FORMAT
	       ",\"octets\":%" G_GUINT64_FORMAT ",\"dropped_samples\":%" G_GUINT64_FORMAT
	       ",\"unsendable\":%" G_GUINT64_FORMAT ",\"memory_kib\":%ld}\n",
	       s.connections, s.playing, s.accepted, s.refused, s.bad_requests, s.failed_logins, s.failed_tls, s.timeouts,
	       s.packets, s.octets, s.dropped_samples, s.unsendable, pages * 4);
	fflush(stdout);
}

int main(int argc, char **argv) {
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new("PATH=LOCATION...");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc < 2) {
		fprintf(stderr, "rtsp-serve: %s\n", error ? error->message : "PATH=LOCATION is wanted");
		return 2;
	}
	read_users();
	streams = g_hash_table_new(g_str_hash, g_str_equal);
	PtLoop *ingest = pt_loop_new("ingest"), *serve = pt_loop_new("serve");
	g_autoptr(GPtrArray) sources = g_ptr_array_new();
	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');
		if (!equals)
			return 2;
		*equals = 0;
		PtStream *stream = pt_stream_new(argv[i]);
		g_hash_table_insert(streams, argv[i], stream);
		PtSourceParams params = {.camera = argv[i],
		                         .location = equals + 1,
		                         .video = true,
		                         .audio = true,
		                         .metadata = true,
		                         .loop = ingest,
		                         .stream = stream};
		PtSource *source = pt_source_start(&params, &error);
		if (!source) {
			fprintf(stderr, "rtsp-serve: %s\n", error->message);
			return 1;
		}
		g_ptr_array_add(sources, source);
	}
	PtRtspServerOps ops = {.find = find, .password = users_file ? password : NULL};
	PtTlsIdentity *identity = cert ? pt_tls_identity_load(cert, key, &error) : NULL;
	PtRtspListen where = {
	    .plain = listen_on ? listen_on : "127.0.0.1:0", .secure = identity ? "127.0.0.1:0" : NULL, .identity = identity};
	PtRtspServer *server = error ? NULL : pt_rtsp_server_new(serve, &where, &ops, NULL, &error);
	if (!server) {
		fprintf(stderr, "rtsp-serve: %s\n", error->message);
		return 1;
	}
	printf("ready %u %u\n", pt_rtsp_server_port(server), pt_rtsp_server_secure_port(server));
	fflush(stdout);
	char line[64];
	while (fgets(line, sizeof line, stdin))
		if (!strcmp(line, "stats\n"))
			print_stats(server);
	pt_rtsp_server_free(server);
	pt_tls_identity_free(identity);
	for (unsigned i = 0; i < sources->len; i++)
		pt_source_stop(g_ptr_array_index(sources, i));
	GHashTableIter iter;
	void *stream;
	g_hash_table_iter_init(&iter, streams);
	while (g_hash_table_iter_next(&iter, NULL, &stream))
		pt_stream_unref(stream);
	pt_loop_free(serve);
	pt_loop_free(ingest);
	g_hash_table_unref(streams);
	return 0;
}
