/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/profiles.h"
#include "base/error.h"
#include "onvif/server/snapshot.h"
#include <math.h>
#include <string.h>

const char *const pt_conf_names[PT_N_CONF] = {"VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder",
                                              "Metadata",    "AudioOutput",  "AudioDecoder"};

/* ---- configurations: what a stream is made of ---- */

void pt_conf_token(const PtOnvifStream *s, PtConf conf, char ret[PT_ONVIF_TOKEN]) {
	*ret = 0;
	if (((conf == PT_CONF_AUDIO_SOURCE || conf == PT_CONF_AUDIO_ENCODER) && s->audio == PT_ONVIF_NO_AUDIO) ||
	    (conf == PT_CONF_VIDEO_ENCODER && s->video.codec == PT_ONVIF_NO_VIDEO) ||
	    (conf == PT_CONF_METADATA && !s->metadata) ||
	    ((conf == PT_CONF_AUDIO_OUTPUT || conf == PT_CONF_AUDIO_DECODER) && !s->speaker))
		return;
	const char *stream = s->sub ? "-sub" : "-main";
	const char *const ends[PT_N_CONF][2] = {{"-source", ""},       {stream, ""},      {"-audio-source", ""},
	                                        {stream, "-audio"},    {"-metadata", ""}, {"-audio-output", ""},
	                                        {"-audio-decoder", ""}};
	g_snprintf(ret, PT_ONVIF_TOKEN, "%s%s%s", s->camera, ends[conf][0], ends[conf][1]);
}

gboolean pt_conf_find(PtCall *c, PtConf conf, const char *token, PtOnvifStream *ret) {
	GArray *streams = pt_call_streams(c);
	for (guint i = 0; *token && i < streams->len; i++) {
		const PtOnvifStream *s = &g_array_index(streams, PtOnvifStream, i);
		char own[PT_ONVIF_TOKEN];
		if (!g_str_has_prefix(token, s->camera)) /* most are not */
			continue;
		pt_conf_token(s, conf, own);
		if (!strcmp(own, token)) {
			*ret = *s;
			return TRUE;
		}
	}
	return FALSE;
}

GArray *pt_conf_all(PtCall *c, PtConf conf) {
	GArray *list = g_array_new(FALSE, FALSE, sizeof(PtOnvifStream)), *streams = pt_call_streams(c);
	char last[PT_ONVIF_TOKEN] = "", token[PT_ONVIF_TOKEN];
	for (guint i = 0; i < streams->len; i++) { /* those of one camera stand side by side */
		pt_conf_token(&g_array_index(streams, PtOnvifStream, i), conf, token);
		if (*token && strcmp(token, last))
			g_array_append_val(list, g_array_index(streams, PtOnvifStream, i));
		g_strlcpy(last, token, sizeof last);
	}
	return list;
}

gboolean pt_conf_need(PtCall *c, PtConf conf) {
	static const struct {
		const char *reason, *words;
	} missing[PT_N_CONF] = {
	    [PT_CONF_AUDIO_SOURCE] = {"ter:AudioNotSupported", "no camera here has a microphone"},
	    [PT_CONF_AUDIO_ENCODER] = {"ter:AudioNotSupported", "no camera here has a microphone"},
	    [PT_CONF_AUDIO_OUTPUT] = {"ter:AudioOutputNotSupported", "no camera here has a loudspeaker"},
	    [PT_CONF_AUDIO_DECODER] = {"ter:AudioDecodingNotSupported", "no camera here has a loudspeaker"},
	};
	if (!missing[conf].reason)
		return TRUE;
	g_autoptr(GArray) all = pt_conf_all(c, conf);
	if (!all->len)
		pt_call_fault(c, "ter:ActionNotSupported", missing[conf].reason, "%s", missing[conf].words);
	return all->len > 0;
}

