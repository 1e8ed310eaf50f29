/* Adding cameras, telling them things, what rules took of them: what is looked for, written, told or kept is the daemon's
 * affair; here is who may ask. */
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

static void get_controls(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (camera)
		host->controls(host->user, camera, r);
}

static void post_controls(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (camera)
		host->control(host->user, camera, r);
}

static void get_picture(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (camera)
		host->picture(host->user, camera, pt_request_segment(r, 1), r);
}

void pt_api_add_cameras(PtHost *host) {
	if (!host->discover)
		return;
	pt_server_route(host->server, "GET", "/api/cameras/*/pictures/*", PT_ROLE_VIEWER, get_picture, host);
	pt_server_route(host->server, "GET", "/api/cameras/*/controls", PT_ROLE_OPERATOR, get_controls, host);
	pt_server_route(host->server, "POST", "/api/cameras/*/controls", PT_ROLE_OPERATOR, post_controls, host);
	pt_server_route(host->server, "POST", "/api/discover", PT_ROLE_ADMIN, post_discover, host);
	pt_server_route(host->server, "POST", "/api/preview", PT_ROLE_ADMIN, post_preview, host);
	pt_server_route(host->server, "POST", "/api/cameras", PT_ROLE_ADMIN, post_camera, host);
	pt_server_route(host->server, "DELETE", "/api/cameras/*", PT_ROLE_ADMIN, delete_camera, host);
}
