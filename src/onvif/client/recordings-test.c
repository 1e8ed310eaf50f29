/* What real devices have answered, and what the client makes of it: every recording of the folder, none left out. The folder
 * is not part of the source; where it is missing the test is skipped, and the quirks it taught have their own small cases.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/address.h"
#include "onvif/client/answers.h"
#include "onvif/client/describe.h"
#include "onvif/client/search.h"
#include <string.h>

#define KNOWN "http://192.0.2.7/onvif/device_service" /* where we reached it */

static const struct {
	const char *file, *yields;
} recordings[] = {
    {"axis_events/first_message.xml", "MetadataStream"},
    {"axis_events/motion_guard_init.xml",
     "MetadataStream; motion initialized inactive '' tnsaxis:CameraApplicationPlatform/MotionGuard/Camera1ProfileANY"},
    {"axis_events/pir_change.xml", "MetadataStream; motion changed active '0' tns1:Device/tnsaxis:Sensor/PIR"},
    {"axis_events/pir_init.xml", "MetadataStream; motion initialized inactive '0' tns1:Device/tnsaxis:Sensor/PIR"},
    {"axis_events/port_0_init.xml", "MetadataStream; input initialized inactive '1' tns1:Device/tnsaxis:IO/Port"},
    {"axis_events/port_any_init.xml", "MetadataStream; other initialized inactive '-1' tns1:Device/tnsaxis:IO/Port"},
    {"axis_events/relay_init.xml", "MetadataStream; relay initialized inactive '3' tns1:Device/Trigger/Relay"},
    {"axis_events/storage_alert_init.xml",
     "MetadataStream; storage initialized inactive 'NetworkShare' tnsaxis:Storage/Alert"},
    {"bosch_flexidome_5100i/capture_001_response.xml",
     "GetDeviceInformationResponse; Bosch, FLEXIDOME indoor 5100i IR, firmware 8.71.0066, serial 404754734001050102"},
    {"bosch_flexidome_5100i/capture_002_response.xml", "GetSystemDateAndTimeResponse; 2023-05-24T21:25:05Z"},
    {"bosch_flexidome_5100i/capture_003_response.xml",
     "GetCapabilitiesResponse; device http://192.0.2.7/onvif/device_service; media http://192.0.2.7/onvif/media_service; "
     "events http://192.0.2.7/onvif/event_service; deviceio http://192.0.2.7/onvif/DeviceIO_service; imaging "
     "http://192.0.2.7/onvif/imaging_service; analytics http://192.0.2.7/onvif/analytics_service; recording "
     "http://192.0.2.7/onvif/Rec_service; search http://192.0.2.7/onvif/search_service; replay "
     "http://192.0.2.7/onvif/replay_service"},
    {"bosch_flexidome_5100i/capture_004_response.xml",
     "GetCapabilitiesResponse; device http://192.0.2.7/onvif/device_service; media http://192.0.2.7/onvif/media_service; "
     "events http://192.0.2.7/onvif/event_service; deviceio http://192.0.2.7/onvif/DeviceIO_service; imaging "
     "http://192.0.2.7/onvif/imaging_service; analytics http://192.0.2.7/onvif/analytics_service; recording "
     "http://192.0.2.7/onvif/Rec_service; search http://192.0.2.7/onvif/search_service; replay "
     "http://192.0.2.7/onvif/replay_service"},
    {"bosch_flexidome_5100i/capture_005_response.xml",
     "GetProfilesResponse; 0 (main) H264 1920 x 1080 30 fps 5200 kbit/s GOP 255 metadata; 1 H264 1536 x 864 30 fps 3400 "
     "kbit/s GOP 255 metadata; 2 (sub) H264 1280 x 720 30 fps 2400 kbit/s GOP 255 metadata; 3 H264 512 x 288 30 fps 400 "
     "kbit/s GOP 255 metadata"},
    {"bosch_flexidome_5100i/capture_006_response.xml",
     "GetStreamUriResponse; rtsp://192.0.2.7/rtsp_tunnel?p=0&line=1&inst=1&vcd=2"},
    {"bosch_flexidome_5100i/capture_007_response.xml",
     "GetStreamUriResponse; rtsp://192.0.2.7/rtsp_tunnel?p=1&line=1&inst=2&vcd=2"},
    {"bosch_flexidome_5100i/capture_008_response.xml",
     "GetStreamUriResponse; rtsp://192.0.2.7/rtsp_tunnel?p=2&line=1&inst=3&vcd=2"},
    {"bosch_flexidome_5100i/capture_009_response.xml",
     "GetStreamUriResponse; rtsp://192.0.2.7/rtsp_tunnel?p=3&line=1&inst=4&vcd=2"},
    {"bosch_flexidome_5100i/capture_010_response.xml", "GetSnapshotUriResponse; http://192.0.2.7/snap.jpg?JpegCam=1"},
    {"bosch_flexidome_5100i/capture_011_response.xml", "GetSnapshotUriResponse; http://192.0.2.7/snap.jpg?JpegCam=1"},
    {"bosch_flexidome_5100i/capture_012_response.xml", "GetSnapshotUriResponse; http://192.0.2.7/snap.jpg?JpegCam=1"},
    {"bosch_flexidome_5100i/capture_013_response.xml", "GetSnapshotUriResponse; http://192.0.2.7/snap.jpg?JpegCam=1"},
    {"bosch_flexidome_5100i/capture_014_response.xml", "GetVideoEncoderConfigurationResponse (not asked)"},
    {"bosch_flexidome_5100i/capture_015_response.xml", "GetVideoEncoderConfigurationResponse (not asked)"},
    {"bosch_flexidome_5100i/capture_016_response.xml", "GetVideoEncoderConfigurationResponse (not asked)"},
    {"bosch_flexidome_5100i/capture_017_response.xml", "GetVideoEncoderConfigurationResponse (not asked)"},
    {"bosch_flexidome_5100i/capture_018_response.xml", "GetImagingSettingsResponse; IR cut filter none"},
    {"ex_onvif/create_osd.xml", "CreateOSDResponse (not asked)"},
    {"ex_onvif/create_profile.xml", "CreateProfileResponse (not asked)"},
    {"ex_onvif/create_pull_point_subscription.xml",
     "CreatePullPointSubscriptionResponse; http://192.0.2.7/onvif/Events/PullSubManager_20250415T164937Z_0 for 60 s"},
    {"ex_onvif/create_recording.xml", "CreateRecordingResponse (not asked)"},
    {"ex_onvif/create_recording_job.xml", "CreateRecordingJobResponse (not asked)"},
    {"ex_onvif/delete_osd.xml", "DeleteOSDResponse (not asked)"},
    {"ex_onvif/find_events.xml", "FindEventsResponse; SearchToken[1]"},
    {"ex_onvif/find_recordings.xml", "FindRecordingsResponse; RecordingSearchToken_1"},
    {"ex_onvif/get_analytics_modules.xml", "GetAnalyticsModulesResponse (not asked)"},
    {"ex_onvif/get_analytics_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_audio_encoder_configuration_options.xml", "GetAudioEncoderConfigurationOptionsResponse (not asked)"},
    {"ex_onvif/get_device_information.xml", "GetDeviceInformationResponse; Milesight Technology Co.,Ltd., MS-C8165-PE, "
                                            "firmware 61.8.0.3-r8, serial EM82V102329001403"},
    {"ex_onvif/get_event_properties.xml", "GetEventPropertiesResponse (not asked)"},
    {"ex_onvif/get_event_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_hostname.xml", "GetHostnameResponse (not asked)"},
    {"ex_onvif/get_media2_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_media2_video_encoder_configuration_options.xml",
     "GetVideoEncoderConfigurationOptionsResponse (not asked)"},
    {"ex_onvif/get_media2_video_source_configurations.xml", "GetVideoSourceConfigurationsResponse (not asked)"},
    {"ex_onvif/get_media_osds.xml", "GetOSDsResponse (not asked)"},
    {"ex_onvif/get_media_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_network_protocols.xml", "GetNetworkProtocolsResponse (not asked)"},
    {"ex_onvif/get_ntp.xml", "GetNTPResponse; time.windows.com"},
    {"ex_onvif/get_osd_options.xml", "GetOSDOptionsResponse (not asked)"},
    {"ex_onvif/get_ptz_configurations.xml", "GetConfigurationsResponse (not asked)"},
    {"ex_onvif/get_ptz_node.xml", "GetNodeResponse (not asked)"},
    {"ex_onvif/get_ptz_nodes.xml", "GetNodesResponse (not asked)"},
    {"ex_onvif/get_ptz_presets.xml", "GetPresetsResponse; PresetToken001 'Entrance'; PresetToken002 'Parking'"},
    {"ex_onvif/get_ptz_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_ptz_status.xml", "GetStatusResponse (not asked)"},
    {"ex_onvif/get_recording_jobs.xml", "GetRecordingJobsResponse (not asked)"},
    {"ex_onvif/get_recording_search_results.xml",
     "GetRecordingSearchResultsResponse (over); OnvifRecordingToken_1 'IpCamera_1' Stopped 1970-01-01T00:03:15Z "
     "2025-03-15T16:28:00Z, video videotracktoken_1, audio audiotracktoken_1, metadata metadatatracktoken_1"},
    {"ex_onvif/get_recording_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_recording_summary.xml", "GetRecordingSummaryResponse (not asked)"},
    {"ex_onvif/get_recordings.xml",
     "GetRecordingsResponse; recording SD_DISK_20200422_123501_A2388AB3 'beta cam 1' (video, audio, metadata); recording "
     "SD_DISK_20200422_132613_45A883F5 'beta cam 2' (video, audio, metadata); recording SD_DISK_20200422_132655_67086B52 "
     "'beta cam 3' (video, audio, metadata)"},
    {"ex_onvif/get_replay_service_capabilities.xml", "GetServiceCapabilitiesResponse (not asked)"},
    {"ex_onvif/get_replay_uri.xml",
     "GetReplayUriResponse; "
     "rtsp://192.0.2.7/onvif-media/record/"
     "play.amp?onvifreplayid=SD_DISK_20200422_132655_67086B52&onvifreplayext=1&streamtype=unicast&session_timeout=30"},
    {"ex_onvif/get_scopes.xml", "GetScopesResponse (not asked)"},
    {"ex_onvif/get_system_date_and_time.xml", "GetSystemDateAndTimeResponse; 2024-07-09T19:49:06Z"},
    {"ex_onvif/get_video_encoder_configuration_options.xml", "GetVideoEncoderConfigurationOptionsResponse (not asked)"},
    {"ex_onvif/goto_ptz_preset.xml", "GotoPresetResponse"},
    {"ex_onvif/pull_messages.xml",
     "PullMessagesResponse; motion initialized inactive 'VideoSource_1' tns1:VideoSource/MotionAlarm; motion initialized "
     "inactive 'VideoSourceToken' tns1:RuleEngine/CellMotionDetector/Motion; tamper initialized inactive 'VideoSourceToken' "
     "tns1:RuleEngine/TamperDetector/Tamper; tamper initialized inactive 'VideoSourceToken' "
     "tns1:VideoSource/ImageTooDark/ImagingService; motion initialized inactive 'VideoSourceToken' "
     "tns1:RuleEngine/FieldDetector/ObjectsInside; other initialized says nothing '' "
     "tns1:Monitoring/OperatingTime/LastReset; reboot initialized active '' tns1:Monitoring/OperatingTime/LastReboot; other "
     "initialized says nothing '' tns1:Monitoring/OperatingTime/LastClockSynchronization"},
    {"ex_onvif/remove_ptz_preset.xml", "RemovePresetResponse (not asked)"},
    {"ex_onvif/set_osd_response.xml", "SetOSDResponse (not asked)"},
    {"ex_onvif/set_ptz_preset.xml", "SetPresetResponse (not asked)"},
    {"ex_onvif/soap_fault.xml", "error: NoProfile: Argument Value Invalid"},
};

