/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/recordings.h"
#include <string.h>

typedef struct {
	PtCall *call;
	void (*fn)(PtCall *);
	bool asking, done; /* the host may know at once */
} Asked;

static void answered(void *user, GArray *recordings, GArray *happenings, const GError *error) {
	Asked *a = user;
	PtCall *c = a->call;
	if (error) {
		pt_call_fault_error(c, error);
	} else {
		c->recordings = g_array_ref(recordings);
		c->happenings = happenings ? g_array_ref(happenings) : NULL;
		for (guint i = recordings->len; i-- > 0;)
			if (!pt_call_may_see(c, g_array_index(recordings, PtOnvifRecording, i).camera))
				g_array_remove_index(recordings, i);
		a->fn(c);
	}
	a->done = true;
	if (a->asking)
		return;
	pt_call_finish(c);
	g_free(a);
}

static void ask(PtCall *c, const PtOnvifRecordingsQuery *query, void (*fn)(PtCall *)) {
	const PtOnvifHost *h = &c->server->host;
	if (!h->recordings) {
		pt_call_fault(c, "ter:ActionNotSupported", NULL, "nothing is recorded here");
		return;
	}
	Asked *a = g_new(Asked, 1);
	*a = (Asked){c, fn, .asking = true};
	h->recordings(h->data, query, answered, a);
	a->asking = false;
	if (a->done)
		g_free(a);
	else
		pt_call_defer(c);
}

void pt_recordings_then(PtCall *c, void (*fn)(PtCall *)) { ask(c, &(PtOnvifRecordingsQuery){0}, fn); }

void pt_recordings_history_then(PtCall *c, int64_t from_ns, int64_t to_ns, bool newest, void (*fn)(PtCall *)) {
	ask(c, &(PtOnvifRecordingsQuery){true, from_ns, to_ns, newest}, fn);
}

const PtOnvifRecording *pt_recordings_need(PtCall *c, const char *token) {
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		if (!strcmp(r->token, token))
			return r;
	}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoRecording", "there is no recording '%.64s'", token);
	return NULL;
}

void pt_recording_put_source(PtCall *c, PtXml *x, const PtOnvifRecording *r) {
	pt_xml_put(x, "tt:SourceId", pt_onvif_server_endpoint(c->server));
	pt_xml_put(x, "tt:Name", r->camera);
	pt_xml_put(x, "tt:Location", "");
	pt_xml_put(x, "tt:Description", r->sub ? "sub stream" : "main stream");
	pt_xml_put(x, "tt:Address", c->origin);
}

void pt_recording_put_track(PtXml *x, const char *element, const PtOnvifRecording *r, bool sound) {
	pt_xml_open(x, element);
	pt_xml_put(x, "tt:TrackToken", sound ? PT_TRACK_AUDIO : PT_TRACK_VIDEO);
	pt_xml_put(x, "tt:TrackType", sound ? "Audio" : "Video");
	pt_xml_put(x, "tt:Description", sound ? "sound" : "pictures");
	pt_xml_put_time(x, "tt:DataFrom", sound ? r->sound_first_ns : r->first_ns);
	pt_xml_put_time(x, "tt:DataTo", sound ? r->sound_last_ns : r->last_ns);
	pt_xml_close(x);
}

void pt_recording_put_information(PtCall *c, PtXml *x, const char *element, const PtOnvifRecording *r) {
	pt_xml_open(x, element);
	pt_xml_put(x, "tt:RecordingToken", r->token);
	pt_xml_open(x, "tt:Source");
	pt_recording_put_source(c, x, r);
	pt_xml_close(x);
	if (r->first_ns) {
		pt_xml_put_time(x, "tt:EarliestRecording", r->first_ns);
		pt_xml_put_time(x, "tt:LatestRecording", r->last_ns);
	}
	pt_xml_put_format(x, "tt:Content", "%s, %s stream", r->camera, r->sub ? "sub" : "main");
	if (r->first_ns)
		pt_recording_put_track(x, "tt:Track", r, false);
	if (r->first_ns && r->sound)
		pt_recording_put_track(x, "tt:Track", r, true);
	pt_xml_put(x, "tt:RecordingStatus", r->recording ? "Recording" : r->first_ns ? "Stopped" : "Initiated");
	pt_xml_close(x);
}
