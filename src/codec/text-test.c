/* What burnt-in text looks like, by its pixels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/text.h"
#include "base/clock.h"
#include <glib.h>
#include <string.h>

typedef struct {
	int width, height;
	uint8_t *planes[3];
	int strides[3];
} Picture;

static Picture picture_new(int width, int height) {
	Picture p = {width, height, {NULL}, {width + 3, width / 2 + 3, width / 2 + 3}};
	for (int i = 0; i < 3; i++) { /* exactly as large as it has to be: what is beyond is found by the sanitizer */
		size_t size = (size_t)p.strides[i] * (size_t)(i ? height / 2 : height) - 3;
		p.planes[i] = g_malloc(size);
		memset(p.planes[i], 77, size);
	}
	return p;
}

static void picture_clear(Picture *p) {
	for (int i = 0; i < 3; i++)
		g_free(p->planes[i]);
}

/* Rows of '#' (white), '.' (black) and '-' (untouched), seen through a lattice of dots. */
static char *seen(const Picture *p, int left, int top, int columns, int rows, int dot) {
	GString *out = g_string_new(NULL);
	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < columns; x++) {
			uint8_t v = p->planes[0][(top + y * dot) * p->strides[0] + left + x * dot];
			g_string_append_c(out, v == 235 ? '#' : v == 16 ? '.' : '-');
		}
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}

static PtOsdList one(const char *text, unsigned x, unsigned y) {
	PtOsdList list = {.n = 1};
	list.items[0].x = (uint16_t)x;
	list.items[0].y = (uint16_t)y;
	g_strlcpy(list.items[0].text, text, sizeof list.items[0].text);
	return list;
}

static void test_letters(void) {
	Picture p = picture_new(64, 40);
	PtOsdList list = one("L\u00fc", 0, 0); /* as one character, u with diaeresis */
	pt_text_draw(&list, 0, p.width, p.height, p.planes, p.strides);
	g_autofree char *text = seen(&p, 0, 0, 16, 12, 1);
	g_assert_cmpstr(text, ==,
	                "..............--\n"
	                "........#.#...--\n"
	                ".#............--\n"
	                ".#............--\n"
	                ".#.....#...#..--\n"
	                ".#.....#...#..--\n"
	                ".#.....#...#..--\n"
	                ".#.....#..##..--\n"
	                ".#####..##.#..--\n"
	                "..............--\n"
	                "..............--\n"
	                "..............--\n");
	picture_clear(&p);
}

/* In each corner, and where nothing fits: inside the picture, whatever the text. */
static void test_places(void) {
	static const int sizes[][2] = {{640, 360}, {160, 90}, {16, 16}, {2, 2}, {1280, 720}};
	static const char *const texts[] = {
	    "", "x", "\u4e2d", "\u0301", "a line that is far too long for a small picture", "e\u0301\u0302\u0303"};
	for (unsigned s = 0; s < G_N_ELEMENTS(sizes); s++)
		for (unsigned t = 0; t < G_N_ELEMENTS(texts); t++)
			for (unsigned corner = 0; corner < 4; corner++) {
				Picture p = picture_new(sizes[s][0], sizes[s][1]);
				PtOsdList list = one(texts[t], corner & 1 ? 1000 : 0, corner & 2 ? 1000 : 0);
				pt_text_draw(&list, 0, p.width, p.height, p.planes, p.strides);
				int x = corner & 1 ? p.width - 1 : 0, y = corner & 2 ? p.height - 1 : 0;
				if (t == 1 && s != 3)
					g_assert_cmpint(p.planes[0][y * p.strides[0] + x], ==, 16);
				picture_clear(&p);
			}
}

static void test_clock(void) {
	Picture at = picture_new(640, 360), as_text = picture_new(640, 360);
	PtOsdList list = one("yyyy-MM-dd HH:mm:ss", 1000, 0), text = one("2013-03-06 15:14:21", 1000, 0);
	list.items[0].clock = true;
	list.utc_offset_s = 3600;
	pt_text_draw(&list, 1362579261 * PT_NS_PER_S, 640, 360, at.planes, at.strides);
	pt_text_draw(&text, 0, 640, 360, as_text.planes, as_text.strides);
	g_autofree char *a = seen(&at, 0, 0, 320, 180, 2), *b = seen(&as_text, 0, 0, 320, 180, 2);
	g_assert_cmpstr(a, ==, b);
	picture_clear(&at);
	picture_clear(&as_text);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/text/letters", test_letters);
	g_test_add_func("/text/places", test_places);
	g_test_add_func("/text/clock", test_clock);
	return g_test_run();
}
