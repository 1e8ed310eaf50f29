/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/error.h"

static void test_virtual(void) {
	PtClock *c = pt_clock_virtual_new(1000, 5);
	pt_clock_virtual_advance(c, 10);
	pt_clock_virtual_step(c, -500);
	g_assert_cmpint(pt_wall_ns(c), ==, 510);
	g_assert_cmpint(pt_mono_ns(c), ==, 15);
	pt_clock_virtual_free(c);
}

static void test_begin(void) {
	PtClockBegin b = {0};
	g_assert_cmpint(pt_clock_begin_place(&b, 5000), ==, 5000);
	/* one that is set is not touched, wherever the archive ends */
	g_assert_false(pt_clock_begin(&b, 5000, 4000, 9000));
	g_assert_cmpint(pt_clock_begin_place(&b, 5000), ==, 5000);
	/* in 1970: from the last time that is known, and never before the program was made */
	g_assert_true(pt_clock_begin(&b, 10, 4000, 1000));
	g_assert_cmpint(pt_clock_begin_place(&b, 20), ==, 4010);
	g_assert_true(pt_clock_begin(&b, 30, 4000, 7000));
	g_assert_cmpint(pt_clock_begin_place(&b, 40), ==, 7010);
	g_assert_true(pt_clock_begin(&b, 50, 4000, 6000)); /* not back */
	g_assert_cmpint(pt_clock_begin_place(&b, 60), ==, 7030);
	/* real time arrives, and is true from then on, set back by a little or not */
	g_assert_cmpint(pt_clock_begin_place(&b, 9000), ==, 9000);
	g_assert_cmpint(b.ahead_ns, ==, 0);
	g_assert_cmpint(pt_clock_begin_place(&b, 3990), ==, 3990);
}

static void test_text(void) {
	g_autofree char *text = pt_time_format(INT64_C(1795345530125) * PT_NS_PER_MS);
	g_assert_cmpstr(text, ==, "2026-11-22T11:05:30.125Z");
	int64_t ns = 0;
	g_assert_true(pt_time_parse(text, &ns, NULL));
	g_assert_cmpint(ns, ==, INT64_C(1795345530125) * PT_NS_PER_MS);
	g_assert_true(pt_time_parse("2026-11-22T12:05:30+01:00", &ns, NULL));
	g_assert_cmpint(ns, ==, INT64_C(1795345530) * PT_NS_PER_S);
	g_assert_true(pt_time_parse("1795345530.25", &ns, NULL));
	g_assert_cmpint(ns, ==, INT64_C(1795345530250) * PT_NS_PER_MS);
	static const char *const bad[] = {"", "yesterday", "12x", "-5", "99999999999999", "1.2.3"};
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(pt_time_parse(bad[i], &ns, &error));
		g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/clock/virtual", test_virtual);
	g_test_add_func("/clock/begin", test_begin);
	g_test_add_func("/clock/text", test_text);
	return g_test_run();
}
