/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/search.h"
#include "base/clock.h"
#include "onvif/soap.h"
#include <string.h>

#define SPACES                                                                                                              \
	"xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:tt='http://www.onvif.org/ver10/schema' "                   \
	"xmlns:tse='http://www.onvif.org/ver10/search/wsdl' xmlns:trc='http://www.onvif.org/ver10/recording/wsdl' "         \
	"xmlns:wsnt='http://docs.oasis-open.org/wsn/b-2' xmlns:tns1='http://www.onvif.org/ver10/topics'"

static PtSoap *answer(const char *body) {
	g_autofree char *text = g_strdup_printf("<s:Envelope " SPACES "><s:Body>%s</s:Body></s:Envelope>", body);
	g_autoptr(GError) error = NULL;
	PtSoap *soap = pt_soap_parse(text, strlen(text), true, &error);
	g_assert_no_error(error);
	return soap;
}

static int64_t at(const char *text) {
	int64_t ns = 0;
	g_assert_true(pt_xml_time(text, &ns));
	return ns;
}

static const PtOnvifRecording *nth(const GPtrArray *list, guint i) { return g_ptr_array_index(list, i); }

#define FOUND(inner)                                                                                                        \
	"<tse:GetRecordingSearchResultsResponse><tse:ResultList>" inner "</tse:ResultList></"                               \
	"tse:GetRecordingSearchResultsResponse>"

static void test_recordings(void) {
	g_autoptr(GPtrArray) list = pt_onvif_recordings_new();
	g_autoptr(PtSoap) soap = answer(FOUND(
	    "<tt:SearchState>Searching</tt:SearchState>"
	    "<tt:RecordingInformation><tt:RecordingToken>a &amp; b/[1]</tt:RecordingToken><tt:Source><tt:SourceId>id</"
	    "tt:SourceId>"
	    "<tt:Name/></tt:Source><tt:EarliestRecording>2026-09-10T00:00:00</tt:EarliestRecording>"
	    "<tt:LatestRecording>2026-09-11T02:00:00+02:00</tt:LatestRecording><tt:Track><tt:TrackToken>v</tt:TrackToken>"
	    "<tt:TrackType>Video</tt:TrackType></tt:Track><tt:Track><tt:TrackToken>x</tt:TrackToken><tt:TrackType>Extended</"
	    "tt:TrackType></tt:Track><tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>"
	    /* times of its tracks alone */
	    "<tt:RecordingInformation><tt:RecordingToken>2</tt:RecordingToken><tt:Track><tt:TrackToken>v</tt:TrackToken>"
	    "<tt:TrackType>video</tt:TrackType><tt:DataFrom>2026-09-10T00:00:00Z</tt:DataFrom>"
	    "<tt:DataTo>2026-09-10T01:00:00Z</tt:DataTo></tt:Track></tt:RecordingInformation>"
	    /* none, and one that is there already */
	    "<tt:RecordingInformation/><tt:RecordingInformation><tt:RecordingToken>2</tt:RecordingToken></"
	    "tt:RecordingInformation>"));
	g_assert_cmpuint(pt_onvif_read_search_recordings(soap, list), ==, 2);
	g_assert_false(pt_onvif_read_search_over(soap));
	const PtOnvifRecording *a = nth(list, 0), *b = nth(list, 1);
	g_assert_cmpstr(a->token, ==, "a & b/[1]");
	g_assert_cmpstr(a->source, ==, "id");
	g_assert_cmpstr(a->status, ==, "Recording");
	g_assert_cmpint(a->first_ns, ==, at("2026-09-10T00:00:00Z")); /* without a zone it is UTC */
	g_assert_cmpint(a->last_ns, ==, at("2026-09-11T00:00:00Z"));
	g_assert_cmpuint(a->tracks->len, ==, 1);
	g_assert_cmpstr(b->source, ==, "");
	g_assert_cmpint(b->first_ns, ==, at("2026-09-10T00:00:00Z"));
	g_assert_cmpint(b->last_ns, ==, at("2026-09-10T01:00:00Z"));
	g_autoptr(PtSoap) again = answer(FOUND("<tt:SearchState>Completed</tt:SearchState>"));
	g_assert_cmpuint(pt_onvif_read_search_recordings(again, list), ==, 0);
	g_assert_true(pt_onvif_read_search_over(again));
}

