/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/normalise.h"
#include <string.h>

static bool read_text(const char *topic, const char *how, const char *source, const char *data, PtOnvifSaid *ret) {
	g_autofree char *text = g_strdup_printf("<n:NotificationMessage xmlns:n='http://docs.oasis-open.org/wsn/b-2' "
	                                        "xmlns:tt='http://www.onvif.org/ver10/schema'"
	                                        " xmlns:o='http://www.onvif.org/ver10/topics' "
	                                        "xmlns:tnsaxis='http://www.axis.com/2009/event/topics'><n:Topic>%s</n:Topic>"
	                                        "<n:Message><tt:Message UtcTime='2026-11-22T10:00:00Z' "
	                                        "%s><tt:Source>%s</tt:Source><tt:Data>%s</tt:Data></tt:Message>"
	                                        "</n:Message></n:NotificationMessage>",
	                                        topic, how, source, data);
	g_autoptr(GError) error = NULL;
	g_autoptr(PtXmlDoc) doc = pt_xml_parse(text, strlen(text), true, &error);
	g_assert_no_error(error);
	return pt_onvif_read_said(pt_xml_root(doc), ret);
}

#define ITEM(name, value) "<tt:SimpleItem Name='" name "' Value='" value "'/>"
#define INIT "PropertyOperation='Initialized'"
#define CHANGED "PropertyOperation='Changed'"

