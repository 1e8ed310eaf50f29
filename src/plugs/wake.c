/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/wake.h"
#include "plugs/plug.h"

typedef struct {
	GSource source;
	void (*fn)(void *data);
	void *data;
} Wake;

static gboolean dispatch(GSource *source, GSourceFunc unused, void *unused_data) {
	Wake *wake = (Wake *)source;
	g_source_set_ready_time(source, -1);
	wake->fn(wake->data);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs funcs = {.dispatch = dispatch};

GSource *pt_wake_new(GMainContext *context, void (*fn)(void *data), void *data) {
	GSource *source = g_source_new(&funcs, sizeof(Wake));
	((Wake *)source)->fn = fn;
	((Wake *)source)->data = data;
	g_source_set_priority(source, PT_PLUG_PRIORITY);
	g_source_attach(source, context);
	return source;
}

void pt_wake_set(GSource *source, PtClock *clock, int64_t at_mono_ns) {
	if (at_mono_ns < 0 || clock != pt_clock_system()) {
		g_source_set_ready_time(source, -1);
		return;
	}
	/* rounded up: woken a microsecond early it would only go round again */
	g_source_set_ready_time(source, at_mono_ns / 1000 + 1);
}

void pt_wake_free(GSource *source) {
	g_source_destroy(source);
	g_source_unref(source);
}
