/* SPDX-License-Identifier: Apache-2.0 */
#include "web/server.h"
#include "base/error.h"
#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX (1u << 20)
#define HEADER_SECONDS 10 /* from connecting, or the first byte of a request, to its last header */
#define IDLE_SECONDS 75   /* between requests of one connection */
#define BODY_SECONDS 30
#define REPLY_SECONDS 60
#define LOCAL_SPARE 16  /* connections beyond the limit, for the control socket alone */
#define STREAM_STALL 60 /* a download that takes nothing for so long is ended */
#define CHUNK (256u * 1024)
#define SOCKET_MESSAGE_MAX (16u * 1024)

typedef struct {
	char *method, **segments; /* pattern split at '/' */
	PtRole role;
	PtHandler handler;
	void *user;
} Route;

struct PtServer {
	SoupServer *soup;
	GPtrArray *services; /* GSocketService */
	GPtrArray *sockets;  /* of PtSocket *, open or on their way; borrowed */
	GPtrArray *routes;
	PtServerParams params;
	PtServerStats stats;
	char *unix_path;
};

/* One accepted connection. Lives until its GSocketConnection is finalised. */
typedef struct {
	PtServer *server;
	GSocket *socket;
	GSocketAddress *remote;
	guint deadline; /* source id */
	bool local;
	uid_t uid;
} Conn;

struct PtRequest {
	int refs; /* atomic: work on other threads holds one */
	PtServer *server;
	SoupServerMessage *msg; /* NULL once the exchange is over */
	char *path, *remote, *origin, *cookie;
	GHashTable *query;
	GPtrArray *stars;
	PtCaller caller;
	bool answered, tls, paused;
	guint timeout;
	unsigned patience; /* seconds */
	/* a streamed body */
	PtBodyRead read;
	void *read_user;
	GDestroyNotify read_free;
	uint64_t offset, end;
	bool reading;
	guint stall;
};

struct PtSocket {
	int refs;
	PtServer *server;
	SoupWebsocketConnection *ws;
	const PtSocketOps *ops;
	void *user;
	uint64_t sent, acked;
	bool closed;
};

static const char *const role_names[] = {"none", "viewer", "operator", "admin"};

const char *pt_role_name(PtRole role) { return role_names[MIN((unsigned)role, 3)]; }

PtRole pt_role_parse(const char *name) {
	for (unsigned i = 1; i < G_N_ELEMENTS(role_names); i++)
		if (!g_strcmp0(name, role_names[i]))
			return (PtRole)i;
	return PT_ROLE_NONE;
}

/* ---- connections ---- */

static GQuark conn_quark(void) { return g_quark_from_static_string("pt-conn"); }

static gboolean deadline_passed(gpointer data) {
	Conn *c = data;
	c->deadline = 0;
	c->server->stats.timed_out++;
	g_socket_shutdown(c->socket, TRUE, TRUE, NULL);
	return G_SOURCE_REMOVE;
}

static void set_deadline(Conn *c, unsigned seconds) {
	if (!c)
		return;
	if (c->deadline)
		g_source_remove(c->deadline);
	c->deadline = seconds ? g_timeout_add_seconds(seconds, deadline_passed, c) : 0;
}

static void conn_gone(gpointer data, GObject *connection) {
	Conn *c = data;
	set_deadline(c, 0);
	c->server->stats.connections--;
	g_object_set_qdata(G_OBJECT(c->remote), conn_quark(), NULL);
	g_object_unref(c->remote);
	g_object_unref(c->socket);
	g_free(c);
}

static void peer_credentials(Conn *c) {
	struct ucred cred;
	socklen_t size = sizeof cred;
	c->uid = (uid_t)-1;
	if (!getsockopt(g_socket_get_fd(c->socket), SOL_SOCKET, SO_PEERCRED, &cred, &size))
		c->uid = cred.uid;
}

