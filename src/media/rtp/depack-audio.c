/* Sound whose packets are samples already: G.711 (RFC 3551 §4.5.14) and Opus (RFC 7587). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include <glib.h>

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

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	pt_depack_note_loss(d, packet);
	if (packet->size)
		pt_depack_emit_whole(d, packet->ticks, packet->payload, packet->size);
}

const PtDepackOps pt_depack_pcmu = {PT_CODEC_PCMU, sizeof(PtDepack), init_g711, packet, NULL};
const PtDepackOps pt_depack_pcma = {PT_CODEC_PCMA, sizeof(PtDepack), init_g711, packet, NULL};
const PtDepackOps pt_depack_opus = {PT_CODEC_OPUS, sizeof(PtDepack), init_opus, packet, NULL};
