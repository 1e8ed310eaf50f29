/* What the parts of the RTSP client of live streams share: client.c (trying again, what its dialog says) and client-tracks.c
 * (choosing and setting up tracks, what arrives on them). Nobody else includes this. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtp/receiver.h"
#include "media/rtsp/dialog.h"
#include "media/rtsp/udp.h"
#include "media/source.h"

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
	bool video, audio, metadata, want_udp;
	PtLoop *loop;
	PtStream *stream;

	/* loop's thread only */
	PtRtspDialog dialog;
	bool sent_on;  /* the next start goes where a server said */
	PtTimer again; /* the next attempt */
	PtTimer tick;
	enum { WAITING, CONNECTING, STREAMING, LEAVING } state;
	bool live, over_tcp; /* UDP was tried in vain */
	int64_t backoff;
	Track tracks[PT_STREAM_TRACKS];
	PtRtpClocks clocks;
	unsigned n_tracks, next_track;
	uint8_t channels[256]; /* 1 + 2 * track + (1: RTCP); 0: never set up */
	uint64_t strangers;    /* frames of such channels */
	uint32_t own_ssrc;
	int64_t played_at, reported_at, packet_at, sample_at;
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
/* Ends this attempt. */
void pt_rtsp_client_try_again(Client *c, int64_t wait_ns);

/* client-tracks.c */
bool pt_rtsp_tracks_choose(Client *c);      /* false: lost */
void pt_rtsp_tracks_set_up_next(Client *c); /* and PLAY behind the last one */
void pt_rtsp_tracks_on_setup(Client *c, const PtRtspMessage *m);
void pt_rtsp_tracks_on_setup_refused(Client *c, const PtRtspMessage *m);
void pt_rtsp_tracks_on_frame(Client *c, uint8_t channel, const uint8_t *data, size_t n);
void pt_rtsp_tracks_send_reports(Client *c);
bool pt_rtsp_tracks_check_flow(Client *c); /* true while all is well; else this attempt has ended */
void pt_rtsp_tracks_drop(Client *c);
