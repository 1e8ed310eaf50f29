/* H.265 in RTP (RFC 7798, without DONL: sprop-max-don-diff must be 0, as it is with every camera). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/h265.h"
#include "media/rtp/au.h"
#include <glib.h>

enum { AP = 48, FU = 49 };

static void look(const uint8_t *nal, size_t n, PtNalInfo *ret) {
	unsigned type = nal[0] >> 1 & 63;
	if (n < 2) {
		ret->use = PT_NAL_BAD;
	} else if (type < 32) {
		ret->use = n > 2 && (type <= 9 || (type >= PT_H265_BLA && type <= PT_H265_CRA)) ? PT_NAL_SLICE : PT_NAL_BAD;
		ret->first = n > 2 && nal[2] >> 7;
		ret->key = ret->intra = type >= PT_H265_BLA;
	} else if (type <= PT_H265_PPS) {
		ret->use = PT_NAL_SET;
	} else if (type <= PT_H265_FILLER) {
		ret->use = PT_NAL_STRIP;
	} else {
		ret->use = type < AP ? PT_NAL_KEEP : PT_NAL_BAD;
	}
}

static void init(PtDepack *d, const PtDepackParams *params) {
	static const char *const names[] = {"sprop-vps", "sprop-sps", "sprop-pps"};
	PtAu *au = (PtAu *)d;
	au->look = look;
	au->put_set = pt_h265_put;
	au->make_format = pt_h265_format;
	pt_au_init(au);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *sets = pt_fmtp_get(params->fmtp, names[i]);
		pt_au_put_base64(au, sets);
	}
	pt_au_update_format(au);
}

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	PtAu *au = (PtAu *)d;
	PtBytes b = pt_bytes(packet->payload, packet->size);
	if (!packet->size) {
		pt_depack_note_loss(d, packet);
		return;
	}
	pt_au_packet(au, packet);
	uint8_t head[2] = {b.p[0], b.left > 1 ? b.p[1] : 0};
	unsigned type = head[0] >> 1 & 63;
	if (type == FU) { /* §4.4.3 */
		pt_bytes_u16(&b);
		uint8_t fu = pt_bytes_u8(&b);
		if (b.bad || !b.left) {
			d->bad++;
			return;
		}
		head[0] = (uint8_t)((head[0] & 0x81) | (fu & 63) << 1);
		if (fu & 0x80)
			pt_au_begin(au, head, 2, (fu & 63) >= PT_H265_BLA && (fu & 63) <= PT_H265_CRA);
		pt_au_piece(au, b.p, b.left, fu & 0x40);
	} else if (type == AP) { /* §4.4.2 */
		pt_bytes_u16(&b);
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
	} else if (type < AP) {
		pt_au_nal(au, b.p, b.left);
	} else {
		d->bad++;
	}
	pt_au_done(au, packet);
}

static void finish(PtDepack *d) { pt_au_finish((PtAu *)d); }
static void flush(PtDepack *d) { pt_au_flush((PtAu *)d); }

const PtDepackOps pt_depack_h265 = {PT_CODEC_H265, sizeof(PtAu), init, packet, finish, flush};
