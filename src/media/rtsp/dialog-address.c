/* Where the client goes: the address of the site file, and where servers send it on to (RFC 2326 §11.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/dialog.h"
#include <string.h>

#define URL_MAX 2048

void pt_rtsp_address_clear(PtRtspAddress *a) {
	g_free(a->url);
	g_free(a->host);
	*a = (PtRtspAddress){0};
}

/* "rtsps://user@host:port/path"; user and password are left out: logins stand elsewhere. */
bool pt_rtsp_address_parse(PtRtspAddress *ret, const char *text) {
	bool tls = !g_ascii_strncasecmp(text, "rtsps:", 6);
	if (strlen(text) > URL_MAX || (!tls && g_ascii_strncasecmp(text, "rtsp:", 5)))
		return false;
	for (const char *p = text; *p; p++)
		if (g_ascii_iscntrl(*p) || *p == ' ')
			return false;
	const char *rest = strchr(text, ':') + 1;
	rest += strspn(rest, "/");
	const char *path = rest + strcspn(rest, "/?");
	g_autofree char *authority = g_strndup(rest, (gsize)(path - rest));
	char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority, *port;
	g_autofree char *url = g_strdup_printf("%s://%s%s", tls ? "rtsps" : "rtsp", host, path);
	if (*host == '[') {
		char *end = strchr(++host, ']');
		port = end && end[1] == ':' ? end + 2 : NULL;
		if (end)
			*end = 0;
	} else {
		port = strchr(host, ':');
		if (port)
			*port++ = 0;
	}
	if (!*host)
		return false;
	guint64 number = port ? g_ascii_strtoull(port, NULL, 10) : 0;
	*ret = (PtRtspAddress){.url = g_steal_pointer(&url),
	                       .host = g_strdup(host),
	                       .port = number && number < 65536 ? (uint16_t)number
	                               : tls                    ? 322
	                                                        : 554,
	                       .tls = tls};
	return true;
}

static void take(PtRtspDialog *d, PtRtspAddress *a) {
	pt_rtsp_address_clear(&d->at);
	d->at = *a;
	*a = (PtRtspAddress){0};
	g_free(d->visited[d->n_visited]);
	d->visited[d->n_visited++] = g_strdup_printf("%s:%u %s", d->at.host, d->at.port, d->at.url);
}

void pt_rtsp_dialog_forget_way(PtRtspDialog *d) {
	for (unsigned i = 0; i < G_N_ELEMENTS(d->visited); i++)
		g_clear_pointer(&d->visited[i], g_free);
	d->n_visited = 0;
	g_clear_pointer(&d->elsewhere, pt_digest_client_free);
	d->login = d->own_login;
}

bool pt_rtsp_dialog_go_home(PtRtspDialog *d) {
	PtRtspAddress home;
	pt_rtsp_dialog_forget_way(d);
	if (!pt_rtsp_address_parse(&home, d->location))
		return false;
	take(d, &home);
	return true;
}

/* The login belongs to the host of the site file. Another one that we are sent to gets no password, and an answer to a
 * Digest challenge only in the realm that the first host asked in: whoever could forge the redirect on the wire could ask
 * for that very answer in the first host's name, so nothing is given away that was not before. */
static void choose_login(PtRtspDialog *d) {
	PtRtspAddress home = {0};
	bool same = pt_rtsp_address_parse(&home, d->location) && !g_ascii_strcasecmp(home.host, d->at.host);
	pt_rtsp_address_clear(&home);
	PtDigestClient *other = same ? NULL : pt_digest_client_new_elsewhere(d->login);
	pt_digest_client_free(d->elsewhere);
	d->elsewhere = other;
	d->login = other ? other : d->own_login;
}

static bool was_visited(const PtRtspDialog *d, const PtRtspAddress *a) {
	g_autofree char *text = g_strdup_printf("%s:%u %s", a->host, a->port, a->url);
	for (unsigned i = 0; i < d->n_visited; i++)
		if (!strcmp(d->visited[i], text))
			return true;
	return false;
}

bool pt_rtsp_dialog_redirected(PtRtspDialog *d, const PtRtspMessage *m) {
	const char *location = pt_rtsp_message_get(m, "Location");
	unsigned status = m->status;
	PtRtspAddress a = {0};
	if (status != 301 && status != 302 && status != 303 && status != 305)
		return false;
	if (!location || !*location) {
		pt_rtsp_dialog_lose(d, PT_ERROR_FAILED, "%u camera %s sends us elsewhere, but does not say where", status,
		                    d->camera);
		return true;
	}
	if (!pt_rtsp_address_parse(&a, location)) {
		pt_rtsp_dialog_lose(d, PT_ERROR_FAILED, "%u camera %s sends us to an address that is no rtsp://HOST/PATH",
		                    status, d->camera);
		return true;
	}
	if (d->at.tls && !a.tls) {
		pt_rtsp_dialog_lose(d, PT_ERROR_FAILED,
		                    "%u camera %s sends us from TLS to plain RTSP (%s), which is not followed", status,
		                    d->camera, a.url);
		pt_rtsp_address_clear(&a);
		return true;
	}
	if (status == 305) { /* a proxy: it is asked for what the first was asked for */
		g_free(a.url);
		a.url = g_strdup(d->at.url);
	}
	if (was_visited(d, &a)) {
		pt_rtsp_dialog_lose(d, PT_ERROR_FAILED, "%u camera %s sends us in a circle: %s:%u was asked for %s before",
		                    status, d->camera, a.host, a.port, a.url);
	} else if (d->n_visited > PT_RTSP_REDIRECTS) {
		pt_rtsp_dialog_lose(d, PT_ERROR_FAILED, "%u camera %s sends us on more than %d times (last to %s)", status,
		                    d->camera, PT_RTSP_REDIRECTS, a.url);
	} else {
		take(d, &a);
		choose_login(d);
		d->ops->sent_on(d);
	}
	pt_rtsp_address_clear(&a);
	return true;
}
