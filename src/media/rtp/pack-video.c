/* H.264 (RFC 6184 §5.6, §5.8) and H.265 (RFC 7798 §4.4): single NAL units and fragmentation units. Parameter sets go before
 * every key frame, so that a client that joins needs nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/nal.h"
#include "media/rtp/pack-internal.h"

#define SETS 32

typedef struct {
	unsigned header; /* bytes of a NAL header */
	unsigned fu;     /* type of fragmentation units */
	bool (*leave_out)(const uint8_t *nal);
} Shape;

static bool no_h264(const uint8_t *nal) { return (nal[0] & 31) == 9 || (nal[0] & 31) == 0 || (nal[0] & 31) >= 24; }
static bool no_h265(const uint8_t *nal) { return (nal[0] >> 1 & 63) == 35 || (nal[0] >> 1 & 63) >= 48; }

static const Shape h264 = {1, 28, no_h264}, h265 = {2, 49, no_h265};

static void put_nal(PtPacking *p, const Shape *shape, const uint8_t *nal, size_t size, bool last) {
	if (size <= PT_RTP_PAYLOAD) {
		memcpy(pt_packing_packet(p, size, last), nal, size);
		return;
	}
	const unsigned head = shape->header + 1;
	const uint8_t *at = nal + shape->header;
	size_t left = size - shape->header;
	unsigned type = shape->header == 1 ? nal[0] & 31u : nal[0] >> 1 & 63u;
	for (bool first = true; left; first = false) {
		size_t n = MIN(left, PT_RTP_PAYLOAD - head);
		uint8_t *d = pt_packing_packet(p, head + n, last && n == left);
		if (shape->header == 1) {
			d[0] = (uint8_t)((nal[0] & 0xe0) | shape->fu);
		} else {
			d[0] = (uint8_t)((nal[0] & 0x81) | shape->fu << 1);
			d[1] = nal[1];
		}
		d[head - 1] = (uint8_t)(first << 7 | (n == left) << 6 | type);
		memcpy(d + head, at, n);
		at += n;
		left -= n;
	}
}

/* The next NAL unit that is sent, or false. */
static bool next_nal(PtBytes *b, const Shape *shape, PtBytes *ret) {
	while (b->left) {
		*ret = pt_bytes_sub(b, pt_bytes_u32(b));
		if (!b->bad && ret->left > shape->header && !shape->leave_out(ret->p))
			return true;
	}
	return false;
}

static bool pack(PtPacking *p, const Shape *shape, const PtSample *s) {
	PtBytes b = pt_bytes(s->data, s->size), nal, next;
	PtNal sets[SETS];
	if (!next_nal(&b, shape, &nal))
		return false;
	unsigned n = s->key ? pt_format_parameter_sets(s->format, sets, SETS) : 0;
	for (unsigned i = 0; i < n; i++)
		if (sets[i].size > shape->header)
			put_nal(p, shape, sets[i].data, sets[i].size, false);
	for (bool more = true; more; nal = next) {
		more = next_nal(&b, shape, &next);
		put_nal(p, shape, nal.p, nal.left, !more);
	}
	return true;
}

bool pt_pack_h264(PtPacking *p, const PtSample *s) { return pack(p, &h264, s); }
bool pt_pack_h265(PtPacking *p, const PtSample *s) { return pack(p, &h265, s); }
