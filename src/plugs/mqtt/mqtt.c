/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/mqtt/mqtt.h"
#include "base/error.h"
#include "mqtt/client.h"
#include "plugs/driver.h"
#include "plugs/mqtt/payload.h"
#include <string.h>

/* What input and relay share: a topic that says how it stands, another that says whether it is there. */
typedef struct {
	const PtPlugSettings *settings;
	unsigned told, presence, watch; /* subscriptions; 0: none */
	bool connected, present, known; /* to the broker; the device itself; known: it has said how it stands */
	bool on;
	void (*report)(void *port, int64_t mono_ns, bool initial);
	void *port;
} Thing;

struct PtInputPort {
	Thing thing;
	PtInputHost host;
};

struct PtRelayPort {
	Thing thing;
	PtRelayHost host;
};

static PtLevel level_of(const Thing *t) {
	if (!t->connected || !t->present || !t->known)
		return PT_LEVEL_UNKNOWN;
	return pt_driver_level(t->settings, t->on);
}

static void on_told(void *user, const PtMqttMessage *message) {
	Thing *t = user;
	const PtPlugSettings *s = t->settings;
	char value[PT_PAYLOAD_VALUE_MAX + 1];
	if (!pt_payload_value(message->payload, message->size, s->field, value))
		return; /* of something else */
	PtPayloadState state = pt_payload_state(value, s->payload_on, s->payload_off);
	if (state == PT_PAYLOAD_OTHER && s->plug == PT_PLUG_RELAY) /* its words are those of orders; it may have others */
		state = pt_payload_state(value, NULL, NULL);
	if (state == PT_PAYLOAD_OTHER)
		return;
	bool first = !t->known;
	t->known = true;
	t->on = state == PT_PAYLOAD_ON;
	t->report(t->port, message->mono_ns, first || message->retained);
}

static void on_presence(void *user, const PtMqttMessage *message) {
	Thing *t = user;
	char value[PT_PAYLOAD_VALUE_MAX + 1];
	const char *field = message->payload[0] == '{' ? "state" : NULL; /* as Zigbee2MQTT has it */
	bool present = pt_payload_value(message->payload, message->size, field, value) &&
	               pt_payload_state(value, NULL, NULL) == PT_PAYLOAD_ON;
	if (present == t->present)
		return;
	t->present = present;
	t->report(t->port, message->mono_ns, true);
}

/* What keeps no state at the broker is asked for it. */
static void ask(Thing *t) {
	const PtPlugSettings *s = t->settings;
	if (s->ask_topic)
		pt_mqtt_publish(pt_mqtt_get(), s->ask_topic, s->ask_payload ? s->ask_payload : "", false);
}

/* What was known is no more: the broker says it again, or the device does. */
static void on_connection(void *user, bool connected, const char *why) {
	Thing *t = user;
	bool was = t->connected;
	t->connected = connected;
	if (connected && !was)
		ask(t);
	if (was && !connected) {
		t->known = false;
		t->present = !t->settings->available_topic;
		t->report(t->port, pt_driver_now_ns(), false);
	}
}

static void thing_open(Thing *t, const PtPlugSettings *s, void (*report)(void *, int64_t, bool), void *port) {
	*t = (Thing){.settings = s, .report = report, .port = port, .present = !s->available_topic};
	report(port, pt_driver_now_ns(), true);
	t->watch = pt_mqtt_watch(pt_mqtt_get(), on_connection, t);
	t->told = pt_mqtt_subscribe(pt_mqtt_get(), s->plug == PT_PLUG_INPUT ? s->topic : s->state_topic, on_told, t);
	t->presence = s->available_topic ? pt_mqtt_subscribe(pt_mqtt_get(), s->available_topic, on_presence, t) : 0;
}

static void thing_close(Thing *t) {
	pt_mqtt_unwatch(pt_mqtt_get(), t->watch);
	pt_mqtt_unsubscribe(pt_mqtt_get(), t->told);
	pt_mqtt_unsubscribe(pt_mqtt_get(), t->presence);
}

/* ---- inputs ---- */

static void report_input(void *data, int64_t mono_ns, bool initial) {
	PtInputPort *port = data;
	port->host.level(port->host.user, level_of(&port->thing), mono_ns, initial);
}

