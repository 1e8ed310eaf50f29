/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/target.h"
#include "base/clock.h"
#include <stdlib.h>

/* In Berlin. */
static const struct {
	const char *from_to, *now, *until;
} cases[] = {
    {"22:00-06:00", "2026-01-10T20:59:59Z", "2026-01-10T20:59:59Z"},
    {"22:00-06:00", "2026-01-10T21:00:00Z", "2026-01-11T05:00:00Z"},
    {"22:00-06:00", "2026-01-11T04:59:59Z", "2026-01-11T05:00:00Z"},
    {"22:00-06:00", "2026-01-11T05:00:00Z", "2026-01-11T05:00:00Z"},
    {"12:30-13:00", "2026-07-01T10:45:30Z", "2026-07-01T11:00:00Z"},
    {"12:30-13:00", "2026-07-01T11:00:00Z", "2026-07-01T11:00:00Z"},
    {"06:00-06:00", "2026-07-01T04:00:00Z", "2026-07-01T04:00:00Z"},
};

static void test_quiet(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(PtNotifyTarget) t = pt_notify_target_new(PT_NOTIFY_NTFY, "phone");
		int64_t now = 0, until = 0;
		g_assert_true(pt_time_parse(cases[i].now, &now, NULL) && pt_time_parse(cases[i].until, &until, NULL));
		g_assert_cmpint(pt_notify_target_quiet_until(t, now), ==, now);
		t->quiet_from_min = atoi(cases[i].from_to) * 60 + atoi(cases[i].from_to + 3);
		t->quiet_to_min = atoi(cases[i].from_to + 6) * 60 + atoi(cases[i].from_to + 9);
		t->zone = g_time_zone_new_identifier("Europe/Berlin");
		g_assert_cmpint(pt_notify_target_quiet_until(t, now), ==, until);
	}
}

/* In the night in which the clocks are set, the end is an hour off at first, and asked for again when it comes. */
static void test_summer_time(void) {
	g_autoptr(PtNotifyTarget) t = pt_notify_target_new(PT_NOTIFY_NTFY, "phone");
	int64_t now = 0, end = 0;
	g_assert_true(pt_time_parse("2026-10-24T21:00:00Z", &now, NULL) &&
	              pt_time_parse("2026-10-25T05:00:00Z", &end, NULL));
	t->quiet_from_min = 22 * 60;
	t->quiet_to_min = 6 * 60;
	t->zone = g_time_zone_new_identifier("Europe/Berlin");
	for (int64_t next; (next = pt_notify_target_quiet_until(t, now)) > now; now = next)
		g_assert_cmpint(next, <=, end);
	g_assert_cmpint(now, ==, end);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notify/target/quiet", test_quiet);
	g_test_add_func("/notify/target/summer-time", test_summer_time);
	return g_test_run();
}
