/* Adding cameras: what is looked for, and what is written, is the daemon's affair; here is who may ask. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"

static void post_discover(PtRequest *r, void *data) {
	PtHost *host = data;
	host->discover(host->user, r);
}

static void post_preview(PtRequest *r, void *data) {
	PtHost *host = data;
	host->preview(host->user, r);
}

static void post_camera(PtRequest *r, void *data) {
	PtHost *host = data;
	host->add_camera(host->user, r);
}

static void delete_camera(PtRequest *r, void *data) {
	PtHost *host = data;
	host->remove_camera(host->user, r);
}

void pt_api_add_cameras(PtHost *host) {
	if (!host->discover)
		return;
	pt_server_route(host->server, "POST", "/api/discover", PT_ROLE_ADMIN, post_discover, host);
	pt_server_route(host->server, "POST", "/api/preview", PT_ROLE_ADMIN, post_preview, host);
	pt_server_route(host->server, "POST", "/api/cameras", PT_ROLE_ADMIN, post_camera, host);
	pt_server_route(host->server, "DELETE", "/api/cameras/*", PT_ROLE_ADMIN, delete_camera, host);
}
