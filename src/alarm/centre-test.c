/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/centre.h"
#include <string.h>

#define S INT64_C(1000000000)

/* Zones: front (door, delayed; night and away), hall (hall, night and away), attic (attic and hatch, away; left out when it
 * is open), smoke (smoke, always). Exit delay 30 s, entry delay 20 s. All inputs are closed at first.
 *
 * Steps: "30s" time passes; "mode away", "force away"; "door open", "door closed", "door unknown"; "ack 1", "clear 1";
 * "raise R"; "late door 60s" it was opened so long ago; "restart" saves, forgets everything, and loads; "reboot" the same
 * with inputs that have not been heard. What is told: "SOURCE STATE", in brackets what it says besides; "!" a refusal. */
static const struct {
	const char *name, *steps, *told;
} cases[] = {
    {"a mode that arms nothing is entered at once", "mode home", "system/mode home"},
    {"arming waits for the exit delay", "mode away, 29s, 1s", "system/mode arming (away), system/mode away"},
    {"out through the door", "mode away, 5s, door open, 5s, door closed, 60s",
     "system/mode arming (away), system/mode away"},
    {"in and disarmed in time", "mode away, 30s, door open, 19s, mode disarmed, 60s",
     "system/mode arming (away), system/mode away, alarm/front entry (input door active), system/mode disarmed"},
    {"in and not disarmed", "mode away, 30s, door open, 5s, door closed, 15s",
     "system/mode arming (away), system/mode away, alarm/front entry (input door active), alarm/front raised (zone front: "
     "input door active)"},
    {"at once where nobody comes in", "mode away, 30s, hall open",
     "system/mode arming (away), system/mode away, alarm/hall raised (Somebody is in the hall)"},
    {"smoke is always armed", "smoke open", "alarm/smoke raised (zone smoke: input smoke active)"},
    {"also while somebody goes out", "mode away, smoke open",
     "system/mode arming (away), alarm/smoke raised (zone smoke: input smoke active)"},
    {"nothing is armed", "door open, hall open, attic open, door closed", ""},
    {"an open zone keeps it from being armed", "hall open, mode away",
     "! mode away was not entered: hall is open. Close it, or arm all the same and leave it out until it closes"},
    {"and one that is not heard of", "hall unknown, mode away",
     "! mode away was not entered: hall is unknown. Close it, or arm all the same and leave it out until it closes"},
    {"unless somebody wants it so", "hall open, force away, 30s, hall open, hall closed, hall open",
     "system/mode arming (away), system/mode away (left out until closed: hall), alarm/hall raised (Somebody is in the "
     "hall)"},
    {"a zone that is left out by itself", "attic open, mode away, 30s, hatch open, attic closed, hatch closed, hatch open",
     "system/mode arming (away), system/mode away (left out until closed: attic), alarm/attic raised (zone attic: input "
     "hatch active)"},
    {"the door stays open behind somebody", "door open, mode away, 30s, 60s, door closed, door open, 20s",
     "system/mode arming (away), system/mode away (left out until closed: front), alarm/front entry (input door active), "
     "alarm/front raised (zone front: input door active)"},
    {"more is armed: what was armed stays so", "mode night, 30s, mode away, hall open",
     "system/mode arming (night), system/mode night, system/mode arming (away), alarm/hall raised (Somebody is in the "
     "hall)"},
    {"but not on the way out", "mode night, 30s, mode away, door open, door closed, 30s",
     "system/mode arming (night), system/mode night, system/mode arming (away), system/mode away"},
    {"and what is still open then is left out, and told",
     "mode night, 30s, mode away, door open, 30s, door closed, door open",
     "system/mode arming (night), system/mode night, system/mode arming (away), system/mode away (left out until closed: "
     "front), alarm/front entry (input door active)"},
    {"less is armed at once", "mode away, 30s, mode night, attic open",
     "system/mode arming (away), system/mode away, system/mode night"},
    {"arming is called off", "mode away, 10s, mode disarmed, 60s, door open",
     "system/mode arming (away), system/mode kept (disarmed)"},
    {"no such mode", "mode nigt", "! mode: 'nigt' is not one of disarmed, home, night, away"},
    {"a missed off holds nothing up", "mode away, 30s, hall open, mode disarmed, ack 1, 1000s, clear 1, hall closed",
     "system/mode arming (away), system/mode away, alarm/hall raised (Somebody is in the hall), system/mode disarmed, "
     "alarm/hall acknowledged, alarm/hall cleared (the zone is still open: it is left out until it closes)"},
    {"a long alarm is one alarm until it is over", "smoke open, 1000s, ack 1, 1000s, smoke closed",
     "alarm/smoke raised (zone smoke: input smoke active), alarm/smoke acknowledged, alarm/smoke cleared (acknowledged, and "
     "its inputs are closed)"},
    {"what nobody has seen stays", "smoke open, smoke closed, 1000s, ack 1",
     "alarm/smoke raised (zone smoke: input smoke active), alarm/smoke acknowledged, alarm/smoke cleared (acknowledged, and "
     "its inputs are closed)"},
    {"seen, and again", "smoke open, ack 1, smoke closed, smoke open, ack 1, ack 2",
     "alarm/smoke raised (zone smoke: input smoke active), alarm/smoke acknowledged, alarm/smoke cleared (acknowledged, and "
     "its inputs are closed), alarm/smoke raised (zone smoke: input smoke active), ! there is no open alarm 1: it may have "
     "been cleared, alarm/smoke acknowledged"},
    {"a line that is cut", "mode away, 30s, hall fault, hall open, hall closed",
     "system/mode arming (away), system/mode away, alarm/hall raised (Somebody is in the hall)"},
    {"and why", "smoke fault", "alarm/smoke raised (zone smoke: input smoke fault)"},
    {"a camera that comes back says what it said", "smoke open, smoke unknown, smoke open",
     "alarm/smoke raised (zone smoke: input smoke active)"},
    {"or something new", "smoke closed, smoke unknown, smoke open", "alarm/smoke raised (zone smoke: input smoke active)"},
    {"told late", "mode away, 30s, 100s, late hall 60s",
     "system/mode arming (away), system/mode away, alarm/hall raised (Somebody is in the hall)"},
    {"told late of a time when it was not armed", "mode away, 30s, 10s, late hall 60s",
     "system/mode arming (away), system/mode away"},
    {"a rule's alarm stays until somebody clears it", "raise pump, ack 1, 1000s, clear 1, clear 1",
     "alarm/pump raised (it runs dry), alarm/pump acknowledged, alarm/pump cleared, ! there is no open alarm 1: it may have "
     "been cleared"},
    {"cleared is seen too", "raise pump, clear 1",
     "alarm/pump raised (it runs dry), alarm/pump acknowledged, alarm/pump cleared"},
    {"raised anew: who has seen the last has not seen this", "raise pump, ack 1, raise pump, ack 1",
     "alarm/pump raised (it runs dry), alarm/pump acknowledged, alarm/pump raised (it runs dry), alarm/pump acknowledged"},
    {"the mode outlives a restart", "mode away, 30s, restart, hall open",
     "system/mode arming (away), system/mode away, system/mode away initial, alarm/hall raised (Somebody is in the hall)"},
    {"alarms do", "raise pump, smoke open, ack 1, restart, clear 1",
     "alarm/pump raised (it runs dry), alarm/smoke raised (zone smoke: input smoke active), alarm/pump acknowledged, "
     "system/mode disarmed initial, alarm/pump acknowledged (it runs dry) initial, alarm/smoke raised (zone smoke: input "
     "smoke "
     "active) initial, alarm/pump cleared"},
    {"delays go on", "mode away, 20s, restart, 9s, 1s, door open, 5s, restart, 14s, 1s",
     "system/mode arming (away), system/mode disarmed initial, system/mode away, alarm/front entry (input door active), "
     "system/mode away initial, alarm/front raised (zone front: input door active)"},
    {"opened while it was down", "mode away, 30s, reboot, hall open",
     "system/mode arming (away), system/mode away, system/mode away initial, alarm/hall raised (Somebody is in the hall)"},
    {"open since before it went down", "mode away, 30s, hall open, reboot, hall open, hall closed, hall open",
     "system/mode arming (away), system/mode away, alarm/hall raised (Somebody is in the hall), system/mode away initial, "
     "alarm/hall raised (Somebody is in the hall) initial, alarm/hall raised (Somebody is in the hall)"},
    {"left out before, left out after", "hall open, force away, 30s, reboot, hall open, hall closed, hall open",
     "system/mode arming (away), system/mode away (left out until closed: hall), system/mode away initial, alarm/hall "
     "raised "
     "(Somebody is in the hall)"},
};

