/* What a PLAY asks of a recording (ONVIF Streaming Specification, Playback): where, which way, which frames, whose pace. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/replay.h"
#include "media/rtsp/message.h"

typedef struct {
	PtReplaySpan span;
	bool from_begin, from_end; /* no first point was stated */
	bool relative;             /* the span is of play time */
	bool paced;                /* Rate-Control: the server's */
	double scale;              /* > 0 */
	uint8_t cseq;
} PtReplayOrder;

/* order: what holds where the message states nothing. standing: it goes on from a place that stands, so that its range holds
 * as well. udp: the client takes it without telling how fast it can. INVALID, or UNSUPPORTED for the range. */
bool pt_replay_order_read(const PtRtspMessage *message, bool udp, bool standing, PtReplayOrder *order, GError **error);
/* Whether both are the same but for their span. */
bool pt_replay_order_same(const PtReplayOrder *a, const PtReplayOrder *b);
