/* Media2 service, ver20 (Profile T): the same profiles and configurations, and H.265. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/encoders.h"
#include "onvif/server/osd.h"
#include <string.h>

static void put_capabilities(PtCall *c) {
	PtXml *x = c->out;
	pt_xml_open(x, "tr2:Capabilities");
	pt_xml_attribute_bool(x, "SnapshotUri", c->server->host.snapshot != NULL);
	pt_xml_attribute_bool(x, "Rotation", false);
	pt_xml_attribute_bool(x, "VideoSourceMode", false);
	pt_xml_attribute_bool(x, "OSD", true);
	pt_xml_attribute_bool(x, "Mask", false);
	pt_xml_open(x, "tr2:ProfileCapabilities");
	pt_xml_attribute_int(x, "MaximumNumberOfProfiles", PT_ONVIF_PROFILES);
	pt_xml_attribute(x, "ConfigurationsSupported",
	                 "VideoSource VideoEncoder AudioSource AudioEncoder Metadata AudioOutput AudioDecoder");
	pt_xml_close(x);
	pt_xml_open(x, "tr2:StreamingCapabilities");
	pt_xml_attribute_bool(x, "RTSPStreaming", true);
	pt_xml_attribute_bool(x, "RTPMulticast", false);
	pt_xml_attribute_bool(x, "RTP_RTSP_TCP", true);
	pt_xml_attribute_bool(x, "NonAggregateControl", false);
	pt_xml_attribute_bool(x, "AutoStartMulticast", false);
	pt_xml_close(x);
	pt_xml_close(x);
}

/* ---- profiles ---- */

static bool type_asked(PtCall *c, const char *name) {
	for (const PtXmlNode *t = pt_xml_child(c->in, "tr2:Type"); t; t = pt_xml_next(t, "tr2:Type"))
		if (!strcmp(pt_xml_value(t), "All") || !strcmp(pt_xml_value(t), name))
			return true;
	return false;
}

static void put_profile(PtCall *c, const PtProfile *p) {
	/* in the order of tr2:ConfigurationSet */
	static const PtConf order[] = {PT_CONF_VIDEO_SOURCE,  PT_CONF_AUDIO_SOURCE, PT_CONF_VIDEO_ENCODER,
	                               PT_CONF_AUDIO_ENCODER, PT_CONF_METADATA,     PT_CONF_AUDIO_OUTPUT,
	                               PT_CONF_AUDIO_DECODER};
	pt_xml_open(c->out, "tr2:Profiles");
	pt_xml_attribute(c->out, "token", p->token);
	pt_xml_attribute_bool(c->out, "fixed", p->fixed);
	pt_xml_put(c->out, "tr2:Name", p->name);
	if (pt_xml_child(c->in, "tr2:Type")) {
		pt_xml_open(c->out, "tr2:Configurations");
		for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
			PtOnvifStream s;
			g_autofree char *name = g_strconcat("tr2:", pt_conf_names[order[i]], NULL);
			if (type_asked(c, pt_conf_names[order[i]]) && pt_conf_find(c, order[i], p->configs[order[i]], &s))
				pt_conf_put(c, c->out, name, order[i], &s, true);
		}
		pt_xml_close(c->out);
	}
	pt_xml_close(c->out);
}

static void get_profiles(PtCall *c) {
	const char *token = pt_call_text(c, "tr2:Token");
	PtProfile p;
	if (*token) {
		if (pt_profile_need(c, token, &p))
			put_profile(c, &p);
		return;
	}
	g_autoptr(GArray) all = pt_profiles(c);
	for (guint i = 0; i < all->len; i++)
		put_profile(c, &g_array_index(all, PtProfile, i));
}

/* All tr2:Configuration of the request, in an order in which sources come before what needs them (removing: after). */
static bool change_all(PtCall *c, PtProfile *p, bool add) {
	static const PtConf order[] = {PT_CONF_VIDEO_SOURCE,  PT_CONF_AUDIO_SOURCE, PT_CONF_VIDEO_ENCODER,
	                               PT_CONF_AUDIO_ENCODER, PT_CONF_METADATA,     PT_CONF_AUDIO_OUTPUT,
	                               PT_CONF_AUDIO_DECODER};
	for (const PtXmlNode *n = pt_xml_child(c->in, "tr2:Configuration"); n; n = pt_xml_next(n, "tr2:Configuration")) {
		const char *type = pt_xml_value_at(n, "tr2:Type");
		bool known = !add && !strcmp(type, "All");
		for (int i = 0; i < PT_N_CONF; i++)
			known |= !strcmp(type, pt_conf_names[i]);
		if (!known) {
			pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there are no configurations of type '%.64s'",
			              type);
			return false;
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		PtConf conf = order[add ? i : G_N_ELEMENTS(order) - 1 - i];
		for (const PtXmlNode *n = pt_xml_child(c->in, "tr2:Configuration"); n;
		     n = pt_xml_next(n, "tr2:Configuration")) {
			const char *type = pt_xml_value_at(n, "tr2:Type");
			bool meant = !strcmp(type, pt_conf_names[conf]) || (!add && !strcmp(type, "All"));
			if (meant && !pt_profile_change(c, p, conf, add ? pt_xml_value_at(n, "tr2:Token") : NULL))
				return false;
		}
	}
	return true;
}

