/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/relay.h"
#include "base/error.h"
#include "plugs/guard.h"
#include "plugs/virtual/virtual.h"
#include <string.h>

/* Everything that happens, in order: J what the journal was given, N notes of timed offs, B the bus. */
typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtBusSubscription *subscription;
	PtVirtualBoard *board;
	GString *heard;
	PtPlugSettings *settings;
	PtPlugEnv env;
	bool journal_full;
} Bench;

static void on_event(PtEvent *event, void *data) {
	Bench *b = data;
	g_string_append_printf(b->heard, "B %s %s %s%s%s%s\n", event->topic, event->state, event->actor ? event->actor : "-",
	                       event->detail ? " (" : "", event->detail ? event->detail : "", event->detail ? ")" : "");
}

static gboolean journal(void *user, PtEvent *intent, GError **error) {
	Bench *b = user;
	if (b->journal_full) {
		pt_error_set(error, DISK, "full");
		return FALSE;
	}
	/* P6: at this moment nothing has moved yet */
	g_string_append_printf(b->heard, "J %s lamp=%d\n", intent->state, pt_virtual_board_relay(b->board, 1));
	return TRUE;
}

static gboolean note_off(void *user, const char *relay, int64_t due, GError **error) {
	Bench *b = user;
	if (b->journal_full) {
		pt_error_set(error, DISK, "full");
		return FALSE;
	}
	g_string_append_printf(b->heard, "N %d\n", due < 0 ? -1 : (int)(due / PT_NS_PER_MS));
	return TRUE;
}

static void bench_init(Bench *b, PtContact contact) {
	*b = (Bench){.clock = pt_clock_virtual_new(INT64_C(1800000000) * PT_NS_PER_S, PT_NS_PER_S),
	             .bus = pt_bus_new(),
	             .board = pt_virtual_board_get("t"),
	             .heard = g_string_new(NULL),
	             .settings = pt_plug_settings_new(PT_PLUG_RELAY)};
	b->subscription = pt_bus_subscribe_direct(b->bus, NULL, on_event, b);
	b->env = (PtPlugEnv){.clock = b->clock, .bus = b->bus, .journal = journal, .note_off = note_off, .user = b};
	b->settings->name = g_strdup("flood");
	b->settings->driver = &pt_virtual_driver;
	b->settings->board = g_strdup("t");
	b->settings->channel = 1;
	b->settings->contact = contact;
}

static void bench_clear(Bench *b) {
	pt_bus_unsubscribe(b->subscription);
	pt_bus_free(b->bus);
	pt_clock_virtual_free(b->clock);
	pt_virtual_board_unref(b->board);
	g_string_free(b->heard, TRUE);
	pt_plug_settings_free(b->settings);
}

static void heard(Bench *b, const char *expected) {
	g_assert_cmpstr(b->heard->str, ==, expected);
	g_string_truncate(b->heard, 0);
}

static gboolean order(Bench *b, PtRelay *relay, PtRelayOrder what, int64_t for_ns, GError **error) {
	PtRelayCommand c = {.order = what, .for_ns = for_ns, .issued_ns = pt_mono_ns(b->clock), .actor = "user/anna"};
	return pt_relay_command(relay, &c, error);
}

static void pass(Bench *b, PtRelay *relay, int64_t ms) {
	pt_clock_virtual_advance(b->clock, ms * PT_NS_PER_MS);
	pt_relay_tick(relay);
}

