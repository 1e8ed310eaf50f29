/* H.264 in RTP (RFC 6184, packetisation modes 0 and 1). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/h264.h"
#include "media/rtp/au.h"
#include <glib.h>

enum { STAP_A = 24, FU_A = 28 };

/* §D.1.8: a recovery point; with gradual refresh the picture is whole some frames later, but nothing better will come. */
static bool has_recovery_point(const uint8_t *nal, size_t n) {
	PtBytes b = pt_bytes(nal + 1, n - 1);
	while (b.left > 2) {
		uint32_t type = 0, size = 0;
		uint8_t byte;
		while ((byte = pt_bytes_u8(&b)) == 255)
			type += 255;
		type += byte;
		while ((byte = pt_bytes_u8(&b)) == 255)
			size += 255;
		size += byte;
		PtBytes body = pt_bytes_sub(&b, size);
		if (b.bad)
			return false;
		if (type == 6) {
			PtBits bits = pt_bits(body.p, body.left, true);
			pt_bits_ue(&bits);
			return !bits.bad;
		}
	}
	return false;
}

static void look(const uint8_t *nal, size_t n, PtNalInfo *ret) {
	switch (nal[0] & 31) {
	case PT_H264_IDR:
		ret->key = true;
		G_GNUC_FALLTHROUGH;
	case PT_H264_SLICE:
	case 2: /* data partition A */ {
		PtBits b = pt_bits(nal + 1, MIN(n - 1, 16), true);
		ret->use = PT_NAL_SLICE;
		ret->first = pt_bits_ue(&b) == 0;
		uint32_t type = pt_bits_ue(&b) % 5;
		ret->intra = type == 2 || type == 4;
		if (b.bad)
			ret->use = PT_NAL_BAD;
		break;
	}
	case PT_H264_SEI:
		ret->use = PT_NAL_KEEP;
		ret->key = has_recovery_point(nal, n);
		break;
	case PT_H264_SPS:
	case PT_H264_PPS:
		ret->use = PT_NAL_SET;
		break;
	case PT_H264_AUD:
	case PT_H264_END_SEQUENCE:
	case PT_H264_END_STREAM:
	case PT_H264_FILLER:
		ret->use = PT_NAL_STRIP;
		break;
	case 0: /* a start code's zeros */
		ret->use = n > 3 && !nal[1] ? PT_NAL_STRIP : PT_NAL_BAD;
		break;
	default:
		ret->use = (nal[0] & 31) < STAP_A ? PT_NAL_KEEP : PT_NAL_BAD;
	}
}

static void init(PtDepack *d, const PtDepackParams *params) {
	PtAu *au = (PtAu *)d;
	au->look = look;
	au->put_set = pt_h264_put;
	au->make_format = pt_h264_format;
	pt_au_init(au);
	g_autofree char *sets = pt_fmtp_get(params->fmtp, "sprop-parameter-sets");
	pt_au_put_base64(au, sets);
	pt_au_update_format(au);
}

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	PtAu *au = (PtAu *)d;
	PtBytes b = pt_bytes(packet->payload, packet->size);
	if (!packet->size) {
		pt_depack_note_loss(d, packet);
		return; /* keep-alive of some cameras */
	}
	pt_au_packet(au, packet);
	uint8_t head = b.p[0], type = head & 31;
	if (type == FU_A) { /* §5.8 */
		pt_bytes_u8(&b);
		uint8_t fu = pt_bytes_u8(&b), header = (head & 0xe0) | (fu & 31);
		if (b.bad || !b.left) {
			d->bad++;
			return;
		}
		if (fu & 0x80)
			pt_au_begin(au, &header, 1, (fu & 31) == PT_H264_IDR);
		pt_au_piece(au, b.p, b.left, fu & 0x40);
	} else if (type == STAP_A) { /* §5.7.1 */
		pt_bytes_u8(&b);
		while (b.left) {
			size_t size = pt_bytes_u16(&b);
			const uint8_t *nal = pt_bytes_take(&b, size);
			if (!nal) {
				d->bad++;
				au->damaged = true;
				break;
			}
			pt_au_nal(au, nal, size);
		}
	} else if (type < STAP_A) {
		pt_au_nal(au, b.p, b.left);
	} else {
		d->bad++; /* interleaved modes: no camera uses them */
	}
	pt_au_done(au, packet);
}

static void finish(PtDepack *d) { pt_au_finish((PtAu *)d); }
static void flush(PtDepack *d) { pt_au_flush((PtAu *)d); }

const PtDepackOps pt_depack_h264 = {PT_CODEC_H264, sizeof(PtAu), init, packet, finish, flush};