static int use_count(PtCall *c, PtConf conf, const char *token) {
	g_autoptr(GArray) made = pt_settings_profiles(c->server->settings);
	GArray *streams = pt_call_streams(c);
	int n = 0;
	char own[PT_ONVIF_TOKEN];
	for (guint i = 0; i < streams->len; i++) {
		const PtOnvifStream *s = &g_array_index(streams, PtOnvifStream, i);
		if (!g_str_has_prefix(token, s->camera))
			continue;
		pt_conf_token(s, conf, own);
		n += !strcmp(own, token);
	}
	for (guint i = 0; i < made->len; i++)
		n += !strcmp(g_array_index(made, PtProfile, i).configs[conf], token);
	return n;
}

static void put_multicast(PtXml *x) { /* we send to nobody who has not asked */
	pt_xml_open(x, "tt:Multicast");
	pt_xml_open(x, "tt:Address");
	pt_xml_put(x, "tt:Type", "IPv4");
	pt_xml_put(x, "tt:IPv4Address", "0.0.0.0");
	pt_xml_close(x);
	pt_xml_put_int(x, "tt:Port", 0);
	pt_xml_put_int(x, "tt:TTL", 0);
	pt_xml_put_bool(x, "tt:AutoStart", false);
	pt_xml_close(x);
}

static void put_video_source(PtXml *x, const PtOnvifStream *s, bool media2) {
	pt_xml_put(x, "tt:SourceToken", s->camera);
	pt_xml_open(x, "tt:Bounds");
	pt_xml_attribute_int(x, "x", 0);
	pt_xml_attribute_int(x, "y", 0);
	pt_xml_attribute_int(x, "width", s->video.width);
	pt_xml_attribute_int(x, "height", s->video.height);
	pt_xml_close(x);
}

static const char *const video_names[] = {[PT_ONVIF_H264] = "H264", [PT_ONVIF_H265] = "H265", [PT_ONVIF_JPEG] = "JPEG"};

static void put_video_encoder(PtXml *x, const PtOnvifStream *s, bool media2) {
	const PtOnvifVideo *v = &s->video;
	pt_xml_put(x, "tt:Encoding", video_names[v->codec]);
	pt_xml_open(x, "tt:Resolution");
	pt_xml_put_int(x, "tt:Width", v->width);
	pt_xml_put_int(x, "tt:Height", v->height);
	pt_xml_close(x);
	if (!media2)
		pt_xml_put_float(x, "tt:Quality", 5);
	pt_xml_open(x, "tt:RateControl");
	if (media2)
		pt_xml_put_float(x, "tt:FrameRateLimit", v->fps);
	else
		pt_xml_put_int(x, "tt:FrameRateLimit", MAX(lround(v->fps), 1));
	if (!media2)
		pt_xml_put_int(x, "tt:EncodingInterval", 1);
	pt_xml_put_int(x, "tt:BitrateLimit", v->kbps);
	pt_xml_close(x);
	if (!media2 && v->codec == PT_ONVIF_H264) {
		pt_xml_open(x, "tt:H264");
		pt_xml_put_int(x, "tt:GovLength", v->gop);
		pt_xml_put(x, "tt:H264Profile", *s->profile ? s->profile : "Main");
		pt_xml_close(x);
	}
	put_multicast(x);
	if (media2)
		pt_xml_put_float(x, "tt:Quality", 5);
	else
		pt_xml_put(x, "tt:SessionTimeout", "PT60S");
}

static void put_audio_source(PtXml *x, const PtOnvifStream *s, bool media2) { pt_xml_put(x, "tt:SourceToken", s->camera); }

static const char *audio_name(PtOnvifAudioCodec codec, bool media2) {
	static const char *const names[][2] = {[PT_ONVIF_PCMU] = {"G711", "PCMU"},
	                                       [PT_ONVIF_PCMA] = {"G711", "PCMA"},
	                                       [PT_ONVIF_AAC] = {"AAC", "MP4A-LATM"},
	                                       [PT_ONVIF_OPUS] = {NULL, "OPUS"}};
	return names[codec][media2];
}

