/* Recording search service (Profile G): what there is, and the searches that are open. A search is done when it is begun;
 * what it found waits for its client until the keep-alive time is over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/search.h"
#include <string.h>

#define SEARCHES_MAX 16
#define KEEP_ALIVE_MAX_NS (600 * PT_NS_PER_S)
#define RESULTS_MAX 100 /* of one answer, when the client states no other */

typedef struct {
	char token[20];
	char *user;
	bool events;
	GArray *found; /* of PtFoundEvent, or of PtOnvifRecording */
	guint next;
	int64_t keep_alive_ns, until_ns; /* monotonic */
	int64_t last_ns;                 /* of what was given out */
} Search;

struct PtSearches {
	GPtrArray *all;
};

static void search_free(gpointer data) {
	Search *s = data;
	g_array_unref(s->found);
	g_free(s->user);
	g_free(s);
}

void pt_searches_free(PtSearches *s) {
	if (!s)
		return;
	g_ptr_array_unref(s->all);
	g_free(s);
}

static GPtrArray *searches(PtCall *c) {
	PtOnvifServer *s = c->server;
	int64_t now = pt_mono_ns(s->host.clock);
	if (!s->searches) {
		s->searches = g_new(PtSearches, 1);
		s->searches->all = g_ptr_array_new_with_free_func(search_free);
	}
	for (guint i = s->searches->all->len; i-- > 0;)
		if (((Search *)g_ptr_array_index(s->searches->all, i))->until_ns < now)
			g_ptr_array_remove_index(s->searches->all, i);
	return s->searches->all;
}

/* NULL: a fault is set. */
static Search *need(PtCall *c, bool events) {
	const char *token = pt_call_text(c, "tse:SearchToken");
	GPtrArray *all = searches(c);
	for (guint i = 0; i < all->len; i++) {
		Search *s = g_ptr_array_index(all, i);
		if (!strcmp(s->token, token) && s->events == events && !g_strcmp0(s->user, c->user))
			return s;
	}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidToken", "there is no such search '%.64s', or its time is over",
	              token);
	return NULL;
}

void pt_search_begin(PtCall *c, bool events, GArray *found) {
	GPtrArray *all = searches(c);
	int64_t keep = 0;
	if (!pt_xml_duration(pt_call_text(c, "tse:KeepAliveTime"), &keep) || keep <= 0)
		keep = 10 * PT_NS_PER_S;
	if (all->len >= SEARCHES_MAX) {
		pt_call_fault(c, "ter:Action", "ter:ResourceProblem", "%u searches are open, which is all at a time",
		              SEARCHES_MAX);
		g_array_unref(found);
		return;
	}
	Search *s = g_new0(Search, 1);
	g_snprintf(s->token, sizeof s->token, "s%08x%08x", g_random_int(), g_random_int());
	s->user = g_strdup(c->user);
	s->events = events;
	s->found = found;
	s->keep_alive_ns = MIN(keep, KEEP_ALIVE_MAX_NS);
	s->until_ns = pt_mono_ns(c->server->host.clock) + s->keep_alive_ns;
	s->last_ns = pt_wall_ns(c->server->host.clock);
	g_ptr_array_add(all, s);
	pt_xml_put(c->out, "tse:SearchToken", s->token);
}

guint pt_search_max_matches(const PtCall *c) {
	int64_t n;
	return pt_xml_int(pt_call_text(c, "tse:MaxMatches"), &n) && n > 0 && n < PT_SEARCH_FOUND_MAX ? (guint)n
	                                                                                             : PT_SEARCH_FOUND_MAX;
}

/* Of this answer. */
static guint max_results(const PtCall *c) {
	int64_t n;
	return pt_xml_int(pt_call_text(c, "tse:MaxResults"), &n) && n > 0 && n < PT_SEARCH_FOUND_MAX ? (guint)n
	                                                                                             : RESULTS_MAX;
}

/* ---- the scope ---- */

static bool named(const PtXmlNode *scope, const char *element, const char *part, const char *value) {
	const PtXmlNode *n = pt_xml_child(scope, element);
	if (!n)
		return true;
	for (; n; n = pt_xml_next(n, element))
		if (!strcmp(part ? pt_xml_value_at(n, part) : pt_xml_value(n), value))
			return true;
	return false;
}

/* The one filter that the specification gives as an example, in whatever form it is written: by the type of a track.
 * False: another one, a fault is set. */
