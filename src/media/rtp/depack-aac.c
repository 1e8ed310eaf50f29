/* AAC in RTP (RFC 3640, AAC-hbr and AAC-lbr): several access units in a packet, or one in several. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include "media/aac.h"
#include <glib.h>
#include <string.h>

#define MAX_AU 8192 /* 6144 bits per channel; eight channels */

typedef struct {
	PtDepack base;
	unsigned size_bits, index_bits, delta_bits;
	uint32_t frame; /* ticks from one access unit to the next */
	/* an access unit that comes in pieces */
	uint8_t piece[MAX_AU];
	size_t have, want;
	int64_t ticks;
} Aac;

static unsigned number(const char *fmtp, const char *name, unsigned otherwise, unsigned max) {
	g_autofree char *text = pt_fmtp_get(fmtp, name);
	if (!text || !g_ascii_isdigit(*text))
		return otherwise;
	return (unsigned)MIN(g_ascii_strtoull(text, NULL, 10), max);
}

static size_t hex(const char *text, uint8_t *ret, size_t max) {
	size_t n = 0;
	for (; n < max && g_ascii_isxdigit(text[0]) && g_ascii_isxdigit(text[1]); text += 2)
		ret[n++] = (uint8_t)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
	return n;
}

static void init(PtDepack *d, const PtDepackParams *params) {
	Aac *a = (Aac *)d;
	g_autofree char *config = pt_fmtp_get(params->fmtp, "config");
	uint8_t bytes[64];
	size_t n = hex(config ? config : "", bytes, sizeof bytes);
	PtAacConfig c;
	a->size_bits = number(params->fmtp, "sizelength", 13, 32);
	a->index_bits = number(params->fmtp, "indexlength", 3, 32);
	a->delta_bits = number(params->fmtp, "indexdeltalength", 3, 32);
	a->frame = 1024;
	if (!pt_aac_parse_config(bytes, n, &c))
		return;
	d->format = pt_aac_format(bytes, n, params->clock_rate);
	if (params->clock_rate)
		a->frame = (uint32_t)((uint64_t)c.frame * params->clock_rate / c.sample_rate);
}

/* A piece of an access unit that is larger than its packet (RFC 3640 §3.2.3): every piece states the whole size. */
static void add_piece(Aac *a, const PtRtpPacket *packet, size_t size, const PtBytes *data) {
	if (packet->lost || (a->have && (a->ticks != packet->ticks || a->want != size))) {
		a->base.dropped += a->have > 0;
		a->base.broken |= a->have > 0;
		a->have = 0;
	}
	if (size > MAX_AU || data->left > size - a->have) {
		a->base.bad++;
		a->have = 0;
		return;
	}
	a->want = size;
	a->ticks = packet->ticks;
	memcpy(a->piece + a->have, data->p, data->left);
	a->have += data->left;
	if (a->have < size)
		return;
	a->have = 0;
	pt_depack_emit_whole(&a->base, packet->ticks, a->piece, size);
}

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	Aac *a = (Aac *)d;
	PtBytes b = pt_bytes(packet->payload, packet->size);
	pt_depack_note_loss(d, packet);
	if (!a->size_bits) {
		d->bad++;
		return;
	}
	unsigned header_bits = pt_bytes_u16(&b);
	PtBytes headers = pt_bytes_sub(&b, (header_bits + 7) / 8);
	if (b.bad || header_bits < a->size_bits) {
		d->bad += packet->size > 0;
		return;
	}
	PtBits bits = pt_bits(headers.p, headers.left, false);
	int64_t ticks = packet->ticks;
	for (unsigned i = 0; header_bits >= a->size_bits; i++, ticks += a->frame) {
		size_t size = pt_bits_get(&bits, a->size_bits);
		unsigned index = i ? a->delta_bits : a->index_bits;
		pt_bits_skip(&bits, index);
		header_bits -= MIN(header_bits, a->size_bits + index);
		if (bits.bad || !size) {
			d->bad++;
			break;
		}
		if (size > b.left) {
			if (i == 0 && b.left)
				add_piece(a, packet, size, &b);
			else
				d->bad++;
			break;
		}
		/* unreachable for a true last piece (it states the whole size); a stray one is judged there */
		if (i == 0 && a->have) {
			add_piece(a, packet, size, &b);
			break;
		}
		pt_depack_emit_whole(d, ticks, pt_bytes_take(&b, size), size);
	}
}

const PtDepackOps pt_depack_aac = {PT_CODEC_AAC, sizeof(Aac), init, packet, NULL};
