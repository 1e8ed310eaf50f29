/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

void pt_json_string(GString *out, const char *text) {
	if (!text) {
		g_string_append(out, "null");
		return;
	}
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_string_append_c(out, '"');
	for (const char *p = valid; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(out, "\\%c", *p);
		else if (*p == '\n')
			g_string_append(out, "\\n");
		else if ((guchar)*p < 0x20 || *p == 0x7f || *p == '<') /* '<': harmless inside a page's script, too */
			g_string_append_printf(out, "\\u%04x", (guchar)*p);
		else
			g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
}

bool pt_json_is_shallow(const char *text, size_t size, unsigned max) {
	unsigned n = 0;
	for (size_t i = 0; i < size; i++)
		n += text[i] == '[' || text[i] == '{';
	return n <= max;
}
