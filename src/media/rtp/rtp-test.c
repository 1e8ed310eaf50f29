/* SPDX-License-Identifier: Apache-2.0 */
#include "media/h264.h"
#include "media/rtp/depack.h"
#include "media/rtp/receiver.h"
#include "media/rtp/reorder.h"
#include "media/rtp/rtcp.h"
#include "base/clock.h"
#include <glib.h>
#include <math.h>

/* 640x360 High, as x264 writes it */
#define SPS "67 64 00 1e ac b2 01 40 5f f2 e0 22 00 00 03 00 02 00 00 03 00 64 1e 2c 5c 90"
#define PPS "68 eb c3 cb 22 c0"

/* "[NALTYPE" pieces: what came out, one line per sample: K or -, b when broken, then the NAL units in hex */
typedef struct {
	GString *out;
	PtDepack *d;
	uint16_t seq;
} Bench;

static void on_sample(PtDepack *d, PtSample *s) {
	Bench *b = d->user;
	g_string_append_printf(b->out, "%s%s%s", b->out->len ? " | " : "", s->key ? "K" : "-", s->broken ? "b" : "");
	PtBytes bytes = pt_bytes(s->data, s->size);
	while (bytes.left) {
		size_t n = pt_bytes_u32(&bytes);
		PtBytes nal = pt_bytes_sub(&bytes, n);
		g_assert_false(bytes.bad);
		g_string_append_c(b->out, ' ');
		for (; nal.left;)
			g_string_append_printf(b->out, "%02x", pt_bytes_u8(&nal));
	}
	pt_sample_unref(s);
}

static size_t unhex(const char *text, uint8_t *ret) {
	size_t n = 0;
	for (; *text; text++)
		if (g_ascii_isxdigit(text[0])) {
			ret[n++] = (uint8_t)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
			text++;
		}
	return n;
}

/* script: packets "TIME[M]:HEX" separated by "/"; "x" in place of a packet: it is lost. */
static char *play(PtCodec codec, const char *fmtp, const char *script) {
	Bench b = {.out = g_string_new(NULL)};
	PtDepackParams params = {90000, 0, fmtp};
	b.d = pt_depack_new(codec, &params, on_sample, &b);
	g_auto(GStrv) packets = g_strsplit(script, "/", -1);
	uint32_t lost = 0;
	for (char **p = packets; *p; p++) {
		const char *text = g_strstrip(*p);
		uint8_t bytes[512];
		if (!strcmp(text, "x")) {
			lost++;
			continue;
		}
		char *end;
		PtRtpPacket packet = {.ticks = g_ascii_strtoll(text, &end, 10), .lost = lost};
		packet.marker = *end == 'M';
		packet.size = unhex(strchr(end, ':') + 1, bytes);
		packet.payload = g_memdup2(bytes, packet.size); /* exact, for the sanitizer */
		b.d->ops->packet(b.d, &packet);
		g_free((void *)packet.payload);
		lost = 0;
	}
	pt_depack_free(b.d);
	return g_string_free(b.out, FALSE);
}

#define SETS "1:" SPS "/ 1:" PPS

