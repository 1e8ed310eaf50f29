/* SPDX-License-Identifier: Apache-2.0 */
#include "web/qr.h"
#include <glib.h>
#include <qrencode.h>

#define QUIET 4 /* squares around it, ISO 18004 */

static QRcode *encode(const char *text) { return QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M); }

static bool is_dark(const QRcode *q, int x, int y) {
	return x >= 0 && y >= 0 && x < q->width && y < q->width && q->data[y * q->width + x] & 1;
}

char *pt_qr_svg(const char *text) {
	QRcode *q = encode(text);
	if (!q)
		return NULL;
	int size = q->width + 2 * QUIET;
	GString *out = g_string_new(NULL);
	g_string_printf(out,
	                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
	                "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path d=\"",
	                size, size, size, size);
	for (int y = 0; y < q->width; y++)
		for (int x = 0; x < q->width; x++)
			if (is_dark(q, x, y))
				g_string_append_printf(out, "M%d %dh1v1h-1z", x + QUIET, y + QUIET);
	g_string_append(out, "\"/></svg>");
	QRcode_free(q);
	return g_string_free(out, FALSE);
}

char *pt_qr_text(const char *text, bool colours) {
	static const char *const blocks[] = {" ", "▄", "▀", "█"}; /* which halves are light: lower 1, upper 2 */
	QRcode *q = encode(text);
	if (!q)
		return NULL;
	GString *out = g_string_new(NULL);
	for (int y = -QUIET; y < q->width + QUIET; y += 2) {
		g_string_append(out, colours ? "\033[97;40m" : "");
		for (int x = -QUIET; x < q->width + QUIET; x++)
			g_string_append(out, blocks[!is_dark(q, x, y) << 1 | !is_dark(q, x, y + 1)]);
		g_string_append(out, colours ? "\033[0m\n" : "\n");
	}
	QRcode_free(q);
	return g_string_free(out, FALSE);
}
