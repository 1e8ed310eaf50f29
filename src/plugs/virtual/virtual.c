/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/virtual/virtual.h"
#include "base/error.h"
#include "plugs/driver.h"
#include <string.h>

/* ---- the device: what stands in for hardware. A real driver has a file descriptor or a connection here. ---- */

typedef struct {
	PtVirtualWatchFn fn;
	void *user;
} Watcher;

struct PtVirtualBoard {
	char *name;
	int refs;
	bool unreachable;
	bool input[PT_VIRTUAL_CHANNELS + 1], fault[PT_VIRTUAL_CHANNELS + 1]; /* [0] is not used; closed = true */
	bool relay[PT_VIRTUAL_CHANNELS + 1], stuck[PT_VIRTUAL_CHANNELS + 1];
	PtInputPort *inputs; /* those that are open, linked */
	PtRelayPort *relays;
	GArray *watchers; /* of Watcher */
};

/* A port is the driver's own struct: the settings, whom to report to, and what it needs of the device. */
struct PtInputPort {
	PtVirtualBoard *board;
	const PtPlugSettings *settings;
	PtInputHost host;
	PtInputPort *next;
};

struct PtRelayPort {
	PtVirtualBoard *board;
	const PtPlugSettings *settings;
	PtRelayHost host;
	PtRelayPort *next;
};

static GHashTable *boards; /* name -> board; plugs' thread only */

static bool valid(int channel) { return channel >= 1 && channel <= PT_VIRTUAL_CHANNELS; }

PtVirtualBoard *pt_virtual_board_get(const char *name) {
	if (!boards)
		boards = g_hash_table_new(g_str_hash, g_str_equal);
	PtVirtualBoard *board = g_hash_table_lookup(boards, name);
	if (board)
		return pt_virtual_board_ref(board);
	board = g_new0(PtVirtualBoard, 1);
	board->name = g_strdup(name);
	board->refs = 1;
	board->watchers = g_array_new(FALSE, FALSE, sizeof(Watcher));
	g_hash_table_insert(boards, board->name, board);
	return board;
}

PtVirtualBoard *pt_virtual_board_ref(PtVirtualBoard *board) {
	board->refs++;
	return board;
}

void pt_virtual_board_unref(PtVirtualBoard *board) {
	if (!board || --board->refs)
		return;
	g_hash_table_remove(boards, board->name);
	if (!g_hash_table_size(boards))
		g_clear_pointer(&boards, g_hash_table_unref);
	g_array_unref(board->watchers);
	g_free(board->name);
	g_free(board);
}

/* ---- reporting: a driver says what the wire does, with the best time it knows, and nothing more ---- */

static void report_input(PtInputPort *port, int64_t mono_ns, bool initial) {
	PtVirtualBoard *board = port->board;
	int channel = port->settings->channel;
	PtLevel level = board->unreachable      ? PT_LEVEL_UNKNOWN
	                : board->fault[channel] ? PT_LEVEL_FAULT
	                : board->input[channel] ? PT_LEVEL_CLOSED
	                                        : PT_LEVEL_OPEN;
	port->host.level(port->host.user, level, mono_ns, initial);
}

static void report_relay(PtRelayPort *port, int64_t mono_ns) {
	PtVirtualBoard *board = port->board;
	PtLevel level = board->unreachable                      ? PT_LEVEL_UNKNOWN
	                : board->relay[port->settings->channel] ? PT_LEVEL_CLOSED
	                                                        : PT_LEVEL_OPEN;
	port->host.level(port->host.user, level, mono_ns);
}

static void report_inputs(PtVirtualBoard *board, int channel, int64_t mono_ns, bool initial) {
	for (PtInputPort *port = board->inputs, *next; port; port = next) {
		next = port->next;
		if (!channel || port->settings->channel == channel)
			report_input(port, mono_ns, initial);
	}
}

/* The contact moves: whoever watches the lamp sees it first, then the host hears it read back. */
static void move(PtVirtualBoard *board, int channel, bool closed) {
	int64_t now = pt_driver_now_ns();
	if (board->relay[channel] == closed)
		return;
	board->relay[channel] = closed;
	for (guint i = 0; i < board->watchers->len; i++) {
		Watcher w = g_array_index(board->watchers, Watcher, i);
		w.fn(w.user, channel, closed, now);
	}
	for (PtRelayPort *port = board->relays; port; port = port->next)
		if (port->settings->channel == channel)
			report_relay(port, now);
}

/* ---- the contract: inputs ---- */

static PtInputPort *input_open(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error) {
	/* A real driver begins to watch its device here: a GUnixFDSource of PT_PLUG_PRIORITY on context, or requests over
	 * the network. Return NULL only for what can never work; a device that is away is reported as unknown. */
	PtInputPort *port = g_new0(PtInputPort, 1);
	port->board = pt_virtual_board_get(settings->board ? settings->board : PT_VIRTUAL_BOARD);
	port->settings = settings;
	port->host = host;
	port->next = port->board->inputs;
	port->board->inputs = port;
	report_input(port, pt_driver_now_ns(), true);
	return port;
}

