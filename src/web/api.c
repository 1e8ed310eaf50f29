/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/json.h"
#include "base/suggest.h"
#include "web/host.h"

void pt_json_text(JsonBuilder *b, const char *name, const char *text) {
	json_builder_set_member_name(b, name);
	if (text)
		json_builder_add_string_value(b, text);
	else
		json_builder_add_null_value(b);
}

void pt_json_int(JsonBuilder *b, const char *name, int64_t value) {
	json_builder_set_member_name(b, name);
	json_builder_add_int_value(b, value);
}

void pt_json_number(JsonBuilder *b, const char *name, double value) {
	json_builder_set_member_name(b, name);
	json_builder_add_double_value(b, value);
}

void pt_json_bool(JsonBuilder *b, const char *name, bool value) {
	json_builder_set_member_name(b, name);
	json_builder_add_boolean_value(b, value);
}

void pt_json_time(JsonBuilder *b, const char *name, int64_t wall_ns) {
	g_autofree char *text = wall_ns ? pt_time_format(wall_ns) : NULL;
	pt_json_text(b, name, text);
}

void pt_json_object(JsonBuilder *b, const char *name) {
	if (name)
		json_builder_set_member_name(b, name);
	json_builder_begin_object(b);
}

void pt_json_array(JsonBuilder *b, const char *name) {
	if (name)
		json_builder_set_member_name(b, name);
	json_builder_begin_array(b);
}

void pt_api_reply(PtRequest *request, JsonBuilder *builder) {
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	g_autofree char *text = json_to_string(root, FALSE);
	pt_request_reply_text(request, 200, "application/json", text);
}

JsonObject *pt_api_body(PtRequest *request, JsonParser **ret_parser) {
	g_autoptr(GBytes) body = pt_request_body(request);
	gsize size;
	const char *text = g_bytes_get_data(body, &size);
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	g_autoptr(GError) error = NULL;
	if (!pt_json_is_shallow(text, size, PT_JSON_DEPTH_MAX)) {
		pt_request_fail(request, 400, "the body has more than %d arrays and objects", PT_JSON_DEPTH_MAX);
		return NULL;
	}
	if (!size || !json_parser_load_from_data(parser, text, (gssize)size, &error) || !json_parser_get_root(parser) ||
	    !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
		pt_request_fail(request, 400, "the body is not a JSON object%s%s", error ? ": " : "",
		                error ? error->message : "");
		return NULL;
	}
	*ret_parser = g_steal_pointer(&parser);
	return json_node_get_object(json_parser_get_root(*ret_parser));
}

const char *pt_api_text(JsonObject *object, const char *name) {
	JsonNode *node = json_object_get_member(object, name);
	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
	           ? json_node_get_string(node)
	           : NULL;
}

bool pt_api_body_time(JsonObject *body, const char *name, int64_t *ret_ns, GError **error) {
	if (!json_object_has_member(body, name) || pt_time_parse(pt_api_text(body, name), ret_ns, error))
		return true;
	g_prefix_error(error, "%s: ", name);
	return false;
}

bool pt_api_time(PtRequest *request, const char *name, int64_t fallback_ns, int64_t *ret_ns) {
	const char *text = pt_request_query(request, name);
	g_autoptr(GError) error = NULL;
	*ret_ns = fallback_ns;
	if (!text || pt_time_parse(text, ret_ns, &error))
		return true;
	pt_request_fail(request, 400, "%s: %s", name, error->message);
	return false;
}

bool pt_api_width(PtRequest *request, unsigned *ret) {
	const char *text = pt_request_query(request, "width");
	guint64 pixels = 0;
	if (text && !g_ascii_string_to_unsigned(text, 10, 16, 8192, &pixels, NULL)) {
		pt_request_fail(request, 400, "width: '%s' is not a number from 16 to 8192", text);
		return false;
	}
	*ret = (unsigned)pixels;
	return true;
}

void pt_api_fail_unknown(PtRequest *request, const char *what, const char *name, GPtrArray *names) {
	g_ptr_array_add(names, NULL);
	g_autofree char *meant = pt_suggest_text(name, (const char *const *)names->pdata);
	pt_request_fail(request, 404, "there is no %s '%s'%s", what, name, meant);
}

void pt_api_fail_unknown_camera(PtHost *host, PtRequest *request, const char *name) {
	const PtSite *site = host->site(host->user);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *camera = g_ptr_array_index(site->cameras, i);
		if (pt_request_may_see(request, camera->name))
			g_ptr_array_add(names, camera->name);
	}
	pt_api_fail_unknown(request, "camera", name, names);
}

const PtSiteCamera *pt_api_camera(PtHost *host, PtRequest *request) {
	const char *name = pt_request_segment(request, 0);
	const PtSiteCamera *camera = pt_site_camera(host->site(host->user), name);
	if (!camera || !pt_request_may_see(request, name)) {
		pt_api_fail_unknown_camera(host, request, name);
		return NULL;
	}
	return camera;
}

bool pt_api_may_listen(PtRequest *request, const PtSiteCamera *camera) {
	if (camera->listen == PT_LISTEN_ALL ||
	    (camera->listen == PT_LISTEN_OPERATOR && pt_request_caller(request)->role >= PT_ROLE_OPERATOR))
		return true;
	pt_request_fail(request, 403, "camera %s: listening is not allowed to you (audio.listen in the site file)",
	                camera->name);
	return false;
}

void pt_api_add_routes(PtHost *host) {
	pt_login_add_routes(host->login, host->server);
	pt_api_add_state(host);
	pt_api_add_plugs(host);
	pt_api_add_rules(host);
	pt_api_add_alarm(host);
	pt_api_add_events(host);
	pt_api_add_archive(host);
	pt_api_add_backfill(host);
	pt_api_add_timeline(host);
	pt_api_add_cameras(host);
	pt_api_add_clip(host);
	pt_api_add_devices(host);
	pt_api_add_authority(host);
	pt_live_add_routes(host);
	pt_hls_add_routes(host);
	pt_pages_add_routes(host);
	pt_install_add_routes(host, host->server);
}
