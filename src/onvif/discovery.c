/* The messages of WS-Discovery; what travels by which socket is in discovery-net.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/discovery.h"
#include "base/error.h"
#include <string.h>

#define DEVICES_MAX 16
#define MESSAGE_MAX 65536
#define ACTION "http://schemas.xmlsoap.org/ws/2005/04/discovery/"
#define TO "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
#define ANONYMOUS "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

void pt_discovery_device_clear(PtDiscoveryDevice *d) {
	g_free(d->endpoint);
	g_free(d->types);
	g_free(d->scopes);
	g_free(d->xaddrs);
	*d = (PtDiscoveryDevice){0};
}

/* ---- reading ---- */

/* A list of QNames with our prefixes; of namespaces that we do not know the local name alone. */
static char *read_types(const PtXmlNode *node) {
	GString *out = g_string_new(NULL);
	g_auto(GStrv) list = g_strsplit_set(pt_xml_value(node), " \t\r\n", 32);
	for (char **p = list; *p; p++) {
		if (!**p)
			continue;
		const char *colon = strchr(*p, ':');
		g_autofree char *theirs = g_strndup(*p, colon ? (gsize)(colon - *p) : 0);
		const char *ours = pt_xml_prefix(pt_xml_uri_of(node, theirs));
		g_string_append_printf(out, "%s%s%s%s", out->len ? " " : "", ours ? ours : "", ours ? ":" : "",
		                       colon ? colon + 1 : *p);
	}
	return g_string_free(out, FALSE);
}

static char *read_list(const PtXmlNode *node) {
	g_auto(GStrv) list = g_strsplit_set(pt_xml_value(node), " \t\r\n", 128);
	GString *out = g_string_new(NULL);
	for (char **p = list; *p; p++)
		if (**p)
			g_string_append_printf(out, "%s%s", out->len ? " " : "", *p);
	return g_string_free(out, FALSE);
}

static void read_device(const PtXmlNode *n, PtDiscoveryDevice *d) {
	int64_t version = 0;
	d->endpoint = g_strdup(pt_xml_value_at(n, "wsa:EndpointReference/wsa:Address"));
	d->types = read_types(pt_xml_child(n, "d:Types"));
	d->scopes = read_list(pt_xml_child(n, "d:Scopes"));
	d->xaddrs = read_list(pt_xml_child(n, "d:XAddrs"));
	if (pt_xml_int(pt_xml_value_at(n, "d:MetadataVersion"), &version))
		d->version = version;
}

static char *value_or_null(const PtXmlNode *node, const char *path) {
	const char *value = pt_xml_value_at(node, path);
	return *value ? g_strdup(value) : NULL;
}

PtDiscoveryMessage *pt_discovery_parse(const void *data, size_t size, GError **error) {
	static const struct {
		const char *name, *item;
		PtDiscoveryKind kind;
	} kinds[] = {
	    {"d:Probe", NULL, PT_DISCOVERY_PROBE},
	    {"d:Resolve", NULL, PT_DISCOVERY_RESOLVE},
	    {"d:ProbeMatches", "d:ProbeMatch", PT_DISCOVERY_MATCH},
	    {"d:ResolveMatches", "d:ResolveMatch", PT_DISCOVERY_MATCH},
	    {"d:Hello", NULL, PT_DISCOVERY_HELLO},
	    {"d:Bye", NULL, PT_DISCOVERY_BYE},
	};
	if (size > MESSAGE_MAX) {
		pt_error_set(error, TOO_LARGE, "a discovery message of %zu bytes", size);
		return NULL;
	}
	g_autoptr(PtSoap) soap = pt_soap_parse(data, size, true, error);
	if (!soap)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (!pt_xml_is(soap->body, kinds[i].name))
			continue;
		PtDiscoveryMessage *m = g_new0(PtDiscoveryMessage, 1);
		m->kind = kinds[i].kind;
		m->id = value_or_null(soap->header, "wsa:MessageID");
		m->relates_to = value_or_null(soap->header, "wsa:RelatesTo");
		m->devices = g_new0(PtDiscoveryDevice, DEVICES_MAX);
		if (!kinds[i].item)
			read_device(soap->body, &m->devices[m->n_devices++]);
		for (const PtXmlNode *n = kinds[i].item ? pt_xml_child(soap->body, kinds[i].item) : NULL;
		     n && m->n_devices < DEVICES_MAX; n = pt_xml_next(n, kinds[i].item))
			read_device(n, &m->devices[m->n_devices++]);
		return m;
	}
	pt_error_set(error, INVALID, "not a message of WS-Discovery");
	return NULL;
}

void pt_discovery_message_free(PtDiscoveryMessage *m) {
	if (!m)
		return;
	for (unsigned i = 0; i < m->n_devices; i++)
		pt_discovery_device_clear(&m->devices[i]);
	g_free(m->devices);
	g_free(m->id);
	g_free(m->relates_to);
	g_free(m);
}

