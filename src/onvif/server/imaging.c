/* Imaging service: the infrared cut filter where a plug moves one; our sources have nothing else to turn. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/profiles.h"
#include <string.h>

static void put_capabilities(PtCall *c) {
	pt_xml_open(c->out, "timg:Capabilities");
	pt_xml_attribute_bool(c->out, "ImageStabilization", false);
	pt_xml_attribute_bool(c->out, "Presets", false);
	pt_xml_close(c->out);
}

/* The camera asked about; NULL: a fault is set. */
static const char *source(PtCall *c) {
	const char *token = pt_call_text(c, "timg:VideoSourceToken");
	GArray *streams = pt_call_streams(c);
	for (guint i = 0; i < streams->len; i++)
		if (!strcmp(g_array_index(streams, PtOnvifStream, i).camera, token))
			return token;
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoSource", "there is no video source '%.64s'", token);
	return NULL;
}

static bool filter(PtCall *c, const char *camera, bool *ret_day) {
	const PtOnvifHost *h = &c->server->host;
	return h->ir_cut && h->ir_cut(h->data, camera, ret_day);
}

static void get_settings(PtCall *c) {
	const char *camera = source(c);
	bool day = true;
	if (!camera)
		return;
	pt_xml_open(c->out, "timg:ImagingSettings");
	if (filter(c, camera, &day))
		pt_xml_put(c->out, "tt:IrCutFilter", day ? "ON" : "OFF");
	pt_xml_close(c->out);
}

static void get_options(PtCall *c) {
	const char *camera = source(c);
	bool day;
	if (!camera)
		return;
	pt_xml_open(c->out, "timg:ImagingOptions");
	if (filter(c, camera, &day)) {
		pt_xml_put(c->out, "tt:IrCutFilterModes", "ON");
		pt_xml_put(c->out, "tt:IrCutFilterModes", "OFF");
	}
	pt_xml_close(c->out);
}

static void set_settings(PtCall *c) {
	const char *camera = source(c);
	const PtOnvifHost *h = &c->server->host;
	const PtXmlNode *in = pt_xml_child(c->in, "timg:ImagingSettings");
	const char *wanted = NULL;
	bool day;
	if (!camera)
		return;
	for (const PtXmlNode *n = pt_xml_child(in, "*"); n; n = pt_xml_next(n, "*")) {
		if (!pt_xml_is(n, "tt:IrCutFilter") || !filter(c, camera, &day)) {
			pt_call_fault(c, "ter:InvalidArgVal", "ter:SettingsInvalid", "%s cannot be set here",
			              pt_xml_name(n));
			return;
		}
		wanted = pt_xml_value(n);
	}
	if (!wanted)
		return;
	g_autofree char *actor = pt_call_actor(c);
	g_autoptr(GError) error = NULL;
	if (strcmp(wanted, "ON") && strcmp(wanted, "OFF"))
		pt_call_fault(c, "ter:InvalidArgVal", "ter:SettingsInvalid", "IrCutFilter is ON or OFF, not '%.20s'",
		              wanted);
	else if (!h->set_ir_cut || !h->set_ir_cut(h->data, camera, !strcmp(wanted, "ON"), actor, &error))
		pt_call_fault(c, "ter:Action", NULL, "%s", error ? error->message : "the filter cannot be moved");
}

/* GetMoveOptions, GetStatus: a lens that does not move has neither. */
static void nothing_moves(PtCall *c) {
	if (!source(c))
		return;
	pt_xml_open(c->out, c->operation->arg ? "timg:Status" : "timg:MoveOptions");
	pt_xml_close(c->out);
}

static void cannot_move(PtCall *c) {
	if (source(c))
		pt_call_fault(c, "ter:ActionNotSupported", "ter:NoImagingForSource",
		              "the lens of this source does not move");
}

static void no_presets(PtCall *c) {
	if (source(c))
		pt_call_fault(c, "ter:ActionNotSupported", NULL, "there are no imaging presets here");
}

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetImagingSettings", PT_ACCESS_READ_MEDIA, get_settings},
    {"SetImagingSettings", PT_ACCESS_ACTUATE, set_settings},
    {"GetOptions", PT_ACCESS_READ_MEDIA, get_options},
    {"GetMoveOptions", PT_ACCESS_READ_MEDIA, nothing_moves},
    {"GetStatus", PT_ACCESS_READ_MEDIA, nothing_moves, NULL, 1},
    {"Move", PT_ACCESS_ACTUATE, cannot_move},
    {"Stop", PT_ACCESS_ACTUATE, cannot_move},
    {"GetPresets", PT_ACCESS_READ_MEDIA, no_presets},
    {"GetCurrentPreset", PT_ACCESS_READ_MEDIA, no_presets},
    {"SetCurrentPreset", PT_ACCESS_ACTUATE, no_presets},
    {NULL},
};

const PtService pt_service_imaging = {"timg", "/onvif/imaging_service", 19, 6, put_capabilities, operations};