static void test_dialects(void) {
	static const struct {
		const char *topic, *how, *source, *data;
		PtSaysKind kind;
		PtSaidHow said;
		int active;
		const char *token;
	} cases[] = {
	    {"o:Device/Trigger/DigitalInput", CHANGED, ITEM("InputToken", "AlarmIn_1"), ITEM("LogicalState", "true"),
	     PT_SAYS_INPUT, PT_SAID_CHANGED, 1, "AlarmIn_1"},
	    {"o:Device/Trigger/DigitalInput", INIT, ITEM("InputToken", "1"), ITEM("State", "0"), PT_SAYS_INPUT,
	     PT_SAID_INITIALIZED, 0, "1"},
	    {"o:Device/Trigger/DigitalInput", "", ITEM("InputToken", "1"), ITEM("Level", "active"), PT_SAYS_INPUT,
	     PT_SAID_NONE, 1, "1"},
	    /* nested under VideoSource, another prefix or none (Home Assistant #140575) */
	    {"tns1:VideoSource/tns1:Device/Trigger/DigitalInput", CHANGED, ITEM("Token", "2"), ITEM("LogicalState", "on"),
	     PT_SAYS_INPUT, PT_SAID_CHANGED, 1, "2"},
	    {"o:Device/Trigger/Relay", CHANGED, ITEM("RelayToken", "3"), ITEM("RelayLogicalState", "inactive"),
	     PT_SAYS_RELAY, PT_SAID_CHANGED, 0, "3"},
	    {"o:Device/Trigger/Relay", "PropertyOperation='Deleted'", ITEM("RelayToken", "3"), "", PT_SAYS_RELAY,
	     PT_SAID_DELETED, -1, "3"},
	    {"o:Device/tnsaxis:IO/Port", INIT, ITEM("port", "1"), ITEM("state", "0"), PT_SAYS_INPUT, PT_SAID_INITIALIZED, 0,
	     "1"},
	    /* "any port": whatever happens to one of them, and no plug of its own */
	    {"o:Device/tnsaxis:IO/Port", INIT, ITEM("port", "-1"), ITEM("state", "1"), PT_SAYS_OTHER, PT_SAID_INITIALIZED, 1,
	     "-1"},
	    {"o:RuleEngine/CellMotionDetector/Motion", CHANGED, ITEM("VideoSourceConfigurationToken", "v") ITEM("Rule", "r"),
	     ITEM("IsMotion", "true"), PT_SAYS_MOTION, PT_SAID_CHANGED, 1, "v"},
	    {"o:VideoSource/MotionAlarm", CHANGED, ITEM("Source", "0"), ITEM("State", "false"), PT_SAYS_MOTION,
	     PT_SAID_CHANGED, 0, "0"},
	    {"tnsaxis:CameraApplicationPlatform/MotionGuard/Camera1ProfileANY", INIT, "", ITEM("active", "0"),
	     PT_SAYS_MOTION, PT_SAID_INITIALIZED, 0, ""},
	    {"o:RuleEngine/MyRuleDetector/Visitor", CHANGED, ITEM("Source", "000"), ITEM("State", "true"), PT_SAYS_INPUT,
	     PT_SAID_CHANGED, 1, "000"},
	    {"o:VideoSource/GlobalSceneChange/ImagingService", CHANGED, ITEM("Source", "0"), ITEM("State", "true"),
	     PT_SAYS_TAMPER, PT_SAID_CHANGED, 1, "0"},
	    {"o:Device/HardwareFailure/StorageFailure", CHANGED, ITEM("Token", "sd"), ITEM("Failed", "true"),
	     PT_SAYS_STORAGE, PT_SAID_CHANGED, 1, "sd"},
	    {"tnsaxis:Storage/Alert", INIT, ITEM("disk_id", "NetworkShare"), ITEM("overall_health", "-3") ITEM("alert", "0"),
	     PT_SAYS_STORAGE, PT_SAID_INITIALIZED, 0, "NetworkShare"},
	    {"o:AudioAnalytics/Audio/DetectedSound", CHANGED, "", ITEM("isSoundDetected", "true"), PT_SAYS_SOUND,
	     PT_SAID_CHANGED, 1, ""},
	    {"o:Monitoring/OperatingTime/LastReboot", INIT, "", ITEM("Status", "2026-11-22T09:00:00Z"), PT_SAYS_REBOOT,
	     PT_SAID_INITIALIZED, 1, ""},
	    /* what has no row, and words that mean nothing */
	    {"acme:Thing/Happened", "", ITEM("A", "b"), ITEM("State", "true"), PT_SAYS_OTHER, PT_SAID_NONE, 1, "b"},
	    {"o:Device/Trigger/DigitalInput", CHANGED, ITEM("InputToken", "1"), ITEM("LogicalState", "perhaps"),
	     PT_SAYS_INPUT, PT_SAID_CHANGED, -1, "1"},
	    {"o:NotDevice/XTrigger/DigitalInput", CHANGED, "", "", PT_SAYS_OTHER, PT_SAID_CHANGED, -1, ""},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtOnvifSaid s;
		g_test_message("%s", cases[i].topic);
		g_assert_true(read_text(cases[i].topic, cases[i].how, cases[i].source, cases[i].data, &s));
		g_assert_cmpstr(pt_says_word(s.kind), ==, pt_says_word(cases[i].kind));
		g_assert_cmpint(s.how, ==, cases[i].said);
		g_assert_cmpint(s.active, ==, cases[i].active);
		g_assert_cmpstr(s.token, ==, cases[i].token);
	}
	PtOnvifSaid s;
	read_text(" o:Device/Trigger/DigitalInput ", CHANGED, ITEM("InputToken", "1"), ITEM("LogicalState", "true"), &s);
	g_assert_cmpstr(s.topic, ==, "tns1:Device/Trigger/DigitalInput");
	g_assert_cmpstr(s.text, ==, "InputToken=1 LogicalState=true");
	g_assert_cmpint(s.utc_ns, ==, INT64_C(1795341600) * 1000000000);
}

static void count(void *user, const PtOnvifSaid *said) { ++*(unsigned *)user; }

/* A pull's answer, a delivery, and a document of the metadata track with several events and what is none. */
static void test_holders(void) {
	static const char one[] =
	    "<n:NotificationMessage><n:Topic>o:X</n:Topic><n:Message><tt:Message/></n:Message></n:NotificationMessage>"
	    "<n:NotificationMessage><n:Topic>o:X</n:Topic></n:NotificationMessage>";
	static const struct {
		const char *name, *around;
		unsigned all, understood;
	} cases[] = {{"n:Notify", "%s%s", 4, 2},
	             {"tev:PullMessagesResponse", "<tev:CurrentTime/>%s%s", 4, 2},
	             {"tt:MetadataStream", "<tt:VideoAnalytics/><tt:Event>%s</tt:Event><tt:Event>%s</tt:Event>", 4, 2},
	             {"tt:MetadataStream", "<tt:Other>%s%s</tt:Other>", 0, 0}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) around = g_strsplit(cases[i].around, "%s", 3);
		g_autofree char *text = g_strdup_printf(
		    "<%s xmlns:n='http://docs.oasis-open.org/wsn/b-2' xmlns:tt='http://www.onvif.org/ver10/schema' "
		    "xmlns:tev='http://www.onvif.org/ver10/events/wsdl'>%s%s%s%s%s</%s>",
		    cases[i].name, around[0], one, around[1], one, around[2], cases[i].name);
		g_autoptr(PtXmlDoc) doc = pt_xml_parse(text, strlen(text), true, NULL);
		unsigned understood = 0;
		g_assert_cmpuint(pt_onvif_read_all_said(pt_xml_root(doc), count, &understood), ==, cases[i].all);
		g_assert_cmpuint(understood, ==, cases[i].understood);
	}
}

