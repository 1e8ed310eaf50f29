/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mqtt-alarm.h"
#include "base/json.h"
#include "web/pins.h"
#include <json-glib/json-glib.h>
#include <string.h>

#define ACTOR "mqtt"
#define EVENTS_MAX 1000

struct PtMqttAlarm {
	PtMqttAlarmEnv env;
	PtMqtt *client;
	char *prefix;
	PtSite *site;
	PtBusSubscription *heard;
	unsigned orders; /* subscription */
	PtPins *pins;
};

/* ---- how it stands ---- */

const char *pt_mqtt_alarm_state(const PtAlarmCentre *centre, const PtSite *site) {
	static const char *const modes[][2] = {
	    {"disarmed", "disarmed"}, {"home", "armed_home"}, {"night", "armed_night"}, {"away", "armed_away"}};
	const GPtrArray *alarms = pt_alarm_centre_alarms(centre);
	const char *mode = pt_alarm_centre_mode(centre);
	for (guint i = 0; i < alarms->len; i++)
		if (((const PtAlarm *)g_ptr_array_index(alarms, i))->state == PT_ALARM_RAISED)
			return "triggered";
	for (guint i = 0; i < site->alarm->zones->len; i++)
		if (pt_alarm_centre_zone(centre, i).entry_due_mono_ns >= 0)
			return "pending";
	int64_t due;
	if (pt_alarm_centre_arming(centre, &due))
		return "arming";
	if (!strcmp(mode, site->alarm->modes[0]))
		return "disarmed";
	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
		if (!strcmp(mode, modes[i][0]))
			return modes[i][1];
	return "armed_custom_bypass";
}

void pt_mqtt_alarm_tell(PtMqttAlarm *a) {
	g_autofree char *topic = g_strconcat(a->prefix, "/alarm/state", NULL);
	if (a->site)
		pt_mqtt_publish(a->client, topic, pt_mqtt_alarm_state(pt_alarm_desk_centre(a->env.desk), a->site), true);
}

static void on_event(PtEvent *event, void *data) {
	if (!strcmp(event->topic, PT_TOPIC_MODE) || !strcmp(event->topic, PT_TOPIC_ALARM))
		pt_mqtt_alarm_tell(data);
}

/* ---- orders ---- */

static void refuse(PtMqttAlarm *a, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void refuse(PtMqttAlarm *a, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autoptr(PtEvent) event = pt_event_now(a->env.clock, PT_SOURCE_MODE, PT_TOPIC_COMMAND, "refused", ACTOR, text);
	pt_bus_publish(a->env.bus, event);
}

static void set_mode(PtMqttAlarm *a, const char *mode, const char *whose) {
	g_autofree char *actor = whose ? g_strconcat("user/", whose, NULL) : g_strdup(ACTOR);
	g_autoptr(GError) error = NULL;
	if (!pt_alarm_desk_set_mode(a->env.desk, mode, actor, whose ? "with a PIN, over MQTT" : NULL, false, &error))
		refuse(a, "mode %s: %s", mode, error->message);
}

typedef struct {
	PtMqttAlarm *alarm;
	char *mode;
} Check;

static void check_free(void *data) {
	g_free(((Check *)data)->mode);
	g_free(data);
}

static void checked(void *data, const char *whose) {
	const Check *c = data;
	if (whose)
		set_mode(c->alarm, c->mode, whose);
	else
		refuse(c->alarm, "mode %s: wrong PIN", c->mode);
}

static void check_pin(PtMqttAlarm *a, const char *mode, const char *pin) {
	if (!pt_site_has_pins(a->site)) {
		refuse(a, "mode %s: nobody has a PIN, and over MQTT nothing is disarmed without one", mode);
	} else if (!pin || !*pin || strlen(pin) > PT_PIN_BYTES) {
		refuse(a, "mode %s: a PIN is needed", mode);
	} else if (pt_pins_is_asking(a->pins) || pt_pins_wait_ns(a->pins, ACTOR) > 0) {
		refuse(a, "mode %s: too many PINs, wait", mode);
	} else {
		Check *c = g_new0(Check, 1);
		*c = (Check){a, g_strdup(mode)};
		pt_pins_ask(a->pins, a->site, ACTOR, pin, checked, c, check_free);
	}
}

static const char *text_member(JsonObject *o, const char *name) {
	JsonNode *n = json_object_get_member(o, name);
	bool text = n && JSON_NODE_HOLDS_VALUE(n) && json_node_get_value_type(n) == G_TYPE_STRING;
	return text ? json_node_get_string(n) : NULL;
}

/* {"mode": "away", "code": "1234"}; Home Assistant's words for modes are understood too. */
static void on_order(void *user, const PtMqttMessage *message) {
	PtMqttAlarm *a = user;
	static const char *const words[][2] = {
	    {"ARM_HOME", "home"}, {"ARM_NIGHT", "night"}, {"ARM_AWAY", "away"}, {"DISARM", NULL}};
	g_autoptr(JsonParser) parser = json_parser_new();
	if (message->retained) {
		refuse(a, "an order over MQTT that the broker had kept: nobody knows how old it is");
		return;
	}
	if (!g_utf8_validate(message->payload, (gssize)message->size, NULL) ||
	    !pt_json_is_shallow(message->payload, message->size, 4) ||
	    !json_parser_load_from_data(parser, message->payload, (gssize)message->size, NULL) ||
	    !json_parser_get_root(parser) || !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
		refuse(a, "an order over MQTT that is not understood: {\"mode\": \"away\", \"code\": \"…\"} is");
		return;
	}
	JsonObject *o = json_node_get_object(json_parser_get_root(parser));
	const char *mode = text_member(o, "mode");
	for (size_t i = 0; mode && i < G_N_ELEMENTS(words); i++)
		if (!strcmp(mode, words[i][0])) {
			mode = words[i][1] ? words[i][1] : a->site->alarm->modes[0];
			break;
		}
	if (!mode || !g_strv_contains((const char *const *)a->site->alarm->modes, mode))
		refuse(a, "an order over MQTT: there is no mode '%.40s'", mode ? mode : "");
	else if (pt_alarm_centre_is_disarming(pt_alarm_desk_centre(a->env.desk), mode))
		check_pin(a, mode, text_member(o, "code"));
	else
		set_mode(a, mode, NULL);
}

/* ---- life ---- */

PtMqttAlarm *pt_mqtt_alarm_new(const PtMqttAlarmEnv *env, PtMqtt *client, const char *prefix) {
	PtMqttAlarm *a = g_new0(PtMqttAlarm, 1);
	a->env = *env;
	a->client = client;
	a->prefix = g_strdup(prefix);
	a->pins = pt_pins_new(env->clock);
	a->heard = pt_bus_subscribe_queued(env->bus, NULL, NULL, G_PRIORITY_DEFAULT, EVENTS_MAX, on_event, a);
	g_autofree char *orders = g_strconcat(prefix, "/mode/set", NULL);
	a->orders = pt_mqtt_subscribe(client, orders, on_order, a);
	return a;
}

void pt_mqtt_alarm_apply(PtMqttAlarm *a, PtSite *site) {
	PtSite *old = a->site;
	a->site = pt_site_ref(site);
	pt_site_unref(old);
	pt_mqtt_alarm_tell(a);
}

void pt_mqtt_alarm_free(PtMqttAlarm *a) {
	if (!a)
		return;
	pt_mqtt_unsubscribe(a->client, a->orders);
	pt_bus_unsubscribe(a->heard);
	pt_pins_free(a->pins);
	pt_site_unref(a->site);
	g_free(a->prefix);
	g_free(a);
}
