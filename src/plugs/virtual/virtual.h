/* The simulated board: inputs and relays that exist in memory. Tests and the demo drive it, and it is THE FILE TO COPY for
 * a new driver: virtual.c holds everything a driver needs (address keys, check, open, report, order, close) with a word on
 * each; hand.c is what only a simulation has, a hand from outside that flips the switches. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_virtual_driver;

#define PT_VIRTUAL_BOARD "board" /* the board of a site file that names none */
#define PT_VIRTUAL_CHANNELS 64   /* inputs and relays each, counted from 1 */

typedef struct PtVirtualBoard PtVirtualBoard;

/* The board of this name, made when it is first asked for, with a reference that the caller gives back. A board keeps its
 * switches as long as anybody holds it. All functions: on the plugs' thread. */
PtVirtualBoard *pt_virtual_board_get(const char *name);
PtVirtualBoard *pt_virtual_board_ref(PtVirtualBoard *board);
void pt_virtual_board_unref(PtVirtualBoard *board); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtVirtualBoard, pt_virtual_board_unref)

/* Flips a switch; mono_ns: when (0: now). FALSE: no such channel (1 .. PT_VIRTUAL_CHANNELS). */
gboolean pt_virtual_board_set_input(PtVirtualBoard *board, int channel, bool closed, int64_t mono_ns);
gboolean pt_virtual_board_input(PtVirtualBoard *board, int channel);
/* Whether the relay's contact is closed: the lamp. */
gboolean pt_virtual_board_relay(PtVirtualBoard *board, int channel);
/* Called at once for each contact that changes, until unwatched with the same pair; mono_ns: when it did. */
typedef void (*PtVirtualWatchFn)(void *user, int channel, bool closed, int64_t mono_ns);
void pt_virtual_board_watch(PtVirtualBoard *board, PtVirtualWatchFn fn, void *user);
void pt_virtual_board_unwatch(PtVirtualBoard *board, PtVirtualWatchFn fn, void *user);

/* Faults to test with. An unreachable board reports unknown and refuses orders; its relays keep their state, or drop
 * open when power_loss. A stuck relay takes orders and does not move. */
void pt_virtual_board_set_reachable(PtVirtualBoard *board, bool reachable, bool power_loss);
void pt_virtual_board_set_stuck(PtVirtualBoard *board, int channel, bool stuck);
/* Line broken or shorted: the input reports a fault. */
void pt_virtual_board_set_input_fault(PtVirtualBoard *board, int channel, bool fault);

/* ---- the hand (hand.c): the board for other processes ----
 * A Unix socket (SOCK_SEQPACKET, 0600); each packet one line of text without a newline.
 * To the board:   "input 1 closed 123456789" | "input 1 open" (CLOCK_MONOTONIC ns of the edge; without it: now)
 *                 "state"                      | "unreachable" | "reachable" | "stuck 1 on" | "stuck 1 off"
 * From the board: "relay 1 closed 123456789" at each change, at once; the answer to "state" is one such line per relay and
 *                 input that is in use, then "end"; "error TEXT" for a line that was not understood. */
typedef struct PtVirtualHand PtVirtualHand;
PtVirtualHand *pt_virtual_hand_new(PtVirtualBoard *board, const char *socket_path, GMainContext *context, GError **error);
void pt_virtual_hand_free(PtVirtualHand *hand); /* takes NULL */

/* For hand.c: calls fn for every channel some port is open on. */
void pt_virtual_board_each(PtVirtualBoard *board, void (*fn)(void *user, bool relay, int channel, bool closed), void *user);
