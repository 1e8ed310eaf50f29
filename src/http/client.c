/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"
#include "base/error.h"
#include <libsoup/soup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define N_TRUSTS (PT_HTTP_PINNED + 1)

struct PtHttp {
	/* One per kind of trust: a connection that was opened on another's terms is used by nobody else. */
	SoupSession *sessions[N_TRUSTS];
	unsigned connections;
	GMainContext *context;
	unsigned under_way;
	GCancellable *all;
	GDestroyNotify free_user; /* it was left; NULL: it was not */
	void *user;
};

static unsigned left; /* clients that are, and live until their last request is over; main thread */

struct PtHttpCall {
	PtHttp *http;
	SoupMessage *message;
	GInputStream *stream;
	GCancellable *cancel;
	gulong all_id;
	GSource *deadline;
	GByteArray *body;
	GBytes *sent;
	bool late, started;
	unsigned redirects;
	PtDigestClient *login;
	unsigned logins, timeout_s, unheard_ms;
	size_t body_max;
	PtHttpTrust trust;
	bool stranger; /* it showed another certificate than the pinned one */
	PtHttpPeer *peer;
	PtHttpFn fn; /* NULL: cancelled */
	void *user;
};

PtHttp *pt_http_new(unsigned connections) {
	PtHttp *http = g_new0(PtHttp, 1);
	http->context = g_main_context_ref_thread_default();
	http->all = g_cancellable_new();
	http->connections = connections ? connections : 16;
	return http;
}

static SoupSession *session_of(PtHttp *http, PtHttpTrustKind kind) {
	if (!http->sessions[kind]) {
		/* no timeout of its own: each request has its deadline, and a long poll may be silent for a minute */
		http->sessions[kind] = soup_session_new_with_options("timeout", 0, "idle-timeout", 30, "max-conns",
		                                                     (int)http->connections, "max-conns-per-host", 4,
		                                                     "user-agent", "Pigtail", "proxy-resolver", NULL, NULL);
		/* logins are ours */
		soup_session_remove_feature_by_type(http->sessions[kind], SOUP_TYPE_AUTH_MANAGER);
	}
	return http->sessions[kind];
}

void pt_http_free(PtHttp *http) {
	if (!http)
		return;
	g_cancellable_cancel(http->all);
	for (unsigned i = 0; i < N_TRUSTS; i++)
		if (http->sessions[i])
			soup_session_abort(http->sessions[i]);
	while (http->under_way)
		g_main_context_iteration(http->context, TRUE);
	for (unsigned i = 0; i < N_TRUSTS; i++)
		g_clear_object(&http->sessions[i]);
	g_object_unref(http->all);
	g_main_context_unref(http->context);
	if (http->free_user)
		http->free_user(http->user);
	g_free(http);
}

static void free_left(void *http) {
	left--;
	pt_http_free(http);
}

void pt_http_leave(PtHttp *http, GDestroyNotify free_user, void *user) {
	http->free_user = free_user;
	http->user = user;
	left++;
	if (!http->under_way)
		free_left(http);
}

void pt_http_finish(void) {
	while (left)
		g_main_context_iteration(NULL, TRUE);
}

/* The library's own text may hold the address, and an ntfy address is a secret by itself. */
static const char *plain_reason(const GError *error) {
	static const struct {
		int code;
		const char *text;
	} known[] = {
	    {G_IO_ERROR_CONNECTION_REFUSED, "the connection was refused"},
	    {G_IO_ERROR_HOST_UNREACHABLE, "the host cannot be reached"},
	    {G_IO_ERROR_NETWORK_UNREACHABLE, "the network cannot be reached"},
	    {G_IO_ERROR_HOST_NOT_FOUND, "there is no host of this name"},
	    {G_IO_ERROR_TIMED_OUT, "no answer in time"},
	    {G_IO_ERROR_CANCELLED, "given up: the program ends"},
	};
	if (error->domain == G_RESOLVER_ERROR)
		return "there is no host of this name";
	if (error->domain == G_TLS_ERROR)
		return "its certificate is not accepted";
	for (size_t i = 0; error->domain == G_IO_ERROR && i < G_N_ELEMENTS(known); i++)
		if (error->code == known[i].code)
			return known[i].text;
	return "the connection broke before the answer";
}

