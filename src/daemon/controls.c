/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/controls.h"
#include "onvif/client/control.h"
#include <string.h>

static PtOnvifCamera *onvif_of(const PtSiteCamera *c, PtRequest *r) {
	if (pt_site_is_onvif(c))
		return pt_onvif_camera_get(c->name);
	pt_request_fail(r, 501, "camera %s is not reached by ONVIF (source: onvif://…), so it cannot be told anything",
	                c->name);
	return NULL;
}

static void put_masks(JsonBuilder *b, const PtOnvifControls *c) {
	if (!c->has_masks)
		return;
	pt_json_array(b, "masks");
	for (guint i = 0; i < c->masks->len; i++) {
		const PtOnvifMask *m = g_ptr_array_index(c->masks, i);
		pt_json_object(b, NULL);
		pt_json_text(b, "token", m->token);
		pt_json_text(b, "type", m->type);
		pt_json_bool(b, "enabled", m->enabled);
		pt_json_array(b, "points");
		for (guint k = 0; k < m->points->len; k++) {
			const PtOnvifPoint *p = &g_array_index(m->points, PtOnvifPoint, k);
			json_builder_begin_array(b);
			json_builder_add_double_value(b, p->x);
			json_builder_add_double_value(b, p->y);
			json_builder_end_array(b);
		}
		json_builder_end_array(b);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
}

/* Who may log in to it, and where it has its time from: what its administrators see on its own pages. */
static void put_for_admins(JsonBuilder *b, const PtOnvifControls *c) {
	pt_json_text(b, "ntp", c->ntp);
	pt_json_bool(b, "ntp_from_dhcp", c->ntp_from_dhcp);
	pt_json_array(b, "users");
	for (guint i = 0; i < c->users->len; i++)
		json_builder_add_string_value(b, g_ptr_array_index(c->users, i));
	json_builder_end_array(b);
}

static void controls_known(void *user, const PtOnvifControls *c, const GError *error) {
	PtRequest *r = user;
	if (error) {
		pt_request_fail_error(r, error);
		pt_request_unref(r);
		return;
	}
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_bool(b, "ptz", c->ptz);
	pt_json_array(b, "presets");
	for (guint i = 0; i < c->presets->len; i++) {
		const PtOnvifPreset *p = g_ptr_array_index(c->presets, i);
		pt_json_object(b, NULL);
		pt_json_text(b, "token", p->token);
		pt_json_text(b, "name", p->name);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	g_autofree char *mode = c->ir_cut ? g_ascii_strdown(c->ir_cut, -1) : NULL;
	pt_json_text(b, "ir_cut", mode);
	pt_json_array(b, "auxiliary");
	for (char **w = c->auxiliary; *w; w++)
		if (**w)
			json_builder_add_string_value(b, *w);
	json_builder_end_array(b);
	put_masks(b, c);
	if (pt_request_caller(r)->role >= PT_ROLE_ADMIN)
		put_for_admins(b, c);
	json_builder_end_object(b);
	pt_api_reply(r, b);
	pt_request_unref(r);
}

void pt_controls_get(const PtSiteCamera *settings, PtRequest *r) {
	PtOnvifCamera *camera = onvif_of(settings, r);
	if (camera)
		pt_onvif_controls(camera, controls_known, pt_request_ref(r));
	pt_onvif_camera_unref(camera);
}

static void done(void *user, const GError *error) {
	PtRequest *r = user;
	if (error)
		pt_request_fail_error(r, error);
	else
		pt_request_reply_text(r, 200, "application/json", "{\"ok\":true}");
	pt_request_unref(r);
}

static double axis(JsonObject *o, const char *name) {
	JsonNode *n = json_object_get_member(o, name);
	double v =
	    n && JSON_NODE_HOLDS_VALUE(n) && json_node_get_value_type(n) != G_TYPE_STRING ? json_node_get_double(n) : 0;
	return v >= -1 && v <= 1 ? v : 0;
}

typedef struct {
	const char *word; /* as the log has it */
	char *detail;
	PtRole role;
	JsonObject *move;
	const char *text;
	const char *ir_cut;
	JsonObject *mask;
	const char *mask_token;
	bool mask_gone;
	int mask_enabled;
	GArray *mask_points; /* NULL: as they are */
} Wish;

#define MASK_POINTS_MAX 64

static double coordinate(JsonArray *pair, guint i) {
	JsonNode *n = json_array_get_element(pair, i);
	bool number = n && JSON_NODE_HOLDS_VALUE(n) && json_node_get_value_type(n) != G_TYPE_STRING;
	return number ? json_node_get_double(n) : 2;
}

/* [[x, y], …], each -1 to 1; NULL: it is none. */
static GArray *read_points(JsonNode *node) {
	JsonArray *list = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
	guint n = list ? json_array_get_length(list) : 0;
	if (n < 3 || n > MASK_POINTS_MAX)
		return NULL;
	g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(PtOnvifPoint));
	for (guint i = 0; i < n; i++) {
		JsonNode *one = json_array_get_element(list, i);
		JsonArray *pair = JSON_NODE_HOLDS_ARRAY(one) ? json_node_get_array(one) : NULL;
		if (!pair || json_array_get_length(pair) != 2)
			return NULL;
		PtOnvifPoint p = {coordinate(pair, 0), coordinate(pair, 1)};
		if (!(p.x >= -1 && p.x <= 1 && p.y >= -1 && p.y <= 1))
			return NULL;
		g_array_append_val(points, p);
	}
	return g_steal_pointer(&points);
}

static bool is_true(JsonObject *body, const char *name) {
	JsonNode *n = json_object_get_member(body, name);
	return n && JSON_NODE_HOLDS_VALUE(n) && json_node_get_value_type(n) == G_TYPE_BOOLEAN && json_node_get_boolean(n);
}

/* {"token": …, "enabled": bool, "points": …}, {"token": …, "remove": true}, or {"points": …} for a new one. */
static bool read_mask(JsonObject *mask, Wish *w) {
	JsonNode *points = json_object_get_member(mask, "points");
	w->mask = mask;
	w->mask_token = pt_api_text(mask, "token");
	w->mask_gone = is_true(mask, "remove");
	w->mask_enabled = json_object_has_member(mask, "enabled") ? is_true(mask, "enabled") : -1;
	w->mask_points = read_points(points);
	if ((points && !w->mask_points) || (!w->mask_token && (w->mask_gone || !w->mask_points)))
		return false;
	w->role = PT_ROLE_ADMIN; /* what nobody may see is not for whoever looks to say */
	w->word = "mask";
	w->detail = g_strdup_printf("%s %s%s", w->mask_token ? w->mask_token : "new",
	                            w->mask_gone       ? "removed"
	                            : !w->mask_enabled ? "off"
	                            : w->mask_token    ? "on"
	                                               : "made",
	                            w->mask_token && w->mask_points ? ", moved" : "");
	return true;
}

static bool read_wish(JsonObject *body, Wish *w) {
	static const char *const modes[][2] = {{"on", "ON"}, {"off", "OFF"}, {"auto", "AUTO"}};
	JsonNode *move = json_object_get_member(body, "move"), *mask = json_object_get_member(body, "mask");
	const char *ir_cut = pt_api_text(body, "ir_cut");
	*w = (Wish){.role = PT_ROLE_OPERATOR};
	if (move && JSON_NODE_HOLDS_OBJECT(move)) {
		w->word = "move";
		w->move = json_node_get_object(move);
		w->detail = g_strdup_printf("pan %.2f tilt %.2f zoom %.2f", axis(w->move, "pan"), axis(w->move, "tilt"),
		                            axis(w->move, "zoom"));
	} else if ((w->text = pt_api_text(body, "preset"))) {
		w->word = "preset";
	} else if ((w->text = pt_api_text(body, "auxiliary"))) {
		w->word = "auxiliary";
	} else if (mask && JSON_NODE_HOLDS_OBJECT(mask)) {
		return read_mask(json_node_get_object(mask), w);
	} else if ((w->text = pt_api_text(body, "ntp"))) {
		w->word = "time servers";
		w->role = PT_ROLE_ADMIN;
	} else if (is_true(body, "set_clock") || is_true(body, "reboot")) {
		w->word = is_true(body, "reboot") ? "reboot" : "set clock";
		w->role = PT_ROLE_ADMIN;
	} else {
		for (size_t i = 0; ir_cut && i < G_N_ELEMENTS(modes); i++)
			if (!strcmp(ir_cut, modes[i][0])) {
				w->word = "IR cut filter";
				w->text = ir_cut;
				w->ir_cut = modes[i][1];
			}
	}
	if (w->word && w->text)
		w->detail = g_strdup(w->text);
	return w->word != NULL;
}

static void carry_out(const PtControlsEnv *env, PtOnvifCamera *camera, const Wish *w, PtRequest *r) {
	pt_request_ref(r);
	if (w->move)
		pt_onvif_move(camera, axis(w->move, "pan"), axis(w->move, "tilt"), axis(w->move, "zoom"), done, r);
	else if (w->ir_cut)
		pt_onvif_set_ir_cut(camera, w->ir_cut, done, r);
	else if (w->mask_gone)
		pt_onvif_remove_mask(camera, w->mask_token, done, r);
	else if (w->mask)
		pt_onvif_change_mask(camera, w->mask_token, w->mask_enabled, w->mask_points, done, r);
	else if (!strcmp(w->word, "time servers"))
		pt_onvif_set_ntp(camera, w->text, done, r);
	else if (!strcmp(w->word, "preset"))
		pt_onvif_goto_preset(camera, w->text, done, r);
	else if (!strcmp(w->word, "auxiliary"))
		pt_onvif_auxiliary(camera, w->text, done, r);
	else if (!strcmp(w->word, "reboot"))
		pt_onvif_reboot(camera, done, r);
	else
		pt_onvif_set_clock(camera, pt_wall_ns(env->clock), done, r);
}

void pt_controls_post(const PtControlsEnv *env, const PtSiteCamera *settings, PtRequest *r) {
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	PtOnvifCamera *camera = body ? onvif_of(settings, r) : NULL;
	if (!camera)
		return;
	Wish w;
	if (!read_wish(body, &w)) {
		pt_request_fail(r, 400,
		                "one of move, preset, ir_cut (on, off, auto), auxiliary, mask (token or points), ntp, "
		                "set_clock, reboot is needed");
	} else if (pt_request_caller(r)->role < w.role) {
		pt_request_fail(r, 403, "this needs %s", pt_role_name(w.role));
	} else {
		g_autofree char *source = g_strconcat("camera/", settings->name, NULL),
		                *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
		g_autoptr(PtEvent) intent = pt_event_now(env->clock, source, PT_TOPIC_COMMAND, w.word, actor, w.detail);
		g_autoptr(GError) error = NULL;
		if (env->journal(env->user, intent, &error)) {
			pt_bus_publish(env->bus, intent);
			carry_out(env, camera, &w, r);
		} else {
			pt_request_fail_error(r, error);
		}
	}
	g_clear_pointer(&w.mask_points, g_array_unref);
	g_free(w.detail);
	pt_onvif_camera_unref(camera);
}
