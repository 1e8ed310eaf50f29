/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/sun.h"
#include <glib.h>
#include <math.h>

/* Almanac times, local. */
static const struct {
	const char *place;
	int year, month, day, offset_h;
	double latitude, longitude;
	PtSunKind kind;
	int rise, set; /* hhmm */
} cases[] = {
    {"Berlin, June", 2026, 6, 21, 2, 52.52, 13.40, PT_SUN_NORMAL, 443, 2133},
    {"Berlin, December", 2026, 12, 21, 1, 52.52, 13.40, PT_SUN_NORMAL, 815, 1554},
    {"London, March", 2026, 3, 20, 0, 51.5074, -0.1278, PT_SUN_NORMAL, 604, 1814},
    {"Quito, March", 2026, 3, 20, -5, -0.18, -78.47, PT_SUN_NORMAL, 618, 1825},
    {"Sydney, December", 2026, 12, 21, 11, -33.87, 151.21, PT_SUN_NORMAL, 541, 2005},
    {"New York, July", 2026, 7, 4, -4, 40.7128, -74.0060, PT_SUN_NORMAL, 530, 2031},
    {"Tromso, June", 2026, 6, 21, 2, 69.65, 18.96, PT_SUN_POLAR_DAY, 0, 2400},
    {"Tromso, December", 2026, 12, 21, 1, 69.65, 18.96, PT_SUN_POLAR_NIGHT, 1200, 1200},
    {"South Pole, June", 2026, 6, 21, 0, -90, 0, PT_SUN_POLAR_NIGHT, 1200, 1200},
    {"South Pole, December", 2026, 12, 21, 0, -90, 0, PT_SUN_POLAR_DAY, 0, 2400},
};

static void test_sun(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GDateTime) date = g_date_time_new_utc(cases[i].year, cases[i].month, cases[i].day, 0, 0, 0);
		double rise, set;
		PtSunKind kind = pt_sun_times(g_date_time_to_unix(date) / 86400, cases[i].latitude, cases[i].longitude,
		                              cases[i].offset_h * 3600, &rise, &set);
		g_test_message("%s: %02d:%02d %02d:%02d", cases[i].place, (int)rise / 60, (int)rise % 60, (int)set / 60,
		               (int)set % 60);
		g_assert_cmpint(kind, ==, cases[i].kind);
		g_assert_cmpfloat(fabs(rise - (cases[i].rise / 100 * 60 + cases[i].rise % 100)), <, 2.5);
		g_assert_cmpfloat(fabs(set - (cases[i].set / 100 * 60 + cases[i].set % 100)), <, 2.5);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sun/almanac", test_sun);
	return g_test_run();
}
