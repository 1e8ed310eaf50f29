/* SPDX-License-Identifier: Apache-2.0 */
#include "site/yaml.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

typedef struct {
	PtNode *node;
	GHashTable *keys; /* of a map: key -> its line; borrowed strings of the children, or of pending */
	char *pending;    /* a map's key whose value has not come yet */
	int pending_line;
} Level;

typedef struct {
	const char *file;
	Level levels[PT_YAML_DEPTH_MAX];
	int depth;
	unsigned nodes;
	PtNode *root;
	int documents;
} Loader;

static int line_of(const yaml_event_t *event) { return (int)event->start_mark.line + 1; }

static gboolean refuse(const Loader *loader, int line, GError **error, const char *format, ...) G_GNUC_PRINTF(4, 5);
static gboolean refuse(const Loader *loader, int line, GError **error, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	pt_error_set(error, INVALID, "%s:%d: %s", loader->file, line, what);
	return FALSE;
}

/* Puts a node where it belongs: under the level on top, or as the root. Takes node. */
static void place(Loader *loader, PtNode *node) {
	if (!loader->depth) {
		loader->root = node;
		return;
	}
	Level *top = &loader->levels[loader->depth - 1];
	pt_node_add(top->node, node, top->pending, top->pending_line);
	if (top->pending) {
		g_hash_table_replace(top->keys, node->key, GINT_TO_POINTER(top->pending_line));
		g_clear_pointer(&top->pending, g_free);
	}
}

static bool wants_key(const Loader *loader) {
	const Level *top = loader->depth ? &loader->levels[loader->depth - 1] : NULL;
	return top && top->node->kind == PT_NODE_MAP && !top->pending;
}

static gboolean on_key(Loader *loader, const yaml_event_t *event, GError **error) {
	Level *top = &loader->levels[loader->depth - 1];
	const char *key = (const char *)event->data.scalar.value;
	if (!*key || event->data.scalar.length > 200)
		return refuse(loader, line_of(event), error, "a key must have 1 to 200 bytes");
	if (!strcmp(key, "<<"))
		return refuse(loader, line_of(event), error, "merge keys (<<) are not taken: write the values out");
	void *line;
	if (g_hash_table_lookup_extended(top->keys, key, NULL, &line))
		return refuse(loader, line_of(event), error,
		              "the key '%.60s' stands here a second time (first in line %d): remove one", key,
		              GPOINTER_TO_INT(line));
	top->pending = g_strdup(key);
	top->pending_line = line_of(event);
	return TRUE;
}

static gboolean on_open(Loader *loader, const yaml_event_t *event, PtNodeKind kind, GError **error) {
	if (wants_key(loader))
		return refuse(loader, line_of(event), error, "a key must be a single value, not a list or a map");
	if (loader->depth == PT_YAML_DEPTH_MAX)
		return refuse(loader, line_of(event), error, "nested deeper than %d levels", PT_YAML_DEPTH_MAX);
	PtNode *node = pt_node_new(kind, NULL, line_of(event), (int)event->start_mark.column + 1);
	place(loader, node);
	loader->levels[loader->depth++] =
	    (Level){.node = node, .keys = kind == PT_NODE_MAP ? g_hash_table_new(g_str_hash, g_str_equal) : NULL};
	return TRUE;
}

static void close_level(Loader *loader) {
	Level *top = &loader->levels[--loader->depth];
	g_clear_pointer(&top->keys, g_hash_table_unref);
	g_clear_pointer(&top->pending, g_free);
}

static gboolean on_scalar(Loader *loader, const yaml_event_t *event, GError **error) {
	if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
		return refuse(loader, line_of(event), error, "a value contains a zero byte");
	if (wants_key(loader))
		return on_key(loader, event, error);
	PtNode *node = pt_node_new(PT_NODE_SCALAR, (const char *)event->data.scalar.value, line_of(event),
	                           (int)event->start_mark.column + 1);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	place(loader, node);
	return TRUE;
}

static gboolean plain(const Loader *loader, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag,
                      GError **error) {
	if (anchor)
		return refuse(loader, line_of(event), error, "anchors (&%.40s) are not taken: write the values out", anchor);
	if (tag)
		return refuse(loader, line_of(event), error, "tags (%.40s) are not taken: remove it", tag);
	return TRUE;
}

static gboolean on_event(Loader *loader, const yaml_event_t *event, GError **error) {
	if (++loader->nodes > PT_YAML_NODES_MAX)
		return refuse(loader, line_of(event), error, "more than %d values", PT_YAML_NODES_MAX);
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return plain(loader, event, event->data.scalar.anchor, event->data.scalar.tag, error) &&
		       on_scalar(loader, event, error);
	case YAML_SEQUENCE_START_EVENT:
		return plain(loader, event, event->data.sequence_start.anchor, event->data.sequence_start.tag, error) &&
		       on_open(loader, event, PT_NODE_LIST, error);
	case YAML_MAPPING_START_EVENT:
		return plain(loader, event, event->data.mapping_start.anchor, event->data.mapping_start.tag, error) &&
		       on_open(loader, event, PT_NODE_MAP, error);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_level(loader);
		return TRUE;
	case YAML_ALIAS_EVENT:
		return refuse(loader, line_of(event), error, "aliases (*%.40s) are not taken: write the values out",
		              event->data.alias.anchor);
	case YAML_DOCUMENT_START_EVENT:
		if (loader->documents++)
			return refuse(loader, line_of(event), error,
			              "a second document (---) begins here: a file holds one");
		return TRUE;
	default:
		return TRUE;
	}
}

