/* RTP and RTCP headers, and a whole receiver in one: the first byte of each record says which, the second how long it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/receiver.h"
#include <glib.h>

static void first(void *user) {}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	PtStream *stream = pt_stream_new("fuzz");
	PtRtpReceiverParams params = {.stream = stream, .codec = PT_CODEC_OPUS, .depack = {48000, 2, NULL}, .first = first};
	params.unordered = size && data[0] & 1;
	PtRtpReceiver *r = pt_rtp_receiver_new(&params);
	PtBytes b = pt_bytes(data, size);
	for (int64_t now = INT64_C(1000000000); b.left;) {
		uint8_t what = pt_bytes_u8(&b);
		size_t n = pt_bytes_u8(&b);
		PtBytes piece = pt_bytes_sub(&b, MIN(n, b.left));
		g_autofree uint8_t *copy = g_memdup2(piece.p, piece.left);
		uint8_t out[PT_RTCP_MAX];
		now += what * INT64_C(10000000);
		if (what & 2)
			pt_rtp_receiver_rtcp(r, copy, piece.left, now, 5);
		else
			pt_rtp_receiver_rtp(r, copy, piece.left, now, 5);
		if (what & 4)
			pt_rtp_receiver_tick(r, now);
		g_assert(pt_rtp_receiver_report(r, out, 1, now) <= PT_RTCP_MAX);
	}
	pt_rtp_receiver_free(r);
	pt_stream_unref(stream);
	return 0;
}
