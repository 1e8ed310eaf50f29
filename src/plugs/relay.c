/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/relay.h"
#include "base/error.h"
#include "base/units.h"
#include "plugs/guard.h"
#include "plugs/wake.h"
#include <string.h>

const char *const pt_relay_order_words[] = {"off", "on", "pulse", NULL};

struct PtRelay {
	PtPlugSettings *settings;
	PtPlugEnv env;
	PtRelayPort *port;
	GSource *wake;
	char *source; /* "relay/flood" */

	PtRelayState seen, commanded;
	int64_t seen_wall_ns, commanded_wall_ns;
	int64_t off_since_ns; /* monotonic; of the contact that is seen off */
	int64_t cycles;
	char *actor, *error, *warning;

	int64_t off_due_ns, verify_due_ns, retry_due_ns; /* monotonic; -1: not */
	bool noted;                                      /* note_off holds an entry */
	bool fault_said;                                 /* the bus was told that it does not follow */
	bool enforced;   /* commanded is nobody's order, but a safe state or the end of a time */
	unsigned misses; /* how often in a row such a one was not followed */
	bool closing;
};

const char *pt_relay_state_word(PtRelayState state) {
	static const char *const words[] = {"unknown", "off", "on", "fault"};
	return words[state];
}

bool pt_relay_closed_for(bool on, PtContact contact) { return on == (contact == PT_CONTACT_OPEN_NORMALLY); }

static bool own_timer(const PtRelay *relay) { return pt_plug_has_own_timer(relay->settings); }

static int64_t now_of(const PtRelay *relay) { return pt_mono_ns(relay->env.clock); }

static int64_t earlier(int64_t a, int64_t b) { return a < 0 ? b : b < 0 ? a : MIN(a, b); }

static void arm(PtRelay *relay) {
	int64_t due = earlier(relay->off_due_ns, earlier(relay->verify_due_ns, relay->retry_due_ns));
	pt_wake_set(relay->wake, relay->env.clock, due);
}

static void publish(PtRelay *relay, const char *topic, const char *state, const char *actor, const char *detail,
                    bool initial) {
	PtClock *clock = relay->env.clock;
	PtEvent what = {.wall_ns = pt_wall_ns(clock),
	                .mono_ns = pt_mono_ns(clock),
	                .source = relay->source,
	                .topic = topic,
	                .state = state,
	                .actor = actor,
	                .detail = detail,
	                .initial = initial};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	pt_bus_publish(relay->env.bus, event);
}

/* P6: the order stands in the journal before anything moves; the bus hears of the same event. */
static gboolean write_down(PtRelay *relay, const char *state, const char *actor, const char *detail, GError **error) {
	g_autoptr(PtEvent) intent = pt_event_now(relay->env.clock, relay->source, PT_TOPIC_COMMAND, state, actor, detail);
	gboolean ok = !relay->env.journal || relay->env.journal(relay->env.user, intent, error);
	pt_bus_publish(relay->env.bus, intent);
	return ok;
}

static gboolean note_off(PtRelay *relay, int64_t due_ns, GError **error) {
	if (due_ns < 0 && !relay->noted)
		return TRUE;
	if (relay->env.note_off && !relay->env.note_off(relay->env.user, relay->settings->name, due_ns, error))
		return FALSE;
	relay->noted = due_ns >= 0;
	return TRUE;
}

static gboolean drive(PtRelay *relay, bool on, int64_t device_for_ns, GError **error) {
	if (!relay->port) {
		pt_error_set(error, FAILED, "relay %s: %s", relay->settings->name, relay->error ? relay->error : "not open");
		return FALSE;
	}
	bool closed = pt_relay_closed_for(on, relay->settings->contact);
	relay->verify_due_ns =
	    device_for_ns && device_for_ns < 2 * PT_RELAY_VERIFY_NS ? -1 : now_of(relay) + PT_RELAY_VERIFY_NS;
	GError *cause = NULL;
	if (relay->settings->driver->relay->set(relay->port, closed, device_for_ns, &cause)) {
		if (relay->fault_said &&
		    relay->seen == (on ? PT_RELAY_ON : PT_RELAY_OFF)) { /* ordered and seen agree again */
			relay->fault_said = false;
			publish(relay, PT_TOPIC_RELAY, pt_relay_state_word(relay->seen), NULL, "follows again", false);
		}
		return TRUE;
	}
	relay->verify_due_ns = -1;
	g_free(relay->error);
	relay->error = g_strdup(cause->message);
	g_propagate_prefixed_error(error, cause, "relay %s: ", relay->settings->name);
	return FALSE;
}

