/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "web/server-internal.h"
#include <string.h>
#include <unistd.h>

#define BODY_MAX (1u << 20)
#define IDLE_SECONDS 75 /* between requests of one connection */
#define BODY_SECONDS 30

typedef struct {
	char *method, **segments; /* pattern split at '/' */
	PtRole role;
	PtHandler handler;
	void *user;
} Route;

static const char *const role_names[] = {"none", "viewer", "operator", "admin"};

const char *pt_role_name(PtRole role) { return role_names[MIN((unsigned)role, 3)]; }

PtRole pt_role_parse(const char *name) {
	for (unsigned i = 1; i < G_N_ELEMENTS(role_names); i++)
		if (!g_strcmp0(name, role_names[i]))
			return (PtRole)i;
	return PT_ROLE_NONE;
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
	PtConn *c = pt_conn_of(msg);
	if (!c || g_object_get_data(G_OBJECT(msg), "pt-over"))
		return G_SOURCE_REMOVE;
	pt_conn_set_deadline(c, 5);
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

/* libsoup answers thousands of overlapping ranges each in full (one request cost gigabytes) and trips over numbers beyond
 * 63 bits. A server may leave a Range out of account (RFC 9110 §14.2): what is not one plain range gets the whole. */
static void leave_odd_ranges_out(SoupMessageHeaders *h) {
	const char *range = soup_message_headers_get_list(h, "Range");
	size_t digits = 0;
	for (const char *p = range; p && *p; p++) {
		digits = g_ascii_isdigit(*p) ? digits + 1 : 0;
		if (*p == ',' || digits > 18) {
			soup_message_headers_remove(h, "Range");
			return;
		}
	}
}

static void got_headers(SoupServerMessage *msg, gpointer data) {
	SoupMessageHeaders *h = soup_server_message_get_request_headers(msg);
	pt_conn_set_deadline(pt_conn_of(msg), BODY_SECONDS);
	leave_odd_ranges_out(h);
	if (soup_message_headers_get_encoding(h) == SOUP_ENCODING_CONTENT_LENGTH &&
	    soup_message_headers_get_content_length(h) > BODY_MAX)
		too_large(data, msg);
}

static void got_chunk(SoupServerMessage *msg, GBytes *chunk, gpointer data) {
	if (soup_server_message_get_request_body(msg)->length > (goffset)BODY_MAX)
		too_large(data, msg);
}

static void got_body(SoupServerMessage *msg, gpointer data) { pt_conn_set_deadline(pt_conn_of(msg), 0); }

/* What began was no request but the end of a connection: see watched.h. Not from within libsoup's reading. */
static gboolean let_go(gpointer data) {
	SoupServerMessage *msg = data;
	g_autoptr(GIOStream) stream = pt_conn_of(msg) ? soup_server_message_steal_connection(msg) : NULL;
	return G_SOURCE_REMOVE;
}

static void request_started(SoupServer *soup, SoupServerMessage *msg, gpointer data) {
	PtConn *c = pt_conn_of(msg);
	if (c && c->gone) {
		g_idle_add_full(G_PRIORITY_HIGH, let_go, g_object_ref(msg), g_object_unref);
		return;
	}
	if (c)
		c->busy = true;
	pt_conn_set_deadline(c, HEADER_SECONDS);
	g_signal_connect(msg, "got-headers", G_CALLBACK(got_headers), data);
	g_signal_connect(msg, "got-chunk", G_CALLBACK(got_chunk), data);
	g_signal_connect(msg, "got-body", G_CALLBACK(got_body), data);
}

static void request_over(SoupServer *soup, SoupServerMessage *msg, gpointer data) {
	PtConn *c = pt_conn_of(msg);
	if (c)
		c->busy = false;
	g_object_set_data(G_OBJECT(msg), "pt-over", msg);
	pt_conn_set_deadline(c, IDLE_SECONDS);
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

static void who_asks(PtRequest *r, PtConn *c) {
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

static bool is_foreign(PtRequest *r, PtConn *c) {
	const char *host = pt_request_header(r, "Host");
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
	PtConn *c = pt_conn_of(msg);
	PtRequest *r = pt_request_new(server, msg, path, query);
	if (!path_is_safe(path)) {
		pt_request_fail(r, 400, "that path is not one");
	} else if (!is_foreign(r, c)) {
		who_asks(r, c);
		dispatch(r);
	}
	pt_request_await(r);
	pt_request_unref(r);
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
	server->refs = 1;
	server->params = *params;
	server->params.names = g_strdupv(params->names);
	if (!server->params.max_connections)
		server->params.max_connections = 256;
	server->soup = soup_server_new("server-header", "pigtail", NULL);
	add_unreachable_listener(server->soup);
	server->services = g_ptr_array_new_with_free_func(stop_service);
	server->routes = g_ptr_array_new_with_free_func(route_free);
	server->sockets = g_ptr_array_new();
	server->conns = g_ptr_array_new();
	g_signal_connect(server->soup, "request-started", G_CALLBACK(request_started), server);
	g_signal_connect(server->soup, "request-finished", G_CALLBACK(request_over), server);
	g_signal_connect(server->soup, "request-aborted", G_CALLBACK(request_over), server);
	soup_server_add_handler(server->soup, NULL, on_request, server, NULL);
	return server;
}

void pt_server_unref(PtServer *server) {
	if (!--server->refs)
		g_free(server);
}

/* To close TLS says so to the peer, and waits for one that is silent in its handshake or reads nothing: nobody may hold up
 * what is still to be made safe. */
static void cut_tls(PtServer *server, bool upgraded) {
	for (guint i = 0; i < server->conns->len; i++) {
		PtConn *c = g_ptr_array_index(server->conns, i);
		if (c->tls && c->upgraded == upgraded)
			pt_conn_cut(c);
	}
}

void pt_server_free(PtServer *server) {
	if (!server)
		return;
	g_ptr_array_unref(server->services);
	cut_tls(server, false);
	soup_server_disconnect(server->soup);
	while (g_main_context_iteration(NULL, FALSE)) {
	}
	/* WebSockets have left libsoup's server: their owners let go of what they look at here, and nowhere else */
	while (server->sockets->len)
		pt_socket_close(g_ptr_array_index(server->sockets, 0), 1001, "the server ends");
	while (g_main_context_iteration(NULL, FALSE)) {
	}
	cut_tls(server, true);
	g_clear_pointer(&server->conns, g_ptr_array_unref); /* some end a moment after it */
	g_ptr_array_unref(server->sockets);
	g_object_unref(server->soup);
	if (server->unix_path)
		unlink(server->unix_path);
	g_free(server->unix_path);
	g_ptr_array_unref(server->routes);
	g_strfreev(server->params.names);
	pt_server_unref(server);
}

void pt_server_get_stats(PtServer *server, PtServerStats *ret_stats) { *ret_stats = server->stats; }
