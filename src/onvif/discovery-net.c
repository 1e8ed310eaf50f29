/* The sockets of WS-Discovery: one per address of this machine to ask from, one on the well-known port to be asked at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "onvif/discovery.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBES 3
#define PROBE_EVERY_MS 700
#define DEVICES_MAX 1024
#define PACKET_MAX 65536

/* Addresses of this machine that multicast works from; of struct in_addr. */
static GArray *own_addresses(void) {
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct in_addr));
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all))
		return list;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP))
			continue;
		/* loopback too: a node may live on the same machine */
		if (!(i->ifa_flags & (IFF_MULTICAST | IFF_LOOPBACK)))
			continue;
		g_array_append_val(list, ((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr);
	}
	freeifaddrs(all);
	return list;
}

static GSource *watch(GSocket *socket, GSocketSourceFunc fn, void *user) {
	GSource *source = g_socket_create_source(socket, G_IO_IN, NULL);
	g_source_set_callback(source, G_SOURCE_FUNC(fn), user, NULL);
	g_source_attach(source, g_main_context_get_thread_default());
	return source;
}

static void end_watch(GSource *source) {
	g_source_destroy(source);
	g_source_unref(source);
}

static void send_to(GSocket *socket, GBytes *message, struct in_addr to, uint16_t port) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = to, .sin_port = htons(port)};
	gsize n;
	const void *p = g_bytes_get_data(message, &n);
	/* a network that is down now is asked again with the next probe */
	(void)!sendto(g_socket_get_fd(socket), p, n, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address);
}

static struct in_addr group(void) {
	struct in_addr a;
	inet_pton(AF_INET, PT_DISCOVERY_GROUP, &a);
	return a;
}

/* ---- looking for devices ---- */

struct PtDiscoverySearch {
	GPtrArray *sockets; /* of GSocket *, one per address */
	GPtrArray *sources; /* of GSource * */
	GArray *hosts;      /* of struct in_addr */
	GHashTable *seen;   /* endpoints */
	GSource *timer;
	unsigned probes;
	PtDiscoveryFn fn;
	void *user;
};

static gboolean heard(GSocket *socket, GIOCondition condition, gpointer data) {
	PtDiscoverySearch *s = data;
	g_autofree char *packet = g_malloc(PACKET_MAX);
	g_autoptr(GSocketAddress) from = NULL;
	gssize n = g_socket_receive_from(socket, &from, packet, PACKET_MAX, NULL, NULL);
	g_autoptr(PtDiscoveryMessage) m = n > 0 ? pt_discovery_parse(packet, (size_t)n, NULL) : NULL;
	if (!m || m->kind != PT_DISCOVERY_MATCH || !G_IS_INET_SOCKET_ADDRESS(from))
		return G_SOURCE_CONTINUE;
	g_autofree char *remote = g_inet_address_to_string(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(from)));
	for (unsigned i = 0; i < m->n_devices; i++) {
		PtDiscoveryDevice *d = &m->devices[i];
		/* some have no endpoint: their address has to do */
		char *key = g_strdup(d->endpoint[0] ? d->endpoint : remote);
		bool room = g_hash_table_size(s->seen) < DEVICES_MAX;
		if (room && g_hash_table_add(s->seen, key))
			s->fn(s->user, d, remote);
		else if (!room)
			g_free(key);
	}
	return G_SOURCE_CONTINUE;
}

static void probe(PtDiscoverySearch *s) {
	g_autofree char *id = pt_soap_new_id();
	g_autoptr(GBytes) message = pt_discovery_probe(id);
	for (guint i = 0; i < s->sockets->len; i++) {
		send_to(g_ptr_array_index(s->sockets, i), message, group(), PT_DISCOVERY_PORT);
		for (guint k = 0; i == 0 && k < s->hosts->len; k++)
			send_to(g_ptr_array_index(s->sockets, 0), message, g_array_index(s->hosts, struct in_addr, k),
			        PT_DISCOVERY_PORT);
	}
}