static void remember(PtRelay *relay, bool on, const char *actor) {
	relay->commanded = on ? PT_RELAY_ON : PT_RELAY_OFF;
	relay->commanded_wall_ns = pt_wall_ns(relay->env.clock);
	char *copy = g_strdup(actor); /* actor may be the one kept here */
	g_free(relay->actor);
	relay->actor = copy;
	g_clear_pointer(&relay->error, g_free);
}

/* What the relay does without being ordered: its safe state, the end of a time. It is done even when it cannot be written
 * down, and an off that fails is tried until it succeeds or the device returns. */
static void enforce(PtRelay *relay, bool on, const char *actor, const char *detail) {
	g_autoptr(GError) error = NULL;
	bool retry = relay->retry_due_ns >= 0;
	relay->retry_due_ns = relay->off_due_ns = -1;
	if (!retry)
		write_down(relay, on ? "on" : "off", actor, detail, NULL);
	remember(relay, on, actor);
	relay->enforced = true;
	if (drive(relay, on, 0, &error)) {
		if (relay->off_due_ns < 0)
			note_off(relay, -1, NULL);
	} else if (!relay->closing) {
		relay->retry_due_ns = now_of(relay) + PT_RELAY_RETRY_NS;
		if (!retry)
			publish(relay, PT_TOPIC_COMMAND, "failed", actor, error->message, false);
	}
	arm(relay);
}

static bool reachable(const PtRelay *relay) { return relay->seen == PT_RELAY_OFF || relay->seen == PT_RELAY_ON; }

/* A device that is there (again): P5. */
static void make_safe(PtRelay *relay, const char *actor) {
	bool overdue = relay->off_due_ns >= 0 && relay->off_due_ns <= now_of(relay);
	if (relay->settings->safe != PT_SAFE_KEEP)
		enforce(relay, relay->settings->safe == PT_SAFE_ON, actor, "safe state");
	else if (overdue || relay->retry_due_ns >= 0)
		enforce(relay, relay->retry_due_ns >= 0 && relay->commanded == PT_RELAY_ON, "timer", "overdue");
}

/* The contact has moved: what its maker promised of it is used up by one. */
static void count_cycle(PtRelay *relay) {
	const PtPlugSettings *s = relay->settings;
	relay->cycles++;
	if (relay->env.note_cycles)
		relay->env.note_cycles(relay->env.user, s->name, relay->cycles);
	if (!pt_guard_wear_said_at(s->rated_cycles, relay->cycles))
		return;
	g_autofree char *text = pt_guard_wear(s->rated_cycles, relay->cycles);
	publish(relay, PT_TOPIC_SYSTEM, "worn", NULL, text, false);
}

/* It is as it was ordered to be. */
static void follow(PtRelay *relay) {
	relay->verify_due_ns = -1;
	if (relay->misses)
		relay->retry_due_ns = -1;
	relay->misses = 0;
}

/* It is not. What was somebody's order is theirs to give again; the end of a time is not forgotten, whatever was lost on the
 * way to the device. */