static void test_orders(void) {
	static const PtContact contacts[] = {PT_CONTACT_OPEN_NORMALLY, PT_CONTACT_CLOSED_NORMALLY};
	for (size_t i = 0; i < G_N_ELEMENTS(contacts); i++) {
		Bench b;
		bench_init(&b, contacts[i]);
		bool on_is_closed = contacts[i] == PT_CONTACT_OPEN_NORMALLY;
		PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
		g_assert_cmpint(pt_virtual_board_relay(b.board, 1), ==, !on_is_closed); /* safe: off */
		g_string_truncate(b.heard, 0);
		g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
		g_assert_cmpint(pt_virtual_board_relay(b.board, 1), ==, on_is_closed);
		g_assert_cmpint(g_str_has_prefix(b.heard->str, on_is_closed ? "J on lamp=0\n" : "J on lamp=1\n"), ==, true);
		PtRelayView view;
		pt_relay_view(relay, &view);
		g_assert_cmpint(view.seen, ==, PT_RELAY_ON);
		g_assert_cmpint(view.commanded, ==, PT_RELAY_ON);
		g_assert_cmpstr(view.actor, ==, "user/anna");
		g_assert_cmpint(view.off_due_ns, ==, -1);
		g_string_truncate(b.heard, 0);
		pt_relay_free(relay); /* safe state at stop */
		g_assert_cmpint(pt_virtual_board_relay(b.board, 1), ==, !on_is_closed);
		bench_clear(&b);
	}
}

static void test_timed(void) {
	Bench b;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	b.settings->max_on_ns = 180 * PT_NS_PER_S;
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	heard(&b, "B relay off -\nJ off lamp=0\nB command off start (safe state)\n");
	g_assert_true(order(&b, relay, PT_ORDER_ON, 2 * PT_NS_PER_S, NULL));
	heard(&b, "N 3000\nJ on lamp=0\nB command on user/anna (for 2s)\nB relay on user/anna\n");
	pass(&b, relay, 1999);
	heard(&b, "");
	pass(&b, relay, 1);
	heard(&b, "J off lamp=1\nB command off timer (user/anna)\nB relay off timer\nN -1\n");
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL)); /* ended by max-on */
	heard(&b, "N 183000\nJ on lamp=0\nB command on user/anna (for 3min)\nB relay on user/anna\n");
	g_assert_true(order(&b, relay, PT_ORDER_OFF, 0, NULL));
	heard(&b, "J off lamp=1\nB command off user/anna\nB relay off user/anna\nN -1\n");
	pass(&b, relay, 200000);
	heard(&b, "");
	g_autoptr(GError) with_for = NULL;
	g_assert_false(order(&b, relay, PT_ORDER_PULSE, 2 * PT_NS_PER_S, &with_for));
	g_assert_error(with_for, PT_ERROR, PT_ERROR_INVALID);
	g_assert_true(order(&b, relay, PT_ORDER_PULSE, 0, NULL));
	g_string_truncate(b.heard, 0);
	pass(&b, relay, 1000);
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	b.settings->mode = PT_MODE_MONOSTABLE;
	b.settings->pulse_ns = 700 * PT_NS_PER_MS;
	pt_relay_free(relay);
	relay = pt_relay_new(b.settings, &b.env, -1);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL)); /* monostable: on is a pulse */
	pass(&b, relay, 699);
	g_assert_true(pt_virtual_board_relay(b.board, 1));
	pass(&b, relay, 1);
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	pt_relay_free(relay);
	bench_clear(&b);
}

