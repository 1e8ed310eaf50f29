/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/xml.h"
#include "base/clock.h"
#include "base/error.h"
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>
#include <string.h>

/* ---- namespaces ---- */

/* The first URI of a prefix is the one that is written; all of them are read as the same. */
static const struct {
	const char *prefix, *uri;
} spaces[] = {
    {"s", "http://www.w3.org/2003/05/soap-envelope"},
    {"s", "http://schemas.xmlsoap.org/soap/envelope/"},
    {"wsa", "http://www.w3.org/2005/08/addressing"},
    {"wsa", "http://schemas.xmlsoap.org/ws/2004/08/addressing"},
    {"wsad", "http://schemas.xmlsoap.org/ws/2004/08/addressing"}, /* as WS-Discovery of 2005 wants it written */
    {"d", "http://schemas.xmlsoap.org/ws/2005/04/discovery"},
    {"dn", "http://www.onvif.org/ver10/network/wsdl"},
    {"wsse", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"},
    {"wsu", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"},
    {"wsnt", "http://docs.oasis-open.org/wsn/b-2"},
    {"wstop", "http://docs.oasis-open.org/wsn/t-1"},
    {"wsrf-bf", "http://docs.oasis-open.org/wsrf/bf-2"},
    {"wsrf-r", "http://docs.oasis-open.org/wsrf/r-2"},
    {"tds", "http://www.onvif.org/ver10/device/wsdl"},
    {"tmd", "http://www.onvif.org/ver10/deviceIO/wsdl"},
    {"trt", "http://www.onvif.org/ver10/media/wsdl"},
    {"tr2", "http://www.onvif.org/ver20/media/wsdl"},
    {"tev", "http://www.onvif.org/ver10/events/wsdl"},
    {"timg", "http://www.onvif.org/ver20/imaging/wsdl"},
    {"tptz", "http://www.onvif.org/ver20/ptz/wsdl"},
    {"tan", "http://www.onvif.org/ver20/analytics/wsdl"},
    {"trc", "http://www.onvif.org/ver10/recording/wsdl"},
    {"tse", "http://www.onvif.org/ver10/search/wsdl"},
    {"trp", "http://www.onvif.org/ver10/replay/wsdl"},
    {"tt", "http://www.onvif.org/ver10/schema"},
    {"tns1", "http://www.onvif.org/ver10/topics"},
    {"ter", "http://www.onvif.org/ver10/error"},
    {"xs", "http://www.w3.org/2001/XMLSchema"},
    {"xsi", "http://www.w3.org/2001/XMLSchema-instance"},
    {"xop", "http://www.w3.org/2004/08/xop/include"},
};

const char *pt_xml_uri(const char *prefix) {
	for (size_t i = 0; i < G_N_ELEMENTS(spaces); i++)
		if (!strcmp(spaces[i].prefix, prefix))
			return spaces[i].uri;
	return NULL;
}

const char *pt_xml_prefix(const char *uri) {
	for (size_t i = 0; uri && i < G_N_ELEMENTS(spaces); i++)
		if (!strcmp(spaces[i].uri, uri))
			return spaces[i].prefix;
	return NULL;
}

static bool uri_is(const char *uri, const char *prefix, size_t n) {
	for (size_t i = 0; i < G_N_ELEMENTS(spaces); i++)
		if (!strncmp(spaces[i].prefix, prefix, n) && !spaces[i].prefix[n] && !strcmp(spaces[i].uri, uri))
			return true;
	return false;
}

/* ---- writing ---- */

struct PtXml {
	GString *text;
	GPtrArray *open; /* of char *, the names */
	bool in_tag;     /* the start tag is not ended yet */
	uint64_t used;   /* bit i: spaces[i] */
	size_t root_end; /* where the declarations go: behind the root's name; 0: nothing is written yet */
};

G_STATIC_ASSERT(G_N_ELEMENTS(spaces) <= 64);

PtXml *pt_xml_new(void) {
	PtXml *x = g_new0(PtXml, 1);
	x->text = g_string_new(NULL);
	x->open = g_ptr_array_new_with_free_func(g_free);
	return x;
}

void pt_xml_free(PtXml *x) {
	if (!x)
		return;
	if (x->text)
		g_string_free(x->text, TRUE);
	g_ptr_array_unref(x->open);
	g_free(x);
}

void pt_xml_declare(PtXml *x, const char *prefix) {
	for (size_t i = 0; i < G_N_ELEMENTS(spaces); i++)
		if (!strcmp(spaces[i].prefix, prefix)) {
			x->used |= UINT64_C(1) << i;
			return;
		}
	g_assert_not_reached();
}

static void use_name(PtXml *x, const char *name) {
	const char *colon = strchr(name, ':');
	if (!colon || g_str_has_prefix(name, "xml:"))
		return;
	g_autofree char *prefix = g_strndup(name, (size_t)(colon - name));
	pt_xml_declare(x, prefix);
}

static void escape(GString *to, const char *text) {
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (c == '&')
			g_string_append(to, "&amp;");
		else if (c == '<')
			g_string_append(to, "&lt;");
		else if (c == '>')
			g_string_append(to, "&gt;");
		else if (c == '"')
			g_string_append(to, "&quot;");
		else if (c == '\t' || c == '\n' || c == '\r')
			g_string_append_printf(to, "&#%u;", c);
		else if (c < 0x20 || (c >= 0xfffe && c <= 0xffff))
			g_string_append(to, "\xef\xbf\xbd");
		else
			g_string_append_unichar(to, c);
	}
}

static void end_tag(PtXml *x) {
	if (x->in_tag)
		g_string_append_c(x->text, '>');
	x->in_tag = false;
}

void pt_xml_open(PtXml *x, const char *name) {
	end_tag(x);
	use_name(x, name);
	g_string_append_c(x->text, '<');
	g_string_append(x->text, name);
	if (!x->root_end)
		x->root_end = x->text->len;
	g_ptr_array_add(x->open, g_strdup(name));
	x->in_tag = true;
}

void pt_xml_close(PtXml *x) {
	g_assert(x->open->len);
	const char *name = g_ptr_array_index(x->open, x->open->len - 1);
	if (x->in_tag)
		g_string_append(x->text, "/>");
	else
		g_string_append_printf(x->text, "</%s>", name);
	x->in_tag = false;
	g_ptr_array_set_size(x->open, (int)x->open->len - 1);
}

void pt_xml_attribute(PtXml *x, const char *name, const char *value) {
	g_assert(x->in_tag);
	use_name(x, name);
	g_string_append_printf(x->text, " %s=\"", name);
	escape(x->text, value);
	g_string_append_c(x->text, '"');
}

void pt_xml_attribute_int(PtXml *x, const char *name, int64_t value) {
	char text[24];
	g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
	pt_xml_attribute(x, name, text);
}

void pt_xml_attribute_bool(PtXml *x, const char *name, bool value) { pt_xml_attribute(x, name, value ? "true" : "false"); }

void pt_xml_text(PtXml *x, const char *text) {
	end_tag(x);
	escape(x->text, text);
}

void pt_xml_put(PtXml *x, const char *name, const char *text) {
	pt_xml_open(x, name);
	if (text && *text)
		pt_xml_text(x, text);
	pt_xml_close(x);
}

void pt_xml_put_format(PtXml *x, const char *name, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	pt_xml_put(x, name, text);
}

void pt_xml_put_int(PtXml *x, const char *name, int64_t value) { pt_xml_put_format(x, name, "%" G_GINT64_FORMAT, value); }

void pt_xml_put_float(PtXml *x, const char *name, double value) {
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	pt_xml_put(x, name, g_ascii_formatd(text, sizeof text, "%.7g", value));
}

void pt_xml_put_bool(PtXml *x, const char *name, bool value) { pt_xml_put(x, name, value ? "true" : "false"); }

void pt_xml_put_time(PtXml *x, const char *name, int64_t wall_ns) {
	g_autofree char *text = pt_time_format(wall_ns);
	pt_xml_put(x, name, text);
}

void pt_xml_put_duration(PtXml *x, const char *name, int64_t ns) {
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	pt_xml_put_format(x, name, "PT%sS", g_ascii_formatd(text, sizeof text, "%.10g", (double)MAX(ns, 0) / PT_NS_PER_S));
}

void pt_xml_append(PtXml *x, PtXml *piece) {
	while (piece->open->len)
		pt_xml_close(piece);
	end_tag(x);
	g_string_append_len(x->text, piece->text->str, (gssize)piece->text->len);
	x->used |= piece->used;
	pt_xml_free(piece);
}

PtXml *pt_xml_copy(const PtXml *x) {
	PtXml *copy = pt_xml_new();
	g_string_append_len(copy->text, x->text->str, (gssize)x->text->len);
	for (guint i = 0; i < x->open->len; i++)
		g_ptr_array_add(copy->open, g_strdup(g_ptr_array_index(x->open, i)));
	copy->in_tag = x->in_tag;
	copy->used = x->used;
	copy->root_end = x->root_end;
	return copy;
}

GBytes *pt_xml_finish(PtXml *x) {
	while (x->open->len)
		pt_xml_close(x);
	g_assert(x->root_end);
	GString *out = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	g_string_append_len(out, x->text->str, (gssize)x->root_end);
	for (size_t i = 0; i < G_N_ELEMENTS(spaces); i++)
		if (x->used >> i & 1)
			g_string_append_printf(out, " xmlns:%s=\"%s\"", spaces[i].prefix, spaces[i].uri);
	g_string_append(out, x->text->str + x->root_end);
	pt_xml_free(x);
	return g_string_free_to_bytes(out);
}

/* ---- reading ---- */

struct PtXmlDoc {
	xmlDoc *doc;
	bool mended;
};

static const xmlNode *raw(const PtXmlNode *node) { return (const xmlNode *)node; }
static const PtXmlNode *ours(const xmlNode *node) { return (const PtXmlNode *)node; }

/* A document of our own making afterwards: comments and instructions gone, each element's text in one piece without white
 * space around it, where it has no child elements. */
static bool tidy(xmlNode *node, unsigned depth) {
	if (depth > PT_XML_DEPTH)
		return false;
	bool elements = false;
	for (xmlNode *c = node->children, *next; c; c = next) {
		next = c->next;
		if (c->type == XML_ELEMENT_NODE) {
			elements = true;
			if (!tidy(c, depth + 1))
				return false;
		} else if (c->type != XML_TEXT_NODE && c->type != XML_CDATA_SECTION_NODE) {
			xmlUnlinkNode(c);
			xmlFreeNode(c);
		}
	}
	if (!node->children || (!elements && !node->children->next && node->children->type == XML_TEXT_NODE)) {
		if (node->children && node->children->content)
			g_strstrip((char *)node->children->content);
		return true;
	}
	if (elements) { /* text between elements means nothing in SOAP */
		for (xmlNode *c = node->children, *next; c; c = next) {
			next = c->next;
			if (c->type != XML_ELEMENT_NODE) {
				xmlUnlinkNode(c);
				xmlFreeNode(c);
			}
		}
		return true;
	}
	xmlChar *text = xmlNodeGetContent(node);
	xmlNodeSetContent(node, NULL);
	if (text)
		xmlNodeAddContent(node, (xmlChar *)g_strstrip((char *)text));
	xmlFree(text);
	return true;
}

static void be_quiet(void *context, const char *format, ...) {}

static xmlDoc *parse(const char *data, size_t size, const char *encoding, char **ret_message) {
	xmlParserCtxt *c = xmlNewParserCtxt();
	c->sax->error = be_quiet;
	c->sax->warning = be_quiet;
	c->sax->fatalError = be_quiet;
	c->sax->serror = NULL;
	int options = XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
	xmlDoc *doc = xmlCtxtReadMemory(c, data, (int)size, NULL, encoding, options);
	if (!doc && ret_message && !*ret_message) {
		const xmlError *e = xmlCtxtGetLastError(c);
		g_autofree char *what = g_strstrip(g_strdup(e && e->message ? e->message : "not XML"));
		g_autofree char *valid = g_utf8_make_valid(what, -1);
		*ret_message = g_strdup_printf("line %d: %s", e ? e->line : 1, valid);
	}
	xmlFreeParserCtxt(c);
	return doc;
}

/* <a b=c> becomes <a b="c">. What else is malformed stays so: half a document must not pass for a whole one. */
static GString *quote_attributes(const char *data, size_t size) {
	GString *out = g_string_sized_new(size + 64);
	char quote = 0; /* within this */
	bool tag = false, bare = false;
	for (size_t i = 0; i < size; i++) {
		char c = data[i];
		if (bare && (g_ascii_isspace(c) || c == '>' || (c == '/' && i + 1 < size && data[i + 1] == '>'))) {
			g_string_append_c(out, '"');
			bare = false;
		}
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (tag && !bare && (c == '"' || c == '\''))
			quote = c;
		else if (c == '<' || c == '>')
			tag = c == '<';
		g_string_append_c(out, c);
		if (tag && !quote && !bare && c == '=' && i + 1 < size && !strchr("\"' \t\r\n>", data[i + 1])) {
			g_string_append_c(out, '"');
			bare = true;
		}
	}
	return out;
}

/* Looked for before anything is parsed: no entity is ever declared. */
static bool has_doctype(const char *data, size_t size) {
	return g_strstr_len(data, (gssize)size, "<!DOCTYPE") || g_strstr_len(data, (gssize)size, "<!ENTITY");
}

PtXmlDoc *pt_xml_parse(const void *data, size_t size, bool tolerant, GError **error) {
	if (size > PT_XML_MAX) {
		pt_error_set(error, TOO_LARGE, "XML of %zu bytes: more than %u MiB are not read", size, PT_XML_MAX >> 20);
		return NULL;
	}
	if (has_doctype(data, size)) {
		pt_error_set(error, INVALID, "XML with a DOCTYPE is refused");
		return NULL;
	}
	g_autofree char *message = NULL;
	bool mended = false;
	xmlDoc *doc = parse(data, size, NULL, &message);
	if (!doc && tolerant && !g_utf8_validate(data, (gssize)size, NULL))
		mended = (doc = parse(data, size, "ISO-8859-1", NULL)) != NULL;
	if (!doc && tolerant) {
		g_autoptr(GString) quoted = quote_attributes(data, size);
		mended = (doc = parse(quoted->str, quoted->len, NULL, NULL)) != NULL;
	}
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	if (!root || doc->intSubset) {
		pt_error_set(error, INVALID, "not XML: %s", doc ? "it has no element" : message);
	} else if (!tidy(root, 1)) {
		pt_error_set(error, INVALID, "XML nested more than %d deep is refused", PT_XML_DEPTH);
	} else {
		PtXmlDoc *d = g_new0(PtXmlDoc, 1);
		d->doc = doc;
		d->mended = mended;
		return d;
	}
	xmlFreeDoc(doc);
	return NULL;
}

void pt_xml_doc_free(PtXmlDoc *doc) {
	if (!doc)
		return;
	xmlFreeDoc(doc->doc);
	g_free(doc);
}

const PtXmlNode *pt_xml_root(const PtXmlDoc *doc) { return ours(xmlDocGetRootElement(doc->doc)); }
bool pt_xml_mended(const PtXmlDoc *doc) { return doc->mended; }

static bool matches(const xmlNode *node, const char *name, size_t n) {
	const char *colon = memchr(name, ':', n);
	const char *local = colon ? colon + 1 : name;
	size_t rest = n - (size_t)(local - name);
	if (!(rest == 1 && *local == '*') && (strncmp((const char *)node->name, local, rest) || node->name[rest]))
		return false;
	return !colon || (node->ns && uri_is((const char *)node->ns->href, name, (size_t)(colon - name)));
}

bool pt_xml_is(const PtXmlNode *node, const char *name) { return node && matches(raw(node), name, strlen(name)); }

static const xmlNode *first(const xmlNode *node, const char *name, size_t n) {
	for (; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && matches(node, name, n))
			return node;
	return NULL;
}

const PtXmlNode *pt_xml_child(const PtXmlNode *node, const char *name) {
	return node ? ours(first(raw(node)->children, name, strlen(name))) : NULL;
}

const PtXmlNode *pt_xml_next(const PtXmlNode *node, const char *name) {
	return node ? ours(first(raw(node)->next, name, strlen(name))) : NULL;
}

const PtXmlNode *pt_xml_at(const PtXmlNode *node, const char *path) {
	while (node && *path) {
		size_t n = strcspn(path, "/");
		node = ours(first(raw(node)->children, path, n));
		path += n + (path[n] == '/');
	}
	return node;
}

const PtXmlNode *pt_xml_below(const PtXmlNode *node, const char *name) {
	if (!node)
		return NULL;
	size_t n = strlen(name);
	const xmlNode *top = raw(node), *at = top;
	for (;;) {
		const xmlNode *next = at->type == XML_ELEMENT_NODE ? at->children : NULL;
		while (!next && at != top) {
			next = at->next;
			if (!next)
				at = at->parent;
		}
		if (!next)
			return NULL;
		at = next;
		if (at->type == XML_ELEMENT_NODE && matches(at, name, n))
			return ours(at);
	}
}

const PtXmlNode *pt_xml_parent(const PtXmlNode *node) {
	const xmlNode *parent = node ? raw(node)->parent : NULL;
	return parent && parent->type == XML_ELEMENT_NODE ? ours(parent) : NULL;
}

const char *pt_xml_name(const PtXmlNode *node) { return (const char *)raw(node)->name; }

const char *pt_xml_value(const PtXmlNode *node) {
	const xmlNode *text = node ? raw(node)->children : NULL;
	return text && text->type == XML_TEXT_NODE && text->content ? (const char *)text->content : "";
}

const char *pt_xml_value_at(const PtXmlNode *node, const char *path) { return pt_xml_value(pt_xml_at(node, path)); }

const char *pt_xml_get(const PtXmlNode *node, const char *attribute) {
	for (const xmlAttr *a = node ? raw(node)->properties : NULL; a; a = a->next)
		if (!strcmp((const char *)a->name, attribute))
			return a->children && a->children->content ? (const char *)a->children->content : "";
	return NULL;
}

const char *pt_xml_uri_of(const PtXmlNode *node, const char *prefix) {
	for (const xmlNode *n = node ? raw(node) : NULL; n && n->type == XML_ELEMENT_NODE; n = n->parent)
		for (const xmlNs *ns = n->nsDef; ns; ns = ns->next)
			if (!g_strcmp0((const char *)ns->prefix, prefix && *prefix ? prefix : NULL))
				return (const char *)ns->href;
	return NULL;
}

void pt_xml_append_node(PtXml *x, const PtXmlNode *node) {
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *copy = xmlDocCopyNode((xmlNode *)raw(node), doc, 1);
	xmlDocSetRootElement(doc, copy);
	xmlReconciliateNs(doc, copy);
	xmlBuffer *out = xmlBufferCreate();
	xmlNodeDump(out, doc, copy, 0, 0);
	end_tag(x);
	g_string_append(x->text, (const char *)xmlBufferContent(out));
	xmlBufferFree(out);
	xmlFreeDoc(doc);
}

/* ---- values ---- */

bool pt_xml_bool(const char *text, bool *ret) {
	static const char *const yes[] = {"true", "1", "on", "active", "yes"}, *const no[] = {"false", "0", "off",
	                                                                                      "inactive", "no"};
	for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
		if (!g_ascii_strcasecmp(text, yes[i]))
			*ret = true;
		else if (!g_ascii_strcasecmp(text, no[i]))
			*ret = false;
		else
			continue;
		return true;
	}
	return false;
}