static PtInputPort *input_open(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error) {
	PtInputPort *port = g_new0(PtInputPort, 1);
	port->host = host;
	thing_open(&port->thing, settings, report_input, port);
	return port;
}

static void input_close(PtInputPort *port) {
	thing_close(&port->thing);
	g_free(port);
}

/* ---- relays ---- */

static void report_relay(void *data, int64_t mono_ns, bool initial) {
	PtRelayPort *port = data;
	port->host.level(port->host.user, level_of(&port->thing), mono_ns);
}

static PtRelayPort *relay_open(const PtPlugSettings *settings, GMainContext *context, PtRelayHost host, GError **error) {
	PtRelayPort *port = g_new0(PtRelayPort, 1);
	port->host = host;
	thing_open(&port->thing, settings, report_relay, port);
	return port;
}

static gboolean relay_set(PtRelayPort *port, bool closed, int64_t for_ns, GError **error) {
	const PtPlugSettings *s = port->thing.settings;
	bool on = pt_driver_is_on(s, closed);
	const char *payload = on ? s->payload_on ? s->payload_on : "ON" : s->payload_off ? s->payload_off : "OFF";
	if (!port->thing.connected || !port->thing.present) {
		pt_error_set(error, TIMEOUT, port->thing.connected ? "the device is away" : "the broker is not connected");
		return FALSE;
	}
	if (pt_mqtt_publish(pt_mqtt_get(), s->topic, payload, false))
		return TRUE;
	pt_error_set(error, TIMEOUT, "the broker is not connected");
	return FALSE;
}

static void relay_close(PtRelayPort *port) {
	thing_close(&port->thing);
	g_free(port);
}

/* ---- the address in the site file ---- */

/* What libmosquitto takes: others it neither subscribes to nor publishes. */
static bool is_topic(const char *text) {
	for (const char *p = text; *p; p = g_utf8_next_char(p))
		if (g_unichar_iscntrl(g_utf8_get_char(p)))
			return false;
	return *text && strlen(text) <= 1000 && !strpbrk(text, "+#");
}

static void check_topic(const PtNode *node, const char *key, const char *topic, GPtrArray *problems) {
	if (topic && !is_topic(topic))
		pt_problem(problems, pt_node_get(node, key),
		           "is no topic: 1 to 1000 bytes, without +, # and control characters");
}

static void check(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	if (!s->topic)
		pt_problem(problems, node, "driver mqtt needs topic: %s",
		           s->plug == PT_PLUG_INPUT ? "where the device says how it stands" : "where it takes orders");
	if (s->plug == PT_PLUG_RELAY && !s->state_topic)
		pt_problem(problems, node, "driver mqtt needs state: the topic on which the device says how it stands");
	if (s->plug == PT_PLUG_RELAY && !s->payload_on != !s->payload_off)
		pt_problem(problems, node, "a relay needs both of payload-on and payload-off, or none: ON and OFF");
	if (s->payload_on && s->payload_off && !g_ascii_strcasecmp(s->payload_on, s->payload_off))
		pt_problem(problems, pt_node_get(node, "payload-off"), "is the same word as payload-on");
	check_topic(node, "topic", s->topic, problems);
	check_topic(node, "state", s->state_topic, problems);
	check_topic(node, "available", s->available_topic, problems);
	check_topic(node, "ask", s->ask_topic, problems);
	if (s->ask_payload && !s->ask_topic)
		pt_problem(problems, node, "ask-payload goes with ask: the topic to publish it to");
}

static const char *const keys[] = {"topic",       "state", "available",   "value", "payload-on",
                                   "payload-off", "ask",   "ask-payload", NULL};
static const PtInputDriver input_driver = {.open = input_open, .close = input_close};
static const PtRelayDriver relay_driver = {.open = relay_open, .set = relay_set, .close = relay_close};

const PtPlugDriver pt_mqtt_driver = {.name = "mqtt",
                                     .about = "plugs of other devices at the site's MQTT broker",
                                     .keys = keys,
                                     .check = check,
                                     .input = &input_driver,
                                     .relay = &relay_driver};