static void test_refused(void) {
	Bench b;
	g_autoptr(GError) error = NULL;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	g_string_truncate(b.heard, 0);
	PtRelayCommand stale = {.order = PT_ORDER_ON, .issued_ns = pt_mono_ns(b.clock), .actor = "user/anna"};
	pt_clock_virtual_advance(b.clock, PT_RELAY_STALE_NS + 1);
	g_assert_false(pt_relay_command(relay, &stale, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_DENIED);
	heard(&b, "B command refused user/anna (on refused: the order is older than 5 s; give it again)\n");
	stale.issued_ns = pt_mono_ns(b.clock) + 2 * PT_NS_PER_S; /* from another boot's clock */
	g_assert_false(pt_relay_command(relay, &stale, NULL));
	g_assert_false(order(&b, relay, PT_ORDER_ON, PT_RELAY_FOR_MAX_NS + 1, NULL));
	g_string_truncate(b.heard, 0);
	b.journal_full = true; /* P6: what cannot be written down is not done, unless it makes safe */
	g_assert_false(order(&b, relay, PT_ORDER_ON, 0, NULL));
	g_assert_false(order(&b, relay, PT_ORDER_ON, PT_NS_PER_S, NULL));
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	b.journal_full = false;
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	b.journal_full = true;
	g_assert_true(order(&b, relay, PT_ORDER_OFF, 0, NULL));
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	pt_relay_free(relay);
	bench_clear(&b);
}

static void test_unreachable(void) {
	Bench b;
	PtRelayView view;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	pt_virtual_board_set_reachable(b.board, false, false);
	pt_relay_view(relay, &view);
	g_assert_cmpint(view.seen, ==, PT_RELAY_UNKNOWN); /* unknown, with the last command */
	g_assert_cmpint(view.commanded, ==, PT_RELAY_ON);
	g_assert_cmpstr(view.actor, ==, "user/anna");
	g_autoptr(GError) error = NULL;
	g_assert_false(order(&b, relay, PT_ORDER_ON, 0, &error));
	g_assert_cmpstr(error->message, ==, "relay flood: the board t is not reachable");
	g_assert_true(pt_virtual_board_relay(b.board, 1));
	g_string_truncate(b.heard, 0);
	pt_virtual_board_set_reachable(b.board, true, false); /* made safe on return; the refused order is not remembered */
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	heard(&b, "B relay on -\nJ off lamp=1\nB command off return (safe state)\nB relay off return\n");
	/* a time that ends while the device is away is kept up until it succeeds */
	b.settings->safe = PT_SAFE_KEEP;
	pt_relay_free(relay);
	relay = pt_relay_new(b.settings, &b.env, -1);
	g_assert_true(order(&b, relay, PT_ORDER_ON, PT_NS_PER_S, NULL));
	pt_virtual_board_set_reachable(b.board, false, false);
	pass(&b, relay, 1000);
	pass(&b, relay, 1000);
	pass(&b, relay, 1000);
	g_assert_true(pt_virtual_board_relay(b.board, 1));
	pt_virtual_board_set_reachable(b.board, true, false);
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	pt_relay_free(relay);
	bench_clear(&b);
}

static void test_after_crash(void) {
	Bench b;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	b.settings->safe = PT_SAFE_KEEP;
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	g_assert_true(order(&b, relay, PT_ORDER_ON, PT_NS_PER_S, NULL));
	pt_relay_free(relay); /* safe: keep leaves it on, as a crash would */
	g_assert_true(pt_virtual_board_relay(b.board, 1));
	g_string_truncate(b.heard, 0);
	pt_clock_virtual_advance(b.clock, 500 * PT_NS_PER_MS);
	relay = pt_relay_new(b.settings, &b.env, 2 * PT_NS_PER_S); /* not yet due */
	g_assert_true(pt_virtual_board_relay(b.board, 1));
	pass(&b, relay, 500);
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	g_assert_true(order(&b, relay, PT_ORDER_ON, PT_NS_PER_S, NULL));
	pt_relay_free(relay);
	pt_clock_virtual_advance(b.clock, 60 * PT_NS_PER_S);
	g_string_truncate(b.heard, 0);
	relay = pt_relay_new(b.settings, &b.env, 3 * PT_NS_PER_S); /* overdue: done at once, and written off */
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	heard(&b, "B relay on -\nJ off lamp=1\nB command off timer (overdue)\nB relay off timer\nN -1\n");
	pt_relay_free(relay);
	bench_clear(&b);
}

static void test_stuck(void) {
	Bench b;
	PtRelayView view;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	pt_virtual_board_set_stuck(b.board, 1, true);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	pt_relay_view(relay, &view);
	g_assert_true(view.mismatch);
	g_string_truncate(b.heard, 0);
	pass(&b, relay, 1000);
	heard(&b, "B relay fault - (ordered on, read back off)\n");
	g_assert_true(order(&b, relay, PT_ORDER_OFF, 0, NULL)); /* what is seen is what is ordered again, and that is said */
	heard(&b, "J off lamp=0\nB command off user/anna\nB relay off - (follows again)\n");
	pt_virtual_board_set_stuck(b.board, 1, false);
	/* the end of a time is not forgotten: it is given again until the contact follows, after 1, 2, 4 … 60 s */
	b.settings->safe = PT_SAFE_KEEP;
	g_assert_true(order(&b, relay, PT_ORDER_ON, PT_NS_PER_S, NULL));
	pt_virtual_board_set_stuck(b.board, 1, true);
	g_string_truncate(b.heard, 0);
	pass(&b, relay, 1000);
	pass(&b, relay, 1000);
	heard(&b, "J off lamp=1\nB command off timer (user/anna)\nN -1\nB relay fault - (ordered off, read back on)\n");
	for (int i = 0; i < 300; i++)
		pass(&b, relay, 1000);
	heard(&b, "");
	pt_virtual_board_set_stuck(b.board, 1, false);
	for (int i = 0; i < 61 && pt_virtual_board_relay(b.board, 1); i++)
		pass(&b, relay, 1000);
	heard(&b, "B relay off timer\n");
	for (int i = 0; i < 61; i++)
		pass(&b, relay, 1000);
	heard(&b, "");
	/* what somebody ordered is not given again */
	pt_virtual_board_set_stuck(b.board, 1, true);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	pass(&b, relay, 1000);
	pt_virtual_board_set_stuck(b.board, 1, false);
	for (int i = 0; i < 61; i++)
		pass(&b, relay, 1000);
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	pt_relay_free(relay);
	bench_clear(&b);
}

/* Every contact before and after, on and off: the function stays, the contact follows it. */
static void test_configured(void) {
	for (int i = 0; i < 8; i++) {
		PtContact before = i & 1, after = i >> 1 & 1;
		bool on = i & 4;
		Bench b;
		bench_init(&b, before);
		PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
		g_assert_true(order(&b, relay, on ? PT_ORDER_ON : PT_ORDER_OFF, 0, NULL));
		g_assert_true(
		    pt_relay_configure(relay, PT_MODE_MONOSTABLE, 2 * PT_NS_PER_S, after, "user/anna via onvif", NULL));
		PtRelayView v;
		pt_relay_view(relay, &v);
		g_assert_cmpint(v.seen, ==, on ? PT_RELAY_ON : PT_RELAY_OFF);
		g_assert_false(v.mismatch);
		g_assert_cmpint(pt_virtual_board_relay(b.board, 1), ==, pt_relay_closed_for(on, after));
		g_assert_nonnull(strstr(b.heard->str, "J settings"));
		g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL)); /* the new mode ends it after the new time */
		pass(&b, relay, 2000);
		pt_relay_view(relay, &v);
		g_assert_cmpint(v.seen, ==, PT_RELAY_OFF);
		g_assert_cmpint(pt_virtual_board_relay(b.board, 1), ==, pt_relay_closed_for(false, after));
		b.journal_full = true;
		g_assert_false(
		    pt_relay_configure(relay, PT_MODE_BISTABLE, PT_NS_PER_S, !after, "user/anna via onvif", NULL));
		g_assert_cmpint(pt_relay_settings(relay)->contact, ==, after);
		pt_relay_free(relay);
		bench_clear(&b);
	}
}

