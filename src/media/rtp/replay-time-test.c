/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/replay-time.h"
#include "base/clock.h"

#define T0 (INT64_C(1789000000) * PT_NS_PER_S) /* 2026-09-10T00:26:40Z */
#define NTP_1970 INT64_C(2208988800)

/* Golden: RTP of payload type 96, seq 1, then ONVIF's extension: 2026-09-10T00:26:40.5Z, C and D, CSeq 7. */
static const uint8_t golden[] = {
    0x90, 0xe0, 0x00, 0x01, 0x00, 0x00, 0x0b, 0xb8, 0x11, 0x22, 0x33, 0x44, /* header */
    0xab, 0xac, 0x00, 0x03,                                                 /* profile, three words */
    0xee, 0x4c, 0x77, 0xc0, 0x80, 0x00, 0x00, 0x00,                         /* NTP: 3997988800.5 s since 1900 */
    0xa0, 0x07, 0x00, 0x00,                                                 /* C, D; CSeq */
    0x65, 0x88,                                                             /* payload */
};

static void test_golden(void) {
	PtRtpPacket p;
	PtReplayExtension e;
	g_assert_true(pt_rtp_parse(golden, sizeof golden, &p));
	g_assert_true(pt_replay_extension_take(&p, T0, &e));
	g_assert_cmpint(e.wall_ns, ==, T0 + PT_NS_PER_S / 2);
	g_assert_true(e.flags.clean && e.flags.discontinuity && !e.flags.end && !e.flags.terminal);
	g_assert_cmpuint(e.cseq, ==, 7);
	g_assert_null(p.ext);
	g_assert_cmpuint(p.size, ==, 2);
}

/* One packet: RTP time in ticks of 90 kHz, what the extension says in ms since T0; bits < 0: it has none. */
typedef struct {
	uint32_t rtp;
	int64_t said_ms;
	int bits;
	bool marker;
	int64_t wall_ms, ticks; /* wanted, both since the first */
	bool jump;
} Step;

enum { C = 0x80, E = 0x40, D = 0x20 };

static PtRtpPacket packet_of(uint8_t *ext, const Step *s, int64_t epoch) {
	int64_t ns = T0 + s->said_ms * PT_NS_PER_MS;
	PtRtpPacket p = {.timestamp = s->rtp, .marker = s->marker};
	if (s->bits < 0)
		return p;
	pt_put_u32(ext, (uint32_t)(ns / PT_NS_PER_S + epoch));
	pt_put_u32(ext + 4, (uint32_t)((((uint64_t)(ns % PT_NS_PER_S)) << 32) / (uint64_t)PT_NS_PER_S));
	ext[8] = (uint8_t)s->bits;
	ext[9] = 1;
	pt_put_u16(ext + 10, 0);
	p.ext = ext;
	p.ext_size = 12;
	p.ext_profile = 0xABAC;
	return p;
}

static void follow(const Step *steps, size_t n, int64_t epoch) {
	PtReplayTime t;
	int64_t first = 0;
	pt_replay_time_init(&t, 90000, T0);
	for (size_t i = 0; i < n; i++) {
		uint8_t ext[12];
		PtFetchFlags flags;
		PtRtpPacket p = packet_of(ext, &steps[i], epoch);
		g_assert_cmpint(pt_replay_time_packet(&t, &p), ==, steps[i].jump);
		first = i ? first : p.ticks;
		g_assert_cmpint(p.ticks - first, ==, steps[i].ticks);
		int64_t wall = pt_replay_time_of(&t, p.ticks, &flags);
		g_assert_cmpint(ABS(wall - T0 - steps[i].wall_ms * PT_NS_PER_MS), <, 12000); /* a tick of 90 kHz */
		g_assert_cmpint(flags.discontinuity, ==, steps[i].bits >= 0 && steps[i].bits & D);
	}
}

static void test_every_frame(void) {
	static const Step steps[] = {
	    {1000, 0, C, true, 0, 0, false},
	    {4600, 40, 0, false, 40, 3600, false},
	    {4600, 0, -1, true, 40, 3600, false}, /* the rest of the frame */
	    {8200, 81, 0, true, 81, 7200, false}, /* the camera's clock and RTP's run apart */
	};
	follow(steps, G_N_ELEMENTS(steps), NTP_1970);
	follow(steps, G_N_ELEMENTS(steps), 0); /* from 1970 */
}

static void test_wrap_and_reorder(void) {
	static const Step steps[] = {
	    {0xfffff000, 0, C, true, 0, 0, false},
	    {0xfffff000u + 10800u, 120, 0, true, 120, 10800, false}, /* shown after the two that follow it */
	    {0xfffff000u + 3600u, 40, 0, true, 40, 3600, false},
	    {0xfffff000u + 7200u, 80, 0, true, 80, 7200, false},
	};
	follow(steps, G_N_ELEMENTS(steps), NTP_1970);
}

