/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/encoders.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

static bool is_media2(const PtCall *c) { return !strcmp(c->service->prefix, "tr2"); }

static const char *argument(PtCall *c, const char *name) {
	g_autofree char *path = g_strdup_printf("%s:%s", c->service->prefix, name);
	return pt_call_text(c, path);
}

gboolean pt_encoders_asked(PtCall *c, PtConf conf, const char *prefix, PtOnvifStream *ret, bool *ret_any) {
	const char *token = argument(c, "ConfigurationToken"), *profile = argument(c, "ProfileToken");
	PtProfile p;
	*ret_any = !*token && !*profile;
	if (*profile && !pt_profile_need(c, profile, &p))
		return FALSE;
	if (*token && !pt_conf_find(c, conf, token, ret)) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no %s configuration '%.64s'",
		              pt_conf_names[conf], token);
		return FALSE;
	}
	if (*token)
		return TRUE;
	if (*profile && pt_conf_find(c, conf, p.configs[conf], ret))
		return TRUE;
	*ret_any = true;
	return FALSE;
}

/* ---- options ---- */

static void put_range(PtXml *x, const char *name, int64_t min, int64_t max) {
	pt_xml_open(x, name);
	pt_xml_put_int(x, "tt:Min", min);
	pt_xml_put_int(x, "tt:Max", max);
	pt_xml_close(x);
}

/* What the host lets be set; where it lets nothing, what is. */
static PtOnvifVideoOptions options_of(PtCall *c, const PtOnvifStream *s) {
	const PtOnvifHost *h = &c->server->host;
	PtOnvifVideoOptions o = {0};
	if (s->settable && h->set_video && h->video_options && h->video_options(h->data, s->camera, s->sub, &o))
		return o;
	return (PtOnvifVideoOptions){.n_codecs = 1,
	                             .codecs = {s->video.codec},
	                             .n_sizes = 1,
	                             .widths = {s->video.width},
	                             .heights = {s->video.height},
	                             .n_rates = 1,
	                             .rates = {(unsigned)MAX(lround(s->video.fps), 1)},
	                             .kbps_min = s->video.kbps,
	                             .kbps_max = s->video.kbps,
	                             .gop_min = s->video.gop,
	                             .gop_max = s->video.gop};
}

static void put_sizes(PtXml *x, const PtOnvifVideoOptions *o) {
	for (unsigned i = 0; i < o->n_sizes; i++) {
		pt_xml_open(x, "tt:ResolutionsAvailable");
		pt_xml_put_int(x, "tt:Width", o->widths[i]);
		pt_xml_put_int(x, "tt:Height", o->heights[i]);
		pt_xml_close(x);
	}
}

static const char *const codec_names[] = {[PT_ONVIF_H264] = "H264", [PT_ONVIF_H265] = "H265", [PT_ONVIF_JPEG] = "JPEG"};

static void put_codec10(PtXml *x, PtOnvifVideoCodec codec, const PtOnvifStream *s, const PtOnvifVideoOptions *o,
                        bool with_rate) {
	pt_xml_open(x, codec == PT_ONVIF_JPEG ? "tt:JPEG" : "tt:H264");
	put_sizes(x, o);
	if (codec == PT_ONVIF_H264)
		put_range(x, "tt:GovLengthRange", o->gop_min, o->gop_max);
	put_range(x, "tt:FrameRateRange", o->rates[0], o->rates[o->n_rates - 1]);
	put_range(x, "tt:EncodingIntervalRange", 1, 1);
	if (codec == PT_ONVIF_H264)
		pt_xml_put(x, "tt:H264ProfilesSupported", *s->profile ? s->profile : "Main");
	if (with_rate)
		put_range(x, "tt:BitrateRange", o->kbps_min, o->kbps_max);
	pt_xml_close(x);
}

/* JPEG stands before H.264; ver10 has no word for H.265. */
static void put_codecs10(PtXml *x, const PtOnvifStream *s, const PtOnvifVideoOptions *o, bool with_rate) {
	static const PtOnvifVideoCodec order[] = {PT_ONVIF_JPEG, PT_ONVIF_H264};
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
		for (unsigned k = 0; k < o->n_codecs; k++)
			if (o->codecs[k] == order[i])
				put_codec10(x, order[i], s, o, with_rate);
}

