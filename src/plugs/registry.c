/* The one list of drivers, and the words and settings all of them share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/plug.h"
#include "plugs/gpio/gpio.h"
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

static const PtPlugDriver *const drivers[] = {&pt_virtual_driver, &pt_onvif_driver, &pt_gpio_driver};

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

PtPlugSettings *pt_plug_settings_copy(const PtPlugSettings *settings) {
	PtPlugSettings *s = g_memdup2(settings, sizeof *settings);
	s->name = g_strdup(settings->name);
	s->camera = g_strdup(settings->camera);
	s->token = g_strdup(settings->token);
	s->chip = g_strdup(settings->chip);
	s->line_name = g_strdup(settings->line_name);
	s->board = g_strdup(settings->board);
	s->interlock = g_strdup(settings->interlock);
	return s;
}

void pt_plug_settings_free(PtPlugSettings *s) {
	if (!s)
		return;
	g_free(s->name);
	g_free(s->camera);
	g_free(s->token);
	g_free(s->chip);
	g_free(s->line_name);
	g_free(s->board);
	g_free(s->interlock);
	g_free(s);
}

bool pt_plug_settings_equal(const PtPlugSettings *a, const PtPlugSettings *b) {
	return a->plug == b->plug && !g_strcmp0(a->name, b->name) && a->driver == b->driver &&
	       !g_strcmp0(a->camera, b->camera) && !g_strcmp0(a->token, b->token) && !g_strcmp0(a->chip, b->chip) &&
	       a->line_offset == b->line_offset && !g_strcmp0(a->line_name, b->line_name) && a->bias == b->bias &&
	       a->active == b->active && !g_strcmp0(a->interlock, b->interlock) && a->min_pause_ns == b->min_pause_ns &&
	       a->rated_cycles == b->rated_cycles && !g_strcmp0(a->board, b->board) && a->channel == b->channel &&
	       a->contact == b->contact && a->input_kind == b->input_kind && a->debounce_ns == b->debounce_ns &&
	       a->relay_kind == b->relay_kind && a->mode == b->mode && a->pulse_ns == b->pulse_ns && a->safe == b->safe &&
	       a->max_on_ns == b->max_on_ns && a->egress == b->egress && a->hub_timed == b->hub_timed &&
	       a->via_panel == b->via_panel;
}