static gboolean incoming(GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data) {
	PtServer *server = data;
	/* whoever holds all connections of the port must not lock out the command line of this machine */
	bool unix_socket = g_socket_get_family(g_socket_connection_get_socket(connection)) == G_SOCKET_FAMILY_UNIX;
	if (server->stats.connections >= server->params.max_connections + (unix_socket ? LOCAL_SPARE : 0)) {
		server->stats.refused++;
		g_io_stream_close(G_IO_STREAM(connection), NULL, NULL);
		return TRUE;
	}
	GTlsCertificate *certificate = g_object_get_data(G_OBJECT(service), "certificate");
	g_autoptr(GSocketAddress) local = g_socket_connection_get_local_address(connection, NULL);
	g_autoptr(GSocketAddress) remote = g_socket_connection_get_remote_address(connection, NULL);
	g_autoptr(GIOStream) stream = NULL;
	if (!local || !remote)
		return TRUE;
	if (certificate)
		stream = g_tls_server_connection_new(G_IO_STREAM(connection), certificate, NULL);
	else
		stream = g_object_ref(G_IO_STREAM(connection));
	if (!stream)
		return TRUE;
	Conn *c = g_new0(Conn, 1);
	c->server = server;
	c->socket = g_object_ref(g_socket_connection_get_socket(connection));
	c->local = G_IS_UNIX_SOCKET_ADDRESS(local);
	if (c->local)
		peer_credentials(c);
	server->stats.connections++;
	g_object_weak_ref(G_OBJECT(connection), conn_gone, c);
	/* libsoup gives this very object back with every message: the way from a message to its connection */
	c->remote = g_object_ref(remote);
	g_object_set_qdata(G_OBJECT(remote), conn_quark(), c);
	set_deadline(c, HEADER_SECONDS);
	soup_server_accept_iostream(server->soup, stream, local, remote, NULL);
	return TRUE;
}

static Conn *conn_of(SoupServerMessage *msg) {
	GSocketAddress *remote = soup_server_message_get_remote_address(msg);
	return remote ? g_object_get_qdata(G_OBJECT(remote), conn_quark()) : NULL;
}

static GSocketService *add_service(PtServer *server, GTlsCertificate *certificate) {
	GSocketService *service = g_socket_service_new();
	if (certificate)
		g_object_set_data_full(G_OBJECT(service), "certificate", g_object_ref(certificate), g_object_unref);
	g_socket_listener_set_backlog(G_SOCKET_LISTENER(service), 128);
	g_signal_connect(service, "incoming", G_CALLBACK(incoming), server);
	g_ptr_array_add(server->services, service);
	return service;
}

guint16 pt_server_listen(PtServer *server, const char *address, GTlsCertificate *certificate, GError **error) {
	const char *colon = strrchr(address, ':');
	guint64 port = 0;
	if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL)) {
		pt_error_set(error, INVALID, "web: '%s' is not an address to listen at (write 127.0.0.1:8080)", address);
		return 0;
	}
	g_autofree char *host = g_strndup(address, (gsize)(colon - address));
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		memmove(host, host + 1, strlen(host));
		host[strlen(host) - 1] = 0;
	}
	g_autoptr(GInetAddress) inet = g_inet_address_new_from_string(!host[0]                         ? "0.0.0.0"
	                                                              : g_str_equal(host, "localhost") ? "127.0.0.1"
	                                                                                               : host);
	if (!inet) {
		pt_error_set(error, INVALID, "web: '%s' is not an address of this machine (write 127.0.0.1:8080)", address);
		return 0;
	}
	g_autoptr(GSocketAddress) where = g_inet_socket_address_new(inet, (guint16)port);
	g_autoptr(GSocketAddress) effective = NULL;
	GSocketService *service = add_service(server, certificate);
	if (!g_socket_listener_add_address(G_SOCKET_LISTENER(service), where, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
	                                   NULL, &effective, error)) {
		g_prefix_error(error, "web: listen at %s: ", address);
		return 0;
	}
	g_socket_service_start(service);
	return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(effective));
}

bool pt_server_listen_unix(PtServer *server, const char *path, GError **error) {
	unlink(path);
	g_autoptr(GSocketAddress) where = g_unix_socket_address_new(path);
	GSocketService *service = add_service(server, NULL);
	mode_t before = umask(0117);
	bool ok =
	    g_socket_listener_add_address(G_SOCKET_LISTENER(service), where, G_SOCKET_TYPE_STREAM, 0, NULL, NULL, error);
	umask(before);
	if (!ok) {
		g_prefix_error(error, "listen at %s: ", path);
		return false;
	}
	g_free(server->unix_path);
	server->unix_path = g_strdup(path);
	g_socket_service_start(service);
	return true;
}

/* ---- requests: life ---- */

PtRequest *pt_request_ref(PtRequest *request) {
	g_atomic_int_inc(&request->refs);
	return request;
}

void pt_request_unref(PtRequest *r) {
	if (!r || !g_atomic_int_dec_and_test(&r->refs))
		return;
	g_assert(!r->msg);
	if (r->read_free)
		r->read_free(r->read_user);
	g_free(r->path);
	g_free(r->remote);
	g_free(r->origin);
	g_free(r->cookie);
	g_clear_pointer(&r->query, g_hash_table_unref);
	g_ptr_array_unref(r->stars);
	g_strfreev(r->caller.cameras);
	g_free(r);
}

