/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/plan.h"
#include <string.h>

static void zone_free(void *data) {
	PtAlarmZone *z = data;
	g_free(z->name);
	g_strfreev(z->inputs);
	g_strfreev(z->modes);
	g_free(z->text);
	g_free(z->procedure);
	g_free(z->camera);
	g_free(z);
}

PtAlarmPlan *pt_alarm_plan_new(const char *const *modes) {
	PtAlarmPlan *plan = g_new0(PtAlarmPlan, 1);
	plan->modes = g_strdupv((char **)modes);
	plan->zones = g_ptr_array_new_with_free_func(zone_free);
	return plan;
}

void pt_alarm_plan_free(PtAlarmPlan *plan) {
	if (!plan)
		return;
	g_strfreev(plan->modes);
	g_ptr_array_unref(plan->zones);
	g_free(plan);
}

PtAlarmZone *pt_alarm_plan_add_zone(PtAlarmPlan *plan, const char *name) {
	PtAlarmZone *zone = g_new0(PtAlarmZone, 1);
	zone->name = g_strdup(name);
	zone->priority = PT_ALARM_PRIORITY;
	g_ptr_array_add(plan->zones, zone);
	return zone;
}

const PtAlarmZone *pt_alarm_plan_zone(const PtAlarmPlan *plan, const char *name) {
	for (guint i = 0; i < plan->zones->len; i++) {
		const PtAlarmZone *zone = g_ptr_array_index(plan->zones, i);
		if (!strcmp(zone->name, name))
			return zone;
	}
	return NULL;
}

const char **pt_alarm_plan_zone_names(const PtAlarmPlan *plan) {
	const char **names = g_new0(const char *, plan->zones->len + 1);
	for (guint i = 0; i < plan->zones->len; i++)
		names[i] = ((const PtAlarmZone *)g_ptr_array_index(plan->zones, i))->name;
	return names;
}

bool pt_alarm_zone_is_armed(const PtAlarmZone *zone, const char *mode) {
	return zone->always || (zone->modes && g_strv_contains((const char *const *)zone->modes, mode));
}