static void put_said(void *user, const PtOnvifSaid *s) {
	static const char *const how[] = {"", " initialized", " changed", " deleted"};
	g_string_append_printf(user, "; %s%s %s '%s' %s", pt_says_word(s->kind), how[s->how],
	                       s->active < 0 ? "says nothing"
	                       : s->active   ? "active"
	                                     : "inactive",
	                       s->token, s->topic);
}

static void put_profiles(GString *out, const PtSoap *soap) {
	g_autoptr(GPtrArray) list = pt_onvif_read_profiles(soap);
	PtOnvifProfile *main, *sub;
	pt_onvif_choose_profiles(list, NULL, &main, &sub);
	for (guint i = 0; i < list->len; i++) {
		const PtOnvifProfile *p = g_ptr_array_index(list, i);
		g_string_append_printf(out, "; %s%s %s %d x %d %g fps %d kbit/s GOP %d%s%s", p->token,
		                       p == main  ? " (main)"
		                       : p == sub ? " (sub)"
		                                  : "",
		                       p->codec, p->width, p->height, p->fps, p->bitrate_kbps, p->gop,
		                       p->sound ? " sound" : "", p->metadata ? " metadata" : "");
	}
}

static void put_lines(GString *out, const PtSoap *soap, void (*read)(const PtSoap *answer, GPtrArray *lines)) {
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	read(soap, lines);
	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(out, "; %s", (const char *)g_ptr_array_index(lines, i));
}

