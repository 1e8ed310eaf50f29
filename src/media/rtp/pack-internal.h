/* The packetisers' common ground. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtp/pack.h"

#define PT_RTP_PAYLOAD (PT_RTP_MTU - 12)

typedef struct {
	PtRtpPacker *packer;
	PtRtpBlock *block;
	unsigned capacity; /* of offsets */
	uint32_t rtp_time;
} PtPacking;

/* Begins a packet of n bytes of payload and returns where they go, valid until the next call. n: 1..PT_RTP_PAYLOAD */
uint8_t *pt_packing_packet(PtPacking *p, size_t n, bool marker);

/* Each false when the sample cannot be sent. */
bool pt_pack_h264(PtPacking *p, const PtSample *sample);
bool pt_pack_h265(PtPacking *p, const PtSample *sample);
bool pt_pack_mjpeg(PtPacking *p, const PtSample *sample);
bool pt_pack_aac(PtPacking *p, const PtSample *sample);
bool pt_pack_octets(PtPacking *p, const PtSample *sample); /* G.711 */
bool pt_pack_l16(PtPacking *p, const PtSample *sample);
bool pt_pack_g726(PtPacking *p, const PtSample *sample);
bool pt_pack_opus(PtPacking *p, const PtSample *sample);
bool pt_pack_metadata(PtPacking *p, const PtSample *sample);
