/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/centre.h"
#include "alarm/internal.h"
#include "base/error.h"
#include "base/event.h"
#include <string.h>

/* ---- zones ---- */

static void zone_state_free(void *data) {
	ZoneState *z = data;
	g_free(z->entry_cause);
	g_free(z);
}

ZoneState *pt_alarm_zone_state(const PtAlarmCentre *c, const char *name) {
	ZoneState *z = g_hash_table_lookup(c->zones, name);
	if (!z) {
		z = g_new0(ZoneState, 1);
		z->entry_due = NEVER;
		g_hash_table_insert(c->zones, g_strdup(name), z);
	}
	return z;
}

static bool is_open(PtAlarmInput state) { return state == PT_ALARM_INPUT_OPEN || state == PT_ALARM_INPUT_FAULT; }

static PtAlarmInput sees(const PtAlarmCentre *c, const PtAlarmZone *zone) {
	PtAlarmInput all = PT_ALARM_INPUT_CLOSED;
	for (char **name = zone->inputs; *name; name++) {
		const InputState *input = g_hash_table_lookup(c->inputs, *name);
		PtAlarmInput state = input ? input->state : PT_ALARM_INPUT_UNKNOWN;
		if (is_open(state))
			return PT_ALARM_INPUT_OPEN;
		if (state == PT_ALARM_INPUT_UNKNOWN)
			all = state;
	}
	return all;
}

PtAlarmInput pt_alarm_zone_sees(const PtAlarmCentre *c, const char *name) {
	const PtAlarmZone *zone = pt_alarm_plan_zone(c->plan, name);
	return zone ? sees(c, zone) : PT_ALARM_INPUT_CLOSED;
}

static void end_entry(ZoneState *z) {
	z->entry_due = NEVER;
	g_clear_pointer(&z->entry_cause, g_free);
}

static void raise_zone(PtAlarmCentre *c, const PtAlarmZone *zone, const char *cause, const PtAlarmNow *now,
                       GPtrArray *news) {
	g_autofree char *actor = g_strconcat("zone/", zone->name, NULL);
	g_autofree char *text = zone->text ? g_strdup(zone->text) : g_strdup_printf("zone %s: %s", zone->name, cause);
	end_entry(pt_alarm_zone_state(c, zone->name));
	pt_alarm_raise(c,
	               &(PtAlarmRaise){.name = zone->name,
	                               .text = text,
	                               .procedure = zone->procedure,
	                               .camera = zone->camera,
	                               .cause = cause,
	                               .actor = actor,
	                               .priority = zone->priority},
	               true, now, news);
}

/* It was opened while it is armed, or is found open. */
static void trip(PtAlarmCentre *c, const PtAlarmZone *zone, const char *cause, const PtAlarmNow *now, GPtrArray *news) {
	ZoneState *z = pt_alarm_zone_state(c, zone->name);
	const PtAlarm *alarm = pt_alarm_open_of(c, zone->name);
	bool delayed = zone->delayed && c->plan->entry_ns && !(alarm && alarm->state == PT_ALARM_RAISED);
	if (z->left_out || (zone->delayed && c->target))
		return;
	if (!delayed) {
		raise_zone(c, zone, cause, now, news);
	} else if (z->entry_due == NEVER) {
		z->entry_due = now->mono_ns + c->plan->entry_ns;
		z->entry_cause = g_strdup(cause);
		pt_alarm_tell_of(news, zone->name, "entry", NULL, cause);
	}
}

static bool has_input(const PtAlarmZone *zone, const char *input) {
	return g_strv_contains((const char *const *)zone->inputs, input);
}

void pt_alarm_centre_input(PtAlarmCentre *c, const char *name, PtAlarmInput state, int64_t since_ns, const PtAlarmNow *now,
                           GPtrArray *news) {
	InputState *input = g_hash_table_lookup(c->inputs, name);
	if (!input) {
		input = g_new0(InputState, 1);
		g_hash_table_insert(c->inputs, g_strdup(name), input);
	}
	bool edge = is_open(state) && !is_open(input->known);
	bool first = input->known == PT_ALARM_INPUT_UNKNOWN;
	input->state = state;
	if (state != PT_ALARM_INPUT_UNKNOWN)
		input->known = state;
	g_autofree char *cause = g_strdup_printf("input %s %s", name, state == PT_ALARM_INPUT_FAULT ? "fault" : "active");
	for (guint i = 0; i < c->plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(c->plan->zones, i);
		if (!has_input(zone, name))
			continue;
		PtAlarmInput all = sees(c, zone);
		/* found open at a start: an alarm that it has raised already is not another one */
		bool known = first && pt_alarm_open_of(c, zone->name);
		if (edge && !known && (first || zone->always || since_ns >= c->since_ns) &&
		    pt_alarm_zone_is_armed(zone, c->mode))
			trip(c, zone, cause, now, news);
		if (all == PT_ALARM_INPUT_CLOSED)
			pt_alarm_zone_state(c, zone->name)->left_out = false;
		if (all != PT_ALARM_INPUT_OPEN)
			pt_alarm_zone_closed(c, zone->name, now, news);
	}
}

