/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/control.h"
#include "base/error.h"
#include "onvif/client/answers.h"
#include <string.h>

#define MOVE_NS (2 * PT_NS_PER_S)

/* ---- one order ---- */

typedef struct {
	PtOnvifDoneFn fn;
	void *user;
} Order;

static void answered(void *user, const PtSoap *answer, const GError *error) {
	g_autofree Order *o = user;
	o->fn(o->user, error);
}

static const PtOnvifProfile *moving_profile(const PtOnvifFound *f) {
	for (guint i = 0; f && i < f->profiles->len; i++) {
		const PtOnvifProfile *p = g_ptr_array_index(f->profiles, i);
		if (p->ptz)
			return p;
	}
	return NULL;
}

static const PtOnvifFound *found_of(PtOnvifCamera *camera) {
	PtOnvifView v;
	pt_onvif_camera_view(camera, &v);
	return v.found;
}

/* body: taken. */
static void order(PtOnvifCamera *camera, PtOnvifService service, PtXml *body, PtOnvifDoneFn fn, void *user) {
	PtOnvifDevice *device = pt_onvif_camera_device(camera);
	if (!device || !body) {
		g_autoptr(GError) error =
		    device ? g_error_new_literal(PT_ERROR, PT_ERROR_UNSUPPORTED, "the camera cannot be moved")
		           : g_error_new_literal(PT_ERROR, PT_ERROR_CLOSED, "the camera cannot be reached");
		pt_xml_free(body);
		fn(user, error);
		return;
	}
	Order *o = g_new(Order, 1);
	*o = (Order){fn, user};
	pt_onvif_camera_call(camera, service, body, answered, o);
}

static void put_axes(PtXml *x, const char *name, double a, double b, bool two) {
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	pt_xml_open(x, name);
	pt_xml_attribute(x, "x", g_ascii_formatd(text, sizeof text, "%.3f", CLAMP(a, -1, 1)));
	if (two)
		pt_xml_attribute(x, "y", g_ascii_formatd(text, sizeof text, "%.3f", CLAMP(b, -1, 1)));
	pt_xml_close(x);
}

static PtXml *move_body(const PtOnvifProfile *p, double pan, double tilt, double zoom) {
	PtXml *x = pt_xml_new();
	bool stop = pan == 0 && tilt == 0 && zoom == 0;
	pt_xml_open(x, stop ? "tptz:Stop" : "tptz:ContinuousMove");
	pt_xml_put(x, "tptz:ProfileToken", p->token);
	if (stop) {
		pt_xml_put_bool(x, "tptz:PanTilt", true);
		pt_xml_put_bool(x, "tptz:Zoom", true);
	} else {
		pt_xml_open(x, "tptz:Velocity");
		if (pan != 0 || tilt != 0)
			put_axes(x, "tt:PanTilt", pan, tilt, true);
		if (zoom != 0)
			put_axes(x, "tt:Zoom", zoom, 0, false);
		pt_xml_close(x);
		pt_xml_put_duration(x, "tptz:Timeout", MOVE_NS);
	}
	pt_xml_close(x);
	return x;
}

void pt_onvif_move(PtOnvifCamera *camera, double pan, double tilt, double zoom, PtOnvifDoneFn fn, void *user) {
	const PtOnvifProfile *p = moving_profile(found_of(camera));
	order(camera, PT_ONVIF_PTZ, p ? move_body(p, pan, tilt, zoom) : NULL, fn, user);
}

void pt_onvif_goto_preset(PtOnvifCamera *camera, const char *token, PtOnvifDoneFn fn, void *user) {
	const PtOnvifProfile *p = moving_profile(found_of(camera));
	PtXml *x = p ? pt_xml_new() : NULL;
	if (p) {
		pt_xml_open(x, "tptz:GotoPreset");
		pt_xml_put(x, "tptz:ProfileToken", p->token);
		pt_xml_put(x, "tptz:PresetToken", token);
		pt_xml_close(x);
	}
	order(camera, PT_ONVIF_PTZ, x, fn, user);
}

static const char *source_of(PtOnvifCamera *camera) {
	const PtOnvifFound *f = found_of(camera);
	return f && f->main ? f->main->source : "";
}

void pt_onvif_set_ir_cut(PtOnvifCamera *camera, const char *mode, PtOnvifDoneFn fn, void *user) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "timg:SetImagingSettings");
	pt_xml_put(x, "timg:VideoSourceToken", source_of(camera));
	pt_xml_open(x, "timg:ImagingSettings");
	pt_xml_put(x, "tt:IrCutFilter", mode);
	pt_xml_close(x);
	pt_xml_put_bool(x, "timg:ForcePersistence", true);
	pt_xml_close(x);
	order(camera, PT_ONVIF_IMAGING, x, fn, user);
}

void pt_onvif_auxiliary(PtOnvifCamera *camera, const char *word, PtOnvifDoneFn fn, void *user) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:SendAuxiliaryCommand");
	pt_xml_put(x, "tds:AuxiliaryCommand", word);
	pt_xml_close(x);
	order(camera, PT_ONVIF_DEVICE, x, fn, user);
}