/* The exchange is over, well or not: whoever still holds the request may answer into the void. */
static void request_finished(SoupServerMessage *msg, gpointer data) {
	PtRequest *r = data;
	if (!r->msg)
		return;
	g_signal_handlers_disconnect_by_data(msg, r);
	g_clear_handle_id(&r->timeout, g_source_remove);
	g_clear_handle_id(&r->stall, g_source_remove);
	r->answered = true;
	g_clear_object(&r->msg);
	pt_request_unref(r);
}

static gboolean reply_timeout(gpointer data) {
	PtRequest *r = data;
	r->timeout = 0;
	pt_request_fail(r, 504, "the answer took longer than %u s", r->patience);
	return G_SOURCE_REMOVE;
}

static void resume(PtRequest *r) {
	g_clear_handle_id(&r->timeout, g_source_remove);
	if (r->paused) {
		r->paused = false;
		soup_server_message_unpause(r->msg);
	}
}

void pt_request_be_patient(PtRequest *r, unsigned seconds) {
	r->patience = seconds;
	if (r->timeout) {
		g_source_remove(r->timeout);
		r->timeout = g_timeout_add_seconds(seconds, reply_timeout, r);
	}
}

/* ---- requests: reading ---- */

const char *pt_request_method(PtRequest *r) { return r->msg ? soup_server_message_get_method(r->msg) : ""; }
const char *pt_request_path(PtRequest *r) { return r->path; }
const char *pt_request_remote(PtRequest *r) { return r->remote; }
const char *pt_request_origin(PtRequest *r) { return r->origin; }
bool pt_request_is_tls(PtRequest *r) { return r->tls; }
const PtCaller *pt_request_caller(PtRequest *r) { return &r->caller; }

const char *pt_request_segment(PtRequest *r, unsigned i) { return i < r->stars->len ? g_ptr_array_index(r->stars, i) : ""; }

const char *pt_request_query(PtRequest *r, const char *name) {
	return r->query ? g_hash_table_lookup(r->query, name) : NULL;
}

const char *pt_request_header(PtRequest *r, const char *name) {
	return r->msg ? soup_message_headers_get_one(soup_server_message_get_request_headers(r->msg), name) : NULL;
}

const char *pt_request_cookie(PtRequest *r, const char *name) {
	const char *header =
	    r->msg ? soup_message_headers_get_list(soup_server_message_get_request_headers(r->msg), "Cookie") : NULL;
	g_auto(GStrv) pairs = header ? g_strsplit_set(header, ";,", 64) : NULL;
	g_clear_pointer(&r->cookie, g_free);
	for (char **p = pairs; p && *p; p++) {
		char *pair = g_strstrip(*p), *equals = strchr(pair, '=');
		if (equals && (size_t)(equals - pair) == strlen(name) && !strncmp(pair, name, strlen(name)))
			r->cookie = g_strdup(equals + 1);
	}
	return r->cookie;
}

bool pt_request_may_see(PtRequest *r, const char *camera) {
	return !r->caller.cameras || g_strv_contains((const char *const *)r->caller.cameras, camera);
}

GBytes *pt_request_body(PtRequest *r) {
	SoupMessageBody *body = r->msg ? soup_server_message_get_request_body(r->msg) : NULL;
	return body ? soup_message_body_flatten(body) : g_bytes_new(NULL, 0);
}

/* ---- requests: answering ---- */

void pt_request_add_header(PtRequest *r, const char *name, const char *value) {
	if (r->msg)
		soup_message_headers_append(soup_server_message_get_response_headers(r->msg), name, value);
}

static void put_standard_headers(PtRequest *r) {
	SoupMessageHeaders *h = soup_server_message_get_response_headers(r->msg);
	soup_message_headers_replace(h, "X-Content-Type-Options", "nosniff");
	soup_message_headers_replace(h, "Referrer-Policy", "no-referrer");
	soup_message_headers_replace(h, "X-Frame-Options", "DENY");
	soup_message_headers_replace(
	    h, "Content-Security-Policy",
	    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self';"
	    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
	if (!soup_message_headers_get_one(h, "Cache-Control"))
		soup_message_headers_replace(h, "Cache-Control", "no-store");
}

void pt_request_reply(PtRequest *r, unsigned status, const char *type, GBytes *body) {
	if (!r->msg || r->answered)
		return;
	r->answered = true;
	put_standard_headers(r);
	soup_server_message_set_status(r->msg, status, NULL);
	if (type)
		soup_message_headers_set_content_type(soup_server_message_get_response_headers(r->msg), type, NULL);
	if (body && g_bytes_get_size(body))
		soup_message_body_append_bytes(soup_server_message_get_response_body(r->msg), body);
	resume(r);
}

void pt_request_reply_text(PtRequest *r, unsigned status, const char *type, const char *text) {
	g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));
	pt_request_reply(r, status, type, body);
}

