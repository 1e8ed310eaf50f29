/* Sound and metadata. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/g726.h"
#include "media/rtp/pack-internal.h"

/* RFC 3640 §3.3.6: AAC-hbr, one access unit per packet or in pieces. */
bool pt_pack_aac(PtPacking *p, const PtSample *s) {
	if (!s->size || s->size > 8191)
		return false; /* the size has 13 bits */
	for (size_t at = 0; at < s->size;) {
		size_t n = MIN(s->size - at, PT_RTP_PAYLOAD - 4);
		uint8_t *d = pt_packing_packet(p, 4 + n, at + n == s->size);
		pt_put_u16(d, 16); /* bits of AU headers */
		pt_put_u16(d + 2, (uint16_t)(s->size << 3));
		memcpy(d + 4, s->data + at, n);
		at += n;
	}
	return true;
}

/* Whole frames of so many octets, each of one tick. */
static bool pack_frames(PtPacking *p, const PtSample *s, unsigned frame) {
	size_t most = PT_RTP_PAYLOAD / frame * frame, size = s->size - s->size % frame;
	uint32_t start = p->rtp_time;
	for (size_t at = 0; at < size;) {
		size_t n = MIN(size - at, most);
		p->rtp_time = start + (uint32_t)(at / frame);
		memcpy(pt_packing_packet(p, n, false), s->data + at, n);
		at += n;
	}
	return true;
}

/* RFC 3551 §4.5.14: one octet per sample and channel. */
bool pt_pack_octets(PtPacking *p, const PtSample *s) { return pack_frames(p, s, MAX(s->format->channels, 1)); }

/* RFC 3551 §4.5.11 */
bool pt_pack_l16(PtPacking *p, const PtSample *s) { return pack_frames(p, s, 2u * MAX(s->format->channels, 1)); }

/* RFC 3551 §4.5.4: in its order, whichever it came in. */
bool pt_pack_g726(PtPacking *p, const PtSample *s) {
	unsigned bits = pt_g726_bits(s->format), group = pt_g726_group(bits);
	size_t most = PT_RTP_PAYLOAD / group * group, size = s->size - s->size % group;
	uint32_t start = p->rtp_time;
	if (!bits)
		return false;
	for (size_t at = 0; at < size;) {
		size_t n = MIN(size - at, most);
		p->rtp_time = start + (uint32_t)(at * 8 / bits);
		pt_g726_to_lsb_first(pt_packing_packet(p, n, false), s->data + at, n, bits);
		at += n;
	}
	return true;
}

/* RFC 7587 §4.2 */
bool pt_pack_opus(PtPacking *p, const PtSample *s) {
	if (!s->size || s->size > PT_RTP_PAYLOAD)
		return false;
	memcpy(pt_packing_packet(p, s->size, false), s->data, s->size);
	return true;
}

/* ONVIF Streaming §5.2.1.1: a document in pieces, the last one marked. */
bool pt_pack_metadata(PtPacking *p, const PtSample *s) {
	for (size_t at = 0; at < s->size;) {
		size_t n = MIN(s->size - at, PT_RTP_PAYLOAD);
		memcpy(pt_packing_packet(p, n, at + n == s->size), s->data + at, n);
		at += n;
	}
	return true;
}
