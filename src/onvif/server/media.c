/* Media service, ver10 (Profile S). Operations that exist for each kind of configuration share one handler; the kind is the
 * row's argument. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/encoders.h"
#include "onvif/server/osd.h"
#include <math.h>
#include <string.h>

static void put_capabilities(PtCall *c) {
	PtXml *x = c->out;
	pt_xml_open(x, "trt:Capabilities");
	pt_xml_attribute_bool(x, "SnapshotUri", c->server->host.snapshot != NULL);
	pt_xml_attribute_bool(x, "Rotation", false);
	pt_xml_attribute_bool(x, "VideoSourceMode", false);
	pt_xml_attribute_bool(x, "OSD", true);
	pt_xml_open(x, "trt:ProfileCapabilities");
	pt_xml_attribute_int(x, "MaximumNumberOfProfiles", PT_ONVIF_PROFILES);
	pt_xml_close(x);
	pt_xml_open(x, "trt:StreamingCapabilities");
	pt_xml_attribute_bool(x, "RTPMulticast", false);
	pt_xml_attribute_bool(x, "RTP_TCP", false);
	pt_xml_attribute_bool(x, "RTP_RTSP_TCP", true);
	pt_xml_attribute_bool(x, "NonAggregateControl", false);
	pt_xml_close(x);
	pt_xml_close(x);
}

/* ---- sources ---- */

static void get_video_sources(PtCall *c) {
	g_autoptr(GArray) all = pt_conf_all(c, PT_CONF_VIDEO_SOURCE);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifStream *s = &g_array_index(all, PtOnvifStream, i);
		pt_xml_open(c->out, "trt:VideoSources");
		pt_xml_attribute(c->out, "token", s->camera);
		pt_xml_put_float(c->out, "tt:Framerate", s->video.fps);
		pt_xml_open(c->out, "tt:Resolution");
		pt_xml_put_int(c->out, "tt:Width", s->video.width);
		pt_xml_put_int(c->out, "tt:Height", s->video.height);
		pt_xml_close(c->out);
		pt_xml_close(c->out);
	}
}

static void get_audio_sources(PtCall *c) {
	if (!pt_conf_need(c, PT_CONF_AUDIO_SOURCE))
		return;
	g_autoptr(GArray) all = pt_conf_all(c, PT_CONF_AUDIO_SOURCE);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifStream *s = &g_array_index(all, PtOnvifStream, i);
		pt_xml_open(c->out, "trt:AudioSources");
		pt_xml_attribute(c->out, "token", s->camera);
		pt_xml_put_int(c->out, "tt:Channels", MAX(s->channels, 1));
		pt_xml_close(c->out);
	}
}

static void get_audio_outputs(PtCall *c) {
	if (!pt_conf_need(c, PT_CONF_AUDIO_OUTPUT))
		return;
	g_autoptr(GArray) all = pt_conf_all(c, PT_CONF_AUDIO_OUTPUT);
	for (guint i = 0; i < all->len; i++) {
		pt_xml_open(c->out, "trt:AudioOutputs");
		pt_xml_attribute(c->out, "token", g_array_index(all, PtOnvifStream, i).camera);
		pt_xml_close(c->out);
	}
}

/* ---- profiles ---- */

static void put_part(PtCall *c, const PtProfile *p, PtConf conf) {
	PtOnvifStream s;
	g_autofree char *name = g_strdup_printf("tt:%sConfiguration", pt_conf_names[conf]);
	if (pt_conf_find(c, conf, p->configs[conf], &s))
		pt_conf_put(c, c->out, name, conf, &s, false);
}

