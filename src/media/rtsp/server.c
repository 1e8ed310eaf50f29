/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/server-internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NONCE_NS (300 * PT_NS_PER_S)
#define ACCEPT_ONCE 32
#define TCP_BUFFER (512 * 1024)
#define TCP_UNSENT                                                                                                          \
	(32 * 1024) /* what waits in the kernel and is not on its way: the rest waits here, where it can give way */
#define UDP_BUFFER (1024 * 1024)

/* ---- sockets ---- */

static bool parse_listen(const char *text, Address *ret, socklen_t *ret_size, GError **error) {
	const char *colon = strrchr(text, ':');
	char *rest = NULL;
	unsigned long port = colon ? strtoul(colon + 1, &rest, 10) : 65536;
	g_autofree char *host = g_strndup(text, colon ? (size_t)(colon - text) : 0);
	size_t n = strlen(host);
	memset(ret, 0, sizeof *ret);
	if (colon && g_ascii_isdigit(colon[1]) && !*rest && port <= 65535) {
		if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
			ret->v4.sin_family = AF_INET;
			ret->v4.sin_port = htons((uint16_t)port);
			*ret_size = sizeof ret->v4;
			return true;
		}
		if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
			host[n - 1] = 0;
			if (inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1) {
				ret->v6.sin6_family = AF_INET6;
				ret->v6.sin6_port = htons((uint16_t)port);
				*ret_size = sizeof ret->v6;
				return true;
			}
		}
	}
	pt_error_set(error, INVALID, "RTSP server: '%s' is not an address and port like 127.0.0.1:8554 or [::1]:8554", text);
	return false;
}

static unsigned bound_port(int fd) {
	Address a;
	socklen_t size = sizeof a;
	if (getsockname(fd, &a.any, &size))
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static int open_listener(const char *listen_text, const Address *a, socklen_t size, GError **error) {
	int one = 1, fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (!bind(fd, &a->any, size) && !listen(fd, 128))
			return fd;
	}
	pt_error_set(error, FAILED, "RTSP server: cannot listen on %s: %s", listen_text, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_udp(const Address *like, socklen_t size, unsigned port) {
	Address a = *like;
	int buffer = UDP_BUFFER, fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (a.any.sa_family == AF_INET6)
		a.v6.sin6_port = htons((uint16_t)port);
	else
		a.v4.sin_port = htons((uint16_t)port);
	if (bind(fd, &a.any, size)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	return fd;
}

/* An even port and the next (RFC 3550 §11). Without a free pair the server offers TCP alone. */
static void open_udp_pair(PtRtspServer *s) {
	for (unsigned i = 0; i < 64 && !s->udp_port; i++) {
		int fd = open_udp(&s->address, s->address_size, 0);
		if (fd < 0)
			return;
		unsigned port = bound_port(fd);
		int next = port && !(port & 1) && port < 65534 ? open_udp(&s->address, s->address_size, port + 1) : -1;
		if (next < 0) {
			close(fd);
			continue;
		}
		s->rtp.fd = fd;
		s->rtcp.fd = next;
		s->udp_port = port;
	}
}

/* ---- what comes ---- */

static void accept_all(PtRtspServer *s, PtWatch *watch, const PtTlsIdentity *identity) {
	for (unsigned i = 0; i < ACCEPT_ONCE; i++) {
		Address a;
		socklen_t size = sizeof a;
		int fd = accept4(watch->fd, &a.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1, buffer = TCP_BUFFER,
		    unsent = TCP_UNSENT;
		if (fd < 0)
			break;
		if (s->stats.connections >= PT_RTSP_SERVER_CONNECTIONS) {
			s->stats.refused++;
			close(fd);
			continue;
		}
		/* what waits in the kernel is as old as what waits here: both are bounded */
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
		setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
		s->stats.accepted++;
		pt_peer_new(s, fd, identity, &a, size);
	}
}

static void listener_ready(PtWatch *watch, uint32_t events) {
	accept_all((PtRtspServer *)((char *)watch - offsetof(PtRtspServer, listener)), watch, NULL);
}

static void secure_ready(PtWatch *watch, uint32_t events) {
	PtRtspServer *s = (PtRtspServer *)((char *)watch - offsetof(PtRtspServer, secure));
	accept_all(s, watch, s->identity);
}

static bool same_address(const Address *a, const Address *b) {
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port && !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16);
}

/* Receiver reports are a sign of life; the rest is holes being punched. */
static void udp_ready(PtRtspServer *s, int fd) {
	uint8_t packet[2048];
	for (unsigned i = 0; i < 64; i++) {
		Address a;
		socklen_t size = sizeof a;
		if (recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT, &a.any, &size) < 0)
			return;
		for (Peer *p = s->peers; p; p = p->next)
			for (unsigned t = 0; t < PT_STREAM_TRACKS; t++)
				if (p->tracks[t].set && !p->tracks[t].tcp && same_address(&p->tracks[t].rtcp, &a))
					p->last_sign = pt_loop_mono_ns(s->loop);
	}
}

static void rtp_ready(PtWatch *watch, uint32_t events) {
	udp_ready((PtRtspServer *)((char *)watch - offsetof(PtRtspServer, rtp)), watch->fd);
}

static void rtcp_ready(PtWatch *watch, uint32_t events) {
	udp_ready((PtRtspServer *)((char *)watch - offsetof(PtRtspServer, rtcp)), watch->fd);
}

/* ---- life ---- */

static void begin(void *data) {
	PtRtspServer *s = data;
	PtWatch *all[] = {&s->listener, &s->secure, &s->rtp, &s->rtcp};
	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++)
		if (all[i]->fd >= 0)
			pt_watch_add(s->loop, all[i], all[i]->fd, EPOLLIN);
}

/* True as well when there is nothing to listen on. */
static bool open_one(PtRtspServer *s, const char *text, PtWatch *watch, unsigned *ret_port, GError **error) {
	Address address;
	socklen_t size;
	if (!text)
		return true;
	if (!parse_listen(text, &address, &size, error) || (watch->fd = open_listener(text, &address, size, error)) < 0)
		return false;
	*ret_port = bound_port(watch->fd);
	if (watch == &s->listener) {
		s->address = address;
		s->address_size = size;
		open_udp_pair(s);
	}
	return true;
}

static void close_all(PtRtspServer *s) {
	PtWatch *all[] = {&s->listener, &s->secure, &s->rtp, &s->rtcp};
	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++)
		if (all[i]->fd >= 0)
			close(all[i]->fd);
	pt_digest_server_free(s->digest);
	g_mutex_clear(&s->lock);
	g_cond_clear(&s->ended);
	g_free(s);
}

