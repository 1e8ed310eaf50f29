/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/adc/loop.h"
#include <glib.h>

static double ratio_of(const PtLoopParams *l, double ohm) { return ohm / (ohm + l->pull_up_ohm); }

static void check(const PtLoopParams *l, double ohm, PtLoopState state) {
	g_test_message("%.0f ohms", ohm);
	g_assert_cmpint(pt_loop_state(l, ratio_of(l, ohm)), ==, state);
	g_assert_cmpfloat_with_epsilon(pt_loop_ohm(l, ratio_of(l, ohm)), ohm, ohm * 1e-9 + 1e-9);
}

/* Two resistors: all five. */
static void test_double(void) {
	const PtLoopParams l = {2200, 2200, 4700, 0.25};
	g_assert_true(pt_loop_is_sound(&l));
	check(&l, 2200, PT_LOOP_CLOSED);
	check(&l, 2700, PT_LOOP_CLOSED); /* a long cable */
	check(&l, 1700, PT_LOOP_CLOSED);
	check(&l, 6900, PT_LOOP_OPEN);
	check(&l, 8500, PT_LOOP_OPEN);
	check(&l, 0, PT_LOOP_SHORTED);
	check(&l, 400, PT_LOOP_SHORTED);
	check(&l, 1e6, PT_LOOP_CUT);
	check(&l, 20000, PT_LOOP_CUT);
	check(&l, 1200, PT_LOOP_STRANGE);
	check(&l, 4000, PT_LOOP_STRANGE);
	check(&l, 12000, PT_LOOP_STRANGE);
	g_assert_cmpint(pt_loop_state(&l, 1), ==, PT_LOOP_CUT);
	g_assert_cmpint(pt_loop_state(&l, 0), ==, PT_LOOP_SHORTED);
	g_assert_cmpfloat(pt_loop_ohm(&l, 1), >=, 1e9);
}

/* One resistor: what it cannot tell apart it does not pretend to. */
static void test_single(void) {
	const PtLoopParams in_series = {10000, 12100, 0, 0.4}, in_parallel = {10000, 0, 12100, 0.4};
	g_assert_true(pt_loop_is_sound(&in_series) && pt_loop_is_sound(&in_parallel));
	check(&in_series, 12100, PT_LOOP_CLOSED);
	check(&in_series, 16000, PT_LOOP_CLOSED);
	check(&in_series, 1e7, PT_LOOP_OPEN);
	check(&in_series, 100, PT_LOOP_SHORTED);
	check(&in_parallel, 12100, PT_LOOP_OPEN);
	check(&in_parallel, 50, PT_LOOP_CLOSED);
	check(&in_parallel, 1e7, PT_LOOP_CUT);
}

static void test_unsound(void) {
	g_assert_false(pt_loop_is_sound(&(PtLoopParams){1000, 0, 0, 0.25}));
	g_assert_false(pt_loop_is_sound(&(PtLoopParams){1000, 4700, 1000, 0.25}));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/loop/double", test_double);
	g_test_add_func("/loop/single", test_single);
	g_test_add_func("/loop/unsound", test_unsound);
	return g_test_run();
}
