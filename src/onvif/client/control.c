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

static void open_clock(PtXml *x, const char *type) {
	pt_xml_open(x, "tds:SetSystemDateAndTime");
	pt_xml_put(x, "tds:DateTimeType", type);
	pt_xml_put_bool(x, "tds:DaylightSavings", false);
}

void pt_onvif_set_clock(PtOnvifCamera *camera, int64_t wall_ns, PtOnvifDoneFn fn, void *user) {
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(wall_ns / PT_NS_PER_S);
	PtXml *x = pt_xml_new();
	open_clock(x, "Manual");
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

/* ---- one order after the other ---- */

typedef struct {
	PtOnvifCamera *camera; /* a reference */
	char *token;           /* of a mask */
	int enabled;
	GArray *points;
	PtOnvifDoneFn fn;
	void *user;
} Twice;

static Twice *twice_new(PtOnvifCamera *camera, PtOnvifDoneFn fn, void *user) {
	Twice *t = g_new0(Twice, 1);
	*t = (Twice){.camera = pt_onvif_camera_ref(camera), .fn = fn, .user = user};
	return t;
}

static void twice_done(void *user, const GError *error) {
	Twice *t = user;
	t->fn(t->user, error);
	pt_onvif_camera_unref(t->camera);
	g_clear_pointer(&t->points, g_array_unref);
	g_free(t->token);
	g_free(t);
}

static void ntp_set(void *user, const GError *error) {
	Twice *t = user;
	if (error) {
		twice_done(t, error);
		return;
	}
	PtXml *x = pt_xml_new();
	open_clock(x, "NTP");
	pt_xml_close(x);
	order(t->camera, PT_ONVIF_DEVICE, x, twice_done, t);
}

static void put_server(PtXml *x, const char *server) {
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(server);
	bool v6 = address && g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6;
	pt_xml_open(x, "tds:NTPManual");
	pt_xml_put(x, "tt:Type", !address ? "DNS" : v6 ? "IPv6" : "IPv4");
	pt_xml_put(x, !address ? "tt:DNSname" : v6 ? "tt:IPv6Address" : "tt:IPv4Address", server);
	pt_xml_close(x);
}

void pt_onvif_set_ntp(PtOnvifCamera *camera, const char *servers, PtOnvifDoneFn fn, void *user) {
	g_auto(GStrv) list = g_strsplit(servers ? servers : "", " ", 8);
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:SetNTP");
	pt_xml_put_bool(x, "tds:FromDHCP", !servers || !*servers);
	for (char **s = list; *s; s++)
		if (**s)
			put_server(x, *s);
	pt_xml_close(x);
	order(camera, PT_ONVIF_DEVICE, x, ntp_set, twice_new(camera, fn, user));
}

/* ---- masks: ONVIF Media2 §5.9 ---- */

static PtXml *ask_masks_of(const char *name, const char *token) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, name);
	pt_xml_put(x, "tr2:Token", token);
	pt_xml_close(x);
	return x;
}

static void put_polygon(PtXml *x, const GArray *points) {
	pt_xml_open(x, "tr2:Polygon");
	for (guint i = 0; i < points->len; i++) {
		const PtOnvifPoint *p = &g_array_index(points, PtOnvifPoint, i);
		put_axes(x, "tt:Point", p->x, p->y, true);
	}
	pt_xml_close(x);
}

static void put_part(PtXml *x, const PtXmlNode *mask, const char *name) {
	const PtXmlNode *part = pt_xml_child(mask, name);
	if (part)
		pt_xml_append_node(x, part);
}

/* The camera's own, with what is to be different. */
static PtXml *changed_mask(const Twice *t, const PtXmlNode *mask) {
	PtXml *x = pt_xml_new();
	bool enabled = false;
	pt_xml_bool(pt_xml_value_at(mask, "Enabled"), &enabled);
	pt_xml_open(x, "tr2:SetMask");
	pt_xml_open(x, "tr2:Mask");
	pt_xml_attribute(x, "token", t->token);
	put_part(x, mask, "ConfigurationToken");
	if (t->points)
		put_polygon(x, t->points);
	else
		put_part(x, mask, "Polygon");
	put_part(x, mask, "Type");
	put_part(x, mask, "Color");
	pt_xml_put_bool(x, "tr2:Enabled", t->enabled < 0 ? enabled : t->enabled);
	pt_xml_close(x);
	pt_xml_close(x);
	return x;
}

