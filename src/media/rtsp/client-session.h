/* What the parts of the RTSP client share: client.c (connection, requests, replies, trying again), client-address.c (where
 * it goes) and client-tracks.c (choosing and setting up tracks, what arrives on them). Nobody else includes this. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/digest.h"
#include "media/rtp/receiver.h"
#include "media/rtsp/connection.h"
#include "media/rtsp/sdp.h"
#include "media/rtsp/udp.h"
#include "media/source.h"

#define PENDING 8           /* requests without reply */
#define PT_RTSP_REDIRECTS 3 /* followed in one attempt */

typedef struct {
	char *url;  /* as it is asked for: without user and password */
	char *host; /* where to connect to; a proxy's differs from the URL's */
	uint16_t port;
	bool tls;
} PtRtspAddress;

typedef enum { OPTIONS, DESCRIBE, SETUP, PLAY, KEEP_ALIVE, TEARDOWN } Step;

typedef struct {
	struct Client *client;
	unsigned media; /* of the SDP */
	PtRtpReceiver *receiver;
	int channel; /* of RTP over TCP, RTCP is the next; -1: none */
	PtUdpPair udp;
	bool set_up;
	bool has_ssrc;
	uint32_t ssrc;
} Track;

typedef struct Client {
	PtSource base;
	char *camera, *location; /* location: of the site file */
	bool video, audio, metadata, want_udp;
	PtTrust trust;
	PtLoop *loop;
	PtStream *stream;

	/* loop's thread only */
	PtRtspConnection connection;
	PtRtspAddress at;
	char *visited[PT_RTSP_REDIRECTS + 2]; /* in this attempt, the present one is the last */
	unsigned n_visited;
	bool sent_on;                                  /* the next start goes where a server said */
	PtDigestClient *own_login, *elsewhere, *login; /* login: the one of the two that counts */
	PtTimer deadline;                              /* for the reply, or the next attempt */
	PtTimer tick;
	enum { WAITING, CONNECTING, ASKING, STREAMING, LEAVING } state;
	bool live, over_tcp; /* UDP was tried in vain */
	int64_t backoff;
	unsigned cseq, tries;
	Step pending[PENDING];
	unsigned n_pending;
	char *asked_url; /* of the request whose reply is awaited */
	char session[256];
	unsigned timeout;       /* s */
	const char *keep_alive; /* method */
	PtSdp *sdp;
	Track tracks[PT_STREAM_TRACKS];
	PtRtpClocks clocks;
	unsigned n_tracks, next_track;
	uint8_t channels[256]; /* 1 + 2 * track + (1: RTCP); 0: never set up */
	uint64_t strangers;    /* frames of such channels */
	uint32_t own_ssrc;
	int64_t played_at, kept_alive_at, reported_at, packet_at, sample_at;
	uint64_t packets_seen, samples_seen;

	/* stop() waits for it */
	GMutex lock;
	GCond gone_cond;
	bool gone; /* under lock */
} Client;

#define CLIENT_OF(ptr, member) ((Client *)((char *)(ptr)-offsetof(Client, member)))

static inline int64_t now(const Client *c) { return pt_loop_mono_ns(c->loop); }

/* client.c */
void pt_rtsp_client_set_state(Client *c, PtStreamState state, const char *reason);
void pt_rtsp_client_request(Client *c, Step step, const char *method, const char *url, const char *transport);
/* Ends this attempt; the reason is for people. */
void pt_rtsp_client_lost(Client *c, const char *format, ...) G_GNUC_PRINTF(2, 3);
void pt_rtsp_client_refused(Client *c, Step step, unsigned status, const char *reason);
void pt_rtsp_client_try_again(Client *c, int64_t wait_ns);

/* client-address.c */
bool pt_rtsp_address_parse(PtRtspAddress *ret, const char *text); /* false: no rtsp:// or rtsps:// address */
void pt_rtsp_address_clear(PtRtspAddress *address);
void pt_rtsp_client_go_home(Client *c); /* to the address of the site file */
void pt_rtsp_client_forget_way(Client *c);
/* Follows a 301, 302, 303 or 305, or says why not. False: it is none of them. */
bool pt_rtsp_client_redirected(Client *c, const PtRtspMessage *m);

/* client-tracks.c */
bool pt_rtsp_tracks_choose(Client *c);      /* false: lost */
void pt_rtsp_tracks_set_up_next(Client *c); /* and PLAY behind the last one */
void pt_rtsp_tracks_on_setup(Client *c, const PtRtspMessage *m);
void pt_rtsp_tracks_on_setup_refused(Client *c, const PtRtspMessage *m);
void pt_rtsp_tracks_on_frame(Client *c, uint8_t channel, const uint8_t *data, size_t n);
void pt_rtsp_tracks_send_reports(Client *c);
bool pt_rtsp_tracks_check_flow(Client *c); /* true while all is well; else this attempt has ended */
void pt_rtsp_tracks_drop(Client *c);
