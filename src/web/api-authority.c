/* The authority that vouches for this hub: what phones need of it, and its renewal. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"
#include "web/qr.h"

const PtOwnAuthority *pt_api_authority(PtHost *host, PtRequest *r) {
	const PtOwnAuthority *a = host->authority ? host->authority(host->user) : NULL;
	if (a && a->certificate)
		return a;
	pt_request_fail(r, 404, "%s",
	                a ? a->problem : "this hub is no authority of its own: the site file does not say web.tls: own");
	return NULL;
}

void pt_api_put_authority(JsonBuilder *b, const char *name, const PtOwnAuthority *a) {
	pt_json_object(b, name);
	pt_json_text(b, "problem", a->problem);
	if (a->certificate) {
		pt_json_text(b, "address", a->address);
		pt_json_text(b, "fingerprint", a->fingerprint);
		pt_json_time(b, "until", a->until_ns);
		pt_json_text(b, "pages", a->pages);
		pt_json_time(b, "server_until", a->server_until_ns);
		pt_json_array(b, "names");
		for (char **n = a->names; *n; n++)
			json_builder_add_string_value(b, *n);
		json_builder_end_array(b);
	}
	json_builder_end_object(b);
}

static void get_code(PtRequest *r, void *data) {
	const PtOwnAuthority *a = pt_api_authority(data, r);
	g_autofree char *svg = a ? pt_qr_svg(a->address) : NULL;
	if (svg)
		pt_request_reply_text(r, 200, "image/svg+xml", svg);
	else if (a)
		pt_request_fail(r, 500, "the address is too long for a QR code");
}

static void post_renew(PtRequest *r, void *data) {
	PtHost *host = data;
	if (host->authority && host->authority(host->user))
		host->renew(host->user, r);
	else
		pt_api_authority(host, r); /* says why not */
}

void pt_api_add_authority(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/authority/qr.svg", PT_ROLE_VIEWER, get_code, host);
	pt_server_route(host->server, "POST", "/api/authority/renew", PT_ROLE_ADMIN, post_renew, host);
}
