/* SPDX-License-Identifier: Apache-2.0 */
#include "base/node.h"
#include "base/suggest.h"
#include "base/units.h"
#include <math.h>
#include <string.h>

PtNode *pt_node_new(PtNodeKind kind, const char *text, int line, int column) {
	PtNode *node = g_new0(PtNode, 1);
	node->kind = kind;
	node->line = line;
	node->column = column;
	if (kind == PT_NODE_SCALAR)
		node->text = g_strdup(text);
	else
		node->children = g_ptr_array_new_with_free_func((GDestroyNotify)pt_node_free);
	return node;
}

void pt_node_add(PtNode *parent, PtNode *child, const char *key, int key_line) {
	g_assert(parent->children && !child->parent);
	child->parent = parent;
	child->key = g_strdup(key);
	child->key_line = key_line;
	g_ptr_array_add(parent->children, child);
}

void pt_node_free(PtNode *node) {
	if (!node)
		return;
	if (node->children)
		g_ptr_array_unref(node->children);
	g_free(node->key);
	g_free(node->text);
	g_free(node->file);
	g_free(node);
}

const PtNode *pt_node_get(const PtNode *node, const char *key) {
	if (!node || node->kind != PT_NODE_MAP)
		return NULL;
	for (unsigned i = 0; i < pt_node_count(node); i++)
		if (!strcmp(pt_node_at(node, i)->key, key))
			return pt_node_at(node, i);
	return NULL;
}

