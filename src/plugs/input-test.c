/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/input.h"
#include "plugs/virtual/virtual.h"

#define MS PT_NS_PER_MS

/* One line per case: edges as "at_ms level" (o open, c closed, u unknown, f fault; t: only time passes), then the changes
 * expected as "level@edge_ms". It starts open; the hold is 30 ms. */
static const struct {
	const char *name, *edges, *changes;
} debounce_cases[] = {
    {"clean", "100c 200t", "c@100"},
    {"bounces once", "100c 105o 110c 200t", "c@100"},
    {"bounces all along", "100c 110o 120c 130o 140c 150o 160c 300t", "c@100"},
    {"a glitch is nothing", "100c 120o 300t", ""},
    {"two glitches apart", "100c 110o 200c 210o 300t", ""},
    {"glitch, then the real one", "100c 110o 200c 300t", "c@200"},
    {"nobody looked in between", "100c 200o 300t", "c@100 o@200"},
    {"not yet", "100c 129t", ""},
    {"just now", "100c 130t", "c@100"},
    {"the wire breaks", "100f 101t", "f@100"},
    {"the wire breaks while bouncing", "100c 105f", "f@105"},
    {"away and back", "100u 200o", "u@100 o@200"},
    {"away and back changed", "100u 200c", "u@100 c@200"},
};

static PtLevel level_of(char c) {
	return c == 'o' ? PT_LEVEL_OPEN : c == 'c' ? PT_LEVEL_CLOSED : c == 'f' ? PT_LEVEL_FAULT : PT_LEVEL_UNKNOWN;
}

static void test_debounce(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(debounce_cases); i++) {
		PtDebounce d;
		g_autoptr(GString) got = g_string_new(NULL);
		g_auto(GStrv) edges = g_strsplit(debounce_cases[i].edges, " ", 0);
		pt_debounce_init(&d, 30 * MS, PT_LEVEL_OPEN);
		for (char **e = edges; *e; e++) {
			char *kind;
			int64_t at = g_ascii_strtoll(*e, &kind, 10) * MS, edge;
			PtLevel level;
			if (*kind == 't' ? pt_debounce_tick(&d, at, &level, &edge)
			                 : pt_debounce_feed(&d, level_of(*kind), at, &level, &edge))
				g_string_append_printf(got, "%s%c@%d", got->len ? " " : "", "uocf"[level], (int)(edge / MS));
		}
		g_test_message("%s", debounce_cases[i].name);
		g_assert_cmpstr(got->str, ==, debounce_cases[i].changes);
	}
}

