/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/home-assistant.h"
#include "daemon/mqtt-pictures.h"
#include <json-glib/json-glib.h>
#include <string.h>

static const char *const input_classes[] = {[PT_INPUT_DOOR] = "door", [PT_INPUT_PIR] = "motion", [PT_INPUT_BEAM] = "motion"};

typedef struct {
	const PtSite *site;
	const char *version;
	char *node; /* of this site among others: its prefix with _ for / */
	GPtrArray *list;
} Announcer;

static void announcement_free(void *data) {
	PtAnnouncement *a = data;
	g_free(a->topic);
	g_free(a->payload);
	g_free(a);
}

static void put(JsonBuilder *b, const char *name, const char *text) {
	json_builder_set_member_name(b, name);
	json_builder_add_string_value(b, text);
}

/* A camera is a device of its own, behind the site's. */
static void put_device(const Announcer *a, JsonBuilder *b, const char *camera) {
	g_autofree char *id = camera ? g_strdup_printf("%s_%s", a->node, camera) : g_strdup(a->node);
	json_builder_set_member_name(b, "device");
	json_builder_begin_object(b);
	json_builder_set_member_name(b, "identifiers");
	json_builder_begin_array(b);
	json_builder_add_string_value(b, id);
	json_builder_end_array(b);
	put(b, "name", camera ? camera : a->site->name);
	put(b, "manufacturer", "Pigtail");
	put(b, "model", camera ? "camera" : "hub");
	if (camera)
		put(b, "via_device", a->node);
	else
		put(b, "sw_version", a->version);
	json_builder_end_object(b);
}