bool pt_node_is_empty(const PtNode *node) {
	return !node || (node->kind == PT_NODE_SCALAR && !node->quoted &&
	                 (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null")));
}

static void append_path(GString *out, const PtNode *node) {
	if (!node->parent)
		return;
	append_path(out, node->parent);
	if (node->key) {
		g_string_append_printf(out, "%s%.60s", out->len ? "." : "", node->key);
		return;
	}
	guint index = 0;
	g_ptr_array_find(node->parent->children, node, &index);
	g_string_append_printf(out, "[%u]", index + 1);
}

char *pt_node_path(const PtNode *node) {
	GString *out = g_string_new(NULL);
	append_path(out, node);
	return g_string_free(out, FALSE);
}

const char *pt_node_file(const PtNode *node) {
	while (node->parent)
		node = node->parent;
	return node->file ? node->file : "";
}

/* ---- problems ---- */

GPtrArray *pt_problems_new(void) { return g_ptr_array_new_with_free_func(g_free); }

static void add(GPtrArray *problems, char *text) {
	if (problems->len < PT_PROBLEMS_MAX) {
		g_ptr_array_add(problems, g_utf8_make_valid(text, -1));
	} else if (problems->len == PT_PROBLEMS_MAX) {
		g_ptr_array_add(problems, g_strdup("… and more: mend these first"));
	}
	g_free(text);
}

void pt_problem(GPtrArray *problems, const PtNode *node, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *path = pt_node_path(node);
	add(problems, g_strdup_printf("%s:%d: %s%s%s", pt_node_file(node), node->line, path, *path ? ": " : "", what));
}

void pt_problem_text(GPtrArray *problems, const char *format, ...) {
	va_list args;
	va_start(args, format);
	add(problems, g_strdup_vprintf(format, args));
	va_end(args);
}

/* ---- readers ---- */

bool pt_node_is_kind(const PtNode *node, PtNodeKind kind, GPtrArray *problems) {
	static const char *const names[] = {"a single value", "a list ([a, b] or lines with -)", "a map (key: value)"};
	if (node->kind == kind)
		return true;
	pt_problem(problems, node, "is %s, but %s is expected here%s", pt_node_is_empty(node) ? "empty" : names[node->kind],
	           names[kind], pt_node_is_empty(node) && kind == PT_NODE_MAP ? ": indent what belongs to it further" : "");
	return false;
}

static const char *scalar(const PtNode *node, GPtrArray *problems) {
	if (!node || !pt_node_is_kind(node, PT_NODE_SCALAR, problems))
		return NULL;
	if (pt_node_is_empty(node)) {
		pt_problem(problems, node, "has no value: write one or remove the key");
		return NULL;
	}
	return node->text;
}

bool pt_node_read_text(const PtNode *node, char **ret, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	if (!text)
		return false;
	if (strlen(text) > 4096) {
		pt_problem(problems, node, "is longer than 4096 bytes");
		return false;
	}
	g_free(*ret);
	*ret = g_strdup(text);
	return true;
}

static bool unit_problem(const PtNode *node, GError *error, GPtrArray *problems) {
	pt_problem(problems, node, "%s", error->message);
	g_error_free(error);
	return false;
}

bool pt_node_read_duration(const PtNode *node, int64_t min_ns, int64_t max_ns, int64_t *ret_ns, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	GError *error = NULL;
	int64_t ns;
	if (!text)
		return false;
	if (!pt_units_parse_duration(text, &ns, &error))
		return unit_problem(node, error, problems);
	if (ns < min_ns || ns > max_ns) {
		g_autofree char *min = pt_units_format_duration(min_ns), *max = pt_units_format_duration(max_ns);
		pt_problem(problems, node, "'%s' is not from %s to %s", text, min, max);
		return false;
	}
	*ret_ns = ns;
	return true;
}

bool pt_node_read_size(const PtNode *node, uint64_t *ret_bytes, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	GError *error = NULL;
	if (!text)
		return false;
	return pt_units_parse_size(text, ret_bytes, &error) || unit_problem(node, error, problems);
}

bool pt_node_read_rate(const PtNode *node, uint64_t *ret_bits_per_s, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	GError *error = NULL;
	if (!text)
		return false;
	return pt_units_parse_rate(text, ret_bits_per_s, &error) || unit_problem(node, error, problems);
}

bool pt_node_read_integer(const PtNode *node, int64_t min, int64_t max, int64_t *ret, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	gint64 value;
	if (!text)
		return false;
	if (!g_ascii_string_to_signed(text, 10, min, max, &value, NULL)) {
		pt_problem(problems, node, "'%.40s' is not a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
		           text, min, max);
		return false;
	}
	*ret = value;
	return true;
}

bool pt_node_read_number(const PtNode *node, double min, double max, double *ret, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	if (!text)
		return false;
	char *end;
	double value = g_ascii_strtod(text, &end);
	if (end == text || *end || !isfinite(value) || strspn(text, "+-.0123456789") != strlen(text) || value < min ||
	    value > max) {
		char low[40], high[40];
		g_ascii_formatd(low, sizeof low, "%g", min);
		g_ascii_formatd(high, sizeof high, "%g", max);
		pt_problem(problems, node, "'%.40s' is not a number from %s to %s", text, low, high);
		return false;
	}
	*ret = value;
	return true;
}

int pt_node_switch_of(const char *text) {
	static const char *const words[] = {"off", "on", "no", "yes", "false", "true"};
	for (int i = 0; i < (int)G_N_ELEMENTS(words); i++)
		if (!g_ascii_strcasecmp(text, words[i]))
			return i & 1;
	return -1;
}

bool pt_node_read_switch(const PtNode *node, bool *ret, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	if (!text)
		return false;
	int value = pt_node_switch_of(text);
	if (value < 0) {
		pt_problem(problems, node, "'%.40s' is not one of on, off (yes, no, true, false)", text);
		return false;
	}
	*ret = value;
	return true;
}

bool pt_node_read_choice(const PtNode *node, const char *const *words, int *ret, GPtrArray *problems) {
	const char *text = scalar(node, problems);
	if (!text)
		return false;
	int value = pt_node_switch_of(text);
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) && !(value >= 0 && !strcmp(words[i], value ? "on" : "off")))
			continue;
		*ret = i;
		return true;
	}
	g_autofree char *list = pt_suggest_join(words), *meant = pt_suggest_text(text, words);
	pt_problem(problems, node, "'%.60s' is not one of %s%s", text, list, meant);
	return false;
}

bool pt_node_check_keys(const PtNode *node, const char *const *known, GPtrArray *problems) {
	if (!pt_node_is_kind(node, PT_NODE_MAP, problems))
		return false;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *child = pt_node_at(node, i);
		if (g_strv_contains(known, child->key))
			continue;
		const PtNode *before = i ? pt_node_at(node, i - 1) : NULL;
		g_autofree char *list = pt_suggest_join(known), *meant = pt_suggest_text(child->key, known);
		if (before && !*meant && child->kind == PT_NODE_MAP && before->kind == PT_NODE_SCALAR && !*before->text)
			pt_problem(problems, child, "is not a known key here: if it belongs to %s, indent it further",
			           before->key);
		else
			pt_problem(problems, child, "is not a known key%s; known here: %s", meant, list);
	}
	return true;
}
