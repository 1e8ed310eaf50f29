/* A line that is there is listened to (where its chip has no interrupts: looked at often), and looked at once a second: that
 * finds a chip that was pulled out (Linux 6.1 wakes nobody then) and a level that no edge told of. One that is not there, or
 * that somebody else has, is asked for at the same pace. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/gpio/gpio.h"
#include "base/error.h"
#include "plugs/driver.h"
#include "plugs/gpio/line.h"
#include <glib-unix.h>

#define LOOK_S 1
#define POLL_MS 20 /* without interrupts: contacts that people and things close stay closed for longer */
#define LOST_SAID_NS (60 * PT_NS_PER_S) /* so often at most it is told that edges were lost */

/* What inputs and relays have in common: a line that comes and goes. */
typedef struct {
	const PtPlugSettings *settings;
	GMainContext *context;
	PtGpioLine *line; /* NULL: it is not there */
	GSource *edges /* or often, without interrupts */, *look;
	char *trouble; /* NULL: none */
	void (*came)(void *port);
	void (*gone)(void *port, const char *why);     /* in new words each time */
	gboolean (*watch)(void *port, GError **error); /* FALSE: it is gone */
	void *port;
} Way;

struct PtInputPort {
	Way way;
	PtInputHost host;
	bool active;          /* as told last */
	unsigned lost;        /* edges, not told yet */
	int64_t lost_said_ns; /* 0: never */
};

struct PtRelayPort {
	Way way;
	PtRelayHost host;
	bool active;
};

/* ---- a line that comes and goes ---- */

static void lose(Way *way, const char *why) {
	pt_driver_drop(&way->edges);
	g_clear_pointer(&way->line, pt_gpio_line_free);
	if (!g_strcmp0(way->trouble, why))
		return;
	g_free(way->trouble);
	way->trouble = g_strdup(why);
	way->gone(way->port, why);
}

static void look_after(Way *way) {
	g_autoptr(GError) error = NULL;
	if (!way->watch(way->port, &error))
		lose(way, error->message);
}

static gboolean on_edges(int fd, GIOCondition condition, gpointer data) {
	look_after(data);
	return G_SOURCE_CONTINUE;
}

static gboolean on_poll(gpointer data) {
	look_after(data);
	return G_SOURCE_CONTINUE;
}