static void put_found(GString *out, const PtSoap *soap) {
	PtOnvifFound *f = pt_onvif_found_new();
	pt_onvif_read_information(soap, f);
	g_string_append_printf(out, "; %s, %s, firmware %s, serial %s", f->maker, f->model, f->firmware, f->serial);
	pt_onvif_found_free(f);
}

static void put_services(GString *out, const PtSoap *soap) {
	static const char *const names[] = {"device", "media",     "media2",    "events", "deviceio", "imaging",
	                                    "ptz",    "analytics", "recording", "search", "replay"};
	const char *given[PT_ONVIF_N_SERVICES];
	pt_onvif_read_services(soap, given);
	for (unsigned i = 0; i < PT_ONVIF_N_SERVICES; i++) {
		g_autofree char *url = given[i] ? pt_onvif_service_url(KNOWN, given[i]) : NULL;
		if (url)
			g_string_append_printf(out, "; %s %s", names[i], url);
	}
}

static void put_clock(GString *out, const PtSoap *soap) {
	int64_t ns = 0;
	g_assert_true(pt_onvif_read_clock(soap, &ns));
	g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(ns / PT_NS_PER_S);
	g_autofree char *text = g_date_time_format_iso8601(at);
	g_string_append_printf(out, "; %s", text);
}

