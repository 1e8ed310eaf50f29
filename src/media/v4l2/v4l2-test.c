/* What needs no device: locations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/v4l2.h"

static void test_locations(void) {
	static const struct {
		const char *text, *device; /* NULL: refused */
		unsigned width, height, fps;
	} cases[] = {
	    {"v4l2:/dev/video0", "/dev/video0", 1280, 720, 15},
	    {"v4l2:/dev/video2?size=640x480&fps=25", "/dev/video2", 640, 480, 25},
	    {"v4l2:/dev/v4l/by-id/usb-cam?fps=5", "/dev/v4l/by-id/usb-cam", 1280, 720, 5},
	    {"v4l2:video0", NULL, 0, 0, 0},
	    {"v4l2:/dev/../etc/passwd", NULL, 0, 0, 0},
	    {"v4l2:/etc/passwd", NULL, 0, 0, 0},
	    {"v4l2:/dev/video0?size=640", NULL, 0, 0, 0},
	    {"v4l2:/dev/video0?size=640x480x3", NULL, 0, 0, 0},
	    {"v4l2:/dev/video0?size=0x480", NULL, 0, 0, 0},
	    {"v4l2:/dev/video0?fps=0", NULL, 0, 0, 0},
	    {"v4l2:/dev/video0?bitrate=3", NULL, 0, 0, 0},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtV4l2Location l;
		bool ok = pt_v4l2_parse(cases[i].text, &l, NULL);
		g_assert_cmpint(ok, ==, cases[i].device != NULL);
		if (!ok)
			continue;
		g_assert_cmpstr(l.device, ==, cases[i].device);
		g_assert_cmpuint(l.width, ==, cases[i].width);
		g_assert_cmpuint(l.height, ==, cases[i].height);
		g_assert_cmpuint(l.fps, ==, cases[i].fps);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/v4l2/locations", test_locations);
	return g_test_run();
}