static void seek(Way *way) {
	g_autoptr(GError) error = NULL;
	way->line = pt_gpio_line_open(way->settings, &error);
	if (!way->line) {
		lose(way, error->message);
		return;
	}
	g_clear_pointer(&way->trouble, g_free);
	way->edges = way->line->polled ? g_timeout_source_new(POLL_MS)
	                               : g_unix_fd_source_new(way->line->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
	g_source_set_priority(way->edges, PT_PLUG_PRIORITY);
	g_source_set_callback(way->edges, way->line->polled ? on_poll : G_SOURCE_FUNC(on_edges), way, NULL);
	g_source_attach(way->edges, way->context);
	way->came(way->port);
}

static gboolean on_look(gpointer data) {
	Way *way = data;
	if (way->line)
		look_after(way);
	else
		seek(way);
	return G_SOURCE_CONTINUE;
}

static void way_begin(Way *way) {
	seek(way);
	way->look = pt_driver_every(way->context, LOOK_S, on_look, way);
}

static void way_end(Way *way) {
	pt_driver_drop(&way->look);
	pt_driver_drop(&way->edges);
	pt_gpio_line_free(way->line);
	g_free(way->trouble);
}

/* ---- inputs ---- */

static void tell_input(PtInputPort *port, bool active, int64_t mono_ns, bool initial) {
	port->active = active;
	port->host.level(port->host.user, active ? PT_LEVEL_CLOSED : PT_LEVEL_OPEN, mono_ns, initial);
}

static gboolean tell_edges(PtInputPort *port, bool *ret_any, GError **error) {
	PtGpioEdge edge;
	int found;
	while ((found = pt_gpio_line_next(port->way.line, &edge, error)) > 0) {
		*ret_any = true;
		tell_input(port, edge.active, edge.mono_ns, false);
	}
	return found == 0;
}

static void tell_lost(PtInputPort *port, unsigned lost) {
	int64_t now = pt_driver_now_ns();
	port->lost += lost;
	if (!port->lost || (port->lost_said_ns && now - port->lost_said_ns < LOST_SAID_NS))
		return;
	g_autofree char *text =
	    g_strdup_printf("%s: %u edges came faster than they could be read, or were not told of: its level was read "
	                    "again. A contact that bounces wants debounce",
	                    port->way.line->where, port->lost);
	port->lost = 0;
	port->lost_said_ns = now;
	port->host.warn(port->host.user, text);
}

/* The level is read between two looks at the edges: where none is waiting it has to be the one they left it at. */
static gboolean watch_input(void *data, GError **error) {
	PtInputPort *port = data;
	bool before = false, after = false, active;
	if (!tell_edges(port, &before, error) || !pt_gpio_line_get(port->way.line, &active, error) ||
	    !tell_edges(port, &after, error))
		return FALSE;
	unsigned lost = pt_gpio_line_lost(port->way.line);
	if (!after && active != port->active) {
		lost += !lost && !port->way.line->polled;
		tell_input(port, active, pt_driver_now_ns(), false);
	}
	tell_lost(port, lost);
	return TRUE;
}

static void input_gone(void *data, const char *why) {
	PtInputPort *port = data;
	port->host.trouble(port->host.user, why);
	port->host.level(port->host.user, PT_LEVEL_FAULT, pt_driver_now_ns(), false);
}

static void input_came(void *data) {
	PtInputPort *port = data;
	g_autoptr(GError) error = NULL;
	bool active;
	if (!pt_gpio_line_get(port->way.line, &active, &error)) {
		lose(&port->way, error->message);
		return;
	}
	port->host.trouble(port->host.user, NULL);
	port->host.debounced(port->host.user, port->way.line->debounced);
	tell_input(port, active, pt_driver_now_ns(), true);
}

static PtInputPort *input_open(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error) {
	PtInputPort *port = g_new0(PtInputPort, 1);
	port->host = host;
	port->way = (Way){.settings = settings,
	                  .context = context,
	                  .came = input_came,
	                  .gone = input_gone,
	                  .watch = watch_input,
	                  .port = port};
	way_begin(&port->way);
	return port;
}

static void input_close(PtInputPort *port) {
	way_end(&port->way);
	g_free(port);
}

/* ---- relays: the coil has current when the contact used is not as it normally is ---- */

static bool normally_closed(const PtRelayPort *port) { return port->way.settings->contact == PT_CONTACT_CLOSED_NORMALLY; }

static void tell_relay(PtRelayPort *port, bool active) {
	port->active = active;
	port->host.level(port->host.user, active != normally_closed(port) ? PT_LEVEL_CLOSED : PT_LEVEL_OPEN,
	                 pt_driver_now_ns());
}

static gboolean watch_relay(void *data, GError **error) {
	PtRelayPort *port = data;
	bool active;
	if (!pt_gpio_line_get(port->way.line, &active, error))
		return FALSE;
	if (active != port->active)
		tell_relay(port, active);
	return TRUE;
}

static void relay_gone(void *data, const char *why) {
	PtRelayPort *port = data;
	port->host.trouble(port->host.user, why);
	port->host.level(port->host.user, PT_LEVEL_FAULT, pt_driver_now_ns());
}

/* P5 as far as it can be seen from here: what the relay does while this program does not hold its line. */
static void check_released(const PtRelayPort *port) {
	const PtPlugSettings *s = port->way.settings;
	const PtGpioLine *line = port->way.line;
	if (s->safe == PT_SAFE_KEEP || line->was_active == (s->safe == PT_SAFE_ON))
		return;
	const char *found = line->was_active ? "on" : "off";
	g_autofree char *text = g_strdup_printf(
	    "%s stood at %s before this program took it, and that is not its safe state: at boot, or after a crash until "
	    "the next start, the relay is %s. Give the line a resistor or a bias to the other level; should the "
	    "chip go on driving a line that nobody holds, see doc/guide/gpio.md",
	    line->where, found, found);
	port->host.warn(port->host.user, text);
}

static void relay_came(void *data) {
	PtRelayPort *port = data;
	port->host.trouble(port->host.user, NULL);
	check_released(port);
	tell_relay(port, port->way.line->was_active);
}

static PtRelayPort *relay_open(const PtPlugSettings *settings, GMainContext *context, PtRelayHost host, GError **error) {
	PtRelayPort *port = g_new0(PtRelayPort, 1);
	port->host = host;
	port->way = (Way){.settings = settings,
	                  .context = context,
	                  .came = relay_came,
	                  .gone = relay_gone,
	                  .watch = watch_relay,
	                  .port = port};
	way_begin(&port->way);
	return port;
}

static gboolean relay_set(PtRelayPort *port, bool closed, int64_t for_ns, GError **error) {
	g_autoptr(GError) cause = NULL;
	if (!port->way.line) {
		pt_error_set(error, FAILED, "%s", port->way.trouble);
		return FALSE;
	}
	bool active = closed != normally_closed(port), seen;
	if (pt_gpio_line_set(port->way.line, active, &cause) && pt_gpio_line_get(port->way.line, &seen, &cause)) {
		tell_relay(port, seen);
		return TRUE;
	}
	g_propagate_error(error, g_error_copy(cause));
	lose(&port->way, cause->message);
	return FALSE;
}

static void relay_close(PtRelayPort *port) {
	way_end(&port->way);
	g_free(port);
}

/* ---- the address in the site file ---- */

static void check(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	if (!s->chip)
		pt_problem(problems, node,
		           "driver gpio needs chip: its name, number or label, such as gpiochip0 (gpiodetect lists them)");
	if (s->line_offset < 0 && !s->line_name)
		pt_problem(problems, node,
		           "driver gpio needs line: its number on the chip, or its name (gpioinfo lists them)");
}

static const char *const keys[] = {"chip", "line", "bias", "active", NULL};
static const PtInputDriver input_driver = {.open = input_open, .close = input_close};
static const PtRelayDriver relay_driver = {.open = relay_open, .set = relay_set, .close = relay_close};

const PtPlugDriver pt_gpio_driver = {
    .name = "gpio",
    .about = "lines of the machine itself",
    .keys = keys,
    .check = check,
    .input = &input_driver,
    .relay = &relay_driver,
};