static void put_profile(PtCall *c, const char *element, const PtProfile *p) {
	/* in the order of tt:Profile */
	static const PtConf order[] = {PT_CONF_VIDEO_SOURCE, PT_CONF_AUDIO_SOURCE, PT_CONF_VIDEO_ENCODER,
	                               PT_CONF_AUDIO_ENCODER, PT_CONF_METADATA};
	pt_xml_open(c->out, element);
	pt_xml_attribute(c->out, "token", p->token);
	pt_xml_attribute_bool(c->out, "fixed", p->fixed);
	pt_xml_put(c->out, "tt:Name", p->name);
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
		put_part(c, p, order[i]);
	if (*p->configs[PT_CONF_AUDIO_OUTPUT] || *p->configs[PT_CONF_AUDIO_DECODER]) {
		pt_xml_open(c->out, "tt:Extension");
		put_part(c, p, PT_CONF_AUDIO_OUTPUT);
		put_part(c, p, PT_CONF_AUDIO_DECODER);
		pt_xml_close(c->out);
	}
	pt_xml_close(c->out);
}

static void get_profiles(PtCall *c) {
	g_autoptr(GArray) all = pt_profiles(c);
	for (guint i = 0; i < all->len; i++)
		put_profile(c, "trt:Profiles", &g_array_index(all, PtProfile, i));
}

static void get_profile(PtCall *c) {
	PtProfile p;
	if (pt_profile_need(c, pt_call_text(c, "trt:ProfileToken"), &p))
		put_profile(c, "trt:Profile", &p);
}

static void create_profile(PtCall *c) {
	PtProfile p;
	if (pt_profile_create(c, pt_call_text(c, "trt:Token"), pt_call_text(c, "trt:Name"), &p) && pt_profile_save(c, &p))
		put_profile(c, "trt:Profile", &p);
}

static void delete_profile(PtCall *c) { pt_profile_delete(c, pt_call_text(c, "trt:ProfileToken")); }

static void change_profile(PtCall *c, const char *token) {
	PtProfile p;
	if (pt_conf_need(c, c->operation->arg) && pt_profile_need(c, pt_call_text(c, "trt:ProfileToken"), &p) &&
	    pt_profile_change(c, &p, c->operation->arg, token))
		pt_profile_save(c, &p);
}

static void add_configuration(PtCall *c) {
	const char *token = pt_call_text(c, "trt:ConfigurationToken");
	change_profile(c, *token ? token : "?");
}

static void remove_configuration(PtCall *c) { change_profile(c, NULL); }

/* ---- configurations ---- */

static void put_list(PtCall *c, const char *camera) {
	PtConf conf = c->operation->arg;
	g_autoptr(GArray) all = pt_conf_all(c, conf);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifStream *s = &g_array_index(all, PtOnvifStream, i);
		if (!camera || !strcmp(camera, s->camera))
			pt_conf_put(c, c->out, "trt:Configurations", conf, s, false);
	}
}

static void get_configurations(PtCall *c) {
	if (pt_conf_need(c, c->operation->arg))
		put_list(c, NULL);
}

static void get_configuration(PtCall *c) {
	PtConf conf = c->operation->arg;
	const char *token = pt_call_text(c, "trt:ConfigurationToken");
	PtOnvifStream s;
	if (pt_conf_need(c, conf) &&
	    !(pt_conf_find(c, conf, token, &s) && pt_conf_put(c, c->out, "trt:Configuration", conf, &s, false)))
		pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no %s configuration '%.64s'",
		              pt_conf_names[conf], token);
}

/* Those of the camera that the profile is about; of all while it is about none. */
static void get_compatible(PtCall *c) {
	PtProfile p;
	PtOnvifStream s;
	if (pt_conf_need(c, c->operation->arg) && pt_profile_need(c, pt_call_text(c, "trt:ProfileToken"), &p))
		put_list(c, pt_conf_find(c, PT_CONF_VIDEO_SOURCE, p.configs[PT_CONF_VIDEO_SOURCE], &s) ? s.camera : NULL);
}

static void get_options(PtCall *c) {
	if (pt_conf_need(c, c->operation->arg))
		pt_encoders_put_options(c, c->operation->arg, "trt");
}

static void set_configuration(PtCall *c) {
	if (pt_conf_need(c, c->operation->arg))
		pt_encoders_set(c, c->operation->arg, "trt");
}

