/* Descriptions as cameras send them. Our own stand here; those recorded from real devices are read where they lie, beside
 * the project, and are skipped when they are not there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/sdp.h"
#include "media/rtsp/message.h"
#include "media/rtsp/transport.h"
#include "base/error.h"
#include <string.h>

#define URL "rtsp://192.0.2.1:554/live?ch=1"

/* "video H.264 1280x720 96 CONTROL; …" for what is to be recorded, "(kind NAME)" for the rest, "<audio …>" backchannel */
static char *summary(const PtSdp *sdp, bool with_control) {
	GString *s = g_string_new(NULL);
	for (unsigned i = 0; i < sdp->n_media; i++) {
		const PtSdpMedia *m = &sdp->media[i];
		g_string_append(s, i ? "; " : "");
		if (!m->known) {
			g_string_append_printf(s, "(%s %s)", m->kind, m->encoding);
			continue;
		}
		g_string_append_printf(s, "%s%s", m->backchannel ? "<" : "", pt_codec_name(m->codec));
		if (m->format && m->format->width)
			g_string_append_printf(s, " %ux%u", m->format->width, m->format->height);
		if (m->format && m->format->sample_rate)
			g_string_append_printf(s, " %u Hz %u", m->format->sample_rate, m->format->channels);
		g_string_append(s, m->backchannel ? ">" : "");
		if (with_control)
			g_string_append_printf(s, " %s", m->control);
	}
	if (with_control)
		g_string_append_printf(s, " play %s", sdp->control);
	return g_string_free(s, FALSE);
}

