/* Replay service (Profile G): where a recording can be played. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/recordings.h"

#define SESSION_NS (60 * PT_NS_PER_S) /* what the RTSP server states */

static void put_capabilities(PtCall *c) {
	pt_xml_open(c->out, "trp:Capabilities");
	pt_xml_attribute_bool(c->out, "ReversePlayback", true);
	pt_xml_attribute(c->out, "SessionTimeoutRange", "60 60");
	pt_xml_attribute_bool(c->out, "RTP_RTSP_TCP", true);
	pt_xml_close(c->out);
}

static void uri(PtCall *c) {
	const PtOnvifRecording *r = pt_recordings_need(c, pt_call_text(c, "trp:RecordingToken"));
	g_auto(PtOnvifNetwork) network = {0};
	if (!r)
		return;
	pt_call_network(c, &network);
	if (!network.rtsp_port) {
		pt_call_fault(c, "ter:Action", "ter:IncompleteConfiguration",
		              "recordings are not served: serve.rtsp is not in the site file");
		return;
	}
	g_autofree char *host = pt_call_host(c);
	pt_xml_put_format(c->out, "trp:Uri", "rtsp://%s:%u/replay/%s/%s", host, network.rtsp_port, r->camera,
	                  r->sub ? "sub" : "main");
}

static void get_uri(PtCall *c) { pt_recordings_then(c, uri); }

static void get_configuration(PtCall *c) {
	pt_xml_open(c->out, "trp:Configuration");
	pt_xml_put_duration(c->out, "tt:SessionTimeout", SESSION_NS);
	pt_xml_close(c->out);
}

static void set_configuration(PtCall *c) {
	int64_t wanted = 0;
	if (!pt_xml_duration(pt_call_text(c, "trp:Configuration/tt:SessionTimeout"), &wanted) || wanted != SESSION_NS)
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ConfigModify", "SessionTimeout is PT60S");
}

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetReplayUri", PT_ACCESS_READ_MEDIA, get_uri},
    {"GetReplayConfiguration", PT_ACCESS_READ_MEDIA, get_configuration},
    {"SetReplayConfiguration", PT_ACCESS_ACTUATE, set_configuration},
    {NULL},
};

const PtService pt_service_replay = {"trp", "/onvif/replay_service", 21, 12, put_capabilities, operations};
