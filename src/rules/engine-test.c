/* The whole way on one thread: switch, input, bus, rule, relay, lamp. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/engine.h"
#include "plugs/input.h"
#include "plugs/relay.h"
#include "plugs/virtual/virtual.h"
#include <string.h>

typedef struct {
	PtRelay *relay;
	GString *did;
} Site;

static void act(void *user, const PtAction *a, const PtActContext *c) {
	Site *site = user;
	PtRelayCommand command = {
	    .order = (PtRelayOrder)a->order, .for_ns = a->for_ns, .issued_ns = c->mono_ns, .actor = c->actor};
	if (a->kind == PT_DO_RELAY)
		pt_relay_command(site->relay, &command, NULL);
	else
		g_string_append_printf(site->did, "%s: %s\n", c->actor, a->text);
}

static void on_rule(PtEvent *event, void *data) {
	g_string_append_printf(data, "%s %s (%s)\n", event->source, event->state, event->detail);
}

static PtTrigger *trigger(PtSubjectKind kind, const char *name, const char *state) {
	PtTrigger *t = g_new0(PtTrigger, 1);
	t->subject = (PtSubject){.kind = kind, .name = g_strdup(name), .state = g_strdup(state)};
	return t;
}

static void trigger_free(void *data) {
	PtTrigger *t = data;
	g_free(t->subject.name);
	g_free(t->subject.state);
	g_free(t);
}

static void action_free(void *data) {
	PtAction *a = data;
	g_free(a->target);
	g_free(a->text);
	g_free(a);
}

static PtRule *rule(const char *name, PtTrigger *when, PtActionKind kind, const char *target, const char *text) {
	PtRule *r = g_new0(PtRule, 1);
	r->name = g_strdup(name);
	r->when = g_ptr_array_new_with_free_func(trigger_free);
	r->actions = g_ptr_array_new_with_free_func(action_free);
	r->cancel = g_ptr_array_new();
	PtAction *a = g_new0(PtAction, 1);
	*a = (PtAction){.kind = kind, .target = g_strdup(target), .order = PT_RULE_ON, .text = g_strdup(text)};
	g_ptr_array_add(r->when, when);
	g_ptr_array_add(r->actions, a);
	return r;
}

static void rule_free(void *data) {
	PtRule *r = data;
	g_ptr_array_unref(r->when);
	g_ptr_array_unref(r->actions);
	g_ptr_array_unref(r->cancel);
	g_free(r->name);
	g_free(r);
}

static void *publish_lost(void *data) {
	g_autoptr(PtEvent) event = pt_event_now(pt_clock_system(), "camera/gate", PT_TOPIC_STREAM, "lost", NULL, NULL);
	pt_bus_publish(data, event);
	return NULL;
}

static void test_engine(void) {
	PtBus *bus = pt_bus_new();
	PtPlugEnv env = {.clock = pt_clock_system(), .bus = bus};
	Site site = {.did = g_string_new(NULL)};
	g_autoptr(PtVirtualBoard) board = pt_virtual_board_get(PT_VIRTUAL_BOARD);
	PtPlugSettings *in = pt_plug_settings_new(PT_PLUG_INPUT), *out = pt_plug_settings_new(PT_PLUG_RELAY);
	in->name = g_strdup("door");
	out->name = g_strdup("flood");
	in->driver = out->driver = &pt_virtual_driver;
	in->channel = out->channel = 1;
	PtRules rules = {g_ptr_array_new_with_free_func(rule_free)};
	g_ptr_array_add(rules.list, rule("light", trigger(PT_SUBJECT_INPUT, "door", "active"), PT_DO_RELAY, "flood", NULL));
	g_ptr_array_add(rules.list, rule("lit", trigger(PT_SUBJECT_RELAY, "flood", "on"), PT_DO_LOG, NULL, "lit"));
	g_ptr_array_add(rules.list, rule("blind", trigger(PT_SUBJECT_CAMERA, "gate", "lost"), PT_DO_LOG, NULL, "blind"));
	g_ptr_array_add(rules.list, rule("up", trigger(PT_SUBJECT_START, NULL, "start"), PT_DO_LOG, NULL, "up"));
	PtRulesEngine *engine = pt_rules_engine_new(pt_clock_system(), bus, NULL, act, &site);
	PtBusSubscription *s = pt_bus_subscribe_direct(bus, PT_TOPIC_RULE, on_rule, site.did);
	pt_rules_engine_set(engine, &rules, &(PtRulesPlace){0});
	site.relay = pt_relay_new(out, &env, -1);
	PtInput *input = pt_input_new(in, &env);
	pt_rules_engine_start(engine);
	pt_virtual_board_set_input(board, 1, true, 0);
	g_assert_true(pt_virtual_board_relay(board, 1)); /* before set_input returned: no thread, no loop in between */
	g_thread_join(g_thread_new("worker", publish_lost, bus));
	while (!strstr(site.did->str, "blind)") && !strstr(site.did->str, "rule/blind fired"))
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpstr(site.did->str, ==,
	                "rule/up: up\nrule/up fired (start)\n"
	                "rule/light fired (input door active)\n"
	                "rule/lit: lit\nrule/lit fired (relay flood on)\n"
	                "rule/blind: blind\nrule/blind fired (camera gate lost)\n");
	g_autoptr(GArray) view = pt_rules_engine_view(engine);
	g_assert_cmpuint(view->len, ==, 4);
	g_assert_cmpstr(g_array_index(view, PtRuleView, 0).why, ==, "input door active");
	g_assert_cmpuint(g_array_index(view, PtRuleView, 0).fired_count, ==, 1);
	pt_input_free(input);
	pt_relay_free(site.relay);
	pt_rules_engine_free(engine);
	pt_bus_unsubscribe(s);
	g_ptr_array_unref(rules.list);
	g_string_free(site.did, TRUE);
	pt_plug_settings_free(in);
	pt_plug_settings_free(out);
	pt_bus_free(bus);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine/edge-to-lamp", test_engine);
	return g_test_run();
}
