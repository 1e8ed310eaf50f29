/* The caller's devices for Web Push; answered by the host. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"

static void get_devices(PtRequest *r, void *data) {
	PtHost *host = data;
	host->devices(host->user, r);
}

static void post_device(PtRequest *r, void *data) {
	PtHost *host = data;
	host->add_device(host->user, r);
}

static void delete_device(PtRequest *r, void *data) {
	PtHost *host = data;
	host->remove_device(host->user, r);
}

void pt_api_add_devices(PtHost *host) {
	if (!host->devices)
		return;
	pt_server_route(host->server, "GET", "/api/devices", PT_ROLE_VIEWER, get_devices, host);
	pt_server_route(host->server, "POST", "/api/devices", PT_ROLE_VIEWER, post_device, host);
	pt_server_route(host->server, "DELETE", "/api/devices/*", PT_ROLE_VIEWER, delete_device, host);
}