typedef struct {
	PtAlarmCentre *centre;
	PtAlarmPlan *plan;
	PtAlarmNow now;
	GPtrArray *news;
	GString *told;
} World;

static PtAlarmPlan *make_plan(void) {
	static const char *const modes[] = {"disarmed", "home", "night", "away", NULL};
	PtAlarmPlan *plan = pt_alarm_plan_new(modes);
	plan->exit_ns = 30 * S;
	plan->entry_ns = 20 * S;
	PtAlarmZone *front = pt_alarm_plan_add_zone(plan, "front"), *hall = pt_alarm_plan_add_zone(plan, "hall"),
	            *attic = pt_alarm_plan_add_zone(plan, "attic"), *smoke = pt_alarm_plan_add_zone(plan, "smoke");
	front->inputs = g_strsplit("door", " ", 0);
	front->modes = g_strsplit("night away", " ", 0);
	front->delayed = true;
	hall->inputs = g_strsplit("hall", " ", 0);
	hall->modes = g_strsplit("night away", " ", 0);
	hall->text = g_strdup("Somebody is in the hall");
	attic->inputs = g_strsplit("attic hatch", " ", 0);
	attic->modes = g_strsplit("away", " ", 0);
	attic->leave_out = true;
	smoke->inputs = g_strsplit("smoke", " ", 0);
	smoke->always = true;
	return plan;
}