static void miss(PtRelay *relay) {
	g_free(relay->error);
	relay->error = g_strdup_printf("ordered %s, read back %s", pt_relay_state_word(relay->commanded),
	                               pt_relay_state_word(relay->seen));
	if (!relay->misses || !relay->fault_said)
		publish(relay, PT_TOPIC_RELAY, "fault", NULL, relay->error, false);
	relay->fault_said = true;
	if (!relay->enforced || relay->retry_due_ns >= 0)
		return;
	relay->retry_due_ns = now_of(relay) + MIN(PT_RELAY_RETRY_NS << MIN(relay->misses, 6), PT_RELAY_RETRY_MAX_NS);
	relay->misses++;
}

static void on_level(void *user, PtLevel level, int64_t mono_ns) {
	PtRelay *relay = user;
	PtRelayState before = relay->seen;
	bool was_reachable = reachable(relay);
	if (level == PT_LEVEL_UNKNOWN)
		relay->seen = PT_RELAY_UNKNOWN;
	else if (level == PT_LEVEL_FAULT)
		relay->seen = PT_RELAY_FAULT;
	else
		relay->seen = (level == PT_LEVEL_CLOSED) == pt_relay_closed_for(true, relay->settings->contact)
		                  ? PT_RELAY_ON
		                  : PT_RELAY_OFF;
	if (relay->seen == relay->commanded)
		follow(relay);
	if (relay->seen != before) {
		if (relay->seen == PT_RELAY_OFF)
			relay->off_since_ns = now_of(relay);
		relay->fault_said = false;
		relay->seen_wall_ns = pt_wall_ns(relay->env.clock);
		const char *actor = relay->seen == relay->commanded ? relay->actor : NULL;
		g_autofree char *kept = g_strdup(actor);
		publish(relay, PT_TOPIC_RELAY, pt_relay_state_word(relay->seen), kept,
		        reachable(relay) ? NULL : relay->error, !was_reachable && reachable(relay));
		if (before == PT_RELAY_OFF && relay->seen == PT_RELAY_ON)
			count_cycle(relay);
	}
	if (!was_reachable && reachable(relay) && relay->port && !relay->closing)
		make_safe(relay, "return");
	arm(relay);
}

static void on_trouble(void *user, const char *why) {
	PtRelay *relay = user;
	g_free(relay->error);
	relay->error = g_strdup(why);
}

static void on_warn(void *user, const char *what) {
	PtRelay *relay = user;
	g_free(relay->warning);
	relay->warning = g_strdup(what);
	publish(relay, PT_TOPIC_SYSTEM, "warning", NULL, what, false);
}

void pt_relay_tick(PtRelay *relay) {
	int64_t now = now_of(relay);
	if (relay->off_due_ns >= 0 && relay->off_due_ns <= now)
		enforce(relay, false, "timer", relay->actor);
	if (relay->retry_due_ns >= 0 && relay->retry_due_ns <= now)
		enforce(relay, relay->commanded == PT_RELAY_ON, "timer", NULL);
	if (relay->verify_due_ns >= 0 && relay->verify_due_ns <= now) {
		relay->verify_due_ns = -1;
		if (relay->seen != relay->commanded)
			miss(relay);
	}
	arm(relay);
}

static void on_wake(void *data) { pt_relay_tick(data); }

PtRelay *pt_relay_new(const PtPlugSettings *settings, const PtPlugEnv *env, int64_t off_due_ns) {
	PtRelay *relay = g_new0(PtRelay, 1);
	relay->settings = pt_plug_settings_copy(settings);
	relay->env = *env;
	relay->source = g_strconcat("relay/", settings->name, NULL);
	relay->off_due_ns = off_due_ns;
	relay->noted = off_due_ns >= 0;
	relay->cycles = env->cycles ? env->cycles(env->user, settings->name) : 0;
	relay->off_since_ns = now_of(relay);
	relay->verify_due_ns = relay->retry_due_ns = -1;
	relay->wake = pt_wake_new(env->context, on_wake, relay);
	const PtRelayDriver *driver = settings->driver->relay;
	if (!driver) {
		relay->error = g_strdup_printf("driver %s is not part of this build", settings->driver->name);
		relay->off_due_ns = -1;
		return relay;
	}
	g_autoptr(GError) error = NULL;
	relay->port =
	    driver->open(relay->settings, env->context, (PtRelayHost){on_level, on_trouble, on_warn, relay}, &error);
	if (!relay->port)
		relay->error = g_strdup(error->message);
	else if (reachable(relay))
		make_safe(relay, "start");
	arm(relay);
	return relay;
}