static void test_seldom(void) {
	static const Step steps[] = {
	    {500, 0, C, true, 0, 0, false},
	    {4100, 0, -1, true, 40, 3600, false},
	    {7700, 0, -1, true, 80, 7200, false},
	    {11300, 125, C, true, 125, 10800, false},
	};
	follow(steps, G_N_ELEMENTS(steps), NTP_1970);
}

static void test_stands(void) {
	static const Step clock[] = {
	    {500, 0, C, true, 0, 0, false},
	    {4100, 0, 0, true, 40, 3600, false},
	    {7700, 0, 0, true, 80, 7200, false},
	};
	static const Step rtp[] = {
	    {500, 0, C, true, 0, 0, false},
	    {500, 40, 0, true, 40, 3600, false},
	    {500, 80, 0, true, 80, 7200, false},
	};
	follow(clock, G_N_ELEMENTS(clock), NTP_1970);
	follow(rtp, G_N_ELEMENTS(rtp), NTP_1970);
}

static void test_holes(void) {
	static const Step steps[] = {
	    {500, 0, C, true, 0, 0, false},
	    {4100, 40, E, true, 40, 3600, false},
	    {7700, 60080, C | D, true, 60080, 3600 + 60040 * 90, true}, /* RTP time does not know of the hole */
	    {11300, 60120, 0, true, 60120, 3600 + 60080 * 90, false},   /* and goes on */
	    {90, 120000, C | D, true, 120000, 3600 + (120000 - 40) * 90, true} /* or begins anew */,
	    {3690, 50000, C | D, true, 50000, 3601 + (120000 - 40) * 90, true}, /* time runs back: ticks do not */
	};
	follow(steps, G_N_ELEMENTS(steps), NTP_1970);
}

static void test_sooner_or_later(void) {
	PtReplayTime t;
	uint8_t ext[12];
	PtFetchFlags flags;
	Step first = {1000, 0, C, false, 0, 0, false}, second = {4600, 40, E, false, 0, 0, false};
	PtRtpPacket a = packet_of(ext, &first, NTP_1970);
	pt_replay_time_init(&t, 90000, T0);
	pt_replay_time_packet(&t, &a);
	PtRtpPacket b = packet_of(ext, &second, NTP_1970);
	pt_replay_time_packet(&t, &b);
	/* without markers a sample is there when the next frame's first packet is */
	g_assert_cmpint(pt_replay_time_of(&t, a.ticks, &flags), ==, T0);
	g_assert_true(flags.clean && !flags.end);
	/* several samples in one packet of sound */
	g_assert_cmpint(pt_replay_time_of(&t, b.ticks + 9000, &flags), ==, T0 + 140 * PT_NS_PER_MS);
	g_assert_true(flags.end);
}

static void test_behind_it_a_jpeg(void) {
	uint8_t ext[24] = {0};
	Step s = {0, 0, C, true, 0, 0, false};
	PtRtpPacket p = packet_of(ext, &s, NTP_1970);
	PtReplayExtension e;
	pt_put_u16(ext + 12, 0xffd8);
	pt_put_u16(ext + 14, 2);
	p.ext_size = sizeof ext;
	g_assert_true(pt_replay_extension_take(&p, T0, &e));
	g_assert_cmpuint(p.ext_profile, ==, 0xffd8);
	g_assert_true(p.ext == ext + 16 && p.ext_size == 8);
	p = packet_of(ext, &s, NTP_1970);
	p.ext_size = 8; /* cut off */
	g_assert_false(pt_replay_extension_take(&p, T0, &e));
}

/* Beyond 2036, when NTP's seconds begin anew. */
static void test_next_era(void) {
	uint8_t ext[12] = {0, 0, 0, 10};
	PtRtpPacket p = {.ext = ext, .ext_size = sizeof ext, .ext_profile = 0xABAC};
	PtReplayExtension e;
	int64_t begin = ((INT64_C(1) << 32) - NTP_1970) * PT_NS_PER_S;
	g_assert_true(pt_replay_extension_take(&p, begin, &e));
	g_assert_cmpint(e.wall_ns, ==, begin + 10 * PT_NS_PER_S);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/replay-time/golden", test_golden);
	g_test_add_func("/replay-time/every-frame", test_every_frame);
	g_test_add_func("/replay-time/wrap-and-reorder", test_wrap_and_reorder);
	g_test_add_func("/replay-time/seldom", test_seldom);
	g_test_add_func("/replay-time/stands", test_stands);
	g_test_add_func("/replay-time/holes", test_holes);
	g_test_add_func("/replay-time/sooner-or-later", test_sooner_or_later);
	g_test_add_func("/replay-time/behind-it-a-jpeg", test_behind_it_a_jpeg);
	g_test_add_func("/replay-time/next-era", test_next_era);
	return g_test_run();
}