static void put_video10(PtCall *c, PtXml *x, const PtOnvifStream *s) {
	PtOnvifVideoOptions o = options_of(c, s);
	pt_xml_open(x, "trt:Options");
	put_range(x, "tt:QualityRange", 5, 5);
	put_codecs10(x, s, &o, false);
	pt_xml_open(x, "tt:Extension");
	put_codecs10(x, s, &o, true);
	pt_xml_close(x);
	pt_xml_close(x);
}

static void put_codec20(PtXml *x, PtOnvifVideoCodec codec, const PtOnvifStream *s, const PtOnvifVideoOptions *o) {
	g_autoptr(GString) rates = g_string_new(NULL);
	for (unsigned i = o->n_rates; i-- > 0;)
		g_string_append_printf(rates, "%u%s", o->rates[i], i ? " " : "");
	g_autofree char *gop = g_strdup_printf("%u %u", o->gop_min, o->gop_max);
	pt_xml_open(x, "tr2:Options");
	if (codec != PT_ONVIF_JPEG)
		pt_xml_attribute(x, "GovLengthRange", gop);
	pt_xml_attribute(x, "FrameRatesSupported", rates->str);
	if (*s->profile && codec == s->video.codec)
		pt_xml_attribute(x, "ProfilesSupported", s->profile);
	pt_xml_attribute_bool(x, "ConstantBitRateSupported", false);
	pt_xml_put(x, "tt:Encoding", codec_names[codec]);
	put_range(x, "tt:QualityRange", 5, 5);
	put_sizes(x, o);
	put_range(x, "tt:BitrateRange", o->kbps_min, o->kbps_max);
	pt_xml_close(x);
}

static void put_video20(PtCall *c, PtXml *x, const PtOnvifStream *s) {
	PtOnvifVideoOptions o = options_of(c, s);
	for (unsigned i = 0; i < o.n_codecs; i++)
		put_codec20(x, o.codecs[i], s, &o);
}

static void put_video_source(PtCall *c, PtXml *x, const char *element, const PtOnvifStream *s) {
	pt_xml_open(x, element);
	pt_xml_attribute_int(x, "MaximumNumberOfProfiles", PT_ONVIF_PROFILES);
	pt_xml_open(x, "tt:BoundsRange");
	put_range(x, "tt:XRange", 0, 0);
	put_range(x, "tt:YRange", 0, 0);
	put_range(x, "tt:WidthRange", s->video.width, s->video.width);
	put_range(x, "tt:HeightRange", s->video.height, s->video.height);
	pt_xml_close(x);
	pt_xml_put(x, "tt:VideoSourceTokensAvailable", s->camera);
	pt_xml_close(x);
}

static void put_items(PtXml *x, const char *name, unsigned value) {
	pt_xml_open(x, name);
	pt_xml_put_int(x, "tt:Items", value);
	pt_xml_close(x);
}

/* [ver10, ver20]; NULL: no word for it. */
static const char *const audio_names[][2] = {[PT_ONVIF_PCMU] = {"G711", "PCMU"},
                                             [PT_ONVIF_PCMA] = {"G711", "PCMA"},
                                             [PT_ONVIF_AAC] = {"AAC", "MP4A-LATM"},
                                             [PT_ONVIF_OPUS] = {NULL, "OPUS"}};

/* What can be set, or what is. */
static unsigned audio_options(const PtOnvifStream *s, PtOnvifAudio ret[PT_ONVIF_AUDIOS]) {
	if (!s->n_audio_options)
		ret[0] = (PtOnvifAudio){s->audio, s->sample_rate, s->audio_kbps};
	else
		memcpy(ret, s->audio_options, s->n_audio_options * sizeof *ret);
	return MAX(s->n_audio_options, 1);
}

/* ver10 calls both laws of G.711 the same: the one that stands first is meant. */
static bool said_before(const PtOnvifAudio *o, unsigned i, bool media2) {
	for (unsigned k = 0; k < i; k++)
		if (!g_strcmp0(audio_names[o[k].codec][media2], audio_names[o[i].codec][media2]))
			return true;
	return false;
}

