/* The client's connection, TCP or TLS over it: resolves, connects, sends, and takes what comes apart into RTSP messages and
 * interleaved frames, in the loop's shared buffer. Loop's thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/socket.h>
#include "base/loop.h"
#include "media/rtsp/message.h"
#include "media/tls.h"

typedef struct PtRtspConnection PtRtspConnection;

/* Each may close the connection. */
typedef struct {
	void (*connected)(PtRtspConnection *c);
	void (*message)(PtRtspConnection *c, const PtRtspMessage *message);
	void (*frame)(PtRtspConnection *c, uint8_t channel, const uint8_t *data, size_t n);
	bool (*expects)(PtRtspConnection *c, uint8_t channel); /* was set up */
	/* After it the connection is closed. The reason begins in mid-sentence: "connection refused by 192.0.2.20:554". */
	void (*failed)(PtRtspConnection *c, const char *reason);
} PtRtspConnectionOps;

struct PtRtspConnection {
	const PtRtspConnectionOps *ops;
	PtLoop *loop;
	/* private */
	struct Resolve *resolve; /* running */
	struct addrinfo *addresses, *next_address;
	char *peer; /* "192.0.2.20:554" */
	struct sockaddr_storage address;
	PtWatch watch;
	PtTimer timer;
	bool open, connecting; /* connecting: up to the end of the handshake, where there is one */
	unsigned generation;
	uint64_t rate;      /* bytes/s that are taken at most, the owner's to set before it is opened; 0: no limit */
	bool resting;       /* it has had its share: nothing is read, and the sender waits */
	int64_t next_share; /* when there is room again */
	PtRtspParser *parser;
	PtTls *tls; /* NULL: plain */
	bool over_tls;
	PtTrust trust; /* over_tls */
	char *host;    /* over_tls: the one that was asked for */
	PtBuf out;     /* not sent yet; encrypted when it is TLS */
	size_t out_sent;
	PtBuf tail;       /* the beginning of a frame whose end has not come */
	bool framed;      /* interleaved frames have come: what is neither is a length that lied */
	uint64_t garbage; /* bytes between messages and frames that were neither, in a row */
	uint64_t skipped; /* how often that happened; read and cleared by the owner */
};

void pt_rtsp_connection_init(PtRtspConnection *c, PtLoop *loop, const PtRtspConnectionOps *ops);
/* trust: with TLS; NULL: plain. */
void pt_rtsp_connection_open(PtRtspConnection *c, const char *host, uint16_t port, const PtTrust *trust);
void pt_rtsp_connection_close(PtRtspConnection *c); /* harmless when closed; frees everything */
bool pt_rtsp_connection_is_open(const PtRtspConnection *c);
/* Sends, or keeps what does not fit now. Dropped when closed. */
void pt_rtsp_connection_send(PtRtspConnection *c, const void *data, size_t n);
size_t pt_rtsp_connection_waiting(const PtRtspConnection *c); /* bytes that are kept, not sent yet */