static void create_profile(PtCall *c) {
	PtProfile p;
	if (pt_profile_create(c, "", pt_call_text(c, "tr2:Name"), &p) && change_all(c, &p, true) && pt_profile_save(c, &p))
		pt_xml_put(c->out, "tr2:Token", p.token);
}

static void delete_profile(PtCall *c) { pt_profile_delete(c, pt_call_text(c, "tr2:Token")); }

static void change_profile(PtCall *c) {
	const char *name = pt_call_text(c, "tr2:Name");
	PtProfile p;
	if (!pt_profile_need(c, pt_call_text(c, "tr2:ProfileToken"), &p))
		return;
	if (*name && !p.fixed)
		g_strlcpy(p.name, name, sizeof p.name);
	if (change_all(c, &p, c->operation->arg))
		pt_profile_save(c, &p);
}

/* ---- configurations ---- */

static void get_configurations(PtCall *c) {
	PtConf conf = c->operation->arg;
	PtOnvifStream s;
	bool any;
	if (pt_encoders_asked(c, conf, "tr2", &s, &any))
		pt_conf_put(c, c->out, "tr2:Configurations", conf, &s, true);
	if (!any || c->code)
		return;
	PtProfile p; /* a profile without one of this kind: those of its camera would fit */
	const char *profile = pt_call_text(c, "tr2:ProfileToken");
	bool bound = *profile && pt_profile_find(c, profile, &p) &&
	             pt_conf_find(c, PT_CONF_VIDEO_SOURCE, p.configs[PT_CONF_VIDEO_SOURCE], &s);
	g_autoptr(GArray) all = pt_conf_all(c, conf);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifStream *each = &g_array_index(all, PtOnvifStream, i);
		if (!bound || !strcmp(each->camera, s.camera))
			pt_conf_put(c, c->out, "tr2:Configurations", conf, each, true);
	}
}

static void get_options(PtCall *c) { pt_encoders_put_options(c, c->operation->arg, "tr2"); }
static void set_configuration(PtCall *c) { pt_encoders_set(c, c->operation->arg, "tr2"); }

static void get_encoder_instances(PtCall *c) {
	static const char *const names[] = {[PT_ONVIF_H264] = "H264", [PT_ONVIF_H265] = "H265", [PT_ONVIF_JPEG] = "JPEG"};
	const char *token = pt_call_text(c, "tr2:ConfigurationToken");
	PtOnvifStream s;
	int n[G_N_ELEMENTS(names)] = {0}, total = 0;
	if (!pt_conf_find(c, PT_CONF_VIDEO_SOURCE, token, &s)) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no VideoSource configuration '%.64s'",
		              token);
		return;
	}
	GArray *streams = pt_call_streams(c);
	for (guint i = 0; i < streams->len; i++) {
		const PtOnvifStream *each = &g_array_index(streams, PtOnvifStream, i);
		if (!strcmp(each->camera, s.camera) && each->video.codec)
			n[each->video.codec]++, total++;
	}
	pt_xml_open(c->out, "tr2:Info");
	for (size_t i = 1; i < G_N_ELEMENTS(names); i++) {
		if (!n[i])
			continue;
		pt_xml_open(c->out, "tr2:Codec");
		pt_xml_put(c->out, "tr2:Encoding", names[i]);
		pt_xml_put_int(c->out, "tr2:Number", n[i]);
		pt_xml_close(c->out);
	}
	pt_xml_put_int(c->out, "tr2:Total", total);
	pt_xml_close(c->out);
}

/* ---- addresses ---- */

