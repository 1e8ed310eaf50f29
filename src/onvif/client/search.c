/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/search.h"
#include "base/clock.h"
#include <string.h>

#define KEEP_ALIVE_NS (60 * PT_NS_PER_S) /* of a search, after the last question about it */
#define RESULTS 100                      /* of one answer */
#define TRACKS_MAX 16

/* ---- questions ---- */

PtXml *pt_onvif_ask_find_recordings(void) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tse:FindRecordings");
	pt_xml_open(x, "tse:Scope");
	pt_xml_close(x);
	pt_xml_put_duration(x, "tse:KeepAliveTime", KEEP_ALIVE_NS);
	pt_xml_close(x);
	return x;
}

PtXml *pt_onvif_ask_find_events(int64_t from_ns, int64_t to_ns) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tse:FindEvents");
	pt_xml_put_time(x, "tse:StartPoint", from_ns);
	pt_xml_put_time(x, "tse:EndPoint", to_ns + PT_NS_PER_MS - 1); /* it is written to the millisecond */
	pt_xml_open(x, "tse:Scope");
	pt_xml_close(x);
	pt_xml_open(x, "tse:SearchFilter");
	pt_xml_close(x);
	pt_xml_put_bool(x, "tse:IncludeStartState", false);
	pt_xml_put_duration(x, "tse:KeepAliveTime", KEEP_ALIVE_NS);
	pt_xml_close(x);
	return x;
}

PtXml *pt_onvif_ask_results(const char *search, bool events, int64_t wait_ns) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, events ? "tse:GetEventSearchResults" : "tse:GetRecordingSearchResults");
	pt_xml_put(x, "tse:SearchToken", search);
	pt_xml_put_int(x, "tse:MaxResults", RESULTS);
	pt_xml_put_duration(x, "tse:WaitTime", wait_ns);
	pt_xml_close(x);
	return x;
}

PtXml *pt_onvif_ask_end(const char *search) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tse:EndSearch");
	pt_xml_put(x, "tse:SearchToken", search);
	pt_xml_close(x);
	return x;
}

PtXml *pt_onvif_ask_attributes(const PtOnvifRecording *r) {
	int64_t last = r->last_ns - r->first_ns > PT_NS_PER_S ? r->last_ns - PT_NS_PER_S : r->last_ns;
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tse:GetMediaAttributes");
	pt_xml_put(x, "tse:RecordingTokens", r->token);
	pt_xml_put_time(x, "tse:Time", last);
	pt_xml_close(x);
	return x;
}

PtXml *pt_onvif_ask_replay(const char *recording) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "trp:GetReplayUri");
	pt_xml_open(x, "trp:StreamSetup");
	pt_xml_put(x, "tt:Stream", "RTP-Unicast");
	pt_xml_open(x, "tt:Transport");
	pt_xml_put(x, "tt:Protocol", "RTSP");
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_put(x, "trp:RecordingToken", recording);
	pt_xml_close(x);
	return x;
}

/* ---- recordings ---- */

static void track_free(void *data) {
	PtOnvifTrack *t = data;
	g_free(t->token);
	g_free(t);
}

static void recording_free(void *data) {
	PtOnvifRecording *r = data;
	g_free(r->token);
	g_free(r->source);
	g_free(r->status);
	g_free(r->codec);
	g_ptr_array_unref(r->tracks);
	g_free(r);
}

GPtrArray *pt_onvif_recordings_new(void) { return g_ptr_array_new_with_free_func(recording_free); }

const char *pt_onvif_read_search_token(const PtSoap *a) { return pt_xml_value_at(a->body, "SearchToken"); }

bool pt_onvif_read_search_over(const PtSoap *a) {
	return !g_ascii_strcasecmp(pt_xml_value_at(a->body, "ResultList/SearchState"), "Completed");
}

bool pt_onvif_read_search_any(const PtSoap *a) {
	return pt_xml_at(a->body, "ResultList/Result") || pt_xml_at(a->body, "ResultList/RecordingInformation");
}

/* 0 where there is none. */
static int64_t time_at(const PtXmlNode *node, const char *name) {
	int64_t ns = 0;
	return pt_xml_time(pt_xml_value_at(node, name), &ns) && ns > 0 ? ns : 0;
}

static bool kind_of(const char *type, PtOnvifTrackKind *ret) {
	static const char *const names[] = {"Video", "Audio", "Metadata"};
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (!g_ascii_strcasecmp(type, names[i])) {
			*ret = (PtOnvifTrackKind)i;
			return true;
		}
	return false;
}

/* type: where it stands. */
static void add_track(PtOnvifRecording *r, const PtXmlNode *n, const char *type) {
	PtOnvifTrackKind kind;
	const char *token = pt_xml_value_at(n, "TrackToken");
	if (!*token || r->tracks->len >= TRACKS_MAX || !kind_of(pt_xml_value_at(n, type), &kind))
		return;
	PtOnvifTrack *t = g_new0(PtOnvifTrack, 1);
	*t = (PtOnvifTrack){g_strdup(token), kind, time_at(n, "DataFrom"), time_at(n, "DataTo")};
	g_ptr_array_add(r->tracks, t);
}

/* Some tell the times of tracks alone. */
static void times_of_tracks(PtOnvifRecording *r) {
	for (guint i = 0; i < r->tracks->len; i++) {
		const PtOnvifTrack *t = g_ptr_array_index(r->tracks, i);
		if (t->first_ns && (!r->first_ns || t->first_ns < r->first_ns))
			r->first_ns = t->first_ns;
		r->last_ns = MAX(r->last_ns, t->last_ns);
	}
}