static void put_audio_encoder(PtXml *x, const PtOnvifStream *s, bool media2) {
	pt_xml_put(x, "tt:Encoding", audio_name(s->audio, media2));
	if (media2)
		put_multicast(x);
	pt_xml_put_int(x, "tt:Bitrate", s->audio_kbps);
	pt_xml_put_int(x, "tt:SampleRate", MAX(s->sample_rate / 1000, 1));
	if (!media2) {
		put_multicast(x);
		pt_xml_put(x, "tt:SessionTimeout", "PT60S");
	}
}

static void put_metadata(PtXml *x, const PtOnvifStream *s, bool media2) {
	pt_xml_open(x, "tt:Events");
	pt_xml_close(x);
	pt_xml_put_bool(x, "tt:Analytics", false);
	put_multicast(x);
	pt_xml_put(x, "tt:SessionTimeout", "PT60S");
}

/* Its volume is set where it hangs. */
static void put_audio_output(PtXml *x, const PtOnvifStream *s, bool media2) {
	pt_xml_put(x, "tt:OutputToken", s->camera);
	pt_xml_put_int(x, "tt:OutputLevel", PT_ONVIF_OUTPUT_LEVEL);
}

static void put_audio_decoder(PtXml *x, const PtOnvifStream *s, bool media2) {}

gboolean pt_conf_put(PtCall *c, PtXml *x, const char *element, PtConf conf, const PtOnvifStream *s, bool media2) {
	static void (*const put[PT_N_CONF])(PtXml * x, const PtOnvifStream *s, bool media2) = {
	    put_video_source, put_video_encoder, put_audio_source, put_audio_encoder,
	    put_metadata,     put_audio_output,  put_audio_decoder};
	if (!media2 && ((conf == PT_CONF_VIDEO_ENCODER && s->video.codec == PT_ONVIF_H265) ||
	                (conf == PT_CONF_AUDIO_ENCODER && s->audio == PT_ONVIF_OPUS)))
		return FALSE;
	char token[PT_ONVIF_TOKEN];
	pt_conf_token(s, conf, token);
	pt_xml_open(x, element);
	pt_xml_attribute(x, "token", token);
	if (media2 && conf == PT_CONF_VIDEO_ENCODER) {
		pt_xml_attribute_int(x, "GovLength", s->video.gop);
		if (*s->profile)
			pt_xml_attribute(x, "Profile", s->profile);
	}
	pt_xml_put(x, "tt:Name", token);
	pt_xml_put_int(x, "tt:UseCount", use_count(c, conf, token));
	put[conf](x, s, media2);
	pt_xml_close(x);
	return TRUE;
}

/* ---- profiles ---- */

GArray *pt_profiles(PtCall *c) {
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtProfile)), *streams = pt_call_streams(c);
	for (guint i = 0; i < streams->len; i++) {
		const PtOnvifStream *s = &g_array_index(streams, PtOnvifStream, i);
		PtProfile p = {.fixed = true};
		g_snprintf(p.token, sizeof p.token, "%s-%s", s->camera, s->sub ? "sub" : "main");
		g_snprintf(p.name, sizeof p.name, "%s %s", s->camera, s->sub ? "sub" : "main");
		for (int k = 0; k < PT_N_CONF; k++)
			pt_conf_token(s, k, p.configs[k]);
		g_array_append_val(list, p);
	}
	g_autoptr(GArray) made = pt_settings_profiles(c->server->settings);
	for (guint i = 0; i < made->len; i++) {
		PtProfile *p = &g_array_index(made, PtProfile, i);
		PtOnvifStream s;
		for (int k = 0; k < PT_N_CONF; k++) /* of a camera that is gone, or not for this user */
			if (!pt_conf_find(c, k, p->configs[k], &s))
				*p->configs[k] = 0;
		g_array_append_val(list, *p);
	}
	return list;
}

