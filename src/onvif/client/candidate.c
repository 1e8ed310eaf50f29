/* What a camera has, as JSON: for `discover --json` and for the page that adds cameras. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "onvif/client/find.h"

static void member(JsonBuilder *b, const char *name, const char *text) {
	json_builder_set_member_name(b, name);
	if (text)
		json_builder_add_string_value(b, text);
	else
		json_builder_add_null_value(b);
}

static void number(JsonBuilder *b, const char *name, int64_t value) {
	json_builder_set_member_name(b, name);
	json_builder_add_int_value(b, value);
}

static void profile_json(JsonBuilder *b, const PtOnvifFound *f, const PtOnvifProfile *p) {
	json_builder_begin_object(b);
	member(b, "token", p->token);
	member(b, "name", p->name);
	member(b, "use", p == f->main ? "main" : p == f->sub ? "sub" : NULL);
	member(b, "codec", p->codec);
	number(b, "width", p->width);
	number(b, "height", p->height);
	number(b, "bitrate_kbps", p->bitrate_kbps);
	member(b, "url", p->url);
	json_builder_end_object(b);
}

static void plug_json(JsonBuilder *b, const PtOnvifPlug *p) {
	json_builder_begin_object(b);
	member(b, "kind", p->kind == PT_ONVIF_PLUG_INPUT ? "input" : "relay");
	member(b, "token", p->token);
	member(b, "idle", p->idle_closed ? "closed" : "open");
	if (p->kind == PT_ONVIF_PLUG_RELAY)
		member(b, "mode", p->monostable ? "monostable" : "bistable");
	json_builder_end_object(b);
}

static void lines(JsonBuilder *b, const char *name, const GPtrArray *list) {
	json_builder_set_member_name(b, name);
	json_builder_begin_array(b);
	for (guint i = 0; i < list->len; i++)
		json_builder_add_string_value(b, g_ptr_array_index(list, i));
	json_builder_end_array(b);
}

void pt_onvif_candidate_json(const PtOnvifCandidate *c, const char *login, JsonBuilder *b) {
	const PtOnvifFound *f = c->found;
	json_builder_begin_object(b);
	member(b, "name", c->name);
	member(b, "source", c->source);
	member(b, "title", c->title);
	member(b, "endpoint", c->endpoint);
	member(b, "error", c->error);
	g_autofree char *pin = pt_onvif_candidate_pin(c);
	member(b, "tls", pin);
	if (c->clock_known)
		number(b, "clock_offset_ms", c->offset_ns / PT_NS_PER_MS);
	if (f) {
		member(b, "maker", f->maker);
		member(b, "model", f->model);
		member(b, "firmware", f->firmware);
		member(b, "serial", f->serial);
		member(b, "snapshot", f->snapshot);
		json_builder_set_member_name(b, "profiles");
		json_builder_begin_array(b);
		for (guint i = 0; i < f->profiles->len; i++)
			profile_json(b, f, g_ptr_array_index(f->profiles, i));
		json_builder_end_array(b);
		json_builder_set_member_name(b, "plugs");
		json_builder_begin_array(b);
		for (guint i = 0; i < f->plugs->len; i++)
			plug_json(b, g_ptr_array_index(f->plugs, i));
		json_builder_end_array(b);
		lines(b, "notes", f->notes);
		lines(b, "warnings", f->warnings);
		lines(b, "storage", f->storage);
		lines(b, "users", f->users);
		json_builder_set_member_name(b, "auxiliary");
		json_builder_begin_array(b);
		for (char **w = f->auxiliary; *w; w++)
			json_builder_add_string_value(b, *w);
		json_builder_end_array(b);
	}
	g_autofree char *fragment = pt_onvif_fragment(c, login);
	member(b, "fragment", fragment);
	json_builder_end_object(b);
}
