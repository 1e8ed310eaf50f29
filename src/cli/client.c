/* The command line's way to a running daemon: HTTP over its Unix socket, one request per connection, written by hand since
 * it is a dozen lines and libsoup-3 has no client for Unix sockets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/journal.h"
#include "base/error.h"
#include "cli/cli.h"
#include "site/config.h"
#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *socket_path;

static char *path_for_site(const char *site_path) {
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtSite) site = NULL;
	if (!pt_site_load(site_path, &site, problems)) {
		for (guint i = 0; i < problems->len; i++)
			fprintf(stderr, "%s\n", (char *)g_ptr_array_index(problems, i));
		return NULL;
	}
	g_autofree char *dir = pt_journal_find_dir(site->archive_path);
	if (!dir) {
		fprintf(stderr, "pigtail: no daemon runs for %s (pigtail run %s)\n", site_path, site_path);
		return NULL;
	}
	return g_build_filename(dir, "control.sock", NULL);
}

static bool answers(const char *path) {
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) where = g_unix_socket_address_new(path);
	g_autoptr(GSocketConnection) c = g_socket_client_connect(client, G_SOCKET_CONNECTABLE(where), NULL, NULL);
	return c != NULL;
}

/* Where pt_journal_dir() may put it; only sockets that somebody listens at count. */
static char *the_only_one(void) {
	g_autofree char *xdg = g_strdup_printf("%s/pigtail-*/control.sock", g_get_user_runtime_dir());
	g_autofree char *shm = g_strdup_printf("/dev/shm/pigtail-%u-*/control.sock", (unsigned)getuid());
	const char *patterns[] = {"/run/pigtail/*/control.sock", "/run/pigtail-*/control.sock", xdg, shm};
	g_autofree char *found = NULL;
	unsigned n = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++) {
		glob_t paths = {0};
		if (!glob(patterns[i], 0, NULL, &paths))
			for (size_t k = 0; k < paths.gl_pathc; k++)
				if (answers(paths.gl_pathv[k])) {
					g_free(found);
					found = g_strdup(paths.gl_pathv[k]);
					n++;
				}
		globfree(&paths);
	}
	if (n == 1)
		return g_steal_pointer(&found);
	fprintf(stderr,
	        n ? "pigtail: %u daemons run on this machine: say which with --site SITE.yaml\n"
	          : "pigtail: no daemon that you may speak to runs on this machine (pigtail run SITE.yaml)\n",
	        n);
	return NULL;
}

bool pt_cli_connect(int *argc, char **argv) {
	const char *site = pt_cli_option(argc, argv, "--site");
	if (!site)
		site = g_getenv("PIGTAIL_SITE");
	socket_path = site ? path_for_site(site) : the_only_one();
	return socket_path != NULL;
}

/* ---- one exchange ---- */

static GSocketConnection *send_request(const char *method, const char *path, const char *body, GError **error) {
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) where = g_unix_socket_address_new(socket_path);
	g_autoptr(GSocketConnection) c = g_socket_client_connect(client, G_SOCKET_CONNECTABLE(where), NULL, error);
	if (!c) {
		g_prefix_error(error, "the daemon does not answer at %s: ", socket_path);
		return NULL;
	}
	g_autofree char *head =
	    g_strdup_printf("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
	                    method, path, body ? strlen(body) : 0, body ? body : "");
	if (!g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(c)), head, strlen(head), NULL, NULL, error))
		return NULL;
	return g_steal_pointer(&c);
}

/* Reads status line and headers; 0 and an error when they are not HTTP. length: -1 when not stated. header ("Name:", may be
 * NULL): its value, for the caller to free, when it is there. */
static unsigned read_head(GDataInputStream *in, int64_t *ret_length, const char *header, char **ret_value, GError **error) {
	unsigned status = 0;
	*ret_length = -1;
	g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
	for (unsigned lines = 0; lines < 100; lines++) {
		g_autofree char *line = g_data_input_stream_read_line(in, NULL, NULL, error);
		if (!line)
			break;
		if (!status && sscanf(line, "HTTP/1.%*d %u", &status) != 1)
			break;
		if (!g_ascii_strncasecmp(line, "Content-Length:", 15))
			*ret_length = g_ascii_strtoll(line + 15, NULL, 10);
		if (header && !*ret_value && !g_ascii_strncasecmp(line, header, strlen(header)))
			*ret_value = g_strstrip(g_strdup(line + strlen(header)));
		if (!line[0])
			return status;
	}
	if (error && !*error)
		pt_error_set(error, INVALID, "the daemon's answer is not understood");
	return 0;
}

typedef bool (*Sink)(void *user, const void *data, size_t n, GError **error);

static unsigned exchange(const char *method, const char *path, const char *body, Sink sink, void *user, int64_t *ret_length,
                         GError **error) {
	g_autoptr(GSocketConnection) c = send_request(method, path, body, error);
	if (!c)
		return 0;
	g_autoptr(GDataInputStream) in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(c)));
	unsigned status = read_head(in, ret_length, NULL, NULL, error);
	g_autofree char *buffer = g_malloc(256 * 1024);
	int64_t got = 0;
	gssize n = 0;
	while (status && (*ret_length < 0 || got < *ret_length) &&
	       (n = g_input_stream_read(G_INPUT_STREAM(in), buffer, 256 * 1024, NULL, error)) > 0) {
		got += n;
		if (!sink(user, buffer, (size_t)n, error))
			return 0;
	}
	if (n < 0)
		return 0;
	if (status && *ret_length >= 0 && got < *ret_length) {
		pt_error_set(error, CLOSED, "the daemon broke off after %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " bytes",
		             got, *ret_length);
		return 0;
	}
	return status;
}