PtRtspServer *pt_rtsp_server_new(PtLoop *loop, const PtRtspListen *where, const PtRtspServerOps *ops, void *data,
                                 GError **error) {
	PtRtspServer *s = g_new0(PtRtspServer, 1);
	g_mutex_init(&s->lock);
	g_cond_init(&s->ended);
	s->loop = loop;
	s->ops = ops;
	s->data = data;
	s->identity = where->identity;
	s->digest = pt_digest_server_new("Pigtail", NONCE_NS, pt_clock_system());
	s->listener = (PtWatch){.ready = listener_ready, .fd = -1};
	s->secure = (PtWatch){.ready = secure_ready, .fd = -1};
	s->rtp = (PtWatch){.ready = rtp_ready, .fd = -1};
	s->rtcp = (PtWatch){.ready = rtcp_ready, .fd = -1};
	if (!open_one(s, where->plain, &s->listener, &s->port, error) ||
	    !open_one(s, where->secure, &s->secure, &s->secure_port, error)) {
		close_all(s);
		return NULL;
	}
	pt_loop_call(loop, begin, s);
	return s;
}

static void finish(void *data) {
	PtRtspServer *s = data;
	pt_watch_remove(&s->listener);
	pt_watch_remove(&s->secure);
	pt_watch_remove(&s->rtp);
	pt_watch_remove(&s->rtcp);
	for (Peer *p = s->peers; p; p = p->next)
		pt_peer_kill(p);
	pt_peer_sweep(s);
}

void pt_rtsp_server_free(PtRtspServer *s) {
	if (!s)
		return;
	pt_loop_call(s->loop, finish, s);
	g_mutex_lock(&s->lock);
	while (s->replay_threads) /* the disk may keep one a while */
		g_cond_wait(&s->ended, &s->lock);
	g_mutex_unlock(&s->lock);
	close_all(s);
}

unsigned pt_rtsp_server_port(const PtRtspServer *server) { return server->port; }
unsigned pt_rtsp_server_secure_port(const PtRtspServer *server) { return server->secure_port; }

typedef struct {
	PtRtspServer *server;
	PtRtspServerStats *ret;
} StatsCall;

static void copy_stats(void *data) {
	StatsCall *c = data;
	*c->ret = c->server->stats;
	for (Peer *p = c->server->peers; p; p = p->next) {
		c->ret->playing += p->state == SESSION_PLAYING;
		c->ret->replays += p->replay != NULL;
	}
}

void pt_rtsp_server_get_stats(PtRtspServer *server, PtRtspServerStats *ret) {
	StatsCall c = {server, ret};
	pt_loop_call(server->loop, copy_stats, &c);
}