static void hear(World *w) {
	for (guint i = 0; i < w->news->len; i++) {
		const PtAlarmNews *n = w->news->pdata[i];
		g_string_append_printf(w->told, "%s%s %s", w->told->len ? ", " : "", n->source, n->state);
		if (n->detail)
			g_string_append_printf(w->told, " (%s)", n->detail);
		if (n->initial)
			g_string_append(w->told, " initial");
	}
	g_ptr_array_set_size(w->news, 0);
}

static void begin(World *w, const char *saved, bool heard) {
	static const char *const inputs[] = {"door", "hall", "attic", "hatch", "smoke"};
	w->centre = pt_alarm_centre_new();
	g_autoptr(GError) error = NULL;
	if (saved)
		pt_alarm_centre_load(w->centre, saved, &w->now, &error);
	g_assert_no_error(error);
	pt_alarm_centre_set_plan(w->centre, w->plan, &w->now, w->news);
	if (saved)
		pt_alarm_centre_tell(w->centre, w->news);
	for (size_t i = 0; heard && i < G_N_ELEMENTS(inputs); i++)
		pt_alarm_centre_input(w->centre, inputs[i], PT_ALARM_INPUT_CLOSED, w->now.wall_ns, &w->now, w->news);
}

/* Another boot: monotonic time begins anew, wall time goes on. */
static void restart(World *w, bool heard) {
	g_autofree char *saved = pt_alarm_centre_save(w->centre, &w->now);
	pt_alarm_centre_free(w->centre);
	w->now.mono_ns = S;
	begin(w, saved, heard);
}

/* In steps of a tenth of a second, as a timer that comes when it is due. */
static void pass(World *w, int64_t ns) {
	int64_t end = w->now.mono_ns + ns, wall = w->now.wall_ns - w->now.mono_ns;
	for (int64_t due; (due = pt_alarm_centre_due(w->centre)) >= 0 && due <= end;) {
		w->now.mono_ns = MAX(due, w->now.mono_ns);
		w->now.wall_ns = wall + w->now.mono_ns;
		pt_alarm_centre_tick(w->centre, &w->now, w->news);
	}
	w->now = (PtAlarmNow){end, wall + end};
}

static void step(World *w, const char *words) {
	g_auto(GStrv) word = g_strsplit(words, " ", 0);
	const char *first = word[0], *second = word[1];
	g_autoptr(GError) error = NULL;
	int64_t number = second ? g_ascii_strtoll(second, NULL, 10) : g_ascii_strtoll(first, NULL, 10);
	PtAlarmInput state = !g_strcmp0(second, "open")     ? PT_ALARM_INPUT_OPEN
	                     : !g_strcmp0(second, "closed") ? PT_ALARM_INPUT_CLOSED
	                     : !g_strcmp0(second, "fault")  ? PT_ALARM_INPUT_FAULT
	                                                    : PT_ALARM_INPUT_UNKNOWN;
	if (!strcmp(first, "mode") || !strcmp(first, "force"))
		pt_alarm_centre_set_mode(w->centre, second, "user/otto", !strcmp(first, "force"), &w->now, w->news, &error);
	else if (!strcmp(first, "ack"))
		pt_alarm_centre_acknowledge(w->centre, number, "user/otto", &w->now, w->news, &error);
	else if (!strcmp(first, "clear"))
		pt_alarm_centre_clear(w->centre, number, "user/otto", &w->now, w->news, &error);
	else if (!strcmp(first, "raise"))
		pt_alarm_centre_raise(
		    w->centre, &(PtAlarmRaise){.name = second, .text = "it runs dry", .actor = "rule/pump", .priority = 2},
		    &w->now, w->news);
	else if (!strcmp(first, "late"))
		pt_alarm_centre_input(w->centre, second, PT_ALARM_INPUT_OPEN,
		                      w->now.wall_ns - g_ascii_strtoll(word[2], NULL, 10) * S, &w->now, w->news);
	else if (!strcmp(first, "restart") || !strcmp(first, "reboot"))
		restart(w, !strcmp(first, "restart"));
	else if (second)
		pt_alarm_centre_input(w->centre, first, state, w->now.wall_ns, &w->now, w->news);
	else
		pass(w, number * S);
	hear(w);
	if (error)
		g_string_append_printf(w->told, "%s! %s", w->told->len ? ", " : "", error->message);
}

