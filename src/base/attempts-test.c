/* SPDX-License-Identifier: Apache-2.0 */
#include "base/attempts.h"
#include "base/clock.h"
#include <glib.h>

#define S PT_NS_PER_S

static void test_slower(void) {
	static const int waits_s[] = {0, 0, 1, 2, 4, 8, 16, 32, 64, 64};
	PtAttempts *a = pt_attempts_new();
	int64_t now = 1000 * S;
	for (unsigned i = 0; i < G_N_ELEMENTS(waits_s); i++) {
		pt_attempts_failed(a, "kim", now);
		g_assert_cmpint(pt_attempts_wait_ns(a, "kim", now), ==, waits_s[i] * S);
		g_assert_cmpint(pt_attempts_wait_ns(a, "anna", now), ==, 0);
		now += waits_s[i] * S;
		g_assert_cmpint(pt_attempts_wait_ns(a, "kim", now), ==, 0);
	}
	pt_attempts_forgive(a, "kim");
	pt_attempts_failed(a, "kim", now);
	g_assert_cmpint(pt_attempts_wait_ns(a, "kim", now), ==, 0);
	pt_attempts_free(a);
}

/* Many names take no more memory than some; those that are slowed stay so while there is room. */
static void test_many(void) {
	PtAttempts *a = pt_attempts_new();
	for (int i = 0; i < 3; i++)
		pt_attempts_failed(a, "kim", 5000 * S);
	for (int i = 0; i < 4000; i++) {
		g_autofree char *key = g_strdup_printf("old %d", i);
		pt_attempts_failed(a, key, 0);
	}
	for (int i = 0; i < 4000; i++) {
		g_autofree char *key = g_strdup_printf("new %d", i);
		pt_attempts_failed(a, key, 5000 * S);
	}
	g_assert_cmpint(pt_attempts_wait_ns(a, "kim", 5000 * S), ==, S);
	pt_attempts_free(a);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/attempts/slower", test_slower);
	g_test_add_func("/attempts/many", test_many);
	return g_test_run();
}
