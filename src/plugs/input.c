/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/input.h"
#include "base/units.h"
#include "plugs/wake.h"

/* ---- debounce ---- */

void pt_debounce_init(PtDebounce *d, int64_t hold_ns, PtLevel level) {
	*d = (PtDebounce){.hold_ns = hold_ns, .accepted = level, .now = level};
}

static bool is_contact(PtLevel level) { return level == PT_LEVEL_OPEN || level == PT_LEVEL_CLOSED; }

static bool accept(PtDebounce *d, PtLevel *ret_level, int64_t *ret_edge_ns) {
	d->unsettled = false;
	if (d->now == d->accepted)
		return false; /* it came back: a disturbance, no change */
	*ret_level = d->accepted = d->now;
	*ret_edge_ns = d->first_ns;
	return true;
}

int64_t pt_debounce_due(const PtDebounce *d) { return d->unsettled ? d->since_ns + d->hold_ns : -1; }

bool pt_debounce_tick(PtDebounce *d, int64_t now_ns, PtLevel *ret_level, int64_t *ret_edge_ns) {
	return d->unsettled && now_ns >= pt_debounce_due(d) && accept(d, ret_level, ret_edge_ns);
}

bool pt_debounce_feed(PtDebounce *d, PtLevel level, int64_t mono_ns, PtLevel *ret_level, int64_t *ret_edge_ns) {
	/* what stood long enough before this edge has counted, even when nobody looked in between */
	bool before = pt_debounce_tick(d, mono_ns, ret_level, ret_edge_ns);
	if (level == d->now)
		return before;
	if (!d->unsettled) {
		d->unsettled = true;
		d->first_ns = mono_ns;
	}
	bool at_once = !d->hold_ns || !is_contact(level) || !is_contact(d->accepted);
	if (!is_contact(level))
		d->first_ns = mono_ns;
	d->now = level;
	d->since_ns = mono_ns;
	return at_once ? accept(d, ret_level, ret_edge_ns) || before : before;
}

/* ---- the input ---- */

struct PtInput {
	PtPlugSettings *settings;
	PtPlugEnv env;
	PtInputPort *port;
	PtDebounce debounce;
	PtInputState state, last_known; /* last_known: the last one that was active or inactive */
	int64_t since_wall_ns;
	int64_t off_due; /* monotonic: when an active one that is not heard of again is over; < 0: it is not */
	char *error;
	GSource *wake;
};

const char *pt_input_state_word(PtInputState state) {
	static const char *const words[] = {"unknown", "inactive", "active", "fault"};
	return words[state];
}

PtInputState pt_input_state_of(PtLevel level, PtContact contact) {
	if (level == PT_LEVEL_UNKNOWN)
		return PT_INPUT_UNKNOWN;
	if (level == PT_LEVEL_FAULT)
		return PT_INPUT_FAULT;
	return (level == PT_LEVEL_CLOSED) == (contact == PT_CONTACT_OPEN_NORMALLY) ? PT_INPUT_ACTIVE : PT_INPUT_INACTIVE;
}

static void publish(PtInput *input, PtLevel level, int64_t edge_ns, bool initial, const char *detail) {
	PtClock *clock = input->env.clock;
	int64_t now = pt_mono_ns(clock), age = MAX(now - edge_ns, 0);
	PtInputState state = pt_input_state_of(level, input->settings->contact);
	bool known = state == PT_INPUT_ACTIVE || state == PT_INPUT_INACTIVE;
	/* A device that says on return what it said before it left has nothing to report; one that says something else
	 * saw a change that was missed, and that is told. */
	bool returning = input->last_known == PT_INPUT_UNKNOWN || input->last_known == state;
	bool from_unknown = input->state == PT_INPUT_UNKNOWN;
	if (state == input->state)
		return;
	input->state = state;
	input->since_wall_ns = pt_wall_ns(clock) - age;
	if (known)
		input->last_known = state;
	g_autofree char *source = g_strconcat("input/", input->settings->name, NULL);
	PtEvent what = {.wall_ns = input->since_wall_ns,
	                .mono_ns = edge_ns,
	                .noticed_ns = now,
	                .source = source,
	                .topic = PT_TOPIC_INPUT,
	                .state = pt_input_state_word(state),
	                .detail = known ? detail : input->error,
	                .late = age > PT_INPUT_LATE_NS,
	                .initial = known && (initial || from_unknown) && returning};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	pt_bus_publish(input->env.bus, event);
}

static void arm(PtInput *input) {
	int64_t due = pt_debounce_due(&input->debounce), off = input->off_due;
	pt_wake_set(input->wake, input->env.clock, due < 0 || (off >= 0 && off < due) ? off : due);
}

