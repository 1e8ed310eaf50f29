/* XML for SOAP: a writer that knows the namespaces of ONVIF, and a tolerant reader with bounds. The only place that sees
 * libxml2. Documents with a DOCTYPE are refused, so there are no entities to expand and nothing to fetch. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- namespaces: by prefix here, by URI on the wire ---- */

/* The URI that a prefix of ours stands for ("tds", "tt", …; see xml.c for all); NULL: none of ours. */
const char *pt_xml_uri(const char *prefix);
/* The other way: our prefix, or NULL for a URI that we do not know. Some have two URIs (SOAP 1.1 and 1.2, WS-Addressing). */
const char *pt_xml_prefix(const char *uri);

/* ---- writing: aborts when memory is short, like all of GLib ---- */

typedef struct PtXml PtXml;
struct PtXmlNode; /* see reading */

PtXml *pt_xml_new(void);
void pt_xml_free(PtXml *xml); /* takes NULL */
/* Names are written "prefix:Name"; the namespaces used are declared at the root by pt_xml_finish(). */
void pt_xml_open(PtXml *xml, const char *name);
void pt_xml_close(PtXml *xml); /* the innermost open element */
/* On the element just opened, before any content. */
void pt_xml_attribute(PtXml *xml, const char *name, const char *value);
void pt_xml_attribute_int(PtXml *xml, const char *name, int64_t value);
void pt_xml_attribute_bool(PtXml *xml, const char *name, bool value);
/* Text within the open element. Characters that XML cannot carry become U+FFFD. */
void pt_xml_text(PtXml *xml, const char *text);
/* Whole elements with text. */
void pt_xml_put(PtXml *xml, const char *name, const char *text);
void pt_xml_put_format(PtXml *xml, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
void pt_xml_put_int(PtXml *xml, const char *name, int64_t value);
void pt_xml_put_float(PtXml *xml, const char *name, double value); /* in the C locale, as short as it is exact to 1e-6 */
void pt_xml_put_bool(PtXml *xml, const char *name, bool value);
void pt_xml_put_time(PtXml *xml, const char *name, int64_t wall_ns); /* xs:dateTime in UTC, to the millisecond */
void pt_xml_put_duration(PtXml *xml, const char *name, int64_t ns);  /* xs:duration: PT1.5S; not negative */
/* A prefix that stands in a value (a topic, a fault's code) and must be declared. */
void pt_xml_declare(PtXml *xml, const char *prefix);
/* A well-formed piece written by another writer; it is emptied and freed. */
void pt_xml_append(PtXml *xml, PtXml *piece);
/* An element of somebody else's document with all that is in it, whatever its namespaces. */
void pt_xml_append_node(PtXml *xml, const struct PtXmlNode *node);
/* What was written so far, once more. */
PtXml *pt_xml_copy(const PtXml *xml);
/* The document: closes what is open, declares namespaces at the root, frees the writer. Caller unrefs. */
GBytes *pt_xml_finish(PtXml *xml);

/* ---- reading ---- */

#define PT_XML_MAX (4u << 20) /* bytes of a document */
#define PT_XML_DEPTH 64

typedef struct PtXmlDoc PtXmlDoc;
typedef struct PtXmlNode PtXmlNode; /* an element; lives as long as its document */

/* tolerant: what a camera has sent; text in a wrong encoding and small breaches of form (attributes without quotes) are
 * mended and the document says so. NULL: PT_ERROR_INVALID or PT_ERROR_TOO_LARGE. */
PtXmlDoc *pt_xml_parse(const void *data, size_t size, bool tolerant, GError **error);
void pt_xml_doc_free(PtXmlDoc *doc); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtXmlDoc, pt_xml_doc_free)
const PtXmlNode *pt_xml_root(const PtXmlDoc *doc); /* not NULL */
bool pt_xml_mended(const PtXmlDoc *doc);

/* "tds:Name": namespace by its URI (either of the two where there are two), "Name" or "*": whatever the namespace.
 * All take node NULL and answer NULL, so that a long way down needs one check at its end. */
bool pt_xml_is(const PtXmlNode *node, const char *name);
const PtXmlNode *pt_xml_child(const PtXmlNode *node, const char *name); /* the first; name "*": of any name */
const PtXmlNode *pt_xml_next(const PtXmlNode *node, const char *name);  /* the next sibling */
/* Children by their names: "tt:Capabilities/tt:Events/tt:XAddr". */
const PtXmlNode *pt_xml_at(const PtXmlNode *node, const char *path);
/* The first of this name anywhere below, in document order. */
const PtXmlNode *pt_xml_below(const PtXmlNode *node, const char *name);
const PtXmlNode *pt_xml_parent(const PtXmlNode *node);
const char *pt_xml_name(const PtXmlNode *node); /* local */
/* Its text without white space around it; "" when it has none or node is NULL. */
const char *pt_xml_value(const PtXmlNode *node);
const char *pt_xml_value_at(const PtXmlNode *node, const char *path); /* "" when it is not there */
/* By local name, whatever the namespace; NULL when absent. */
const char *pt_xml_get(const PtXmlNode *node, const char *attribute);
/* The URI that a prefix stands for at this element (for topics and fault codes); NULL: undeclared. */
const char *pt_xml_uri_of(const PtXmlNode *node, const char *prefix);

/* Values as the field writes them: true/1/on/active/yes in any case; false when they make no sense, *ret untouched then. */
bool pt_xml_bool(const char *text, bool *ret);
bool pt_xml_int(const char *text, int64_t *ret);
bool pt_xml_float(const char *text, double *ret);
bool pt_xml_time(const char *text, int64_t *ret_wall_ns); /* without a zone it is UTC */
bool pt_xml_duration(const char *text, int64_t *ret_ns);  /* xs:duration, no years, no months; at most 100 years */