static void test_list_and_attributes(void) {
	g_autoptr(GPtrArray) list = pt_onvif_recordings_new();
	g_autoptr(PtSoap) soap = answer(
	    "<trc:GetRecordingsResponse><trc:RecordingItem><tt:RecordingToken>low</tt:RecordingToken><tt:Configuration>"
	    "<tt:Source><tt:Name>gate</tt:Name></tt:Source></tt:Configuration><tt:Tracks><tt:Track><tt:TrackToken>v</"
	    "tt:TrackToken><tt:Configuration><tt:TrackType>Video</tt:TrackType></tt:Configuration></tt:Track></tt:Tracks>"
	    "</trc:RecordingItem><trc:RecordingItem><tt:RecordingToken>high</tt:RecordingToken></trc:RecordingItem>"
	    "<trc:RecordingItem><tt:RecordingToken>untold</tt:RecordingToken></trc:RecordingItem>"
	    "</trc:GetRecordingsResponse>");
	g_assert_cmpuint(pt_onvif_read_search_recordings(soap, list), ==, 3);
	g_assert_cmpstr(nth(list, 0)->source, ==, "gate");
	g_assert_cmpuint(nth(list, 0)->tracks->len, ==, 1);
	g_autoptr(PtSoap) attributes = answer(
	    "<tse:GetMediaAttributesResponse><tse:MediaAttributes><tt:RecordingToken>low</tt:RecordingToken>"
	    "<tt:TrackAttributes><tt:AudioAttributes/></tt:TrackAttributes><tt:TrackAttributes><tt:VideoAttributes>"
	    "<tt:Width>640</tt:Width><tt:Height>360</tt:Height><tt:Encoding>H264</tt:Encoding></tt:VideoAttributes>"
	    "</tt:TrackAttributes></tse:MediaAttributes><tse:MediaAttributes><tt:RecordingToken>high</tt:RecordingToken>"
	    "<tt:TrackAttributes><tt:VideoAttributes><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height><tt:Encoding>"
	    "H265</tt:Encoding></tt:VideoAttributes></tt:TrackAttributes></tse:MediaAttributes>"
	    "</tse:GetMediaAttributesResponse>");
	for (guint i = 0; i < list->len; i++)
		pt_onvif_read_attributes(attributes, g_ptr_array_index(list, i));
	pt_onvif_sort_recordings(list);
	g_assert_cmpstr(nth(list, 0)->token, ==, "high");
	g_assert_cmpstr(nth(list, 0)->codec, ==, "H265");
	g_assert_cmpstr(nth(list, 1)->token, ==, "low");
	g_assert_cmpint(nth(list, 1)->width, ==, 640);
	g_assert_cmpstr(nth(list, 2)->codec, ==, "");
}

#define RESULT(time, utc, how, start, value)                                                                                \
	"<tt:Result><tt:RecordingToken>r</tt:RecordingToken><tt:TrackToken>t</tt:TrackToken><tt:Time>" time                 \
	"</tt:Time><tt:Event><wsnt:Topic>tns1:Device/Trigger/DigitalInput</wsnt:Topic><wsnt:Message><tt:Message " utc how   \
	"><tt:Source><tt:SimpleItem Name='InputToken' Value='door'/></tt:Source><tt:Data><tt:SimpleItem "                   \
	"Name='LogicalState' Value='" value                                                                                 \
	"'/></tt:Data></tt:Message></wsnt:Message></tt:Event><tt:StartStateEvent>" start                                    \
	"</tt:StartStateEvent></tt:Result>"

static void test_events(void) {
	g_autoptr(GPtrArray) said = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int64_t from = at("2026-09-10T10:00:00Z"), to = at("2026-09-10T11:00:00Z");
	g_autoptr(PtSoap) soap = answer(
	    "<tse:GetEventSearchResultsResponse><tse:ResultList><tt:SearchState>Searching</tt:SearchState>"
	    /* out of order, and one twice */
	    RESULT("2026-09-10T10:30:00Z", "UtcTime='2026-09-10T10:30:00.250Z' ", "PropertyOperation='Changed'", "false",
	           "false") RESULT("2026-09-10T10:20:00Z", "", "PropertyOperation='Changed'", "false", "true")
	        RESULT("2026-09-10T10:20:00Z", "", "PropertyOperation='Changed'", "false", "true")
	    /* the state at the beginning; outside */
	    RESULT("2026-09-10T09:00:00Z", "UtcTime='2026-09-10T09:00:00Z' ", "PropertyOperation='Changed'", "true", "false")
	        RESULT("2026-09-10T09:59:59Z", "", "", "false", "true")
	            RESULT("2026-09-10T11:00:00Z", "", "", "false", "true")
	    /* nothing at all */
	    "<tt:Result/></tse:ResultList></tse:GetEventSearchResultsResponse>");
	g_assert_cmpuint(pt_onvif_read_search_events(soap, from, to, said, seen), ==, 5);
	g_assert_cmpuint(pt_onvif_read_search_events(soap, from, to, said, seen), ==, 0); /* the same page again */
	pt_onvif_sort_said(said);
	g_assert_cmpuint(said->len, ==, 3);
	const PtOnvifSaid *a = said->pdata[0], *b = said->pdata[1], *c = said->pdata[2];
	g_assert_cmpint(a->how, ==, PT_SAID_INITIALIZED);
	g_assert_cmpint(a->active, ==, 0);
	g_assert_cmpint(b->utc_ns, ==, at("2026-09-10T10:20:00Z"));
	g_assert_cmpint(b->kind, ==, PT_SAYS_INPUT);
	g_assert_cmpint(b->active, ==, 1);
	g_assert_cmpstr(b->token, ==, "door");
	g_assert_cmpint(c->utc_ns, ==, at("2026-09-10T10:30:00.250Z"));
	g_assert_cmpint(c->how, ==, PT_SAID_CHANGED);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif-search/recordings", test_recordings);
	g_test_add_func("/onvif-search/list-and-attributes", test_list_and_attributes);
	g_test_add_func("/onvif-search/events", test_events);
	return g_test_run();
}