static void put_subscription(GString *out, const PtSoap *soap) {
	const char *address;
	pt_onvif_read_subscription(soap, &address);
	g_autofree char *url = pt_onvif_service_url(KNOWN, address);
	g_string_append_printf(out, "; %s for %d s", url, (int)(pt_onvif_read_granted(soap, 0) / PT_NS_PER_S));
}

static void put_presets(GString *out, const PtSoap *soap) {
	g_autoptr(GPtrArray) list = pt_onvif_presets_new();
	pt_onvif_read_presets(soap, list);
	for (guint i = 0; i < list->len; i++) {
		const PtOnvifPreset *p = g_ptr_array_index(list, i);
		g_string_append_printf(out, "; %s '%s'", p->token, p->name);
	}
}

static void put_ir_cut(GString *out, const PtSoap *soap) {
	g_autofree char *mode = pt_onvif_read_ir_cut(soap);
	g_string_append_printf(out, "; IR cut filter %s", mode ? mode : "none");
}

static void put_ntp(GString *out, const PtSoap *soap) {
	bool dhcp;
	g_autofree char *servers = pt_onvif_read_ntp(soap, &dhcp);
	g_string_append_printf(out, "; %s%s", dhcp ? "from DHCP " : "", servers);
}

static void put_uri(GString *out, const PtSoap *soap) {
	const char *given = pt_onvif_read_uri(soap);
	g_autofree char *url =
	    g_str_has_prefix(given, "http") ? pt_onvif_service_url(KNOWN, given) : pt_onvif_stream_url(KNOWN, given);
	g_string_append_printf(out, "; %s", url);
}

static void put_token(GString *out, const PtSoap *soap) {
	g_string_append_printf(out, "; %s", pt_onvif_read_search_token(soap));
}

static void put_time(GString *out, int64_t ns) {
	g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(ns / PT_NS_PER_S);
	g_autofree char *text = g_date_time_format_iso8601(at);
	g_string_append_printf(out, " %s", text);
}

static void put_results(GString *out, const PtSoap *soap) {
	static const char *const kinds[] = {"video", "audio", "metadata"};
	g_autoptr(GPtrArray) list = pt_onvif_recordings_new();
	pt_onvif_read_search_recordings(soap, list);
	g_string_append(out, pt_onvif_read_search_over(soap) ? " (over)" : "");
	for (guint i = 0; i < list->len; i++) {
		const PtOnvifRecording *r = g_ptr_array_index(list, i);
		g_string_append_printf(out, "; %s '%s' %s", r->token, r->source, r->status);
		put_time(out, r->first_ns);
		put_time(out, r->last_ns);
		for (guint k = 0; k < r->tracks->len; k++) {
			const PtOnvifTrack *t = g_ptr_array_index(r->tracks, k);
			g_string_append_printf(out, ", %s %s", kinds[t->kind], t->token);
		}
	}
}

