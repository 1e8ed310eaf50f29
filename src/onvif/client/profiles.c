/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/profiles.h"
#include <string.h>

#define PROFILES_MAX 64
#define SUB_AREA (1280 * 720)

static void profile_free(void *data) {
	PtOnvifProfile *p = data;
	g_free(p->token);
	g_free(p->name);
	g_free(p->source);
	g_free(p->view);
	g_free(p->encoder);
	g_free(p->codec);
	g_free(p->url);
	g_free(p);
}

static int number(const PtXmlNode *node, const char *path) {
	int64_t value = 0;
	double fraction = 0;
	const char *text = pt_xml_value_at(node, path);
	if (!pt_xml_int(text, &value) && pt_xml_float(text, &fraction)) /* "25.0" */
		value = (int64_t)CLAMP(fraction, 0, 1e6);
	return (int)CLAMP(value, 0, 1000000);
}

static char *token_of(const PtXmlNode *node) {
	const char *token = pt_xml_get(node, "token");
	return g_strdup(token ? token : "");
}

/* The encoder configuration is the same type in both services but for its codec's name and where the rate stands. */
static void read_encoder(PtOnvifProfile *p, const PtXmlNode *e) {
	double fps = 0;
	p->encoder = token_of(e);
	const char *codec = pt_xml_value_at(e, "Encoding");
	p->codec = !strcmp(codec, "MPEG4") ? g_strdup("MPV4-ES") : g_ascii_strup(codec, -1);
	p->width = number(e, "Resolution/Width");
	p->height = number(e, "Resolution/Height");
	p->bitrate_kbps = number(e, "RateControl/BitrateLimit");
	if (p->bitrate_kbps > 200000) /* some say bit/s */
		p->bitrate_kbps /= 1000;
	if (pt_xml_float(pt_xml_value_at(e, "RateControl/FrameRateLimit"), &fps) && fps > 0 && fps < 1000)
		p->fps = fps;
	const char *gop = pt_xml_get(e, "GovLength");
	int64_t length = 0;
	p->gop = gop && pt_xml_int(gop, &length) ? (int)CLAMP(length, 0, 100000) : number(e, "H264/GovLength");
}

GPtrArray *pt_onvif_read_profiles(const PtSoap *answer) {
	GPtrArray *list = g_ptr_array_new_with_free_func(profile_free);
	bool media2 = pt_xml_is(answer->body, "tr2:GetProfilesResponse");
	for (const PtXmlNode *n = pt_xml_child(answer->body, "Profiles"); n && list->len < PROFILES_MAX;
	     n = pt_xml_next(n, "Profiles")) {
		const PtXmlNode *all = media2 ? pt_xml_child(n, "Configurations") : n;
		const PtXmlNode *encoder = pt_xml_child(all, media2 ? "VideoEncoder" : "VideoEncoderConfiguration");
		const PtXmlNode *source = pt_xml_child(all, media2 ? "VideoSource" : "VideoSourceConfiguration");
		const char *token = pt_xml_get(n, "token");
		if (!token || !*token || !encoder)
			continue;
		PtOnvifProfile *p = g_new0(PtOnvifProfile, 1);
		p->token = g_strdup(token);
		p->name = g_strdup(pt_xml_value_at(n, "Name"));
		p->source = g_strdup(pt_xml_value_at(source, "SourceToken"));
		p->view = token_of(source);
		p->media2 = media2;
		read_encoder(p, encoder);
		p->sound = pt_xml_child(all, media2 ? "AudioEncoder" : "AudioEncoderConfiguration") != NULL;
		p->ptz = pt_xml_child(all, media2 ? "PTZ" : "PTZConfiguration") != NULL;
		p->metadata = pt_xml_child(all, media2 ? "Metadata" : "MetadataConfiguration") != NULL;
		g_ptr_array_add(list, p);
	}
	return list;
}

static int codec_rank(const PtOnvifProfile *p) {
	static const char *const known[] = {"JPEG", "H265", "H264"}; /* what is played most widely counts most */
	for (int i = 0; i < (int)G_N_ELEMENTS(known); i++)
		if (!strcmp(p->codec, known[i]))
			return i + 1;
	return 0;
}

static int area(const PtOnvifProfile *p) { return p->width * p->height; }

/* An MJPEG picture may be the largest and is still the last choice: it costs ten times the disk. */
static bool better_main(const PtOnvifProfile *a, const PtOnvifProfile *b) {
	bool motion_a = codec_rank(a) > 1, motion_b = codec_rank(b) > 1;
	if (motion_a != motion_b)
		return motion_a;
	return area(a) != area(b) ? area(a) > area(b) : codec_rank(a) > codec_rank(b);
}

static bool better_sub(const PtOnvifProfile *a, const PtOnvifProfile *b) {
	bool easy_a = codec_rank(a) == 3, easy_b = codec_rank(b) == 3;
	return easy_a != easy_b ? easy_a : area(a) > area(b);
}

/* Tokens go before names: those are given by the camera alone. */
static PtOnvifProfile *chosen(GPtrArray *profiles, const char *word) {
	for (int by_name = 0; word && by_name < 2; by_name++)
		for (guint i = 0; i < profiles->len; i++) {
			PtOnvifProfile *p = g_ptr_array_index(profiles, i);
			if (!strcmp(by_name ? p->name : p->token, word))
				return p;
		}
	return NULL;
}

void pt_onvif_choose_profiles(GPtrArray *profiles, const PtOnvifChoice *choice, PtOnvifProfile **ret_main,
                              PtOnvifProfile **ret_sub) {
	static const PtOnvifChoice none;
	const PtOnvifChoice *wish = choice ? choice : &none;
	PtOnvifProfile *main = chosen(profiles, wish->main), *sub = chosen(profiles, wish->sub);
	const char *source = main            ? main->source
	                     : profiles->len ? ((PtOnvifProfile *)g_ptr_array_index(profiles, 0))->source
	                                     : "";
	for (guint i = 0; !wish->main && i < profiles->len; i++) {
		PtOnvifProfile *p = g_ptr_array_index(profiles, i);
		if (codec_rank(p) && !strcmp(p->source, source) && (!main || better_main(p, main)))
			main = p;
	}
	for (guint i = 0; !wish->sub && main && i < profiles->len; i++) {
		PtOnvifProfile *p = g_ptr_array_index(profiles, i);
		bool small = area(p) > 0 && area(p) <= SUB_AREA && area(p) * 2 <= area(main);
		if (p != main && codec_rank(p) && !strcmp(p->source, source) && small && (!sub || better_sub(p, sub)))
			sub = p;
	}
	*ret_main = main;
	*ret_sub = sub;
}

const char *pt_onvif_read_uri(const PtSoap *answer) {
	const char *uri = pt_xml_value_at(answer->body, "MediaUri/Uri");
	return *uri ? uri : pt_xml_value_at(answer->body, "Uri");
}