/* Core specification, "Reboot of the device": it says when, which need not be when it says so. */
static void test_reboot(void) {
	static const char text[] =
	    "<w:NotificationMessage xmlns:w='http://docs.oasis-open.org/wsn/b-2' "
	    "xmlns:tt='http://www.onvif.org/ver10/schema' "
	    "xmlns:tns1='http://www.onvif.org/ver10/topics'><w:Topic>tns1:Monitoring/OperatingTime/LastReboot</"
	    "w:Topic><w:Message>"
	    "<tt:Message UtcTime='2026-09-10T00:00:00Z' PropertyOperation='Initialized'><tt:Source/><tt:Data><tt:SimpleItem "
	    "Name='Status' Value='2026-09-09T12:00:00Z'/></tt:Data></tt:Message></w:Message></w:NotificationMessage>";
	PtOnvifSaid s;
	int64_t told = 0;
	g_autoptr(PtXmlDoc) doc = pt_xml_parse(text, strlen(text), true, NULL);
	g_assert_true(pt_onvif_read_said(pt_xml_root(doc), &s));
	g_assert_true(pt_xml_time("2026-09-09T12:00:00Z", &told));
	g_assert_cmpint(s.kind, ==, PT_SAYS_REBOOT);
	g_assert_cmpint(s.told_ns, ==, told);
}

/* Recordings of real devices, where they are there. */
static void test_vendor(void) {
	static const struct {
		const char *file;
		PtSaysKind kind;
		PtSaidHow how;
		int active;
		const char *token;
	} cases[] = {
	    {"axis_events/port_0_init.xml", PT_SAYS_INPUT, PT_SAID_INITIALIZED, 0, "1"},
	    {"axis_events/relay_init.xml", PT_SAYS_RELAY, PT_SAID_INITIALIZED, 0, "3"},
	    {"axis_events/pir_init.xml", PT_SAYS_MOTION, PT_SAID_INITIALIZED, 0, "0"},
	    {"axis_events/pir_change.xml", PT_SAYS_MOTION, PT_SAID_CHANGED, 1, "0"},
	    {"axis_events/motion_guard_init.xml", PT_SAYS_MOTION, PT_SAID_INITIALIZED, 0, ""},
	    {"axis_events/storage_alert_init.xml", PT_SAYS_STORAGE, PT_SAID_INITIALIZED, 0, "NetworkShare"},
	};
	g_autofree char *dir = g_build_filename(SOURCE_ROOT, "..", "shared", "vendor", "onvif", NULL);
	if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
		g_test_skip("the recordings are not there");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_build_filename(dir, cases[i].file, NULL), *text = NULL;
		gsize n;
		g_autoptr(GError) error = NULL;
		g_file_get_contents(path, &text, &n, &error);
		g_assert_no_error(error);
		g_autoptr(PtXmlDoc) doc = pt_xml_parse(text, n, true, &error);
		g_assert_no_error(error);
		PtOnvifSaid s;
		g_assert_true(pt_onvif_read_said(pt_xml_below(pt_xml_root(doc), "wsnt:NotificationMessage"), &s));
		g_test_message("%s: %s %s", cases[i].file, s.topic, s.text);
		g_assert_cmpstr(pt_says_word(s.kind), ==, pt_says_word(cases[i].kind));
		g_assert_cmpint(s.how, ==, cases[i].how);
		g_assert_cmpint(s.active, ==, cases[i].active);
		g_assert_cmpstr(s.token, ==, cases[i].token);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif-normalise/dialects", test_dialects);
	g_test_add_func("/onvif-normalise/holders", test_holders);
	g_test_add_func("/onvif-normalise/reboot", test_reboot);
	g_test_add_func("/onvif-normalise/vendor", test_vendor);
	return g_test_run();
}
