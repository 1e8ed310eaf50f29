/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/hook.h"
#include "base/digest.h"
#include "plugs/driver.h"
#include <string.h>

#define TOUCH_S 1
#define TOKEN_MIN 16 /* characters: it is all that stands before the input */

struct PtInputPort {
	const PtPlugSettings *settings;
	GMainContext *context;
	PtInputHost host;
	GSource *release; /* of a touch */
	bool said;        /* its first state is known */
};

static GPtrArray *inputs; /* of PtInputPort *, those that are open; plugs' thread */

/* Whoever calls tells of what happens: what is active at the first call was not before it, and starts rules. */
static void tell(PtInputPort *port, bool active) {
	int64_t now_ns = pt_driver_now_ns();
	if (!port->said)
		port->host.level(port->host.user, pt_driver_level(port->settings, false), now_ns, true);
	port->said = true;
	port->host.level(port->host.user, pt_driver_level(port->settings, active), now_ns, false);
}

static gboolean on_release(gpointer data) {
	PtInputPort *port = data;
	tell(port, false);
	pt_driver_drop(&port->release);
	return G_SOURCE_REMOVE;
}

static bool is_token(const PtInputPort *port, const char *token) {
	const char *own = port->settings->secret;
	return strlen(token) == strlen(own) && pt_digest_equal(token, own, strlen(own));
}

bool pt_hook_set(const char *input, const char *token, PtHook what) {
	for (guint i = 0; inputs && i < inputs->len; i++) {
		PtInputPort *port = g_ptr_array_index(inputs, i);
		if (strcmp(port->settings->name, input) || !is_token(port, token))
			continue;
		pt_driver_drop(&port->release);
		if (what == PT_HOOK_TOUCH)
			port->release = pt_driver_every(port->context, TOUCH_S, on_release, port);
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
	pt_driver_drop(&port->release);
	g_ptr_array_remove(inputs, port);
	if (!inputs->len)
		g_clear_pointer(&inputs, g_ptr_array_unref);
	g_free(port);
}

void pt_hook_check(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	if (s->plug == PT_PLUG_INPUT && (!s->secret || strlen(s->secret) < TOKEN_MIN))
		pt_problem(problems, node,
		           "driver %s needs token: a name under tokens of secrets.yaml, of at least %d characters",
		           s->driver->name, TOKEN_MIN);
}

const PtInputDriver pt_hook_input = {.open = hook_open, .close = hook_close};
