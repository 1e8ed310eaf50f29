/* What drivers have in common: the time of what they report, what a level means and the other way round, timers on the
 * context of a port. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

int64_t pt_driver_now_ns(void); /* CLOCK_MONOTONIC, of an edge without a stamp of its own */

/* A device that says whether it is on, or is told so: which level that is with the contact used, and whether a level is it.
 */
PtLevel pt_driver_level(const PtPlugSettings *settings, bool on);
bool pt_driver_is_on(const PtPlugSettings *settings, bool closed);

/* fn again and again, every so many seconds, until it returns G_SOURCE_REMOVE or the source is dropped. */
GSource *pt_driver_every(GMainContext *context, unsigned seconds, GSourceFunc fn, void *port);
void pt_driver_drop(GSource **source); /* ends it, whether there is one or not */