static void test_contact(void) {
	static const struct {
		PtLevel level;
		PtContact contact;
		PtInputState state;
	} cases[] = {
	    {PT_LEVEL_CLOSED, PT_CONTACT_OPEN_NORMALLY, PT_INPUT_ACTIVE},
	    {PT_LEVEL_OPEN, PT_CONTACT_OPEN_NORMALLY, PT_INPUT_INACTIVE},
	    {PT_LEVEL_CLOSED, PT_CONTACT_CLOSED_NORMALLY, PT_INPUT_INACTIVE},
	    {PT_LEVEL_OPEN, PT_CONTACT_CLOSED_NORMALLY, PT_INPUT_ACTIVE},
	    {PT_LEVEL_UNKNOWN, PT_CONTACT_CLOSED_NORMALLY, PT_INPUT_UNKNOWN},
	    {PT_LEVEL_FAULT, PT_CONTACT_OPEN_NORMALLY, PT_INPUT_FAULT},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(pt_input_state_of(cases[i].level, cases[i].contact), ==, cases[i].state);
}

static void note(PtEvent *event, void *data) {
	g_string_append_printf(data, "%s %s%s%s\n", event->source, event->state, event->initial ? " initial" : "",
	                       event->late ? " late" : "");
}

static void test_input(void) {
	PtBus *bus = pt_bus_new();
	g_autoptr(GString) heard = g_string_new(NULL);
	PtBusSubscription *s = pt_bus_subscribe_direct(bus, NULL, note, heard);
	PtPlugEnv env = {.clock = pt_clock_system(), .bus = bus};
	g_autoptr(PtVirtualBoard) board = pt_virtual_board_get("t");
	PtPlugSettings *settings = pt_plug_settings_new(PT_PLUG_INPUT);
	settings->name = g_strdup("door");
	settings->driver = &pt_virtual_driver;
	settings->board = g_strdup("t");
	settings->channel = 1;
	settings->contact = PT_CONTACT_CLOSED_NORMALLY;
	pt_virtual_board_set_input(board, 1, true, 0);
	PtInput *input = pt_input_new(settings, &env);
	pt_virtual_board_set_input(board, 1, false, pt_mono_ns(pt_clock_system()) - 3 * MS);
	pt_virtual_board_set_reachable(board, false, false);
	pt_virtual_board_set_reachable(board, true, false); /* the same as before: no alarm */
	pt_virtual_board_set_reachable(board, false, false);
	pt_virtual_board_set_input(board, 1, true, 0);      /* closed unseen */
	pt_virtual_board_set_reachable(board, true, false); /* a change that was missed: told */
	pt_virtual_board_set_input_fault(board, 1, true);
	pt_virtual_board_set_input_fault(board, 1, false);
	pt_virtual_board_set_input(board, 1, false, pt_mono_ns(pt_clock_system()) - 11 * PT_NS_PER_S);
	g_assert_cmpstr(heard->str, ==,
	                "input/door inactive initial\n"
	                "input/door active\n"
	                "input/door unknown\n"
	                "input/door active initial\n"
	                "input/door unknown\n"
	                "input/door inactive\n"
	                "input/door fault\n"
	                "input/door inactive\n"
	                "input/door active late\n");
	pt_input_free(input);

	/* under a main loop the debounce comes due by itself */
	settings->debounce_ns = 20 * MS;
	g_string_truncate(heard, 0);
	input = pt_input_new(settings, &env);
	pt_virtual_board_set_input(board, 1, true, 0);
	pt_virtual_board_set_input(board, 1, false, 0);
	pt_virtual_board_set_input(board, 1, true, 0);
	while (pt_input_state(input) != PT_INPUT_INACTIVE)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpstr(heard->str, ==, "input/door active initial\ninput/door inactive\n");
	pt_input_free(input);

	/* a driver without inputs, and a chip that is not there */
	static const PtPlugDriver none = {.name = "none"};
	settings->driver = &none;
	input = pt_input_new(settings, &env);
	g_assert_cmpint(pt_input_state(input), ==, PT_INPUT_UNKNOWN);
	g_assert_nonnull(pt_input_error(input));
	pt_input_free(input);
	settings->driver = pt_plug_driver_find("gpio");
	settings->chip = g_strdup("gpiochip999");
	settings->line_offset = 1;
	input = pt_input_new(settings, &env);
	g_assert_cmpint(pt_input_state(input), ==, PT_INPUT_FAULT);
	g_assert_nonnull(strstr(pt_input_error(input), "there is no chip gpiochip999"));
	pt_input_free(input);
	pt_plug_settings_free(settings);
	pt_bus_unsubscribe(s);
	pt_bus_free(bus);
}

/* A driver that says whatever the test says. */
static PtInputHost said;
static PtInputPort *open_said(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error) {
	said = host;
	host.level(host.user, PT_LEVEL_OPEN, pt_mono_ns(pt_clock_system()), true);
	return (PtInputPort *)&said;
}
static void close_said(PtInputPort *port) {}
static void say(PtLevel level) { said.level(said.user, level, pt_mono_ns(pt_clock_system()), false); }

static void run_until(PtInput *input, PtInputState state) {
	while (pt_input_state(input) != state)
		g_main_context_iteration(NULL, TRUE);
}

/* A device that forgets to say inactive; and one that goes on saying active. */
static void test_off_after(void) {
	static const PtInputDriver port = {.open = open_said, .close = close_said};
	static const PtPlugDriver driver = {.name = "said", .input = &port};
	PtBus *bus = pt_bus_new();
	g_autoptr(GString) heard = g_string_new(NULL);
	PtBusSubscription *s = pt_bus_subscribe_direct(bus, NULL, note, heard);
	PtPlugEnv env = {.clock = pt_clock_system(), .bus = bus};
	PtPlugSettings *settings = pt_plug_settings_new(PT_PLUG_INPUT);
	settings->name = g_strdup("pir");
	settings->driver = &driver;
	settings->off_after_ns = 300 * MS;
	PtInput *input = pt_input_new(settings, &env);
	int64_t began = pt_mono_ns(pt_clock_system());
	say(PT_LEVEL_CLOSED);
	for (int i = 0; i < 4; i++) { /* still active: goes on for as long as it is said */
		g_usleep(100000);
		say(PT_LEVEL_CLOSED);
		pt_input_tick(input);
	}
	g_assert_cmpint(pt_input_state(input), ==, PT_INPUT_ACTIVE);
	run_until(input, PT_INPUT_INACTIVE);
	g_assert_cmpint(pt_mono_ns(pt_clock_system()) - began, >=, 700 * MS);
	say(PT_LEVEL_CLOSED); /* a new one */
	say(PT_LEVEL_OPEN);
	say(PT_LEVEL_CLOSED);
	said.level(said.user, PT_LEVEL_UNKNOWN, pt_mono_ns(pt_clock_system()), false); /* lost: it is not known to be over */
	g_usleep(310000);
	pt_input_tick(input);
	g_assert_cmpstr(heard->str, ==,
	                "input/pir inactive initial\n"
	                "input/pir active\n"
	                "input/pir inactive\n"
	                "input/pir active\n"
	                "input/pir inactive\n"
	                "input/pir active\n"
	                "input/pir unknown\n");
	pt_input_free(input);
	pt_plug_settings_free(settings);
	pt_bus_unsubscribe(s);
	pt_bus_free(bus);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/input/debounce", test_debounce);
	g_test_add_func("/input/contact", test_contact);
	g_test_add_func("/input/virtual", test_input);
	g_test_add_func("/input/off-after", test_off_after);
	return g_test_run();
}