static gboolean probe_due(gpointer data) {
	PtDiscoverySearch *s = data;
	probe(s);
	return ++s->probes < PROBES ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static GSocket *search_socket(struct in_addr from) {
	g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
	if (!socket)
		return NULL;
	int fd = g_socket_get_fd(socket);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = from};
	g_socket_set_blocking(socket, FALSE);
	/* bound to any address, so that unicast leaves by whatever route; multicast by this one */
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from))
		return NULL;
	address.sin_addr.s_addr = htonl(INADDR_ANY);
	return bind(fd, (struct sockaddr *)&address, sizeof address) ? NULL : g_steal_pointer(&socket);
}

PtDiscoverySearch *pt_discovery_search_new(const char *const *hosts, PtDiscoveryFn fn, void *user, GError **error) {
	g_autoptr(GArray) own = own_addresses();
	PtDiscoverySearch *s = g_new0(PtDiscoverySearch, 1);
	s->sockets = g_ptr_array_new_with_free_func(g_object_unref);
	s->sources = g_ptr_array_new_with_free_func((GDestroyNotify)end_watch);
	s->hosts = g_array_new(FALSE, FALSE, sizeof(struct in_addr));
	s->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	s->fn = fn;
	s->user = user;
	for (const char *const *h = hosts; h && *h; h++) {
		struct in_addr a;
		if (inet_pton(AF_INET, *h, &a) == 1)
			g_array_append_val(s->hosts, a);
	}
	for (guint i = 0; i < own->len; i++) {
		GSocket *socket = search_socket(g_array_index(own, struct in_addr, i));
		if (!socket)
			continue;
		g_ptr_array_add(s->sockets, socket);
		g_ptr_array_add(s->sources, watch(socket, heard, s));
	}
	if (!s->sockets->len) {
		pt_error_set(error, FAILED, "discovery: this machine has no network to look in");
		pt_discovery_search_free(s);
		return NULL;
	}
	probe(s);
	s->probes = 1;
	s->timer = g_timeout_source_new(PROBE_EVERY_MS);
	g_source_set_callback(s->timer, probe_due, s, NULL);
	g_source_attach(s->timer, g_main_context_get_thread_default());
	return s;
}

void pt_discovery_search_free(PtDiscoverySearch *s) {
	if (!s)
		return;
	if (s->timer)
		end_watch(s->timer);
	g_ptr_array_unref(s->sources);
	g_ptr_array_unref(s->sockets);
	g_array_unref(s->hosts);
	g_hash_table_unref(s->seen);
	g_free(s);
}

/* ---- being found ---- */

struct PtDiscoveryServer {
	PtDiscoveryServerOps ops;
	GSocket *socket;
	GSource *source;
	GArray *joined; /* of struct in_addr, the addresses of networks that were joined */
	uint64_t instance;
	unsigned number;
	/* at most this many answers a second: a storm of probes must not become one of answers */
	int64_t window_us;
	unsigned answered;
};

#define ANSWERS_PER_SECOND 50

static void join_networks(PtDiscoveryServer *s) {
	g_autoptr(GArray) own = own_addresses();
	for (guint i = 0; i < own->len; i++) {
		struct ip_mreq request = {.imr_multiaddr = group(), .imr_interface = g_array_index(own, struct in_addr, i)};
		/* those that were joined before say so, which is no error */
		if (!setsockopt(g_socket_get_fd(s->socket), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request))
			g_array_append_val(s->joined, request.imr_interface);
	}
}

/* The address of this machine from which the other one is reached. */
static bool local_for(struct in_addr to, char text[INET_ADDRSTRLEN]) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = to, .sin_port = htons(PT_DISCOVERY_PORT)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address) &&
	          !getsockname(fd, (struct sockaddr *)&address, &size) &&
	          inet_ntop(AF_INET, &address.sin_addr, text, INET_ADDRSTRLEN);
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool within_rate(PtDiscoveryServer *s) {
	int64_t now = g_get_monotonic_time();
	if (now - s->window_us > G_USEC_PER_SEC) {
		s->window_us = now;
		s->answered = 0;
	}
	return s->answered++ < ANSWERS_PER_SECOND;
}

