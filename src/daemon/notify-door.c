/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify-door.h"
#include "base/error.h"
#include "web/server.h"
#include <string.h>
#include <sys/random.h>

#define MESSAGE_MAX (256 * 1024)
#define CONNECTIONS 512 /* one for each camera that keeps its own open */

typedef struct {
	char *address; /* as the camera has it */
	char *secret;  /* the end of its path */
	GInetAddress *from;
	PtDeliveryFn fn;
	void *user;
} Opening;

struct PtNotifyDoor {
	PtServer *web;     /* NULL: nobody may deliver */
	GHashTable *ports; /* where it listens → port */
	GPtrArray *open;   /* of Opening * */
	char *listen;
	bool plain;
	GSource *closing; /* the last was closed, maybe from within a delivery */
	PtNotifyDoorStats stats;
};

static void opening_free(void *data) {
	Opening *o = data;
	g_object_unref(o->from);
	g_free(o->address);
	g_free(o->secret);
	g_free(o);
}

PtNotifyDoor *pt_notify_door_new(void) {
	PtNotifyDoor *d = g_new0(PtNotifyDoor, 1);
	d->open = g_ptr_array_new_with_free_func(opening_free);
	d->ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return d;
}

static void stop_listening(PtNotifyDoor *d) {
	g_clear_pointer(&d->web, pt_server_free);
	g_hash_table_remove_all(d->ports);
}

void pt_notify_door_free(PtNotifyDoor *d) {
	if (!d)
		return;
	if (d->closing)
		g_source_destroy(d->closing);
	g_clear_pointer(&d->closing, g_source_unref);
	stop_listening(d);
	g_ptr_array_unref(d->open);
	g_hash_table_unref(d->ports);
	g_free(d->listen);
	g_free(d);
}

void pt_notify_door_set_listen(PtNotifyDoor *d, const char *listen, bool plain) {
	g_free(d->listen);
	d->listen = g_strdup(listen);
	d->plain = plain;
}

/* ---- deliveries ---- */

static bool same_host(GInetAddress *a, const char *text) {
	g_autoptr(GInetAddress) b = g_inet_address_new_from_string(g_str_has_prefix(text, "::ffff:") ? text + 7 : text);
	return b && g_inet_address_equal(a, b);
}

/* In a time that tells nothing of how much of it was right. */
static bool same_secret(const char *a, const char *b) {
	size_t n = strlen(a);
	if (n != strlen(b))
		return false;
	unsigned differ = 0;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned)(a[i] ^ b[i]);
	return !differ;
}

static void on_delivery(PtRequest *r, void *user) {
	PtNotifyDoor *d = user;
	const Opening *o = NULL;
	for (guint i = 0; i < d->open->len && !o; i++) {
		const Opening *one = g_ptr_array_index(d->open, i);
		if (same_secret(one->secret, pt_request_segment(r, 0)))
			o = one;
	}
	if (!o || !same_host(o->from, pt_request_remote(r))) {
		d->stats.strangers++;
		pt_request_fail(r, 404, "nothing is expected here");
		return;
	}
	g_autoptr(GBytes) body = pt_request_body(r);
	gsize size;
	const void *bytes = g_bytes_get_data(body, &size);
	if (size > MESSAGE_MAX) {
		d->stats.nonsense++;
		pt_request_fail(r, 413, "a delivery may be %d KiB", MESSAGE_MAX / 1024);
	} else if (!size || !o->fn(o->user, bytes, size)) {
		d->stats.nonsense++;
		pt_request_fail(r, 400, "this is no wsnt:Notify");
	} else {
		d->stats.delivered++;
		pt_request_reply_text(r, 202, "text/plain", "");
	}
}

/* ---- opening and closing ---- */

