/* The page by which phones and computers come to trust this hub: the certificate of its authority, its fingerprint, and what
 * to do with them on each system. Who opens it trusts nothing here yet. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"

static void fill_in(GString *page, const char *mark, const char *value) {
	g_autofree char *escaped = g_markup_escape_text(value, -1);
	g_string_replace(page, mark, escaped, 0);
}

/* It is compared byte by byte: lines end between them. */
static void fill_in_fingerprint(GString *page, const char *fingerprint) {
	g_autoptr(GString) text = g_string_new(fingerprint);
	g_string_replace(text, ":", ":<wbr>", 0);
	g_string_replace(page, "{fingerprint}", text->str, 0);
}

static void get_page(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtOwnAuthority *a = pt_api_authority(host, r);
	g_autoptr(GBytes) bytes = g_resources_lookup_data("/pigtail/install.html", 0, NULL);
	if (!a)
		return;
	gsize n;
	const char *text = g_bytes_get_data(bytes, &n);
	g_autoptr(GString) page = g_string_new_len(text, (gssize)n);
	fill_in_fingerprint(page, a->fingerprint);
	fill_in(page, "{pages}", a->pages);
	fill_in(page, "{site}", host->site(host->user)->name);
	pt_request_reply_text(r, 200, "text/html; charset=utf-8", page->str);
}

static void get_style(PtRequest *r, void *data) {
	g_autoptr(GBytes) bytes = g_resources_lookup_data("/pigtail/ui/base.css", 0, NULL);
	pt_request_reply(r, 200, "text/css; charset=utf-8", bytes);
}

static void get_certificate(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtOwnAuthority *a = pt_api_authority(host, r);
	if (!a)
		return;
	/* iPhones take it as a profile by this type; the others save it under the name */
	pt_request_add_header(r, "Content-Disposition", "inline; filename=\"pigtail-ca.crt\"");
	pt_request_reply_text(r, 200, "application/x-x509-ca-cert", a->certificate);
}

void pt_install_add_routes(PtHost *host, PtServer *server) {
	if (!host->authority)
		return;
	pt_server_route(server, "GET", "/install", PT_ROLE_NONE, get_page, host);
	pt_server_route(server, "GET", "/install/base.css", PT_ROLE_NONE, get_style, host);
	pt_server_route(server, "GET", "/install/pigtail-ca.crt", PT_ROLE_NONE, get_certificate, host);
}