static bool filter_of(PtCall *c, const PtXmlNode *scope, bool *ret_sound, bool *ret_none) {
	const char *text = pt_xml_value(pt_xml_child(scope, "tt:RecordingInformationFilter"));
	if (!*text)
		return true;
	if (!strstr(text, "TrackType")) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidFilterFault",
		              "recordings are filtered by TrackType alone: boolean(//Track[TrackType = \"Audio\"])");
		return false;
	}
	*ret_sound = strstr(text, "Audio") != NULL;
	*ret_none = !*ret_sound && !strstr(text, "Video");
	return true;
}

bool pt_search_apply_scope(PtCall *c) {
	const PtXmlNode *scope = pt_xml_child(c->in, "tse:Scope");
	bool sound = false, none = false;
	if (!filter_of(c, scope, &sound, &none))
		return false;
	for (guint i = c->recordings->len; i-- > 0;) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		bool wanted = named(scope, "tt:IncludedRecordings", NULL, r->token) &&
		              named(scope, "tt:IncludedSources", "tt:Token", r->camera) && (!sound || r->sound) && !none;
		if (!wanted)
			g_array_remove_index(c->recordings, i);
	}
	return true;
}

/* ---- recordings ---- */

static void summarise(PtCall *c) {
	int64_t first = 0, last = 0;
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		if (r->first_ns && (!first || r->first_ns < first))
			first = r->first_ns;
		last = MAX(last, r->last_ns);
	}
	int64_t now = pt_wall_ns(c->server->host.clock); /* where there is nothing */
	pt_xml_open(c->out, "tse:Summary");
	pt_xml_put_time(c->out, "tt:DataFrom", first ? first : now);
	pt_xml_put_time(c->out, "tt:DataUntil", last ? last : now);
	pt_xml_put_int(c->out, "tt:NumberRecordings", c->recordings->len);
	pt_xml_close(c->out);
}

static void get_summary(PtCall *c) { pt_recordings_then(c, summarise); }

static void inform(PtCall *c) {
	const PtOnvifRecording *r = pt_recordings_need(c, pt_call_text(c, "tse:RecordingToken"));
	if (r)
		pt_recording_put_information(c, c->out, "tse:RecordingInformation", r);
}

static void get_information(PtCall *c) { pt_recordings_then(c, inform); }

static void found_recordings(PtCall *c) {
	if (!pt_search_apply_scope(c))
		return;
	if (c->recordings->len > pt_search_max_matches(c))
		g_array_set_size(c->recordings, pt_search_max_matches(c));
	pt_search_begin(c, false, g_array_ref(c->recordings));
}

static void find_recordings(PtCall *c) { pt_recordings_then(c, found_recordings); }

/* ---- what the pictures and the sound are ---- */

static void put_attributes(PtCall *c, const PtOnvifRecording *r) {
	static const char *const videos[] = {"", "H264", "H265", "JPEG"}, *const audios[] = {"", "G711", "G711", "AAC",
	                                                                                     "OPUS"};
	const PtOnvifStream *stream = NULL;
	GArray *streams = pt_call_streams(c);
	for (guint i = 0; i < streams->len; i++) {
		const PtOnvifStream *s = &g_array_index(streams, PtOnvifStream, i);
		if (!strcmp(s->camera, r->camera) && s->sub == r->sub)
			stream = s;
	}
	pt_xml_open(c->out, "tse:MediaAttributes");
	pt_xml_put(c->out, "tt:RecordingToken", r->token);
	pt_xml_open(c->out, "tt:TrackAttributes");
	pt_recording_put_track(c->out, "tt:TrackInformation", r, false);
	if (stream && stream->video.codec) {
		pt_xml_open(c->out, "tt:VideoAttributes");
		pt_xml_put_int(c->out, "tt:Bitrate", stream->video.kbps);
		pt_xml_put_int(c->out, "tt:Width", stream->video.width);
		pt_xml_put_int(c->out, "tt:Height", stream->video.height);
		pt_xml_put(c->out, "tt:Encoding", videos[stream->video.codec]);
		pt_xml_put_float(c->out, "tt:Framerate", stream->video.fps);
		pt_xml_close(c->out);
	}
	pt_xml_close(c->out);
	if (r->sound) {
		pt_xml_open(c->out, "tt:TrackAttributes");
		pt_recording_put_track(c->out, "tt:TrackInformation", r, true);
		if (stream && stream->audio) {
			pt_xml_open(c->out, "tt:AudioAttributes");
			pt_xml_put_int(c->out, "tt:Bitrate", stream->audio_kbps);
			pt_xml_put(c->out, "tt:Encoding", audios[stream->audio]);
			pt_xml_put_int(c->out, "tt:Samplerate", stream->sample_rate / 1000);
			pt_xml_close(c->out);
		}
		pt_xml_close(c->out);
	}
	pt_xml_put_time(c->out, "tt:From", r->first_ns);
	pt_xml_put_time(c->out, "tt:Until", r->last_ns);
	pt_xml_close(c->out);
}