static void put_audio_encoder(PtXml *x, const char *prefix, const PtOnvifStream *s, bool media2) {
	PtOnvifAudio o[PT_ONVIF_AUDIOS];
	unsigned n = audio_options(s, o);
	g_autofree char *element = g_strconcat(prefix, ":Options", NULL);
	if (!media2)
		pt_xml_open(x, element);
	for (unsigned i = 0; i < n; i++) {
		const char *name = audio_names[o[i].codec][media2];
		if (!name || said_before(o, i, media2))
			continue;
		pt_xml_open(x, media2 ? element : "tt:Options");
		pt_xml_put(x, "tt:Encoding", name);
		put_items(x, "tt:BitrateList", o[i].kbps);
		put_items(x, "tt:SampleRateList", MAX(o[i].sample_rate / 1000, 1));
		pt_xml_close(x);
	}
	if (!media2)
		pt_xml_close(x);
}

static void put_metadata(PtXml *x, const char *element) {
	pt_xml_open(x, element);
	pt_xml_open(x, "tt:PTZStatusFilterOptions");
	pt_xml_put_bool(x, "tt:PanTiltStatusSupported", false);
	pt_xml_put_bool(x, "tt:ZoomStatusSupported", false);
	pt_xml_close(x);
	pt_xml_close(x);
}