void pt_relay_free(PtRelay *relay) {
	if (!relay)
		return;
	relay->closing = true;
	if (relay->port) {
		if (relay->settings->safe != PT_SAFE_KEEP && reachable(relay))
			enforce(relay, relay->settings->safe == PT_SAFE_ON, "stop", "safe state");
		relay->settings->driver->relay->close(relay->port);
	}
	pt_wake_free(relay->wake);
	pt_plug_settings_free(relay->settings);
	g_free(relay->source);
	g_free(relay->actor);
	g_free(relay->error);
	g_free(relay->warning);
	g_free(relay);
}

static gboolean refuse(PtRelay *relay, const PtRelayCommand *c, GError **error, PtErrorCode code, const char *why) {
	g_autofree char *detail = g_strdup_printf("%s refused: %s", pt_relay_order_words[c->order], why);
	publish(relay, PT_TOPIC_COMMAND, "refused", c->actor, detail, false);
	g_set_error(error, PT_ERROR, code, "relay %s: %s", relay->settings->name, detail);
	return FALSE;
}

static PtGuardRelay guarded(const PtRelay *relay) {
	bool off = relay->seen == PT_RELAY_OFF && relay->commanded != PT_RELAY_ON;
	PtRelayState state = relay->seen == PT_RELAY_OFF ? relay->commanded : relay->seen;
	return (PtGuardRelay){relay->settings, off, pt_relay_state_word(state), relay->off_since_ns};
}

/* Why it may not be switched on now, NULL: it may. Caller frees. */
static char *held_back(const PtRelay *relay) {
	const GPtrArray *all = relay->env.relays;
	PtGuardRelay self = guarded(relay);
	char *why = pt_guard_pause(&self, now_of(relay));
	for (guint i = 0; all && !why && i < all->len; i++) {
		PtGuardRelay other = guarded(g_ptr_array_index(all, i));
		why = pt_guard_interlock(&self, &other, now_of(relay));
	}
	return why;
}

/* How long the order lasts, 0: until the next one. */
static int64_t lasts(const PtRelay *relay, const PtRelayCommand *c) {
	const PtPlugSettings *s = relay->settings;
	int64_t ns = c->for_ns;
	if (c->order == PT_ORDER_OFF)
		return 0;
	if (c->order == PT_ORDER_PULSE || (!ns && s->mode == PT_MODE_MONOSTABLE))
		ns = s->pulse_ns ? s->pulse_ns : PT_RELAY_PULSE_NS;
	if (s->max_on_ns && (!ns || ns > s->max_on_ns))
		ns = s->max_on_ns;
	return ns;
}