static void input_close(PtInputPort *port) {
	for (PtInputPort **p = &port->board->inputs; *p; p = &(*p)->next)
		if (*p == port) {
			*p = port->next;
			break;
		}
	pt_virtual_board_unref(port->board);
	g_free(port);
}

/* ---- the contract: relays ---- */

static PtRelayPort *relay_open(const PtPlugSettings *settings, GMainContext *context, PtRelayHost host, GError **error) {
	PtRelayPort *port = g_new0(PtRelayPort, 1);
	port->board = pt_virtual_board_get(settings->board ? settings->board : PT_VIRTUAL_BOARD);
	port->settings = settings;
	port->host = host;
	port->next = port->board->relays;
	port->board->relays = port;
	report_relay(port, pt_driver_now_ns());
	return port;
}

static gboolean relay_set(PtRelayPort *port, bool closed, int64_t for_ns, GError **error) {
	/* for_ns is 0 here, because this driver does not claim a timer of its own: relay.c counts for it. */
	PtVirtualBoard *board = port->board;
	if (board->unreachable) {
		pt_error_set(error, TIMEOUT, "the board %s is not reachable", board->name);
		return FALSE; /* and never keep the order for later: P5 */
	}
	if (!board->stuck[port->settings->channel])
		move(board, port->settings->channel, closed);
	return TRUE;
}

static void relay_close(PtRelayPort *port) {
	for (PtRelayPort **p = &port->board->relays; *p; p = &(*p)->next)
		if (*p == port) {
			*p = port->next;
			break;
		}
	pt_virtual_board_unref(port->board);
	g_free(port);
}

/* ---- the contract: the address in the site file ---- */

static void check(const PtPlugSettings *settings, const PtNode *node, GPtrArray *problems) {
	if (settings->channel < 1)
		pt_problem(problems, node, "driver virtual needs channel: a number from 1 to %d on its board",
		           PT_VIRTUAL_CHANNELS);
	else if (!valid(settings->channel))
		pt_problem(problems, node, "channel %d is not from 1 to %d", settings->channel, PT_VIRTUAL_CHANNELS);
}

static const char *const keys[] = {"board", "channel", NULL};
static const PtInputDriver input_driver = {.open = input_open, .close = input_close};
static const PtRelayDriver relay_driver = {.open = relay_open, .set = relay_set, .close = relay_close};

const PtPlugDriver pt_virtual_driver = {
    .name = "virtual",
    .about = "a simulated board",
    .keys = keys,
    .check = check,
    .input = &input_driver,
    .relay = &relay_driver,
};

/* ---- the board from the other side: switches, lamps, faults ---- */

gboolean pt_virtual_board_set_input(PtVirtualBoard *board, int channel, bool closed, int64_t mono_ns) {
	if (!valid(channel))
		return FALSE;
	if (board->input[channel] != closed) {
		board->input[channel] = closed;
		report_inputs(board, channel, mono_ns ? mono_ns : pt_driver_now_ns(), false);
	}
	return TRUE;
}

gboolean pt_virtual_board_input(PtVirtualBoard *board, int channel) { return valid(channel) && board->input[channel]; }
gboolean pt_virtual_board_relay(PtVirtualBoard *board, int channel) { return valid(channel) && board->relay[channel]; }

void pt_virtual_board_watch(PtVirtualBoard *board, PtVirtualWatchFn fn, void *user) {
	Watcher w = {fn, user};
	g_array_append_val(board->watchers, w);
}

void pt_virtual_board_unwatch(PtVirtualBoard *board, PtVirtualWatchFn fn, void *user) {
	for (guint i = 0; i < board->watchers->len; i++) {
		Watcher *w = &g_array_index(board->watchers, Watcher, i);
		if (w->fn == fn && w->user == user) {
			g_array_remove_index(board->watchers, i);
			return;
		}
	}
}

void pt_virtual_board_set_reachable(PtVirtualBoard *board, bool reachable, bool power_loss) {
	int64_t now = pt_driver_now_ns();
	board->unreachable = !reachable;
	for (int i = 1; power_loss && i <= PT_VIRTUAL_CHANNELS; i++)
		board->relay[i] = false;
	report_inputs(board, 0, now, reachable);
	for (PtRelayPort *port = board->relays, *next; port; port = next) {
		next = port->next;
		report_relay(port, now);
	}
}

void pt_virtual_board_set_stuck(PtVirtualBoard *board, int channel, bool stuck) {
	if (valid(channel))
		board->stuck[channel] = stuck;
}

void pt_virtual_board_set_input_fault(PtVirtualBoard *board, int channel, bool fault) {
	if (!valid(channel))
		return;
	board->fault[channel] = fault;
	report_inputs(board, channel, pt_driver_now_ns(), false);
}

void pt_virtual_board_each(PtVirtualBoard *board, void (*fn)(void *, bool, int, bool), void *user) {
	for (PtInputPort *port = board->inputs; port; port = port->next)
		fn(user, false, port->settings->channel, board->input[port->settings->channel]);
	for (PtRelayPort *port = board->relays; port; port = port->next)
		fn(user, true, port->settings->channel, board->relay[port->settings->channel]);
}