static bool to_array(void *user, const void *data, size_t n, GError **error) {
	g_byte_array_append(user, data, (guint)n);
	return true;
}

unsigned pt_cli_request(const char *method, const char *path, const char *body, GBytes **ret_body, GError **error) {
	GByteArray *bytes = g_byte_array_new();
	int64_t length;
	unsigned status = exchange(method, path, body, to_array, bytes, &length, error);
	*ret_body = g_byte_array_free_to_bytes(bytes);
	return status;
}

/* What the daemon says went wrong: {"error": "…"}. Caller frees. */
static char *reason_of(GBytes *body, unsigned status) {
	g_autoptr(JsonParser) parser = json_parser_new();
	gsize n;
	const char *text = g_bytes_get_data(body, &n);
	if (n && json_parser_load_from_data(parser, text, (gssize)n, NULL) &&
	    JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)))
		return g_strdup(pt_cli_member(json_node_get_object(json_parser_get_root(parser)), "error"));
	return g_strdup_printf("the daemon answered %u", status);
}

JsonNode *pt_cli_call(const char *method, const char *path, const char *body) {
	g_autoptr(GBytes) answer = NULL;
	g_autoptr(GError) error = NULL;
	unsigned status = pt_cli_request(method, path, body, &answer, &error);
	if (!status) {
		fprintf(stderr, "pigtail: %s\n", error->message);
		return NULL;
	}
	if (status >= 300) {
		g_autofree char *reason = reason_of(answer, status);
		fprintf(stderr, "pigtail: %s\n", reason);
		return NULL;
	}
	g_autoptr(JsonParser) parser = json_parser_new();
	gsize n;
	const char *text = g_bytes_get_data(answer, &n);
	if (!n || !json_parser_load_from_data(parser, text, (gssize)n, NULL)) {
		fprintf(stderr, "pigtail: the daemon's answer is not understood\n");
		return NULL;
	}
	return json_parser_steal_root(parser);
}

static bool to_file(void *user, const void *data, size_t n, GError **error) {
	for (const char *p = data; n;) {
		ssize_t done = write(*(int *)user, p, n);
		if (done < 0) {
			pt_error_set(error, DISK, "write: %s", g_strerror(errno));
			return false;
		}
		p += done;
		n -= (size_t)done;
	}
	return true;
}

bool pt_cli_download(const char *path, int fd, uint64_t *ret_bytes, const char *header, char **ret_value, GError **error) {
	g_autoptr(GSocketConnection) c = send_request("GET", path, NULL, error);
	if (!c)
		return false;
	g_autoptr(GDataInputStream) in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(c)));
	int64_t length;
	unsigned status = read_head(in, &length, header, ret_value, error);
	if (!status)
		return false;
	g_autofree char *buffer = g_malloc(256 * 1024);
	g_autoptr(GByteArray) complaint = g_byte_array_new();
	gssize n;
	*ret_bytes = 0;
	while ((n = g_input_stream_read(G_INPUT_STREAM(in), buffer, 256 * 1024, NULL, error)) > 0) {
		*ret_bytes += (uint64_t)n;
		if (status >= 300)
			g_byte_array_append(complaint, (guint8 *)buffer, (guint)n);
		else if (!to_file(&fd, buffer, (size_t)n, error))
			return false;
	}
	if (n < 0)
		return false;
	if (status >= 300) {
		g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(g_steal_pointer(&complaint));
		g_autofree char *reason = reason_of(bytes, status);
		pt_error_set(error, FAILED, "%s", reason);
		return false;
	}
	if (length >= 0 && *ret_bytes < (uint64_t)length) {
		pt_error_set(error, CLOSED, "the daemon broke off: the footage could not be read to its end");
		return false;
	}
	return true;
}

char *pt_cli_escape(const char *text) { return g_uri_escape_string(text, NULL, FALSE); }

JsonNode *pt_cli_post(const char *path, const char *const *names, const char *const *values, size_t n) {
	g_autoptr(JsonBuilder) b = json_builder_new();
	json_builder_begin_object(b);
	for (size_t i = 0; i < n; i++)
		if (values[i]) {
			json_builder_set_member_name(b, names[i]);
			json_builder_add_string_value(b, values[i]);
		}
	json_builder_end_object(b);
	g_autoptr(JsonNode) root = json_builder_get_root(b);
	g_autofree char *body = json_to_string(root, FALSE);
	return pt_cli_call("POST", path, body);
}

void pt_cli_add_query(GString *path, const char *name, const char *value) {
	if (!value)
		return;
	g_autofree char *escaped = pt_cli_escape(value);
	g_string_append_printf(path, "%c%s=%s", strchr(path->str, '?') ? '&' : '?', name, escaped);
}
