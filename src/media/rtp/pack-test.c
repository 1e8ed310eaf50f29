/* Each codec's samples packed, and put together again by the depacketiser: the same bytes. Sizes around the edges of
 * packets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/g726.h"
#include "media/nal.h"
#include "media/rtp/depack.h"
#include "media/rtp/pack.h"

static const uint8_t avcc[] = {1, 0x64, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1e, 1, 0, 2, 0x68, 0xee};
static const size_t sizes[] = {3, 100, 1386, 1387, 1388, 1389, 1390, 2770, 2774, 2776, 5000, 100000};

static void collect(PtDepack *d, PtSample *s) { g_ptr_array_add(d->user, s); }

/* Hands the block's packets to the depacketiser; checks what stands in each. */
static void unpack(const PtRtpBlock *b, PtDepack *d, uint16_t *seq) {
	for (unsigned i = 0; i < b->n_packets; i++) {
		const uint8_t *p = b->data.data + b->offsets[i];
		size_t n = b->offsets[i + 1] - b->offsets[i];
		PtRtpPacket packet = {0};
		g_assert_cmpuint(p[0], ==, '$');
		g_assert_cmpuint(p[1], ==, b->track * 2);
		g_assert_cmpuint(p[2] << 8 | p[3], ==, n - 4);
		g_assert_cmpuint(n - 4, <=, PT_RTP_MTU);
		g_assert_true(pt_rtp_parse(p + 4, n - 4, &packet));
		g_assert_cmpuint(packet.seq, ==, (*seq)++);
		packet.ticks = packet.timestamp;
		d->ops->packet(d, &packet);
	}
}

static PtSample *make_sample(PtFormat *format, size_t size, unsigned nals, uint8_t first) {
	PtSample *s = pt_sample_new(size);
	for (unsigned i = 0; i < nals || (!nals && i == 0); i++) {
		uint8_t *p = pt_sample_grow(&s, size + (nals ? 4 : 0));
		if (nals) {
			pt_put_u32(p, (uint32_t)size);
			p += 4;
		}
		for (size_t k = 0; k < size; k++)
			p[k] = (uint8_t)(k * 7 % 251 | 1); /* nothing that looks like a start code */
		if (nals)
			p[0] = i ? first & 0xfe : first;
	}
	s->key = true;
	s->pts = s->dts = 4711;
	s->wall_ns = 1;
	s->format = pt_format_ref(format);
	return s;
}

static void check_of(PtFormat *format, const PtDepackParams *params, unsigned nals, uint8_t first, size_t most,
                     unsigned unit) {
	PtRtpPacker packer;
	pt_rtp_packer_init(&packer, format, 1);
	uint16_t seq = packer.seq;
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes) && sizes[i] <= most; i++) {
		g_autoptr(GPtrArray) got = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
		PtDepack *d = pt_depack_new(format->codec, params, collect, got);
		PtSample *s = make_sample(format, (sizes[i] + unit - 1) / unit * unit, nals, first);
		s->track = 1;
		PtRtpBlock *b = pt_rtp_pack(&packer, s);
		g_assert_nonnull(b);
		unpack(b, d, &seq);
		if (!got->len) { /* the next picture shows where this one ended */
			PtRtpBlock *next;
			s->pts += 3000;
			next = pt_rtp_pack(&packer, s);
			unpack(next, d, &seq);
			pt_rtp_block_unref(next);
		}
		g_assert_cmpuint(got->len, >=, 1);
		size_t at = 0;
		for (unsigned k = 0; k < got->len && at < s->size; k++) { /* G.711 comes in several */
			const PtSample *r = g_ptr_array_index(got, k);
			g_assert_cmpuint(at + r->size, <=, s->size);
			g_assert_cmpmem(r->data, r->size, s->data + at, r->size);
			at += r->size;
		}
		g_assert_cmpuint(at, ==, s->size);
		PtRtpBlock *own = pt_rtp_block_with_channel(b, 9);
		g_assert_cmpuint(own->data.size, ==, b->data.size);
		g_assert_cmpuint(own->data.data[own->offsets[own->n_packets - 1] + 1], ==, 9);
		pt_rtp_block_unref(own);
		pt_rtp_block_unref(b);
		pt_sample_unref(s);
		pt_depack_free(d);
	}
	pt_format_unref(format);
}

static void check(PtFormat *format, const PtDepackParams *params, unsigned nals, uint8_t first, size_t most) {
	check_of(format, params, nals, first, most, 1);
}

/* Sound whose samples have a size. */
static void check_sizes(PtFormat *format, const PtDepackParams *params, unsigned unit) {
	check_of(format, params, 0, 0, 100000, unit);
}

static void test_h264(void) {
	PtFormat f = {.codec = PT_CODEC_H264, .timescale = 90000};
	PtDepackParams params = {
	    .clock_rate = 90000,
	    .fmtp = "packetization-mode=1;sprop-parameter-sets=Z2QAHqzZQKAv+XARAAADAAEAAAMAMg8WLZY=,aOvjyyLA"};
	for (unsigned nals = 1; nals < 4; nals++)
		check(pt_format_new(&f, NULL, 0), &params, nals, 0x65, 100000);
}

static void test_aac(void) {
	static const uint8_t config[] = {0x11, 0x88};
	PtFormat f = {.codec = PT_CODEC_AAC, .timescale = 48000, .sample_rate = 48000, .channels = 1};
	PtDepackParams params = {.clock_rate = 48000,
	                         .channels = 1,
	                         .fmtp =
	                             "streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188"};
	check(pt_format_new(&f, config, 2), &params, 0, 0, 8000);
}

