/* A board without a battery clock: what is recorded and logged before its clock is set goes on from the last time that is
 * known, and is moved to when it happened once the true time is there. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "archive/eventlog.h"
#include "base/bus.h"

typedef struct PtUnsetClock PtUnsetClock;

/* last_ns: the newest wall time that log and archive know of; 0: they know none. Says what it does on stderr, and as events
 * of "system/clock": unset, set, repaired. All of them outlive it. */
PtUnsetClock *pt_unset_clock_new(PtClock *clock, PtBus *bus, PtArchive *archive, PtEventlog *log, int64_t last_ns);
/* Takes NULL. Waits for what is being moved. */
void pt_unset_clock_free(PtUnsetClock *unset);
