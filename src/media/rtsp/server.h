/* The RTSP server (RFC 2326): offers streams to any client over TCP (interleaved), TLS and UDP, with Digest login. One
 * stream is packetised once for all who take it; who is too slow loses pictures up to the next key frame and nobody else
 * notices. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"
#include "base/loop.h"
#include "media/replay.h"
#include "media/speaker/speaker.h"
#include "media/stream.h"
#include "media/tls.h"

typedef struct PtRtspServer PtRtspServer;

/* On the server's loop; must not block. */
typedef struct {
	/* The stream at a path ("gate/main", without slashes around it) for a user (NULL when no login is asked for): a
	 * reference, or NULL and PT_ERROR_NOT_FOUND, PT_ERROR_DENIED or PT_ERROR_BUSY. */
	PtStream *(*find)(void *data, const char *path, const char *user, GError **error);
	/* all of the following are optional */
	/* The password of a user, or NULL; the server wipes and frees it. Without this member nobody has to log in. */
	char *(*password)(void *data, const char *user);
	/* May a user have the sound of a stream (by its name)? Without this member everybody may. */
	bool (*may_hear)(void *data, const char *stream, const char *user);
	/* What is kept of a stream, for "replay/gate/main" (ONVIF Streaming Specification, Playback): its own, freed by
	 * ops->free, or NULL and an error as with find. Without this member nothing is replayed. */
	PtReplay *(*replay)(void *data, const char *path, const char *user, GError **error);
	/* Has a stream (by its name) a loudspeaker, and may a user talk out of it? And that loudspeaker, closed by the
	 * server when he has talked. Both, or none: then nobody talks. */
	bool (*may_talk)(void *data, const char *stream, const char *user);
	PtSpeaker *(*talk)(void *data, const char *stream, const char *user, GError **error);
} PtRtspServerOps;

typedef struct {
	unsigned connections, playing;
	uint64_t accepted, refused; /* connections; refused: over the cap */
	uint64_t bad_requests, failed_logins, timeouts;
	uint64_t failed_tls;      /* connections that ended over it */
	uint64_t packets, octets; /* RTP sent, to all */
	uint64_t dropped_samples; /* not sent to a client because it was too slow */
	uint64_t unsendable;      /* samples that RTP has no form for */
	unsigned replays;         /* recordings that are being looked at */
} PtRtspServerStats;

#define PT_RTSP_SERVER_CONNECTIONS 200 /* at a time */
#define PT_RTSP_SERVER_REPLAYS 16      /* of them, each with a thread that waits for the disk */
#define PT_RTSP_REPLAY "replay/"       /* what the path of a recording begins with */

/* Where it listens: "127.0.0.1:8554", "[::1]:8554", port 0 for any. */
typedef struct {
	const char *plain;             /* NULL: not without TLS */
	const char *secure;            /* rtsps; NULL: not */
	const PtTlsIdentity *identity; /* of secure; outlives the server */
} PtRtspListen;

/* ops and data outlive the server. From any thread but the loop's. */
PtRtspServer *pt_rtsp_server_new(PtLoop *loop, const PtRtspListen *listen, const PtRtspServerOps *ops, void *data,
                                 GError **error);
/* Ends all connections. From any thread but the loop's. Takes NULL. */
void pt_rtsp_server_free(PtRtspServer *server);
unsigned pt_rtsp_server_port(const PtRtspServer *server);        /* 0: none */
unsigned pt_rtsp_server_secure_port(const PtRtspServer *server); /* 0: none */
void pt_rtsp_server_get_stats(PtRtspServer *server, PtRtspServerStats *ret);