/* Two relays of one motor: whoever is not surely off holds the other back, an off is never held back. */
static void test_interlock(void) {
	Bench b;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	b.env.relays = all;
	b.settings->interlock = g_strdup("motor");
	g_autoptr(PtPlugSettings) down_settings = pt_plug_settings_copy(b.settings);
	g_free(down_settings->name);
	down_settings->name = g_strdup("down");
	down_settings->channel = 2;
	PtRelay *up = pt_relay_new(b.settings, &b.env, -1), *down = pt_relay_new(down_settings, &b.env, -1);
	g_ptr_array_add(all, up);
	g_ptr_array_add(all, down);
	g_assert_true(order(&b, up, PT_ORDER_ON, 0, NULL));
	g_assert_true(order(&b, up, PT_ORDER_ON, 0, NULL)); /* itself holds nothing back */
	static const PtRelayOrder orders[] = {PT_ORDER_ON, PT_ORDER_PULSE};
	for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(order(&b, down, orders[i], 0, &error));
		g_assert_error(error, PT_ERROR, PT_ERROR_DENIED);
		g_assert_nonnull(strstr(error->message, "interlock motor: flood is on, and the two are never on together"));
	}
	g_assert_false(pt_virtual_board_relay(b.board, 2));
	g_assert_true(order(&b, down, PT_ORDER_OFF, 0, NULL));
	/* ordered off, and stuck: what is seen counts */
	pt_virtual_board_set_stuck(b.board, 1, true);
	g_assert_true(order(&b, up, PT_ORDER_OFF, 0, NULL));
	g_assert_false(order(&b, down, PT_ORDER_ON, 0, NULL));
	pt_virtual_board_set_stuck(b.board, 1, false);
	g_assert_true(order(&b, up, PT_ORDER_OFF, 0, NULL));
	/* a time that ends frees the other */
	g_assert_true(order(&b, up, PT_ORDER_ON, PT_NS_PER_S, NULL));
	g_assert_false(order(&b, down, PT_ORDER_ON, 0, NULL));
	pass(&b, up, 1000);
	g_assert_true(order(&b, down, PT_ORDER_ON, 0, NULL));
	g_assert_true(order(&b, down, PT_ORDER_OFF, 0, NULL));
	pt_relay_free(up);
	/* one that is not there is not known to be off */
	g_ptr_array_remove(all, up);
	g_free(b.settings->board);
	b.settings->board = g_strdup("away");
	PtVirtualBoard *away = pt_virtual_board_get("away");
	pt_virtual_board_set_reachable(away, false, false);
	up = pt_relay_new(b.settings, &b.env, -1);
	g_ptr_array_add(all, up);
	g_autoptr(GError) error = NULL;
	g_assert_false(order(&b, down, PT_ORDER_ON, 0, &error));
	g_assert_nonnull(strstr(error->message, "flood is unknown"));
	pt_virtual_board_set_reachable(away, true, false);
	g_assert_true(order(&b, down, PT_ORDER_ON, 0, NULL));
	pt_relay_free(up);
	pt_relay_free(down);
	pt_virtual_board_unref(away);
	bench_clear(&b);
}

