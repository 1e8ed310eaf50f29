/* Inputs and relays over HTTP, and the simulated board's switches and lamps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/units.h"
#include "plugs/guard.h"
#include "plugs/hook.h"
#include "plugs/virtual/virtual.h"
#include "web/host.h"
#include <string.h>

/* Plugs of a camera are seen by whoever sees the camera, those of none by whoever sees all. */
bool pt_api_may_see_plug(PtRequest *r, const PtPlugSettings *s) { return pt_request_may_see(r, s->camera ? s->camera : ""); }

static void put_settings(JsonBuilder *b, const PtPlugSettings *s, const char *kind) {
	pt_json_text(b, "name", s->name);
	pt_json_text(b, "kind", kind);
	pt_json_text(b, "driver", s->driver->name);
	pt_json_text(b, "camera", s->camera);
	pt_json_text(b, "contact", pt_contact_words[s->contact]);
}

static void put_input(JsonBuilder *b, PtInput *input) {
	const PtPlugSettings *s = pt_input_settings(input);
	pt_json_object(b, NULL);
	put_settings(b, s, pt_input_kind_words[s->input_kind]);
	pt_json_text(b, "state", pt_input_state_word(pt_input_state(input)));
	pt_json_time(b, "since", pt_input_since_ns(input));
	pt_json_text(b, "error", pt_input_error(input));
	if (s->channel > 0)
		pt_json_int(b, "channel", s->channel);
	json_builder_end_object(b);
}

static bool moves_metal(const PtPlugSettings *s) {
	return s->relay_kind == PT_RELAY_DOOR || s->relay_kind == PT_RELAY_GATE || s->relay_kind == PT_RELAY_SIREN;
}

static void put_relay(PtHost *host, JsonBuilder *b, PtRelay *relay) {
	const PtPlugSettings *s = pt_relay_settings(relay);
	PtRelayView v;
	pt_relay_view(relay, &v);
	pt_json_object(b, NULL);
	put_settings(b, s, pt_relay_kind_words[s->relay_kind]);
	pt_json_text(b, "mode", pt_relay_mode_words[s->mode]);
	pt_json_text(b, "safe", pt_relay_safe_words[s->safe]);
	pt_json_bool(b, "moves_metal", moves_metal(s));
	pt_json_text(b, "state", pt_relay_state_word(v.seen));
	pt_json_time(b, "since", v.seen_wall_ns);
	pt_json_text(b, "commanded", pt_relay_state_word(v.commanded));
	pt_json_time(b, "commanded_at", v.commanded_wall_ns);
	pt_json_text(b, "actor", v.actor);
	pt_json_bool(b, "mismatch", v.mismatch);
	if (v.off_due_ns >= 0)
		pt_json_number(b, "off_in_s", (double)MAX(v.off_due_ns - pt_mono_ns(host->clock), 0) / PT_NS_PER_S);
	pt_json_text(b, "error", v.error);
	pt_json_text(b, "warning", v.warning);
	pt_json_int(b, "cycles", v.cycles);
	if (s->rated_cycles)
		pt_json_int(b, "rated_cycles", s->rated_cycles);
	g_autofree char *wear = pt_guard_wear(s->rated_cycles, v.cycles);
	pt_json_text(b, "wear", wear);
	pt_json_text(b, "interlock", s->interlock);
	if (s->channel > 0)
		pt_json_int(b, "channel", s->channel);
	json_builder_end_object(b);
}

void pt_api_put_plugs(PtHost *host, PtRequest *r, JsonBuilder *b) {
	GPtrArray *inputs = host->inputs(host->user), *relays = host->relays(host->user);
	pt_json_array(b, "inputs");
	for (guint i = 0; i < inputs->len; i++)
		if (pt_api_may_see_plug(r, pt_input_settings(g_ptr_array_index(inputs, i))))
			put_input(b, g_ptr_array_index(inputs, i));
	json_builder_end_array(b);
	pt_json_array(b, "relays");
	for (guint i = 0; i < relays->len; i++)
		if (pt_api_may_see_plug(r, pt_relay_settings(g_ptr_array_index(relays, i))))
			put_relay(host, b, g_ptr_array_index(relays, i));
	json_builder_end_array(b);
}