static void mask_known(void *user, const PtSoap *answer, const GError *error) {
	Twice *t = user;
	const PtXmlNode *mask = answer ? pt_xml_child(answer->body, "Masks") : NULL;
	while (mask && g_strcmp0(pt_xml_get(mask, "token"), t->token))
		mask = pt_xml_next(mask, "Masks");
	if (mask) {
		order(t->camera, PT_ONVIF_MEDIA2, changed_mask(t, mask), twice_done, t);
		return;
	}
	g_autoptr(GError) none =
	    error ? g_error_copy(error) : g_error_new(PT_ERROR, PT_ERROR_NOT_FOUND, "the camera has no mask '%s'", t->token);
	twice_done(t, none);
}

static PtXml *new_mask(const char *view, const GArray *points) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tr2:CreateMask");
	pt_xml_open(x, "tr2:Mask");
	pt_xml_attribute(x, "token", "");
	pt_xml_put(x, "tr2:ConfigurationToken", view);
	put_polygon(x, points);
	pt_xml_put(x, "tr2:Type", "Color");
	pt_xml_open(x, "tr2:Color"); /* black */
	pt_xml_attribute(x, "X", "16");
	pt_xml_attribute(x, "Y", "128");
	pt_xml_attribute(x, "Z", "128");
	pt_xml_attribute(x, "Colorspace", "http://www.onvif.org/ver10/colorspace/YCbCr");
	pt_xml_close(x);
	pt_xml_put_bool(x, "tr2:Enabled", true);
	pt_xml_close(x);
	pt_xml_close(x);
	return x;
}

void pt_onvif_change_mask(PtOnvifCamera *camera, const char *token, int enabled, const GArray *points, PtOnvifDoneFn fn,
                          void *user) {
	const PtOnvifFound *f = found_of(camera);
	if (!token) {
		order(camera, PT_ONVIF_MEDIA2, new_mask(f && f->main ? f->main->view : "", points), fn, user);
		return;
	}
	if (!pt_onvif_camera_device(camera)) {
		order(camera, PT_ONVIF_MEDIA2, NULL, fn, user); /* which says so */
		return;
	}
	Twice *t = twice_new(camera, fn, user);
	t->token = g_strdup(token);
	t->enabled = enabled;
	t->points = points ? g_array_ref((GArray *)points) : NULL;
	pt_onvif_camera_call(camera, PT_ONVIF_MEDIA2, ask_masks_of("tr2:GetMasks", token), mask_known, t);
}

void pt_onvif_remove_mask(PtOnvifCamera *camera, const char *token, PtOnvifDoneFn fn, void *user) {
	order(camera, PT_ONVIF_MEDIA2, ask_masks_of("tr2:DeleteMask", token), fn, user);
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

static void take_ntp(Asking *a, const PtSoap *answer) { a->c.ntp = pt_onvif_read_ntp(answer, &a->c.ntp_from_dhcp); }
static void take_users(Asking *a, const PtSoap *answer) { pt_onvif_read_users(answer, a->c.users); }

static void take_masks(Asking *a, const PtSoap *answer) {
	a->c.has_masks = true;
	pt_onvif_read_masks(answer, a->c.masks);
}

static PtXml *ask_ntp(PtOnvifCamera *camera) { return pt_onvif_request("tds:GetNTP"); }
static PtXml *ask_users(PtOnvifCamera *camera) { return pt_onvif_request("tds:GetUsers"); }

static PtXml *ask_masks(PtOnvifCamera *camera) {
	const PtOnvifFound *f = found_of(camera);
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tr2:GetMasks");
	if (f && f->main && *f->main->view)
		pt_xml_put(x, "tr2:ConfigurationToken", f->main->view);
	pt_xml_close(x);
	return x;
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
    {PT_ONVIF_MEDIA2, ask_masks, take_masks},
    {PT_ONVIF_DEVICE, ask_ntp, take_ntp},
    {PT_ONVIF_DEVICE, ask_users, take_users},
};

static void finish(Asking *a, const GError *error) {
	a->fn(a->user, error ? NULL : &a->c, error);
	g_ptr_array_unref(a->c.presets);
	g_ptr_array_unref(a->c.masks);
	g_ptr_array_unref(a->c.users);
	g_free(a->c.ntp);
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
	a->c.masks = pt_onvif_masks_new();
	a->c.users = g_ptr_array_new_with_free_func(g_free);
	a->c.auxiliary = g_new0(char *, 1);
	a->fn = fn;
	a->user = user;
	next(a);
}
