/* What keeps a relay from being switched on: another one it must never be on together with, and the pause that its load
 * needs. An off is never held back. And what is left of its contact's life. Pure: no clock, nothing kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

typedef struct {
	const PtPlugSettings *settings;
	bool off;             /* seen off, and not ordered on: nothing else is sure */
	const char *state;    /* in words, when it is not */
	int64_t off_since_ns; /* monotonic; counts when off */
} PtGuardRelay;

/* Why self must not go on: the other has the same interlock and is not surely off, or not yet for self's min-pause (a motor
 * that is to turn the other way). NULL: no reason. Caller frees. */
char *pt_guard_interlock(const PtGuardRelay *self, const PtGuardRelay *other, int64_t now_ns);
/* The same: it has not been off for min-pause. What is on already may be told so again. */
char *pt_guard_pause(const PtGuardRelay *self, int64_t now_ns);

/* What is told of a contact's life from nine tenths of it on, NULL: nothing, or it has no rated one. Caller frees. */
char *pt_guard_wear(int64_t rated_cycles, int64_t cycles);
/* Whether this is the cycle at which it is told: at nine tenths, at the end, and at every further tenth. */
bool pt_guard_wear_said_at(int64_t rated_cycles, int64_t cycles);
