/* Recording control service (Profile G): recordings, their tracks, and the jobs that fill them. They are what the site file
 * says: clients see them and change nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/recordings.h"
#include <string.h>

static void put_capabilities(PtCall *c) {
	pt_xml_open(c->out, "trc:Capabilities");
	pt_xml_attribute_bool(c->out, "DynamicRecordings", false);
	pt_xml_attribute_bool(c->out, "DynamicTracks", false);
	pt_xml_attribute(c->out, "Encoding", "H264 H265 JPEG G711 G726 AAC");
	pt_xml_attribute_bool(c->out, "Options", true);
	pt_xml_attribute_bool(c->out, "MetadataRecording", false);
	pt_xml_close(c->out);
}

static void put_configuration(PtCall *c, const char *element, const PtOnvifRecording *r) {
	pt_xml_open(c->out, element);
	pt_xml_open(c->out, "tt:Source");
	pt_recording_put_source(c, c->out, r);
	pt_xml_close(c->out);
	pt_xml_put_format(c->out, "tt:Content", "%s, %s stream", r->camera, r->sub ? "sub" : "main");
	pt_xml_put_duration(c->out, "tt:MaximumRetentionTime", 0); /* it goes by space, or as the site file says */
	pt_xml_close(c->out);
}

static void put_track_configuration(PtCall *c, const char *element, bool sound) {
	pt_xml_open(c->out, element);
	pt_xml_put(c->out, "tt:TrackType", sound ? "Audio" : "Video");
	pt_xml_put(c->out, "tt:Description", sound ? "sound" : "pictures");
	pt_xml_close(c->out);
}

static void put_track_item(PtCall *c, bool sound) {
	pt_xml_open(c->out, "tt:Track");
	pt_xml_put(c->out, "tt:TrackToken", sound ? PT_TRACK_AUDIO : PT_TRACK_VIDEO);
	put_track_configuration(c, "tt:Configuration", sound);
	pt_xml_close(c->out);
}

/* ---- recordings ---- */

static void list(PtCall *c) {
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		pt_xml_open(c->out, "trc:RecordingItem");
		pt_xml_put(c->out, "tt:RecordingToken", r->token);
		put_configuration(c, "tt:Configuration", r);
		pt_xml_open(c->out, "tt:Tracks");
		put_track_item(c, false);
		if (r->sound)
			put_track_item(c, true);
		pt_xml_close(c->out);
		pt_xml_close(c->out);
	}
}

static void get_recordings(PtCall *c) { pt_recordings_then(c, false, 0, 0, list); }

static const PtOnvifRecording *asked_for(PtCall *c) { return pt_recordings_need(c, pt_call_text(c, "trc:RecordingToken")); }

static void configuration(PtCall *c) {
	const PtOnvifRecording *r = asked_for(c);
	if (r)
		put_configuration(c, "trc:RecordingConfiguration", r);
}

static void get_configuration(PtCall *c) { pt_recordings_then(c, false, 0, 0, configuration); }

static void track_configuration(PtCall *c) {
	const PtOnvifRecording *r = asked_for(c);
	const char *track = pt_call_text(c, "trc:TrackToken");
	bool sound = !strcmp(track, PT_TRACK_AUDIO);
	if (!r)
		return;
	if ((sound && r->sound) || !strcmp(track, PT_TRACK_VIDEO))
		put_track_configuration(c, "trc:TrackConfiguration", sound);
	else
		pt_call_fault(c, "ter:InvalidArgVal", "ter:NoTrack", "%s has no track '%.64s'", r->token, track);
}

static void get_track_configuration(PtCall *c) { pt_recordings_then(c, false, 0, 0, track_configuration); }

static void options(PtCall *c) {
	const PtOnvifRecording *r = asked_for(c);
	if (!r)
		return;
	pt_xml_open(c->out, "trc:Options");
	pt_xml_open(c->out, "trc:Job");
	pt_xml_attribute_int(c->out, "Spare", 0);
	pt_xml_close(c->out);
	pt_xml_open(c->out, "trc:Track");
	pt_xml_attribute_int(c->out, "SpareTotal", 0);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

static void get_options(PtCall *c) { pt_recordings_then(c, false, 0, 0, options); }

/* ---- jobs: one a recording, named after it ---- */

static const PtOnvifRecording *job_asked_for(PtCall *c) {
	const char *token = pt_call_text(c, "trc:JobToken");
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		if (g_str_has_prefix(token, "job-") && !strcmp(token + 4, r->token))
			return r;
	}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoRecordingJob", "there is no recording job '%.64s'", token);
	return NULL;
}

