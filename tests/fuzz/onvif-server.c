/* Any message to the server: one answer, at once or when a pull point's time is up; what it keeps stays bounded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answered;
static void identify(void *data, PtOnvifIdentity *ret) { g_strlcpy(ret->name, "fuzz", sizeof ret->name); }
static void network(void *data, PtOnvifNetwork *ret) { ret->rtsp_port = 554; }
static GArray *list(const void *one, unsigned size) { return g_array_append_vals(g_array_new(FALSE, TRUE, size), one, 1); }
static GArray *streams(void *data) {
	static const PtOnvifStream s = {.camera = "a",
	                                .video = {PT_ONVIF_H264, 640, 360, 10, 500, 10},
	                                .profile = "High",
	                                .audio = PT_ONVIF_AAC,
	                                .sample_rate = 48000,
	                                .channels = 1,
	                                .audio_kbps = 64,
	                                .settable = true,
	                                .metadata = true,
	                                .osd = true};
	return list(&s, sizeof s);
}
static GArray *inputs(void *data) { return list(&(PtOnvifInput){"door"}, sizeof(PtOnvifInput)); }
static GArray *relays(void *data) {
	return list(&(PtOnvifRelay){"lamp", "", {true, false, PT_NS_PER_S}}, sizeof(PtOnvifRelay));
}
static GArray *users(void *data) { return list(&(PtOnvifUser){"a", PT_ONVIF_USER}, sizeof(PtOnvifUser)); }
static gboolean set_relay(void *d, const char *relay, bool active, const char *actor, GError **error) { return TRUE; }
static gboolean configure(void *d, const char *r, const PtOnvifRelaySettings *s, const char *actor, GError **error) {
	return TRUE;
}
static char *password(void *data, const char *user) { return g_strdup("a"); }
static PtOnvifLevel level(void *data, const char *user) { return PT_ONVIF_ADMINISTRATOR; }
static bool may_see(void *data, const char *user, const char *camera) { return true; }
static void recordings(void *data, const PtOnvifRecordingsQuery *query, PtOnvifRecordingsFn fn, void *user) {
	PtOnvifRecording r = {"a-main",
	                      "a",
	                      .recording = true,
	                      .first_ns = 1,
	                      .last_ns = PT_NS_PER_S,
	                      .sound = true,
	                      .sound_first_ns = 1,
	                      .sound_last_ns = 2};
	g_autoptr(GArray) one = list(&r, sizeof r), span = list(&(PtOnvifSpan){1, PT_NS_PER_S}, sizeof(PtOnvifSpan));
	g_array_index(one, PtOnvifRecording, 0).spans = query->history ? span : NULL;
	PtOnvifHappening h = {.token = "door", .wall_ns = 2};
	g_autoptr(GArray) happenings = list(&h, sizeof h);
	fn(user, one, query->history ? happenings : NULL, NULL);
}
static void reply(void *user, const PtOnvifAnswer *answer) { answered++; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	PtOnvifHost host = {
	    pt_clock_system(), .identify = identify,         .network = network,      .streams = streams, .inputs = inputs,
	    .relays = relays,  .set_relay = set_relay,       .password = password,    .level = level,     .may_see = may_see,
	    .users = users,    .configure_relay = configure, .recordings = recordings};
	PtOnvifServer *server = pt_onvif_server_new(&host);
	PtOnvifRequest request = {"POST", "/onvif/device_service", data, size, NULL, "http://192.0.2.5"};
	pt_onvif_server_set_property(server, PT_ONVIF_DIGITAL_INPUT, "door", NULL, true, 1);
	answered = 0;
	pt_onvif_server_handle_trusted(server, &request, "a", &(PtOnvifClient){reply}, NULL);
	pt_onvif_server_handle(server, &request, &(PtOnvifClient){reply}, NULL);
	pt_onvif_server_free(server);
	g_assert_cmpuint(answered, ==, 2);
	return 0;
}
