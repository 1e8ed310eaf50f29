/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/range.h"
#include <glib.h>

#define MS INT64_C(1000000)

static void test_good(void) {
	static const struct {
		const char *text;
		PtRtspRange want;
	} rows[] = {
	    {"clock=20090615T114900.440Z-", {true, true, false, INT64_C(1245066540440) * MS, 0}},
	    {"clock=20090615T114900Z-20090615T115000.000000001Z",
	     {true, true, true, INT64_C(1245066540000) * MS, INT64_C(1245066600000) * MS + 1}},
	    {"clock=-20090615T115000Z", {true, false, true, 0, INT64_C(1245066600000) * MS}},
	    {"Clock=20161231T235960Z-", {true, true, false, INT64_C(1483228800000) * MS, 0}},
	    {"npt=0.000-", {false, true, false, 0, 0}},
	    {"npt=12.5-1:00:01.25", {false, true, true, 12500 * MS, 3601250 * MS}},
	    {"npt=now-", {false, false, false, 0, 0}},
	    {"npt=3-;time=20090615T114900Z", {false, true, false, 3000 * MS, 0}},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		PtRtspRange got;
		g_test_message("%s", rows[i].text);
		g_assert_true(pt_rtsp_range_parse(rows[i].text, &got));
		g_assert_cmpint(got.clock, ==, rows[i].want.clock);
		g_assert_cmpint(got.has_from, ==, rows[i].want.has_from);
		g_assert_cmpint(got.has_to, ==, rows[i].want.has_to);
		g_assert_cmpint(got.from_ns, ==, rows[i].want.from_ns);
		g_assert_cmpint(got.to_ns, ==, rows[i].want.to_ns);
	}
}

static void test_bad(void) {
	static const char *const rows[] = {
	    "",
	    "clock",
	    "clock=",
	    "clock=2009-06-15T11:49:00Z-",
	    "clock=20090615T114900-",
	    "clock=20091315T114900Z-",
	    "clock=20090615T114961Z-",
	    "smpte=0:10:00-",
	    "npt=",
	    "npt=-1-",
	    "npt=1",
	    "npt=1:2:3:4-",
	    "npt=99999999999999999999-",
	    "npt=1-2 x",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		PtRtspRange got;
		g_test_message("%s", rows[i]);
		g_assert_false(pt_rtsp_range_parse(rows[i], &got));
	}
}

static void test_format(void) {
	g_autofree char *text = pt_rtsp_clock_format(INT64_C(1245066540440) * MS + 1999);
	g_assert_cmpstr(text, ==, "20090615T114900.440001Z");
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rtsp/range/good", test_good);
	g_test_add_func("/rtsp/range/bad", test_bad);
	g_test_add_func("/rtsp/range/format", test_format);
	return g_test_run();
}
