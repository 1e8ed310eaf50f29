/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/rtcp.h"
#include "base/bytes.h"
#include "base/clock.h"

#define NTP_1970 UINT64_C(2208988800) /* seconds from 1900 to 1970 */
enum { SR = 200, RR = 201, SDES = 202, BYE = 203 };

bool pt_rtcp_parse(const void *data, size_t n, PtRtcpInfo *ret) {
	PtBytes b = pt_bytes(data, n);
	*ret = (PtRtcpInfo){.ntp_wall_ns = INT64_MIN};
	while (b.left >= 4) {
		unsigned head = pt_bytes_u8(&b), type = pt_bytes_u8(&b);
		size_t words = pt_bytes_u16(&b);
		PtBytes body = pt_bytes_sub(&b, 4 * words);
		if (head >> 6 != 2 || body.bad)
			break;
		if (type == SR) {
			uint32_t ssrc = pt_bytes_u32(&body);
			uint64_t ntp = pt_bytes_u64(&body);
			uint32_t rtp = pt_bytes_u32(&body);
			if (body.bad)
				break;
			ret->has_report = true;
			ret->ssrc = ssrc;
			ret->ntp_middle = (uint32_t)(ntp >> 16);
			ret->rtp = rtp;
			uint64_t seconds = ntp >> 32;
			if (seconds < NTP_1970 / 2)
				seconds += UINT64_C(1) << 32; /* the era that begins in 2036 */
			if (ntp)
				ret->ntp_wall_ns = ((int64_t)seconds - (int64_t)NTP_1970) * PT_NS_PER_S +
				                   (int64_t)(((ntp & UINT32_MAX) * (uint64_t)PT_NS_PER_S) >> 32);
		} else if (type == BYE && (head & 31)) {
			ret->ssrc = pt_bytes_u32(&body);
			ret->bye = !body.bad;
		}
	}
	return ret->has_report || ret->bye;
}

static uint8_t *put_head(uint8_t *p, unsigned count, unsigned type, unsigned words, uint32_t ssrc) {
	p[0] = (uint8_t)(0x80 | count);
	p[1] = (uint8_t)type;
	pt_put_u16(p + 2, (uint16_t)words);
	pt_put_u32(p + 4, ssrc);
	return p + 8;
}

static uint8_t *put_sdes(uint8_t *p, uint32_t ssrc) {
	static const uint8_t cname[12] = {1, 8, 'p', 'i', 'g', 't', 'a', 'i', 'l', '0', 0, 0};
	p = put_head(p, 1, SDES, 4, ssrc);
	memcpy(p, cname, sizeof cname);
	return p + sizeof cname;
}

size_t pt_rtcp_write_receiver(uint8_t *out, const PtRtcpReceiverReport *r) {
	uint8_t *p = put_head(out, 1, RR, 7, r->ssrc);
	pt_put_u32(p, r->sender);
	pt_put_u32(p + 4, (uint32_t)r->fraction_lost << 24 | (r->lost > 0x7fffff ? 0x7fffff : r->lost));
	pt_put_u32(p + 8, r->highest_seq);
	pt_put_u32(p + 12, r->jitter);
	pt_put_u32(p + 16, r->lsr);
	pt_put_u32(p + 20, r->dlsr);
	return (size_t)(put_sdes(p + 24, r->ssrc) - out);
}

void pt_ntp_write(uint8_t *out, int64_t wall_ns) {
	uint64_t s = (uint64_t)(wall_ns / PT_NS_PER_S) + NTP_1970, ns = (uint64_t)(wall_ns % PT_NS_PER_S);
	pt_put_u32(out, (uint32_t)s);
	pt_put_u32(out + 4, (uint32_t)((ns << 32) / (uint64_t)PT_NS_PER_S));
}

size_t pt_rtcp_write_sender(uint8_t *out, uint32_t ssrc, int64_t wall_ns, uint32_t rtp, uint32_t packets, uint32_t octets) {
	uint8_t *p = put_head(out, 0, SR, 6, ssrc);
	pt_ntp_write(p, wall_ns);
	pt_put_u32(p + 8, rtp);
	pt_put_u32(p + 12, packets);
	pt_put_u32(p + 16, octets);
	return (size_t)(put_sdes(p + 20, ssrc) - out);
}

size_t pt_rtcp_write_bye(uint8_t *out, uint32_t ssrc) { return (size_t)(put_head(out, 1, BYE, 1, ssrc) - out); }
