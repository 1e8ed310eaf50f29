/* A pair of UDP sockets for RTP and RTCP of one track. Loop's thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/socket.h>
#include "base/loop.h"

typedef struct PtUdpPair PtUdpPair;

typedef struct {
	PtWatch watch;
	PtUdpPair *pair;
} PtUdpSocket;

struct PtUdpPair {
	/* what came from the peer's address; rtcp: on the second socket */
	void (*packet)(PtUdpPair *pair, bool rtcp, const uint8_t *data, size_t n);
	void *user;
	uint16_t port;    /* of RTP, even; RTCP is the next */
	uint64_t refused; /* datagrams from elsewhere, or too large */
	/* private */
	PtLoop *loop;
	struct sockaddr_storage peer[2]; /* where RTP and RTCP go to */
	PtUdpSocket sockets[2];
	bool open;
};

/* peer: the server's address; its ports are ignored. 0 or -errno. */
int pt_udp_pair_open(PtUdpPair *pair, PtLoop *loop, const struct sockaddr_storage *peer);
void pt_udp_pair_close(PtUdpPair *pair); /* harmless when closed */
/* The ports the server sends from (0: not known), for reports and to open firewalls on the way. */
void pt_udp_pair_set_ports(PtUdpPair *pair, uint16_t rtp, uint16_t rtcp);
void pt_udp_pair_send(PtUdpPair *pair, bool rtcp, const void *data, size_t n);