/* A motor stands still before it turns the other way. */
static void test_pause_of_an_interlock(void) {
	Bench b;
	g_autoptr(GError) error = NULL;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	b.env.relays = all;
	b.settings->interlock = g_strdup("motor");
	b.settings->min_pause_ns = 500 * PT_NS_PER_MS;
	g_autoptr(PtPlugSettings) down_settings = pt_plug_settings_copy(b.settings);
	g_free(down_settings->name);
	down_settings->name = g_strdup("down");
	down_settings->channel = 2;
	PtRelay *up = pt_relay_new(b.settings, &b.env, -1), *down = pt_relay_new(down_settings, &b.env, -1);
	g_ptr_array_add(all, up);
	g_ptr_array_add(all, down);
	pass(&b, up, 1000);
	g_assert_true(order(&b, up, PT_ORDER_ON, 0, NULL));
	pass(&b, up, 5000);
	g_assert_true(order(&b, up, PT_ORDER_OFF, 0, NULL));
	pass(&b, up, 100);
	g_assert_false(order(&b, down, PT_ORDER_ON, 0, &error));
	g_assert_cmpstr(
	    error->message, ==,
	    "relay down: on refused: min-pause 500ms: flood went off less than that ago; give the order again in 400ms");
	pass(&b, up, 400);
	g_assert_true(order(&b, down, PT_ORDER_ON, 0, NULL));
	g_assert_true(order(&b, down, PT_ORDER_ON, 0, NULL)); /* is on already */
	pt_relay_free(up);
	pt_relay_free(down);
	bench_clear(&b);
}