static void get_encoder_instances(PtCall *c) {
	const char *token = pt_call_text(c, "trt:ConfigurationToken");
	PtOnvifStream s;
	int n[PT_ONVIF_JPEG + 1] = {0};
	if (!pt_conf_find(c, PT_CONF_VIDEO_SOURCE, token, &s)) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no VideoSource configuration '%.64s'",
		              token);
		return;
	}
	GArray *streams = pt_call_streams(c);
	for (guint i = 0; i < streams->len; i++) {
		const PtOnvifStream *each = &g_array_index(streams, PtOnvifStream, i);
		if (!strcmp(each->camera, s.camera))
			n[each->video.codec]++;
	}
	pt_xml_put_int(c->out, "trt:TotalNumber", n[PT_ONVIF_JPEG] + n[PT_ONVIF_H264]);
	pt_xml_put_int(c->out, "trt:JPEG", n[PT_ONVIF_JPEG]);
	pt_xml_put_int(c->out, "trt:H264", n[PT_ONVIF_H264]);
}

/* ---- addresses ---- */

static void put_uri(PtCall *c, const char *uri) {
	pt_xml_open(c->out, "trt:MediaUri");
	pt_xml_put(c->out, "tt:Uri", uri);
	pt_xml_put_bool(c->out, "tt:InvalidAfterConnect", false);
	pt_xml_put_bool(c->out, "tt:InvalidAfterReboot", false);
	pt_xml_put(c->out, "tt:Timeout", "PT0S"); /* it stays */
	pt_xml_close(c->out);
}

static void get_stream_uri(PtCall *c) {
	const char *stream = pt_call_text(c, "trt:StreamSetup/tt:Stream");
	const char *protocol = pt_call_text(c, "trt:StreamSetup/tt:Transport/tt:Protocol");
	if (strcmp(stream, "RTP-Unicast") ||
	    (strcmp(protocol, "UDP") && strcmp(protocol, "RTSP") && strcmp(protocol, "TCP"))) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidStreamSetup",
		              "streams go by RTP-Unicast over UDP or RTSP");
		return;
	}
	g_autofree char *uri = pt_profile_uri(c, pt_call_text(c, "trt:ProfileToken"));
	if (uri)
		put_uri(c, uri);
}

static void get_snapshot_uri(PtCall *c) {
	g_autofree char *uri = pt_profile_snapshot_uri(c, pt_call_text(c, "trt:ProfileToken"));
	if (uri)
		put_uri(c, uri);
}

static void synchronise(PtCall *c) { pt_profile_key_frame(c, pt_call_text(c, "trt:ProfileToken")); }

static void no_multicast(PtCall *c) {
	PtProfile p;
	if (pt_profile_need(c, pt_call_text(c, "trt:ProfileToken"), &p))
		pt_call_fault(c, "ter:Action", "ter:IncompleteConfiguration",
		              "streams go to those who ask for them, not to groups");
}

static void get_modes(PtCall *c) {
	const char *token = pt_call_text(c, "trt:VideoSourceToken");
	g_autoptr(GArray) all = pt_conf_all(c, PT_CONF_VIDEO_SOURCE);
	for (guint i = 0; i < all->len; i++)
		if (!strcmp(g_array_index(all, PtOnvifStream, i).camera, token)) {
			pt_call_fault(c, "ter:ActionNotSupported", NULL, "the source has one mode");
			return;
		}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoVideoSource", "there is no video source '%.64s'", token);
}

#define NO_ANALYTICS NULL, "ter:VideoAnalyticsNotSupported"
#define NO_PTZ NULL, "ter:PTZNotSupported"
/* What exists for each kind of configuration. */
#define CONFIGURATION(name, conf)                                                                                           \
	{"Add" name "Configuration", PT_ACCESS_ACTUATE, add_configuration, NULL, conf},                                     \
	    {"Remove" name "Configuration", PT_ACCESS_ACTUATE, remove_configuration, NULL, conf},                           \
	    {"Get" name "Configurations", PT_ACCESS_READ_MEDIA, get_configurations, NULL, conf},                            \
	    {"Get" name "Configuration", PT_ACCESS_READ_MEDIA, get_configuration, NULL, conf},                              \
	    {"GetCompatible" name "Configurations", PT_ACCESS_READ_MEDIA, get_compatible, NULL, conf},                      \
	    {"Set" name "Configuration", PT_ACCESS_ACTUATE, set_configuration, NULL, conf}, {                               \
		"Get" name "ConfigurationOptions", PT_ACCESS_READ_MEDIA, get_options, NULL, conf                            \
	}
