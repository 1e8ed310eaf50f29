/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/driver.h"
#include "plugs/relay.h"

int64_t pt_driver_now_ns(void) { return pt_mono_ns(pt_clock_system()); }

bool pt_driver_is_on(const PtPlugSettings *s, bool closed) { return closed == pt_relay_closed_for(true, s->contact); }

PtLevel pt_driver_level(const PtPlugSettings *s, bool on) {
	return pt_relay_closed_for(on, s->contact) ? PT_LEVEL_CLOSED : PT_LEVEL_OPEN;
}

GSource *pt_driver_every(GMainContext *context, unsigned seconds, GSourceFunc fn, void *port) {
	GSource *source = g_timeout_source_new_seconds(seconds);
	g_source_set_callback(source, fn, port, NULL);
	g_source_attach(source, context);
	return source;
}

void pt_driver_drop(GSource **source) {
	if (*source)
		g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}
