/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/clock-watch.h"

#define S PT_NS_PER_S
#define MS PT_NS_PER_MS

static void assert_row(const PtClockWatch *w, int64_t since_ns, int64_t offset_ns) {
	g_assert_cmpint(w->row.since_ns, ==, since_ns);
	g_assert_cmpint(w->row.offset_ns, ==, offset_ns);
}

static void test_set(void) {
	PtClockWatch w = {0};
	g_assert_false(pt_clock_watch(&w, 3 * S, false, 10 * S)); /* one look is none */
	g_assert_true(pt_clock_watch(&w, 3 * S, false, 11 * S));
	assert_row(&w, 11 * S, 3 * S);
	g_assert_false(pt_clock_watch(&w, 3 * S + 90 * MS, false, 12 * S));
	g_assert_true(pt_clock_watch(&w, 3 * S + 200 * MS, false, 13 * S)); /* it drifts: the same row */
	assert_row(&w, 11 * S, 3 * S + 200 * MS);
	g_assert_false(pt_clock_watch(&w, -60 * S, false, 20 * S));
	g_assert_false(pt_clock_watch(&w, 3 * S + 200 * MS, false, 21 * S)); /* that was a look in between */
	g_assert_false(pt_clock_watch(&w, -60 * S, false, 22 * S));
	g_assert_true(pt_clock_watch(&w, -60 * S, false, 23 * S));
	assert_row(&w, 23 * S, -60 * S);
}

static void test_rough(void) {
	PtClockWatch w = {0};
	pt_clock_watch(&w, -2400 * MS, true, 10 * S);
	g_assert_true(pt_clock_watch(&w, -2400 * MS, true, 11 * S));
	g_assert_cmpint(pt_clock_watch_offset(&w, &w.row, 5 * MS), ==, 5 * MS); /* before it is seen twice, too */
	g_assert_false(pt_clock_watch(&w, 5 * MS, false, 12 * S));
	g_assert_true(pt_clock_watch(&w, 5 * MS, false, 13 * S));
	assert_row(&w, 11 * S, 5 * MS); /* it was not set */
	g_assert_false(pt_clock_watch(&w, 4 * S, true, 20 * S));
	g_assert_false(pt_clock_watch(&w, 4 * S, true, 21 * S)); /* what is known well is not given up for that */
	assert_row(&w, 11 * S, 5 * MS);
	g_assert_true(pt_clock_watch(&w, 4 * S, false, 22 * S));
	assert_row(&w, 22 * S, 4 * S); /* measured well, it was set */
	pt_clock_watch(&w, 3600 * S, true, 30 * S);
	g_assert_true(pt_clock_watch(&w, 3600 * S, true, 31 * S)); /* by so much that it cannot be the measuring */
	assert_row(&w, 31 * S, 3600 * S);
}

static void test_offset(void) {
	PtClockWatch w = {.row = {20 * S, 5 * MS}};
	PtClockRow none = {0}, before = {10 * S, -7 * S};
	g_assert_cmpint(pt_clock_watch_offset(&w, &none, 9 * MS), ==, 9 * MS);
	g_assert_cmpint(pt_clock_watch_offset(&w, &w.row, 9 * MS), ==, 9 * MS);
	g_assert_cmpint(pt_clock_watch_offset(&w, &before, 9 * MS), ==, -7 * S);
	w.rough = true; /* says nothing of the row before */
	g_assert_cmpint(pt_clock_watch_offset(&w, &before, 9 * MS), ==, -7 * S);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/clock-watch/set", test_set);
	g_test_add_func("/clock-watch/rough", test_rough);
	g_test_add_func("/clock-watch/offset", test_offset);
	return g_test_run();
}