static void finish(PtHttpCall *call, unsigned status, GError *error) {
	PtHttp *http = call->http;
	g_autoptr(GError) own = NULL;
	if (error && call->stranger)
		own = g_error_new_literal(PT_ERROR, PT_ERROR_DENIED,
		                          "its certificate is not the one that the site file names (tls:)");
	else if (error && call->late)
		own = g_error_new(PT_ERROR, PT_ERROR_TIMEOUT, "no whole answer within %u s", call->timeout_s);
	else if (error && error->domain != PT_ERROR)
		own = g_error_new_literal(PT_ERROR, PT_ERROR_FAILED, plain_reason(error));
	else if (error)
		own = g_error_copy(error);
	if (call->fn && !http->free_user)
		call->fn(call->user, own ? 0 : status, (const char *)call->body->data, call->body->len, own);
	g_clear_error(&error);
	g_cancellable_disconnect(http->all, call->all_id);
	g_source_destroy(call->deadline);
	g_source_unref(call->deadline);
	g_clear_object(&call->stream);
	if (call->message)
		g_signal_handlers_disconnect_by_data(call->message, call);
	g_clear_object(&call->message);
	g_object_unref(call->cancel);
	g_byte_array_unref(call->body);
	g_clear_pointer(&call->sent, g_bytes_unref);
	g_free(call);
	if (!--http->under_way && http->free_user)
		g_idle_add_once(free_left, http); /* not from within its own session */
}

static gboolean deadline(void *data) {
	PtHttpCall *call = data;
	call->late = true;
	g_cancellable_cancel(call->cancel);
	return G_SOURCE_CONTINUE; /* destroyed by finish() */
}

static void read_some(PtHttpCall *call);

static void on_read(GObject *source, GAsyncResult *result, void *data) {
	PtHttpCall *call = data;
	GError *error = NULL;
	g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish(G_INPUT_STREAM(source), result, &error);
	if (!bytes) {
		finish(call, 0, error);
		return;
	}
	gsize n;
	const void *p = g_bytes_get_data(bytes, &n);
	if (!n) {
		finish(call, soup_message_get_status(call->message), NULL);
	} else if (call->body->len + n > call->body_max) {
		finish(
		    call, 0,
		    g_error_new(PT_ERROR, PT_ERROR_TOO_LARGE, "the answer is larger than %zu KiB", call->body_max / 1024));
	} else {
		g_byte_array_append(call->body, p, (guint)n);
		read_some(call);
	}
}

static void read_some(PtHttpCall *call) {
	g_input_stream_read_bytes_async(call->stream, 8192, G_PRIORITY_DEFAULT, call->cancel, on_read, call);
}

static void start(PtHttpCall *call);
static void note_peer(PtHttpCall *call);

