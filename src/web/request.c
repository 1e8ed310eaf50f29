/* A request: what it asks, and its one answer, whole or piece by piece. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "web/server-internal.h"
#include <poll.h>
#include <string.h>

#define REPLY_SECONDS 60
#define STREAM_STALL 60 /* a download that takes nothing for so long is ended */
#define CHUNK (256u * 1024)

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

PtRequest *pt_request_new(PtServer *server, SoupServerMessage *msg, const char *path, GHashTable *query) {
	PtConn *c = pt_conn_of(msg);
	PtRequest *r = g_new0(PtRequest, 1);
	r->refs = 2;
	r->patience = REPLY_SECONDS;
	r->server = server;
	r->msg = g_object_ref(msg);
	r->path = g_strdup(path);
	r->stars = g_ptr_array_new_with_free_func(g_free);
	r->query = query ? g_hash_table_ref(query) : NULL;
	const char *remote = soup_server_message_get_remote_host(msg);
	r->remote = g_strdup(c && c->local ? "local" : remote ? remote : "unknown");
	r->tls = c && c->tls;
	const char *host = pt_request_header(r, "Host");
	r->origin = g_strdup_printf("%s://%s", r->tls ? "https" : "http", host ? host : "");
	g_signal_connect(msg, "finished", G_CALLBACK(request_finished), r);
	return r;
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

void pt_request_await(PtRequest *r) {
	if (r->answered || !r->msg)
		return;
	r->paused = true;
	soup_server_message_pause(r->msg);
	r->timeout = g_timeout_add_seconds(r->patience, reply_timeout, r);
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

bool pt_request_is_gone(PtRequest *r) {
	PtConn *c = r->msg ? pt_conn_of(r->msg) : NULL;
	if (!c)
		return true;
	struct pollfd peer = {.fd = g_socket_get_fd(c->socket), .events = POLLRDHUP};
	return poll(&peer, 1, 0) > 0;
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
	pt_conn_cut(pt_conn_of(r->msg));
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
		pt_conn_cut(pt_conn_of(r->msg));
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
	bool asked = soup_message_headers_get_ranges(request, (goffset)size, &ranges, &n) && n == 1;
	if (asked && (uint64_t)ranges[0].start >= size) {
		g_autofree char *unsatisfied = g_strdup_printf("bytes */%" G_GUINT64_FORMAT, size);
		soup_message_headers_replace(h, "Content-Range", unsatisfied);
		r->end = 0;
		status = 416;
	} else if (asked) {
		r->offset = (uint64_t)ranges[0].start;
		r->end = MIN((uint64_t)ranges[0].end + 1, size);
		status = 206;
		soup_message_headers_set_content_range(h, ranges[0].start, (goffset)r->end - 1, (goffset)size);
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
