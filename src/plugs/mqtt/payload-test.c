/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/mqtt/payload.h"
#include <glib.h>
#include <string.h>

static void test_values(void) {
	static const struct {
		const char *payload, *field, *value; /* value NULL: there is none */
	} cases[] = {
	    {"ON", NULL, "ON"},
	    {" off\r\n", NULL, "off"},
	    {"", NULL, ""},
	    {"\xff", NULL, NULL},
	    /* Zigbee2MQTT */
	    {"{\"battery\":97,\"contact\":false,\"linkquality\":120,\"voltage\":3005}", "contact", "false"},
	    {"{\"occupancy\":true}", "occupancy", "true"},
	    {"{\"battery\":97}", "contact", NULL},
	    /* Tasmota */
	    {"{\"Time\":\"2026-11-30T12:00:00\",\"POWER1\":\"ON\",\"Wifi\":{\"RSSI\":82}}", "POWER1", "ON"},
	    {"{\"Time\":\"2026-11-30T12:00:00\",\"POWER1\":\"ON\",\"Wifi\":{\"RSSI\":82}}", "Wifi.RSSI", "82"},
	    /* Shelly, second generation */
	    {"{\"id\":0,\"source\":\"mqtt\",\"output\":true,\"temperature\":{\"tC\":41.5}}", "output", "true"},
	    {"{\"temperature\":{\"tC\":41.5}}", "temperature.tC", "41.5"},
	    {"{\"a\":{\"b\":1}}", "a", NULL},
	    {"{\"a\":[1]}", "a.b", NULL},
	    {"{\"a\":null}", "a", NULL},
	    {"[1]", "a", NULL},
	    {"{\"a\":", "a", NULL},
	    {"[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]", "a", NULL},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char value[PT_PAYLOAD_VALUE_MAX + 1];
		bool got = pt_payload_value(cases[i].payload, strlen(cases[i].payload), cases[i].field, value);
		g_test_message("%s %s", cases[i].payload, cases[i].field ? cases[i].field : "");
		g_assert_true(got == (cases[i].value != NULL));
		g_assert_cmpstr(got ? value : NULL, ==, cases[i].value);
	}
	char value[PT_PAYLOAD_VALUE_MAX + 1];
	g_autofree char *long_one = g_strnfill(PT_PAYLOAD_VALUE_MAX + 1, 'x');
	g_assert_false(pt_payload_value(long_one, PT_PAYLOAD_VALUE_MAX + 1, NULL, value));
	g_assert_false(pt_payload_value("a\0b", 3, NULL, value));
}

static void test_states(void) {
	static const struct {
		const char *value, *on, *off;
		PtPayloadState state;
	} cases[] = {
	    {"ON", NULL, NULL, PT_PAYLOAD_ON},           {"off", NULL, NULL, PT_PAYLOAD_OFF},
	    {"True", NULL, NULL, PT_PAYLOAD_ON},         {"0", NULL, NULL, PT_PAYLOAD_OFF},
	    {"maybe", NULL, NULL, PT_PAYLOAD_OTHER},     {"", NULL, NULL, PT_PAYLOAD_OTHER},
	    {"false", "false", NULL, PT_PAYLOAD_ON}, /* a contact that is not closed */
	    {"true", "false", NULL, PT_PAYLOAD_OFF},     {"up", "up", "down", PT_PAYLOAD_ON},
	    {"between", "up", "down", PT_PAYLOAD_OTHER}, {"x", NULL, "down", PT_PAYLOAD_ON},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].value);
		g_assert_cmpint(pt_payload_state(cases[i].value, cases[i].on, cases[i].off), ==, cases[i].state);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mqtt-payload/values", test_values);
	g_test_add_func("/mqtt-payload/states", test_states);
	return g_test_run();
}