static void get_stream_uri(PtCall *c) {
	static const char *const protocols[] = {"RtspUnicast", "RTSP", "RtspsUnicast", "RtspOverHttp", NULL};
	const char *protocol = pt_call_text(c, "tr2:Protocol");
	if (strcmp(protocol, protocols[0]) && strcmp(protocol, protocols[1])) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidStreamSetup",
		              "streams go by RtspUnicast or RTSP, not by '%.40s'", protocol);
		return;
	}
	g_autofree char *uri = pt_profile_uri(c, pt_call_text(c, "tr2:ProfileToken"));
	if (uri)
		pt_xml_put(c->out, "tr2:Uri", uri);
}

static void get_snapshot_uri(PtCall *c) {
	g_autofree char *uri = pt_profile_snapshot_uri(c, pt_call_text(c, "tr2:ProfileToken"));
	if (uri)
		pt_xml_put(c->out, "tr2:Uri", uri);
}

static void synchronise(PtCall *c) { pt_profile_key_frame(c, pt_call_text(c, "tr2:ProfileToken")); }

static void no_multicast(PtCall *c) {
	PtProfile p;
	if (pt_profile_need(c, pt_call_text(c, "tr2:ProfileToken"), &p))
		pt_call_fault(c, "ter:Action", "ter:IncompleteConfiguration",
		              "streams go to those who ask for them, not to groups");
}

static void nothing(PtCall *c) {}

#define CONFIGURATION(name, conf)                                                                                           \
	{"Get" name "Configurations", PT_ACCESS_READ_MEDIA, get_configurations, NULL, conf},                                \
	    {"Set" name "Configuration", PT_ACCESS_ACTUATE, set_configuration, NULL, conf}, {                               \
		"Get" name "ConfigurationOptions", PT_ACCESS_READ_MEDIA, get_options, NULL, conf                            \
	}
static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"CreateProfile", PT_ACCESS_ACTUATE, create_profile},
    {"GetProfiles", PT_ACCESS_READ_MEDIA, get_profiles},
    {"AddConfiguration", PT_ACCESS_ACTUATE, change_profile, NULL, true},
    {"RemoveConfiguration", PT_ACCESS_ACTUATE, change_profile, NULL, false},
    {"DeleteProfile", PT_ACCESS_ACTUATE, delete_profile},
    CONFIGURATION("VideoSource", PT_CONF_VIDEO_SOURCE),
    CONFIGURATION("VideoEncoder", PT_CONF_VIDEO_ENCODER),
    CONFIGURATION("AudioSource", PT_CONF_AUDIO_SOURCE),
    CONFIGURATION("AudioEncoder", PT_CONF_AUDIO_ENCODER),
    CONFIGURATION("Metadata", PT_CONF_METADATA),
    CONFIGURATION("AudioOutput", PT_CONF_AUDIO_OUTPUT),
    CONFIGURATION("AudioDecoder", PT_CONF_AUDIO_DECODER),
    {"GetAnalyticsConfigurations", PT_ACCESS_READ_MEDIA, nothing},
    {"GetVideoEncoderInstances", PT_ACCESS_READ_MEDIA, get_encoder_instances},
    {"GetStreamUri", PT_ACCESS_READ_MEDIA, get_stream_uri},
    {"GetSnapshotUri", PT_ACCESS_READ_MEDIA, get_snapshot_uri},
    {"SetSynchronizationPoint", PT_ACCESS_ACTUATE, synchronise},
    {"StartMulticastStreaming", PT_ACCESS_ACTUATE, no_multicast},
    {"StopMulticastStreaming", PT_ACCESS_ACTUATE, no_multicast},
    {"GetVideoSourceModes", PT_ACCESS_READ_SYSTEM},
    {"SetVideoSourceMode", PT_ACCESS_WRITE_SYSTEM},
    {"GetOSDs", PT_ACCESS_READ_MEDIA, pt_osd_get_all},
    {"GetOSDOptions", PT_ACCESS_READ_MEDIA, pt_osd_get_options},
    {"SetOSD", PT_ACCESS_ACTUATE, pt_osd_set},
    {"DeleteOSD", PT_ACCESS_ACTUATE, pt_osd_delete},
    {"CreateOSD", PT_ACCESS_ACTUATE, pt_osd_create},
    {"GetMasks", PT_ACCESS_READ_MEDIA},
    {"GetMaskOptions", PT_ACCESS_READ_MEDIA},
    {"SetMask", PT_ACCESS_ACTUATE},
    {"CreateMask", PT_ACCESS_ACTUATE},
    {"DeleteMask", PT_ACCESS_ACTUATE},
    {NULL},
};

const PtService pt_service_media2 = {"tr2", "/onvif/media2_service", 21, 12, put_capabilities, operations};