static void test_others(void) {
	PtFormat mulaw = {.codec = PT_CODEC_PCMU, .timescale = 8000, .sample_rate = 8000, .channels = 1};
	PtFormat opus = {.codec = PT_CODEC_OPUS, .timescale = 48000, .sample_rate = 48000, .channels = 2};
	PtFormat metadata = {.codec = PT_CODEC_ONVIF_METADATA, .timescale = 90000};
	PtFormat l16 = {.codec = PT_CODEC_L16, .timescale = 16000, .sample_rate = 16000, .channels = 1};
	PtDepackParams params = {.clock_rate = 8000, .channels = 1};
	check(pt_format_new(&mulaw, NULL, 0), &params, 0, 0, 100000);
	params.encoding = "G726-16";
	check(pt_g726_format(2, 8000), &params, 0, 0, 100000);
	params.encoding = "g726-32";
	check(pt_g726_format(4, 8000), &params, 0, 0, 100000);
	params.clock_rate = 16000;
	check_sizes(pt_format_new(&l16, NULL, 0), &params, 2);
	params.channels = l16.channels = 2;
	check_sizes(pt_format_new(&l16, NULL, 0), &params, 4);
	params = (PtDepackParams){.clock_rate = 8000, .encoding = "G726-24"};
	check_sizes(pt_g726_format(3, 8000), &params, 3);
	params.encoding = "G726-40";
	check_sizes(pt_g726_format(5, 8000), &params, 5);
	params.encoding = NULL;
	params.clock_rate = 48000;
	check(pt_format_new(&opus, NULL, 0), &params, 0, 0, 1300);
	params.clock_rate = 90000;
	check(pt_format_new(&metadata, NULL, 0), &params, 0, 0, 100000);
}

static void test_unsendable(void) {
	static const struct {
		PtCodec codec;
		const char *data;
		size_t size;
	} cases[] = {
	    {PT_CODEC_H264, "", 0},
	    {PT_CODEC_H264, "\0\0\0\0", 4},
	    {PT_CODEC_H264, "\0\0\0\x09\x65\x88", 6}, /* a length over the end */
	    {PT_CODEC_H264, "\0\0\0\2\x09\x10", 6},   /* nothing but a delimiter */
	    {PT_CODEC_H265, "\0\0\0\1\x26", 5},
	    {PT_CODEC_MJPEG, "\xff\xd8\xff\xd9", 4},
	    {PT_CODEC_MJPEG, "\xff\xd8\xff\xdb\xff\xff", 6},
	    {PT_CODEC_AAC, "", 0},
	    {PT_CODEC_OPUS, "", 0},
	    {PT_CODEC_PCMU, "", 0},
	    {PT_CODEC_L16, "x", 1},
	    {PT_CODEC_G726, "without bits", 12},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtFormat values = {.codec = cases[i].codec, .timescale = 8000, .sample_rate = 8000, .channels = 1};
		PtSample *s = pt_sample_new(16);
		if (cases[i].size)
			memcpy(pt_sample_grow(&s, cases[i].size), cases[i].data, cases[i].size);
		s->key = true;
		s->format = pt_format_new(&values, NULL, 0);
		PtRtpPacker packer;
		pt_rtp_packer_init(&packer, s->format, 0);
		uint16_t seq = packer.seq;
		g_assert_null(pt_rtp_pack(&packer, s));
		g_assert_cmpuint(packer.seq, ==, (uint16_t)(seq + 1));
		pt_sample_unref(s);
	}
}

/* Eight codes 0 to 7 of each width in both orders: RFC 3551 §4.5.4 draws the first, I.366.2 annex E the other. */
static void test_g726_orders(void) {
	static const struct {
		unsigned bits;
		size_t n;
		uint8_t lsb[5], msb[5];
	} cases[] = {
	    {2, 2, {0xe4, 0xe4}, {0x1b, 0x1b}}, /* 0 1 2 3 0 1 2 3 */
	    {3, 3, {0x88, 0xc6, 0xfa}, {0x05, 0x39, 0x77}},
	    {4, 4, {0x10, 0x32, 0x54, 0x76}, {0x01, 0x23, 0x45, 0x67}},
	    {5, 5, {0x20, 0x88, 0x41, 0x8a, 0x39}, {0x00, 0x44, 0x32, 0x14, 0xc7}},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t out[5];
		pt_g726_to_msb_first(out, cases[i].lsb, cases[i].n, cases[i].bits);
		g_assert_cmpmem(out, cases[i].n, cases[i].msb, cases[i].n);
		pt_g726_to_lsb_first(out, out, cases[i].n, cases[i].bits);
		g_assert_cmpmem(out, cases[i].n, cases[i].lsb, cases[i].n);
	}
}

static void test_describe(void) {
	PtFormat f = {.codec = PT_CODEC_H264, .timescale = 90000};
	PtFormat *format = pt_format_new(&f, avcc, sizeof avcc);
	g_autoptr(GString) sdp = g_string_new(NULL);
	pt_rtp_describe(format, 0, sdp);
	g_assert_cmpstr(
	    sdp->str, ==,
	    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=64001E;"
	    "sprop-parameter-sets=Z2QAHg==,aO4=\r\n");
	pt_format_unref(format);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rtp/pack/h264", test_h264);
	g_test_add_func("/rtp/pack/aac", test_aac);
	g_test_add_func("/rtp/pack/others", test_others);
	g_test_add_func("/rtp/pack/g726-orders", test_g726_orders);
	g_test_add_func("/rtp/pack/unsendable", test_unsendable);
	g_test_add_func("/rtp/pack/describe", test_describe);
	return g_test_run();
}
