/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/udp.h"
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define TRIES 50
#define BATCH 32
#define SLOT (PT_LOOP_SCRATCH / BATCH) /* bytes of the largest datagram that is taken: 8 KiB */
#define RECEIVE_BUFFER (1024 * 1024)   /* asked for; a key picture comes in one burst */

static void set_port(struct sockaddr_storage *a, uint16_t port) {
	if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)a)->sin_port = htons(port);
}

static socklen_t address_size(const struct sockaddr_storage *a) {
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr,
		               sizeof(struct in6_addr));
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static void ready(PtWatch *watch, uint32_t events) {
	PtUdpSocket *s = (PtUdpSocket *)watch;
	PtUdpPair *pair = s->pair;
	uint8_t *scratch = pt_loop_scratch(pair->loop);
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_storage from[BATCH];
	for (int i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){scratch + i * SLOT, SLOT};
		messages[i].msg_hdr = (struct msghdr){
		    .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &pieces[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(watch->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n && pair->open; i++) {
		if (messages[i].msg_hdr.msg_flags & MSG_TRUNC || !same_host(&from[i], &pair->peer[0]))
			pair->refused++;
		else
			pair->packet(pair, s == &pair->sockets[1], scratch + i * SLOT, messages[i].msg_len);
	}
}

static int bind_one(const struct sockaddr_storage *peer, uint16_t port) {
	struct sockaddr_storage any = {.ss_family = peer->ss_family}; /* all zeros: any address */
	int fd = socket(peer->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = RECEIVE_BUFFER;
	if (fd < 0)
		return -errno;
	set_port(&any, port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (bind(fd, (struct sockaddr *)&any, address_size(&any))) {
		int e = errno;
		close(fd);
		return -e;
	}
	return fd;
}

int pt_udp_pair_open(PtUdpPair *pair, PtLoop *loop, const struct sockaddr_storage *peer) {
	int fds[2] = {-EADDRINUSE, -1};
	for (int try = 0; try < TRIES; try++) {
		uint16_t port = (uint16_t)(g_random_int_range(10000, 30000) * 2);
		fds[0] = bind_one(peer, port);
		if (fds[0] < 0)
			continue;
		fds[1] = bind_one(peer, (uint16_t)(port + 1));
		if (fds[1] >= 0) {
			pair->port = port;
			break;
		}
		close(fds[0]);
		fds[0] = fds[1];
	}
	if (fds[1] < 0)
		return fds[0];
	pair->loop = loop;
	for (int i = 0; i < 2; i++) {
		pair->peer[i] = *peer;
		set_port(&pair->peer[i], 0);
		pair->sockets[i] = (PtUdpSocket){.watch = {.ready = ready}, .pair = pair};
		pt_watch_add(loop, &pair->sockets[i].watch, fds[i], EPOLLIN);
	}
	pair->open = true;
	return 0;
}

void pt_udp_pair_close(PtUdpPair *pair) {
	for (int i = 0; pair->open && i < 2; i++) {
		int fd = pair->sockets[i].watch.fd;
		pt_watch_remove(&pair->sockets[i].watch);
		close(fd);
	}
	pair->open = false;
}

void pt_udp_pair_set_ports(PtUdpPair *pair, uint16_t rtp, uint16_t rtcp) {
	set_port(&pair->peer[0], rtp);
	set_port(&pair->peer[1], rtcp);
}

void pt_udp_pair_send(PtUdpPair *pair, bool rtcp, const void *data, size_t n) {
	const struct sockaddr_storage *to = &pair->peer[rtcp];
	uint16_t port = to->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)to)->sin6_port
	                                          : ((const struct sockaddr_in *)to)->sin_port;
	if (pair->open && port)
		sendto(pair->sockets[rtcp].watch.fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to,
		       address_size(to));
}
