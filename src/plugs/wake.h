/* A one-shot timer of the plugs' thread, at the priority of edges and with the resolution of the main loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"

GSource *pt_wake_new(GMainContext *context, void (*fn)(void *data), void *data);
/* at_mono_ns on clock; < 0: not at all. A clock that stands still (tests) never comes due by itself. */
void pt_wake_set(GSource *wake, PtClock *clock, int64_t at_mono_ns);
void pt_wake_free(GSource *wake);