void pt_encoders_put_output(PtCall *c, const char *element, const PtOnvifStream *s) {
	pt_xml_open(c->out, element);
	pt_xml_put(c->out, "tt:OutputTokensAvailable", s->camera);
	pt_xml_open(c->out, "tt:OutputLevelRange");
	pt_xml_put_int(c->out, "tt:Min", PT_ONVIF_OUTPUT_LEVEL);
	pt_xml_put_int(c->out, "tt:Max", PT_ONVIF_OUTPUT_LEVEL);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

/* G.711: 64 kbit/s at 8 kHz; ver10 has one name for both laws. */
static void put_audio_decoder(PtXml *x, const char *element, bool media2) {
	static const char *const laws[] = {"PCMU", "PCMA"};
	for (size_t i = 0; i < (media2 ? G_N_ELEMENTS(laws) : 1); i++) {
		pt_xml_open(x, element);
		if (media2)
			pt_xml_put(x, "tt:Encoding", laws[i]);
		else
			pt_xml_open(x, "tt:G711DecOptions");
		put_items(x, media2 ? "tt:BitrateList" : "tt:Bitrate", 64);
		put_items(x, media2 ? "tt:SampleRateList" : "tt:SampleRateRange", 8);
		if (!media2)
			pt_xml_close(x);
		pt_xml_close(x);
	}
}

void pt_encoders_put_options(PtCall *c, PtConf conf, const char *prefix) {
	PtOnvifStream s;
	bool any, media2 = is_media2(c);
	g_autofree char *element = g_strconcat(prefix, ":Options", NULL);
	bool one = pt_encoders_asked(c, conf, prefix, &s, &any);
	if (c->code)
		return;
	g_autoptr(GArray) all = pt_conf_all(c, conf);
	if (!one && !all->len) {
		if (pt_conf_need(c, conf))
			pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no such configuration");
		return;
	}
	if (!one)
		s = g_array_index(all, PtOnvifStream, 0);
	switch (conf) {
	case PT_CONF_VIDEO_SOURCE:
		put_video_source(c, c->out, element, &s);
		break;
	case PT_CONF_VIDEO_ENCODER:
		if (media2)
			put_video20(c, c->out, &s);
		else
			put_video10(c, c->out, &s);
		break;
	case PT_CONF_AUDIO_SOURCE:
		pt_xml_open(c->out, element);
		pt_xml_put(c->out, "tt:InputTokensAvailable", s.camera);
		pt_xml_close(c->out);
		break;
	case PT_CONF_AUDIO_ENCODER:
		put_audio_encoder(c->out, prefix, &s, media2);
		break;
	case PT_CONF_AUDIO_OUTPUT:
		pt_encoders_put_output(c, element, &s);
		break;
	case PT_CONF_AUDIO_DECODER:
		put_audio_decoder(c->out, element, media2);
		break;
	default:
		put_metadata(c->out, element);
	}
}

/* ---- setting ---- */

static void cannot(PtCall *c, const char *what) {
	pt_call_fault(c, "ter:InvalidArgVal", "ter:ConfigModify", "%s cannot be set to that", what);
}

static bool read_number(PtCall *c, const PtXmlNode *node, const char *path, double *ret) {
	const char *text = pt_xml_value_at(node, path);
	if (!*text || pt_xml_float(text, ret))
		return true;
	pt_call_fault(c, "ter:InvalidArgVal", NULL, "%s: '%.40s' is no number", path, text);
	return false;
}

static bool is_option(const PtOnvifVideoOptions *o, const PtOnvifVideo *v) {
	bool codec = false, size = false, rate = false;
	for (unsigned i = 0; i < o->n_codecs; i++)
		codec |= o->codecs[i] == v->codec;
	for (unsigned i = 0; i < o->n_sizes; i++)
		size |= o->widths[i] == v->width && o->heights[i] == v->height;
	for (unsigned i = 0; i < o->n_rates; i++)
		rate |= fabs(o->rates[i] - v->fps) < 0.5;
	return codec && size && (rate || (v->fps >= o->rates[0] && v->fps <= o->rates[o->n_rates - 1])) &&
	       v->kbps >= o->kbps_min && v->kbps <= o->kbps_max &&
	       (v->codec == PT_ONVIF_JPEG || (v->gop >= o->gop_min && v->gop <= o->gop_max));
}

static PtOnvifVideoCodec codec_called(const char *name) {
	for (int i = PT_ONVIF_H264; i <= PT_ONVIF_JPEG; i++)
		if (!strcmp(codec_names[i], name))
			return (PtOnvifVideoCodec)i;
	return PT_ONVIF_NO_VIDEO;
}

static void set_video(PtCall *c, const PtXmlNode *in, const PtOnvifStream *s) {
	PtOnvifVideoCodec codec = codec_called(pt_xml_value_at(in, "tt:Encoding"));
	const char *gop = pt_xml_get(in, "GovLength");
	PtOnvifVideo v = s->video;
	double width = v.width, height = v.height, fps = v.fps, kbps = v.kbps, frames = v.gop;
	if (!read_number(c, in, "tt:Resolution/tt:Width", &width) ||
	    !read_number(c, in, "tt:Resolution/tt:Height", &height) ||
	    !read_number(c, in, "tt:RateControl/tt:FrameRateLimit", &fps) ||
	    !read_number(c, in, "tt:RateControl/tt:BitrateLimit", &kbps) ||
	    !read_number(c, in, "tt:H264/tt:GovLength", &frames))
		return;
	if (gop && !pt_xml_float(gop, &frames))
		cannot(c, "the distance of key frames");
	if (c->code)
		return;
	if (width < 1 || width > 65535 || height < 1 || height > 65535 || !(fps > 0 && fps <= 1000) || kbps < 0 ||
	    kbps > 1e7 || frames < 0 || frames > 1e6) {
		cannot(c, "the encoder");
		return;
	}
	PtOnvifVideo wanted = {codec, (unsigned)width, (unsigned)height, fps, (unsigned)kbps, (unsigned)frames};
	if (codec == v.codec && wanted.width == v.width && wanted.height == v.height && fabs(fps - v.fps) <= 0.5 &&
	    wanted.kbps == v.kbps && wanted.gop == v.gop)
		return;
	PtOnvifVideoOptions o = options_of(c, s);
	if (!s->settable || !c->server->host.set_video || !is_option(&o, &wanted)) {
		cannot(c, "the encoder");
		return;
	}
	g_autoptr(GError) error = NULL;
	if (!c->server->host.set_video(c->server->host.data, s->camera, s->sub, &wanted, &error))
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ConfigModify", "%s", error->message);
	else if (!pt_settings_set_video(c->server->settings, s->camera, s->sub, &wanted, &error))
		pt_call_fault_error(c, error);
}

static void set_video_source(PtCall *c, const PtXmlNode *in, const PtOnvifStream *s) {
	static const char *const names[] = {"x", "y", "width", "height"};
	const int64_t have[] = {0, 0, s->video.width, s->video.height};
	const PtXmlNode *bounds = pt_xml_child(in, "tt:Bounds");
	if (strcmp(pt_xml_value_at(in, "tt:SourceToken"), s->camera))
		cannot(c, "the source");
	for (size_t i = 0; bounds && i < G_N_ELEMENTS(names); i++) {
		const char *text = pt_xml_get(bounds, names[i]);
		int64_t value;
		if (!text || !pt_xml_int(text, &value) || value != have[i])
			cannot(c, "the part of the picture");
	}
}

static void set_audio_source(PtCall *c, const PtXmlNode *in, const PtOnvifStream *s) {
	if (strcmp(pt_xml_value_at(in, "tt:SourceToken"), s->camera))
		cannot(c, "the source");
}

static void set_audio(PtCall *c, const PtXmlNode *in, const PtOnvifStream *s) {
	bool media2 = is_media2(c);
	const char *codec = pt_xml_value_at(in, "tt:Encoding"), *found = NULL;
	PtOnvifAudio o[PT_ONVIF_AUDIOS], wanted = {0};
	unsigned n = audio_options(s, o);
	double rate = 0, bits = 0;
	for (unsigned i = 0; i < n; i++) /* the one that it has already counts, where two have one name */
		if (!g_strcmp0(audio_names[o[i].codec][media2], codec) && (!found || o[i].codec == s->audio)) {
			found = codec;
			wanted = o[i];
		}
	if (!read_number(c, in, "tt:SampleRate", &rate) || !read_number(c, in, "tt:Bitrate", &bits))
		return;
	if (!(rate >= 0 && rate < 1e6) || !(bits >= 0 && bits < 1e6) || !found ||
	    (rate > 0 && (unsigned)rate != MAX(wanted.sample_rate / 1000, 1)) ||
	    (bits > 0 && (unsigned)bits != wanted.kbps)) {
		cannot(c, "sound");
		return;
	}
	if (wanted.codec == s->audio)
		return;
	g_autoptr(GError) error = NULL;
	if (!c->server->host.set_audio ||
	    !c->server->host.set_audio(c->server->host.data, s->camera, s->sub, wanted.codec, &error))
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ConfigModify", "%s",
		              error ? error->message : "sound cannot be set");
	else if (!pt_settings_set_audio(c->server->settings, s->camera, s->sub, wanted.codec, &error))
		pt_call_fault_error(c, error);
}

