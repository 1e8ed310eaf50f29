/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/text.h"
#include "base/clock.h"
#include "codec/font.h"
#include <glib.h>
#include <string.h>

#define BLACK 16
#define WHITE 235
/* in dots: a letter with the space after it, a line with accents above and below */
#define CELL_WIDTH 6
#define CELL_HEIGHT 11

typedef struct {
	uint8_t *const *planes;
	const int *strides;
	int left, top, width, height, dot; /* of the box; even */
} Box;

static void fill(uint8_t *plane, int stride, int x, int y, int w, int h, uint8_t value) {
	for (int i = 0; i < h; i++)
		memset(plane + (ptrdiff_t)(y + i) * stride + x, value, (size_t)w);
}

/* Rows of five dots; x and y in dots within the box. */
static void put_rows(const Box *b, int x, int y, const uint8_t *rows, int n) {
	for (int r = 0; r < n; r++)
		for (int c = 0; c < 5; c++)
			if (rows[r] >> (4 - c) & 1)
				fill(b->planes[0], b->strides[0], b->left + (x + c) * b->dot, b->top + (y + r) * b->dot,
				     b->dot, b->dot, WHITE);
}

static void put_line(const Box *b, const gunichar *line, int cells) {
	const uint8_t *glyph = NULL;
	for (int at = 0; *line; line++) {
		if (!g_unichar_ismark(*line)) {
			if (at == cells)
				return;
			glyph = pt_font_glyph(*line);
			put_rows(b, at++ * CELL_WIDTH + 1, 2, glyph, 7);
			continue;
		}
		const uint8_t *mark = pt_font_mark(*line);
		bool below = *line == 0x327 || *line == 0x328, tall = glyph && (glyph[0] || glyph[1]);
		if (mark && glyph)
			put_rows(b, (at - 1) * CELL_WIDTH + 1, below ? 9 : tall ? 0 : 1, mark, 2);
	}
}

static void draw(const PtOsd *o, int64_t local_s, int width, int height, uint8_t *const planes[3], const int strides[3]) {
	char time[PT_OSD_TEXT];
	if (o->clock)
		pt_osd_format(o->text, local_s, time, sizeof time);
	/* letters and their accents apart */
	g_autofree char *apart = g_utf8_normalize(o->clock ? time : o->text, -1, G_NORMALIZE_NFD);
	g_autofree gunichar *line = apart ? g_utf8_to_ucs4_fast(apart, -1, NULL) : NULL;
	int cells = 0, dot = MAX((height + 90) / 200, 1);
	for (const gunichar *c = line; c && *c; c++)
		cells += !g_unichar_ismark(*c);
	while (dot > 1 && (cells * CELL_WIDTH + 1) * dot > width)
		dot--;
	cells = MIN(cells, (width / dot - 1) / CELL_WIDTH);
	int w = ((cells * CELL_WIDTH + 1) * dot + 1) & ~1, h = (CELL_HEIGHT * dot + 1) & ~1;
	if (cells < 1 || w > width || h > height)
		return;
	Box b = {planes, strides, ((width - w) * o->x / 1000) & ~1, ((height - h) * o->y / 1000) & ~1, w, h, dot};
	fill(planes[0], strides[0], b.left, b.top, w, h, BLACK);
	fill(planes[1], strides[1], b.left / 2, b.top / 2, w / 2, h / 2, 128);
	fill(planes[2], strides[2], b.left / 2, b.top / 2, w / 2, h / 2, 128);
	put_line(&b, line, cells);
}

void pt_text_draw(const PtOsdList *texts, int64_t wall_ns, int width, int height, uint8_t *const planes[3],
                  const int strides[3]) {
	int64_t local_s = wall_ns / PT_NS_PER_S + texts->utc_offset_s;
	for (unsigned i = 0; i < texts->n; i++)
		draw(&texts->items[i], local_s, width, height, planes, strides);
}
