/* A supervised loop: what resistors at the end of a line tell of it. Pure.
 *
 *   reference ──[ pull-up ]──┬──────── line ────────[ series ]──┐
 *                           ADC                        ┌────────┴────────┐
 *                            │                      contact          [ parallel ]
 *   ground ──────────────────┴──────── line ───────────┴─────────────────┘
 *
 * Closed, the loop has series ohms; open, series + parallel. A line that is cut has more, one that is shorted less. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

typedef struct {
	double pull_up_ohm;
	double series_ohm;   /* 0: none; then a short cannot be told from a closed contact */
	double parallel_ohm; /* 0: none; then a cut cannot be told from an open contact */
	double tolerance;    /* of the loop's resistance, 0.01 .. 0.5 */
} PtLoopParams;

typedef enum {
	PT_LOOP_CLOSED,
	PT_LOOP_OPEN,
	PT_LOOP_SHORTED,
	PT_LOOP_CUT,
	PT_LOOP_STRANGE, /* none of these: another resistor, a bad joint, water */
} PtLoopState;

/* ratio: of the ADC's value to its full scale, 0 .. 1. */
PtLoopState pt_loop_state(const PtLoopParams *loop, double ratio);
/* Of the loop, in ohms; 1e9 and more: infinite. */
double pt_loop_ohm(const PtLoopParams *loop, double ratio);
/* Whether open and closed can be told apart. */
bool pt_loop_is_sound(const PtLoopParams *loop);
