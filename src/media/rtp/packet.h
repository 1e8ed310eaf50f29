/* The RTP fixed header (RFC 3550 §5.1). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

typedef struct {
	bool marker;
	uint8_t payload_type; /* 0..127 */
	uint16_t seq;
	uint32_t timestamp, ssrc;
	int64_t ticks;        /* the timestamp without its wrap; set by the receiver */
	uint32_t lost;        /* packets missing directly before this one; set by the receiver */
	uint16_t ext_profile; /* of the header extension, when there is one */
	const uint8_t *ext;   /* NULL: none */
	size_t ext_size;
	const uint8_t *payload;
	size_t size;
} PtRtpPacket;

/* Points into data. False when it is not RTP or its lengths lie. */
static inline bool pt_rtp_parse(const void *data, size_t n, PtRtpPacket *ret) {
	PtBytes b = pt_bytes(data, n);
	uint16_t first = pt_bytes_u16(&b);
	ret->seq = pt_bytes_u16(&b);
	ret->timestamp = pt_bytes_u32(&b);
	ret->ssrc = pt_bytes_u32(&b);
	ret->marker = first >> 7 & 1;
	ret->payload_type = first & 127;
	ret->ext = NULL;
	ret->ext_size = 0;
	ret->lost = 0;
	pt_bytes_take(&b, 4 * (first >> 8 & 15)); /* CSRC */
	if (first >> 12 & 1) {
		ret->ext_profile = pt_bytes_u16(&b);
		ret->ext_size = 4 * (size_t)pt_bytes_u16(&b);
		ret->ext = pt_bytes_take(&b, ret->ext_size);
	}
	size_t padding = 0;
	if (first >> 13 & 1 && b.left) {
		padding = b.p[b.left - 1];
		if (!padding || padding > b.left)
			b.bad = true;
	}
	ret->size = b.left - (b.bad ? b.left : padding);
	ret->payload = b.p;
	return !b.bad && first >> 14 == 2;
}
