/* When what a camera replays was captured: the header extension of ONVIF's replay (ONVIF Streaming Specification, RTP header
 * extension), and times for packets that carry none. Pure; zero-initialise by pt_replay_time_init(). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/fetch.h"
#include "media/rtp/packet.h"

typedef struct {
	int64_t wall_ns; /* by the camera's clock, ns UTC */
	PtFetchFlags flags;
	uint8_t cseq; /* the lowest byte of that of the PLAY it belongs to */
} PtReplayExtension;

/* Takes it off the packet: what follows it (ONVIF's JPEG extension) is then the packet's. near_ns: about when it must be,
 * for cameras that count from 1970, and beyond 2036. False: there is none. */
bool pt_replay_extension_take(PtRtpPacket *packet, int64_t near_ns, PtReplayExtension *ret);

typedef struct {
	int64_t ticks, wall_ns;
	bool said; /* by the camera; else counted from the one before */
	PtFetchFlags flags;
} PtReplayMark;

typedef struct {
	uint32_t rate;   /* ticks per second */
	int64_t near_ns; /* when it must be, while nothing has said so */
	bool told;       /* some packet said a time */
	/* private */
	bool started, marked;
	uint32_t rtp;
	int64_t said_ns;
	PtReplayMark mark, before; /* of the frame that comes in, and of the one before */
} PtReplayTime;

void pt_replay_time_init(PtReplayTime *t, uint32_t rate, int64_t near_ns);
/* The next packet in order; sets packet->ticks: RTP's, without its wrap, but that they follow the camera's clock where it
 * jumps. True: they jumped. */
bool pt_replay_time_packet(PtReplayTime *t, PtRtpPacket *packet);
/* Of a sample that has just been made: when, and what was said of it. */
int64_t pt_replay_time_of(const PtReplayTime *t, int64_t ticks, PtFetchFlags *ret);