bool pt_xml_int(const char *text, int64_t *ret) {
	gint64 value;
	if (*text == '+')
		text++;
	if (!g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, NULL))
		return false;
	*ret = value;
	return true;
}

bool pt_xml_float(const char *text, double *ret) {
	char *end;
	double value = g_ascii_strtod(text, &end);
	if (end == text || *end || !isfinite(value))
		return false;
	*ret = value;
	return true;
}

bool pt_xml_time(const char *text, int64_t *ret) {
	if (pt_time_parse(text, ret, NULL))
		return true;
	g_autofree char *utc = g_strconcat(text, "Z", NULL);
	return strchr(text, 'T') && pt_time_parse(utc, ret, NULL);
}

bool pt_xml_duration(const char *text, int64_t *ret) {
	static const struct {
		char unit;
		bool time;
		double seconds;
	} units[] = {{'D', false, 86400}, {'H', true, 3600}, {'M', true, 60}, {'S', true, 1}};
	if (*text++ != 'P' || !*text)
		return false;
	double sum = 0;
	bool time = false, any = false;
	while (*text) {
		if (*text == 'T' && !time) {
			time = true;
			text++;
			continue;
		}
		char *end;
		double value = g_ascii_isdigit(*text) ? g_ascii_strtod(text, &end) : -1;
		if (value < 0)
			return false;
		size_t i = 0;
		while (i < G_N_ELEMENTS(units) && (units[i].unit != *end || units[i].time != time))
			i++;
		if (i == G_N_ELEMENTS(units))
			return false;
		sum += value * units[i].seconds;
		any = true;
		text = end + 1;
	}
	if (!any || !(sum <= 36525.0 * 86400))
		return false;
	*ret = (int64_t)(sum * PT_NS_PER_S);
	return true;
}
