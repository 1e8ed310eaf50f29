/* A server that says whatever it is given, all at once, and hangs up. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <arpa/inet.h>
#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listens on this machine; its descriptor. */
static inline int peer_open(unsigned *ret_port) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert(!bind(listener, (struct sockaddr *)&at, n) && !listen(listener, 1));
	g_assert(!getsockname(listener, (struct sockaddr *)&at, &n));
	*ret_port = ntohs(at.sin_port);
	return listener;
}

/* To the next who connects. */
static inline void peer_say(int listener, const uint8_t *data, size_t size) {
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ssize_t sent = send(peer, data, size, MSG_NOSIGNAL); /* it fits what the kernel holds */
	g_assert(sent == (ssize_t)size);
	shutdown(peer, SHUT_WR);
	char waste[4096];
	while (recv(peer, waste, sizeof waste, 0) > 0)
		continue; /* or what was said would be lost with the connection */
	close(peer);
}