static char *json_escape(const char *text) {
	GString *s = g_string_new("\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			g_string_append_printf(s, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			g_string_append_printf(s, "\\u%04x", *text);
		else
			g_string_append_c(s, *text);
	}
	g_string_append_c(s, '"');
	return g_string_free(s, FALSE);
}

void pt_request_fail(PtRequest *r, unsigned status, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *quoted = json_escape(valid);
	g_autofree char *json = g_strdup_printf("{\"error\":%s}\n", quoted);
	pt_request_reply_text(r, status, "application/json", json);
}

void pt_request_fail_error(PtRequest *r, const GError *error) {
	static const unsigned statuses[] = {
	    [PT_ERROR_FAILED] = 500,    [PT_ERROR_INVALID] = 400, [PT_ERROR_AUTH] = 401,   [PT_ERROR_DENIED] = 403,
	    [PT_ERROR_NOT_FOUND] = 404, [PT_ERROR_TIMEOUT] = 504, [PT_ERROR_CLOSED] = 502, [PT_ERROR_UNSUPPORTED] = 501,
	    [PT_ERROR_TOO_LARGE] = 413, [PT_ERROR_DISK] = 500,    [PT_ERROR_BUSY] = 409,
	};
	unsigned status = 500;
	if (error->domain == PT_ERROR && (unsigned)error->code < G_N_ELEMENTS(statuses))
		status = statuses[error->code];
	pt_request_fail(r, status, "%s", error->message);
}

/* ---- streamed bodies ---- */

typedef struct {
	PtRequest *request;
	uint64_t offset;
	size_t size;
} Piece;

static gboolean stream_stalled(gpointer data) {
	PtRequest *r = data;
	r->stall = 0;
	Conn *c = conn_of(r->msg);
	if (c)
		g_socket_shutdown(c->socket, TRUE, TRUE, NULL);
	return G_SOURCE_REMOVE;
}