static void test_min_pause(void) {
	Bench b;
	g_autoptr(GError) error = NULL;
	bench_init(&b, PT_CONTACT_OPEN_NORMALLY);
	b.settings->min_pause_ns = 30 * PT_NS_PER_S;
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	g_assert_false(order(&b, relay, PT_ORDER_ON, 0, NULL)); /* the start counts as having gone off */
	pass(&b, relay, 30000);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	g_assert_true(order(&b, relay, PT_ORDER_ON, 10 * PT_NS_PER_S, NULL)); /* is on already */
	pass(&b, relay, 10000);
	g_assert_false(pt_virtual_board_relay(b.board, 1));
	pass(&b, relay, 17500);
	g_assert_false(order(&b, relay, PT_ORDER_ON, 0, &error));
	g_assert_cmpstr(
	    error->message, ==,
	    "relay flood: on refused: min-pause 30s: it went off less than that ago; give the order again in 13s");
	g_assert_true(order(&b, relay, PT_ORDER_OFF, 0, NULL)); /* does not begin it anew */
	pass(&b, relay, 12500);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	pt_relay_free(relay);
	bench_clear(&b);
}

static int64_t kept_cycles;
static int64_t cycles(void *user, const char *relay) { return kept_cycles; }
static void note_cycles(void *user, const char *relay, int64_t count) { kept_cycles = count; }

static void test_cycles(void) {
	Bench b;
	PtRelayView view;
	bench_init(&b, PT_CONTACT_CLOSED_NORMALLY);
	kept_cycles = 888;
	b.env.cycles = cycles;
	b.env.note_cycles = note_cycles;
	b.settings->rated_cycles = 1000;
	PtRelay *relay = pt_relay_new(b.settings, &b.env, -1);
	for (int i = 0; i < 10; i++) {
		g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
		g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
		g_assert_true(order(&b, relay, PT_ORDER_OFF, 0, NULL));
	}
	g_assert_cmpint(kept_cycles, ==, 898);
	pt_relay_free(relay);
	relay = pt_relay_new(b.settings, &b.env, -1); /* the next start */
	g_assert_null(strstr(b.heard->str, "worn"));
	for (int i = 0; i < 2; i++) {
		g_assert_true(order(&b, relay, PT_ORDER_PULSE, 0, NULL));
		pass(&b, relay, 1000);
	}
	pt_relay_view(relay, &view);
	g_assert_cmpint(view.cycles, ==, 900);
	const char *said = strstr(
	    b.heard->str, "B system worn - (its contact has switched 900 times, and is rated for 1000: replace it soon");
	g_assert_nonnull(said);
	g_assert_null(strstr(said + strlen("B system worn"), "worn"));
	/* a contact that nobody sees move is not counted, nor is one that an absent device has moved */
	pt_virtual_board_set_stuck(b.board, 1, true);
	g_assert_true(order(&b, relay, PT_ORDER_ON, 0, NULL));
	pt_virtual_board_set_stuck(b.board, 1, false);
	pt_virtual_board_set_reachable(b.board, false, true);
	pt_virtual_board_set_reachable(b.board, true, false);
	g_assert_cmpint(kept_cycles, ==, 900);
	pt_relay_free(relay);
	bench_clear(&b);
	static const struct {
		int64_t cycles;
		bool said;
		const char *text;
	} cases[] = {{899, false, NULL},          {900, true, "replace it soon"}, {901, false, "replace it soon"},
	             {1000, true, "replace it,"}, {1001, false, "replace it,"},   {1100, true, "replace it,"}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = pt_guard_wear(1000, cases[i].cycles);
		g_assert_cmpint(pt_guard_wear_said_at(1000, cases[i].cycles), ==, cases[i].said);
		g_assert_true(!cases[i].text ? !text : !!strstr(text, cases[i].text));
		g_assert_false(pt_guard_wear_said_at(0, cases[i].cycles));
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/relay/orders", test_orders);
	g_test_add_func("/relay/timed", test_timed);
	g_test_add_func("/relay/refused", test_refused);
	g_test_add_func("/relay/unreachable", test_unreachable);
	g_test_add_func("/relay/after-crash", test_after_crash);
	g_test_add_func("/relay/stuck", test_stuck);
	g_test_add_func("/relay/configured", test_configured);
	g_test_add_func("/relay/interlock", test_interlock);
	g_test_add_func("/relay/pause-of-an-interlock", test_pause_of_an_interlock);
	g_test_add_func("/relay/min-pause", test_min_pause);
	g_test_add_func("/relay/cycles", test_cycles);
	return g_test_run();
}
