/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/station.h"
#include "base/clock.h"
#include "base/error.h"
#include "notify/dc09.h"
#include <string.h>

#define TIMEOUT_S 10    /* over TCP */
#define UDP_TIMEOUT_S 4 /* for each of the datagrams */
#define UDP_TRIES 3
#define LATE_NS (60 * PT_NS_PER_S) /* a message that comes later than this says when it happened */

static bool fill(const PtNotifyTarget *t, const PtQueued *q, int64_t now_ns, char data[64], PtDc09Message *ret,
                 GError **error) {
	*ret = (PtDc09Message){
	    .id = "NULL", .receiver = t->receiver, .line = t->line, .account = t->account, .sent_s = now_ns / PT_NS_PER_S};
	if (!q)
		return true;
	const char *code = q->code ? q->code : t->contact_id ? "1140" : "UA"; /* an alarm of no particular kind */
	if (!pt_dc09_code_valid(code, t->contact_id)) {
		pt_error_set(error, INVALID, "the code %s is none of %s", code, t->contact_id ? "Contact ID" : "SIA");
		return false;
	}
	if (t->contact_id) /* ADM-CID: qualifier and event, group, zone (SIA DC-05) */
		g_snprintf(data, 64, "%s 00 %03u", code, (unsigned)q->zone % 1000);
	else /* SIA DC-03: a new event */
		g_snprintf(data, 64, "N%s%u", code, (unsigned)q->zone);
	ret->id = t->contact_id ? "ADM-CID" : "SIA-DCS";
	ret->sequence = (unsigned)q->sequence;
	ret->data = data;
	ret->happened_s = now_ns - q->wall_ns > LATE_NS ? q->wall_ns / PT_NS_PER_S : 0;
	return true;
}

/* One frame, up to its CR. */
static bool receive(GSocket *socket, bool udp, char *reply, gsize *ret_size, GCancellable *cancellable, GError **error) {
	gsize n = 0;
	while (n < PT_DC09_MAX && !memchr(reply, '\r', n)) {
		gssize got = g_socket_receive(socket, reply + n, PT_DC09_MAX - n, cancellable, error);
		if (got < 0)
			return false;
		if (!got && !udp) {
			pt_error_set(error, CLOSED, "the station closed the connection without an answer");
			return false;
		}
		n += (gsize)got;
		if (udp)
			break;
	}
	const char *end = memchr(reply, '\r', n);
	*ret_size = end ? (gsize)(end + 1 - reply) : n;
	return true;
}

/* Answers to earlier tries are passed over. */
static bool await(const PtNotifyTarget *t, GSocket *socket, const PtDc09Key *key, unsigned sequence, PtDc09Reply *ret,
                  GCancellable *cancellable, GError **error) {
	char reply[PT_DC09_MAX];
	gsize size;
	for (int i = 0; i < 8; i++) {
		if (!receive(socket, t->udp, reply, &size, cancellable, error) ||
		    !pt_dc09_read(reply, size, key, ret, error))
			return false;
		if (ret->sequence == sequence || ret->answer == PT_DC09_NAK)
			return true;
	}
	pt_error_set(error, INVALID, "the station answers other messages than ours");
	return false;
}

static bool exchange(const PtNotifyTarget *t, GSocket *socket, const PtDc09Message *m, PtDc09Reply *ret,
                     GCancellable *cancellable, GError **error) {
	PtDc09Key key = {.size = t->key_size};
	memcpy(key.bytes, t->key, sizeof key.bytes);
	g_autoptr(GString) frame = g_string_new(NULL);
	if (!pt_dc09_write(m, &key, frame)) {
		pt_error_set(error, FAILED, "the message could not be encrypted");
		return false;
	}
	for (int i = 1;; i++) {
		g_autoptr(GError) failed = NULL;
		/* a frame is smaller than what a socket takes at once */
		if (g_socket_send(socket, frame->str, frame->len, cancellable, &failed) >= 0 &&
		    await(t, socket, &key, m->sequence, ret, cancellable, &failed))
			return true;
		if (!t->udp || i == UDP_TRIES || !g_error_matches(failed, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
			g_propagate_error(error, g_steal_pointer(&failed));
			return false;
		}
	}
}

bool pt_station_send(const PtNotifyTarget *t, const PtQueued *q, int64_t now_ns, GCancellable *cancellable, bool *ret_final,
                     GError **error) {
	char data[64];
	PtDc09Message message;
	PtDc09Reply reply;
	if (!fill(t, q, now_ns, data, &message, error)) {
		*ret_final = true;
		return false;
	}
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_socket_client_set_enable_proxy(client, FALSE);
	g_socket_client_set_timeout(client, t->udp ? UDP_TIMEOUT_S : TIMEOUT_S);
	if (t->udp) {
		g_socket_client_set_socket_type(client, G_SOCKET_TYPE_DATAGRAM);
		g_socket_client_set_protocol(client, G_SOCKET_PROTOCOL_UDP);
	}
	g_autoptr(GSocketConnection) connection =
	    g_socket_client_connect_to_host(client, t->host, (guint16)t->port, cancellable, error);
	if (!connection)
		return false;
	GSocket *socket = g_socket_connection_get_socket(connection);
	if (!exchange(t, socket, &message, &reply, cancellable, error))
		return false;
	if (reply.answer == PT_DC09_NAK &&
	    reply.time_s) { /* §5.5.1.8: the clocks differ; it is sent again by the station's */
		message.sent_s = reply.time_s;
		if (!exchange(t, socket, &message, &reply, cancellable, error))
			return false;
	}
	if (reply.answer == PT_DC09_ACK)
		return true;
	*ret_final = reply.answer == PT_DC09_DUH;
	pt_error_set(error, FAILED, "%s",
	             *ret_final ? "the station does not understand it (DUH)" : "the station refuses it (NAK)");
	return false;
}