/* Each report of active begins the time anew, a repeated one too: what lasts is not cut short. */
static void note_report(PtInput *input, PtLevel level) {
	bool active = pt_input_state_of(level, input->settings->contact) == PT_INPUT_ACTIVE;
	int64_t after = input->settings->off_after_ns;
	input->off_due = active && after ? pt_mono_ns(input->env.clock) + after : -1;
}

/* The device has forgotten to say that it is over. When it reports active once more, that is a new one. */
static void end_forgotten(PtInput *input) {
	const PtPlugSettings *s = input->settings;
	PtLevel over = s->contact == PT_CONTACT_OPEN_NORMALLY ? PT_LEVEL_OPEN : PT_LEVEL_CLOSED;
	g_autofree char *after = pt_units_format_duration(s->off_after_ns);
	g_autofree char *detail = g_strdup_printf("taken to be over: not reported active again for %s (off-after)", after);
	input->off_due = -1;
	pt_debounce_init(&input->debounce, input->debounce.hold_ns, over);
	publish(input, over, pt_mono_ns(input->env.clock), false, detail);
}

static void on_level(void *user, PtLevel level, int64_t mono_ns, bool initial) {
	PtInput *input = user;
	PtLevel accepted = PT_LEVEL_UNKNOWN;
	int64_t edge_ns = 0;
	note_report(input, level);
	if (pt_debounce_feed(&input->debounce, level, mono_ns, &accepted, &edge_ns))
		publish(input, accepted, edge_ns, initial, NULL);
	arm(input);
}

static void on_debounced(void *user, bool debounced) {
	PtInput *input = user;
	input->debounce.hold_ns = debounced ? 0 : input->settings->debounce_ns;
}

static void on_trouble(void *user, const char *why) {
	PtInput *input = user;
	g_free(input->error);
	input->error = g_strdup(why);
}

static void on_warn(void *user, const char *what) {
	PtInput *input = user;
	g_autofree char *source = g_strconcat("input/", input->settings->name, NULL);
	g_autoptr(PtEvent) event = pt_event_now(input->env.clock, source, PT_TOPIC_SYSTEM, "warning", NULL, what);
	pt_bus_publish(input->env.bus, event);
}

static void on_tamper(void *user, bool tampered, const char *why) {
	PtInput *input = user;
	g_autofree char *source = g_strconcat("input/", input->settings->name, NULL);
	g_autoptr(PtEvent) event =
	    pt_event_now(input->env.clock, source, PT_TOPIC_TAMPER, tampered ? "active" : "inactive", NULL, why);
	pt_bus_publish(input->env.bus, event);
}

void pt_input_tick(PtInput *input) {
	PtLevel accepted = PT_LEVEL_UNKNOWN;
	int64_t edge_ns = 0, now = pt_mono_ns(input->env.clock);
	if (pt_debounce_tick(&input->debounce, now, &accepted, &edge_ns))
		publish(input, accepted, edge_ns, false, NULL);
	if (input->off_due >= 0 && now >= input->off_due)
		end_forgotten(input);
	arm(input);
}

static void on_wake(void *data) { pt_input_tick(data); }

PtInput *pt_input_new(const PtPlugSettings *settings, const PtPlugEnv *env) {
	PtInput *input = g_new0(PtInput, 1);
	input->settings = pt_plug_settings_copy(settings);
	input->env = *env;
	input->off_due = -1;
	input->wake = pt_wake_new(env->context, on_wake, input);
	pt_debounce_init(&input->debounce, settings->debounce_ns, PT_LEVEL_UNKNOWN);
	const PtInputDriver *driver = settings->driver->input;
	if (!driver) {
		input->error = g_strdup_printf("driver %s is not part of this build", settings->driver->name);
		return input;
	}
	g_autoptr(GError) error = NULL;
	input->port = driver->open(input->settings, env->context,
	                           (PtInputHost){on_level, on_debounced, on_trouble, on_warn, on_tamper, input}, &error);
	if (!input->port)
		input->error = g_strdup(error->message);
	return input;
}

void pt_input_free(PtInput *input) {
	if (!input)
		return;
	if (input->port)
		input->settings->driver->input->close(input->port);
	pt_wake_free(input->wake);
	pt_plug_settings_free(input->settings);
	g_free(input->error);
	g_free(input);
}

const PtPlugSettings *pt_input_settings(const PtInput *input) { return input->settings; }
PtInputState pt_input_state(const PtInput *input) { return input->state; }
int64_t pt_input_since_ns(const PtInput *input) { return input->since_wall_ns; }
const char *pt_input_error(const PtInput *input) { return input->error; }
