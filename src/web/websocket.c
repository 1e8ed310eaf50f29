/* WebSockets: a connection that changes hands from HTTP, and the count of what its page has not confirmed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/server-internal.h"
#include <string.h>

#define MESSAGE_MAX (16u * 1024)

struct PtSocket {
	int refs;
	PtServer *server;
	SoupWebsocketConnection *ws;
	const PtSocketOps *ops;
	void *user;
	uint64_t sent, acked;
	bool closed;
	PtCaller caller; /* as he was let in */
};

static void socket_unref(PtSocket *s) {
	if (--s->refs)
		return;
	g_clear_object(&s->ws);
	g_strfreev(s->caller.cameras);
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
	PtConn *c = pt_conn_of(msg);
	pt_conn_set_deadline(c, 0);
	if (c)
		c->upgraded = true;
	g_autoptr(GIOStream) stream = soup_server_message_steal_connection(msg);
	s->ws = soup_websocket_connection_new(stream, soup_server_message_get_uri(msg), SOUP_WEBSOCKET_CONNECTION_SERVER,
	                                      NULL, NULL, NULL);
	soup_websocket_connection_set_max_incoming_payload_size(s->ws, MESSAGE_MAX);
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
	s->caller = r->caller;
	s->caller.cameras = g_strdupv(r->caller.cameras);
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

void pt_server_recheck(PtServer *server) {
	const PtServerParams *p = &server->params;
	for (guint i = server->sockets->len; p->still_in && i-- > 0;) {
		PtSocket *s = g_ptr_array_index(server->sockets, i);
		if (!p->still_in(p->user, &s->caller))
			pt_socket_close(s, 1008, "logged out");
	}
}