static void put_recordings(GString *out, const PtSoap *soap) { put_lines(out, soap, pt_onvif_read_recordings); }
static void put_events(GString *out, const PtSoap *soap) { pt_onvif_read_all_said(soap->body, put_said, out); }

/* The answers to our questions. What is not here we do not ask. */
static const struct {
	const char *answer;
	void (*put)(GString *out, const PtSoap *soap);
} questions[] = {
    {"GetDeviceInformationResponse", put_found},
    {"GetSystemDateAndTimeResponse", put_clock},
    {"GetCapabilitiesResponse", put_services},
    {"GetProfilesResponse", put_profiles},
    {"GetStreamUriResponse", put_uri},
    {"GetSnapshotUriResponse", put_uri},
    {"GetReplayUriResponse", put_uri},
    {"FindRecordingsResponse", put_token},
    {"FindEventsResponse", put_token},
    {"GetRecordingSearchResultsResponse", put_results},
    {"GetImagingSettingsResponse", put_ir_cut},
    {"GetPresetsResponse", put_presets},
    {"GetNTPResponse", put_ntp},
    {"GetRecordingsResponse", put_recordings},
    {"CreatePullPointSubscriptionResponse", put_subscription},
    {"PullMessagesResponse", put_events},
};

/* Our orders, whose answers say no more than that they were carried out. */
static const char *const orders[] = {"GotoPresetResponse", NULL};

static char *understand(const char *text, size_t size) {
	GString *out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(PtSoap) soap = pt_soap_parse(text, size, true, &error);
	g_autoptr(PtXmlDoc) doc = soap ? NULL : pt_xml_parse(text, size, true, NULL);
	PtSoapFault fault;
	if (!soap && doc && pt_xml_is(pt_xml_root(doc), "tt:MetadataStream")) {
		g_string_assign(out, "MetadataStream");
		pt_onvif_read_all_said(pt_xml_root(doc), put_said, out);
	} else if (!soap) {
		g_string_printf(out, "refused: %s", error->message);
	} else if (pt_soap_read_fault(soap, &fault)) {
		g_autoptr(GError) said = pt_soap_fault_error(&fault);
		g_string_printf(out, "error: %s", said->message);
	} else {
		const char *name = pt_xml_name(soap->body);
		g_string_assign(out, name);
		size_t i = 0;
		while (i < G_N_ELEMENTS(questions) && strcmp(questions[i].answer, name))
			i++;
		if (i < G_N_ELEMENTS(questions))
			questions[i].put(out, soap);
		else if (!g_strv_contains(orders, name))
			g_string_append(out, " (not asked)");
	}
	return g_string_free(out, FALSE);
}

static const char *expected(const char *file) {
	for (size_t i = 0; i < G_N_ELEMENTS(recordings); i++)
		if (!strcmp(recordings[i].file, file))
			return recordings[i].yields;
	return NULL;
}

static void walk(const char *dir, const char *under, unsigned *files, unsigned *wrong) {
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	for (const char *name = d ? g_dir_read_name(d) : NULL; name; name = g_dir_read_name(d)) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		g_autofree char *file = *under ? g_strdup_printf("%s/%s", under, name) : g_strdup(name), *text = NULL;
		gsize size;
		if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
			walk(path, file, files, wrong);
		} else if (g_str_has_suffix(name, ".xml") && g_file_get_contents(path, &text, &size, NULL)) {
			g_autofree char *yields = understand(text, size);
			++*files;
			g_test_message("%s: %s", file, yields);
			if (g_strcmp0(yields, expected(file))) {
				++*wrong;
				g_test_message("%s should have been: %s", file,
				               expected(file) ? expected(file) : "(it is new)");
			}
		}
	}
}

static void test_all(void) {
	g_autofree char *dir = g_build_filename(SOURCE_ROOT, "..", "shared", "vendor", "onvif", NULL);
	unsigned files = 0, wrong = 0;
	walk(dir, "", &files, &wrong);
	if (!files) {
		g_test_skip("0 recordings read: the folder is not there");
		return;
	}
	g_test_message("%u recordings read", files);
	g_assert_cmpuint(wrong, ==, 0);
	g_assert_cmpuint(files, ==, G_N_ELEMENTS(recordings));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif-recordings/all", test_all);
	return g_test_run();
}
