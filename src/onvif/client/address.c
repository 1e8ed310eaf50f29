/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/address.h"
#include "base/error.h"
#include <stdbool.h>
#include <string.h>

typedef struct {
	char *scheme, *host, *path; /* path with its query; begins with '/' */
	int port;                   /* -1: none given */
} Parts;

static void parts_clear(Parts *p) {
	g_free(p->scheme);
	g_free(p->host);
	g_free(p->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parts, parts_clear)

static int to_port(const char *text, size_t n) {
	guint64 port;
	g_autofree char *digits = g_strndup(text, n);
	return g_ascii_string_to_unsigned(digits, 10, 1, 65535, &port, NULL) ? (int)port : -1;
}

/* More tolerant than a URI parser may be: "host:8106:8106" (the first port counts), a login (dropped), spaces around. */
static bool take_apart(const char *text, Parts *ret) {
	g_autofree char *url = g_strstrip(g_strdup(text));
	const char *scheme_end = strstr(url, "://");
	if (!scheme_end || scheme_end == url)
		return false;
	Parts p = {.scheme = g_ascii_strdown(url, scheme_end - url), .port = -1};
	const char *authority = scheme_end + 3;
	size_t n = strcspn(authority, "/?#");
	const char *rest = authority + n;
	const char *at = g_strrstr_len(authority, (gssize)n, "@");
	if (at) {
		n -= (size_t)(at + 1 - authority);
		authority = at + 1;
	}
	size_t host = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":");
	host = MIN(host, n);
	if (host < n && authority[host] == ':')
		p.port = to_port(authority + host + 1, strcspn(authority + host + 1, ":/?#"));
	p.host = g_ascii_strdown(authority, (gssize)host);
	size_t path = strcspn(rest, "#");
	p.path = g_strdup_printf("%s%.*s", *rest == '/' ? "" : "/", (int)path, rest);
	*ret = p;
	return true;
}

static char *join(const char *scheme, const char *host, int port, const char *path) {
	return port > 0 ? g_strdup_printf("%s://%s:%d%s", scheme, host, port, path)
	                : g_strdup_printf("%s://%s%s", scheme, host, path);
}

char *pt_onvif_device_url(const char *source, GError **error) {
	g_autofree char *url = strstr(source, "://") ? g_strdup(source) : g_strconcat("onvif://", source, NULL);
	g_auto(Parts) p = {0};
	if (strchr(url, '@') || !take_apart(url, &p) || !p.host[0] ||
	    (strcmp(p.scheme, "onvif") && strcmp(p.scheme, "onvifs") && strcmp(p.scheme, "http") &&
	     strcmp(p.scheme, "https"))) {
		pt_error_set(error, INVALID,
		             "this is no address of an ONVIF device (write onvif://192.0.2.20 and the login as login:)");
		return NULL;
	}
	const char *path = strcmp(p.path, "/") ? p.path : "/onvif/device_service";
	bool secure = !strcmp(p.scheme, "onvifs") || !strcmp(p.scheme, "https");
	return join(secure ? "https" : "http", p.host, p.port, path);
}

char *pt_onvif_service_url(const char *known, const char *given) {
	g_auto(Parts) k = {0}, g = {0};
	if (!take_apart(known, &k) || !take_apart(given, &g))
		return g_strdup(known);
	bool same = !strcmp(k.host, g.host) && !strcmp(k.scheme, g.scheme);
	return join(k.scheme, k.host, same ? g.port : k.port, g.path);
}

char *pt_onvif_other_url(const char *known, const char *given) {
	g_auto(Parts) k = {0}, g = {0};
	if (!take_apart(known, &k) || !take_apart(given, &g) || !strcmp(k.host, g.host) || g.port < 0 || g.port == k.port)
		return NULL;
	return join(k.scheme, k.host, g.port, g.path);
}

char *pt_onvif_stream_url(const char *known, const char *given) {
	g_auto(Parts) k = {0}, g = {0};
	if (!take_apart(known, &k) || !take_apart(given, &g) || (strcmp(g.scheme, "rtsp") && strcmp(g.scheme, "rtsps")))
		return NULL;
	return join(g.scheme, k.host, g.port, g.path);
}
