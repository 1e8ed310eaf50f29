/* What the centre remembers over a restart, as a GKeyFile. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/internal.h"
#include "base/error.h"
#include <string.h>

#define CENTRE "centre"
#define ZONE "zone/"
#define ALARM "alarm/"

/* ---- out ---- */

static void put_text(GKeyFile *f, const char *group, const char *key, const char *text) {
	if (text)
		g_key_file_set_string(f, group, key, text);
}

/* Monotonic time means nothing after a boot. */
static void put_due(GKeyFile *f, const char *group, const PtAlarmNow *now, int64_t due_mono_ns) {
	if (due_mono_ns == NEVER)
		return;
	g_key_file_set_int64(f, group, "due", now->wall_ns + due_mono_ns - now->mono_ns);
	g_key_file_set_int64(f, group, "left", due_mono_ns > now->mono_ns ? due_mono_ns - now->mono_ns : 0);
}

static void put_alarm(GKeyFile *f, const PtAlarm *a) {
	g_autofree char *group = g_strdup_printf(ALARM "%" G_GINT64_FORMAT, a->id);
	put_text(f, group, "name", a->name);
	g_key_file_set_boolean(f, group, "zone", a->zone);
	put_text(f, group, "text", a->text);
	put_text(f, group, "procedure", a->procedure);
	put_text(f, group, "camera", a->camera);
	put_text(f, group, "cause", a->cause);
	g_key_file_set_int64(f, group, "priority", a->priority);
	g_key_file_set_int64(f, group, "state", a->state);
	g_key_file_set_int64(f, group, "raised", a->raised_ns);
	g_key_file_set_int64(f, group, "last", a->last_ns);
	g_key_file_set_int64(f, group, "count", a->count);
	put_text(f, group, "acknowledged-by", a->acknowledged_by);
	g_key_file_set_int64(f, group, "acknowledged", a->acknowledged_ns);
	put_text(f, group, "cleared-by", a->cleared_by);
	g_key_file_set_int64(f, group, "cleared", a->cleared_ns);
}

char *pt_alarm_centre_save(const PtAlarmCentre *c, const PtAlarmNow *now) {
	g_autoptr(GKeyFile) f = g_key_file_new();
	g_key_file_set_string(f, CENTRE, "mode", c->mode);
	g_key_file_set_int64(f, CENTRE, "since", c->since_ns);
	g_key_file_set_int64(f, CENTRE, "last-id", c->last_id);
	put_text(f, CENTRE, "arming", c->target);
	put_text(f, CENTRE, "arming-by", c->target_actor);
	put_due(f, CENTRE, now, c->exit_due);
	for (guint i = 0; i < c->plan->zones->len; i++) {
		const char *name = ((const PtAlarmZone *)g_ptr_array_index(c->plan->zones, i))->name;
		const ZoneState *z = pt_alarm_zone_state(c, name);
		g_autofree char *group = g_strconcat(ZONE, name, NULL);
		if (z->left_out)
			g_key_file_set_boolean(f, group, "left-out", TRUE);
		put_text(f, group, "entry", z->entry_cause);
		put_due(f, group, now, z->entry_due);
	}
	for (guint i = 0; i < c->alarms->len; i++)
		put_alarm(f, g_ptr_array_index(c->alarms, i));
	return g_key_file_to_data(f, NULL, NULL);
}

/* ---- in ---- */

static char *text(GKeyFile *f, const char *group, const char *key) { return g_key_file_get_string(f, group, key, NULL); }
static int64_t number(GKeyFile *f, const char *group, const char *key) {
	return g_key_file_get_int64(f, group, key, NULL); /* 0 when it is not there */
}

/* A clock that was set meanwhile makes no delay longer than it was. */
static int64_t due(GKeyFile *f, const char *group, const PtAlarmNow *now) {
	if (!g_key_file_has_key(f, group, "due", NULL))
		return NEVER;
	int64_t left = number(f, group, "due") - now->wall_ns, most = number(f, group, "left");
	return now->mono_ns + CLAMP(left, 0, CLAMP(most, 0, INT64_C(3600) * 1000000000));
}

static void take_alarm(PtAlarmCentre *c, GKeyFile *f, const char *group) {
	g_autofree char *name = text(f, group, "name"), *words = text(f, group, "text");
	int64_t id = 0, state = number(f, group, "state");
	if (!name || !words || state < PT_ALARM_RAISED || state > PT_ALARM_CLEARED ||
	    !g_ascii_string_to_signed(group + strlen(ALARM), 10, 1, G_MAXINT64 / 2, &id, NULL))
		return;
	PtAlarm *a = g_new0(PtAlarm, 1);
	*a = (PtAlarm){.id = id,
	               .name = g_steal_pointer(&name),
	               .zone = g_key_file_get_boolean(f, group, "zone", NULL),
	               .text = g_steal_pointer(&words),
	               .procedure = text(f, group, "procedure"),
	               .camera = text(f, group, "camera"),
	               .cause = text(f, group, "cause"),
	               .priority = (unsigned)CLAMP(number(f, group, "priority"), 1, 5),
	               .state = (PtAlarmState)state,
	               .raised_ns = number(f, group, "raised"),
	               .last_ns = number(f, group, "last"),
	               .count = number(f, group, "count"),
	               .acknowledged_by = text(f, group, "acknowledged-by"),
	               .acknowledged_ns = number(f, group, "acknowledged"),
	               .cleared_by = text(f, group, "cleared-by"),
	               .cleared_ns = number(f, group, "cleared")};
	c->last_id = MAX(c->last_id, id);
	g_ptr_array_add(c->alarms, a);
}

gboolean pt_alarm_centre_load(PtAlarmCentre *c, const char *data, const PtAlarmNow *now, GError **error) {
	g_autoptr(GKeyFile) f = g_key_file_new();
	if (!g_key_file_load_from_data(f, data, strlen(data), G_KEY_FILE_NONE, error))
		return FALSE;
	c->mode = text(f, CENTRE, "mode");
	c->since_ns = number(f, CENTRE, "since");
	c->last_id = CLAMP(number(f, CENTRE, "last-id"), 0, G_MAXINT64 / 2);
	c->exit_due = due(f, CENTRE, now);
	if (c->exit_due != NEVER) {
		c->target = text(f, CENTRE, "arming");
		c->target_actor = text(f, CENTRE, "arming-by");
	}
	g_auto(GStrv) groups = g_key_file_get_groups(f, NULL);
	for (char **group = groups; *group; group++) {
		if (g_str_has_prefix(*group, ALARM))
			take_alarm(c, f, *group);
		if (!g_str_has_prefix(*group, ZONE))
			continue;
		ZoneState *z = pt_alarm_zone_state(c, *group + strlen(ZONE));
		z->left_out = g_key_file_get_boolean(f, *group, "left-out", NULL);
		g_free(z->entry_cause);
		z->entry_cause = text(f, *group, "entry");
		z->entry_due = z->entry_cause ? due(f, *group, now) : NEVER;
	}
	if (c->mode)
		return TRUE;
	pt_error_set(error, INVALID, "it names no mode");
	return FALSE;
}
