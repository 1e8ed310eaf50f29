/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/template.h"
#include <string.h>

const char *const pt_template_names[] = {"site", "camera", "input", "time", "state", "cause", NULL};

/* The bytes of the name in braces that begins here; 0: none does. */
static size_t name_at(const char *p) {
	size_t n = *p == '{' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
	return n && p[1 + n] == '}' ? n : 0;
}

static int index_of(const char *name, size_t n) {
	for (int i = 0; pt_template_names[i]; i++)
		if (strlen(pt_template_names[i]) == n && !memcmp(pt_template_names[i], name, n))
			return i;
	return -1;
}

char *pt_template_unknown(const char *text) {
	for (const char *p = text; *p; p++) {
		size_t n = name_at(p);
		if (n && index_of(p + 1, n) < 0)
			return g_strndup(p + 1, n);
	}
	return NULL;
}

char *pt_template_fill(const char *text, const PtTemplateValues *v) {
	const char *const values[] = {v->site, v->camera, v->input, v->time, v->state, v->cause};
	GString *out = g_string_new(NULL);
	for (const char *p = text; *p;) {
		size_t n = name_at(p);
		int i = n ? index_of(p + 1, n) : -1;
		if (i < 0) {
			g_string_append_c(out, *p++);
			continue;
		}
		g_string_append(out, values[i] ? values[i] : "");
		p += n + 2;
	}
	return g_string_free(out, FALSE);
}
