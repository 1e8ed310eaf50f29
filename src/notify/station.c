/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/station.h"
#include "base/clock.h"
#include "base/error.h"
#include "notify/dc09.h"
#include <string.h>

#define TIMEOUT_S 10    /* over TCP */
#define UDP_TIMEOUT_S 4 /* for each of the datagrams */
#define UDP_TRIES 3
#define DUH_TRIES 4                /* with a key, what anybody could have said ends a message as late as this */
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

/* What has come and was not looked at yet. */
typedef struct {
	char bytes[PT_DC09_MAX];
	gsize size;
} Inbox;

/* All of an answer has to come until then, however it drips. */
static bool receive_some(GSocket *socket, Inbox *in, int64_t until_us, GCancellable *cancellable, GError **error) {
	gint64 left = until_us - g_get_monotonic_time();
	if (left <= 0 || !g_socket_condition_timed_wait(socket, G_IO_IN, left, cancellable, error)) {
		if (left <= 0)
			g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer in time");
		return false;
	}
	gssize got = g_socket_receive(socket, in->bytes + in->size, sizeof in->bytes - in->size, cancellable, error);
	if (got < 0)
		return false;
	if (!got && g_socket_get_socket_type(socket) == G_SOCKET_TYPE_STREAM) {
		pt_error_set(error, CLOSED, "the station closed the connection without an answer");
		return false;
	}
	in->size += (gsize)got;
	return true;
}

/* One frame, up to its CR; a datagram is one, whatever it holds. */
static bool receive(GSocket *socket, bool udp, Inbox *in, gsize *ret_size, int64_t until_us, GCancellable *cancellable,
                    GError **error) {
	const char *end;
	do {
		end = memchr(in->bytes, '\r', in->size);
		if (!end && in->size < sizeof in->bytes && !receive_some(socket, in, until_us, cancellable, error))
			return false;
	} while (!end && !udp && in->size < sizeof in->bytes);
	end = memchr(in->bytes, '\r', in->size);
	*ret_size = end ? (gsize)(end + 1 - in->bytes) : in->size;
	return true;
}

static void forget(Inbox *in, bool udp, gsize size) {
	in->size = udp ? 0 : in->size - size;
	memmove(in->bytes, in->bytes + size, in->size);
}

/* Answers to earlier tries are passed over. So is any datagram that is none: whoever likes can send one. */
static bool await(const PtNotifyTarget *t, GSocket *socket, const PtDc09Key *key, unsigned sequence, PtDc09Reply *ret,
                  GCancellable *cancellable, GError **error) {
	int64_t until_us = g_get_monotonic_time() + (t->udp ? UDP_TIMEOUT_S : TIMEOUT_S) * G_USEC_PER_SEC;
	g_autoptr(GError) wrong = NULL;
	Inbox in = {.size = 0};
	gsize size;
	while (receive(socket, t->udp, &in, &size, until_us, cancellable, error)) {
		g_clear_error(&wrong);
		if (pt_dc09_read(in.bytes, size, key, ret, &wrong)) {
			if (ret->sequence == sequence || ret->answer == PT_DC09_NAK)
				return true;
			pt_error_set(&wrong, INVALID, "the station answers other messages than ours");
		} else if (!t->udp) {
			g_propagate_error(error, g_steal_pointer(&wrong));
			return false;
		}
		forget(&in, t->udp, size);
	}
	if (wrong && error && g_error_matches(*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
		g_free((*error)->message);
		(*error)->message = g_strdup(wrong->message);
	}
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
                     bool *ret_there, GError **error) {
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
	bool duh = reply.answer == PT_DC09_DUH;
	*ret_there = reply.answer == PT_DC09_ACK || (duh && !t->key_size);
	if (reply.answer == PT_DC09_ACK)
		return true;
	*ret_final = duh && (!t->key_size || (q && q->tries >= DUH_TRIES));
	pt_error_set(error, FAILED, "%s", duh ? "the station does not understand it (DUH)" : "the station refuses it (NAK)");
	return false;
}