/* The same scheme and host, or the same host from http up to https: a token or a message goes nowhere else. */
static GUri *redirect(PtHttpCall *call, GError **error) {
	const char *location = soup_message_headers_get_one(soup_message_get_response_headers(call->message), "Location");
	GUri *old = soup_message_get_uri(call->message);
	g_autoptr(GUri) uri = location ? g_uri_parse_relative(old, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
	const char *from = g_uri_get_scheme(old), *to = uri ? g_uri_get_scheme(uri) : "";
	bool scheme_ok = !strcmp(from, to) || (!strcmp(from, "http") && !strcmp(to, "https"));
	if (!uri || !scheme_ok || g_strcmp0(g_uri_get_host(old), g_uri_get_host(uri)))
		pt_error_set(error, DENIED,
		             "it answered with a redirect to another place, which is not followed: write the final address");
	else if (++call->redirects > PT_HTTP_REDIRECT_MAX)
		pt_error_set(error, FAILED, "more than %d redirects", PT_HTTP_REDIRECT_MAX);
	else
		return g_steal_pointer(&uri);
	return NULL;
}

/* The same request once more: with a login, or to another place, where no token is sent. */
static void again(PtHttpCall *call, GUri *uri) {
	SoupMessage *next = soup_message_new_from_uri(soup_message_get_method(call->message), uri);
	SoupMessageHeadersIter iter;
	const char *name, *value;
	soup_message_headers_iter_init(&iter, soup_message_get_request_headers(call->message));
	while (soup_message_headers_iter_next(&iter, &name, &value))
		if (g_ascii_strcasecmp(name, "Authorization") && g_ascii_strcasecmp(name, "Host") &&
		    g_ascii_strcasecmp(name, "Content-Length"))
			soup_message_headers_append(soup_message_get_request_headers(next), name, value);
	g_clear_object(&call->stream);
	g_signal_handlers_disconnect_by_data(call->message, call);
	g_object_unref(call->message);
	call->message = next;
	start(call);
}

static bool answer_challenge(PtHttpCall *call) {
	SoupMessageHeadersIter iter;
	const char *name, *value;
	pt_digest_client_begin(call->login);
	soup_message_headers_iter_init(&iter, soup_message_get_response_headers(call->message));
	while (soup_message_headers_iter_next(&iter, &name, &value))
		if (!g_ascii_strcasecmp(name, "WWW-Authenticate"))
			pt_digest_client_challenge(call->login, value);
	call->logins++;
	return pt_digest_client_choose(call->login) == PT_DIGEST_RETRY;
}

static void on_sent(GObject *source, GAsyncResult *result, void *data) {
	PtHttpCall *call = data;
	GError *error = NULL;
	call->stream = soup_session_send_finish(SOUP_SESSION(source), result, &error);
	if (!call->stream) {
		finish(call, 0, error);
		return;
	}
	note_peer(call);
	unsigned status = soup_message_get_status(call->message);
	if (call->login && status == 401 && call->logins < 2 && answer_challenge(call)) {
		again(call, soup_message_get_uri(call->message));
		return;
	}
	if (call->login && status != 401)
		pt_digest_client_accepted(call->login);
	if (status != 307 && status != 308) { /* the others would turn a POST into a GET: the status is the answer */
		read_some(call);
		return;
	}
	GUri *uri = redirect(call, &error);
	if (!uri) {
		finish(call, 0, error);
		return;
	}
	again(call, uri);
	g_uri_unref(uri);
}

static void log_in(PtHttpCall *call) {
	g_autofree char *path =
	    g_uri_to_string_partial(soup_message_get_uri(call->message), G_URI_HIDE_FRAGMENT | G_URI_HIDE_AUTH_PARAMS);
	/* the request target: what stands behind the authority */
	const char *target = strstr(path, "://");
	target = target ? strchr(target + 3, '/') : NULL;
	g_autofree char *value =
	    pt_digest_client_authorize(call->login, soup_message_get_method(call->message), target ? target : "/");
	if (value)
		soup_message_headers_replace(soup_message_get_request_headers(call->message), "Authorization", value);
}

/* ---- whom to trust ---- */

static void fingerprint(GTlsCertificate *certificate, uint8_t ret[32]) {
	g_autoptr(GByteArray) der = NULL;
	g_object_get(certificate, "certificate", &der, NULL);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize n = 32;
	if (der)
		g_checksum_update(sum, der->data, der->len);
	g_checksum_get_digest(sum, ret, &n);
}

static bool is_the_one(const PtHttpCall *call, GTlsCertificate *certificate) {
	uint8_t shown[32];
	fingerprint(certificate, shown);
	return !memcmp(shown, call->trust.sha256, sizeof shown);
}

static gboolean on_doubt(SoupMessage *message, GTlsCertificate *certificate, GTlsCertificateFlags why, PtHttpCall *call) {
	bool pinned = call->trust.kind == PT_HTTP_PINNED;
	call->stranger = pinned && !is_the_one(call, certificate);
	return call->trust.kind == PT_HTTP_ANY || (pinned && !call->stranger);
}

/* Before anything is sent: one that any authority vouches for is not the pinned one for that. */
static void on_network(SoupMessage *message, GSocketClientEvent event, GIOStream *connection, PtHttpCall *call) {
	if (event == G_SOCKET_CLIENT_CONNECTED && call->unheard_ms && G_IS_SOCKET_CONNECTION(connection))
		g_socket_set_option(g_socket_connection_get_socket(G_SOCKET_CONNECTION(connection)), IPPROTO_TCP,
		                    TCP_USER_TIMEOUT, (gint)call->unheard_ms, NULL);
	if (event != G_SOCKET_CLIENT_TLS_HANDSHAKED || call->trust.kind != PT_HTTP_PINNED)
		return;
	GTlsCertificate *shown = g_tls_connection_get_peer_certificate(G_TLS_CONNECTION(connection));
	if (!shown || !is_the_one(call, shown)) {
		call->stranger = true;
		g_cancellable_cancel(call->cancel);
	}
}

static void note_peer(PtHttpCall *call) {
	GSocketAddress *remote = soup_message_get_remote_address(call->message);
	GTlsCertificate *shown = soup_message_get_tls_peer_certificate(call->message);
	PtHttpPeer *peer = call->peer;
	if (!peer)
		return;
	if (remote && G_IS_INET_SOCKET_ADDRESS(remote)) {
		g_autofree char *text =
		    g_inet_address_to_string(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote)));
		g_strlcpy(peer->address, text, sizeof peer->address);
	}
	peer->tls = shown != NULL;
	if (shown)
		fingerprint(shown, peer->sha256);
}

