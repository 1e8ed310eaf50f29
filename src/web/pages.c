/* The pages, out of the binary: everything under ui/ is a GResource. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"
#include <string.h>

#include "ui.h" /* made of ui.gresource.xml */

#define PREFIX "/pigtail/ui/"

static const struct {
	const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
    {".png", "image/png"},
    {".webmanifest", "application/manifest+json"},
};

static void serve(PtRequest *r, const char *name) {
	g_autofree char *path = g_strconcat(PREFIX, name, NULL);
	g_autoptr(GBytes) bytes = g_resources_lookup_data(path, 0, NULL);
	const char *type = NULL;
	for (unsigned i = 0; i < G_N_ELEMENTS(types) && !type; i++)
		if (g_str_has_suffix(name, types[i].ending))
			type = types[i].type;
	if (!bytes || !type) {
		pt_request_fail(r, 404, "there is no page %s", name);
		return;
	}
	/* pages belong to this very binary: a browser may keep them, but has to ask whether they are still the same */
	g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
	g_autofree char *tag = g_strdup_printf("\"%.16s\"", sum);
	const char *known = pt_request_header(r, "If-None-Match");
	pt_request_add_header(r, "ETag", tag);
	pt_request_add_header(r, "Cache-Control", "no-cache");
	if (known && !strcmp(known, tag))
		pt_request_reply(r, 304, NULL, NULL);
	else
		pt_request_reply(r, 200, type, bytes);
}

static void get_index(PtRequest *r, void *data) { serve(r, "index.html"); }
static void get_file(PtRequest *r, void *data) { serve(r, pt_request_segment(r, 0)); }

void pt_pages_add_routes(PtHost *host) {
	g_resources_register(pt_ui_get_resource());
	pt_server_route(host->server, "GET", "/", PT_ROLE_NONE, get_index, host);
	pt_server_route(host->server, "GET", "/ui/**", PT_ROLE_NONE, get_file, host);
}