static void test_h264(void) {
	static const struct {
		const char *what, *script, *want;
	} cases[] = {
	    {"single NAL units", SETS "/ 1M:65 88 01 / 2M:41 9a 02", "K 658801 | - 419a02"},
	    {"begins at a key picture", SETS "/ 1M:41 9a 01 / 2M:65 88 02", "K 658802"},
	    {"STAP-A", "1M:78 00 1a " SPS " 00 06 " PPS " 00 03 65 88 01", "K 658801"},
	    {"FU-A", SETS "/ 1:7c 85 88 01 / 1:7c 05 02 03 / 1M:7c 45 04", "K 658801020304"},
	    {"no marker: a new time ends it", SETS "/ 1:65 88 01 / 2:41 9a 02 / 3:41 9a 03", "K 658801 | - 419a02"},
	    {"marker on SPS, PPS and SEI splits nothing", "1M:" SPS "/ 1M:" PPS "/ 1M:06 05 01 aa 80 / 1M:65 88 01",
	     "K 060501aa80 658801"},
	    {"marker on every slice: learnt at the first",
	     SETS "/ 1M:65 88 01 / 1M:65 48 02 / 2M:65 88 03 / 2M:65 48 04 / 3M:41 9a 05", "K 658801 | Kb 658803 654804"},
	    {"delimiter, filler, end of sequence are stripped", SETS "/ 1:09 10 / 1:65 88 01 / 1:0c ff ff 80 / 1M:0a",
	     "K 658801"},
	    {"start codes inside one NAL unit", "1M:00 00 00 01 " SPS " 00 00 00 01 " PPS " 00 00 01 65 88 01", "K 658801"},
	    {"start codes inside an FU-A",
	     SETS "/ 1:7c 87 64 00 1e ac b2 01 40 5f f2 e0 22 00 00 03 00 02 00 00 03 00 64 1e 2c 5c 90 "
	          "00 00 00 01 68 eb c3 cb 22 c0 00 / 1M:7c 47 00 00 01 65 88 01",
	     "K 658801"},
	    {"two slices behind start codes", SETS "/ 1M:65 88 01 00 00 01 65 48 02", "K 658801 654802"},
	    {"recovery point instead of IDR", SETS "/ 1:06 06 01 c4 80 / 1M:41 88 01 / 2M:41 9a 02",
	     "K 060601c480 418801 | - 419a02"},
	    {"FU-A without start", SETS "/ 1M:65 88 01 / 2M:7c 41 04 / 3M:41 9a 03", "K 658801 | -b 419a03"},
	    {"FU-A without end: some never say it", SETS "/ 1M:65 88 01 / 2:7c 81 9a 04 / 3M:41 9a 03",
	     "K 658801 | - 619a04 | - 419a03"},
	    {"loss in the middle", SETS "/ 1M:65 88 01 / 2:7c 81 9a 04 / x / 2M:7c 41 05 / 3M:41 9a 03",
	     "K 658801 | -b 419a03"},
	    {"loss of the end and the next beginning",
	     SETS "/ 1M:65 88 01 / 2:7c 81 9a 04 / x / 3:7c 01 05 / 3M:7c 41 05 / 4M:41 9a 03", "K 658801 | -b 419a03"},
	    {"loss of a whole picture", SETS "/ 1M:65 88 01 / x / 3M:41 9a 03", "K 658801 | -b 419a03"},
	    {"loss of a first slice", SETS "/ 1M:65 88 01 / x / 2M:41 48 02 / 3M:41 9a 03", "K 658801 | -b 419a03"},
	    {"zero-length NAL, lying STAP-A",
	     SETS "/ 1:65 88 01 / 1M:78 00 00 / 2:41 9a 02 / 2M:78 ff ff 01 / 2M: / 3M:41 9a 03", "K 658801 | -b 419a03"},
	    {"reserved types", SETS "/ 1:65 88 01 / 1:1f 00 / 1M:1e 01 / 2M:41 9a 02", "K 658801 | - 419a02"},
	    {"only sets and messages", SETS "/ 1M:06 05 01 aa 80 / 2M:65 88 02", "K 658802"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].what);
		g_autofree char *got = play(PT_CODEC_H264, NULL, cases[i].script);
		g_assert_cmpstr(got, ==, cases[i].want);
	}
}

static PtFormat *seen[4];
static unsigned n_seen;

static void on_format(PtDepack *d, PtSample *s) {
	if (n_seen < G_N_ELEMENTS(seen) && (!n_seen || seen[n_seen - 1] != s->format))
		seen[n_seen++] = pt_format_ref(s->format);
	pt_sample_unref(s);
}

