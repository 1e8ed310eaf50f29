/* A depacketiser: packets behind a byte of flags (1 marker, 2 loss, 4 new time) and a length. NAL units must fill a sample.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include <glib.h>

static void on_sample(PtDepack *d, PtSample *s) {
	bool nals = s->format->codec == PT_CODEC_H264 || s->format->codec == PT_CODEC_H265;
	PtBytes b = pt_bytes(s->data, s->size);
	g_assert(s->size && s->size <= s->capacity && s->size <= PT_SAMPLE_MAX && s->format == d->format);
	while (nals && b.left) {
		size_t n = pt_bytes_u32(&b);
		g_assert(n && pt_bytes_take(&b, n));
	}
	pt_sample_unref(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char fmtp[] = "config=1190;sizelength=13;indexlength=3;indexdeltalength=3";
	PtDepackParams params = {48000, 2, FUZZ_CODEC == PT_CODEC_AAC ? fmtp : NULL, "G726-40"};
	PtDepack *d = pt_depack_new(FUZZ_CODEC, &params, on_sample, NULL);
	PtBytes b = pt_bytes(data, size);
	for (int64_t ticks = 0; b.left;) {
		uint8_t flags = pt_bytes_u8(&b);
		size_t n = pt_bytes_u8(&b);
		PtBytes piece = pt_bytes_sub(&b, MIN(n, b.left));
		g_autofree uint8_t *copy = g_memdup2(piece.p, piece.left); /* exact, for the sanitizer */
		ticks += flags & 4 ? 3600 : 0;
		PtRtpPacket p = {
		    .ticks = ticks, .marker = flags & 1, .lost = flags >> 1 & 1, .payload = copy, .size = piece.left};
		if (flags & 8)
			p = (PtRtpPacket){.ticks = ticks, .ext_profile = 0xffd8, .ext = copy, .ext_size = piece.left};
		d->ops->packet(d, &p);
	}
	pt_depack_free(d);
	return 0;
}