static void world_init(World *w) {
	*w = (World){
	    .plan = make_plan(), .now = {100 * S, 1000000 * S}, .news = pt_alarm_news_new(), .told = g_string_new(NULL)};
	begin(w, NULL, true);
	hear(w);
}

static void world_finish(World *w) {
	pt_alarm_centre_free(w->centre);
	pt_alarm_plan_free(w->plan);
	g_ptr_array_unref(w->news);
	g_string_free(w->told, TRUE);
}

static void test_scenario(gconstpointer data) {
	size_t i = GPOINTER_TO_SIZE(data);
	World w;
	world_init(&w);
	g_auto(GStrv) steps = g_strsplit(cases[i].steps, ", ", 0);
	for (char **s = steps; *s; s++)
		step(&w, *s);
	g_assert_cmpstr(w.told->str, ==, cases[i].told);
	world_finish(&w);
}

static void test_disarming(void) {
	World w;
	world_init(&w);
	g_assert_false(pt_alarm_centre_is_disarming(w.centre, "away"));
	step(&w, "mode away");
	g_assert_false(pt_alarm_centre_is_disarming(w.centre, "disarmed")); /* nothing is armed yet */
	step(&w, "30s");
	g_assert_true(pt_alarm_centre_is_disarming(w.centre, "disarmed"));
	g_assert_true(pt_alarm_centre_is_disarming(w.centre, "night")); /* the attic is not armed then */
	g_assert_false(pt_alarm_centre_is_disarming(w.centre, "away"));
	step(&w, "mode night");
	g_assert_true(
	    pt_alarm_centre_is_disarming(w.centre, "away")); /* for so long anybody may come in by the front door */
	g_assert_false(pt_alarm_centre_is_disarming(w.centre, "night"));
	step(&w, "mode home");
	g_assert_true(pt_alarm_centre_is_disarming(w.centre, "disarmed")); /* what home means is the rules' affair */
	world_finish(&w);
}

static void test_memory(void) {
	World w;
	world_init(&w);
	step(&w, "smoke open");
	step(&w, "smoke closed");
	step(&w, "smoke open");
	const PtAlarm *a = pt_alarm_centre_find(w.centre, 1);
	g_assert_cmpint(a->count, ==, 2);
	for (int i = 0; i < PT_ALARM_MEMORY + 10; i++) {
		g_autofree char *clear = g_strdup_printf("clear %d", i + 2);
		step(&w, "raise pump");
		step(&w, clear);
	}
	g_assert_cmpuint(pt_alarm_centre_alarms(w.centre)->len, ==, PT_ALARM_MEMORY);
	g_assert_nonnull(pt_alarm_centre_find(w.centre, 1)); /* the oldest, and still open */
	world_finish(&w);
}

static void test_damaged(void) {
	static const char *const texts[] = {"", "\1\2", "[centre]\n", "mode=away\n", "[alarm/x]\nname=a\n", "[centre"};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		PtAlarmCentre *c = pt_alarm_centre_new();
		g_autoptr(GError) error = NULL;
		g_assert_false(pt_alarm_centre_load(c, texts[i], &(PtAlarmNow){S, S}, &error));
		g_assert_nonnull(error);
		pt_alarm_centre_free(c);
	}
}

/* A plan without this mode and without that zone. */
static void test_new_plan(void) {
	static const char *const modes[] = {"disarmed", "away", NULL};
	World w;
	world_init(&w);
	step(&w, "mode night");
	step(&w, "30s");
	PtAlarmPlan *plan = pt_alarm_plan_new(modes);
	PtAlarmZone *gas = pt_alarm_plan_add_zone(plan, "gas");
	gas->inputs = g_strsplit("hall", " ", 0);
	gas->always = true;
	step(&w, "hall open");
	g_string_truncate(w.told, 0);
	pt_alarm_centre_set_plan(w.centre, plan, &w.now, w.news);
	hear(&w);
	g_assert_cmpstr(
	    w.told->str, ==,
	    "system/mode disarmed (the site file names no mode night any more), alarm/gas raised (zone gas: it was "
	    "found open)");
	step(&w, "ack 1"); /* of a zone that is gone */
	g_assert_null(pt_alarm_centre_find(w.centre, 1));
	pt_alarm_plan_free(w.plan);
	w.plan = plan;
	world_finish(&w);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/alarm/scenarios/%02zu %s", i, cases[i].name);
		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_scenario);
	}
	g_test_add_func("/alarm/disarming", test_disarming);
	g_test_add_func("/alarm/memory", test_memory);
	g_test_add_func("/alarm/damaged", test_damaged);
	g_test_add_func("/alarm/new-plan", test_new_plan);
	return g_test_run();
}
