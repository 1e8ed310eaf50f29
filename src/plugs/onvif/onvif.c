/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/onvif/onvif.h"
#include "onvif/client/camera.h"

struct PtInputPort {
	PtOnvifCamera *camera;
	PtOnvifWatch *watch;
	PtInputHost host;
};

struct PtRelayPort {
	PtOnvifCamera *camera;
	PtOnvifWatch *watch;
	PtRelayHost host;
};

static PtLevel level_of(PtOnvifContact level) {
	static const PtLevel levels[] = {PT_LEVEL_UNKNOWN, PT_LEVEL_OPEN, PT_LEVEL_CLOSED};
	return levels[level];
}

static void input_changed(void *user, PtOnvifContact level, int64_t mono_ns, bool initial) {
	PtInputPort *port = user;
	port->host.level(port->host.user, level_of(level), mono_ns, initial);
}

static PtInputPort *input_open(const PtPlugSettings *s, GMainContext *context, PtInputHost host, GError **error) {
	PtInputPort *port = g_new0(PtInputPort, 1);
	port->host = host;
	port->camera = pt_onvif_camera_get(s->camera);
	port->watch = pt_onvif_camera_watch(port->camera, PT_ONVIF_PLUG_INPUT, s->token, 0, input_changed, port);
	return port;
}

static void input_close(PtInputPort *port) {
	pt_onvif_watch_free(port->watch);
	pt_onvif_camera_unref(port->camera);
	g_free(port);
}

static void relay_changed(void *user, PtOnvifContact level, int64_t mono_ns, bool initial) {
	PtRelayPort *port = user;
	port->host.level(port->host.user, level_of(level), mono_ns);
}

static PtRelayPort *relay_open(const PtPlugSettings *s, GMainContext *context, PtRelayHost host, GError **error) {
	PtRelayPort *port = g_new0(PtRelayPort, 1);
	port->host = host;
	port->camera = pt_onvif_camera_get(s->camera);
	port->watch = pt_onvif_camera_watch(port->camera, PT_ONVIF_PLUG_RELAY, s->token,
	                                    s->mode == PT_MODE_MONOSTABLE ? s->pulse_ns : 0, relay_changed, port);
	return port;
}

static gboolean relay_set(PtRelayPort *port, bool closed, int64_t for_ns, GError **error) {
	return pt_onvif_watch_set(port->watch, closed, for_ns, error);
}

static void relay_close(PtRelayPort *port) {
	pt_onvif_watch_free(port->watch);
	pt_onvif_camera_unref(port->camera);
	g_free(port);
}

static void check(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	if (!s->camera)
		pt_problem(problems, node, "driver onvif needs camera: the name of the camera it belongs to");
	if (!s->token)
		pt_problem(problems, node,
		           "driver onvif needs token: the camera's own name of the plug, such as AlarmIn_1 (pigtail "
		           "discover lists them)");
}

/* ONVIF Device IO: a monostable output has its delay in the camera. Some ignore it; the hub counts as well. */
static bool own_timer(const PtPlugSettings *s) { return s->mode == PT_MODE_MONOSTABLE; }

static const char *const keys[] = {"camera", "token", NULL};
static const PtInputDriver input_driver = {.open = input_open, .close = input_close};
static const PtRelayDriver relay_driver = {.open = relay_open, .set = relay_set, .close = relay_close};

const PtPlugDriver pt_onvif_driver = {
    .name = "onvif",
    .about = "the plugs of an ONVIF camera",
    .keys = keys,
    .check = check,
    .input = &input_driver,
    .relay = &relay_driver,
    .own_timer = own_timer,
};
