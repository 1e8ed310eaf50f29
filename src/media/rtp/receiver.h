/* One track as it is received: checks who sends, puts packets in order, counts what is missing, and pushes the samples to
 * the stream with their times. Knows nothing of RTSP or sockets. Loop's thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtp/depack.h"
#include "media/rtp/rtcp.h"
#include "media/stream.h"

/* What the sender reports of one camera's tracks say together; zero-initialise, one per session, shared by its receivers. */
typedef struct {
	bool known[PT_STREAM_TRACKS];
	int64_t offset[PT_STREAM_TRACKS]; /* camera's clock minus the hub's monotonic one, by that track's arrival, ns */
} PtRtpClocks;

typedef struct {
	PtRtpClocks *clocks; /* or NULL; outlives the receiver */
	PtStream *stream;    /* outlives the receiver */
	unsigned track;
	PtCodec codec;
	PtDepackParams depack;
	uint8_t payload_type;
	bool unordered; /* UDP */
	bool has_ssrc;  /* the server stated it */
	uint32_t ssrc;
	void (*first)(void *user); /* before the first sample is pushed */
	void *user;
} PtRtpReceiverParams;

typedef struct PtRtpReceiver PtRtpReceiver;

PtRtpReceiver *pt_rtp_receiver_new(const PtRtpReceiverParams *params);
void pt_rtp_receiver_free(PtRtpReceiver *r); /* takes NULL */
/* A packet that arrived at mono_ns; wall_minus_mono_ns: the hub's two clocks as read with it. */
void pt_rtp_receiver_rtp(PtRtpReceiver *r, const uint8_t *data, size_t n, int64_t mono_ns, int64_t wall_minus_mono_ns);
void pt_rtp_receiver_rtcp(PtRtpReceiver *r, const uint8_t *data, size_t n, int64_t mono_ns, int64_t wall_minus_mono_ns);
/* Once a second: hands the counters on, gives up on packets that do not come. */
void pt_rtp_receiver_tick(PtRtpReceiver *r, int64_t mono_ns);
/* A receiver report into out[PT_RTCP_MAX]; 0 when nothing was received yet. */
size_t pt_rtp_receiver_report(PtRtpReceiver *r, uint8_t *out, uint32_t own_ssrc, int64_t mono_ns);
/* The server states its SSRC late. */
void pt_rtp_receiver_expect_ssrc(PtRtpReceiver *r, uint32_t ssrc);

uint64_t pt_rtp_receiver_packets(const PtRtpReceiver *r); /* accepted */
uint64_t pt_rtp_receiver_samples(const PtRtpReceiver *r);
uint64_t pt_rtp_receiver_refused(const PtRtpReceiver *r); /* not RTP, foreign, late or twice */
bool pt_rtp_receiver_said_bye(const PtRtpReceiver *r);
