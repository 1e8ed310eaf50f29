/* The section `mqtt:`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "site/internal.h"
#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 1883
#define PORT_TLS 8883
#define LEVEL_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

static bool read_broker(PtSiteMqtt *m, const PtNode *node, GPtrArray *problems) {
	g_autofree char *text = NULL;
	if (!pt_node_read_text(node, &text, problems))
		return false;
	g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NON_DNS, NULL);
	const char *scheme = uri ? g_uri_get_scheme(uri) : "", *host = uri ? g_uri_get_host(uri) : NULL;
	m->tls = !strcmp(scheme, "mqtts");
	if ((!m->tls && strcmp(scheme, "mqtt")) || !host || !*host || strlen(g_uri_get_path(uri)) > 1) {
		pt_problem(problems, node, "'%.60s' is no broker: write mqtts://broker.example.org or mqtt://127.0.0.1:1883",
		           text);
		return false;
	}
	if (g_uri_get_userinfo(uri)) {
		pt_problem(problems, node, "holds a login: write it into the secrets file, and its name here as login:");
		return false;
	}
	m->host = g_strdup(host);
	m->port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : m->tls ? PORT_TLS : PORT;
	return true;
}

static void read_login(PtSite *site, PtSiteMqtt *m, const PtNode *node, GPtrArray *problems) {
	g_autofree char *name = NULL;
	if (!pt_node_read_text(node, &name, problems))
		return;
	m->login = pt_site_login(site, name);
	if (m->login && m->login->user)
		return;
	g_autofree const char **names = pt_site_names(site->logins, G_STRUCT_OFFSET(PtSiteLogin, name));
	g_autofree char *meant = pt_suggest_text(name, names);
	pt_problem(problems, node, "there is no login named '%.60s' in %s%s", name, site->secrets_path, meant);
}

static void read_prefix(const PtNode *node, char **prefix, GPtrArray *problems) {
	if (!pt_node_read_text(node, prefix, problems))
		return;
	const char *p = *prefix;
	bool good =
	    *p && *p != '/' && p[strlen(p) - 1] != '/' && strspn(p, LEVEL_BYTES "/") == strlen(p) && !strstr(p, "//");
	if (!good || strlen(p) > 100)
		pt_problem(problems, node, "'%.60s' is no beginning of topics: letters, digits, - and _, levels parted by /",
		           p);
}

static bool is_off(const PtNode *node) { return node && node->kind == PT_NODE_SCALAR && pt_node_switch_of(node->text) == 0; }

void pt_site_read_mqtt(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"broker",  "login",          "ca",    "client-id", "prefix",
	                                    "version", "home-assistant", "plain", "pictures",  NULL};
	static const char *const versions[] = {"5", "3.1.1", NULL}, *const plain[] = {"off", "lan", NULL};
	int word = 0, allowed = 0;
	if (pt_node_is_empty(node) || !pt_node_check_keys(node, known, problems))
		return;
	const PtNode *broker = pt_node_get(node, "broker"), *announce = pt_node_get(node, "home-assistant"),
	             *pictures = pt_node_get(node, "pictures");
	PtSiteMqtt *m = site->mqtt = g_new0(PtSiteMqtt, 1);
	if (!broker)
		pt_problem(problems, node, "names no broker: write broker: mqtts://broker.example.org");
	m->client_id = g_strdup("pigtail");
	m->prefix = g_strdup("pigtail");
	m->home_assistant = g_strdup("homeassistant");
	bool ok = read_broker(m, broker, problems);
	read_login(site, m, pt_node_get(node, "login"), problems);
	pt_site_read_path(site, pt_node_get(node, "ca"), &m->ca, problems);
	if (pt_node_read_text(pt_node_get(node, "client-id"), &m->client_id, problems) &&
	    (strlen(m->client_id) > 100 || strspn(m->client_id, LEVEL_BYTES) != strlen(m->client_id) || !*m->client_id))
		pt_problem(problems, pt_node_get(node, "client-id"), "must be 1 to 100 letters, digits, - and _");
	read_prefix(pt_node_get(node, "prefix"), &m->prefix, problems);
	if (pt_node_read_choice(pt_node_get(node, "version"), versions, &word, problems))
		m->version = word ? 311 : 5;
	if (is_off(announce))
		g_clear_pointer(&m->home_assistant, g_free);
	else
		read_prefix(announce, &m->home_assistant, problems);
	if (!is_off(pictures))
		pt_node_read_duration(pictures, 2 * PT_NS_PER_S, 3600 * PT_NS_PER_S, &m->pictures_ns, problems);
	pt_node_read_choice(pt_node_get(node, "plain"), plain, &allowed, problems);
	if (ok && !m->tls && !allowed && !pt_site_is_loopback(m->host))
		pt_problem(
		    problems, broker,
		    "%s is not on this machine, and mqtt:// sends everything, the password too, for all to read: write "
		    "mqtts://, or accept it with plain: lan",
		    m->host);
	if (ok && m->ca && !m->tls)
		pt_problem(problems, pt_node_get(node, "ca"), "goes with mqtts:// alone");
}

void pt_site_mqtt_free(PtSiteMqtt *m) {
	if (!m)
		return;
	g_free(m->host);
	g_free(m->ca);
	g_free(m->client_id);
	g_free(m->prefix);
	g_free(m->home_assistant);
	g_free(m);
}

void pt_site_print_mqtt(GString *out, const PtSite *s) {
	const PtSiteMqtt *m = s->mqtt;
	if (!m)
		return;
	bool v6 = strchr(m->host, ':') != NULL;
	g_autofree char *broker =
	    g_strdup_printf("%s://%s%s%s:%d", m->tls ? "mqtts" : "mqtt", v6 ? "[" : "", m->host, v6 ? "]" : "", m->port);
	g_string_append(out, "mqtt: {");
	pt_print_text(out, "broker", broker);
	pt_print_text(out, "login", m->login ? m->login->name : NULL);
	pt_print_text(out, "ca", m->ca);
	pt_print_text(out, "client-id", m->client_id);
	pt_print_text(out, "prefix", m->prefix);
	if (m->version)
		pt_print_text(out, "version", m->version == 5 ? "5" : "3.1.1");
	pt_print_text(out, "home-assistant", m->home_assistant ? m->home_assistant : "off");
	if (m->pictures_ns)
		pt_print_duration(out, "pictures", m->pictures_ns);
	else
		pt_print_text(out, "pictures", "off");
	if (!m->tls && !pt_site_is_loopback(m->host))
		pt_print_text(out, "plain", "lan");
	g_string_append(out, " }\n");
}