/* ---- modes ---- */

static bool newly_armed(const PtAlarmCentre *c, const PtAlarmZone *zone, const char *mode) {
	return pt_alarm_zone_is_armed(zone, mode) && !pt_alarm_zone_is_armed(zone, c->mode);
}

static void add_name(GString *list, const char *name, const char *word) {
	g_string_append_printf(list, "%s%s%s%s", list->len ? ", " : "", name, *word ? " " : "", word);
}

static void drop_target(PtAlarmCentre *c) {
	g_clear_pointer(&c->target, g_free);
	g_clear_pointer(&c->target_actor, g_free);
	c->exit_due = NEVER;
}

/* Opened during the exit delay, and still open when that ends. */
static bool is_on_the_way(const PtAlarmCentre *c, const PtAlarmZone *zone) {
	return c->target && zone->delayed && pt_alarm_zone_state(c, zone->name)->entry_due == NEVER &&
	       !pt_alarm_open_of(c, zone->name) && sees(c, zone) == PT_ALARM_INPUT_OPEN;
}

/* What is not closed now would raise an alarm that says nothing new: it is left out, and that is told. */
static void enter(PtAlarmCentre *c, const char *mode, const char *actor, const PtAlarmNow *now, GPtrArray *news) {
	g_autoptr(GString) out = g_string_new(NULL);
	for (guint i = 0; i < c->plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(c->plan->zones, i);
		ZoneState *z = pt_alarm_zone_state(c, zone->name);
		if (!pt_alarm_zone_is_armed(zone, mode)) {
			end_entry(z);
			z->left_out = false;
		} else if ((newly_armed(c, zone, mode) && sees(c, zone) != PT_ALARM_INPUT_CLOSED) ||
		           is_on_the_way(c, zone)) {
			z->left_out = true;
			add_name(out, zone->name, "");
		}
	}
	g_autofree char *of = g_strdup(mode), *by = g_strdup(actor); /* which may be those of the target */
	g_autofree char *detail = out->len ? g_strdup_printf("left out until closed: %s", out->str) : NULL;
	drop_target(c);
	g_free(c->mode);
	c->mode = g_steal_pointer(&of);
	c->since_ns = now->wall_ns;
	pt_alarm_tell(news, PT_SOURCE_MODE, PT_TOPIC_MODE, c->mode, by, detail);
}

bool pt_alarm_centre_is_disarming(const PtAlarmCentre *c, const char *mode) {
	bool less = !strcmp(mode, c->plan->modes[0]) && strcmp(c->mode, mode), delay = false, way_out = false;
	for (guint i = 0; i < c->plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(c->plan->zones, i);
		bool armed = pt_alarm_zone_is_armed(zone, c->mode);
		less |= armed && !pt_alarm_zone_is_armed(zone, mode);
		delay |= c->plan->exit_ns && newly_armed(c, zone, mode);
		way_out |= armed && zone->delayed;
	}
	return less || (delay && way_out); /* who goes out may come in as well */
}

/* Names what keeps the mode from being entered. */
static bool is_ready(const PtAlarmCentre *c, const char *mode, GError **error) {
	g_autoptr(GString) open = g_string_new(NULL);
	for (guint i = 0; i < c->plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(c->plan->zones, i);
		PtAlarmInput state = sees(c, zone);
		bool on_the_way = zone->delayed && c->plan->exit_ns;
		if (newly_armed(c, zone, mode) && !zone->leave_out && !on_the_way && state != PT_ALARM_INPUT_CLOSED)
			add_name(open, zone->name, state == PT_ALARM_INPUT_OPEN ? "is open" : "is unknown");
	}
	if (!open->len)
		return true;
	pt_error_set(error, BUSY,
	             "mode %s was not entered: %s. Close it, or arm all the same and leave it out until it closes", mode,
	             open->str);
	return false;
}

gboolean pt_alarm_centre_set_mode(PtAlarmCentre *c, const char *mode, const char *actor, bool force, const PtAlarmNow *now,
                                  GPtrArray *news, GError **error) {
	bool more = false;
	if (!g_strv_contains((const char *const *)c->plan->modes, mode)) {
		g_autofree char *list = g_strjoinv(", ", c->plan->modes);
		pt_error_set(error, INVALID, "mode: '%.60s' is not one of %s", mode, list);
		return FALSE;
	}
	if (!strcmp(mode, c->mode)) {
		if (c->target)
			pt_alarm_tell(news, PT_SOURCE_MODE, PT_TOPIC_ALARM, "kept", actor, c->mode);
		drop_target(c);
		return TRUE;
	}
	if (!force && !is_ready(c, mode, error))
		return FALSE;
	for (guint i = 0; i < c->plan->zones->len; i++)
		more |= newly_armed(c, g_ptr_array_index(c->plan->zones, i), mode);
	if (!more || !c->plan->exit_ns) {
		enter(c, mode, actor, now, news);
	} else if (g_strcmp0(c->target, mode)) {
		drop_target(c);
		c->target = g_strdup(mode);
		c->target_actor = g_strdup(actor);
		c->exit_due = now->mono_ns + c->plan->exit_ns;
		pt_alarm_tell(news, PT_SOURCE_MODE, PT_TOPIC_ALARM, "arming", actor, mode);
	}
	return TRUE;
}

