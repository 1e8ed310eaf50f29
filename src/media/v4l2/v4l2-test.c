/* What needs no device: locations, and what a device has compressed, from recorded buffers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/picture.h"
#include "media/v4l2/v4l2.h"
#include <glib.h>
#include <string.h>

static void test_locations(void) {
	static const struct {
		const char *text, *device; /* NULL: refused */
		unsigned width, height, fps, gop_ms, bitrate;
		bool mjpeg;
		PtV4l2From from;
	} cases[] = {
	    {"v4l2:/dev/video0", "/dev/video0", 1280, 720, 15, 2000, 2000000, false, PT_V4L2_FROM_ANY},
	    {"v4l2:/dev/video2?size=640x480&fps=25", "/dev/video2", 640, 480, 25, 2000, 2000000, false, PT_V4L2_FROM_ANY},
	    {"v4l2:/dev/v4l/by-id/usb-cam?fps=5", "/dev/v4l/by-id/usb-cam", 1280, 720, 5, 2000, 2000000, false,
	     PT_V4L2_FROM_ANY},
	    {"v4l2:/dev/video0?gop=500ms&bitrate=800k&from=raw", "/dev/video0", 1280, 720, 15, 500, 800000, false,
	     PT_V4L2_FROM_RAW},
	    {"v4l2:/dev/video0?codec=mjpeg", "/dev/video0", 1280, 720, 15, 2000, 2000000, true, PT_V4L2_FROM_ANY},
	    {"v4l2:/dev/video0?from=mjpeg&bitrate=4M", "/dev/video0", 1280, 720, 15, 2000, 4000000, false,
	     PT_V4L2_FROM_MJPEG},
	    {"v4l2:video0"},
	    {"v4l2:/dev/../etc/passwd"},
	    {"v4l2:/etc/passwd"},
	    {"v4l2:/dev/video0?size=640"},
	    {"v4l2:/dev/video0?size=640x480x3"},
	    {"v4l2:/dev/video0?size=0x480"},
	    {"v4l2:/dev/video0?size=1kx480"},
	    {"v4l2:/dev/video0?fps=0"},
	    {"v4l2:/dev/video0?fps"},
	    {"v4l2:/dev/video0?bitrate=3"},
	    {"v4l2:/dev/video0?bitrate=99999999999M"},
	    {"v4l2:/dev/video0?gop=1h"},
	    {"v4l2:/dev/video0?codec=h265"},
	    {"v4l2:/dev/video0?from=air"},
	    {"v4l2:/dev/video0?codec=mjpeg&from=raw"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtV4l2Location l, again;
		bool ok = pt_v4l2_parse(cases[i].text, &l, NULL);
		g_assert_cmpint(ok, ==, cases[i].device != NULL);
		if (!ok)
			continue;
		g_assert_cmpstr(l.device, ==, cases[i].device);
		g_assert_cmpuint(l.width, ==, cases[i].width);
		g_assert_cmpuint(l.height, ==, cases[i].height);
		g_assert_cmpuint(l.fps, ==, cases[i].fps);
		g_assert_cmpuint(l.gop_ms, ==, cases[i].gop_ms);
		g_assert_cmpuint(l.bitrate, ==, cases[i].bitrate);
		g_assert_cmpint(l.mjpeg, ==, cases[i].mjpeg);
		g_assert_cmpint(l.from, ==, cases[i].from);
		g_autofree char *written = pt_v4l2_location(&l);
		g_assert_true(pt_v4l2_parse(written, &again, NULL));
		g_assert_cmpmem(&again, sizeof again, &l, sizeof l);
	}
}

/* x264, 32x32 baseline, with access unit delimiters; slices cut short: nobody looks into them */
static const uint8_t key[] = {0,    0,    0,    1,    0x09, 0x10, 0,    0,    0,    1,    0x67, 0x42, 0xc0, 0x0a,
                              0xd9, 0x09, 0x6c, 0x04, 0x40, 0,    0,    3,    0,    0x40, 0,    0,    3,    2,
                              0x83, 0xc4, 0x89, 0x92, 0,    0,    0,    1,    0x68, 0xcb, 0x80, 0xe4, 0xb2, 0,
                              0,    1,    0x65, 0x88, 0x84, 0x3f, 0xc4, 0x22, 0x2a, 0,    0xc0, 0x84};
static const uint8_t other[] = {0, 0, 0, 1, 0x09, 0x30, 0, 0, 1, 0x41, 0x9a, 0x39, 0xfe, 0x19, 0xc3, 0, 0};
static const uint8_t bare_key[] = {0, 0, 1, 0x65, 0x88, 0x84, 0x3f};

