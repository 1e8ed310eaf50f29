/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/mqtt/payload.h"
#include "base/json.h"
#include <json-glib/json-glib.h>
#include <string.h>

#define DEPTH_MAX 16

static bool copy(const char *text, size_t size, char ret[PT_PAYLOAD_VALUE_MAX + 1]) {
	if (size > PT_PAYLOAD_VALUE_MAX)
		return false;
	memcpy(ret, text, size);
	ret[size] = 0;
	return true;
}

static bool text_of(JsonNode *node, char ret[PT_PAYLOAD_VALUE_MAX + 1]) {
	if (!JSON_NODE_HOLDS_VALUE(node))
		return false;
	char number[G_ASCII_DTOSTR_BUF_SIZE];
	const char *text = NULL;
	switch (json_node_get_value_type(node)) {
	case G_TYPE_BOOLEAN:
		text = json_node_get_boolean(node) ? "true" : "false";
		break;
	case G_TYPE_INT64:
		g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, json_node_get_int(node));
		text = number;
		break;
	case G_TYPE_DOUBLE:
		text = g_ascii_formatd(number, sizeof number, "%.15g", json_node_get_double(node));
		break;
	default:
		text = json_node_get_string(node);
	}
	return text && copy(text, strlen(text), ret);
}

bool pt_payload_value(const char *payload, size_t size, const char *field, char ret[PT_PAYLOAD_VALUE_MAX + 1]) {
	if (!g_utf8_validate(payload, (gssize)size, NULL)) /* which refuses zeros within, too */
		return false;
	if (!field) {
		while (size && g_ascii_isspace(payload[size - 1]))
			size--;
		while (size && g_ascii_isspace(*payload))
			payload++, size--;
		return copy(payload, size, ret);
	}
	g_autoptr(JsonParser) parser = json_parser_new();
	if (!pt_json_is_shallow(payload, size, DEPTH_MAX) ||
	    !json_parser_load_from_data(parser, payload, (gssize)size, NULL))
		return false;
	JsonNode *node = json_parser_get_root(parser);
	g_auto(GStrv) path = g_strsplit(field, ".", DEPTH_MAX);
	for (char **p = path; node && *p; p++)
		node = JSON_NODE_HOLDS_OBJECT(node) ? json_object_get_member(json_node_get_object(node), *p) : NULL;
	return node && text_of(node, ret);
}

static bool is_one_of(const char *value, const char *const *words) {
	for (; *words; words++)
		if (!g_ascii_strcasecmp(value, *words))
			return true;
	return false;
}

PtPayloadState pt_payload_state(const char *value, const char *on, const char *off) {
	static const char *const usual_on[] = {"on", "true", "1", "open", "online", NULL};
	static const char *const usual_off[] = {"off", "false", "0", "closed", "offline", NULL};
	bool is_on = on ? !g_ascii_strcasecmp(value, on) : off ? g_ascii_strcasecmp(value, off) : is_one_of(value, usual_on);
	bool is_off = off ? !g_ascii_strcasecmp(value, off) : on ? !is_on : is_one_of(value, usual_off);
	return is_on ? PT_PAYLOAD_ON : is_off ? PT_PAYLOAD_OFF : PT_PAYLOAD_OTHER;
}