char *pt_discovery_scope(const char *scopes, const char *word) {
	g_auto(GStrv) list = g_strsplit(scopes, " ", 0);
	g_autofree char *prefix = g_strdup_printf("onvif://www.onvif.org/%s/", word);
	for (char **p = list; *p; p++)
		if (g_str_has_prefix(*p, prefix) && (*p)[strlen(prefix)])
			return g_uri_unescape_string(*p + strlen(prefix), NULL);
	return NULL;
}

/* ---- writing ---- */

GBytes *pt_discovery_probe(const char *id) {
	PtXml *x = pt_soap_new(&(PtSoapHeader){.action = ACTION "Probe", .to = TO, .message_id = id, .discovery = true});
	pt_xml_open(x, "d:Probe");
	pt_xml_declare(x, "dn");
	pt_xml_put(x, "d:Types", "dn:NetworkVideoTransmitter");
	return pt_xml_finish(x);
}

static void put_device(PtXml *x, const PtDiscoveryDevice *d) {
	g_auto(GStrv) types = g_strsplit(d->types, " ", 0);
	for (char **t = types; *t; t++) {
		g_autofree char *prefix = g_strndup(*t, strcspn(*t, ":"));
		if (strchr(*t, ':') && pt_xml_uri(prefix))
			pt_xml_declare(x, prefix);
	}
	pt_xml_open(x, "wsad:EndpointReference");
	pt_xml_put(x, "wsad:Address", d->endpoint);
	pt_xml_close(x);
	pt_xml_put(x, "d:Types", d->types);
	pt_xml_put(x, "d:Scopes", d->scopes);
	pt_xml_put(x, "d:XAddrs", d->xaddrs);
	pt_xml_put_int(x, "d:MetadataVersion", d->version);
}

static PtXml *announcement(const char *action, const char *to, const char *relates_to, uint64_t instance, unsigned number) {
	g_autofree char *id = pt_soap_new_id();
	PtXml *sequence = pt_xml_new();
	pt_xml_open(sequence, "d:AppSequence");
	pt_xml_attribute_int(sequence, "InstanceId", (int64_t)instance);
	pt_xml_attribute_int(sequence, "MessageNumber", number);
	pt_xml_close(sequence);
	return pt_soap_new(&(PtSoapHeader){
	    .action = action, .to = to, .message_id = id, .relates_to = relates_to, .discovery = true, .extra = sequence});
}

GBytes *pt_discovery_hello(const PtDiscoveryDevice *d, uint64_t instance, unsigned number) {
	PtXml *x = announcement(ACTION "Hello", TO, NULL, instance, number);
	pt_xml_open(x, "d:Hello");
	put_device(x, d);
	return pt_xml_finish(x);
}

GBytes *pt_discovery_bye(const PtDiscoveryDevice *d, uint64_t instance, unsigned number) {
	PtXml *x = announcement(ACTION "Bye", TO, NULL, instance, number);
	pt_xml_open(x, "d:Bye");
	put_device(x, d);
	return pt_xml_finish(x);
}

static bool list_has(const char *list, const char *word) {
	g_auto(GStrv) words = g_strsplit(list, " ", 0);
	return g_strv_contains((const char *const *)words, word);
}

/* Each type that is asked for must be ours; each scope must be the beginning, by whole segments, of one of ours (RFC 3986
 * matching, WS-Discovery §5.1). */
static bool means_us(const PtDiscoveryDevice *asked, const PtDiscoveryDevice *d) {
	g_auto(GStrv) types = g_strsplit(asked->types, " ", 0), scopes = g_strsplit(asked->scopes, " ", 0),
	              ours = g_strsplit(d->scopes, " ", 0);
	for (char **t = types; *t; t++)
		if (**t && !list_has(d->types, *t))
			return false;
	for (char **s = scopes; *s; s++) {
		bool found = !**s;
		size_t n = strlen(*s);
		while (n && (*s)[n - 1] == '/')
			n--;
		for (char **o = ours; *o && !found; o++)
			found = !g_ascii_strncasecmp(*o, *s, n) && ((*o)[n] == '/' || !(*o)[n]);
		if (!found)
			return false;
	}
	return true;
}

GBytes *pt_discovery_answer(const PtDiscoveryMessage *q, const PtDiscoveryDevice *d, uint64_t instance, unsigned number) {
	bool resolve = q->kind == PT_DISCOVERY_RESOLVE;
	if (resolve ? g_strcmp0(q->devices[0].endpoint, d->endpoint)
	            : q->kind != PT_DISCOVERY_PROBE || !means_us(&q->devices[0], d))
		return NULL;
	PtXml *x =
	    announcement(resolve ? ACTION "ResolveMatches" : ACTION "ProbeMatches", ANONYMOUS, q->id, instance, number);
	pt_xml_open(x, resolve ? "d:ResolveMatches" : "d:ProbeMatches");
	pt_xml_open(x, resolve ? "d:ResolveMatch" : "d:ProbeMatch");
	put_device(x, d);
	return pt_xml_finish(x);
}