gboolean pt_profile_find(PtCall *c, const char *token, PtProfile *ret) {
	g_autoptr(GArray) all = pt_profiles(c);
	for (guint i = 0; i < all->len; i++)
		if (!strcmp(g_array_index(all, PtProfile, i).token, token)) {
			*ret = g_array_index(all, PtProfile, i);
			return TRUE;
		}
	return FALSE;
}

gboolean pt_profile_need(PtCall *c, const char *token, PtProfile *ret) {
	if (pt_profile_find(c, token, ret))
		return TRUE;
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoProfile", "there is no profile '%.64s'", token);
	return FALSE;
}

gboolean pt_profile_stream(PtCall *c, const PtProfile *p, PtOnvifStream *ret) {
	return pt_conf_find(c, PT_CONF_VIDEO_ENCODER, p->configs[PT_CONF_VIDEO_ENCODER], ret);
}

gboolean pt_profile_need_stream(PtCall *c, const PtProfile *p, PtOnvifStream *ret) {
	if (pt_profile_stream(c, p, ret))
		return TRUE;
	pt_call_fault(c, "ter:Action", "ter:IncompleteConfiguration", "profile %s has no video encoder", p->token);
	return FALSE;
}

static bool token_is_good(const char *token) {
	return strlen(token) < PT_ONVIF_TOKEN &&
	       strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(token);
}

gboolean pt_profile_create(PtCall *c, const char *token, const char *name, PtProfile *ret) {
	g_autoptr(GArray) made = pt_settings_profiles(c->server->settings);
	if (!token_is_good(token) || !*name || strlen(name) >= PT_ONVIF_TOKEN) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL,
		              "a profile has a name, and letters, digits, '.', '_', '-' as token, at most 64");
		return FALSE;
	}
	*ret = (PtProfile){0};
	if (*token && pt_profile_find(c, token, ret)) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ProfileExists", "there is a profile '%s'", token);
		return FALSE;
	}
	if (made->len >= PT_ONVIF_PROFILES) {
		pt_call_fault(c, "ter:Action", "ter:MaxNVTProfiles", "there are %d profiles already", PT_ONVIF_PROFILES);
		return FALSE;
	}
	g_autofree char *uuid = g_uuid_string_random();
	g_autofree char *own = g_strconcat("profile-", uuid, NULL);
	g_strlcpy(ret->token, *token ? token : own, sizeof ret->token);
	g_strlcpy(ret->name, name, sizeof ret->name);
	return TRUE;
}

static void conflict(PtCall *c, const char *why) { pt_call_fault(c, "ter:Action", "ter:ConfigurationConflict", "%s", why); }

/* The source that an encoder needs; PT_N_CONF: it needs none. */
static PtConf source_of(PtConf conf) {
	return conf == PT_CONF_VIDEO_ENCODER   ? PT_CONF_VIDEO_SOURCE
	       : conf == PT_CONF_AUDIO_ENCODER ? PT_CONF_AUDIO_SOURCE
	                                       : PT_N_CONF;
}

/* The first configuration of the profile's camera (of any, while it has none). */
static gboolean find_any(PtCall *c, const PtProfile *p, PtConf conf, PtOnvifStream *ret) {
	GArray *streams = pt_call_streams(c);
	PtOnvifStream video;
	bool bound = pt_conf_find(c, PT_CONF_VIDEO_SOURCE, p->configs[PT_CONF_VIDEO_SOURCE], &video);
	for (guint i = 0; i < streams->len; i++) {
		char token[PT_ONVIF_TOKEN];
		*ret = g_array_index(streams, PtOnvifStream, i);
		pt_conf_token(ret, conf, token);
		if (*token && (!bound || !strcmp(video.camera, ret->camera)))
			return TRUE;
	}
	return FALSE;
}

