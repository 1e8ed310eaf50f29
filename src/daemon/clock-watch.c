/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/clock-watch.h"

#define FINE_NS (100 * PT_NS_PER_MS) /* what is measured well is kept that well */
#define ROUGH_STEP_NS (8 * PT_NS_PER_S)

/* One look alone may have fallen between the setting of a clock and the first that was measured by it. */
static bool is_steady(PtClockWatch *w, int64_t offset_ns) {
	bool steady = w->seen && ABS(offset_ns - w->seen_ns) < PT_NS_PER_S;
	w->seen = true;
	w->seen_ns = offset_ns;
	return steady;
}

/* What is measured roughly may be off by as much as a clock that was set. */
bool pt_clock_watch(PtClockWatch *w, int64_t offset_ns, bool rough, int64_t at_ns) {
	int64_t apart = ABS(offset_ns - w->row.offset_ns);
	bool same = w->row.since_ns && apart <= (rough || w->rough ? ROUGH_STEP_NS : PT_CLOCK_STEP_NS);
	if (!is_steady(w, offset_ns))
		return false;
	if (same && (rough || apart < FINE_NS)) {
		w->rough &= rough;
		return false;
	}
	w->row = (PtClockRow){same ? w->row.since_ns : at_ns, offset_ns};
	w->rough = rough;
	return true;
}

int64_t pt_clock_watch_offset(const PtClockWatch *w, const PtClockRow *row, int64_t measured_ns) {
	bool rough = w->rough && row->since_ns == w->row.since_ns;
	bool other = row->since_ns && ABS(row->offset_ns - measured_ns) > (rough ? ROUGH_STEP_NS : PT_CLOCK_STEP_NS);
	return other ? row->offset_ns : measured_ns;
}