#define NO_CONFIGURATION(name, why)                                                                                         \
	{"Add" name "Configuration", PT_ACCESS_ACTUATE, why}, {"Remove" name "Configuration", PT_ACCESS_ACTUATE, why},      \
	    {"Get" name "Configurations", PT_ACCESS_READ_MEDIA, why},                                                       \
	    {"Get" name "Configuration", PT_ACCESS_READ_MEDIA, why},                                                        \
	    {"GetCompatible" name "Configurations", PT_ACCESS_READ_MEDIA, why},                                             \
	    {"Set" name "Configuration", PT_ACCESS_ACTUATE, why}, {                                                         \
		"Get" name "ConfigurationOptions", PT_ACCESS_READ_MEDIA, why                                                \
	}

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetVideoSources", PT_ACCESS_READ_MEDIA, get_video_sources},
    {"GetAudioSources", PT_ACCESS_READ_MEDIA, get_audio_sources},
    {"GetAudioOutputs", PT_ACCESS_READ_MEDIA, get_audio_outputs},
    {"GetProfiles", PT_ACCESS_READ_MEDIA, get_profiles},
    {"GetProfile", PT_ACCESS_READ_MEDIA, get_profile},
    {"CreateProfile", PT_ACCESS_ACTUATE, create_profile},
    {"DeleteProfile", PT_ACCESS_ACTUATE, delete_profile},
    CONFIGURATION("VideoSource", PT_CONF_VIDEO_SOURCE),
    CONFIGURATION("VideoEncoder", PT_CONF_VIDEO_ENCODER),
    CONFIGURATION("AudioSource", PT_CONF_AUDIO_SOURCE),
    CONFIGURATION("AudioEncoder", PT_CONF_AUDIO_ENCODER),
    CONFIGURATION("Metadata", PT_CONF_METADATA),
    CONFIGURATION("AudioOutput", PT_CONF_AUDIO_OUTPUT),
    CONFIGURATION("AudioDecoder", PT_CONF_AUDIO_DECODER),
    NO_CONFIGURATION("VideoAnalytics", NO_ANALYTICS),
    {"AddPTZConfiguration", PT_ACCESS_ACTUATE, NO_PTZ},
    {"RemovePTZConfiguration", PT_ACCESS_ACTUATE, NO_PTZ},
    {"GetGuaranteedNumberOfVideoEncoderInstances", PT_ACCESS_READ_MEDIA, get_encoder_instances},
    {"GetStreamUri", PT_ACCESS_READ_MEDIA, get_stream_uri},
    {"GetSnapshotUri", PT_ACCESS_READ_MEDIA, get_snapshot_uri},
    {"SetSynchronizationPoint", PT_ACCESS_ACTUATE, synchronise},
    {"StartMulticastStreaming", PT_ACCESS_ACTUATE, no_multicast},
    {"StopMulticastStreaming", PT_ACCESS_ACTUATE, no_multicast},
    {"GetVideoSourceModes", PT_ACCESS_READ_SYSTEM, get_modes},
    {"SetVideoSourceMode", PT_ACCESS_WRITE_SYSTEM, get_modes},
    {"GetOSDs", PT_ACCESS_READ_MEDIA, pt_osd_get_all},
    {"GetOSD", PT_ACCESS_READ_MEDIA, pt_osd_get},
    {"GetOSDOptions", PT_ACCESS_READ_MEDIA, pt_osd_get_options},
    {"SetOSD", PT_ACCESS_ACTUATE, pt_osd_set},
    {"DeleteOSD", PT_ACCESS_ACTUATE, pt_osd_delete},
    {"CreateOSD", PT_ACCESS_ACTUATE, pt_osd_create},
    {NULL},
};

const PtService pt_service_media = {"trt", "/onvif/media_service", 21, 12, put_capabilities, operations};