gboolean pt_relay_command(PtRelay *relay, const PtRelayCommand *c, GError **error) {
	int64_t now = now_of(relay), age = now - c->issued_ns, ns = lasts(relay, c);
	if (age > PT_RELAY_STALE_NS || age < -PT_NS_PER_S)
		return refuse(relay, c, error, PT_ERROR_DENIED, "the order is older than 5 s; give it again");
	if (c->for_ns < 0 || c->for_ns > PT_RELAY_FOR_MAX_NS)
		return refuse(relay, c, error, PT_ERROR_INVALID, "for must be at most 7d");
	if (c->for_ns && c->order != PT_ORDER_ON)
		return refuse(relay, c, error, PT_ERROR_INVALID,
		              "for goes with on alone; a pulse is as long as the site file says");
	if (!relay->port)
		return refuse(relay, c, error, PT_ERROR_FAILED, relay->error ? relay->error : "not open");
	bool on = c->order != PT_ORDER_OFF, by_device = ns && own_timer(relay);
	g_autofree char *held = on ? held_back(relay) : NULL;
	if (held)
		return refuse(relay, c, error, PT_ERROR_DENIED, held);
	g_autofree char *span = ns ? pt_units_format_duration(ns) : NULL;
	g_autofree char *detail = span ? g_strdup_printf("for %s", span) : NULL;
	/* P5: its end is written down first, and after that (P6) the order; only then anything moves */
	bool becomes_safe = relay->settings->safe != PT_SAFE_KEEP && on == (relay->settings->safe == PT_SAFE_ON);
	g_autoptr(GError) not_noted = NULL;
	gboolean noted = !ns || by_device || note_off(relay, now + ns, &not_noted);
	if ((!noted || !write_down(relay, pt_relay_order_words[c->order], c->actor, detail, &not_noted)) && !becomes_safe) {
		g_autofree char *why = g_strdup_printf("it could not be written down first: %s", not_noted->message);
		return refuse(relay, c, error, PT_ERROR_DISK, why);
	}
	remember(relay, on, c->actor);
	relay->enforced = false;
	relay->misses = 0;
	relay->retry_due_ns = -1;
	relay->off_due_ns = ns ? now + ns : -1; /* also when the device counts: the hub looks after it */
	int64_t due = relay->off_due_ns;
	gboolean ok = drive(relay, on, by_device ? ns : 0, error);
	if (!ok) {
		publish(relay, PT_TOPIC_COMMAND, "failed", c->actor, relay->error, false);
		if (on && relay->off_due_ns == due) { /* it may have been done all the same: the end stays written down */
			if (!ns)
				relay->commanded = relay->seen;
		}
	} else if (relay->off_due_ns < 0 || by_device) {
		note_off(relay, -1, NULL);
	}
	arm(relay);
	return ok;
}

gboolean pt_relay_configure(PtRelay *relay, PtRelayMode mode, int64_t pulse_ns, PtContact contact, const char *actor,
                            GError **error) {
	PtPlugSettings *s = relay->settings;
	bool turned = s->contact != contact;
	g_autofree char *span = pt_units_format_duration(pulse_ns);
	g_autofree char *detail =
	    g_strdup_printf("%s, pulse %s, %s", pt_relay_mode_words[mode], span, pt_contact_words[contact]);
	if (!write_down(relay, "settings", actor, detail, error))
		return FALSE;
	s->mode = mode;
	s->pulse_ns = pulse_ns;
	if (!turned)
		return TRUE;
	/* the contact has not moved yet, so what is seen means the opposite */
	bool on = relay->commanded == PT_RELAY_UNKNOWN ? s->safe == PT_SAFE_ON : relay->commanded == PT_RELAY_ON;
	s->contact = contact;
	if (relay->seen == PT_RELAY_ON || relay->seen == PT_RELAY_OFF)
		relay->seen = relay->seen == PT_RELAY_ON ? PT_RELAY_OFF : PT_RELAY_ON;
	relay->commanded = on ? PT_RELAY_ON : PT_RELAY_OFF;
	g_autoptr(GError) cause = NULL;
	if (!drive(relay, on, 0, &cause)) /* away: it is made safe with the new contact when it returns */
		publish(relay, PT_TOPIC_COMMAND, "failed", actor, cause->message, false);
	arm(relay);
	return TRUE;
}

void pt_relay_view(const PtRelay *relay, PtRelayView *ret) {
	*ret = (PtRelayView){
	    .seen = relay->seen,
	    .seen_wall_ns = relay->seen_wall_ns,
	    .commanded = relay->commanded,
	    .actor = relay->actor,
	    .commanded_wall_ns = relay->commanded_wall_ns,
	    .off_due_ns = relay->off_due_ns,
	    .mismatch = reachable(relay) && relay->commanded != PT_RELAY_UNKNOWN && relay->commanded != relay->seen,
	    .error = relay->error,
	    .warning = relay->warning,
	    .cycles = relay->cycles,
	};
}

const PtPlugSettings *pt_relay_settings(const PtRelay *relay) { return relay->settings; }