static char *source_of(const PtXmlNode *source) {
	const char *name = pt_xml_value_at(source, "Name");
	return g_strdup(*name ? name : pt_xml_value_at(source, "SourceId"));
}

static bool add_recording(GPtrArray *recordings, const PtXmlNode *n) {
	const char *token = pt_xml_value_at(n, "RecordingToken");
	const PtXmlNode *configuration = pt_xml_child(n, "Configuration"); /* GetRecordings */
	if (!*token || recordings->len >= PT_ONVIF_RECORDINGS_MAX)
		return false;
	for (guint i = 0; i < recordings->len; i++)
		if (!strcmp(((PtOnvifRecording *)g_ptr_array_index(recordings, i))->token, token))
			return false;
	PtOnvifRecording *r = g_new0(PtOnvifRecording, 1);
	r->token = g_strdup(token);
	r->source = source_of(pt_xml_child(configuration ? configuration : n, "Source"));
	r->status = g_strdup(pt_xml_value_at(n, "RecordingStatus"));
	r->codec = g_strdup("");
	r->first_ns = time_at(n, "EarliestRecording");
	r->last_ns = time_at(n, "LatestRecording");
	r->tracks = g_ptr_array_new_with_free_func(track_free);
	for (const PtXmlNode *t = pt_xml_child(n, "Track"); t; t = pt_xml_next(t, "Track"))
		add_track(r, t, "TrackType");
	for (const PtXmlNode *t = pt_xml_at(n, "Tracks/Track"); t; t = pt_xml_next(t, "Track"))
		add_track(r, t, "Configuration/TrackType");
	if (!r->first_ns || !r->last_ns)
		times_of_tracks(r);
	g_ptr_array_add(recordings, r);
	return true;
}

unsigned pt_onvif_read_search_recordings(const PtSoap *a, GPtrArray *recordings) {
	unsigned n = 0;
	for (const PtXmlNode *r = pt_xml_at(a->body, "ResultList/RecordingInformation"); r;
	     r = pt_xml_next(r, "RecordingInformation"))
		n += add_recording(recordings, r);
	for (const PtXmlNode *r = pt_xml_child(a->body, "RecordingItem"); r; r = pt_xml_next(r, "RecordingItem"))
		n += add_recording(recordings, r);
	return n;
}

void pt_onvif_read_attributes(const PtSoap *a, PtOnvifRecording *r) {
	for (const PtXmlNode *m = pt_xml_child(a->body, "MediaAttributes"); m; m = pt_xml_next(m, "MediaAttributes")) {
		if (strcmp(pt_xml_value_at(m, "RecordingToken"), r->token) != 0)
			continue;
		for (const PtXmlNode *t = pt_xml_child(m, "TrackAttributes"); t; t = pt_xml_next(t, "TrackAttributes")) {
			const PtXmlNode *video = pt_xml_child(t, "VideoAttributes");
			int64_t width = 0, height = 0;
			if (!video || r->width)
				continue;
			pt_xml_int(pt_xml_value_at(video, "Width"), &width);
			pt_xml_int(pt_xml_value_at(video, "Height"), &height);
			if (width > 0 && height > 0 && width <= UINT16_MAX && height <= UINT16_MAX) {
				r->width = (int)width;
				r->height = (int)height;
			}
			g_free(r->codec);
			r->codec = g_strdup(pt_xml_value_at(video, "Encoding"));
		}
	}
}

/* Insertion keeps those that are equal in order; there are few. */
void pt_onvif_sort_recordings(GPtrArray *recordings) {
	for (guint i = 1; i < recordings->len; i++)
		for (guint k = i; k > 0; k--) {
			PtOnvifRecording *a = recordings->pdata[k - 1], *b = recordings->pdata[k];
			if ((int64_t)a->width * a->height >= (int64_t)b->width * b->height)
				break;
			recordings->pdata[k - 1] = b;
			recordings->pdata[k] = a;
		}
}

/* ---- events ---- */

unsigned pt_onvif_read_search_events(const PtSoap *a, int64_t from_ns, int64_t to_ns, GPtrArray *said, GHashTable *seen) {
	unsigned n = 0;
	for (const PtXmlNode *r = pt_xml_at(a->body, "ResultList/Result"); r; r = pt_xml_next(r, "Result")) {
		PtOnvifSaid s;
		bool start = false;
		if (!pt_onvif_read_notification(pt_xml_child(r, "Event"), &s))
			continue;
		if (!s.utc_ns)
			s.utc_ns = time_at(r, "Time");
		pt_xml_bool(pt_xml_value_at(r, "StartStateEvent"), &start);
		if (start)
			s.how = PT_SAID_INITIALIZED;
		char *key = g_strdup_printf("%" G_GINT64_FORMAT " %d %s %s", s.utc_ns, s.how, s.topic, s.text);
		if (!g_hash_table_add(seen, key)) /* which frees it */
			continue;
		n++;
		/* a state at the beginning may be given the time at which it began */
		if (s.utc_ns && s.utc_ns < to_ns && (s.utc_ns >= from_ns || start))
			g_ptr_array_add(said, g_memdup2(&s, sizeof s));
	}
	return n;
}

static int by_time(const void *a, const void *b, void *none) {
	const PtOnvifSaid *x = *(PtOnvifSaid *const *)a, *y = *(PtOnvifSaid *const *)b;
	return (x->utc_ns > y->utc_ns) - (x->utc_ns < y->utc_ns);
}

/* g_ptr_array_sort() does not say that it is stable; this is. */
void pt_onvif_sort_said(GPtrArray *said) {
	if (said->len)
		g_qsort_with_data(said->pdata, (gint)said->len, sizeof *said->pdata, by_time, NULL);
}
