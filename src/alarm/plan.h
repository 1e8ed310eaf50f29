/* What the site file says of the alarm centre: modes, zones, delays. Plain data, immutable once read. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#define PT_ALARM_PRIORITY 3 /* 1 (low) .. 5, of what says none */

typedef struct {
	char *name;
	char **inputs;  /* any of them opens it; NULL-terminated, never empty */
	bool always;    /* armed in every mode: fire, tamper */
	char **modes;   /* armed in these; NULL: always */
	bool delayed;   /* on the way in and out: raises after the entry delay, and nothing during the exit delay */
	bool leave_out; /* open when it is to be armed: left out until it closes, and arming is not refused */
	char *text;     /* of its alarm; NULL: "zone NAME: INPUT" */
	char *procedure, *camera; /* NULL: none */
	unsigned priority;
} PtAlarmZone;

typedef struct {
	char **modes; /* the first is disarmed, and what a new site is in */
	int64_t exit_ns, entry_ns;
	GPtrArray *zones; /* of PtAlarmZone *, in the order of the file */
} PtAlarmPlan;

PtAlarmPlan *pt_alarm_plan_new(const char *const *modes);                 /* without zones and delays; modes are copied */
void pt_alarm_plan_free(PtAlarmPlan *plan);                               /* takes NULL */
PtAlarmZone *pt_alarm_plan_add_zone(PtAlarmPlan *plan, const char *name); /* belongs to the plan */
const PtAlarmZone *pt_alarm_plan_zone(const PtAlarmPlan *plan, const char *name); /* NULL: none of this name */
const char **pt_alarm_plan_zone_names(const PtAlarmPlan *plan); /* NULL-terminated; caller frees the array alone */
bool pt_alarm_zone_is_armed(const PtAlarmZone *zone, const char *mode);