static void attributes(PtCall *c) {
	int64_t at;
	if (!pt_xml_time(pt_call_text(c, "tse:Time"), &at)) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "Time is no time");
		return;
	}
	for (const PtXmlNode *n = pt_xml_child(c->in, "tse:RecordingTokens"); n; n = pt_xml_next(n, "tse:RecordingTokens"))
		if (!pt_recordings_need(c, pt_xml_value(n)))
			return;
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		if (named(c->in, "tse:RecordingTokens", NULL, r->token) && r->first_ns && at >= r->first_ns &&
		    at <= r->last_ns)
			put_attributes(c, r);
	}
}

static void get_attributes(PtCall *c) { pt_recordings_then(c, attributes); }

/* ---- giving out what was found ---- */

static void give_out(PtCall *c, bool events) {
	Search *s = need(c, events);
	if (!s)
		return;
	s->until_ns = pt_mono_ns(c->server->host.clock) + s->keep_alive_ns;
	guint end = MIN(s->found->len, s->next + max_results(c));
	pt_xml_open(c->out, "tse:ResultList");
	pt_xml_put(c->out, "tt:SearchState", end == s->found->len ? "Completed" : "Searching");
	for (; s->next < end; s->next++) {
		if (!events) {
			pt_recording_put_information(c, c->out, "tt:RecordingInformation",
			                             &g_array_index(s->found, PtOnvifRecording, s->next));
			continue;
		}
		const PtFoundEvent *e = &g_array_index(s->found, PtFoundEvent, s->next);
		s->last_ns = e->what.wall_ns;
		pt_search_put_event(c->out, e);
	}
	pt_xml_close(c->out);
}

static void get_recording_results(PtCall *c) { give_out(c, false); }
static void get_event_results(PtCall *c) { give_out(c, true); }

/* ---- the rest ---- */

static Search *need_any(PtCall *c) {
	const char *token = pt_call_text(c, "tse:SearchToken");
	GPtrArray *all = searches(c);
	for (guint i = 0; i < all->len; i++) {
		Search *s = g_ptr_array_index(all, i);
		if (!strcmp(s->token, token) && !g_strcmp0(s->user, c->user))
			return s;
	}
	return need(c, false);
}

static void get_state(PtCall *c) {
	Search *s = need_any(c);
	if (s)
		pt_xml_put(c->out, "tse:State", s->next == s->found->len ? "Completed" : "Searching");
}

static void end_search(PtCall *c) {
	Search *s = need_any(c);
	if (!s)
		return;
	pt_xml_put_time(c->out, "tse:Endpoint", s->last_ns);
	g_ptr_array_remove(c->server->searches->all, s);
}

static void put_capabilities(PtCall *c) {
	pt_xml_open(c->out, "tse:Capabilities");
	pt_xml_attribute_bool(c->out, "MetadataSearch", false);
	pt_xml_attribute_bool(c->out, "GeneralStartEvents", true);
	pt_xml_close(c->out);
}

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetRecordingSummary", PT_ACCESS_READ_MEDIA, get_summary},
    {"GetRecordingInformation", PT_ACCESS_READ_MEDIA, get_information},
    {"GetMediaAttributes", PT_ACCESS_READ_MEDIA, get_attributes},
    {"FindRecordings", PT_ACCESS_READ_MEDIA, find_recordings},
    {"GetRecordingSearchResults", PT_ACCESS_READ_MEDIA, get_recording_results},
    {"FindEvents", PT_ACCESS_READ_MEDIA, pt_search_find_events},
    {"GetEventSearchResults", PT_ACCESS_READ_MEDIA, get_event_results},
    {"GetSearchState", PT_ACCESS_READ_MEDIA, get_state},
    {"EndSearch", PT_ACCESS_READ_MEDIA, end_search},
    {"FindPTZPosition", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {"GetPTZPositionSearchResults", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {"FindMetadata", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {"GetMetadataSearchResults", PT_ACCESS_READ_MEDIA, NULL, "ter:NotImplemented"},
    {NULL},
};

const PtService pt_service_search = {"tse", "/onvif/search_service", 21, 12, put_capabilities, operations};
