/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/camera-onvif.h"
#include "onvif/client/address.h"
#include "onvif/client/camera.h"
#include "web/host.h"
#include <string.h>

struct PtCameraOnvif {
	PtOnvifCamera *camera;
	PtCameraOnvifEnv env;
	const PtCameraOnvifOps *ops;
	void *user;
	char *source;    /* "camera/gate" */
	bool own_motion; /* motion is looked for here: what the camera tells of it is left aside */
	uint64_t others; /* events that are nobody's business */
};

static void found(void *user, const PtOnvifFound *f) {
	PtCameraOnvif *c = user;
	c->ops->found(c->user, f->main ? f->main->url : NULL, f->sub ? f->sub->url : NULL);
}

static void state_changed(void *user, PtOnvifState state, const char *reason) {
	PtCameraOnvif *c = user;
	if (state == PT_ONVIF_LOST)
		c->ops->lost(c->user, reason);
}

/* Inputs and relays are told by their plugs. What a subscription repeats when it begins is state and no alarm. */
static void said(void *user, const PtOnvifSaid *s) {
	PtCameraOnvif *c = user;
	if (s->kind == PT_SAYS_OTHER || s->kind == PT_SAYS_INPUT || s->kind == PT_SAYS_RELAY || s->active < 0 ||
	    (s->kind == PT_SAYS_MOTION && c->own_motion)) {
		c->others += s->kind == PT_SAYS_OTHER;
		return;
	}
	g_autofree char *detail = g_strdup_printf("%s %s", s->topic, s->text);
	PtEvent what = {.wall_ns = pt_wall_ns(c->env.clock),
	                .mono_ns = pt_mono_ns(c->env.clock),
	                .source = c->source,
	                .topic = pt_says_word(s->kind),
	                .state = s->active ? "active" : "inactive",
	                .detail = detail,
	                .initial = s->how == PT_SAID_INITIALIZED};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	pt_bus_publish(c->env.bus, event);
}

PtCameraOnvif *pt_camera_onvif_new(const PtSiteCamera *s, const PtCameraOnvifEnv *env, const PtCameraOnvifOps *ops,
                                   void *user) {
	PtCameraOnvif *c = g_new0(PtCameraOnvif, 1);
	c->env = *env;
	c->ops = ops;
	c->user = user;
	c->source = g_strconcat("camera/", s->name, NULL);
	c->own_motion = s->motion;
	c->camera = pt_onvif_camera_get(s->name);
	g_autoptr(GError) error = NULL;
	g_autofree char *url = pt_onvif_device_url(s->source, &error);
	if (!url) {
		ops->lost(user, error->message);
		return c;
	}
	PtOnvifParams params = {
	    .url = url, .user = s->login ? s->login->user : NULL, .password = s->login ? s->login->password : NULL};
	PtOnvifCameraHost host = {found, state_changed, said, c};
	pt_onvif_camera_start(c->camera, env->http, env->clock, &params, &host);
	return c;
}

void pt_camera_onvif_free(PtCameraOnvif *c) {
	if (!c)
		return;
	pt_onvif_camera_stop(c->camera);
	pt_onvif_camera_unref(c->camera);
	g_free(c->source);
	g_free(c);
}

static void describe_found(const PtOnvifFound *f, JsonBuilder *b) {
	pt_json_text(b, "maker", f->maker);
	pt_json_text(b, "model", f->model);
	pt_json_text(b, "firmware", f->firmware);
	pt_json_text(b, "serial", f->serial);
	pt_json_array(b, "plugs");
	for (guint i = 0; i < f->plugs->len; i++) {
		const PtOnvifPlug *p = g_ptr_array_index(f->plugs, i);
		pt_json_object(b, NULL);
		pt_json_text(b, "kind", p->kind == PT_ONVIF_PLUG_INPUT ? "input" : "relay");
		pt_json_text(b, "token", p->token);
		pt_json_text(b, "idle", p->idle_closed ? "closed" : "open");
		pt_json_text(b, "state", !p->known ? "unknown" : p->active ? "active" : "inactive");
		if (p->assumed)
			pt_json_bool(b, "assumed", true);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	pt_json_array(b, "notes");
	for (guint i = 0; i < f->notes->len; i++)
		json_builder_add_string_value(b, g_ptr_array_index(f->notes, i));
	json_builder_end_array(b);
}

void pt_camera_onvif_describe(PtCameraOnvif *c, JsonBuilder *b) {
	static const char *const words[] = {"stopped", "connecting", "ready", "lost"};
	PtOnvifView v;
	pt_onvif_camera_view(c->camera, &v);
	pt_json_object(b, "onvif");
	pt_json_text(b, "state", words[v.state]);
	pt_json_text(b, "reason", v.reason[0] ? v.reason : NULL);
	pt_json_bool(b, "events", v.events);
	if (v.clock_known)
		pt_json_int(b, "clock_offset_ms", v.offset_ns / PT_NS_PER_MS);
	pt_json_int(b, "messages", (int64_t)v.stats.messages);
	pt_json_int(b, "subscriptions", (int64_t)v.stats.subscriptions);
	if (v.found)
		describe_found(v.found, b);
	json_builder_end_object(b);
}
