/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/profiles.h"
#include <string.h>

#define PROFILE(token, source, codec, w, h)                                                                                 \
	"<tr2:Profiles token='" token                                                                                       \
	"'><tr2:Name>n</tr2:Name><tr2:Configurations><tr2:VideoSource token='vs'><tt:SourceToken>" source                   \
	"</tt:SourceToken></tr2:VideoSource><tr2:VideoEncoder token='e" token "' GovLength='50'><tt:Encoding>" codec        \
	"</tt:Encoding><tt:Resolution><tt:Width>" w "</tt:Width><tt:Height>" h                                              \
	"</tt:Height></tt:Resolution><tt:RateControl>"                                                                      \
	"<tt:FrameRateLimit>25.0</tt:FrameRateLimit><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl></"             \
	"tr2:VideoEncoder>"                                                                                                 \
	"</tr2:Configurations></tr2:Profiles>"

static void test_choice(void) {
	static const struct {
		const char *profiles, *main, *sub;
	} cases[] = {
	    {PROFILE("a", "0", "H264", "1920", "1080") PROFILE("b", "0", "H264", "640", "360"), "a", "b"},
	    {PROFILE("b", "0", "H264", "640", "360") PROFILE("a", "0", "H265", "3840", "2160"), "a", "b"},
	    /* the same size twice: what plays most widely */
	    {PROFILE("a", "0", "H265", "1920", "1080") PROFILE("b", "0", "H264", "1920", "1080"), "b", NULL},
	    /* a large MJPEG picture is the last choice for the disk */
	    {PROFILE("j", "0", "JPEG", "2592", "1944") PROFILE("a", "0", "H264", "1280", "720"), "a", NULL},
	    {PROFILE("j", "0", "JPEG", "640", "480"), "j", NULL},
	    /* of another lens; in a codec that nobody records */
	    {PROFILE("a", "0", "H264", "1920", "1080") PROFILE("b", "1", "H264", "640", "360"), "a", NULL},
	    {PROFILE("m", "0", "MPV4-ES", "640", "480"), NULL, NULL},
	    {"", NULL, NULL},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf(
		    "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' "
		    "xmlns:tt='http://www.onvif.org/ver10/schema'"
		    " xmlns:tr2='http://www.onvif.org/ver20/media/wsdl'><s:Body><tr2:GetProfilesResponse>%s</"
		    "tr2:GetProfilesResponse></s:Body></s:Envelope>",
		    cases[i].profiles);
		g_autoptr(GError) error = NULL;
		g_autoptr(PtSoap) soap = pt_soap_parse(text, strlen(text), true, &error);
		g_assert_no_error(error);
		g_autoptr(GPtrArray) list = pt_onvif_read_profiles(soap);
		PtOnvifProfile *main, *sub;
		pt_onvif_choose_profiles(list, NULL, &main, &sub);
		g_assert_cmpstr(main ? main->token : NULL, ==, cases[i].main);
		g_assert_cmpstr(sub ? sub->token : NULL, ==, cases[i].sub);
		if (main) {
			g_assert_cmpint(main->gop, ==, 50);
			g_assert_cmpfloat(main->fps, ==, 25);
			g_assert_cmpint(main->bitrate_kbps, ==, 4096);
		}
	}
}

/* By token before by name, of any lens; what is not there is nothing. */
static void test_wishes(void) {
	static const struct {
		PtOnvifChoice wish;
		const char *main, *sub;
	} cases[] = {
	    {{"b", NULL}, "b", NULL},     {{"b", "a"}, "b", "a"},      {{NULL, "c"}, "a", "c"},  {{"n", NULL}, "a", "b"},
	    {{"gone", NULL}, NULL, NULL}, {{NULL, "gone"}, "a", NULL}, {{"c", NULL}, "c", NULL},
	};
	static const char text[] =
	    "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' "
	    "xmlns:tt='http://www.onvif.org/ver10/schema' xmlns:tr2='http://www.onvif.org/ver20/media/wsdl'>"
	    "<s:Body><tr2:GetProfilesResponse>" PROFILE("a", "0", "H264", "1920", "1080")
	        PROFILE("b", "0", "H264", "640", "360")
	            PROFILE("c", "1", "H264", "640", "360") "</tr2:GetProfilesResponse></s:Body></s:Envelope>";
	g_autoptr(PtSoap) soap = pt_soap_parse(text, strlen(text), true, NULL);
	g_autoptr(GPtrArray) list = pt_onvif_read_profiles(soap);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtOnvifProfile *main, *sub;
		pt_onvif_choose_profiles(list, &cases[i].wish, &main, &sub);
		g_assert_cmpstr(main ? main->token : NULL, ==, cases[i].main);
		g_assert_cmpstr(sub ? sub->token : NULL, ==, cases[i].sub);
	}
}

static void test_vendor(void) {
	g_autofree char *path = g_build_filename(SOURCE_ROOT, "..", "shared", "vendor", "onvif", "bosch_flexidome_5100i",
	                                         "capture_005_response.xml", NULL);
	g_autofree char *text = NULL;
	gsize n;
	if (!g_file_get_contents(path, &text, &n, NULL)) {
		g_test_skip("the recordings are not there");
		return;
	}
	g_autoptr(GError) error = NULL;
	g_autoptr(PtSoap) soap = pt_soap_parse(text, n, true, &error);
	g_assert_no_error(error);
	g_autoptr(GPtrArray) list = pt_onvif_read_profiles(soap);
	for (guint i = 0; i < list->len; i++) {
		PtOnvifProfile *p = g_ptr_array_index(list, i);
		g_test_message("Bosch FLEXIDOME 5100i: %s '%s' source %s %s %dx%d %g fps %d kbit/s GOP %d sound %d",
		               p->token, p->name, p->source, p->codec, p->width, p->height, p->fps, p->bitrate_kbps, p->gop,
		               p->sound);
	}
	PtOnvifProfile *main, *sub;
	pt_onvif_choose_profiles(list, NULL, &main, &sub);
	g_assert_nonnull(main);
	g_assert_cmpint(main->width, ==, 1920);
	g_assert_cmpstr(main->codec, ==, "H264");
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif-profiles/choice", test_choice);
	g_test_add_func("/onvif-profiles/wishes", test_wishes);
	g_test_add_func("/onvif-profiles/vendor", test_vendor);
	return g_test_run();
}