/* Parameter sets from the SDP, repeated in band (nothing happens), then changed (a new format). */
static void test_h264_change(void) {
	PtDepackParams params = {90000, 0, "packetization-mode=1; sprop-parameter-sets=Z2QAKKy0A8ARPyo=,aO4Bniw="};
	PtDepack *d = pt_depack_new(PT_CODEC_H264, &params, on_format, NULL);
	g_assert_nonnull(d->format);
	g_assert_cmpuint(d->format->width, ==, 1920);
	g_assert_cmpuint(d->format->height, ==, 1080);
	g_assert_cmpstr(d->format->rfc6381, ==, "avc1.640028");
	PtNal sets[4];
	g_assert_cmpuint(pt_format_parameter_sets(d->format, sets, 4), ==, 2);
	g_assert_cmpuint(sets[0].data[0] & 31, ==, PT_H264_SPS);
	g_assert_cmpuint(sets[1].data[0] & 31, ==, PT_H264_PPS);
	static const char *const packets[] = {"67 64 00 28 ac b4 03 c0 11 3f 2a", "65 88 01", SPS, "68 ee 01 9e 2c",
	                                      "65 88 02"};
	for (size_t i = 0; i < G_N_ELEMENTS(packets); i++) {
		uint8_t bytes[64];
		PtRtpPacket p = {
		    .ticks = i < 2 ? 1 : 2, .marker = i == 1 || i == 4, .payload = bytes, .size = unhex(packets[i], bytes)};
		d->ops->packet(d, &p);
	}
	g_assert_cmpuint(n_seen, ==, 2);
	g_assert_cmpuint(seen[0]->width, ==, 1920);
	g_assert_cmpuint(seen[1]->width, ==, 640);
	g_assert_cmpuint(seen[1]->height, ==, 360);
	while (n_seen)
		pt_format_unref(seen[--n_seen]);
	pt_depack_free(d);
}

#define VPS5 "40 01 0c 01 ff ff 01 60 00 00 03 00 00 03 00 00 03 00 00 03 00 96 ac 09"
#define SPS5                                                                                                                \
	"42 01 01 01 60 00 00 03 00 00 03 00 00 03 00 00 03 00 96 a0 01 20 20 05 11 63 6b 92 4e 53 37 01 01 01 04 00 00 "   \
	"46 50 00 05 7e 42 84"
#define PPS5 "44 01 c0 f2 f0 22 40"

static void test_h265(void) {
	static const struct {
		const char *what, *script, *want;
	} cases[] = {
	    {"single", "1:" VPS5 "/ 1:" SPS5 "/ 1:" PPS5 "/ 1M:26 01 a0 01 / 2M:02 01 d0 02", "K 2601a001 | - 0201d002"},
	    {"AP", "1M:60 01 00 18 " VPS5 " 00 2c " SPS5 " 00 07 " PPS5 " 00 04 26 01 a0 01", "K 2601a001"},
	    {"FU", "1:" VPS5 "/ 1:" SPS5 "/ 1:" PPS5 "/ 1:62 01 93 a0 01 / 1:62 01 13 02 / 1M:62 01 53 03",
	     "K 2601a0010203"},
	    {"loss",
	     "1:" VPS5 "/ 1:" SPS5 "/ 1:" PPS5 "/ 1M:26 01 a0 01 / 2:62 01 81 d0 01 / x / 2M:62 01 41 03 / 3M:02 01 d0 02",
	     "K 2601a001 | -b 0201d002"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].what);
		g_autofree char *got = play(PT_CODEC_H265, NULL, cases[i].script);
		g_assert_cmpstr(got, ==, cases[i].want);
	}
}

static void on_plain(PtDepack *d, PtSample *s) {
	GString *out = d->user;
	g_string_append_printf(out, "%s%d%s:", out->len ? " | " : "", (int)s->pts, s->broken ? "b" : "");
	for (size_t i = 0; i < s->size; i++)
		g_string_append_printf(out, "%02x", s->data[i]);
	pt_sample_unref(s);
}

