/* What the alarm centre kept over a restart, read from any bytes: whatever comes in can be written and read again, and says
 * the same then. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/centre.h"
#include <string.h>

#define NOW (&(PtAlarmNow){INT64_C(5000000000), INT64_C(1800000000000000000)})

static char *through(const PtAlarmPlan *plan, const char *text) {
	PtAlarmCentre *c = pt_alarm_centre_new();
	GPtrArray *news = pt_alarm_news_new();
	char *kept = NULL;
	if (pt_alarm_centre_load(c, text, NOW, NULL)) {
		pt_alarm_centre_set_plan(c, plan, NOW, news);
		kept = pt_alarm_centre_save(c, NOW);
		pt_alarm_centre_tell(c, news);
		pt_alarm_centre_tick(c, NOW, news);
	}
	g_ptr_array_unref(news);
	pt_alarm_centre_free(c);
	return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const modes[] = {"disarmed", "away", NULL};
	PtAlarmPlan *plan = pt_alarm_plan_new(modes);
	PtAlarmZone *zone = pt_alarm_plan_add_zone(plan, "front");
	zone->inputs = g_strsplit("door", " ", 0);
	zone->always = true;
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *once = through(plan, text), *twice = once ? through(plan, once) : NULL;
	g_assert_cmpstr(once, ==, twice);
	pt_alarm_plan_free(plan);
	return 0;
}