static gboolean asked(GSocket *socket, GIOCondition condition, gpointer data) {
	PtDiscoveryServer *s = data;
	g_autofree char *packet = g_malloc(PACKET_MAX);
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	ssize_t n = recvfrom(g_socket_get_fd(socket), packet, PACKET_MAX, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
	if (n <= 0 || from.sin_family != AF_INET || !within_rate(s))
		return G_SOURCE_CONTINUE;
	g_autoptr(PtDiscoveryMessage) m = pt_discovery_parse(packet, (size_t)n, NULL);
	char local[INET_ADDRSTRLEN];
	PtDiscoveryDevice us = {0};
	if (!m || (m->kind != PT_DISCOVERY_PROBE && m->kind != PT_DISCOVERY_RESOLVE) || !local_for(from.sin_addr, local) ||
	    !s->ops.describe(s->ops.user, local, &us))
		return G_SOURCE_CONTINUE;
	g_autoptr(GBytes) answer = pt_discovery_answer(m, &us, s->instance, ++s->number);
	if (answer)
		send_to(s->socket, answer, from.sin_addr, ntohs(from.sin_port));
	pt_discovery_device_clear(&us);
	return G_SOURCE_CONTINUE;
}

static void announce(PtDiscoveryServer *s, GBytes *(*message)(const PtDiscoveryDevice *, uint64_t, unsigned)) {
	for (guint i = 0; i < s->joined->len; i++) {
		struct in_addr from = g_array_index(s->joined, struct in_addr, i);
		char local[INET_ADDRSTRLEN];
		PtDiscoveryDevice us = {0};
		if (!inet_ntop(AF_INET, &from, local, sizeof local) || !s->ops.describe(s->ops.user, local, &us))
			continue;
		g_autoptr(GBytes) text = message(&us, s->instance, ++s->number);
		if (!setsockopt(g_socket_get_fd(s->socket), IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from))
			send_to(s->socket, text, group(), PT_DISCOVERY_PORT);
		pt_discovery_device_clear(&us);
	}
}

void pt_discovery_server_hello(PtDiscoveryServer *s) {
	join_networks(s);
	announce(s, pt_discovery_hello);
}

PtDiscoveryServer *pt_discovery_server_new(const PtDiscoveryServerOps *ops, GError **error) {
	g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
	g_autoptr(GInetAddress) any = g_inet_address_new_any(G_SOCKET_FAMILY_IPV4);
	g_autoptr(GSocketAddress) where = g_inet_socket_address_new(any, PT_DISCOVERY_PORT);
	int on = 1;
	/* shared with whatever else on this machine speaks it */
	if (socket)
		setsockopt(g_socket_get_fd(socket), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!socket || !g_socket_bind(socket, where, TRUE, error)) {
		g_prefix_error(error, "discovery: port %d: ", PT_DISCOVERY_PORT);
		return NULL;
	}
	g_socket_set_blocking(socket, FALSE);
	PtDiscoveryServer *s = g_new0(PtDiscoveryServer, 1);
	s->ops = *ops;
	s->socket = g_steal_pointer(&socket);
	s->joined = g_array_new(FALSE, FALSE, sizeof(struct in_addr));
	s->instance = (uint64_t)(g_get_real_time() / G_USEC_PER_SEC);
	s->source = watch(s->socket, asked, s);
	pt_discovery_server_hello(s);
	return s;
}

void pt_discovery_server_free(PtDiscoveryServer *s) {
	if (!s)
		return;
	announce(s, pt_discovery_bye);
	end_watch(s->source);
	g_object_unref(s->socket);
	g_array_unref(s->joined);
	g_free(s);
}