/* What is mostly behind the parser's words. */
static const char *advice(const char *problem) {
	static const struct {
		const char *problem, *advice;
	} mostly[] = {
	    {"cannot start any token", ": indent with spaces, not with a tab; what begins with @, ` or % goes in quotes"},
	    {"expected key", ": lines of one map must begin in the same column"},
	    {"mapping values are not allowed",
	     ": a text with ': ' in it goes in quotes; or a key above lacks its colon, or the line is indented wrongly"},
	    {"expected ','", ": a bracket is not closed, or a text with ': ' or ', ' in it needs quotes"},
	    {"find expected ':'", ": a key ends in a colon and a space, as in 'source: onvif://192.0.2.20'"},
	    {"unexpected end of stream", ": a quote is opened and not closed"},
	    {"but found '-'", ": the lines of one list must begin in the same column"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(mostly); i++)
		if (strstr(problem, mostly[i].problem))
			return mostly[i].advice;
	return "";
}

static gboolean run(Loader *loader, yaml_parser_t *parser, GError **error) {
	for (bool end = false; !end;) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event))
			return refuse(loader, (int)MAX(parser->problem_mark.line, parser->context_mark.line) + 1, error,
			              "not valid YAML: %s%s%s%s", parser->context ? parser->context : "",
			              parser->context ? ", " : "", parser->problem ? parser->problem : "unreadable",
			              advice(parser->problem ? parser->problem : ""));
		end = event.type == YAML_STREAM_END_EVENT;
		gboolean ok = on_event(loader, &event, error);
		yaml_event_delete(&event);
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

PtNode *pt_yaml_parse(const char *text, size_t size, const char *file, GError **error) {
	Loader loader = {.file = file};
	const char *bad;
	if (size > PT_YAML_BYTES_MAX) {
		pt_error_set(error, TOO_LARGE, "%s: larger than %d MiB", file, PT_YAML_BYTES_MAX >> 20);
		return NULL;
	}
	if (!g_utf8_validate(text, (gssize)size, &bad)) {
		int line = 1;
		for (const char *p = text; p < bad; p++)
			line += *p == '\n';
		refuse(&loader, line, error, "not UTF-8 text");
		return NULL;
	}
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		g_error("out of memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const yaml_char_t *)text, size);
	gboolean ok = run(&loader, &parser, error);
	yaml_parser_delete(&parser);
	while (loader.depth)
		close_level(&loader);
	if (ok && !loader.root)
		loader.root = pt_node_new(PT_NODE_MAP, NULL, 1, 1);
	if (!ok) {
		pt_node_free(loader.root);
		return NULL;
	}
	loader.root->file = g_strdup(file);
	return loader.root;
}

PtNode *pt_yaml_load(const char *path, GError **error) {
	g_autofree char *name = g_path_get_basename(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		int e = fd < 0 ? errno : EINVAL;
		if (fd >= 0)
			close(fd);
		g_set_error(error, PT_ERROR, e == ENOENT ? PT_ERROR_NOT_FOUND : PT_ERROR_FAILED, "%s: cannot be read: %s",
		            path, e == EINVAL ? "not a file" : g_strerror(e));
		return NULL;
	}
	g_autofree char *text = g_malloc(PT_YAML_BYTES_MAX + 1);
	size_t size = 0;
	ssize_t n = 0;
	while (size <= PT_YAML_BYTES_MAX && (n = read(fd, text + size, PT_YAML_BYTES_MAX + 1 - size)) > 0)
		size += (size_t)n;
	int e = errno;
	close(fd);
	if (n < 0) {
		pt_error_set(error, FAILED, "%s: cannot be read: %s", path, g_strerror(e));
		return NULL;
	}
	return pt_yaml_parse(text, size, name, error);
}

char *pt_yaml_quote(const char *text) {
	bool safe = g_ascii_isalpha(*text) && pt_node_switch_of(text) < 0 && strcmp(text, "null") &&
	            g_ascii_strcasecmp(text, "y") && g_ascii_strcasecmp(text, "n");
	for (const char *p = text; *p; p++)
		safe = safe && (g_ascii_isalnum(*p) || strchr("-_./", *p));
	if (safe)
		return g_strdup(text);
	GString *out = g_string_new("\"");
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(out, "\\%c", *p);
		else if ((guchar)*p < 0x20 || *p == 0x7f)
			g_string_append_printf(out, "\\x%02x", (guchar)*p);
		else
			g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
	return g_string_free(out, FALSE);
}