static void test_h264(void) {
	PtV4l2Pictures p = {.codec = PT_CODEC_H264};
	g_assert_null(pt_v4l2_picture(&p, other, sizeof other)); /* nobody could decode it */
	g_assert_null(pt_v4l2_picture(&p, bare_key, sizeof bare_key));
	PtSample *first = pt_v4l2_picture(&p, key, sizeof key), *second = pt_v4l2_picture(&p, other, sizeof other),
	         *third = pt_v4l2_picture(&p, bare_key, sizeof bare_key);
	g_assert_true(first->key && !second->key && third->key);
	g_assert_cmpstr(first->format->rfc6381, ==, "avc1.42c00a");
	g_assert_cmpuint(first->format->width, ==, 32);
	g_assert_true(second->format == first->format && third->format == first->format);
	static const uint8_t slice[] = {0, 0, 0, 10, 0x65, 0x88, 0x84, 0x3f, 0xc4, 0x22, 0x2a, 0, 0xc0, 0x84};
	g_assert_cmpmem(first->data, first->size, slice, sizeof slice);
	static const uint8_t filled_up[] = {0, 0, 0, 6, 0x41, 0x9a, 0x39, 0xfe, 0x19, 0xc3};
	g_assert_cmpmem(second->data, second->size, filled_up, sizeof filled_up);
	pt_sample_unref(first);
	pt_sample_unref(second);
	pt_sample_unref(third);
	static const uint8_t nothing[][4] = {{0, 0, 0, 0}, {0, 0, 1, 9}, {0, 0, 0, 1}, {1, 2, 3, 4}};
	for (unsigned i = 0; i < G_N_ELEMENTS(nothing); i++)
		g_assert_null(pt_v4l2_picture(&p, nothing[i], 4));
	pt_v4l2_pictures_clear(&p);
}

/* libavcodec, 16x16 grey; as many webcams give it: without Huffman tables, filled up with zeros */
static const uint8_t jpeg[] = {
    0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46, 0x00, 0x01, 0x02, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00,
    0x00, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x08, 0x3e, 0x3e, 0x49, 0x3e, 0x49, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x64,
    0x5d, 0x64, 0x68, 0x68, 0x68, 0x64, 0x64, 0x64, 0x64, 0x68, 0x68, 0x68, 0x70, 0x70, 0x70, 0x83, 0x83, 0x83, 0x70,
    0x70, 0x70, 0x68, 0x68, 0x70, 0x70, 0x7c, 0x7c, 0x83, 0x83, 0x8f, 0x93, 0x8f, 0x87, 0x87, 0x83, 0x87, 0x93, 0x93,
    0x9b, 0x9b, 0x9b, 0xba, 0xba, 0xb2, 0xb2, 0xd9, 0xd9, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x00, 0x11, 0x08, 0x00,
    0x10, 0x00, 0x10, 0x03, 0x01, 0x22, 0x00, 0x02, 0x11, 0x00, 0x03, 0x11, 0x00, 0xff, 0xda, 0x00, 0x0c, 0x03, 0x01,
    0x00, 0x02, 0x11, 0x03, 0x11, 0x00, 0x3f, 0x00, 0x28, 0xa2, 0x8a, 0x00, 0xff, 0xd9, 0x00, 0x00, 0x00};

static void test_mjpeg(void) {
	PtV4l2Pictures p = {.codec = PT_CODEC_MJPEG};
	PtSample *s = pt_v4l2_picture(&p, jpeg, sizeof jpeg), *again = pt_v4l2_picture(&p, s->data, s->size);
	g_assert_true(s->key && s->format->codec == PT_CODEC_MJPEG);
	g_assert_cmpuint(s->format->width, ==, 16);
	g_assert_cmpuint(s->size, ==, sizeof jpeg - 3 + 432 - 4 + 4); /* the four tables, each with marker and length */
	g_assert_cmpmem(s->data + s->size - 2, 2, "\xff\xd9", 2);
	g_assert_cmpmem(again->data, again->size, s->data, s->size); /* it has them now */
	g_assert_true(again->format == s->format);
	pt_sample_unref(s);
	pt_sample_unref(again);
	for (size_t n = 0; n < sizeof jpeg - 4; n++) /* cut anywhere */
		g_assert_null(pt_v4l2_picture(&p, jpeg, n));
	pt_v4l2_pictures_clear(&p);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/v4l2/locations", test_locations);
	g_test_add_func("/v4l2/h264", test_h264);
	g_test_add_func("/v4l2/mjpeg", test_mjpeg);
	return g_test_run();
}
