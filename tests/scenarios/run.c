/* Runs each scenario of a directory through the pure evaluator in virtual time and compares what it decides.
 * A scenario: place {location, offset or timezone}, names {inputs, relays, cameras, modes}, holidays (text), rules, start
 * (RFC 3339), feedback (orders to relays and modes come back as their states; default on), steps: each {at: since start,
 * set: the wall clock is set (RFC 3339), event: "input door active [initial|late|past [AGO]]", "mode night", "event TOPIC
 * SOURCE STATE [initial]", expect: [what was decided since the step before], why: part of an explanation}. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/units.h"
#include "rules/eval.h"
#include "rules/parse.h"
#include "site/yaml.h"
#include <string.h>

typedef struct {
	PtRulesState *state;
	PtRulesNow now;
	int64_t base;    /* wall less monotonic */
	GTimeZone *zone; /* NULL: utc_offset_s is what it is */
	bool feedback;
	GPtrArray *said;     /* of char *: decisions since the last step */
	GPtrArray *explains; /* of the last event */
} Run;

static char **names(const PtNode *node, const char *key) {
	const PtNode *list = pt_node_get(pt_node_get(node, "names"), key);
	char **out = g_new0(char *, pt_node_count(list) + 1);
	for (unsigned i = 0; i < pt_node_count(list); i++)
		out[i] = g_strdup(pt_node_at(list, i)->text);
	return out;
}

static char *decision_text(const PtDecision *d) {
	static const char *const orders[] = {"off", "on", "pulse", "auto"};
	const PtAction *a = d->action;
	if (!a)
		return g_strdup_printf("%s: %s", d->rule->name, d->reason);
	if (a->kind == PT_DO_RELAY) {
		g_autofree char *span = a->for_ns ? pt_units_format_duration(a->for_ns) : NULL;
		return g_strdup_printf("%s: relay %s %s%s%s", d->rule->name, a->target, orders[a->order],
		                       span ? " for " : "", span ? span : "");
	}
	if (a->kind == PT_DO_LIGHT)
		return g_strdup_printf("%s: light %s %s", d->rule->name, a->target, a->text ? a->text : orders[a->order]);
	return g_strdup_printf("%s: %s %s", d->rule->name, pt_action_word(a->kind), a->text ? a->text : a->target);
}

static void set_offset(Run *run) {
	if (run->zone) {
		int i = g_time_zone_find_interval(run->zone, G_TIME_TYPE_UNIVERSAL, run->now.wall_ns / PT_NS_PER_S);
		run->now.utc_offset_s = g_time_zone_get_offset(run->zone, i);
	}
}

static void eval(Run *run, const PtRulesEvent *event) {
	g_autoptr(GPtrArray) decisions = pt_decisions_new();
	g_ptr_array_set_size(run->explains, 0);
	pt_rules_eval(run->state, event, &run->now, decisions, run->explains);
	for (guint i = 0; i < decisions->len; i++)
		if (((PtDecision *)decisions->pdata[i])->kind != PT_FIRED)
			g_ptr_array_add(run->said, decision_text(decisions->pdata[i]));
	for (guint i = 0; i < decisions->len && run->feedback && run->said->len < 1000; i++) {
		const PtDecision *d = decisions->pdata[i];
		PtRulesEvent back = {0};
		if (d->action && d->action->kind == PT_DO_RELAY)
			back = (PtRulesEvent){.kind = PT_SUBJECT_RELAY,
			                      .name = d->action->target,
			                      .state = d->action->order == PT_RULE_OFF ? "off" : "on"};
		else if (d->action && d->action->kind == PT_DO_MODE)
			back = (PtRulesEvent){.kind = PT_SUBJECT_MODE, .state = d->action->target};
		else if (d->action && d->action->kind == PT_DO_ALARM)
			back = (PtRulesEvent){.kind = PT_SUBJECT_ALARM, .name = d->rule->name, .state = "raised"};
		if (back.state)
			eval(run, &back);
	}
}

