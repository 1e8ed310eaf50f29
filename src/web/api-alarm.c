/* The alarm centre over HTTP: how it stands, arming and disarming (with a PIN where the site has any), acknowledging. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "web/host.h"
#include "web/pins.h"
#include <string.h>

/* ---- how it stands ---- */

/* Who has a list of cameras sees what is of these alone. */
static bool may_see_zone(PtHost *host, PtRequest *r, const PtAlarmZone *zone) {
	bool all = true;
	for (char **name = zone->inputs; *name; name++) {
		const PtPlugSettings *plug = pt_site_input(host->site(host->user), *name);
		all &= plug && pt_api_may_see_plug(r, plug);
	}
	return all;
}

static bool may_see_alarm(PtRequest *r, const PtAlarm *a) { return pt_request_may_see(r, a->camera ? a->camera : ""); }

static void put_zone(PtHost *host, JsonBuilder *b, const PtAlarmZoneView *v) {
	static const char *const words[] = {"unknown", "closed", "open"};
	pt_json_object(b, NULL);
	pt_json_text(b, "name", v->zone->name);
	pt_json_array(b, "inputs");
	for (char **name = v->zone->inputs; *name; name++)
		json_builder_add_string_value(b, *name);
	json_builder_end_array(b);
	pt_json_text(b, "state", words[v->state]);
	pt_json_bool(b, "armed", v->armed);
	pt_json_bool(b, "always", v->zone->always);
	pt_json_bool(b, "delayed", v->zone->delayed);
	pt_json_bool(b, "left_out", v->left_out);
	if (v->entry_due_mono_ns >= 0)
		pt_json_number(b, "entry_in_s",
		               (double)MAX(v->entry_due_mono_ns - pt_mono_ns(host->clock), 0) / PT_NS_PER_S);
	json_builder_end_object(b);
}

static void put_alarm(JsonBuilder *b, const PtAlarm *a) {
	pt_json_object(b, NULL);
	pt_json_int(b, "id", a->id);
	pt_json_text(b, "name", a->name);
	pt_json_text(b, "of", a->zone ? "zone" : "rule");
	pt_json_text(b, "state", pt_alarm_state_words[a->state]);
	pt_json_text(b, "text", a->text);
	pt_json_text(b, "procedure", a->procedure);
	pt_json_text(b, "camera", a->camera);
	pt_json_int(b, "priority", a->priority);
	pt_json_text(b, "cause", a->cause);
	pt_json_time(b, "raised", a->raised_ns);
	pt_json_time(b, "last", a->last_ns);
	pt_json_int(b, "count", a->count);
	pt_json_text(b, "acknowledged_by", a->acknowledged_by);
	pt_json_time(b, "acknowledged", a->acknowledged_ns);
	pt_json_text(b, "cleared_by", a->cleared_by);
	pt_json_time(b, "cleared", a->cleared_ns);
	json_builder_end_object(b);
}

