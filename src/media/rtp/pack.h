/* Samples to RTP packets, once for all who take a stream: a block holds one sample's packets, each with the four bytes of
 * RTSP interleaving before it, so that a TCP client's share is one write and a UDP client's one sendmmsg. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "media/sample.h"
#include <glib.h>

#define PT_RTP_MTU 1400         /* bytes of one RTP packet at most, header included */
#define PT_RTP_EXTENSION_MAX 16 /* beyond PT_RTP_MTU */
#define PT_RTP_INTERLEAVED 4    /* '$', channel, length in two bytes */

typedef struct {
	int refs;      /* atomic */
	uint8_t track; /* the channel that is written is track * 2 */
	bool key, video;
	uint32_t rtp_time;
	int64_t wall_ns; /* of that rtp_time */
	int64_t mono_ns; /* when it was handed over live; 0: it was not */
	unsigned n_packets;
	uint32_t octets;   /* of payload */
	uint32_t *offsets; /* n_packets + 1: where each packet's '$' stands, and the end */
	PtBuf data;
} PtRtpBlock;

PtRtpBlock *pt_rtp_block_ref(PtRtpBlock *block);
void pt_rtp_block_unref(PtRtpBlock *block); /* takes NULL */
/* One RTCP packet as a block for an interleaved channel. */
PtRtpBlock *pt_rtp_block_new_raw(uint8_t channel, const void *packet, size_t size);
/* A private copy for another channel. */
PtRtpBlock *pt_rtp_block_with_channel(const PtRtpBlock *block, uint8_t channel);

/* Numbers one track's packets. */
typedef struct {
	uint8_t payload_type;
	uint16_t seq;
	uint32_t ssrc, time_offset;
	/* A header extension (RFC 3550 §5.3.1) for the first packet of the next sample: whole words, its head included. */
	uint8_t extension[PT_RTP_EXTENSION_MAX];
	unsigned extension_size;
} PtRtpPacker;

/* Random numbers where RFC 3550 wants them. */
void pt_rtp_packer_init(PtRtpPacker *packer, const PtFormat *format, unsigned track);
/* NULL when RTP has no form for this sample (a JPEG with tables of its own, say); one number is left out for it. The
 * caller's reference. */
PtRtpBlock *pt_rtp_pack(PtRtpPacker *packer, const PtSample *sample);

/* The payload type for a track: the static one where there is one, else 96 + track. */
uint8_t pt_rtp_payload_type(const PtFormat *format, unsigned track);
uint32_t pt_rtp_clock_rate(const PtFormat *format);
/* The m= line and its rtpmap and fmtp, without a=control. */
void pt_rtp_describe(const PtFormat *format, unsigned track, GString *sdp);