gboolean pt_profile_change(PtCall *c, PtProfile *p, PtConf conf, const char *token) {
	PtOnvifStream s, other;
	PtConf source = source_of(conf);
	char wanted[PT_ONVIF_TOKEN] = "";
	if (token) {
		if (!(*token ? pt_conf_find(c, conf, token, &s) : find_any(c, p, conf, &s))) {
			pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no %s configuration '%.64s'",
			              pt_conf_names[conf], token);
			return FALSE;
		}
		pt_conf_token(&s, conf, wanted);
	}
	if (!strcmp(wanted, p->configs[conf]))
		return TRUE;
	if (p->fixed) {
		conflict(c, "this profile is fixed: make one of your own");
		return FALSE;
	}
	if (token && source != PT_N_CONF &&
	    (!pt_conf_find(c, source, p->configs[source], &other) || strcmp(other.camera, s.camera))) {
		conflict(c, "its source has to be part of the profile first");
		return FALSE;
	}
	for (int k = 0; k < PT_N_CONF; k++) /* what hangs on a source goes first */
		if (source_of(k) == conf && pt_conf_find(c, k, p->configs[k], &other) &&
		    (!token || strcmp(other.camera, s.camera))) {
			conflict(c, "an encoder of the profile needs this source");
			return FALSE;
		}
	g_strlcpy(p->configs[conf], wanted, PT_ONVIF_TOKEN);
	return TRUE;
}

gboolean pt_profile_save(PtCall *c, const PtProfile *p) {
	g_autoptr(GError) error = NULL;
	if (p->fixed || pt_settings_set_profile(c->server->settings, p, &error))
		return TRUE;
	pt_call_fault_error(c, error);
	return FALSE;
}

gboolean pt_profile_delete(PtCall *c, const char *token) {
	g_autoptr(GError) error = NULL;
	PtProfile p;
	if (!pt_profile_need(c, token, &p))
		return FALSE;
	if (p.fixed) {
		pt_call_fault(c, "ter:Action", "ter:DeletionOfFixedProfile", "profile %s is fixed", p.token);
		c->code = "s:Sender"; /* the one Action that is */
	} else if (!pt_settings_remove_profile(c->server->settings, token, &error))
		pt_call_fault_error(c, error);
	return c->code == NULL;
}

/* ---- addresses ---- */

char *pt_profile_uri(PtCall *c, const char *token) {
	PtProfile p;
	PtOnvifStream s;
	if (!pt_profile_need(c, token, &p) || !pt_profile_need_stream(c, &p, &s))
		return NULL;
	g_auto(PtOnvifNetwork) network = {0};
	pt_call_network(c, &network);
	if (!network.rtsp_port) {
		pt_call_fault(c, "ter:Action", "ter:IncompleteConfiguration",
		              "streams are not served: serve.rtsp is not in the site file");
		return NULL;
	}
	g_autofree char *host = pt_call_host(c);
	return g_strdup_printf("rtsp://%s:%u/%s/%s", host, network.rtsp_port, s.camera, s.sub ? "sub" : "main");
}

char *pt_profile_snapshot_uri(PtCall *c, const char *token) {
	PtProfile p;
	PtOnvifStream s;
	if (!pt_profile_need(c, token, &p) || !pt_profile_need_stream(c, &p, &s))
		return NULL;
	if (!c->server->host.snapshot) {
		pt_call_fault(c, "ter:ActionNotSupported", NULL, "this build takes no pictures");
		return NULL;
	}
	return g_strconcat(c->origin, PT_SNAPSHOT_PATH, p.token, NULL);
}

void pt_profile_key_frame(PtCall *c, const char *token) {
	PtProfile p;
	PtOnvifStream s;
	if (!pt_profile_need(c, token, &p))
		return;
	if (pt_profile_stream(c, &p, &s) && c->server->host.key_frame)
		c->server->host.key_frame(c->server->host.data, s.camera, s.sub);
	pt_onvif_server_repeat_metadata(c->server);
}