/* ---- time ---- */

void pt_alarm_centre_tick(PtAlarmCentre *c, const PtAlarmNow *now, GPtrArray *news) {
	/* entries first: an exit delay that ends now must not save who came in before */
	for (guint i = 0; i < c->plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(c->plan->zones, i);
		ZoneState *z = pt_alarm_zone_state(c, zone->name);
		if (z->entry_due == NEVER || z->entry_due > now->mono_ns)
			continue;
		g_autofree char *cause = g_steal_pointer(&z->entry_cause);
		raise_zone(c, zone, cause, now, news);
	}
	if (c->target && c->exit_due <= now->mono_ns)
		enter(c, c->target, c->target_actor, now, news);
}

int64_t pt_alarm_centre_due(const PtAlarmCentre *c) {
	int64_t due = c->target ? c->exit_due : NEVER;
	GHashTableIter it;
	void *state;
	g_hash_table_iter_init(&it, c->zones);
	while (g_hash_table_iter_next(&it, NULL, &state)) {
		int64_t entry = ((const ZoneState *)state)->entry_due;
		if (entry != NEVER && (due == NEVER || entry < due))
			due = entry;
	}
	return due;
}

/* ---- the plan, and how it stands ---- */

static gboolean is_gone(gpointer name, gpointer state, gpointer plan) { return !pt_alarm_plan_zone(plan, name); }

void pt_alarm_centre_set_plan(PtAlarmCentre *c, const PtAlarmPlan *plan, const PtAlarmNow *now, GPtrArray *news) {
	c->plan = plan;
	g_hash_table_foreach_remove(c->zones, is_gone, (void *)plan);
	const char *const *modes = (const char *const *)plan->modes;
	if (c->target && !g_strv_contains(modes, c->target))
		drop_target(c);
	if (!c->mode) {
		c->mode = g_strdup(modes[0]);
		c->since_ns = now->wall_ns;
	} else if (!g_strv_contains(modes, c->mode)) {
		g_autofree char *detail = g_strdup_printf("the site file names no mode %s any more", c->mode);
		g_free(c->mode);
		c->mode = g_strdup(modes[0]);
		c->since_ns = now->wall_ns;
		pt_alarm_tell(news, PT_SOURCE_MODE, PT_TOPIC_MODE, c->mode, NULL, detail);
	}
	for (guint i = 0; i < plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(plan->zones, i);
		ZoneState *z = pt_alarm_zone_state(c, zone->name);
		bool armed = pt_alarm_zone_is_armed(zone, c->mode), known = pt_alarm_open_of(c, zone->name) != NULL;
		if (!armed)
			end_entry(z);
		else if (!known && z->entry_due == NEVER && sees(c, zone) == PT_ALARM_INPUT_OPEN)
			trip(c, zone, "it was found open", now, news);
	}
}

void pt_alarm_centre_tell(const PtAlarmCentre *c, GPtrArray *news) {
	guint from = news->len;
	pt_alarm_tell(news, PT_SOURCE_MODE, PT_TOPIC_MODE, c->mode, NULL, NULL);
	for (guint i = 0; i < c->alarms->len; i++) {
		const PtAlarm *a = g_ptr_array_index(c->alarms, i);
		if (a->state != PT_ALARM_CLEARED)
			pt_alarm_tell_of(news, a->name, pt_alarm_state_words[a->state], NULL, a->text);
	}
	for (guint i = from; i < news->len; i++)
		((PtAlarmNews *)g_ptr_array_index(news, i))->initial = true;
}

const char *pt_alarm_centre_mode(const PtAlarmCentre *c) { return c->mode; }
int64_t pt_alarm_centre_mode_since_ns(const PtAlarmCentre *c) { return c->since_ns; }

const char *pt_alarm_centre_arming(const PtAlarmCentre *c, int64_t *ret_due_mono_ns) {
	*ret_due_mono_ns = c->exit_due;
	return c->target;
}

PtAlarmZoneView pt_alarm_centre_zone(const PtAlarmCentre *c, guint i) {
	const PtAlarmZone *zone = g_ptr_array_index(c->plan->zones, i);
	const ZoneState *z = pt_alarm_zone_state(c, zone->name);
	return (PtAlarmZoneView){zone, sees(c, zone), pt_alarm_zone_is_armed(zone, c->mode), z->left_out, z->entry_due};
}

PtAlarmCentre *pt_alarm_centre_new(void) {
	PtAlarmCentre *c = g_new0(PtAlarmCentre, 1);
	c->exit_due = NEVER;
	c->zones = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, zone_state_free);
	c->inputs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	c->alarms = g_ptr_array_new_with_free_func(pt_alarm_free);
	return c;
}

void pt_alarm_centre_free(PtAlarmCentre *c) {
	if (!c)
		return;
	drop_target(c);
	g_free(c->mode);
	g_hash_table_unref(c->zones);
	g_hash_table_unref(c->inputs);
	g_ptr_array_unref(c->alarms);
	g_free(c);
}
