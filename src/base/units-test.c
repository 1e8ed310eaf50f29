/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"
#include "base/error.h"

static const struct {
	const char *text;
	int64_t ns; /* -1: refused */
	const char *said;
} durations[] = {
    {"30s", 30000000000, NULL},
    {"20ms", 20000000, NULL},
    {"2min", 120000000000, NULL},
    {"1h", 3600000000000, NULL},
    {"30d", 2592000000000000, NULL},
    {"1.5s", 1500000000, NULL},
    {"2 s", 2000000000, NULL},
    {"0", 0, NULL},
    {"0s", 0, NULL},
    {"30", -1, "unit is missing"},
    {"2m", -1, "minutes are 'min'"},
    {"2 fortnights", -1, "the unit 'fortnights' is unknown"},
    {"-1s", -1, "30s"},
    {"", -1, "not a duration"},
    {".5s", -1, "not a duration"},
    {"1.s", -1, "not a duration"},
    {"1e9s", -1, "unknown"},
    {"1min 30s", -1, "unknown"},
    {"10sec", -1, "the unit 'sec' is unknown (did you mean s?)"},
    {"2 Hours", -1, "(did you mean h?)"},
    {"20MS", -1, "(did you mean ms?)"},
    {"99999999999999999999s", -1, "not a duration"},
    {"300000d", -1, "too large"},
};

static void test_duration(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(durations); i++) {
		g_autoptr(GError) error = NULL;
		int64_t ns = -7;
		gboolean ok = pt_units_parse_duration(durations[i].text, &ns, &error);
		g_test_message("%s: %s", durations[i].text, error ? error->message : "taken");
		g_assert_cmpint(ok, ==, durations[i].ns >= 0);
		g_assert_cmpint(ns, ==, ok ? durations[i].ns : -7); /* untouched on failure */
		if (!ok)
			g_assert_nonnull(strstr(error->message, durations[i].said));
	}
}

static const struct {
	const char *text;
	gboolean ok;
	uint64_t bytes;
} sizes[] = {
    {"5GiB", TRUE, UINT64_C(5368709120)},
    {"500MB", TRUE, 500000000},
    {"512KiB", TRUE, 524288},
    {"0.5KiB", TRUE, 512},
    {"2TB", TRUE, UINT64_C(2000000000000)},
    {"10B", TRUE, 10},
    {"5", FALSE, 0},
    {"5gib", FALSE, 0},
    {"5G", FALSE, 0},
    {"99999999TiB", FALSE, 0},
    {"5GiB ", FALSE, 0},
};

static void test_size(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		uint64_t bytes = 0;
		g_test_message("%s", sizes[i].text);
		g_assert_cmpint(pt_units_parse_size(sizes[i].text, &bytes, NULL), ==, sizes[i].ok);
		g_assert_cmpuint(bytes, ==, sizes[i].bytes);
	}
}

static void test_rate_and_percent(void) {
	uint64_t bits = 0;
	double percent = 0;
	g_assert_true(pt_units_parse_rate("20Mbit/s", &bits, NULL));
	g_assert_cmpuint(bits, ==, 20000000);
	g_autoptr(GError) error = NULL;
	g_assert_false(pt_units_parse_rate("20Mbps", &bits, &error));
	g_assert_nonnull(strstr(error->message, "bit/s"));
	g_assert_true(pt_units_parse_percent("5%", &percent, NULL));
	g_assert_cmpfloat(percent, ==, 5);
	g_assert_true(pt_units_parse_percent("12.5 %", &percent, NULL));
	g_assert_cmpfloat(percent, ==, 12.5);
	g_assert_false(pt_units_parse_percent("101%", &percent, NULL));
	g_assert_false(pt_units_parse_percent("5", &percent, NULL));
}