static void set_audio_output(PtCall *c, const PtXmlNode *in, const PtOnvifStream *s) {
	double level = PT_ONVIF_OUTPUT_LEVEL;
	if (!read_number(c, in, "tt:OutputLevel", &level))
		return;
	if (strcmp(pt_xml_value_at(in, "tt:OutputToken"), s->camera))
		cannot(c, "the output");
	else if (level != PT_ONVIF_OUTPUT_LEVEL)
		cannot(c, "the volume");
}

void pt_encoders_set(PtCall *c, PtConf conf, const char *prefix) {
	g_autofree char *path = g_strconcat(prefix, ":Configuration", NULL);
	const PtXmlNode *in = pt_xml_child(c->in, path);
	const char *token = in ? pt_xml_get(in, "token") : NULL;
	PtOnvifStream s;
	if (!token) {
		pt_call_fault(c, "ter:MissingAttr", NULL, "the configuration has no token");
		return;
	}
	if (!pt_conf_find(c, conf, token, &s)) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no %s configuration '%.64s'",
		              pt_conf_names[conf], token);
		return;
	}
	if (conf == PT_CONF_VIDEO_ENCODER)
		set_video(c, in, &s);
	else if (conf == PT_CONF_VIDEO_SOURCE)
		set_video_source(c, in, &s);
	else if (conf == PT_CONF_AUDIO_SOURCE)
		set_audio_source(c, in, &s);
	else if (conf == PT_CONF_AUDIO_OUTPUT)
		set_audio_output(c, in, &s);
	else if (conf == PT_CONF_AUDIO_ENCODER) /* of metadata, what could be set selects what we do not send */
		set_audio(c, in, &s);
}
