/* SPDX-License-Identifier: Apache-2.0 */
#include "web/hls-list.h"
#include "base/clock.h"
#include <string.h>

#define NOON (INT64_C(1763809200) * PT_NS_PER_S) /* 2025-11-22T11:00:00Z */

static int64_t at;

static void add(PtHlsList *list, double seconds, bool map, bool discontinuity, size_t size) {
	g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(size), size);
	g_autoptr(GBytes) init = map ? g_bytes_new_static("init", 4) : NULL;
	int64_t duration = (int64_t)(seconds * PT_NS_PER_S);
	pt_hls_list_add(list, &(PtHlsSegment){bytes, init, at, duration, discontinuity});
	at += duration;
}

static void test_text(void) {
	PtHlsList *list = pt_hls_list_new(100, 1 << 20);
	at = NOON;
	g_assert_true(pt_hls_list_is_empty(list));
	g_assert_cmpuint(pt_hls_list_target(list), ==, 0);
	add(list, 2, true, false, 10);
	at += 500 * PT_NS_PER_MS;
	add(list, 1.96, true, true, 10);
	g_autofree char *text = pt_hls_list_text(list, "?audio=1");
	g_assert_cmpstr(text, ==,
	                "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:100\n"
	                "#EXT-X-DISCONTINUITY-SEQUENCE:100\n"
	                "#EXT-X-MAP:URI=\"100.mp4?audio=1\"\n"
	                "#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:00:00.000Z\n#EXTINF:2.000000,\n100.m4s?audio=1\n"
	                "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"101.mp4?audio=1\"\n"
	                "#EXT-X-PROGRAM-DATE-TIME:2025-11-22T11:00:02.500Z\n#EXTINF:1.960000,\n101.m4s?audio=1\n");
	pt_hls_list_free(list);
}

/* Every length comes out with a target that is not below its rounded self, and does not shrink again. */
static void test_target(void) {
	static const struct {
		double seconds;
		unsigned target;
	} rows[] = {{0.9, 1}, {1.0, 1}, {1.2, 1}, {1.49, 2}, {2.02, 2}, {2.4, 3}, {10.0, 10}, {2, 10}};
	PtHlsList *list = pt_hls_list_new(1, 1 << 20);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		add(list, rows[i].seconds, !i, false, 10);
		g_assert_cmpuint(pt_hls_list_target(list), ==, rows[i].target);
		g_assert_cmpuint((unsigned)(rows[i].seconds + 0.5), <=, rows[i].target);
	}
	pt_hls_list_free(list);
}

static unsigned count(const char *text, const char *what) {
	unsigned n = 0;
	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* What leaves the list stays reachable for as long again; discontinuities that leave are counted. */
static void test_window(void) {
	PtHlsList *list = pt_hls_list_new(0, 1 << 20);
	at = NOON;
	for (unsigned i = 0; i < 40; i++)
		add(list, 2, i % 10 == 0, i && i % 10 == 0, 1000);
	g_autofree char *text = pt_hls_list_text(list, "");
	g_assert_nonnull(strstr(text, "#EXT-X-MEDIA-SEQUENCE:36\n"));
	g_assert_nonnull(strstr(text, "#EXT-X-DISCONTINUITY-SEQUENCE:3\n"));
	g_assert_cmpuint(count(text, "#EXTINF"), ==, 4);
	g_assert_nonnull(strstr(text, "\"30.mp4\"")); /* its initialisation section came before what is kept */
	g_assert_nonnull(pt_hls_list_find(list, "30.mp4"));
	g_assert_nonnull(pt_hls_list_find(list, "32.m4s"));
	g_assert_null(pt_hls_list_find(list, "20.m4s"));
	g_assert_null(pt_hls_list_find(list, "20.mp4"));
	static const char *const not_there[] = {"",        "40.m4s", "39",         "39.m4",  "x.m4s",
	                                        "-39.m4s", "39.mp4", "39.m4s.mp4", " 39.m4s"};
	for (unsigned i = 0; i < G_N_ELEMENTS(not_there); i++)
		g_assert_null(pt_hls_list_find(list, not_there[i]));
	g_assert_cmpuint(pt_hls_list_bytes(list), <=, 10 * 1004);
	pt_hls_list_free(list);
}

/* A discontinuity at the head of the list is said by its number alone, and each counts once. */
static void test_discontinuities(void) {
	PtHlsList *list = pt_hls_list_new(7, 1 << 20);
	add(list, 2, true, false, 10);
	for (unsigned i = 0; i < 30; i++) {
		add(list, 2, false, i % 3 == 0, 10);
		g_autofree char *text = pt_hls_list_text(list, "");
		unsigned base = (unsigned)g_ascii_strtoull(strstr(text, "SEQUENCE:") + 9, NULL, 10);
		unsigned number = (unsigned)g_ascii_strtoull(strstr(text, "DISCONTINUITY-SEQUENCE:") + 23, NULL, 10);
		g_assert_cmpuint(base + count(text, "#EXTINF"), ==, 7 + i + 2);
		g_assert_cmpuint(number + count(text, "#EXT-X-DISCONTINUITY\n"), ==, 7 + i / 3 + 1);
	}
	pt_hls_list_free(list);
}

/* Memory goes before the list gets shorter, and three segments stay whatever they weigh. */
static void test_memory(void) {
	PtHlsList *list = pt_hls_list_new(0, 5000);
	for (unsigned i = 0; i < 10; i++) {
		add(list, 2, !i, false, 1000);
		g_assert_cmpuint(pt_hls_list_bytes(list), <=, 5000);
	}
	for (unsigned i = 0; i < 10; i++)
		add(list, 2, false, false, 3000);
	g_assert_cmpuint(pt_hls_list_bytes(list), ==, 9000);
	g_autofree char *text = pt_hls_list_text(list, "");
	g_assert_cmpuint(count(text, "#EXTINF"), ==, 3);
	pt_hls_list_free(list);
}

static void test_stop(void) {
	PtHlsList *list = pt_hls_list_new(0, 1 << 20);
	for (unsigned i = 0; i < 3; i++)
		add(list, 2, !i, false, 10);
	pt_hls_list_stop(list);
	g_assert_true(pt_hls_list_is_empty(list));
	g_assert_nonnull(pt_hls_list_find(list, "2.m4s"));
	add(list, 2, false, false, 10);
	g_autofree char *text = pt_hls_list_text(list, "");
	g_assert_nonnull(strstr(text, "#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"));
	g_assert_nonnull(strstr(text, "\"0.mp4\""));
	pt_hls_list_free(list);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/hls-list/text", test_text);
	g_test_add_func("/hls-list/target", test_target);
	g_test_add_func("/hls-list/window", test_window);
	g_test_add_func("/hls-list/discontinuities", test_discontinuities);
	g_test_add_func("/hls-list/memory", test_memory);
	g_test_add_func("/hls-list/stop", test_stop);
	return g_test_run();
}
