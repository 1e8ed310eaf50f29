/* Times of replayed packets: each record is a byte of length and a packet. Whatever is claimed, samples of one frame have
 * one time, and only a jump that is told moves ticks by more than RTP says. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/replay-time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	PtReplayTime t;
	PtBytes b = pt_bytes(data, size);
	int64_t last = 0;
	uint32_t rtp = 0;
	pt_replay_time_init(&t, pt_bytes_u32(&b), (int64_t)(pt_bytes_u64(&b) >> 2));
	for (bool any = false; b.left;) {
		size_t n = pt_bytes_u8(&b);
		PtBytes piece = pt_bytes_sub(&b, MIN(n, b.left));
		g_autofree uint8_t *copy = g_memdup2(piece.p, piece.left);
		PtRtpPacket p;
		PtFetchFlags flags;
		if (!pt_rtp_parse(copy, piece.left, &p))
			continue;
		bool jump = pt_replay_time_packet(&t, &p);
		int64_t wall = pt_replay_time_of(&t, p.ticks, &flags);
		g_assert(wall == pt_replay_time_of(&t, p.ticks, &flags));
		g_assert(!p.ext || (p.ext >= copy && p.ext + p.ext_size <= copy + piece.left));
		if (any && !jump && p.timestamp != rtp)
			g_assert(ABS(p.ticks - last) <= INT64_C(1) << 31);
		if (any && jump)
			g_assert(p.ticks > last);
		last = p.ticks;
		rtp = p.timestamp;
		any = true;
	}
	return 0;
}