static void go_to(Run *run, int64_t mono) {
	int64_t due;
	while ((due = pt_rules_due(run->state)) >= 0 && due <= mono) {
		run->now.mono_ns = MAX(due, run->now.mono_ns);
		run->now.wall_ns = run->base + run->now.mono_ns;
		set_offset(run);
		eval(run, NULL);
	}
	run->now.mono_ns = mono;
	run->now.wall_ns = run->base + mono;
	set_offset(run);
}

/* "input door active late 20s", "mode night", "alarm fire acknowledged", "event tamper camera/gate active" */
static PtRulesEvent read_event(char **w, guint n, guint *ret_used) {
	static const struct {
		const char *word;
		PtSubjectKind kind;
		bool named;
	} kinds[] = {{"input", PT_SUBJECT_INPUT, true},      {"relay", PT_SUBJECT_RELAY, true},
	             {"camera", PT_SUBJECT_CAMERA, true},    {"alarm", PT_SUBJECT_ALARM, true},
	             {"storage", PT_SUBJECT_STORAGE, false}, {"network", PT_SUBJECT_NETWORK, false},
	             {"mode", PT_SUBJECT_MODE, false}};
	*ret_used = 1;
	if (!strcmp(w[0], "start"))
		return (PtRulesEvent){.kind = PT_SUBJECT_START, .state = "start"};
	if (!strcmp(w[0], "event")) {
		g_assert_cmpuint(n, >=, 4);
		*ret_used = 4;
		return (PtRulesEvent){.kind = PT_SUBJECT_EVENT, .topic = w[1], .source = w[2], .state = w[3]};
	}
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (strcmp(w[0], kinds[i].word))
			continue;
		*ret_used = 2 + kinds[i].named;
		g_assert_cmpuint(n, >=, *ret_used);
		PtRulesEvent e = {.kind = kinds[i].kind, .name = kinds[i].named ? w[1] : NULL, .state = w[*ret_used - 1]};
		if (e.kind == PT_SUBJECT_CAMERA && strcmp(e.state, "lost") && strcmp(e.state, "live"))
			e.kind = PT_SUBJECT_SIGHT;
		return e;
	}
	g_assert_not_reached();
}

static void feed(Run *run, const char *text) {
	g_auto(GStrv) w = g_strsplit(text, " ", 8);
	guint n = g_strv_length(w), used;
	PtRulesEvent event = read_event(w, n, &used);
	event.initial = n > used && !strcmp(w[used], "initial");
	event.past = n > used && !strcmp(w[used], "past");
	event.late = event.past || (n > used && !strcmp(w[used], "late"));
	int64_t ago = 0;
	if (n > used + 1)
		g_assert_true(pt_units_parse_duration(w[used + 1], &ago, NULL));
	event.wall_ns = run->now.wall_ns - ago;
	eval(run, &event);
}