void pt_onvif_set_clock(PtOnvifCamera *camera, int64_t wall_ns, PtOnvifDoneFn fn, void *user) {
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(wall_ns / PT_NS_PER_S);
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:SetSystemDateAndTime");
	pt_xml_put(x, "tds:DateTimeType", "Manual");
	pt_xml_put_bool(x, "tds:DaylightSavings", false);
	pt_xml_open(x, "tds:UTCDateTime");
	pt_xml_open(x, "tt:Time");
	pt_xml_put_int(x, "tt:Hour", g_date_time_get_hour(t));
	pt_xml_put_int(x, "tt:Minute", g_date_time_get_minute(t));
	pt_xml_put_int(x, "tt:Second", g_date_time_get_second(t));
	pt_xml_close(x);
	pt_xml_open(x, "tt:Date");
	pt_xml_put_int(x, "tt:Year", g_date_time_get_year(t));
	pt_xml_put_int(x, "tt:Month", g_date_time_get_month(t));
	pt_xml_put_int(x, "tt:Day", g_date_time_get_day_of_month(t));
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_close(x);
	order(camera, PT_ONVIF_DEVICE, x, fn, user);
}

void pt_onvif_reboot(PtOnvifCamera *camera, PtOnvifDoneFn fn, void *user) {
	order(camera, PT_ONVIF_DEVICE, pt_onvif_request("tds:SystemReboot"), fn, user);
}

/* ---- what there is ---- */

typedef struct {
	PtOnvifCamera *camera;
	PtOnvifControls c;
	unsigned step;
	PtOnvifControlsFn fn;
	void *user;
} Asking;

static void take_capabilities(Asking *a, const PtSoap *answer) {
	g_strfreev(a->c.auxiliary);
	a->c.auxiliary = pt_onvif_read_auxiliary(answer);
}

static void take_imaging(Asking *a, const PtSoap *answer) { a->c.ir_cut = pt_onvif_read_ir_cut(answer); }

static void take_presets(Asking *a, const PtSoap *answer) {
	a->c.ptz = true;
	pt_onvif_read_presets(answer, a->c.presets);
}

static PtXml *ask_capabilities(PtOnvifCamera *camera) { return pt_onvif_request("tds:GetServiceCapabilities"); }

static PtXml *ask_imaging(PtOnvifCamera *camera) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "timg:GetImagingSettings");
	pt_xml_put(x, "timg:VideoSourceToken", source_of(camera));
	pt_xml_close(x);
	return x;
}

static PtXml *ask_presets(PtOnvifCamera *camera) {
	const PtOnvifProfile *p = moving_profile(found_of(camera));
	if (!p)
		return NULL;
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tptz:GetPresets");
	pt_xml_put(x, "tptz:ProfileToken", p->token);
	pt_xml_close(x);
	return x;
}

static const struct {
	PtOnvifService service;
	PtXml *(*ask)(PtOnvifCamera *camera);
	void (*take)(Asking *a, const PtSoap *answer);
} questions[] = {
    {PT_ONVIF_DEVICE, ask_capabilities, take_capabilities},
    {PT_ONVIF_IMAGING, ask_imaging, take_imaging},
    {PT_ONVIF_PTZ, ask_presets, take_presets},
};

static void finish(Asking *a, const GError *error) {
	a->fn(a->user, error ? NULL : &a->c, error);
	g_ptr_array_unref(a->c.presets);
	g_free(a->c.ir_cut);
	g_strfreev(a->c.auxiliary);
	pt_onvif_camera_unref(a->camera);
	g_free(a);
}

static void next(Asking *a);

static void told(void *user, const PtSoap *answer, const GError *error) {
	Asking *a = user;
	if (error && error->code == PT_ERROR_CLOSED) {
		finish(a, error);
		return;
	}
	if (answer) /* what a camera cannot tell it does not have */
		questions[a->step].take(a, answer);
	a->step++;
	next(a);
}

static void next(Asking *a) {
	for (; a->step < G_N_ELEMENTS(questions); a->step++) {
		PtOnvifDevice *device = pt_onvif_camera_device(a->camera);
		PtXml *body = device && pt_onvif_device_has(device, questions[a->step].service)
		                  ? questions[a->step].ask(a->camera)
		                  : NULL;
		if (!body)
			continue;
		pt_onvif_camera_call(a->camera, questions[a->step].service, body, told, a);
		return;
	}
	finish(a, NULL);
}

void pt_onvif_controls(PtOnvifCamera *camera, PtOnvifControlsFn fn, void *user) {
	if (!pt_onvif_camera_device(camera)) {
		g_autoptr(GError) error = g_error_new_literal(PT_ERROR, PT_ERROR_CLOSED, "the camera cannot be reached");
		fn(user, NULL, error);
		return;
	}
	Asking *a = g_new0(Asking, 1);
	a->camera = pt_onvif_camera_ref(camera);
	a->c.presets = pt_onvif_presets_new();
	a->c.auxiliary = g_new0(char *, 1);
	a->fn = fn;
	a->user = user;
	next(a);
}
