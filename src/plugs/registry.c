/* The one list of drivers, and the words and settings all of them share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/plug.h"
#include "plugs/adc/adc.h"
#include "plugs/gpio/gpio.h"
#include "plugs/http/http.h"
#include "plugs/mqtt/mqtt.h"
#include "plugs/onvif/onvif.h"
#include "plugs/virtual/virtual.h"
#include <string.h>

const char *const pt_contact_words[] = {"normally-open", "normally-closed", NULL};
const char *const pt_input_kind_words[] = {"door", "pir", "beam", "button", "badge", "other", NULL};
const char *const pt_relay_kind_words[] = {"light", "siren", "door", "gate", "fire", "other", NULL};
const char *const pt_relay_mode_words[] = {"bistable", "monostable", NULL};
const char *const pt_relay_safe_words[] = {"off", "on", "keep", NULL};
const char *const pt_egress_words[] = {"none", "hardwired", "mechanical", NULL};
const char *const pt_bias_words[] = {"as-is", "pull-up", "pull-down", "disabled", NULL};
const char *const pt_active_words[] = {"low", "high", NULL};

static const PtPlugDriver *const drivers[] = {&pt_virtual_driver, &pt_onvif_driver, &pt_gpio_driver,
                                              &pt_adc_driver,     &pt_http_driver,  &pt_mqtt_driver};

const PtPlugDriver *pt_plug_driver_find(const char *name) {
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

const char **pt_plug_driver_names(void) {
	const char **names = g_new0(const char *, G_N_ELEMENTS(drivers) + 1);
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
		names[i] = drivers[i]->name;
	return names;
}

bool pt_plug_has_own_timer(const PtPlugSettings *s) { return s->driver && s->driver->own_timer && s->driver->own_timer(s); }

PtPlugSettings *pt_plug_settings_new(PtPlugKind plug) {
	PtPlugSettings *s = g_new0(PtPlugSettings, 1);
	s->plug = plug;
	s->line_offset = s->channel = -1;
	s->input_kind = PT_INPUT_OTHER;
	s->relay_kind = PT_RELAY_OTHER;
	s->active = PT_ACTIVE_USUAL;
	return s;
}

const PtPlugText pt_plug_texts[] = {
#define TEXT(key, member)                                                                                                   \
	{ key, G_STRUCT_OFFSET(PtPlugSettings, member) }
    TEXT(NULL, name),
    TEXT("camera", camera),
    TEXT("token", token),
    TEXT("chip", chip),
    TEXT(NULL, line_name),
    TEXT("board", board),
    TEXT("url", url),
    TEXT(NULL, method),
    TEXT("body", body),
    TEXT("read", read_url),
    TEXT("shows", shows),
    TEXT("login", login),
    TEXT(NULL, user),
    TEXT(NULL, secret),
    TEXT("topic", topic),
    TEXT("state", state_topic),
    TEXT("available", available_topic),
    TEXT("ask", ask_topic),
    TEXT("ask-payload", ask_payload),
    TEXT("value", field),
    TEXT("payload-on", payload_on),
    TEXT("payload-off", payload_off),
    TEXT("interlock", interlock),
    {NULL, 0},
#undef TEXT
};

char **pt_plug_text(const PtPlugSettings *s, const PtPlugText *text) { return (char **)((char *)s + text->offset); }

PtPlugSettings *pt_plug_settings_copy(const PtPlugSettings *settings) {
	PtPlugSettings *s = g_memdup2(settings, sizeof *settings);
	for (const PtPlugText *t = pt_plug_texts; t->offset; t++)
		*pt_plug_text(s, t) = g_strdup(*pt_plug_text(settings, t));
	return s;
}

void pt_plug_settings_free(PtPlugSettings *s) {
	for (const PtPlugText *t = pt_plug_texts; s && t->offset; t++)
		g_free(*pt_plug_text(s, t));
	g_free(s);
}

bool pt_plug_settings_equal(const PtPlugSettings *a, const PtPlugSettings *b) {
	for (const PtPlugText *t = pt_plug_texts; t->offset; t++)
		if (g_strcmp0(*pt_plug_text(a, t), *pt_plug_text(b, t)))
			return false;
	return a->plug == b->plug && a->driver == b->driver && a->line_offset == b->line_offset && a->bias == b->bias &&
	       a->active == b->active && a->channel == b->channel && a->contact == b->contact &&
	       a->input_kind == b->input_kind && a->debounce_ns == b->debounce_ns && a->off_after_ns == b->off_after_ns &&
	       a->relay_kind == b->relay_kind && a->mode == b->mode && a->pulse_ns == b->pulse_ns && a->safe == b->safe &&
	       a->max_on_ns == b->max_on_ns && a->egress == b->egress && a->hub_timed == b->hub_timed &&
	       a->via_panel == b->via_panel && a->series_ohm == b->series_ohm && a->parallel_ohm == b->parallel_ohm &&
	       a->pull_up_ohm == b->pull_up_ohm && a->tolerance == b->tolerance && a->full_scale == b->full_scale &&
	       a->every_ns == b->every_ns && a->min_pause_ns == b->min_pause_ns && a->rated_cycles == b->rated_cycles &&
	       a->allow_mqtt == b->allow_mqtt && a->allow_http == b->allow_http;
}

static bool is_guarded(const PtPlugSettings *s) {
	return s->relay_kind == PT_RELAY_DOOR || s->relay_kind == PT_RELAY_GATE || s->relay_kind == PT_RELAY_FIRE;
}

bool pt_relay_takes_mqtt(const PtPlugSettings *s) { return !is_guarded(s) || s->allow_mqtt; }
bool pt_relay_takes_http(const PtPlugSettings *s) { return !is_guarded(s) || s->allow_http; }
