/* Recording control service (Profile G): recordings, their tracks, and the jobs that fill them. They are what the site file
 * says: clients see them, and make jobs idle and active again. */
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

static char *content_of(const PtOnvifRecording *r) {
	return g_strdup_printf("%s, %s stream", r->camera, r->sub ? "sub" : "main");
}

static const char *track_text(bool sound) { return sound ? "sound" : "pictures"; }

static void put_configuration(PtCall *c, const char *element, const PtOnvifRecording *r) {
	pt_xml_open(c->out, element);
	pt_xml_open(c->out, "tt:Source");
	pt_recording_put_source(c, c->out, r);
	pt_xml_close(c->out);
	g_autofree char *content = content_of(r);
	pt_xml_put(c->out, "tt:Content", content);
	pt_xml_put_duration(c->out, "tt:MaximumRetentionTime", 0); /* it goes by space, or as the site file says */
	pt_xml_close(c->out);
}

static void put_track_configuration(PtCall *c, const char *element, bool sound) {
	pt_xml_open(c->out, element);
	pt_xml_put(c->out, "tt:TrackType", sound ? "Audio" : "Video");
	pt_xml_put(c->out, "tt:Description", track_text(sound));
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

static void get_recordings(PtCall *c) { pt_recordings_then(c, list); }

static const PtOnvifRecording *asked_for(PtCall *c) { return pt_recordings_need(c, pt_call_text(c, "trc:RecordingToken")); }

static void configuration(PtCall *c) {
	const PtOnvifRecording *r = asked_for(c);
	if (r)
		put_configuration(c, "trc:RecordingConfiguration", r);
}

static void get_configuration(PtCall *c) { pt_recordings_then(c, configuration); }

/* False: a fault is set. */
static bool track_asked_for(PtCall *c, bool *ret_sound) {
	const PtOnvifRecording *r = asked_for(c);
	const char *track = pt_call_text(c, "trc:TrackToken");
	*ret_sound = !strcmp(track, PT_TRACK_AUDIO);
	if (!r)
		return false;
	if ((*ret_sound && r->sound) || !strcmp(track, PT_TRACK_VIDEO))
		return true;
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoTrack", "%s has no track '%.64s'", r->token, track);
	return false;
}

static void track_configuration(PtCall *c) {
	bool sound;
	if (track_asked_for(c, &sound))
		put_track_configuration(c, "trc:TrackConfiguration", sound);
}

static void get_track_configuration(PtCall *c) { pt_recordings_then(c, track_configuration); }

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

static void get_options(PtCall *c) { pt_recordings_then(c, options); }

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
	pt_xml_put(c->out, "tt:Mode", r->wanted ? "Active" : "Idle");
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

static void get_jobs(PtCall *c) { pt_recordings_then(c, jobs); }

static void job_configuration(PtCall *c) {
	const PtOnvifRecording *r = job_asked_for(c);
	if (r)
		put_job(c, "trc:JobConfiguration", r);
}

static void get_job_configuration(PtCall *c) { pt_recordings_then(c, job_configuration); }

static const char *state_word(bool active) { return active ? "Active" : "Idle"; }

static void job_state(PtCall *c) {
	const PtOnvifRecording *r = job_asked_for(c);
	if (!r)
		return;
	bool video = r->wanted && r->recording, sound = r->wanted && r->sound_recording;
	const char *state = r->sound && video != sound ? "PartiallyActive" : state_word(video);
	pt_xml_open(c->out, "trc:State");
	pt_xml_put(c->out, "tt:RecordingToken", r->token);
	pt_xml_put(c->out, "tt:State", state);
	pt_xml_open(c->out, "tt:Sources");
	put_source_token(c, r);
	pt_xml_put(c->out, "tt:State", state);
	pt_xml_open(c->out, "tt:Tracks");
	put_job_track(c, false, state_word(video));
	if (r->sound)
		put_job_track(c, true, state_word(sound));
	pt_xml_close(c->out);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

/* ---- what clients may set ---- */

static void bad(PtCall *c, const char *what) {
	pt_call_fault(c, "ter:InvalidArgVal", "ter:BadConfiguration", "%s is what the site file says", what);
}

/* A part of a configuration that is there is what it is. */
static bool same(const PtXmlNode *in, const char *path, const char *is) {
	const PtXmlNode *n = pt_xml_at(in, path);
	return !n || !strcmp(pt_xml_value(n), is);
}

static void set_mode(PtCall *c, const PtOnvifRecording *r, const char *mode) {
	const PtOnvifHost *h = &c->server->host;
	bool active = !strcmp(mode, "Active");
	g_autoptr(GError) error = NULL;
	if (!active && strcmp(mode, "Idle")) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:BadMode", "a job is Active or Idle, not '%.64s'", mode);
		return;
	}
	if (active == r->wanted)
		return;
	if (!h->set_recording) {
		pt_call_fault(c, "ter:ActionNotSupported", NULL, "recording cannot be switched here");
		return;
	}
	const char *who = c->user ? c->user : "nobody";
	if (!h->set_recording(h->data, r->camera, r->sub, active, who, &error) ||
	    !pt_settings_set_idle(c->server->settings, r->camera, r->sub, active ? NULL : who, &error))
		pt_call_fault_error(c, error);
	((PtOnvifRecording *)r)->wanted = active; /* the call's own: the answer tells of it */
}

static void job_mode(PtCall *c) {
	const PtOnvifRecording *r = job_asked_for(c);
	if (r)
		set_mode(c, r, pt_call_text(c, "trc:Mode"));
}

static void set_job_mode(PtCall *c) { pt_recordings_then(c, job_mode); }

/* Its mode can be another one; where its footage comes from and goes to cannot. */
static void new_job_configuration(PtCall *c) {
	const PtOnvifRecording *r = job_asked_for(c);
	const PtXmlNode *in = pt_xml_child(c->in, "trc:JobConfiguration");
	if (!r)
		return;
	bool good = in && !strcmp(pt_xml_value_at(in, "tt:RecordingToken"), r->token);
	const PtXmlNode *source = pt_xml_child(in, "tt:Source");
	if (source)
		good &= same(source, "tt:SourceToken/tt:Token", r->token) &&
		        same(source, "tt:AutoCreateReceiver", "false") && !pt_xml_next(source, "tt:Source");
	for (const PtXmlNode *t = pt_xml_child(source, "tt:Tracks"); t; t = pt_xml_next(t, "tt:Tracks")) {
		const char *to = pt_xml_value_at(t, "tt:Destination");
		good &= !strcmp(to, PT_TRACK_VIDEO) || (r->sound && !strcmp(to, PT_TRACK_AUDIO));
		good &= !strcmp(to, pt_xml_value_at(t, "tt:SourceTag"));
	}
	if (good)
		set_mode(c, r, pt_xml_value_at(in, "tt:Mode"));
	else
		bad(c, "what a job records");
	if (!c->code)
		put_job(c, "trc:JobConfiguration", r);
}

static void set_job_configuration(PtCall *c) { pt_recordings_then(c, new_job_configuration); }

static void new_configuration(PtCall *c) {
	const PtOnvifRecording *r = asked_for(c);
	const PtXmlNode *in = pt_xml_child(c->in, "trc:RecordingConfiguration");
	int64_t keep = 0;
	if (!r)
		return;
	g_autofree char *content = content_of(r);
	bool good = in && same(in, "tt:Source/tt:SourceId", pt_onvif_server_endpoint(c->server)) &&
	            same(in, "tt:Source/tt:Name", r->camera) && same(in, "tt:Content", content) &&
	            pt_xml_duration(pt_xml_value_at(in, "tt:MaximumRetentionTime"), &keep) && !keep;
	if (!good)
		bad(c, "what a recording is and how long it is kept");
}

static void set_configuration(PtCall *c) { pt_recordings_then(c, new_configuration); }

static void new_track_configuration(PtCall *c) {
	bool sound;
	const PtXmlNode *in = pt_xml_child(c->in, "trc:TrackConfiguration");
	if (track_asked_for(c, &sound) && !(in && same(in, "tt:Description", track_text(sound))))
		bad(c, "what a track is");
}

static void set_track_configuration(PtCall *c) { pt_recordings_then(c, new_track_configuration); }

static void no_more_jobs(PtCall *c) {
	pt_call_fault(c, "ter:Action", "ter:MaxRecordingJobs", "each recording has its one job");
}

static void get_job_state(PtCall *c) { pt_recordings_then(c, job_state); }

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetRecordings", PT_ACCESS_READ_MEDIA, get_recordings},
    {"GetRecordingConfiguration", PT_ACCESS_READ_MEDIA, get_configuration},
    {"GetTrackConfiguration", PT_ACCESS_READ_MEDIA, get_track_configuration},
    {"GetRecordingOptions", PT_ACCESS_READ_MEDIA, get_options},
    {"GetRecordingJobs", PT_ACCESS_READ_MEDIA, get_jobs},
    {"GetRecordingJobConfiguration", PT_ACCESS_READ_MEDIA, get_job_configuration},
    {"GetRecordingJobState", PT_ACCESS_READ_MEDIA, get_job_state},
    {"SetRecordingConfiguration", PT_ACCESS_ACTUATE, set_configuration},
    {"SetTrackConfiguration", PT_ACCESS_ACTUATE, set_track_configuration},
    {"SetRecordingJobConfiguration", PT_ACCESS_ACTUATE, set_job_configuration},
    {"SetRecordingJobMode", PT_ACCESS_ACTUATE, set_job_mode},
    {"CreateRecordingJob", PT_ACCESS_ACTUATE, no_more_jobs},
    {"DeleteRecordingJob", PT_ACCESS_ACTUATE, NULL, "ter:NotImplemented"},
    {"CreateRecording", PT_ACCESS_ACTUATE, NULL, "ter:NotImplemented"},
    {"DeleteRecording", PT_ACCESS_ACTUATE, NULL, "ter:NotImplemented"},
    {"CreateTrack", PT_ACCESS_ACTUATE, NULL, "ter:NotImplemented"},
    {"DeleteTrack", PT_ACCESS_ACTUATE, NULL, "ter:NotImplemented"},
    {"ExportRecordedData", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {"StopExportRecordedData", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {"GetExportRecordedDataState", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {NULL},
};

const PtService pt_service_recording = {"trc", "/onvif/recording_service", 21, 12, put_capabilities, operations};
