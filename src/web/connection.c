/* Accepting connections, and the bounds that libsoup does not set: how many, and how long they may take. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "web/server-internal.h"
#include "web/watched.h"
#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_MAX 32     /* TLS handshakes of one address under way */
#define LOCAL_SPARE 16 /* connections beyond the limit, for the control socket alone */

/* ---- connections ---- */

static GQuark conn_quark(void) { return g_quark_from_static_string("pt-conn"); }

void pt_conn_cut(PtConn *c) {
	if (c)
		g_socket_shutdown(c->socket, TRUE, TRUE, NULL);
}

static gboolean deadline_passed(gpointer data) {
	PtConn *c = data;
	c->deadline = 0;
	c->server->stats.timed_out++;
	pt_conn_cut(c);
	return G_SOURCE_REMOVE;
}

void pt_conn_set_deadline(PtConn *c, unsigned seconds) {
	if (!c)
		return;
	if (c->deadline)
		g_source_remove(c->deadline);
	c->deadline = seconds ? g_timeout_add_seconds(seconds, deadline_passed, c) : 0;
}

static void conn_gone(gpointer data, GObject *connection) {
	PtConn *c = data;
	pt_conn_set_deadline(c, 0);
	c->server->stats.connections--;
	if (c->server->conns)
		g_ptr_array_remove_fast(c->server->conns, c);
	pt_server_unref(c->server);
	g_object_set_qdata(G_OBJECT(c->remote), conn_quark(), NULL);
	g_clear_weak_pointer(&c->stream);
	g_object_unref(c->remote);
	g_object_unref(c->socket);
	g_free(c);
}

static void peer_credentials(PtConn *c) {
	struct ucred cred;
	socklen_t size = sizeof cred;
	c->uid = (uid_t)-1;
	if (!getsockopt(g_socket_get_fd(c->socket), SOL_SOCKET, SO_PEERCRED, &cred, &size))
		c->uid = cred.uid;
}

/* Between requests an end is nobody's business but ours: see watched.h. */
static bool ended_between_requests(void *user) {
	PtConn *c = user;
	if (c->busy)
		return false;
	c->gone = true;
	return true;
}

/* Without the authorities that this machine trusts: nobody shows us a certificate, and they are read anew for each
 * connection, some megabytes and a tenth of a second. */
static GIOStream *tls_new(GIOStream *connection, GTlsCertificate *certificate) {
	return g_initable_new(g_tls_backend_get_server_connection_type(g_tls_backend_get_default()), NULL, NULL,
	                      "base-io-stream", connection, "certificate", certificate, "database", NULL, NULL);
}

/* Each handshake holds a thread, for as long as its peer is silent: one neighbour gets so many, and no more. */
static bool has_too_many_new(const PtServer *server, GSocketAddress *remote) {
	GInetAddress *from = g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote));
	unsigned n = 0;
	for (guint i = 0; i < server->conns->len; i++) {
		const PtConn *c = g_ptr_array_index(server->conns, i);
		if (!c->tls)
			continue;
		GInetAddress *other = g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(c->remote));
		n += c->stream && g_tls_connection_get_protocol_version(c->stream) == G_TLS_PROTOCOL_VERSION_UNKNOWN &&
		     g_inet_address_equal(from, other);
	}
	return n >= NEW_MAX;
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
	if (certificate && has_too_many_new(server, remote)) {
		server->stats.refused++;
		return TRUE;
	}
	if (certificate)
		stream = tls_new(G_IO_STREAM(connection), certificate);
	else
		stream = g_object_ref(G_IO_STREAM(connection));
	if (!stream)
		return TRUE;
	PtConn *c = g_new0(PtConn, 1);
	c->server = server;
	c->socket = g_object_ref(g_socket_connection_get_socket(connection));
	c->local = G_IS_UNIX_SOCKET_ADDRESS(local);
	if (c->local)
		peer_credentials(c);
	else /* head and body of an answer are two writes: the second must not wait 40 ms for the first to be confirmed */
		g_socket_set_option(c->socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
	server->stats.connections++;
	g_ptr_array_add(server->conns, c);
	server->refs++;
	g_object_weak_ref(G_OBJECT(connection), conn_gone, c);
	/* libsoup gives this very object back with every message: the way from a message to its connection */
	c->remote = g_object_ref(remote);
	g_object_set_qdata(G_OBJECT(remote), conn_quark(), c);
	pt_conn_set_deadline(c, HEADER_SECONDS);
	c->tls = certificate;
	if (certificate)
		g_set_weak_pointer(&c->stream, G_TLS_CONNECTION(stream));
	g_autoptr(GIOStream) watched = pt_watched_new(stream, ended_between_requests, c);
	soup_server_accept_iostream(server->soup, watched, local, remote, NULL);
	return TRUE;
}

PtConn *pt_conn_of(SoupServerMessage *msg) {
	GSocketAddress *remote = soup_server_message_get_remote_address(msg);
	return remote ? g_object_get_qdata(G_OBJECT(remote), conn_quark()) : NULL;
}

static void set_certificate(GSocketService *service, GTlsCertificate *certificate) {
	g_object_set_data_full(G_OBJECT(service), "certificate", g_object_ref(certificate), g_object_unref);
}

void pt_server_set_certificate(PtServer *server, GTlsCertificate *certificate) {
	for (guint i = 0; i < server->services->len; i++)
		if (g_object_get_data(server->services->pdata[i], "certificate"))
			set_certificate(server->services->pdata[i], certificate);
}

static GSocketService *add_service(PtServer *server, GTlsCertificate *certificate) {
	GSocketService *service = g_socket_service_new();
	if (certificate)
		set_certificate(service, certificate);
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
