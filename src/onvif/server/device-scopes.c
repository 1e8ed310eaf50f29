/* Scopes: what a search finds the device by. Some are what it is and stay; the others are the installer's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/device.h"
#include <string.h>

#define PREFIX "onvif://www.onvif.org/"

static void add_fixed(GPtrArray *list, const char *category, const char *value) {
	if (!*value)
		return;
	g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
	g_ptr_array_add(list, g_strconcat(PREFIX, category, "/", escaped, NULL));
}

/* Core specification, "Scopes": at least a profile, a hardware and a name that are fixed. */
static GPtrArray *fixed_scopes(PtOnvifServer *s) {
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	PtOnvifIdentity id = {0};
	s->host.identify(s->host.data, &id);
	g_ptr_array_add(list, g_strdup(PREFIX "Profile/Streaming"));
	g_ptr_array_add(list, g_strdup(PREFIX "Profile/T"));
	g_ptr_array_add(list, g_strdup(PREFIX "type/video_encoder"));
	add_fixed(list, "hardware", id.hardware);
	add_fixed(list, "name", id.name);
	add_fixed(list, "location", id.location);
	return list;
}

static bool is_fixed(PtOnvifServer *s, const char *scope) {
	g_autoptr(GPtrArray) fixed = fixed_scopes(s);
	return g_ptr_array_find_with_equal_func(fixed, scope, g_str_equal, NULL);
}

char *pt_onvif_server_scopes(PtOnvifServer *s) {
	g_autoptr(GPtrArray) all = fixed_scopes(s);
	for (char **p = pt_settings_scopes(s->settings); *p; p++)
		g_ptr_array_add(all, g_strdup(*p));
	g_ptr_array_add(all, NULL);
	return g_strjoinv(" ", (char **)all->pdata);
}

static void put_scope(PtXml *x, const char *definition, const char *scope) {
	pt_xml_open(x, "tds:Scopes");
	pt_xml_put(x, "tt:ScopeDef", definition);
	pt_xml_put(x, "tt:ScopeItem", scope);
	pt_xml_close(x);
}

void pt_device_get_scopes(PtCall *c) {
	g_autoptr(GPtrArray) fixed = fixed_scopes(c->server);
	for (guint i = 0; i < fixed->len; i++)
		put_scope(c->out, "Fixed", g_ptr_array_index(fixed, i));
	for (char **p = pt_settings_scopes(c->server->settings); *p; p++)
		put_scope(c->out, "Configurable", *p);
}

/* ---- setting ---- */

static void changed(PtCall *c) {
	if (c->server->host.discovery_changed)
		c->server->host.discovery_changed(c->server->host.data);
}

/* A URI without white space: they travel in a list that spaces separate. */
static bool is_scope(const char *text) {
	g_autofree char *scheme = g_uri_parse_scheme(text);
	return scheme && strlen(text) <= 256 && !strpbrk(text, " \t\r\n;");
}

static GPtrArray *read_scopes(PtCall *c, const char *element) {
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	for (const PtXmlNode *n = pt_xml_child(c->in, element); n; n = pt_xml_next(n, element)) {
		if (!is_scope(pt_xml_value(n))) {
			pt_call_fault(c, "ter:InvalidArgVal", NULL, "'%.80s' is no scope", pt_xml_value(n));
			return NULL;
		}
		g_ptr_array_add(list, g_strdup(pt_xml_value(n)));
	}
	if (!list->len) {
		pt_call_fault(c, "ter:InvalidArgs", NULL, "there are no scopes in the request");
		return NULL;
	}
	return g_steal_pointer(&list);
}

static void store(PtCall *c, GPtrArray *list) {
	g_autoptr(GError) error = NULL;
	if (list->len > PT_ONVIF_SCOPES) {
		pt_call_fault(c, "ter:Action", "ter:TooManyScopes", "at most %d scopes can be set", PT_ONVIF_SCOPES);
		return;
	}
	g_ptr_array_add(list, NULL);
	if (pt_settings_set_scopes(c->server->settings, (const char *const *)list->pdata, &error))
		changed(c);
	else
		pt_call_fault_error(c, error);
}

void pt_device_set_scopes(PtCall *c) {
	g_autoptr(GPtrArray) list = read_scopes(c, "tds:Scopes");
	if (!list)
		return;
	for (guint i = list->len; i-- > 0;) /* clients send back what they have read: the fixed ones are there anyway */
		if (is_fixed(c->server, g_ptr_array_index(list, i)))
			g_ptr_array_remove_index(list, i);
	store(c, list);
}

void pt_device_add_scopes(PtCall *c) {
	g_autoptr(GPtrArray) more = read_scopes(c, "tds:ScopeItem"), list = g_ptr_array_new_with_free_func(g_free);
	if (!more)
		return;
	for (char **p = pt_settings_scopes(c->server->settings); *p; p++)
		g_ptr_array_add(list, g_strdup(*p));
	for (guint i = 0; i < more->len; i++) {
		const char *scope = g_ptr_array_index(more, i);
		if (!is_fixed(c->server, scope) && !g_ptr_array_find_with_equal_func(list, scope, g_str_equal, NULL))
			g_ptr_array_add(list, g_strdup(scope));
	}
	store(c, list);
}

void pt_device_remove_scopes(PtCall *c) {
	g_autoptr(GPtrArray) gone = read_scopes(c, "tds:ScopeItem"), list = g_ptr_array_new_with_free_func(g_free);
	const char *const *have = (const char *const *)pt_settings_scopes(c->server->settings);
	if (!gone)
		return;
	for (guint i = 0; i < gone->len; i++) {
		const char *scope = g_ptr_array_index(gone, i);
		if (is_fixed(c->server, scope))
			pt_call_fault(c, "ter:OperationProhibited", "ter:FixedScope", "%s is fixed", scope);
		else if (!g_strv_contains(have, scope))
			pt_call_fault(c, "ter:InvalidArgVal", "ter:NoScope", "there is no scope %s", scope);
		else
			pt_xml_put(c->out, "tds:ScopeItem", scope);
	}
	for (; *have; have++)
		if (!g_ptr_array_find_with_equal_func(gone, *have, g_str_equal, NULL))
			g_ptr_array_add(list, g_strdup(*have));
	if (!c->code)
		store(c, list);
}

void pt_device_get_discovery_mode(PtCall *c) {
	pt_xml_put(c->out, "tds:DiscoveryMode",
	           pt_settings_discoverable(c->server->settings) ? "Discoverable" : "NonDiscoverable");
}

void pt_device_set_discovery_mode(PtCall *c) {
	const char *mode = pt_call_text(c, "tds:DiscoveryMode");
	g_autoptr(GError) error = NULL;
	if (strcmp(mode, "Discoverable") && strcmp(mode, "NonDiscoverable"))
		pt_call_fault(c, "ter:InvalidArgVal", NULL,
		              "DiscoveryMode: '%.40s' is not one of Discoverable, NonDiscoverable", mode);
	else if (pt_settings_set_discoverable(c->server->settings, !strcmp(mode, "Discoverable"), &error))
		changed(c);
	else
		pt_call_fault_error(c, error);
}
