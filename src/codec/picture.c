/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/picture.h"
#include "base/clock.h"
#include "codec/font.h"
#include <glib.h>
#include <string.h>

#define CELLS 80 /* of the strip: 4 that say where it begins, 64 of time, 8 of check, 4 that say where it ends */
#define BLACK 16
#define WHITE 235

struct PtPicture {
	int width, height;
	uint8_t *row; /* two widths of the background's brightness, to slide over */
};

PtPicture *pt_picture_new(int width, int height) {
	PtPicture *p = g_new0(PtPicture, 1);
	p->width = width;
	p->height = height;
	p->row = g_malloc((size_t)width * 2);
	/* broad slopes: something moves everywhere and costs the encoder little */
	for (int x = 0; x < width * 2; x++) {
		int phase = x % MAX(width / 2, 2), half = MAX(width / 4, 1);
		p->row[x] = (uint8_t)(60 + 100 * (phase < half ? phase : 2 * half - phase) / half);
	}
	return p;
}

static void fill(uint8_t *plane, int stride, int x, int y, int w, int h, uint8_t value) {
	for (int i = 0; i < h; i++)
		memset(plane + (ptrdiff_t)(y + i) * stride + x, value, (size_t)w);
}

static void draw_scene(const PtPicture *p, int64_t frame, uint8_t *const planes[3], const int strides[3]) {
	int shift = (int)(frame * 4 % (p->width / 2));
	for (int y = 0; y < p->height; y++)
		memcpy(planes[0] + (ptrdiff_t)y * strides[0], p->row + (shift + y / 2) % p->width, (size_t)p->width);
	for (int y = 0; y < p->height / 2; y++) {
		memset(planes[1] + (ptrdiff_t)y * strides[1], 112 + 32 * y / p->height, (size_t)p->width / 2);
		memset(planes[2] + (ptrdiff_t)y * strides[2], 136 - 16 * y / p->height, (size_t)p->width / 2);
	}
	/* a block that goes to and fro, in 4 s at 15 pictures a second */
	int size = p->height / 6 & ~1, way = (p->width - size) & ~1, step = (int)(frame % 120);
	int x = (way * (step < 60 ? step : 120 - step) / 60) & ~1, y = (p->height * 2 / 3 - size / 2) & ~1;
	fill(planes[0], strides[0], x, y, size, size, 180);
	fill(planes[1], strides[1], x / 2, y / 2, size / 2, size / 2, 60);
	fill(planes[2], strides[2], x / 2, y / 2, size / 2, size / 2, 200);
}

static void draw_text(const PtPicture *p, const char *text, uint8_t *const planes[3], const int strides[3]) {
	int n = (int)strlen(text), dot = MAX(p->width / ((n + 2) * 6), 1);
	int w = n * 6 * dot, h = 11 * dot, left = (p->width - w) / 2, top = p->height / 6;
	if (left < 0 || top + h > p->height)
		return;
	fill(planes[0], strides[0], 0, top, p->width, h, BLACK);
	fill(planes[1], strides[1], 0, top / 2, p->width / 2, h / 2, 128);
	fill(planes[2], strides[2], 0, top / 2, p->width / 2, h / 2, 128);
	for (int i = 0; i < n; i++) {
		const uint8_t *rows = pt_font_glyph((uint8_t)text[i]);
		for (int r = 0; r < 7; r++)
			for (int c = 0; c < 5; c++)
				if (rows[r] >> (4 - c) & 1)
					fill(planes[0], strides[0], left + (i * 6 + c) * dot, top + (2 + r) * dot, dot, dot,
					     WHITE);
	}
}

static void draw_strip(const PtPicture *p, uint64_t ms, uint8_t *const planes[3], const int strides[3]) {
	uint8_t cells[CELLS] = {1, 0, 1, 0, [CELLS - 4] = 0, 1, 0, 1};
	uint8_t check = 0xa5;
	for (int i = 0; i < 64; i++)
		cells[4 + i] = ms >> (63 - i) & 1;
	for (int i = 0; i < 8; i++)
		check ^= (uint8_t)(ms >> (i * 8));
	for (int i = 0; i < 8; i++)
		cells[68 + i] = check >> (7 - i) & 1;
	int h = 2 * p->width / CELLS & ~1, top = p->height - h;
	if (top < 0)
		return;
	for (int i = 0; i < CELLS; i++) {
		int x = p->width * i / CELLS, next = p->width * (i + 1) / CELLS;
		fill(planes[0], strides[0], x, top, next - x, h, cells[i] ? WHITE : BLACK);
	}
	fill(planes[1], strides[1], 0, top / 2, p->width / 2, h / 2, 128);
	fill(planes[2], strides[2], 0, top / 2, p->width / 2, h / 2, 128);
}

void pt_picture_draw(PtPicture *p, int64_t wall_ns, int64_t frame, uint8_t *const planes[3], const int strides[3]) {
	draw_scene(p, frame, planes, strides);
	g_autofree char *text = pt_time_format(wall_ns);
	char *t = strchr(text, 'T');
	if (t)
		*t = ' ';
	draw_text(p, text, planes, strides);
	draw_strip(p, (uint64_t)(wall_ns / PT_NS_PER_MS), planes, strides);
}
