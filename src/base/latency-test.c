/* SPDX-License-Identifier: Apache-2.0 */
#include "base/latency.h"
#include <glib.h>

static void test_figures(void) {
	PtLatency l = {0};
	g_assert_cmpint(pt_latency_figures(&l).p99_ns, ==, 0);
	pt_latency_add(&l, 7);
	PtLatencyFigures one = pt_latency_figures(&l);
	g_assert_cmpint(one.p50_ns, ==, 7);
	g_assert_cmpint(one.p99_ns, ==, 7);
	/* the longest stays known when it is long ago */
	pt_latency_add(&l, 1000000);
	for (int i = 100; i >= 1; i--)
		pt_latency_add(&l, i);
	for (int i = 0; i < PT_LATENCY_KEPT; i++)
		pt_latency_add(&l, i % 100 + 1);
	PtLatencyFigures many = pt_latency_figures(&l);
	g_assert_cmpint(many.p50_ns, >=, 40);
	g_assert_cmpint(many.p50_ns, <=, 55);
	g_assert_cmpint(many.p99_ns, >=, 98);
	g_assert_cmpint(many.p99_ns, <=, 100);
	g_assert_cmpint(many.max_ns, ==, 1000000);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/latency/figures", test_figures);
	return g_test_run();
}