/* The address of ours from which a packet to it would go. Nothing is sent. */
static char *our_address(GInetAddress *remote, GError **error) {
	g_autoptr(GSocket) probe =
	    g_socket_new(g_inet_address_get_family(remote), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
	g_autoptr(GSocketAddress) to = g_inet_socket_address_new(remote, 9);
	if (!probe || !g_socket_connect(probe, to, NULL, error))
		return NULL;
	g_autoptr(GSocketAddress) from = g_socket_get_local_address(probe, error);
	return from ? g_inet_address_to_string(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(from))) : NULL;
}

static unsigned port_of(PtNotifyDoor *d, const char *ours, GError **error) {
	g_autofree char *any = strchr(ours, ':') ? g_strdup_printf("[%s]:0", ours) : g_strdup_printf("%s:0", ours);
	const char *where = d->listen ? d->listen : any;
	unsigned port = GPOINTER_TO_UINT(g_hash_table_lookup(d->ports, where));
	if (port)
		return port;
	if (!d->web) {
		d->web = pt_server_new(&(PtServerParams){.max_connections = CONNECTIONS});
		pt_server_route(d->web, "POST", "/events/*", PT_ROLE_NONE, on_delivery, d);
	}
	port = pt_server_listen(d->web, where, NULL, error);
	if (port)
		g_hash_table_insert(d->ports, g_strdup(where), GUINT_TO_POINTER(port));
	return port;
}

static char *new_secret(void) {
	uint8_t bytes[24];
	GString *text = g_string_new(NULL);
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		g_error("the kernel gives no random bytes");
	for (size_t i = 0; i < sizeof bytes; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
	return g_string_free(text, FALSE);
}

char *pt_notify_door_open(PtNotifyDoor *d, const char *remote, bool chosen, PtDeliveryFn fn, void *user, GError **error) {
	g_autoptr(GInetAddress) from = g_inet_address_new_from_string(remote);
	if (!from) {
		pt_error_set(error, UNSUPPORTED, "it cannot be told where to deliver: its own address is not known");
		return NULL;
	}
	if (!chosen && !d->plain && !d->listen && !g_inet_address_get_is_loopback(from)) {
		pt_error_set(error, DENIED,
		             "it could deliver its events, which would not be encrypted on their way: write 'events: push' "
		             "for it, or "
		             "'plain: lan' under serve if the network can be trusted");
		return NULL;
	}
	g_autoptr(GError) why = NULL;
	g_autofree char *ours = our_address(from, &why);
	unsigned port = ours ? port_of(d, ours, &why) : 0;
	if (!port) {
		pt_error_set(error, FAILED, "there is nowhere for it to deliver to: %s", why->message);
		return NULL;
	}
	if (d->closing)
		g_source_destroy(d->closing);
	g_clear_pointer(&d->closing, g_source_unref);
	Opening *o = g_new(Opening, 1);
	*o = (Opening){.secret = new_secret(), .from = g_steal_pointer(&from), .fn = fn, .user = user};
	o->address = g_strdup_printf(strchr(ours, ':') ? "http://[%s]:%u/events/%s" : "http://%s:%u/events/%s", ours, port,
	                             o->secret);
	g_ptr_array_add(d->open, o);
	return g_strdup(o->address);
}

static gboolean nobody_left(void *data) {
	PtNotifyDoor *d = data;
	g_clear_pointer(&d->closing, g_source_unref);
	stop_listening(d);
	return G_SOURCE_REMOVE;
}

void pt_notify_door_close(PtNotifyDoor *d, const char *address) {
	for (guint i = 0; i < d->open->len; i++) {
		const Opening *o = g_ptr_array_index(d->open, i);
		if (!strcmp(o->address, address)) {
			g_ptr_array_remove_index_fast(d->open, i);
			break;
		}
	}
	if (d->open->len || d->closing)
		return;
	d->closing = g_idle_source_new();
	g_source_set_callback(d->closing, nobody_left, d, NULL);
	g_source_attach(d->closing, NULL);
}

void pt_notify_door_get_stats(const PtNotifyDoor *d, PtNotifyDoorStats *ret) { *ret = d->stats; }
