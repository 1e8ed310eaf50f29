/* The inputs of this driver: webhooks, which web/api-plugs.c takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/http/internal.h"
#include <string.h>

#define TOUCH_S 1

struct PtInputPort {
	const PtPlugSettings *settings;
	GMainContext *context;
	PtInputHost host;
	GSource *release; /* of a touch */
	bool said;        /* its first state is known */
};

static GPtrArray *inputs; /* of PtInputPort *, those that are open; plugs' thread */

static void tell(PtInputPort *port, bool active) {
	port->host.level(port->host.user, pt_http_level(port->settings, active), pt_mono_ns(pt_clock_system()),
	                 !port->said && !active);
	port->said = true;
}

static gboolean on_release(gpointer data) {
	PtInputPort *port = data;
	tell(port, false);
	pt_http_drop(&port->release);
	return G_SOURCE_REMOVE;
}

/* In a time that does not depend on where they differ. */
static bool same(const char *a, const char *b) {
	g_autofree char *da = g_compute_checksum_for_string(G_CHECKSUM_SHA256, a, -1);
	g_autofree char *db = g_compute_checksum_for_string(G_CHECKSUM_SHA256, b, -1);
	return !strcmp(da, db);
}

bool pt_http_hook(const char *input, const char *token, PtHook what) {
	for (guint i = 0; inputs && i < inputs->len; i++) {
		PtInputPort *port = g_ptr_array_index(inputs, i);
		if (strcmp(port->settings->name, input) || !same(port->settings->secret, token))
			continue;
		pt_http_drop(&port->release);
		if (what == PT_HOOK_TOUCH)
			port->release = pt_http_after(port->context, TOUCH_S, on_release, port);
		tell(port, what != PT_HOOK_INACTIVE);
		return true;
	}
	return false;
}

static PtInputPort *hook_open(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error) {
	PtInputPort *port = g_new0(PtInputPort, 1);
	*port = (PtInputPort){.settings = settings, .context = context, .host = host};
	inputs = inputs ? inputs : g_ptr_array_new();
	g_ptr_array_add(inputs, port);
	return port;
}

static void hook_close(PtInputPort *port) {
	pt_http_drop(&port->release);
	g_ptr_array_remove(inputs, port);
	if (!inputs->len)
		g_clear_pointer(&inputs, g_ptr_array_unref);
	g_free(port);
}

const PtInputDriver pt_http_input = {.open = hook_open, .close = hook_close};