/* Away with the program, or with what it reaches. */
static void put_availability(const Announcer *a, JsonBuilder *b, const char *state_topic) {
	g_autofree char *status = g_strdup_printf("%s/status", a->site->mqtt->prefix);
	put(b, "availability_mode", "all");
	json_builder_set_member_name(b, "availability");
	json_builder_begin_array(b);
	json_builder_begin_object(b);
	put(b, "topic", status);
	json_builder_end_object(b);
	if (state_topic) {
		json_builder_begin_object(b);
		put(b, "topic", state_topic);
		put(b, "value_template", "{{ 'offline' if value in ['unknown', 'fault', 'lost'] else 'online' }}");
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
}

static JsonBuilder *begin(const Announcer *a, const char *object, const char *name, const char *state_topic,
                          const char *camera) {
	JsonBuilder *b = json_builder_new();
	g_autofree char *id = g_strdup_printf("%s_%s", a->node, object);
	json_builder_begin_object(b);
	put(b, "name", name);
	put(b, "unique_id", id);
	put(b, "object_id", id);
	if (state_topic)
		put(b, "state_topic", state_topic);
	put_device(a, b, camera);
	json_builder_set_member_name(b, "origin");
	json_builder_begin_object(b);
	put(b, "name", "Pigtail");
	put(b, "sw_version", a->version);
	json_builder_end_object(b);
	return b;
}

/* Takes b. */
static void end(const Announcer *a, JsonBuilder *b, const char *component, const char *object) {
	json_builder_end_object(b);
	g_autoptr(JsonNode) root = json_builder_get_root(b);
	g_object_unref(b);
	PtAnnouncement *one = g_new0(PtAnnouncement, 1);
	one->topic = g_strdup_printf("%s/%s/%s/%s/config", a->site->mqtt->home_assistant, component, a->node, object);
	one->payload = json_to_string(root, FALSE);
	g_ptr_array_add(a->list, one);
}

static void announce_sensor(const Announcer *a, const char *object, const char *name, const char *state, const char *on,
                            const char *off, const char *device_class, const char *camera, bool own_availability) {
	JsonBuilder *b = begin(a, object, name, state, camera);
	put(b, "payload_on", on);
	put(b, "payload_off", off);
	if (device_class)
		put(b, "device_class", device_class);
	put_availability(a, b, own_availability ? state : NULL);
	end(a, b, "binary_sensor", object);
}

static void announce_input(const Announcer *a, const PtPlugSettings *s) {
	g_autofree char *state = g_strdup_printf("%s/input/%s/state", a->site->mqtt->prefix, s->name);
	g_autofree char *object = g_strdup_printf("input_%s", s->name);
	const char *class = s->input_kind < (int)G_N_ELEMENTS(input_classes) ? input_classes[s->input_kind] : NULL;
	announce_sensor(a, object, s->name, state, "active", "inactive", class, s->camera, true);
}

/* What moves metal, and may not be told so from here, only shows how it stands. */
static void announce_relay(const Announcer *a, const PtPlugSettings *s) {
	g_autofree char *state = g_strdup_printf("%s/relay/%s/state", a->site->mqtt->prefix, s->name);
	g_autofree char *command = g_strdup_printf("%s/relay/%s/set", a->site->mqtt->prefix, s->name);
	g_autofree char *object = g_strdup_printf("relay_%s", s->name);
	bool metal = s->relay_kind == PT_RELAY_DOOR || s->relay_kind == PT_RELAY_GATE;
	if (!pt_relay_takes_mqtt(s) || s->mode == PT_MODE_MONOSTABLE)
		announce_sensor(a, object, s->name, state, "on", "off", metal ? "lock" : NULL, s->camera, true);
	if (!pt_relay_takes_mqtt(s))
		return;
	if (s->mode == PT_MODE_MONOSTABLE) {
		JsonBuilder *b = begin(a, object, s->name, NULL, s->camera);
		put(b, "command_topic", command);
		put(b, "payload_press", "PULSE");
		put_availability(a, b, state);
		end(a, b, "button", object);
		return;
	}
	JsonBuilder *b = begin(a, object, s->name, state, s->camera);
	put(b, "command_topic", command);
	put(b, "payload_on", "ON");
	put(b, "payload_off", "OFF");
	if (s->relay_kind == PT_RELAY_LIGHT) {
		put(b, "state_value_template", "{{ 'ON' if value == 'on' else 'OFF' }}");
	} else {
		put(b, "state_on", "on");
		put(b, "state_off", "off");
		if (s->relay_kind == PT_RELAY_SIREN)
			put(b, "icon", "mdi:bullhorn");
	}
	put_availability(a, b, state);
	end(a, b, s->relay_kind == PT_RELAY_LIGHT ? "light" : "switch", object);
}

/* Without image_encoding its messages are the bytes of the picture. */
static void announce_picture(const Announcer *a, const char *camera, const char *state) {
	g_autofree char *object = g_strdup_printf(PT_HOME_ASSISTANT_PICTURE "%s", camera);
	g_autofree char *topic = pt_mqtt_picture_topic(a->site->mqtt->prefix, camera);
	JsonBuilder *b = begin(a, object, "picture", NULL, camera);
	put(b, "topic", topic);
	put_availability(a, b, state);
	end(a, b, "camera", object);
}

static void announce_camera(const Announcer *a, const PtSiteCamera *c) {
	g_autofree char *state = g_strdup_printf("%s/camera/%s/state", a->site->mqtt->prefix, c->name);
	g_autofree char *motion = g_strdup_printf("%s/camera/%s/motion", a->site->mqtt->prefix, c->name);
	g_autofree char *object = g_strdup_printf("camera_%s", c->name), *sight = g_strdup_printf("motion_%s", c->name);
	announce_sensor(a, object, "connection", state, "live", "lost", "connectivity", c->name, false);
	if (c->motion || pt_site_is_onvif(c))
		announce_sensor(a, sight, "motion", motion, "active", "inactive", "motion", c->name, true);
	if (a->site->mqtt->pictures_ns)
		announce_picture(a, c->name, state);
}

/* The arming panel: of the modes that Home Assistant has words for, those that the site has. */
static void announce_alarm(const Announcer *a) {
	static const char *const features[][2] = {{"home", "arm_home"}, {"night", "arm_night"}, {"away", "arm_away"}};
	g_autofree char *state = g_strdup_printf("%s/alarm/state", a->site->mqtt->prefix);
	g_autofree char *command = g_strdup_printf("%s/mode/set", a->site->mqtt->prefix);
	JsonBuilder *b = begin(a, "alarm", "alarm", state, NULL);
	put(b, "command_topic", command);
	put(b, "command_template", "{\"mode\": \"{{ action }}\", \"code\": \"{{ code }}\"}");
	put(b, "code", "REMOTE_CODE_TEXT");
	json_builder_set_member_name(b, "code_arm_required");
	json_builder_add_boolean_value(b, FALSE);
	json_builder_set_member_name(b, "code_disarm_required");
	json_builder_add_boolean_value(b, TRUE);
	json_builder_set_member_name(b, "supported_features");
	json_builder_begin_array(b);
	for (size_t i = 0; i < G_N_ELEMENTS(features); i++)
		if (g_strv_contains((const char *const *)a->site->alarm->modes, features[i][0]))
			json_builder_add_string_value(b, features[i][1]);
	json_builder_end_array(b);
	put_availability(a, b, NULL);
	end(a, b, "alarm_control_panel", "alarm");
}

GPtrArray *pt_home_assistant_announce(const PtSite *site, const char *version) {
	g_autofree char *node = g_strdelimit(g_strdup(site->mqtt->prefix), "/", '_');
	Announcer a = {site, version, node, g_ptr_array_new_with_free_func(announcement_free)};
	announce_alarm(&a);
	for (guint i = 0; i < site->cameras->len; i++)
		announce_camera(&a, site->cameras->pdata[i]);
	for (guint i = 0; i < site->inputs->len; i++)
		announce_input(&a, site->inputs->pdata[i]);
	for (guint i = 0; i < site->relays->len; i++)
		announce_relay(&a, site->relays->pdata[i]);
	return a.list;
}