static void step(Run *run, const PtNode *node) {
	static const char *const known[] = {"at", "set", "event", "expect", "why", NULL};
	g_autoptr(GPtrArray) problems = pt_problems_new();
	int64_t at = 0;
	pt_node_check_keys(node, known, problems);
	pt_node_read_duration(pt_node_get(node, "at"), 0, INT64_MAX, &at, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	go_to(run, at);
	const PtNode *set = pt_node_get(node, "set");
	if (set) {
		g_assert_true(pt_time_parse(set->text, &run->now.wall_ns, NULL));
		run->base = run->now.wall_ns - run->now.mono_ns;
		set_offset(run);
	}
	if (pt_node_get(node, "event"))
		feed(run, pt_node_get(node, "event")->text);
	g_ptr_array_add(run->said, NULL);
	g_autofree char *got = g_strjoinv("\n", (char **)run->said->pdata);
	g_ptr_array_set_size(run->said, 0);
	const PtNode *expect = pt_node_get(node, "expect");
	g_autoptr(GString) want = g_string_new(NULL);
	for (unsigned i = 0; i < pt_node_count(expect); i++)
		g_string_append_printf(want, "%s%s", i ? "\n" : "", pt_node_at(expect, i)->text);
	if (strcmp(got, want->str))
		g_test_message("%s:%d", pt_node_file(node), node->line);
	g_assert_cmpstr(got, ==, want->str);
	const PtNode *why = pt_node_get(node, "why");
	bool found = !why;
	for (guint i = 0; i < run->explains->len && !found; i++) {
		const PtExplain *e = run->explains->pdata[i];
		g_test_message("%s %s: %s", e->rule->name, e->fired ? "fired" : "did not fire", e->why);
		found = strstr(e->why, why->text) != NULL;
	}
	g_assert_true(found);
}

static void read_place(Run *run, const PtNode *root, GPtrArray *problems) {
	const PtNode *place = pt_node_get(root, "place"), *location = pt_node_get(place, "location");
	int64_t offset = 0;
	if (location) {
		run->now.located = pt_node_read_number(pt_node_at(location, 0), -90, 90, &run->now.latitude, problems) &&
		                   pt_node_read_number(pt_node_at(location, 1), -180, 180, &run->now.longitude, problems);
	}
	pt_node_read_duration(pt_node_get(place, "offset"), 0, INT64_MAX, &offset, problems);
	run->now.utc_offset_s = (int)(offset / PT_NS_PER_S);
	pt_node_read_switch(pt_node_get(root, "feedback"), &run->feedback, problems);
	g_assert_true(pt_time_parse(pt_node_get(root, "start")->text, &run->base, NULL));
	run->now.wall_ns = run->base;
	if (pt_node_get(place, "timezone"))
		g_assert_nonnull(run->zone = g_time_zone_new_identifier(pt_node_get(place, "timezone")->text));
	set_offset(run);
}

static void scenario(const void *data) {
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtNode) root = pt_yaml_load(data, &error);
	g_assert_no_error(error);
	Run run = {.feedback = true, .said = g_ptr_array_new_with_free_func(g_free), .explains = pt_explains_new()};
	g_auto(GStrv) inputs = names(root, "inputs"), relays = names(root, "relays"), cameras = names(root, "cameras"),
	              modes = names(root, "modes"), zones = names(root, "zones");
	read_place(&run, root, problems);
	g_autofree char *problem = NULL;
	const PtNode *days = pt_node_get(root, "holidays");
	PtHolidays *holidays = days ? pt_holidays_parse(days->text, &problem) : NULL;
	g_assert_cmpstr(problem, ==, NULL);
	PtRuleNames known = {.inputs = (const char *const *)inputs,
	                     .relays = (const char *const *)relays,
	                     .cameras = (const char *const *)cameras,
	                     .modes = (const char *const *)modes,
	                     .zones = (const char *const *)zones,
	                     .holidays = holidays,
	                     .located = run.now.located};
	g_autoptr(PtRules) rules = pt_rules_parse(pt_node_get(root, "rules"), &known, problems);
	for (guint i = 0; i < problems->len; i++)
		g_test_message("%s", (char *)problems->pdata[i]);
	g_assert_cmpuint(problems->len, ==, 0);
	run.state = pt_rules_state_new(rules);
	const PtNode *steps = pt_node_get(root, "steps");
	g_assert_cmpuint(pt_node_count(steps), >, 0);
	for (unsigned i = 0; i < pt_node_count(steps); i++)
		step(&run, pt_node_at(steps, i));
	pt_rules_state_free(run.state);
	pt_holidays_unref(holidays);
	g_clear_pointer(&run.zone, g_time_zone_unref);
	g_ptr_array_unref(run.said);
	g_ptr_array_unref(run.explains);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	g_autoptr(GDir) dir = g_dir_open(argv[1], 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir))) {
		if (!g_str_has_suffix(name, ".yaml"))
			continue;
		g_autofree char *path = g_strconcat("/scenario/", name, NULL);
		g_test_add_data_func_full(path, g_build_filename(argv[1], name, NULL), scenario, g_free);
	}
	return g_test_run();
}
