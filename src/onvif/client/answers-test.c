/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/answers.h"
#include "onvif/client/describe.h"
#include <string.h>

#define SPACES                                                                                                              \
	"xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:tt='http://www.onvif.org/ver10/schema' "                   \
	"xmlns:tds='http://www.onvif.org/ver10/device/wsdl' xmlns:tr2='http://www.onvif.org/ver20/media/wsdl' "             \
	"xmlns:trc='http://www.onvif.org/ver10/recording/wsdl' xmlns:tev='http://www.onvif.org/ver10/events/wsdl' "         \
	"xmlns:wsnt='http://docs.oasis-open.org/wsn/b-2' xmlns:wsa='http://www.w3.org/2005/08/addressing'"

static PtSoap *answer(const char *body) {
	g_autofree char *text = g_strdup_printf("<s:Envelope " SPACES "><s:Body>%s</s:Body></s:Envelope>", body);
	g_autoptr(GError) error = NULL;
	PtSoap *soap = pt_soap_parse(text, strlen(text), true, &error);
	g_assert_no_error(error);
	return soap;
}

/* As Bosch writes: a default namespace on every element, made anew each time. */
static void test_services(void) {
	static const char *const bodies[] = {
	    "<GetCapabilitiesResponse xmlns='http://www.onvif.org/ver10/device/wsdl'><Capabilities "
	    "xmlns='http://www.onvif.org/ver10/device/wsdl'><Media xmlns='http://www.onvif.org/ver10/schema'><XAddr "
	    "xmlns='http://www.onvif.org/ver10/schema'>http://a/m</XAddr></Media><Extension "
	    "xmlns='http://www.onvif.org/ver10/schema'><Recording xmlns='http://www.onvif.org/ver10/schema'><XAddr "
	    "xmlns='http://www.onvif.org/ver10/schema'>http://a/r</XAddr></Recording><Search "
	    "xmlns='http://www.onvif.org/ver10/schema'><XAddr>http://a/s</XAddr></Search><Replay "
	    "xmlns='http://www.onvif.org/ver10/schema'><XAddr>http://a/p</XAddr></Replay></Extension></Capabilities>"
	    "</GetCapabilitiesResponse>",
	    "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/recording/wsdl</tds:Namespace>"
	    "<tds:XAddr>http://a/r</tds:XAddr></tds:Service><tds:Service><tds:Namespace>urn:other</"
	    "tds:Namespace><tds:XAddr>http://a/x"
	    "</tds:XAddr></tds:Service><tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl</"
	    "tds:Namespace><tds:XAddr>"
	    "http://a/m</tds:XAddr></tds:Service><tds:Service><tds:Namespace>http://www.onvif.org/ver10/search/wsdl</"
	    "tds:Namespace><tds:XAddr>http://a/s</tds:XAddr></tds:Service><tds:Service><tds:Namespace>"
	    "http://www.onvif.org/ver10/replay/wsdl</tds:Namespace><tds:XAddr>http://a/p</tds:XAddr></tds:Service>"
	    "</tds:GetServicesResponse>"};
	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
		g_autoptr(PtSoap) soap = answer(bodies[i]);
		const char *given[PT_ONVIF_N_SERVICES];
		g_assert_cmpuint(pt_onvif_read_services(soap, given), ==, 4);
		g_assert_cmpstr(given[PT_ONVIF_MEDIA], ==, "http://a/m");
		g_assert_cmpstr(given[PT_ONVIF_RECORDING], ==, "http://a/r");
		g_assert_cmpstr(given[PT_ONVIF_SEARCH], ==, "http://a/s");
		g_assert_cmpstr(given[PT_ONVIF_REPLAY], ==, "http://a/p");
		g_assert_null(given[PT_ONVIF_EVENTS]);
	}
}

