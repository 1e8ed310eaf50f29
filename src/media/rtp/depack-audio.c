/* Sound whose packets are samples already: G.711 (RFC 3551 §4.5.14), L16 (§4.5.11), G.726 (§4.5.4) and Opus (RFC 7587). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include "media/g726.h"
#include <glib.h>
#include <string.h>

static void init_g711(PtDepack *d, const PtDepackParams *params) {
	PtFormat f = {.codec = d->ops->codec,
	              .timescale = params->clock_rate ? params->clock_rate : 8000,
	              .sample_rate = params->clock_rate ? params->clock_rate : 8000,
	              .channels = MAX(params->channels, 1)};
	d->format = pt_format_new(&f, NULL, 0);
}

static void init_opus(PtDepack *d, const PtDepackParams *params) {
	g_autofree char *stereo = pt_fmtp_get(params->fmtp, "sprop-stereo");
	/* the rtpmap always says 2 (RFC 7587 §7); what is sent is told by sprop-stereo, and by each packet's own first byte
	 */
	PtFormat f = {.codec = PT_CODEC_OPUS,
	              .timescale = 48000,
	              .sample_rate = 48000,
	              .channels = !g_strcmp0(stereo, "0") ? 1 : 2,
	              .rfc6381 = "opus"};
	d->format = pt_format_new(&f, NULL, 0);
}

/* Without a rate nobody knows its pitch; a sample entry (ISO 14496-12 §12.2.3) has 16 bits for it. */
static void init_l16(PtDepack *d, const PtDepackParams *params) {
	PtFormat f = {.codec = PT_CODEC_L16,
	              .timescale = params->clock_rate,
	              .sample_rate = params->clock_rate,
	              .channels = MAX(params->channels, 1)};
	if (f.sample_rate && f.sample_rate <= UINT16_MAX && f.channels <= 8)
		d->format = pt_format_new(&f, NULL, 0);
}

static void packet_l16(PtDepack *d, const PtRtpPacket *packet) {
	unsigned frame = d->format ? 2u * d->format->channels : 2;
	size_t n = packet->size - packet->size % frame;
	pt_depack_note_loss(d, packet);
	d->bad += n != packet->size;
	if (n)
		pt_depack_emit_whole(d, packet->ticks, packet->payload, n);
}

typedef struct {
	PtDepack base;
	unsigned bits;
	bool msb_first;
} G726;

/* "G726-16" to "G726-40", "AAL2-G726-…" */
static void init_g726(PtDepack *d, const PtDepackParams *params) {
	G726 *g = (G726 *)d;
	const char *name = params->encoding ? params->encoding : "G726-32", *rate = strrchr(name, '-');
	guint64 kbit = rate ? g_ascii_strtoull(rate + 1, NULL, 10) : 0;
	g->msb_first = !g_ascii_strncasecmp(name, "AAL2-", 5);
	g->bits = kbit >= 16 && kbit <= 40 && kbit % 8 == 0 ? (unsigned)kbit / 8 : 4;
	d->format = pt_g726_format(g->bits, params->clock_rate ? params->clock_rate : 8000);
}

static void packet_g726(PtDepack *d, const PtRtpPacket *packet) {
	const G726 *g = (const G726 *)d;
	size_t n = packet->size - packet->size % pt_g726_group(g->bits);
	pt_depack_note_loss(d, packet);
	d->bad += n != packet->size;
	if (!n)
		return;
	PtSample *s = pt_sample_new(n);
	uint8_t *to = pt_sample_grow(&s, n);
	if (g->msb_first)
		memcpy(to, packet->payload, n);
	else
		pt_g726_to_msb_first(to, packet->payload, n, g->bits);
	pt_depack_emit(d, s, packet->ticks, true);
}

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	pt_depack_note_loss(d, packet);
	if (packet->size)
		pt_depack_emit_whole(d, packet->ticks, packet->payload, packet->size);
}

const PtDepackOps pt_depack_pcmu = {PT_CODEC_PCMU, sizeof(PtDepack), init_g711, packet, NULL};
const PtDepackOps pt_depack_pcma = {PT_CODEC_PCMA, sizeof(PtDepack), init_g711, packet, NULL};
const PtDepackOps pt_depack_opus = {PT_CODEC_OPUS, sizeof(PtDepack), init_opus, packet, NULL};
const PtDepackOps pt_depack_l16 = {PT_CODEC_L16, sizeof(PtDepack), init_l16, packet_l16, NULL};
const PtDepackOps pt_depack_g726 = {PT_CODEC_G726, sizeof(G726), init_g726, packet_g726, NULL};
