/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/adc/loop.h"

#define INFINITE 1e9
#define FAR 2.0 /* times beyond the band of what is expected: no bad joint any more, but a cut or a short */

double pt_loop_ohm(const PtLoopParams *loop, double ratio) {
	if (ratio >= 1)
		return INFINITE;
	double ohm = ratio <= 0 ? 0 : loop->pull_up_ohm * ratio / (1 - ratio);
	return ohm < INFINITE ? ohm : INFINITE;
}

static bool is_near(const PtLoopParams *loop, double ohm, double expected) {
	return ohm >= expected * (1 - loop->tolerance) && ohm <= expected * (1 + loop->tolerance);
}

bool pt_loop_is_sound(const PtLoopParams *loop) {
	double closed = loop->series_ohm, open = loop->series_ohm + loop->parallel_ohm;
	if (closed <= 0 && loop->parallel_ohm <= 0)
		return false;
	return loop->parallel_ohm <= 0 || closed * (1 + loop->tolerance) < open * (1 - loop->tolerance);
}

PtLoopState pt_loop_state(const PtLoopParams *loop, double ratio) {
	double ohm = pt_loop_ohm(loop, ratio), closed = loop->series_ohm, open = loop->series_ohm + loop->parallel_ohm;
	if (closed > 0 && is_near(loop, ohm, closed))
		return PT_LOOP_CLOSED;
	if (loop->parallel_ohm > 0 && is_near(loop, ohm, open))
		return PT_LOOP_OPEN;
	double least = closed > 0 ? closed : open, most = loop->parallel_ohm > 0 ? open : closed;
	if (ohm < least * (1 - loop->tolerance) / FAR)
		return closed > 0 ? PT_LOOP_SHORTED : PT_LOOP_CLOSED;
	if (ohm > most * (1 + loop->tolerance) * FAR)
		return loop->parallel_ohm > 0 ? PT_LOOP_CUT : PT_LOOP_OPEN;
	return PT_LOOP_STRANGE;
}