static void test_clock(void) {
#define AT(y, mo, d, h, mi, s)                                                                                              \
	"<tt:Time><tt:Hour>" h "</tt:Hour><tt:Minute>" mi "</tt:Minute><tt:Second>" s "</tt:Second></tt:Time><tt:Date>"     \
	"<tt:Year>" y "</tt:Year><tt:Month>" mo "</tt:Month><tt:Day>" d "</tt:Day></tt:Date>"
	static const struct {
		const char *inner;
		int64_t seconds; /* 0: it does not say */
	} cases[] = {
	    {"<tt:UTCDateTime>" AT("2023", "5", "24", "21", "25", "5") "</tt:UTCDateTime>", 1684963505},
	    {"<tt:LocalDateTime>" AT("1970", "1", "1", "0", "0", "9") "</tt:LocalDateTime>", 9},
	    {"<tt:UTCDateTime>" AT("2023", "13", "24", "21", "25", "5") "</tt:UTCDateTime>", 0},
	    {"<tt:UTCDateTime>" AT("2023", "5", "24", "21", "25", "60") "</tt:UTCDateTime>", 1684963559},
	    {"<tt:UTCDateTime/>", 0},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *body =
		    g_strdup_printf("<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>%s</tds:SystemDateAndTime>"
		                    "</tds:GetSystemDateAndTimeResponse>",
		                    cases[i].inner);
		g_autoptr(PtSoap) soap = answer(body);
		int64_t ns = 0;
		g_assert_cmpint(pt_onvif_read_clock(soap, &ns), ==, cases[i].seconds != 0);
		g_assert_cmpint(ns / PT_NS_PER_S, ==, cases[i].seconds);
	}
}

static void test_subscription(void) {
	g_autoptr(PtSoap) soap =
	    answer("<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>http://192.168.8.120/"
	           "onvif/Events/1"
	           "</wsa:Address><wsa:ReferenceParameters><x/></wsa:ReferenceParameters></"
	           "tev:SubscriptionReference><wsnt:CurrentTime>"
	           "2025-04-15T16:49:37Z</wsnt:CurrentTime><wsnt:TerminationTime>2025-04-15T16:50:37Z</wsnt:TerminationTime>"
	           "</tev:CreatePullPointSubscriptionResponse>");
	const char *address;
	g_assert_nonnull(pt_onvif_read_subscription(soap, &address));
	g_assert_cmpstr(address, ==, "http://192.168.8.120/onvif/Events/1");
	g_assert_cmpint(pt_onvif_read_granted(soap, 0), ==, 60 * PT_NS_PER_S);
	g_autoptr(PtSoap) bare = answer("<tev:CreatePullPointSubscriptionResponse/>");
	g_assert_null(pt_onvif_read_subscription(bare, &address));
	g_assert_cmpint(pt_onvif_read_granted(bare, 7), ==, 7);
}

