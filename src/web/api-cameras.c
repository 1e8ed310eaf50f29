/* Adding cameras, telling them things, saying things out of them, what rules took of them: what is looked for, written,
 * told, said or kept is the daemon's affair; here is who may ask. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
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

/* ---- out of its speaker ---- */

static void get_talk(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (!camera)
		return;
	g_auto(GStrv) messages = pt_site_messages(host->site(host->user));
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_bool(b, "possible", host->may_say(host->user, camera));
	pt_json_bool(b, "texts", host->speaks(host->user));
	pt_json_array(b, "messages");
	for (char **m = messages; *m; m++)
		json_builder_add_string_value(b, *m);
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

static void said(void *data, double seconds, const GError *error) {
	PtRequest *r = data;
	if (g_error_matches(error, PT_ERROR, PT_ERROR_AUTH)) {
		pt_request_fail(r, 502, "%s", error->message); /* it is the camera's login, not the caller's */
	} else if (error) {
		pt_request_fail_error(r, error);
	} else {
		g_autoptr(JsonBuilder) b = json_builder_new();
		pt_json_object(b, NULL);
		pt_json_number(b, "seconds", seconds);
		json_builder_end_object(b);
		pt_api_reply(r, b);
	}
	pt_request_unref(r);
}

static void post_talk(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonParser) parser = NULL;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	JsonObject *body = camera ? pt_api_body(r, &parser) : NULL;
	if (!body)
		return;
	const char *text = pt_api_text(body, "text"), *file = pt_api_text(body, "file");
	if (!text == !file) {
		pt_request_fail(r, 400, "one of text and file is needed: what is said, or the name of a message");
		return;
	}
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
	host->say(host->user, camera->name, actor, text, file, said, pt_request_ref(r));
}

void pt_api_add_cameras(PtHost *host) {
	if (!host->discover)
		return;
	pt_server_route(host->server, "GET", "/api/cameras/*/pictures/*", PT_ROLE_VIEWER, get_picture, host);
	pt_server_route(host->server, "GET", "/api/cameras/*/controls", PT_ROLE_OPERATOR, get_controls, host);
	pt_server_route(host->server, "POST", "/api/cameras/*/controls", PT_ROLE_OPERATOR, post_controls, host);
	pt_server_route(host->server, "GET", "/api/cameras/*/talk", PT_ROLE_OPERATOR, get_talk, host);
	pt_server_route(host->server, "POST", "/api/cameras/*/talk", PT_ROLE_OPERATOR, post_talk, host);
	pt_server_route(host->server, "POST", "/api/discover", PT_ROLE_ADMIN, post_discover, host);
	pt_server_route(host->server, "POST", "/api/preview", PT_ROLE_ADMIN, post_preview, host);
	pt_server_route(host->server, "POST", "/api/cameras", PT_ROLE_ADMIN, post_camera, host);
	pt_server_route(host->server, "DELETE", "/api/cameras/*", PT_ROLE_ADMIN, delete_camera, host);
}
