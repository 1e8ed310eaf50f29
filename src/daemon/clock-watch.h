/* When a camera's clock was set, told from how it is measured again and again: well, by the times in its stream, or roughly,
 * by a camera that takes seconds to answer. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"
#include "base/clock.h"

#define PT_CLOCK_STEP_NS (2 * PT_NS_PER_S) /* what a clock does by itself is less */

typedef struct {
	PtClockRow row;  /* what counts now; since_ns 0: nothing yet */
	bool rough;      /* it was measured roughly */
	int64_t seen_ns; /* the offset at the last look */
	bool seen;
} PtClockWatch;

/* A look at it: its clock less ours, on our axis at at_ns. True: row is another one now, to be written down. */
bool pt_clock_watch(PtClockWatch *watch, int64_t offset_ns, bool rough, int64_t at_ns);
/* The offset that counted by this row, of whatever time; where that is what is measured now, the better of the two. */
int64_t pt_clock_watch_offset(const PtClockWatch *watch, const PtClockRow *row, int64_t measured_ns);