static void test_aac(void) {
	static const struct {
		const char *what, *packets[4], *want;
	} cases[] = {
	    {"one", {"00 10 00 10 aa bb"}, "0:aabb"},
	    {"three in one", {"00 30 00 08 00 10 00 08 aa bb cc dd"}, "0:aa | 1024:bbcc | 2048:dd"},
	    {"in pieces", {"00 10 00 20 aa bb", "00 10 00 20 cc dd"}, "0:aabbccdd"},
	    {"lying size", {"00 10 ff f8 aa bb", "", "00 10", "00 20 00 10 aa"}, ""},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GString *out = g_string_new(NULL);
		PtDepackParams params = {48000, 2,
		                         "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190"};
		PtDepack *d = pt_depack_new(PT_CODEC_AAC, &params, on_plain, out);
		g_assert_cmpuint(d->format->channels, ==, 2);
		g_assert_cmpuint(d->format->sample_rate, ==, 48000);
		g_assert_cmpstr(d->format->rfc6381, ==, "mp4a.40.2");
		for (size_t k = 0; k < 4 && cases[i].packets[k]; k++) {
			uint8_t bytes[64];
			PtRtpPacket p = {.marker = true, .payload = bytes, .size = unhex(cases[i].packets[k], bytes)};
			d->ops->packet(d, &p);
		}
		g_assert_cmpstr(out->str, ==, cases[i].want);
		pt_depack_free(d);
		g_string_free(out, TRUE);
	}
}

/* 8x8, Q 50, with a restart interval; then dynamic tables that the second packet leaves out. */
static void test_mjpeg(void) {
	PtDepackParams params = {90000, 0, NULL};
	GString *out = g_string_new(NULL);
	PtDepack *d = pt_depack_new(PT_CODEC_MJPEG, &params, on_plain, out);
	uint8_t bytes[300];
	PtRtpPacket p = {
	    .marker = true, .payload = bytes, .size = unhex("00 00 00 00 41 32 01 01 00 04 ff ff aa bb", bytes)};
	d->ops->packet(d, &p);
	g_assert_true(g_str_has_prefix(out->str, "0:ffd8ffdb0043001"
	                                         "00b0c0e0c0a100e0d0e1211"));
	g_assert_true(g_str_has_suffix(out->str, "aabbffd9"));
	g_assert_nonnull(strstr(out->str, "ffdd00040004ffc0001108000800080301220002110103110"));
	g_assert_cmpuint(d->format->width, ==, 8);
	g_string_truncate(out, 0);
	/* 255 must bring its tables every time; 200 may leave them out once sent */
	size_t head = unhex("00 00 00 00 01 c8 01 01 00 00 00 80", bytes);
	memset(bytes + head, 7, 128);
	bytes[head + 128] = 0xcc;
	p.size = head + 129;
	d->ops->packet(d, &p);
	p.size = unhex("00 00 00 00 01 c8 01 01 00 00 00 00 dd", bytes);
	d->ops->packet(d, &p);
	p.size = unhex("00 00 00 00 01 ff 01 01 00 00 00 00 ee", bytes);
	d->ops->packet(d, &p);
	g_assert_nonnull(strstr(out->str, "ccffd9 | 0:ffd8ffdb00430007"));
	g_assert_true(g_str_has_suffix(out->str, "ddffd9"));
	g_assert_cmpuint(d->dropped, ==, 1);
	/* over 2040: the size stands in the extension's frame header */
	uint8_t ext[64];
	p.ext_profile = 0xffd8;
	p.ext = ext;
	p.ext_size = unhex("ff d8 ff c0 00 11 08 05 a0 0a 00 03 01 22 00 02 11 01 03 11 01 ff ff ff", ext);
	p.size = unhex("00 00 00 00 01 32 00 00 aa", bytes);
	d->ops->packet(d, &p);
	g_assert_cmpuint(d->format->width, ==, 2560);
	g_assert_cmpuint(d->format->height, ==, 1440);
	pt_depack_free(d);
	g_string_free(out, TRUE);
}