static void put_source_token(PtCall *c, const PtOnvifRecording *r) {
	pt_xml_open(c->out, "tt:SourceToken");
	pt_xml_attribute(c->out, "Type", "http://www.onvif.org/ver10/schema/Profile");
	pt_xml_put(c->out, "tt:Token", r->token); /* a stream's fixed profile is called as its recording is */
	pt_xml_close(c->out);
}

static void put_job_track(PtCall *c, bool sound, const char *state) {
	const char *name = sound ? PT_TRACK_AUDIO : PT_TRACK_VIDEO;
	pt_xml_open(c->out, state ? "tt:Track" : "tt:Tracks");
	pt_xml_put(c->out, "tt:SourceTag", name);
	pt_xml_put(c->out, "tt:Destination", name);
	if (state)
		pt_xml_put(c->out, "tt:State", state);
	pt_xml_close(c->out);
}

static void put_job(PtCall *c, const char *element, const PtOnvifRecording *r) {
	pt_xml_open(c->out, element);
	pt_xml_put(c->out, "tt:RecordingToken", r->token);
	pt_xml_put(c->out, "tt:Mode", r->recording ? "Active" : "Idle");
	pt_xml_put_int(c->out, "tt:Priority", 1);
	pt_xml_open(c->out, "tt:Source");
	put_source_token(c, r);
	put_job_track(c, false, NULL);
	if (r->sound)
		put_job_track(c, true, NULL);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

static void jobs(PtCall *c) {
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		pt_xml_open(c->out, "trc:JobItem");
		pt_xml_put_format(c->out, "tt:JobToken", "job-%s", r->token);
		put_job(c, "tt:JobConfiguration", r);
		pt_xml_close(c->out);
	}
}

static void get_jobs(PtCall *c) { pt_recordings_then(c, false, 0, 0, jobs); }

static void job_configuration(PtCall *c) {
	const PtOnvifRecording *r = job_asked_for(c);
	if (r)
		put_job(c, "trc:JobConfiguration", r);
}

static void get_job_configuration(PtCall *c) { pt_recordings_then(c, false, 0, 0, job_configuration); }

static void job_state(PtCall *c) {
	const PtOnvifRecording *r = job_asked_for(c);
	if (!r)
		return;
	const char *state = r->recording ? "Active" : "Idle";
	pt_xml_open(c->out, "trc:State");
	pt_xml_put(c->out, "tt:RecordingToken", r->token);
	pt_xml_put(c->out, "tt:State", state);
	pt_xml_open(c->out, "tt:Sources");
	put_source_token(c, r);
	pt_xml_put(c->out, "tt:State", state);
	pt_xml_open(c->out, "tt:Tracks");
	put_job_track(c, false, state);
	if (r->sound)
		put_job_track(c, true, state);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

static void get_job_state(PtCall *c) { pt_recordings_then(c, false, 0, 0, job_state); }

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetRecordings", PT_ACCESS_READ_MEDIA, get_recordings},
    {"GetRecordingConfiguration", PT_ACCESS_READ_MEDIA, get_configuration},
    {"GetTrackConfiguration", PT_ACCESS_READ_MEDIA, get_track_configuration},
    {"GetRecordingOptions", PT_ACCESS_READ_MEDIA, get_options},
    {"GetRecordingJobs", PT_ACCESS_READ_MEDIA, get_jobs},
    {"GetRecordingJobConfiguration", PT_ACCESS_READ_MEDIA, get_job_configuration},
    {"GetRecordingJobState", PT_ACCESS_READ_MEDIA, get_job_state},
    {"SetRecordingConfiguration", PT_ACCESS_ACTUATE, NULL},
    {"SetTrackConfiguration", PT_ACCESS_ACTUATE, NULL},
    {"SetRecordingJobConfiguration", PT_ACCESS_ACTUATE, NULL},
    {"SetRecordingJobMode", PT_ACCESS_ACTUATE, NULL},
    {"CreateRecordingJob", PT_ACCESS_ACTUATE, NULL},
    {"DeleteRecordingJob", PT_ACCESS_ACTUATE, NULL},
    {"CreateRecording", PT_ACCESS_ACTUATE, NULL},
    {"DeleteRecording", PT_ACCESS_ACTUATE, NULL},
    {"CreateTrack", PT_ACCESS_ACTUATE, NULL},
    {"DeleteTrack", PT_ACCESS_ACTUATE, NULL},
    {"ExportRecordedData", PT_ACCESS_READ_MEDIA, NULL},
    {"StopExportRecordedData", PT_ACCESS_READ_MEDIA, NULL},
    {"GetExportRecordedDataState", PT_ACCESS_READ_MEDIA, NULL},
    {NULL},
};

const PtService pt_service_recording = {"trc", "/onvif/recording_service", 21, 12, put_capabilities, operations};