static void get_plugs(PtRequest *r, void *data) {
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_api_put_plugs(data, r, b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

static PtRelay *find_relay(PtHost *host, PtRequest *r, const char *name) {
	GPtrArray *relays = host->relays(host->user);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (guint i = 0; i < relays->len; i++) {
		const PtPlugSettings *s = pt_relay_settings(g_ptr_array_index(relays, i));
		if (!pt_api_may_see_plug(r, s))
			continue;
		if (!strcmp(s->name, name))
			return g_ptr_array_index(relays, i);
		g_ptr_array_add(names, s->name);
	}
	pt_api_fail_unknown(r, "relay", name, names);
	return NULL;
}

static void get_relay(PtRequest *r, void *data) {
	PtRelay *relay = find_relay(data, r, pt_request_segment(r, 0));
	if (!relay)
		return;
	g_autoptr(JsonBuilder) b = json_builder_new();
	put_relay(data, b, relay);
	pt_api_reply(r, b);
}

/* Browsers say by Origin that it is a page of ours that asks (the server has compared it), and the command line comes by the
 * local socket; what is neither is a program with somebody's login. */
static bool is_for_programs(PtRequest *r, const PtPlugSettings *s) {
	if (pt_relay_takes_http(s) || pt_request_header(r, "Origin") || !strcmp(pt_request_remote(r), "local"))
		return true;
	pt_request_fail(r, 403, "an order by a program over HTTP to what is a %s, whose settings hold no allow: [http]",
	                pt_relay_kind_words[s->relay_kind]);
	return false;
}

static void post_relay(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonParser) parser = NULL;
	g_autoptr(GError) error = NULL;
	PtRelay *relay = find_relay(host, r, pt_request_segment(r, 0));
	if (!relay || !is_for_programs(r, pt_relay_settings(relay)))
		return;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	const char *state = pt_api_text(body, "state"), *how_long = pt_api_text(body, "for");
	g_autofree char *actor = g_strconcat("user/", pt_request_caller(r)->user, NULL);
	PtRelayCommand command = {.issued_ns = pt_mono_ns(host->clock), .actor = actor};
	int order = -1;
	for (int i = 0; state && pt_relay_order_words[i]; i++)
		if (!strcmp(state, pt_relay_order_words[i]))
			order = i;
	if (order < 0) {
		pt_request_fail(r, 400, "state: '%s' is not one of on, off, pulse", state ? state : "");
		return;
	}
	command.order = (PtRelayOrder)order;
	if (how_long && !pt_units_parse_duration(how_long, &command.for_ns, &error)) {
		pt_request_fail(r, 400, "for: %s", error->message);
		return;
	}
	/* what is no time must not become an order without an end */
	if (json_object_has_member(body, "for") && command.for_ns <= 0) {
		pt_request_fail(r, 400, "for: write how long as a text, such as \"2min\"; leave it out for no end");
		return;
	}
	if (!pt_relay_command(relay, &command, &error)) {
		pt_request_fail(r, error->domain == PT_ERROR && error->code == PT_ERROR_INVALID ? 400 : 409, "%s",
		                error->message);
		return;
	}
	g_autoptr(JsonBuilder) b = json_builder_new();
	put_relay(host, b, relay);
	pt_api_reply(r, b);
}

static void get_input(PtRequest *r, void *data) {
	PtHost *host = data;
	GPtrArray *inputs = host->inputs(host->user);
	const char *name = pt_request_segment(r, 0);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (guint i = 0; i < inputs->len; i++) {
		PtInput *input = g_ptr_array_index(inputs, i);
		const PtPlugSettings *s = pt_input_settings(input);
		if (!pt_api_may_see_plug(r, s))
			continue;
		if (!strcmp(s->name, name)) {
			g_autoptr(JsonBuilder) b = json_builder_new();
			put_input(b, input);
			pt_api_reply(r, b);
			return;
		}
		g_ptr_array_add(names, s->name);
	}
	pt_api_fail_unknown(r, "input", name, names);
}

/* ---- webhooks: whoever has the input's token need not be logged in ---- */

static void post_hook(PtRequest *r, void *data) {
	static const char *const words[] = {"inactive", "active", NULL};
	const char *header = pt_request_header(r, "Authorization");
	g_autoptr(GBytes) bytes = pt_request_body(r);
	g_autoptr(JsonParser) parser = NULL;
	PtHook what = PT_HOOK_TOUCH;
	if (g_bytes_get_size(bytes)) {
		JsonObject *body = pt_api_body(r, &parser);
		if (!body)
			return;
		const char *state = pt_api_text(body, "state");
		if (!state || !g_strv_contains(words, state)) {
			pt_request_fail(r, 400,
			                "state: '%s' is not one of active, inactive (no body at all: active for a second)",
			                state ? state : "");
			return;
		}
		what = strcmp(state, words[0]) ? PT_HOOK_ACTIVE : PT_HOOK_INACTIVE;
	}
	bool bearer = header && !g_ascii_strncasecmp(header, "Bearer ", 7);
	if (!bearer || !pt_hook_set(pt_request_segment(r, 0), header + 7, what)) {
		pt_request_fail(r, 401, "no input is set by this address with this token");
		return;
	}
	pt_request_reply_text(r, 200, "application/json", "{\"ok\":true}");
}

/* ---- the board ---- */

static void put_channel(void *user, bool relay, int channel, bool closed) {
	JsonBuilder *b = user;
	pt_json_object(b, NULL);
	pt_json_text(b, "plug", relay ? "relay" : "input");
	pt_json_int(b, "channel", channel);
	pt_json_bool(b, "closed", closed);
	json_builder_end_object(b);
}

static void reply_board(PtRequest *r, const char *name) {
	g_autoptr(PtVirtualBoard) board = pt_virtual_board_get(name);
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_text(b, "board", name);
	pt_json_array(b, "channels");
	pt_virtual_board_each(board, put_channel, b);
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

/* Only boards that the site file names: asking must not make them. They belong to no camera. */
static bool board_exists(PtHost *host, PtRequest *r, const char *name) {
	PtSite *site = host->site(host->user);
	GPtrArray *lists[] = {site->inputs, site->relays};
	for (int k = 0; k < 2 && pt_request_may_see(r, ""); k++)
		for (guint i = 0; i < lists[k]->len; i++) {
			const PtPlugSettings *s = g_ptr_array_index(lists[k], i);
			if (!strcmp(s->driver->name, "virtual") && !strcmp(s->board ? s->board : PT_VIRTUAL_BOARD, name))
				return true;
		}
	pt_request_fail(r, 404, "the site file names no simulated board '%s'", name);
	return false;
}

static void get_board(PtRequest *r, void *data) {
	const char *name = pt_request_segment(r, 0);
	if (board_exists(data, r, name))
		reply_board(r, name);
}

static void post_board_input(PtRequest *r, void *data) {
	const char *name = pt_request_segment(r, 0), *number = pt_request_segment(r, 1);
	g_autoptr(JsonParser) parser = NULL;
	guint64 channel = 0;
	if (!board_exists(data, r, name))
		return;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	JsonNode *closed = json_object_get_member(body, "closed");
	if (!closed || !JSON_NODE_HOLDS_VALUE(closed) || json_node_get_value_type(closed) != G_TYPE_BOOLEAN) {
		pt_request_fail(r, 400, "closed: true or false is needed");
		return;
	}
	g_autoptr(PtVirtualBoard) board = pt_virtual_board_get(name);
	if (!g_ascii_string_to_unsigned(number, 10, 1, PT_VIRTUAL_CHANNELS, &channel, NULL) ||
	    !pt_virtual_board_set_input(board, (int)channel, json_node_get_boolean(closed), 0)) {
		pt_request_fail(r, 404, "the board has no input '%s' (1 to %d)", number, PT_VIRTUAL_CHANNELS);
		return;
	}
	reply_board(r, name);
}

void pt_api_add_plugs(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/plugs", PT_ROLE_VIEWER, get_plugs, host);
	pt_server_route(host->server, "GET", "/api/inputs/*", PT_ROLE_VIEWER, get_input, host);
	pt_server_route(host->server, "GET", "/api/relays/*", PT_ROLE_VIEWER, get_relay, host);
	pt_server_route(host->server, "POST", "/api/relays/*", PT_ROLE_OPERATOR, post_relay, host);
	pt_server_route(host->server, "POST", "/api/hooks/*", PT_ROLE_NONE, post_hook, host);
	pt_server_route(host->server, "GET", "/api/board/*", PT_ROLE_VIEWER, get_board, host);
	pt_server_route(host->server, "POST", "/api/board/*/inputs/*", PT_ROLE_OPERATOR, post_board_input, host);
}
