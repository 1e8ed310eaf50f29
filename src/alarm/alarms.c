/* The alarms themselves: raised, acknowledged, cleared, remembered. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/internal.h"
#include "base/error.h"
#include "base/event.h"
#include <string.h>

const char *const pt_alarm_state_words[] = {"raised", "acknowledged", "cleared", NULL};

/* ---- news ---- */

static void news_free(void *data) {
	PtAlarmNews *n = data;
	g_free(n->source);
	g_free(n->state);
	g_free(n->actor);
	g_free(n->detail);
	g_free(n);
}

GPtrArray *pt_alarm_news_new(void) { return g_ptr_array_new_with_free_func(news_free); }

void pt_alarm_tell(GPtrArray *news, const char *source, const char *topic, const char *state, const char *actor,
                   const char *detail) {
	PtAlarmNews *n = g_new0(PtAlarmNews, 1);
	*n = (PtAlarmNews){g_strdup(source), topic, g_strdup(state), g_strdup(actor), g_strdup(detail), false};
	g_ptr_array_add(news, n);
}

void pt_alarm_tell_of(GPtrArray *news, const char *name, const char *state, const char *actor, const char *detail) {
	g_autofree char *source = g_strconcat("alarm/", name, NULL);
	pt_alarm_tell(news, source, PT_TOPIC_ALARM, state, actor, detail);
}

/* ---- memory ---- */

void pt_alarm_free(void *data) {
	PtAlarm *a = data;
	char *strings[] = {a->name, a->text, a->procedure, a->camera, a->cause, a->acknowledged_by, a->cleared_by};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_free(a);
}

PtAlarm *pt_alarm_open_of(const PtAlarmCentre *c, const char *name) {
	for (guint i = c->alarms->len; i-- > 0;) {
		PtAlarm *a = g_ptr_array_index(c->alarms, i);
		if (a->state != PT_ALARM_CLEARED && !strcmp(a->name, name))
			return a;
	}
	return NULL;
}

/* The oldest of what is over goes first; what is open stays. */
static void forget_oldest(PtAlarmCentre *c) {
	for (guint i = 0; c->alarms->len > PT_ALARM_MEMORY && i < c->alarms->len;) {
		if (((PtAlarm *)g_ptr_array_index(c->alarms, i))->state == PT_ALARM_CLEARED)
			g_ptr_array_remove_index(c->alarms, i);
		else
			i++;
	}
}

static PtAlarm *alarm_new(PtAlarmCentre *c, const char *name, bool zone, const PtAlarmNow *now) {
	PtAlarm *a = g_new0(PtAlarm, 1);
	*a = (PtAlarm){.id = ++c->last_id, .name = g_strdup(name), .zone = zone, .raised_ns = now->wall_ns};
	g_ptr_array_add(c->alarms, a);
	forget_oldest(c);
	return a;
}

static void set_text(char **where, const char *text) {
	char *copy = g_strdup(text); /* which may be what stands there */
	g_free(*where);
	*where = copy;
}

void pt_alarm_raise(PtAlarmCentre *c, const PtAlarmRaise *what, bool zone, const PtAlarmNow *now, GPtrArray *news) {
	PtAlarm *a = pt_alarm_open_of(c, what->name);
	if (!a)
		a = alarm_new(c, what->name, zone, now);
	a->state = PT_ALARM_RAISED; /* anew: who has seen the last one has not seen this one */
	a->acknowledged_ns = 0;
	g_clear_pointer(&a->acknowledged_by, g_free);
	a->last_ns = now->wall_ns;
	a->count++;
	a->priority = what->priority;
	set_text(&a->text, what->text);
	set_text(&a->procedure, what->procedure);
	set_text(&a->camera, what->camera);
	set_text(&a->cause, what->cause);
	pt_alarm_tell_of(news, a->name, "raised", what->actor, a->text);
}

void pt_alarm_centre_raise(PtAlarmCentre *c, const PtAlarmRaise *what, const PtAlarmNow *now, GPtrArray *news) {
	pt_alarm_raise(c, what, false, now, news);
}

/* ---- what becomes of them ---- */

const PtAlarm *pt_alarm_centre_find(const PtAlarmCentre *c, int64_t id) {
	for (guint i = c->alarms->len; i-- > 0;) {
		PtAlarm *a = g_ptr_array_index(c->alarms, i);
		if (a->id == id)
			return a->state == PT_ALARM_CLEARED ? NULL : a;
	}
	return NULL;
}

static PtAlarm *find(PtAlarmCentre *c, int64_t id, GError **error) {
	PtAlarm *a = (PtAlarm *)pt_alarm_centre_find(c, id);
	if (!a)
		pt_error_set(error, NOT_FOUND, "there is no open alarm %" G_GINT64_FORMAT ": it may have been cleared", id);
	return a;
}

static void acknowledge(PtAlarm *a, const char *actor, const PtAlarmNow *now, GPtrArray *news) {
	if (a->state != PT_ALARM_RAISED)
		return;
	a->state = PT_ALARM_ACKNOWLEDGED;
	a->acknowledged_by = g_strdup(actor);
	a->acknowledged_ns = now->wall_ns;
	pt_alarm_tell_of(news, a->name, "acknowledged", actor, NULL);
}

static void clear(PtAlarm *a, const char *actor, const PtAlarmNow *now, GPtrArray *news, const char *detail) {
	a->state = PT_ALARM_CLEARED;
	a->cleared_by = g_strdup(actor);
	a->cleared_ns = now->wall_ns;
	pt_alarm_tell_of(news, a->name, "cleared", actor, detail);
}

void pt_alarm_zone_closed(PtAlarmCentre *c, const char *name, const PtAlarmNow *now, GPtrArray *news) {
	PtAlarm *a = pt_alarm_open_of(c, name);
	if (!a || !a->zone || a->state != PT_ALARM_ACKNOWLEDGED)
		return;
	g_autofree char *actor = g_strconcat("zone/", name, NULL);
	clear(a, actor, now, news, "acknowledged, and its inputs are closed");
}

gboolean pt_alarm_centre_acknowledge(PtAlarmCentre *c, int64_t id, const char *actor, const PtAlarmNow *now, GPtrArray *news,
                                     GError **error) {
	PtAlarm *a = find(c, id, error);
	if (!a)
		return FALSE;
	acknowledge(a, actor, now, news);
	if (a->zone && pt_alarm_zone_sees(c, a->name) != PT_ALARM_INPUT_OPEN)
		pt_alarm_zone_closed(c, a->name, now, news);
	return TRUE;
}

gboolean pt_alarm_centre_clear(PtAlarmCentre *c, int64_t id, const char *actor, const PtAlarmNow *now, GPtrArray *news,
                               GError **error) {
	PtAlarm *a = find(c, id, error);
	if (!a)
		return FALSE;
	acknowledge(a, actor, now, news);
	bool open = a->zone && pt_alarm_zone_sees(c, a->name) == PT_ALARM_INPUT_OPEN;
	if (open)
		pt_alarm_zone_state(c, a->name)->left_out = true;
	clear(a, actor, now, news, open ? "the zone is still open: it is left out until it closes" : NULL);
	return TRUE;
}

const GPtrArray *pt_alarm_centre_alarms(const PtAlarmCentre *c) { return c->alarms; }