static void start(PtHttpCall *call) {
	if (call->login)
		log_in(call);
	g_signal_connect(call->message, "accept-certificate", G_CALLBACK(on_doubt), call);
	g_signal_connect(call->message, "network-event", G_CALLBACK(on_network), call);
	soup_message_add_flags(call->message, SOUP_MESSAGE_NO_REDIRECT);
	if (call->sent) {
		SoupMessageHeaders *headers = soup_message_get_request_headers(call->message);
		g_autofree char *type = g_strdup(soup_message_headers_get_one(headers, "Content-Type"));
		soup_message_set_request_body_from_bytes(call->message, type, call->sent);
	}
	soup_session_send_async(session_of(call->http, call->trust.kind), call->message, G_PRIORITY_DEFAULT, call->cancel,
	                        on_sent, call);
}

static gboolean refuse_later(void *data) {
	finish(data, 0, g_error_new(PT_ERROR, PT_ERROR_INVALID, "the address is not a valid http or https URL"));
	return G_SOURCE_REMOVE;
}

static void cancel_call(GCancellable *all, void *data) { g_cancellable_cancel(data); }

void pt_http_cancel(PtHttpCall *call) {
	if (!call)
		return;
	call->fn = NULL;
	call->login = NULL;
	call->peer = NULL;
	g_cancellable_cancel(call->cancel);
}

PtHttpCall *pt_http_send(PtHttp *http, const PtHttpRequest *r, PtHttpFn fn, void *user) {
	PtHttpCall *call = g_new0(PtHttpCall, 1);
	*call = (PtHttpCall){.http = http,
	                     .cancel = g_cancellable_new(),
	                     .body = g_byte_array_new(),
	                     .login = r->login,
	                     .timeout_s = r->timeout_s ? r->timeout_s : PT_HTTP_TIMEOUT_S,
	                     .unheard_ms = r->unheard_ms,
	                     .body_max = r->body_max ? r->body_max : PT_HTTP_BODY_MAX,
	                     .trust = r->trust,
	                     .peer = r->peer,
	                     .fn = fn,
	                     .user = user};
	http->under_way++;
	call->all_id = g_cancellable_connect(http->all, G_CALLBACK(cancel_call), call->cancel, NULL);
	call->deadline = g_timeout_source_new_seconds(call->timeout_s);
	g_source_set_callback(call->deadline, deadline, call, NULL);
	g_source_attach(call->deadline, http->context);
	call->message = soup_message_new(r->method, r->url);
	if (!call->message) {
		g_autoptr(GSource) idle = g_idle_source_new();
		g_source_set_callback(idle, refuse_later, call, NULL);
		g_source_attach(idle, http->context);
		return call;
	}
	SoupMessageHeaders *headers = soup_message_get_request_headers(call->message);
	if (r->token) {
		g_autofree char *value = g_strconcat("Bearer ", r->token, NULL);
		soup_message_headers_append(headers, "Authorization", value);
	}
	for (const char *const *h = r->headers; h && h[0] && h[1]; h += 2)
		soup_message_headers_append(headers, h[0], h[1]);
	if (r->body) {
		call->sent = g_bytes_new(r->body, r->body_size);
		soup_message_headers_replace(headers, "Content-Type", r->content_type ? r->content_type : "text/plain");
	}
	start(call);
	return call;
}