static void test_own(void) {
	static const struct {
		const char *what, *base, *location, *text, *want;
	} cases[] = {
	    {"two tracks", "rtsp://192.0.2.1/live/", NULL,
	     "v=0\r\ns=x\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
	     "m=audio 0 RTP/AVP 8\r\na=control:track2\r\n",
	     "H.264 rtsp://192.0.2.1/live/track1; G.711 A-law 8000 Hz 1 rtsp://192.0.2.1/live/track2 play "
	     "rtsp://192.0.2.1/live/"},
	    {"control behind a query", NULL, NULL, "m=video 0 RTP/AVP 26\na=control:video\n",
	     "MJPEG " URL "/video play " URL},
	    {"control that is a query", "rtsp://192.0.2.1/a", NULL, "m=video 0 RTP/AVP 26\na=control:?ctype=video\n",
	     "MJPEG rtsp://192.0.2.1/a?ctype=video play rtsp://192.0.2.1/a"},
	    {"base without scheme", "192.0.2.1:554/a/", NULL, "m=video 0 RTP/AVP 26\na=control:t\n",
	     "MJPEG rtsp://192.0.2.1:554/a/t play rtsp://192.0.2.1:554/a/"},
	    {"base that is a path", "/b/", NULL, "m=video 0 RTP/AVP 26\na=control:t\n",
	     "MJPEG rtsp://192.0.2.1:554/b/t play rtsp://192.0.2.1:554/b/"},
	    {"location instead of base", NULL, "rtsp://192.0.2.9/c", "m=video 0 RTP/AVP 26\na=control:/t\n",
	     "MJPEG rtsp://192.0.2.9/c/t play rtsp://192.0.2.9/c"},
	    {"absolute control", NULL, NULL,
	     "a=control:rtsp://10.0.0.1/all\nm=video 0 RTP/AVP 26\na=control:rtsp://10.0.0.1/v\n",
	     "MJPEG rtsp://10.0.0.1/v play rtsp://10.0.0.1/all"},
	    {"no control", NULL, NULL, "m=video 0 RTP/AVP 26\n", "MJPEG " URL " play " URL},
	    {"backchannel", "rtsp://h/", NULL,
	     "m=video 0 RTP/AVP 26\na=control:v\na=recvonly\nm=audio 0 RTP/AVP 0\na=control:a\nm=audio 0 RTP/AVP "
	     "0\na=control:b\n"
	     "a=sendonly\n",
	     "MJPEG rtsp://h/v; G.711 µ-law 8000 Hz 1 rtsp://h/a; <G.711 µ-law 8000 Hz 1> rtsp://h/b play rtsp://h/"},
	    {"of what a backchannel takes, G.711", "rtsp://h/", NULL,
	     "m=video 0 RTP/AVP 26\na=control:v\nm=audio 0 RTP/AVP 97 8 0\na=rtpmap:97 "
	     "opus/48000/2\na=control:b\na=sendonly\n"
	     "m=audio 0 RTP/AVP 98 97\na=rtpmap:98 speex/16000\na=rtpmap:97 opus/48000/2\na=control:c\na=sendonly\n",
	     "MJPEG rtsp://h/v; <G.711 A-law 8000 Hz 1> rtsp://h/b; <Opus 48000 Hz 2> rtsp://h/c play rtsp://h/"},
	    {"all sendonly: it speaks of itself", "rtsp://h/", NULL,
	     "m=video 0 RTP/AVP 26\na=control:v\na=sendonly\nm=audio 0 RTP/AVP 0\na=control:a\na=sendonly\n",
	     "MJPEG rtsp://h/v; G.711 µ-law 8000 Hz 1 rtsp://h/a play rtsp://h/"},
	    {"first type that is known", "rtsp://h/", NULL,
	     "m=video 0 RTP/AVP 96 97\na=rtpmap:96 MP4V-ES/90000\na=rtpmap:97 h265/90000\nm=audio 0 RTP/AVP 98\na=rtpmap:98 "
	     "G723/8000\n",
	     "H.265 rtsp://h/; (audio G723) play rtsp://h/"},
	    {"G.726 and L16", "rtsp://h/", NULL,
	     "m=audio 0 RTP/AVP 98\na=rtpmap:98 G726-24/8000\nm=audio 0 RTP/AVP 98\na=rtpmap:98 AAL2-G726-40/8000/1\n"
	     "m=audio 0 RTP/AVP 2\nm=audio 0 RTP/AVP 10\nm=audio 0 RTP/AVP 11\nm=audio 0 RTP/AVP 98\na=rtpmap:98 "
	     "L16/16000\nm=audio 0 RTP/AVP 98\na=rtpmap:98 L16/96000\nm=audio 0 RTP/AVP 98\na=rtpmap:98 L16\n",
	     "G.726 8000 Hz 1 rtsp://h/; G.726 8000 Hz 1 rtsp://h/; G.726 8000 Hz 1 rtsp://h/; L16 44100 Hz 2 rtsp://h/; "
	     "L16 "
	     "44100 Hz 1 rtsp://h/; L16 16000 Hz 1 rtsp://h/; (audio L16); (audio L16) play rtsp://h/"},
	    {"AAC and Opus", "rtsp://h/", NULL,
	     "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000/1\na=fmtp:97 streamtype=5; mode=AAC-hbr; config=1408; "
	     "sizeLength=13\n"
	     "m=audio 0 RTP/AVP 98\na=rtpmap:98 opus/48000/2\na=fmtp:98 sprop-stereo=0\n"
	     "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000/1\n",
	     "AAC 16000 Hz 1 rtsp://h/; Opus 48000 Hz 1 rtsp://h/; (audio mpeg4-generic) play rtsp://h/"},
	    {"ports and protocols that are none", "rtsp://h/", NULL,
	     "m=application/X 0 RTP/AVP smart/1/90000\nm=\nm=video\n",
	     "(application/X no payload type); ( no payload type); (video no payload type) play rtsp://h/"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].what);
		g_autoptr(GError) error = NULL;
		g_autoptr(PtSdp) sdp =
		    pt_sdp_parse(cases[i].text, strlen(cases[i].text), URL, cases[i].base, cases[i].location, &error);
		g_assert_no_error(error);
		g_autofree char *got = summary(sdp, true);
		g_assert_cmpstr(got, ==, cases[i].want);
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(pt_sdp_parse("v=0\r\ns=x\r\n", 10, URL, NULL, NULL, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
}

static char *vendor_dir(void) {
	g_autofree char *dir = g_build_filename(SOURCE_ROOT, "..", "shared", "vendor", "rtsp", NULL);
	return g_file_test(dir, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&dir) : NULL;
}

/* The file as one RTSP message; lone line feeds and lengths that no longer fit are mended by dropping the length. */
static PtRtspParser *read_reply(const char *path, const PtRtspMessage **ret, char **ret_body) {
	g_autofree char *text = NULL;
	gsize size;
	g_assert_true(g_file_get_contents(path, &text, &size, NULL));
	PtRtspParser *p = pt_rtsp_parser_new();
	GString *head = g_string_new(NULL);
	*ret_body = NULL;
	if (strncmp(text, "RTSP/", 5)) {
		*ret_body = g_steal_pointer(&text);
		g_string_assign(head, "RTSP/1.0 200 OK\n\n");
	} else {
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
		char **l = lines;
		for (; *l && *g_strchomp(*l); l++)
			if (g_ascii_strncasecmp(*l, "Content-Length", 14))
				g_string_append_printf(head, "%s\n", *l);
		g_string_append_c(head, '\n');
		*ret_body = *l ? g_strjoinv("\n", l + 1) : g_strdup("");
	}
	g_autoptr(GError) error = NULL;
	ssize_t used = pt_rtsp_parser_feed(p, head->str, head->len, ret, &error);
	g_assert_no_error(error);
	g_assert_cmpint(used, ==, head->len);
	g_assert_nonnull(*ret);
	g_string_free(head, TRUE);
	return p;
}

/* Brand and model as far as the transcripts tell, and the tracks that are to be found. */
static const struct {
	const char *brand, *file, *tracks;
} descriptions[] = {
    {"Mercury", "gortsplib/issue_gortsplib_271_Mercury_cameras.sdp",
     "H.264 1280x720; G.711 A-law 8000 Hz 1; (application/MERCURY no payload type)"},
    {"unknown, no v=0", "gortsplib/issue_gortsplib_448_no_v_0_at_start.sdp", "H.264"},
    {"Avigilon", "gortsplib/issue_gortsplib_501_Avigilon_cameras.sdp",
     "G.711 µ-law 8000 Hz 1; <G.711 µ-law 8000 Hz 1>; (video payload type 96)"},
    {"FLIR", "gortsplib/issue_gortsplib_85_FLIR_timing.sdp", "H.264 640x480"},
    {"Hikvision media server V3.1.3", "gortsplib/issue_mediamtx_227_Hik_Media_Server.sdp", "H.264 704x480"},
    {"unknown, no session name", "gortsplib/issue_mediamtx_2473_no_session_name.sdp",
     "H.265 2304x1296; G.711 A-law 8000 Hz 1"},
    {"Wisenet NVR", "gortsplib/issue_mediamtx_3583_Wisenet_NVR.sdp",
     "H.264 2592x1520; (audio MPA); (text object-detection)"},
    {"ACES SSD server, L10013", "gortsplib/issue_mediamtx_5074_real_back_channel.sdp",
     "H.264 640x360; G.711 µ-law 8000 Hz 1; <G.711 µ-law 8000 Hz 1>; ONVIF metadata"},
    {"Sony SNC-WR630", "gortsplib/issue_mediamtx_85_SONY_SNC_WR630.sdp", "H.264 1920x1080"},
    {"TP-Link", "gortsplib/issue_mediamtx_990_TP_Link.sdp",
     "H.265 2304x1296; G.711 A-law 8000 Hz 1; (application/TP-LINK no payload type)"},
    {"Samsung", "gortsplib/one_format_for_each_media_absolute.sdp",
     "H.264 1920x1080; G.711 µ-law 8000 Hz 1; (application payload type 107)"},
    {"ONVIF's example of a backchannel", "gortsplib/onvif_back_channel.sdp",
     "MJPEG; G.711 µ-law 8000 Hz 1; <G.711 µ-law 8000 Hz 1>"},
    {"ONVIF specification", "gortsplib/onvif_specification.sdp", "MJPEG; G.711 µ-law 8000 Hz 1; <G.711 µ-law 8000 Hz 1>"},
    {"unknown, attributes before the name", "gortsplib/unordered_global_attributes.sdp", "H.264 640x360; ONVIF metadata"},
    {"Dahua", "retina/dahua_describe_h264_aac_onvif.txt", "H.264 704x480; AAC 48000 Hz 1; ONVIF metadata"},
    {"Foscam", "retina/foscam_describe.txt", "H.264 1280x720; G.711 µ-law 8000 Hz 1"},
    {"GW Security", "retina/gw_main_describe.txt", "H.264 1920x1080; G.711 µ-law 8000 Hz 1"},
    {"Hikvision", "retina/hikvision_describe.txt", "H.264 1920x1080; ONVIF metadata"},
    {"IPCAM C9F0SeZ3N0PbL0", "retina/ipcam_describe.txt", "H.264 1280x960"},
    {"Reolink", "retina/reolink_describe.txt", "H.264 2560x1440; AAC 16000 Hz 1"},
    {"TP-Link", "retina/tplink_sdp.txt", "H.265 2560x1440; G.711 A-law 8000 Hz 1; (application/TP-LINK no payload type)"},
    {"VStarcam", "retina/vstarcam_describe.txt", "H.264 1920x1080; G.711 A-law 8000 Hz 1"},
};

static void test_vendor_descriptions(void) {
	g_autofree char *dir = vendor_dir();
	if (!dir) {
		g_test_skip("the recorded transcripts are not beside the project");
		return;
	}
	bool wrong = false;
	for (size_t i = 0; i < G_N_ELEMENTS(descriptions); i++) {
		g_autofree char *path = g_build_filename(dir, descriptions[i].file, NULL), *body = NULL;
		const PtRtspMessage *m;
		PtRtspParser *p = read_reply(path, &m, &body);
		g_autoptr(GError) error = NULL;
		g_autoptr(PtSdp) sdp =
		    pt_sdp_parse(body, strlen(body), URL, pt_rtsp_message_get(m, "Content-Base"), NULL, &error);
		g_assert_no_error(error);
		g_autofree char *got = summary(sdp, false);
		if (strcmp(got, descriptions[i].tracks)) {
			g_printerr("%s (%s): got %s, wanted %s\n", descriptions[i].brand, descriptions[i].file, got,
			           descriptions[i].tracks);
			wrong = true;
		}
		pt_rtsp_parser_free(p);
	}
	g_assert_false(wrong);
}

/* Where the control URLs of real cameras lead to. */
static void test_vendor_controls(void) {
	static const struct {
		const char *file, *first;
	} cases[] = {
	    {"retina/dahua_describe_h264_aac_onvif.txt",
	     "rtsp://192.168.5.111:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=0"},
	    {"retina/gw_main_describe.txt",
	     "rtsp://192.168.1.110:5050/H264?channel=1&subtype=0&unicast=true&proto=Onvif/video"},
	    {"retina/hikvision_describe.txt",
	     "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1"},
	    {"retina/vstarcam_describe.txt", URL "/track0"},
	    {"gortsplib/unordered_global_attributes.sdp", URL "?ctype=video"},
	};
	g_autofree char *dir = vendor_dir();
	if (!dir) {
		g_test_skip("the recorded transcripts are not beside the project");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_build_filename(dir, cases[i].file, NULL), *body = NULL;
		const PtRtspMessage *m;
		PtRtspParser *p = read_reply(path, &m, &body);
		g_autoptr(PtSdp) sdp =
		    pt_sdp_parse(body, strlen(body), URL, pt_rtsp_message_get(m, "Content-Base"), NULL, NULL);
		g_assert_cmpstr(sdp->media[0].control, ==, cases[i].first);
		pt_rtsp_parser_free(p);
	}
}

static void test_vendor_sessions(void) {
	static const struct {
		const char *brand, *file, *session;
		unsigned timeout, status;
		int channel; /* interleaved, -1: none */
		uint32_t ssrc;
	} cases[] = {
	    {"Dahua", "retina/dahua_options.txt", "136527041864", 60, 200, -1, 0},
	    {"Dahua", "retina/dahua_setup.txt", "634214675641", 60, 200, 0, 0x30a98ee7},
	    {"Dahua", "retina/dahua_play.txt", "634214684047", 60, 200, -1, 0},
	    {"GW Security", "retina/gw_main_setup_video.txt", "9a90de54", 60, 200, 0, 0},
	    {"GW Security", "retina/gw_main_setup_audio.txt", "9a90de54", 60, 200, 2, 0},
	    {"GW Security", "retina/gw_main_play.txt", "9a90de54", 120, 200, -1, 0},
	    {"Hikvision", "retina/hikvision_setup.txt", "708345999", 60, 200, 0, 0x4cacc3d1},
	    {"Hikvision", "retina/hikvision_play.txt", "708345999", 60, 200, -1, 0},
	    {"Luckfox rkipc", "retina/luckfox_rkipc_setup_tcp.txt", "12345678", 60, 200, 0, 0x22345684},
	    {"Luckfox rkipc", "retina/luckfox_rkipc_setup_udp.txt", "12345678", 60, 200, -1, 0x22345685},
	    {"Reolink", "retina/reolink_setup.txt", "F8F8E425", 60, 200, 0, 0},
	    {"Reolink", "retina/reolink_play.txt", "F8F8E425", 60, 200, -1, 0},
	    {"Reolink", "retina/reolink_teardown.txt", NULL, 0, 200, -1, 0},
	    {"Longse", "retina/longse_unauthorized.txt", NULL, 0, 401, -1, 0},
	};
	g_autofree char *dir = vendor_dir();
	if (!dir) {
		g_test_skip("the recorded transcripts are not beside the project");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_build_filename(dir, cases[i].file, NULL), *body = NULL;
		const PtRtspMessage *m;
		g_test_message("%s: %s", cases[i].brand, cases[i].file);
		PtRtspParser *p = read_reply(path, &m, &body);
		char id[64] = "";
		unsigned timeout = 0;
		g_assert_cmpuint(m->status, ==, cases[i].status);
		g_assert_true(pt_rtsp_message_session(m, id, sizeof id, &timeout) == (cases[i].session != NULL));
		g_assert_cmpstr(id, ==, cases[i].session ? cases[i].session : "");
		g_assert_cmpuint(timeout, ==, cases[i].timeout);
		const char *transport = pt_rtsp_message_get(m, "Transport");
		PtRtspTransport t;
		pt_rtsp_transport_init(&t);
		if (transport)
			g_assert_true(pt_rtsp_transport_next(&transport, &t) && t.rtp_avp);
		g_assert_cmpint(t.interleaved[0], ==, cases[i].channel);
		g_assert_cmphex(t.has_ssrc ? t.ssrc : 0, ==, cases[i].ssrc);
		pt_rtsp_parser_free(p);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sdp/own", test_own);
	g_test_add_func("/sdp/vendor/descriptions", test_vendor_descriptions);
	g_test_add_func("/sdp/vendor/controls", test_vendor_controls);
	g_test_add_func("/sdp/vendor/sessions", test_vendor_sessions);
	return g_test_run();
}