static void read_piece(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Piece *piece = data;
	GError *error = NULL;
	uint8_t *buffer = g_malloc(piece->size);
	size_t have = 0;
	while (have < piece->size) {
		gssize n = piece->request->read(piece->request->read_user, piece->offset + have, buffer + have,
		                                piece->size - have, &error);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (have < piece->size) {
		g_free(buffer);
		g_task_return_error(task, error ? error : g_error_new(PT_ERROR, PT_ERROR_DISK, "the footage ended early"));
		return;
	}
	g_task_return_pointer(task, g_bytes_new_take(buffer, piece->size), (GDestroyNotify)g_bytes_unref);
}

static void next_piece(PtRequest *r);

static void piece_read(GObject *source, GAsyncResult *result, gpointer data) {
	PtRequest *r = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = g_task_propagate_pointer(G_TASK(result), &error);
	r->reading = false;
	if (r->msg && bytes) {
		r->offset += g_bytes_get_size(bytes);
		soup_message_body_append_bytes(soup_server_message_get_response_body(r->msg), bytes);
		if (r->offset >= r->end)
			soup_message_body_complete(soup_server_message_get_response_body(r->msg));
		g_clear_handle_id(&r->stall, g_source_remove);
		r->stall = g_timeout_add_seconds(STREAM_STALL, stream_stalled, r);
		soup_server_message_unpause(r->msg);
	} else if (r->msg) {
		/* the length is promised: the only honest way to say that it cannot be kept is to break off */
		Conn *c = conn_of(r->msg);
		if (c)
			g_socket_shutdown(c->socket, TRUE, TRUE, NULL);
		soup_server_message_unpause(r->msg);
	}
	pt_request_unref(r);
}

static void next_piece(PtRequest *r) {
	if (r->reading || r->offset >= r->end)
		return;
	r->reading = true;
	Piece *piece = g_new(Piece, 1);
	*piece = (Piece){pt_request_ref(r), r->offset, (size_t)MIN(CHUNK, r->end - r->offset)};
	g_autoptr(GTask) task = g_task_new(NULL, NULL, piece_read, r);
	g_task_set_task_data(task, piece, g_free);
	g_task_run_in_thread(task, read_piece);
}

static void wrote_chunk(SoupServerMessage *msg, gpointer data) { next_piece(data); }

void pt_request_stream(PtRequest *r, const char *type, uint64_t size, PtBodyRead read, void *user, GDestroyNotify free_fn) {
	if (!r->msg || r->answered) {
		if (free_fn)
			free_fn(user);
		return;
	}
	r->answered = true;
	r->read = read;
	r->read_user = user;
	r->read_free = free_fn;
	r->end = size;
	SoupMessageHeaders *request = soup_server_message_get_request_headers(r->msg);
	SoupMessageHeaders *h = soup_server_message_get_response_headers(r->msg);
	SoupRange *ranges = NULL;
	int n = 0;
	unsigned status = 200;
	put_standard_headers(r);
	soup_message_headers_set_content_type(h, type, NULL);
	soup_message_headers_replace(h, "Accept-Ranges", "bytes");
	if (soup_message_headers_get_ranges(request, (goffset)size, &ranges, &n) && n == 1) {
		r->offset = (uint64_t)ranges[0].start;
		r->end = (uint64_t)ranges[0].end + 1;
		status = 206;
		soup_message_headers_set_content_range(h, ranges[0].start, ranges[0].end, (goffset)size);
	}
	if (ranges)
		soup_message_headers_free_ranges(request, ranges);
	soup_server_message_set_status(r->msg, status, NULL);
	soup_message_headers_set_content_length(h, (goffset)(r->end - r->offset));
	SoupMessageBody *body = soup_server_message_get_response_body(r->msg);
	soup_message_body_set_accumulate(body, FALSE);
	if (g_str_equal(pt_request_method(r), "HEAD") || r->offset >= r->end) {
		soup_message_body_complete(body);
	} else {
		g_signal_connect(r->msg, "wrote-chunk", G_CALLBACK(wrote_chunk), r);
		r->stall = g_timeout_add_seconds(STREAM_STALL, stream_stalled, r);
		next_piece(r);
	}
	resume(r);
}

/* ---- what comes in ---- */

/* libsoup would read all of an announced body before it answers. The connection is taken from it instead, told why, and
 * closed a second later, so that the answer is not lost in a reset. */
static const char too_large_reply[] =
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: application/json\r\n"
    "Content-Length: 56\r\n\r\n{\"error\":\"a request's body may be at most 1 MiB long\"}\r\n";

static gboolean drop_stream(gpointer stream) {
	g_io_stream_close_async(stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
	return G_SOURCE_REMOVE;
}

static void told_too_large(GObject *out, GAsyncResult *result, gpointer stream) {
	g_output_stream_write_all_finish(G_OUTPUT_STREAM(out), result, NULL, NULL);
	g_timeout_add_full(G_PRIORITY_DEFAULT, 1000, drop_stream, stream, g_object_unref);
}

static gboolean refuse_body(gpointer data) {
	SoupServerMessage *msg = data;
	Conn *c = conn_of(msg);
	if (!c || g_object_get_data(G_OBJECT(msg), "pt-over"))
		return G_SOURCE_REMOVE;
	set_deadline(c, 5);
	GIOStream *stream = soup_server_message_steal_connection(msg);
	if (stream)
		g_output_stream_write_all_async(g_io_stream_get_output_stream(stream), too_large_reply,
		                                sizeof too_large_reply - 1, G_PRIORITY_DEFAULT, NULL, told_too_large,
		                                stream);
	return G_SOURCE_REMOVE;
}

static void too_large(PtServer *server, SoupServerMessage *msg) {
	SoupMessageBody *body = soup_server_message_get_request_body(msg);
	if (!soup_message_body_get_accumulate(body))
		return;
	soup_message_body_set_accumulate(body, FALSE);
	server->stats.too_large++;
	g_idle_add_full(G_PRIORITY_HIGH, refuse_body, g_object_ref(msg), g_object_unref);
}

static void got_headers(SoupServerMessage *msg, gpointer data) {
	SoupMessageHeaders *h = soup_server_message_get_request_headers(msg);
	set_deadline(conn_of(msg), BODY_SECONDS);
	if (soup_message_headers_get_encoding(h) == SOUP_ENCODING_CONTENT_LENGTH &&
	    soup_message_headers_get_content_length(h) > BODY_MAX)
		too_large(data, msg);
}

static void got_chunk(SoupServerMessage *msg, GBytes *chunk, gpointer data) {
	if (soup_server_message_get_request_body(msg)->length > (goffset)BODY_MAX)
		too_large(data, msg);
}

static void got_body(SoupServerMessage *msg, gpointer data) { set_deadline(conn_of(msg), 0); }

static void request_started(SoupServer *soup, SoupServerMessage *msg, gpointer data) {
	set_deadline(conn_of(msg), HEADER_SECONDS);
	g_signal_connect(msg, "got-headers", G_CALLBACK(got_headers), data);
	g_signal_connect(msg, "got-chunk", G_CALLBACK(got_chunk), data);
	g_signal_connect(msg, "got-body", G_CALLBACK(got_body), data);
}

static void request_over(SoupServer *soup, SoupServerMessage *msg, gpointer data) {
	g_object_set_data(G_OBJECT(msg), "pt-over", msg);
	set_deadline(conn_of(msg), IDLE_SECONDS);
}

/* A name in Host that is not ours is somebody's DNS pointing at us: their page must not reach through the visitor's browser.
 */
static bool host_is_ours(PtServer *server, const char *host) {
	g_autofree char *name = g_strdup(host);
	char *colon = strrchr(name, ':');
	if (colon && strspn(colon + 1, "0123456789") == strlen(colon + 1))
		*colon = 0;
	size_t n = strlen(name);
	if (n > 2 && name[0] == '[' && name[n - 1] == ']') {
		name[n - 1] = 0;
		return g_hostname_is_ip_address(name + 1);
	}
	if (g_hostname_is_ip_address(name) || !g_ascii_strcasecmp(name, "localhost"))
		return true;
	const char *own = g_get_host_name();
	g_autofree char *local = g_strconcat(own, ".local", NULL);
	if (!g_ascii_strcasecmp(name, own) || !g_ascii_strcasecmp(name, local))
		return true;
	for (char **p = server->params.names; p && *p; p++)
		if (!g_ascii_strcasecmp(name, *p))
			return true;
	return false;
}

static bool path_is_safe(const char *path) {
	if (path[0] != '/' || strlen(path) > 1024 || strstr(path, "//") || strchr(path, '\\'))
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	g_auto(GStrv) segments = g_strsplit(path, "/", 0);
	for (char **s = segments; *s; s++)
		if (g_str_equal(*s, "..") || g_str_equal(*s, "."))
			return false;
	return true;
}

static bool route_matches(const Route *route, char **segments, GPtrArray *stars) {
	g_ptr_array_set_size(stars, 0);
	char **p = route->segments;
	for (; *p && *segments; p++, segments++) {
		if (g_str_equal(*p, "**")) {
			g_ptr_array_add(stars, g_strjoinv("/", segments));
			return true;
		}
		if (g_str_equal(*p, "*") && **segments)
			g_ptr_array_add(stars, g_strdup(*segments));
		else if (!g_str_equal(*p, *segments))
			return false;
	}
	return !*p && !*segments;
}

static void dispatch(PtRequest *r) {
	g_auto(GStrv) segments = g_strsplit(r->path + 1, "/", 0);
	const char *method = pt_request_method(r);
	bool path_known = false;
	for (guint i = 0; i < r->server->routes->len; i++) {
		const Route *route = g_ptr_array_index(r->server->routes, i);
		if (!route_matches(route, segments, r->stars))
			continue;
		path_known = true;
		if (!g_str_equal(route->method, method) &&
		    !(g_str_equal(route->method, "GET") && g_str_equal(method, "HEAD")))
			continue;
		if (r->caller.role < route->role) {
			if (r->caller.role == PT_ROLE_NONE)
				pt_request_fail(r, 401, "log in first");
			else
				pt_request_fail(r, 403, "%s is %s; this needs %s", r->caller.user,
				                pt_role_name(r->caller.role), pt_role_name(route->role));
			return;
		}
		route->handler(r, route->user);
		return;
	}
	if (path_known)
		pt_request_fail(r, 405, "%s is not possible here", method);
	else
		pt_request_fail(r, 404, "there is no %s here", r->path);
}

static void who_asks(PtRequest *r, Conn *c) {
	if (c && c->local) {
		if (c->uid == 0 || c->uid == getuid())
			r->caller.role = PT_ROLE_ADMIN;
		else if (c->uid != (uid_t)-1)
			r->caller.role = PT_ROLE_OPERATOR; /* whom the socket's group lets in */
		g_snprintf(r->caller.user, sizeof r->caller.user, "local uid %u", (unsigned)c->uid);
	} else if (r->server->params.login) {
		r->server->params.login(r->server->params.user, r, &r->caller);
	}
}

static bool is_foreign(PtRequest *r, Conn *c, const char *host) {
	if (c && c->local)
		return false;
	if (!host || !host_is_ours(r->server, host)) {
		pt_request_fail(r, 421, "this Pigtail is not called '%s' (add the name to web.names in the site file)",
		                host ? host : "");
		return true;
	}
	const char *origin = pt_request_header(r, "Origin");
	if (origin && g_ascii_strcasecmp(origin, r->origin)) {
		pt_request_fail(r, 403, "requests from pages of %s are refused", origin);
		return true;
	}
	return false;
}

static void on_request(SoupServer *soup, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data) {
	PtServer *server = data;
	server->stats.requests++;
	Conn *c = conn_of(msg);
	PtRequest *r = g_new0(PtRequest, 1);
	r->refs = 2; /* the exchange's and ours */
	r->patience = REPLY_SECONDS;
	r->server = server;
	r->msg = g_object_ref(msg);
	r->path = g_strdup(path);
	r->stars = g_ptr_array_new_with_free_func(g_free);
	r->query = query ? g_hash_table_ref(query) : NULL;
	const char *remote = soup_server_message_get_remote_host(msg);
	r->remote = g_strdup(c && c->local ? "local" : remote ? remote : "unknown");
	GUri *uri = soup_server_message_get_uri(msg);
	r->tls = uri && g_str_equal(g_uri_get_scheme(uri), "https");
	const char *host = pt_request_header(r, "Host");
	r->origin = g_strdup_printf("%s://%s", r->tls ? "https" : "http", host ? host : "");
	g_signal_connect(msg, "finished", G_CALLBACK(request_finished), r);
	if (!path_is_safe(path)) {
		pt_request_fail(r, 400, "that path is not one");
	} else if (!is_foreign(r, c, host)) {
		who_asks(r, c);
		dispatch(r);
	}
	if (!r->answered && r->msg) {
		r->paused = true;
		soup_server_message_pause(msg);
		r->timeout = g_timeout_add_seconds(r->patience, reply_timeout, r);
	}
	pt_request_unref(r);
}

/* ---- WebSockets ---- */

static void socket_unref(PtSocket *s) {
	if (--s->refs)
		return;
	g_clear_object(&s->ws);
	g_free(s);
}

static void socket_over(PtSocket *s) {
	if (s->closed)
		return;
	s->closed = true;
	s->server->stats.sockets--;
	g_ptr_array_remove_fast(s->server->sockets, s);
	if (s->ws)
		g_signal_handlers_disconnect_by_data(s->ws, s);
	if (s->ops->closed)
		s->ops->closed(s, s->user);
	socket_unref(s);
}

static void socket_closed(SoupWebsocketConnection *ws, gpointer data) { socket_over(data); }

static void socket_message(SoupWebsocketConnection *ws, gint type, GBytes *message, gpointer data) {
	PtSocket *s = data;
	gsize size;
	const char *p = g_bytes_get_data(message, &size);
	if (type != SOUP_WEBSOCKET_DATA_TEXT || !size)
		return;
	g_autofree char *text = g_strndup(p, size);
	if (g_str_has_prefix(text, "{\"ack\":")) {
		uint64_t acked = g_ascii_strtoull(text + 7, NULL, 10);
		if (acked <= s->sent)
			s->acked = MAX(s->acked, acked);
		return;
	}
	s->refs++;
	if (s->ops->message)
		s->ops->message(s, text, s->user);
	socket_unref(s);
}

/* The 101 is written: the connection changes hands from HTTP to WebSocket. */
static void upgrade_written(SoupServerMessage *msg, gpointer data) {
	PtSocket *s = data;
	g_object_ref(msg);
	g_signal_handlers_disconnect_by_data(msg, s);
	set_deadline(conn_of(msg), 0);
	g_autoptr(GIOStream) stream = soup_server_message_steal_connection(msg);
	s->ws = soup_websocket_connection_new(stream, soup_server_message_get_uri(msg), SOUP_WEBSOCKET_CONNECTION_SERVER,
	                                      NULL, NULL, NULL);
	soup_websocket_connection_set_max_incoming_payload_size(s->ws, SOCKET_MESSAGE_MAX);
	soup_websocket_connection_set_keepalive_interval(s->ws, 20);
	g_signal_connect(s->ws, "message", G_CALLBACK(socket_message), s);
	g_signal_connect(s->ws, "closed", G_CALLBACK(socket_closed), s);
	if (s->ops->opened)
		s->ops->opened(s, s->user);
	g_object_unref(msg);
}

static void upgrade_failed(SoupServerMessage *msg, gpointer data) {
	g_signal_handlers_disconnect_by_data(msg, data);
	socket_over(data);
}

bool pt_request_upgrade(PtRequest *r, const PtSocketOps *ops, void *user) {
	g_autoptr(GError) error = NULL;
	if (!r->msg || r->answered)
		return false;
	if (!soup_websocket_server_check_handshake(r->msg, NULL, NULL, NULL, &error)) {
		pt_request_fail(r, 400, "this address speaks WebSocket only: %s", error->message);
		return false;
	}
	r->answered = true;
	PtSocket *s = g_new0(PtSocket, 1);
	s->refs = 1;
	s->server = r->server;
	s->ops = ops;
	s->user = user;
	s->server->stats.sockets++;
	g_ptr_array_add(s->server->sockets, s);
	soup_websocket_server_process_handshake(r->msg, NULL, NULL, NULL, NULL);
	g_signal_connect(r->msg, "wrote-informational", G_CALLBACK(upgrade_written), s);
	g_signal_connect(r->msg, "finished", G_CALLBACK(upgrade_failed), s);
	return true;
}

static bool can_send(PtSocket *s) {
	return !s->closed && s->ws && soup_websocket_connection_get_state(s->ws) == SOUP_WEBSOCKET_STATE_OPEN;
}

void pt_socket_send_text(PtSocket *s, const char *text) {
	if (!can_send(s))
		return;
	s->sent += strlen(text);
	soup_websocket_connection_send_text(s->ws, text);
}

void pt_socket_send_binary(PtSocket *s, GBytes *bytes) {
	if (!can_send(s))
		return;
	s->sent += g_bytes_get_size(bytes);
	soup_websocket_connection_send_message(s->ws, SOUP_WEBSOCKET_DATA_BINARY, bytes);
}

uint64_t pt_socket_backlog(PtSocket *s) { return s->sent - s->acked; }

void pt_socket_close(PtSocket *s, unsigned code, const char *reason) {
	if (s->closed)
		return;
	s->refs++;
	if (can_send(s))
		soup_websocket_connection_close(s->ws, (gushort)code, reason);
	socket_over(s);
	socket_unref(s);
}

/* ---- the server ---- */

static void route_free(gpointer data) {
	Route *route = data;
	g_free(route->method);
	g_strfreev(route->segments);
	g_free(route);
}

void pt_server_route(PtServer *server, const char *method, const char *pattern, PtRole role, PtHandler handler, void *user) {
	Route *route = g_new0(Route, 1);
	route->method = g_strdup(method);
	route->segments = g_strsplit(pattern + 1, "/", 0);
	route->role = role;
	route->handler = handler;
	route->user = user;
	g_ptr_array_add(server->routes, route);
}

static void stop_service(gpointer data) {
	GSocketService *service = data;
	g_socket_service_stop(service);
	g_socket_listener_close(G_SOCKET_LISTENER(service));
	g_object_unref(service);
}

/* libsoup closes every connection after its first answer unless it has a listener. Ours accept by themselves, so it gets one
 * that nobody can reach: a socket whose name is gone. */
static void add_unreachable_listener(SoupServer *soup) {
	g_autofree char *dir = g_dir_make_tmp("pigtail-XXXXXX", NULL);
	g_autofree char *path = dir ? g_build_filename(dir, "s", NULL) : NULL;
	g_autoptr(GSocketAddress) where = path ? g_unix_socket_address_new(path) : NULL;
	g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);
	g_autoptr(GError) error = NULL;
	if (!where || !socket || !g_socket_bind(socket, where, FALSE, &error) || !g_socket_listen(socket, &error) ||
	    !soup_server_listen_socket(soup, socket, 0, &error))
		g_warning("web: connections are not kept alive: %s", error ? error->message : "no socket");
	if (path)
		unlink(path);
	if (dir)
		rmdir(dir);
}

PtServer *pt_server_new(const PtServerParams *params) {
	PtServer *server = g_new0(PtServer, 1);
	server->params = *params;
	server->params.names = g_strdupv(params->names);
	if (!server->params.max_connections)
		server->params.max_connections = 256;
	server->soup = soup_server_new("server-header", "pigtail", NULL);
	add_unreachable_listener(server->soup);
	server->services = g_ptr_array_new_with_free_func(stop_service);
	server->routes = g_ptr_array_new_with_free_func(route_free);
	server->sockets = g_ptr_array_new();
	g_signal_connect(server->soup, "request-started", G_CALLBACK(request_started), server);
	g_signal_connect(server->soup, "request-finished", G_CALLBACK(request_over), server);
	g_signal_connect(server->soup, "request-aborted", G_CALLBACK(request_over), server);
	soup_server_add_handler(server->soup, NULL, on_request, server, NULL);
	return server;
}

void pt_server_free(PtServer *server) {
	if (!server)
		return;
	g_ptr_array_unref(server->services);
	soup_server_disconnect(server->soup);
	while (g_main_context_iteration(NULL, FALSE)) {
	}
	/* WebSockets have left libsoup's server: their owners let go of what they look at here, and nowhere else */
	while (server->sockets->len)
		pt_socket_close(g_ptr_array_index(server->sockets, 0), 1001, "the server ends");
	while (g_main_context_iteration(NULL, FALSE)) {
	}
	g_ptr_array_unref(server->sockets);
	g_object_unref(server->soup);
	if (server->unix_path)
		unlink(server->unix_path);
	g_free(server->unix_path);
	g_ptr_array_unref(server->routes);
	g_strfreev(server->params.names);
	g_free(server);
}

void pt_server_get_stats(PtServer *server, PtServerStats *ret_stats) { *ret_stats = server->stats; }