static void note_seq(void *data, const uint8_t *packet, size_t n) { g_string_append_printf(data, "%d ", packet[0]); }

static void test_reorder(void) {
	static const struct {
		const char *in, *out;
	} cases[] = {{"1 2 3", "1 2 3 "},
	             {"1 3 2 4", "1 2 3 4 "},
	             {"1 5 4 3 2 6", "1 2 3 4 5 6 "},
	             {"1 2 2 1 3", "1 2 3 "},
	             {"1 3 4 wait 5 2", "1 3 4 5 "}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GString *out = g_string_new(NULL);
		PtReorder *r = pt_reorder_new(note_seq, out);
		g_auto(GStrv) words = g_strsplit(cases[i].in, " ", -1);
		int64_t now = 0;
		for (char **w = words; *w; w++) {
			uint8_t byte = (uint8_t)atoi(*w);
			if (byte)
				pt_reorder_put(r, (uint16_t)(65533 + byte), &byte, 1, now);
			else
				pt_reorder_expire(r, now += PT_NS_PER_S);
		}
		g_assert_cmpstr(out->str, ==, cases[i].out);
		pt_reorder_free(r);
		g_string_free(out, TRUE);
	}
	/* the first of 65 comes last */
	GString *out = g_string_new(NULL), *want = g_string_new(NULL);
	PtReorder *r = pt_reorder_new(note_seq, out);
	for (int i = 0; i <= 65; i++) {
		uint8_t byte = (uint8_t)(i == 0 ? 0 : i == 65 ? 1 : i + 1);
		pt_reorder_put(r, byte, &byte, 1, 0);
		g_string_append_printf(want, "%d ", i);
	}
	g_assert_cmpstr(out->str, ==, want->str);
	/* one that never comes: given up when 64 wait */
	g_string_truncate(out, 0);
	for (int i = 67; i < 67 + 65; i++) {
		uint8_t byte = (uint8_t)i;
		pt_reorder_put(r, byte, &byte, 1, 0);
	}
	g_assert_true(g_str_has_prefix(out->str, "67 68 "));
	pt_reorder_free(r);
	g_string_free(out, TRUE);
	g_string_free(want, TRUE);
}

static void test_rtcp(void) {
	uint8_t out[PT_RTCP_MAX];
	int64_t wall = INT64_C(1795347712154771799);
	size_t n = pt_rtcp_write_sender(out, 0x11223344, wall, 90000, 5, 600);
	PtRtcpInfo info;
	g_assert_true(pt_rtcp_parse(out, n, &info));
	g_assert_true(info.has_report && !info.bye);
	g_assert_cmpuint(info.ssrc, ==, 0x11223344);
	g_assert_cmpuint(info.rtp, ==, 90000);
	g_assert_cmpint(ABS(info.ntp_wall_ns - wall), <, 10);
	for (size_t cut = 0; cut < 28; cut++)
		g_assert_false(pt_rtcp_parse(out, cut, &info));
	n = pt_rtcp_write_bye(out, 7);
	g_assert_true(pt_rtcp_parse(out, n, &info) && info.bye);
	PtRtcpReceiverReport report = {.ssrc = 1, .sender = 2, .lost = 3};
	g_assert_cmpuint(pt_rtcp_write_receiver(out, &report), ==, 52);
	g_assert_false(pt_rtcp_parse(out, 52, &info));
}

