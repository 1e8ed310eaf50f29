/* Recording search service (Profile G): what there is, and what happened to it. A search is done when it is begun; what it
 * found waits for its client until the keep-alive time is over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/recordings.h"
#include "onvif/server/topics.h"
#include <string.h>

#define SEARCHES_MAX 16
#define KEEP_ALIVE_MAX_NS (600 * PT_NS_PER_S)
#define RESULTS_MAX 100 /* of one answer, when the client states no other */
#define FOUND_MAX 20000 /* of one search */
#define RECORDING_STATE "tns1:RecordingHistory/Recording/State"
#define TRACK_STATE "tns1:RecordingHistory/Track/State"

typedef struct {
	char recording[sizeof((PtOnvifRecording *)0)->token];
	bool track; /* the state of a track, else of the recording */
	bool present, start;
	int64_t wall_ns;
} Happening;

typedef struct {
	char token[20];
	char *user;
	bool events;
	GArray *found; /* of Happening, or of PtOnvifRecording */
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

/* Takes found. */
static void begin(PtCall *c, bool events, GArray *found) {
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

static guint max_matches(const PtCall *c) {
	int64_t n;
	return pt_xml_int(pt_call_text(c, "tse:MaxMatches"), &n) && n > 0 && n < FOUND_MAX ? (guint)n : FOUND_MAX;
}

/* Of this answer. */
static guint max_results(const PtCall *c) {
	int64_t n;
	return pt_xml_int(pt_call_text(c, "tse:MaxResults"), &n) && n > 0 && n < FOUND_MAX ? (guint)n : RESULTS_MAX;
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

/* Leaves the call's recordings that the scope names. False: a fault is set. */
static bool apply_scope(PtCall *c) {
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

static void get_summary(PtCall *c) { pt_recordings_then(c, false, 0, 0, summarise); }

static void inform(PtCall *c) {
	const PtOnvifRecording *r = pt_recordings_need(c, pt_call_text(c, "tse:RecordingToken"));
	if (r)
		pt_recording_put_information(c, c->out, "tse:RecordingInformation", r);
}

static void get_information(PtCall *c) { pt_recordings_then(c, false, 0, 0, inform); }

static void found_recordings(PtCall *c) {
	if (!apply_scope(c))
		return;
	if (c->recordings->len > max_matches(c))
		g_array_set_size(c->recordings, max_matches(c));
	begin(c, false, g_array_ref(c->recordings));
}

static void find_recordings(PtCall *c) { pt_recordings_then(c, false, 0, 0, found_recordings); }

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

static void get_attributes(PtCall *c) { pt_recordings_then(c, false, 0, 0, attributes); }

/* ---- events: where footage begins and ends ---- */

static void happened(GArray *found, const PtOnvifRecording *r, int64_t wall_ns, bool present, bool start,
                     const bool topics[2]) {
	Happening h = {.wall_ns = wall_ns, .present = present, .start = start};
	g_strlcpy(h.recording, r->token, sizeof h.recording);
	for (unsigned i = 0; i < 2 && found->len < FOUND_MAX; i++) {
		h.track = i;
		if (topics[i])
			g_array_append_val(found, h);
	}
}

static void list_states(GArray *found, const PtOnvifRecording *r, int64_t from, int64_t to, bool start,
                        const bool topics[2]) {
	bool at_start = false;
	for (guint i = 0; i < r->spans->len; i++) {
		const PtOnvifSpan *s = &g_array_index(r->spans, PtOnvifSpan, i);
		at_start |= s->from_ns < from && s->to_ns >= from;
	}
	if (start)
		happened(found, r, from, at_start, true, topics);
	for (guint i = 0; i < r->spans->len; i++) {
		const PtOnvifSpan *s = &g_array_index(r->spans, PtOnvifSpan, i);
		bool goes_on = r->recording && i + 1 == r->spans->len && s->to_ns >= r->last_ns;
		if (s->from_ns >= from && s->from_ns <= to)
			happened(found, r, s->from_ns, true, false, topics);
		if (s->to_ns >= from && s->to_ns <= to && !goes_on)
			happened(found, r, s->to_ns, false, false, topics);
	}
}

static int by_time(gconstpointer a, gconstpointer b) {
	const Happening *x = a, *y = b;
	if (x->start != y->start)
		return y->start - x->start;
	return (x->wall_ns > y->wall_ns) - (x->wall_ns < y->wall_ns);
}

static int by_time_backwards(gconstpointer a, gconstpointer b) {
	const Happening *x = a, *y = b;
	return x->start != y->start ? by_time(a, b) : by_time(b, a);
}

/* From earlier to later, and which way round they are wanted. False: a fault is set. */
static bool read_span(PtCall *c, int64_t *ret_from, int64_t *ret_to, bool *ret_backwards) {
	int64_t start, end = INT64_MAX;
	const char *end_text = pt_call_text(c, "tse:EndPoint");
	if (!pt_xml_time(pt_call_text(c, "tse:StartPoint"), &start) || (*end_text && !pt_xml_time(end_text, &end))) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "StartPoint or EndPoint is no time");
		return false;
	}
	*ret_backwards = end < start;
	*ret_from = MIN(start, end);
	*ret_to = MAX(start, end);
	return true;
}

static void found_events(PtCall *c) {
	int64_t from, to;
	bool backwards, topics[2] = {true, true}, start = false, unknown = false;
	if (!read_span(c, &from, &to, &backwards) || !apply_scope(c))
		return;
	const PtXmlNode *filter = pt_xml_at(c->in, "tse:SearchFilter/wsnt:TopicExpression");
	if (filter) {
		g_autofree char *expression = pt_topic_expression(filter, &unknown);
		if (!expression) {
			pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidFilterFault",
			              "the topic expression cannot be read");
			return;
		}
		topics[0] = pt_topic_matches(expression, RECORDING_STATE);
		topics[1] = pt_topic_matches(expression, TRACK_STATE);
	}
	pt_xml_bool(pt_call_text(c, "tse:IncludeStartState"), &start);
	GArray *found = g_array_new(FALSE, FALSE, sizeof(Happening));
	for (guint i = 0; i < c->recordings->len; i++)
		list_states(found, &g_array_index(c->recordings, PtOnvifRecording, i), from, to, start && !backwards,
		            topics);
	g_array_sort(found, backwards ? by_time_backwards : by_time);
	if (found->len > max_matches(c))
		g_array_set_size(found, max_matches(c));
	begin(c, true, found);
}

static void find_events(PtCall *c) {
	int64_t from, to;
	bool backwards;
	if (read_span(c, &from, &to, &backwards))
		pt_recordings_then(c, true, from, to, found_events);
}

static void put_item(PtXml *x, const char *name, const char *value) {
	pt_xml_open(x, "tt:SimpleItem");
	pt_xml_attribute(x, "Name", name);
	pt_xml_attribute(x, "Value", value);
	pt_xml_close(x);
}

static void put_happening(PtXml *x, const Happening *h) {
	pt_xml_open(x, "tt:Result");
	pt_xml_put(x, "tt:RecordingToken", h->recording);
	pt_xml_put(x, "tt:TrackToken", PT_TRACK_VIDEO);
	pt_xml_put_time(x, "tt:Time", h->wall_ns);
	pt_xml_open(x, "tt:Event");
	pt_xml_declare(x, "tns1");
	pt_xml_open(x, "wsnt:Topic");
	pt_xml_attribute(x, "Dialect", PT_DIALECT_CONCRETE_SET);
	pt_xml_text(x, h->track ? TRACK_STATE : RECORDING_STATE);
	pt_xml_close(x);
	pt_xml_open(x, "wsnt:Message");
	pt_xml_open(x, "tt:Message");
	g_autofree char *time = pt_time_format(h->wall_ns);
	pt_xml_attribute(x, "UtcTime", time);
	pt_xml_attribute(x, "PropertyOperation", h->start ? "Initialized" : "Changed");
	pt_xml_open(x, "tt:Source");
	put_item(x, "RecordingToken", h->recording);
	if (h->track)
		put_item(x, "Track", PT_TRACK_VIDEO);
	pt_xml_close(x);
	pt_xml_open(x, "tt:Data");
	put_item(x, h->track ? "IsDataPresent" : "IsRecording", h->present ? "true" : "false");
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_put_bool(x, "tt:StartStateEvent", h->start);
	pt_xml_close(x);
}

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
		const Happening *h = &g_array_index(s->found, Happening, s->next);
		s->last_ns = h->wall_ns;
		put_happening(c->out, h);
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
	pt_xml_attribute_bool(c->out, "GeneralStartEvents", false);
	pt_xml_close(c->out);
}

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetRecordingSummary", PT_ACCESS_READ_MEDIA, get_summary},
    {"GetRecordingInformation", PT_ACCESS_READ_MEDIA, get_information},
    {"GetMediaAttributes", PT_ACCESS_READ_MEDIA, get_attributes},
    {"FindRecordings", PT_ACCESS_READ_MEDIA, find_recordings},
    {"GetRecordingSearchResults", PT_ACCESS_READ_MEDIA, get_recording_results},
    {"FindEvents", PT_ACCESS_READ_MEDIA, find_events},
    {"GetEventSearchResults", PT_ACCESS_READ_MEDIA, get_event_results},
    {"GetSearchState", PT_ACCESS_READ_MEDIA, get_state},
    {"EndSearch", PT_ACCESS_READ_MEDIA, end_search},
    {"FindPTZPosition", PT_ACCESS_READ_MEDIA, NULL},
    {"GetPTZPositionSearchResults", PT_ACCESS_READ_MEDIA, NULL},
    {"FindMetadata", PT_ACCESS_READ_MEDIA, NULL},
    {"GetMetadataSearchResults", PT_ACCESS_READ_MEDIA, NULL},
    {NULL},
};

const PtService pt_service_search = {"tse", "/onvif/search_service", 21, 12, put_capabilities, operations};