static void reply_alarm(PtHost *host, PtRequest *r) {
	const PtAlarmCentre *centre = host->alarm(host->user);
	PtSite *site = host->site(host->user);
	bool pins = pt_site_has_pins(site);
	int64_t due;
	const char *arming = pt_alarm_centre_arming(centre, &due);
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_text(b, "mode", pt_alarm_centre_mode(centre));
	pt_json_time(b, "since", pt_alarm_centre_mode_since_ns(centre));
	pt_json_array(b, "modes");
	for (char **mode = site->alarm->modes; *mode; mode++) {
		pt_json_object(b, NULL);
		pt_json_text(b, "name", *mode);
		pt_json_bool(b, "pin", pins && pt_alarm_centre_is_disarming(centre, *mode));
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	pt_json_text(b, "arming", arming);
	if (arming)
		pt_json_number(b, "arming_in_s", (double)MAX(due - pt_mono_ns(host->clock), 0) / PT_NS_PER_S);
	pt_json_array(b, "zones");
	for (guint i = 0; i < site->alarm->zones->len; i++) {
		PtAlarmZoneView view = pt_alarm_centre_zone(centre, i);
		if (may_see_zone(host, r, view.zone))
			put_zone(host, b, &view);
	}
	json_builder_end_array(b);
	pt_json_array(b, "alarms");
	const GPtrArray *alarms = pt_alarm_centre_alarms(centre);
	for (guint i = alarms->len; i-- > 0;)
		if (may_see_alarm(r, g_ptr_array_index(alarms, i)))
			put_alarm(b, g_ptr_array_index(alarms, i));
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

static void get_alarm(PtRequest *r, void *data) { reply_alarm(data, r); }

/* ---- answers come when what was done is on disk ---- */

typedef struct {
	PtHost *host;
	PtRequest *request;
} Answer;

static void kept(void *data, const char *problem) {
	Answer *a = data;
	if (problem)
		pt_request_fail(a->request, 500, "done, but it could not be written down and is lost at a restart: %s",
		                problem);
	else
		reply_alarm(a->host, a->request);
	pt_request_unref(a->request);
	g_free(a);
}

static void answer(PtHost *host, PtRequest *r, gboolean done, const GError *error) {
	if (!done) {
		pt_request_fail(r,
		                error->code == PT_ERROR_BUSY        ? 409
		                : error->code == PT_ERROR_NOT_FOUND ? 404
		                                                    : 400,
		                "%s", error->message);
		return;
	}
	Answer *a = g_new0(Answer, 1);
	*a = (Answer){host, pt_request_ref(r)};
	host->when_kept(host->user, kept, a);
}

/* ---- modes ---- */

static void set_mode(PtHost *host, PtRequest *r, const char *mode, const char *whose, bool force) {
	const char *caller = pt_request_caller(r)->user;
	g_autofree char *actor = g_strconcat("user/", whose ? whose : caller, NULL);
	g_autofree char *detail = !whose                  ? NULL
	                          : strcmp(whose, caller) ? g_strdup_printf("with a PIN, logged in as %s", caller)
	                                                  : g_strdup("with a PIN");
	g_autoptr(GError) error = NULL;
	gboolean done = host->set_mode(host->user, mode, actor, detail, force, &error);
	answer(host, r, done, error);
}

typedef struct {
	PtHost *host;
	PtRequest *request;
	char *mode;
	bool force;
} Check;

static void check_free(void *data) {
	Check *c = data;
	pt_request_unref(c->request);
	g_free(c->mode);
	g_free(c);
}

static void checked(void *data, const char *whose) {
	Check *c = data;
	if (whose) {
		set_mode(c->host, c->request, c->mode, whose, c->force);
		return;
	}
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(c->request)->user, NULL);
	g_autofree char *detail = g_strdup_printf("mode %s: wrong PIN, from %s", c->mode, pt_request_remote(c->request));
	g_autoptr(PtEvent) event = pt_event_now(c->host->clock, PT_SOURCE_MODE, PT_TOPIC_COMMAND, "refused", actor, detail);
	pt_bus_publish(c->host->bus, event);
	pt_request_fail(c->request, 403, "this PIN is wrong");
}

static void check_pin(PtHost *host, PtRequest *r, const char *mode, const char *pin, bool force) {
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
	int64_t wait = pt_pins_wait_ns(host->pins, actor);
	if (!pin || strlen(pin) > PT_PIN_BYTES) {
		pt_request_fail(r, 403, "a PIN is needed to go from %s to %s", pt_alarm_centre_mode(host->alarm(host->user)),
		                mode);
	} else if (wait > 0 || pt_pins_is_asking(host->pins)) {
		g_autofree char *seconds = g_strdup_printf("%d", (int)(wait / PT_NS_PER_S) + 1);
		pt_request_add_header(r, "Retry-After", seconds);
		pt_request_fail(r, 429, "%s: wait %s s", wait > 0 ? "too many wrong PINs" : "another PIN is being checked",
		                seconds);
	} else {
		Check *c = g_new0(Check, 1);
		*c = (Check){host, pt_request_ref(r), g_strdup(mode), force};
		pt_pins_ask(host->pins, host->site(host->user), actor, pin, checked, c, check_free);
	}
}

static bool is_true(JsonObject *object, const char *name) {
	JsonNode *node = json_object_get_member(object, name);
	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN &&
	       json_node_get_boolean(node);
}

static void post_mode(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonParser) parser = NULL;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	const char *mode = pt_api_text(body, "mode");
	if (pt_request_caller(r)->cameras) {
		pt_request_fail(r, 403, "the mode is of the whole site, and you see some cameras of it");
	} else if (!mode) {
		pt_request_fail(r, 400, "mode: the name of a mode is needed");
	} else if (pt_site_has_pins(host->site(host->user)) && pt_alarm_centre_is_disarming(host->alarm(host->user), mode)) {
		check_pin(host, r, mode, pt_api_text(body, "pin"), is_true(body, "force"));
	} else {
		set_mode(host, r, mode, NULL, is_true(body, "force"));
	}
}

/* ---- alarms ---- */

static void settle(PtHost *host, PtRequest *r, gboolean (*how)(void *, int64_t, const char *, GError **)) {
	gint64 id = 0;
	g_autoptr(GError) error = NULL;
	const char *text = pt_request_segment(r, 0);
	bool number = g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, &id, NULL);
	const PtAlarm *alarm = number ? pt_alarm_centre_find(host->alarm(host->user), id) : NULL;
	if (!alarm || !may_see_alarm(r, alarm)) {
		pt_request_fail(r, 404, "there is no open alarm '%.20s': it may have been cleared", text);
		return;
	}
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
	gboolean done = how(host->user, id, actor, &error);
	answer(host, r, done, error);
}

static void post_acknowledge(PtRequest *r, void *data) { settle(data, r, ((PtHost *)data)->acknowledge); }
static void post_clear(PtRequest *r, void *data) { settle(data, r, ((PtHost *)data)->clear); }

void pt_api_add_alarm(PtHost *host) {
	host->pins = pt_pins_new(host->clock);
	pt_server_route(host->server, "GET", "/api/alarm", PT_ROLE_VIEWER, get_alarm, host);
	pt_server_route(host->server, "POST", "/api/alarm/mode", PT_ROLE_OPERATOR, post_mode, host);
	pt_server_route(host->server, "POST", "/api/alarm/*/acknowledge", PT_ROLE_OPERATOR, post_acknowledge, host);
	pt_server_route(host->server, "POST", "/api/alarm/*/clear", PT_ROLE_OPERATOR, post_clear, host);
}

void pt_api_free_alarm(PtHost *host) { g_clear_pointer(&host->pins, pt_pins_free); }