static void test_header(void) {
	static const struct {
		const char *hex;
		bool good;
		size_t payload;
	} cases[] = {{"80 60 00 01 00 00 00 02 00 00 00 03 aa bb", true, 2},
	             {"a0 60 00 01 00 00 00 02 00 00 00 03 aa bb 02", true, 1},
	             {"a0 60 00 01 00 00 00 02 00 00 00 03 aa bb 09", false, 0},
	             {"a0 60 00 01 00 00 00 02 00 00 00 03 00", false, 0},
	             {"90 60 00 01 00 00 00 02 00 00 00 03 be de 00 01 01 02 03 04 aa", true, 1},
	             {"90 60 00 01 00 00 00 02 00 00 00 03 be de ff ff", false, 0},
	             {"8f 60 00 01 00 00 00 02 00 00 00 03 aa", false, 0},
	             {"40 60 00 01 00 00 00 02 00 00 00 03 aa", false, 0},
	             {"80 60 00 01", false, 0}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t bytes[64];
		PtRtpPacket p;
		g_assert_true(pt_rtp_parse(bytes, unhex(cases[i].hex, bytes), &p) == cases[i].good);
		if (cases[i].good)
			g_assert_cmpuint(p.size, ==, cases[i].payload);
	}
}

typedef struct {
	PtSink base;
	unsigned n;
	int64_t first_ns, last_ns; /* wall time of samples */
} Eye;

static void see_sample(PtSink *sink, PtSample *sample) {
	Eye *eye = (Eye *)sink;
	if (!eye->n++)
		eye->first_ns = sample->wall_ns;
	g_assert_cmpint(sample->wall_ns, >=, eye->last_ns);
	eye->last_ns = sample->wall_ns;
}

static void begun(void *user) { *(bool *)user = true; }

/* Cameras whose RTP time never moves: what they send is still footage of the time that passes. */
static void test_clock_stands_still(void) {
	static const PtSinkOps ops = {.sample = see_sample};
	Eye eye = {.base = {.ops = &ops}};
	bool first = false;
	PtStream *stream = pt_stream_new("still/main");
	pt_stream_add_sink(stream, &eye.base);
	PtRtpReceiver *r = pt_rtp_receiver_new(&(PtRtpReceiverParams){
	    .stream = stream,
	    .codec = PT_CODEC_H264,
	    .depack = {90000, 0, "packetization-mode=1; sprop-parameter-sets=Z2QAKKy0A8ARPyo=,aO4Bniw="},
	    .payload_type = 96,
	    .first = begun,
	    .user = &first});
	const int64_t begin = 1000 * PT_NS_PER_S, frame = PT_NS_PER_S / 15;
	for (unsigned i = 0; i < 150; i++) { /* two packets a frame */
		const uint8_t head[] = {0x80, 96, (uint8_t)(2 * i >> 8), (uint8_t)(2 * i), 0, 0, 0, 9, 1, 2, 3, 4, 0x65,
		                        0x88, 1},
		              tail[] = {
		                  0x80, 0x80 | 96, (uint8_t)(2 * i >> 8), (uint8_t)(2 * i + 1), 0, 0, 0, 9, 1, 2, 3, 4, 0x65,
		                  0x08, 1};
		pt_rtp_receiver_rtp(r, head, sizeof head, begin + i * frame, 0);
		pt_rtp_receiver_rtp(r, tail, sizeof tail, begin + i * frame + PT_NS_PER_MS, 0);
	}
	g_assert_true(first);
	g_assert_cmpuint(eye.n, >=, 120);
	g_assert_cmpint(eye.last_ns, >, begin + 9 * PT_NS_PER_S);
	g_assert_cmpint(eye.last_ns, <=, begin + 10 * PT_NS_PER_S);
	pt_rtp_receiver_free(r);
	pt_stream_remove_sink(&eye.base);
	pt_stream_unref(stream);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rtp/header", test_header);
	g_test_add_func("/rtp/h264", test_h264);
	g_test_add_func("/rtp/h264-change", test_h264_change);
	g_test_add_func("/rtp/h265", test_h265);
	g_test_add_func("/rtp/aac", test_aac);
	g_test_add_func("/rtp/mjpeg", test_mjpeg);
	g_test_add_func("/rtp/reorder", test_reorder);
	g_test_add_func("/rtp/rtcp", test_rtcp);
	g_test_add_func("/rtp/clock-stands-still", test_clock_stands_still);
	return g_test_run();
}
