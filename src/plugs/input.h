/* An input as the rest of the program knows it: what the wire does (the driver's affair) becomes active, inactive,
 * unknown or fault, debounced, with the time of the edge, and goes to the bus. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

/* ---- debounce: pure, in whatever time it is fed ----
 * A level counts once it has stood for hold_ns; the change then carries the time of its first edge, however often the
 * contact bounced after that. */
typedef struct {
	int64_t hold_ns;
	PtLevel accepted, now; /* what counts, and what the wire does at the moment */
	int64_t first_ns;      /* first edge away from accepted; when unsettled */
	int64_t since_ns;      /* of the level now */
	bool unsettled;
} PtDebounce;

void pt_debounce_init(PtDebounce *debounce, int64_t hold_ns, PtLevel level);
/* Edges in order of their time. True: a change is accepted, with the time of its first edge. Unknown and fault are
 * accepted at once: they are no bouncing of a contact. */
bool pt_debounce_feed(PtDebounce *debounce, PtLevel level, int64_t mono_ns, PtLevel *ret_level, int64_t *ret_edge_ns);
/* The same for time passing without an edge. */
bool pt_debounce_tick(PtDebounce *debounce, int64_t now_ns, PtLevel *ret_level, int64_t *ret_edge_ns);
/* When pt_debounce_tick() has something to do; -1: not before the next edge. */
int64_t pt_debounce_due(const PtDebounce *debounce);

/* ---- the input ---- */

typedef enum { PT_INPUT_UNKNOWN, PT_INPUT_INACTIVE, PT_INPUT_ACTIVE, PT_INPUT_FAULT } PtInputState;
const char *pt_input_state_word(PtInputState state);
/* What a level means with this contact: normally-open is active when closed, normally-closed when open. */
PtInputState pt_input_state_of(PtLevel level, PtContact contact);

/* An edge that is reported later than this after it happened is logged as late and starts no rule. */
#define PT_INPUT_LATE_NS (10 * PT_NS_PER_S)

typedef struct PtInput PtInput;

/* Opens the driver's port. Never fails: an input that cannot be reached or opened is unknown, and says why. The first
 * known state is published as initial. settings are copied. */
PtInput *pt_input_new(const PtPlugSettings *settings, const PtPlugEnv *env);
void pt_input_free(PtInput *input); /* takes NULL */

const PtPlugSettings *pt_input_settings(const PtInput *input);
PtInputState pt_input_state(const PtInput *input);
/* Since when it is in this state (wall time; 0: since before the start), and what is wrong (NULL: nothing). */
int64_t pt_input_since_ns(const PtInput *input);
const char *pt_input_error(const PtInput *input);
/* Does what is due by the clock; called by the input itself when it runs under a main loop. */
void pt_input_tick(PtInput *input);