static void test_ohm(void) {
	static const struct {
		const char *text, *back;
		double ohm;
	} good[] = {{"2.2k", "2.2k", 2200}, {"2k2", "2.2k", 2200},    {"4700", "4.7k", 4700},        {"470R", "470", 470},
	            {"1M", "1M", 1e6},      {"12k1", "12.1k", 12100}, {"12.1 kohm", "12.1k", 12100}, {"0R5", "0.5", 0.5}};
	static const char *const bad[] = {"", "0", "k", "-5", "2k2k", "2.2k2", "1G", "5 V", "200M"};
	double ohm = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_assert_true(pt_units_parse_ohm(good[i].text, &ohm, NULL));
		g_assert_cmpfloat_with_epsilon(ohm, good[i].ohm, 1e-9 * good[i].ohm);
		g_autofree char *text = pt_units_format_ohm(ohm);
		g_assert_cmpstr(text, ==, good[i].back);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", bad[i]);
		g_assert_false(pt_units_parse_ohm(bad[i], &ohm, &error));
		g_assert_nonnull(strstr(error->message, "2k2"));
	}
}

static void test_format(void) {
	static const char *const same[] = {"30s", "20ms", "2min", "1h", "30d", "1500ms", "0s", "7ns"};
	for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
		int64_t ns;
		g_assert_true(pt_units_parse_duration(same[i], &ns, NULL));
		g_autofree char *text = pt_units_format_duration(ns);
		g_assert_cmpstr(text, ==, same[i]);
	}
	static const char *const same_size[] = {"5GiB", "500MB", "512KiB", "1B", "0B", "1001B"};
	for (size_t i = 0; i < G_N_ELEMENTS(same_size); i++) {
		uint64_t n;
		g_assert_true(pt_units_parse_size(same_size[i], &n, NULL));
		g_autofree char *text = pt_units_format_size(n);
		g_assert_cmpstr(text, ==, same_size[i]);
	}
	static const struct {
		uint64_t bytes;
		const char *text;
	} about[] = {{0, "0 B"},
	             {999, "999 B"},
	             {1000, "1.0 KiB"},
	             {36368993, "34.7 MiB"},
	             {524288000, "500 MiB"},
	             {80355266560, "74.8 GiB"},
	             {UINT64_MAX, "16.0 EiB"}};
	for (size_t i = 0; i < G_N_ELEMENTS(about); i++) {
		g_autofree char *text = pt_units_about_size(about[i].bytes);
		g_assert_cmpstr(text, ==, about[i].text);
	}
	g_autofree char *rate = pt_units_format_rate(20000000);
	g_assert_cmpstr(rate, ==, "20Mbit/s");
	g_autofree char *percent = pt_units_format_percent(12.5);
	g_assert_cmpstr(percent, ==, "12.5%");
	g_autofree char *ten = pt_units_format_percent(10);
	g_assert_cmpstr(ten, ==, "10%");
}

static void test_time(void) {
	const int64_t second = INT64_C(1000000000), now = INT64_C(1790000000) * second;
	static const struct {
		const char *text;
		int64_t ago_s;
	} good[] = {{"now", 0}, {"10min ago", 600}, {"-10min", 600}, {"1.5h ago", 5400}, {"+2h", -7200}, {"1789999990", 10}};
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		int64_t at = 0;
		g_assert_true(pt_units_parse_time(good[i].text, now, &at, &error));
		g_assert_cmpint(at, ==, now - good[i].ago_s * second);
	}
	static const char *const bad[] = {"",     "ago",   " ago",      "10 ago", "-10",     "yesterday",
	                                  "--1h", "-200y", "-292w ago", "+5",     "+100000d"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		int64_t at = 7;
		g_assert_false(pt_units_parse_time(bad[i], now, &at, &error));
		g_assert_nonnull(error);
		g_assert_cmpint(at, ==, 7);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/units/duration", test_duration);
	g_test_add_func("/units/size", test_size);
	g_test_add_func("/units/rate-and-percent", test_rate_and_percent);
	g_test_add_func("/units/format", test_format);
	g_test_add_func("/units/ohm", test_ohm);
	g_test_add_func("/units/time", test_time);
	return g_test_run();
}