static void test_lists(void) {
	static const struct {
		void (*read)(const PtSoap *answer, GPtrArray *lines);
		const char *body, *lines;
	} cases[] = {
	    {pt_onvif_read_users,
	     "<tds:GetUsersResponse><tds:User><tt:Username>admin</tt:Username><tt:UserLevel>Administrator</tt:UserLevel></"
	     "tds:User>"
	     "<tds:User><tt:Username>viewer</tt:Username><tt:UserLevel>User</tt:UserLevel></tds:User></"
	     "tds:GetUsersResponse>",
	     "admin (Administrator)|viewer (User)"},
	    {pt_onvif_read_storage,
	     "<tds:GetStorageConfigurationsResponse><tds:StorageConfigurations token='SD'><tds:Data "
	     "type='tt:LocalStorage'><tds:LocalPath>"
	     "/mnt/sd</tds:LocalPath></tds:Data></tds:StorageConfigurations><tds:StorageConfigurations "
	     "token='nas'><tds:Data type='CIFS'>"
	     "<tds:StorageUri>smb://bob:hunter2@nas/cam</tds:StorageUri></tds:Data></tds:StorageConfigurations>"
	     "</tds:GetStorageConfigurationsResponse>",
	     "storage SD: tt:LocalStorage at /mnt/sd|storage nas: CIFS at smb://nas/cam"},
	    {pt_onvif_read_recordings,
	     "<trc:GetRecordingsResponse><trc:RecordingItem><tt:RecordingToken>R1</"
	     "tt:RecordingToken><tt:Configuration><tt:Content>yard"
	     "</tt:Content></tt:Configuration><tt:Tracks><tt:Track><tt:Configuration><tt:TrackType>Video</tt:TrackType></"
	     "tt:Configuration>"
	     "</tt:Track><tt:Track><tt:Configuration><tt:TrackType>Audio</tt:TrackType></tt:Configuration></tt:Track></"
	     "tt:Tracks>"
	     "</trc:RecordingItem><trc:RecordingItem><tt:RecordingToken>R2</tt:RecordingToken></trc:RecordingItem>"
	     "</trc:GetRecordingsResponse>",
	     "recording R1 'yard' (video, audio)|recording R2 (no tracks)"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(PtSoap) soap = answer(cases[i].body);
		g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
		cases[i].read(soap, lines);
		g_ptr_array_add(lines, NULL);
		g_autofree char *all = g_strjoinv("|", (char **)lines->pdata);
		g_assert_cmpstr(all, ==, cases[i].lines);
	}
}

static void test_ntp_and_auxiliary(void) {
	static const struct {
		const char *body, *servers;
		bool dhcp;
	} cases[] = {
	    {"<tds:NTPInformation><tt:FromDHCP>false</tt:FromDHCP><tt:NTPManual><tt:Type>DNS</"
	     "tt:Type><tt:DNSname>time.windows.com"
	     "</tt:DNSname></tt:NTPManual><tt:NTPManual><tt:Type>IPv4</tt:Type><tt:IPv4Address>192.0.2.1</tt:IPv4Address></"
	     "tt:NTPManual>"
	     "</tds:NTPInformation>",
	     "time.windows.com 192.0.2.1", false},
	    {"<tds:NTPInformation><tt:FromDHCP>true</tt:FromDHCP><tt:NTPFromDHCP><tt:Type>IPv4</"
	     "tt:Type><tt:IPv4Address>192.0.2.9"
	     "</tt:IPv4Address></tt:NTPFromDHCP></tds:NTPInformation>",
	     "192.0.2.9", true},
	    {"", "", false},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *body = g_strdup_printf("<tds:GetNTPResponse>%s</tds:GetNTPResponse>", cases[i].body);
		g_autoptr(PtSoap) soap = answer(body);
		bool dhcp;
		g_autofree char *servers = pt_onvif_read_ntp(soap, &dhcp);
		g_assert_cmpstr(servers, ==, cases[i].servers);
		g_assert_cmpint(dhcp, ==, cases[i].dhcp);
	}
	g_autoptr(PtSoap) soap =
	    answer("<tds:GetServiceCapabilitiesResponse><tds:Capabilities><tds:Misc AuxiliaryCommands='tt:IRLamp|On  "
	           "tt:IRLamp|Off'/></tds:Capabilities></tds:GetServiceCapabilitiesResponse>");
	g_auto(GStrv) words = pt_onvif_read_auxiliary(soap);
	g_assert_cmpuint(g_strv_length(words), ==, 2);
	g_assert_cmpstr(words[1], ==, "tt:IRLamp|Off");
}

static void test_masks(void) {
	g_autoptr(PtSoap) soap =
	    answer("<tr2:GetMasksResponse><tr2:Masks "
	           "token='m1'><tr2:ConfigurationToken>vs</tr2:ConfigurationToken><tr2:Polygon><tt:Point "
	           "x='-1' y='1'/><tt:Point x='0' y='7'/><tt:Point x='nan' "
	           "y='-0.5'/></tr2:Polygon><tr2:Type>Color</tr2:Type><tr2:Enabled>true"
	           "</tr2:Enabled></tr2:Masks><tr2:Masks><tr2:Type>Color</tr2:Type></tr2:Masks></tr2:GetMasksResponse>");
	g_autoptr(GPtrArray) masks = pt_onvif_masks_new();
	pt_onvif_read_masks(soap, masks);
	g_assert_cmpuint(masks->len, ==, 1);
	const PtOnvifMask *m = g_ptr_array_index(masks, 0);
	g_assert_true(m->enabled);
	g_assert_cmpstr(m->configuration, ==, "vs");
	g_assert_cmpuint(m->points->len, ==, 3);
	const PtOnvifPoint *p = &g_array_index(m->points, PtOnvifPoint, 1);
	g_assert_cmpfloat(p->y, ==, 1); /* beyond the picture's edge is its edge */
	p = &g_array_index(m->points, PtOnvifPoint, 2);
	g_assert_cmpfloat(p->x, ==, 0);
	g_assert_cmpfloat(p->y, ==, -0.5);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif-answers/services", test_services);
	g_test_add_func("/onvif-answers/clock", test_clock);
	g_test_add_func("/onvif-answers/subscription", test_subscription);
	g_test_add_func("/onvif-answers/lists", test_lists);
	g_test_add_func("/onvif-answers/ntp-and-auxiliary", test_ntp_and_auxiliary);
	g_test_add_func("/onvif-answers/masks", test_masks);
	return g_test_run();
}
