/* Events of the past (FindEvents): where footage begins and ends, and what plugs, motion and the disk did, by the log. An
 * event is told with one recording: the first in the scope of its camera, or the first of all when it has none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/search.h"
#include <string.h>

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

/* The topics asked for: bit i for topic i. False: a fault is set. */
static bool read_filter(PtCall *c, unsigned *ret) {
	const PtXmlNode *filter = pt_xml_child(c->in, "tse:SearchFilter");
	bool any = false;
	*ret = 0;
	for (const PtXmlNode *n = pt_xml_child(filter, "*"); n; n = pt_xml_next(n, "*")) {
		bool unknown;
		if (pt_xml_is(n, "wsnt:MessageContent") && !*pt_xml_value(n))
			continue;
		g_autofree char *expression = pt_xml_is(n, "wsnt:TopicExpression") ? pt_topic_expression(n, &unknown) : NULL;
		if (!expression) {
			pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidFilterFault",
			              "events are found by topic expressions that follow the grammar, and by nothing else");
			return false;
		}
		any = true;
		for (unsigned i = 0; i < PT_ONVIF_N_TOPICS; i++)
			*ret |= (unsigned)pt_topic_matches(expression, pt_topics[i].path) << i;
	}
	if (!any)
		*ret = ~0u;
	return true;
}

typedef struct {
	GArray *found; /* of PtFoundEvent, those of one thing in the order of time */
	unsigned topics;
	bool start; /* states at the begin are wanted */
} Finding;

static void add(Finding *f, const PtOnvifHappening *what, const char *recording) {
	PtFoundEvent e = {.what = *what};
	g_strlcpy(e.recording, recording, sizeof e.recording);
	if (f->topics >> what->topic & 1)
		g_array_append_val(f->found, e);
}

static void add_state(Finding *f, const PtOnvifRecording *r, int64_t wall_ns, bool active, bool start) {
	PtOnvifHappening h = {.topic = PT_ONVIF_RECORDING_STATE, .active = active, .start = start, .wall_ns = wall_ns};
	g_strlcpy(h.token, r->token, sizeof h.token);
	add(f, &h, r->token);
	h.topic = PT_ONVIF_TRACK_STATE;
	add(f, &h, r->token);
}

static void add_footage(Finding *f, const PtOnvifRecording *r, int64_t from, int64_t to) {
	bool at_start = false;
	for (guint i = 0; i < r->spans->len; i++) {
		const PtOnvifSpan *s = &g_array_index(r->spans, PtOnvifSpan, i);
		at_start |= s->from_ns < from && s->to_ns >= from;
	}
	add_state(f, r, from, at_start, true);
	for (guint i = 0; i < r->spans->len; i++) {
		const PtOnvifSpan *s = &g_array_index(r->spans, PtOnvifSpan, i);
		bool goes_on = r->recording && i + 1 == r->spans->len && s->to_ns >= r->last_ns;
		if (s->from_ns >= from && s->from_ns <= to)
			add_state(f, r, s->from_ns, true, false);
		if (s->to_ns >= from && s->to_ns <= to && !goes_on)
			add_state(f, r, s->to_ns, false, false);
	}
}

/* The recording that an event is told with; NULL: none in the scope, or not for this caller. */
static const PtOnvifRecording *recording_of(const PtCall *c, const PtOnvifHappening *h) {
	if (!*h->camera && pt_topic_is_plug(h->topic) && !pt_call_may_see(c, ""))
		return NULL;
	for (guint i = 0; i < c->recordings->len; i++) {
		const PtOnvifRecording *r = &g_array_index(c->recordings, PtOnvifRecording, i);
		if (!*h->camera || !strcmp(r->camera, h->camera))
			return r;
	}
	return NULL;
}

/* What has a state at the later end of the span: the last that each thing took. */
static void add_states_at_end(Finding *f, int64_t to) {
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = f->found->len; i-- > 0;) {
		PtFoundEvent state = g_array_index(f->found, PtFoundEvent, i);
		if (!g_hash_table_add(seen, g_strdup_printf("%d %s", state.what.topic, state.what.token)))
			continue;
		state.what.start = true;
		state.what.wall_ns = to;
		g_array_append_val(f->found, state);
	}
}

static int by_time(gconstpointer a, gconstpointer b) {
	const PtOnvifHappening *x = &((const PtFoundEvent *)a)->what, *y = &((const PtFoundEvent *)b)->what;
	if (x->wall_ns != y->wall_ns)
		return x->wall_ns < y->wall_ns ? -1 : 1;
	return y->start - x->start;
}

/* At the later end its states come first, at the earlier one last. */
static int by_time_backwards(gconstpointer a, gconstpointer b) {
	const PtOnvifHappening *x = &((const PtFoundEvent *)a)->what, *y = &((const PtFoundEvent *)b)->what;
	return (x->wall_ns < y->wall_ns) - (x->wall_ns > y->wall_ns);
}

static void found_events(PtCall *c) {
	int64_t from, to;
	bool backwards;
	Finding f = {0};
	if (!read_span(c, &from, &to, &backwards) || !pt_search_apply_scope(c) || !read_filter(c, &f.topics))
		return;
	pt_xml_bool(pt_call_text(c, "tse:IncludeStartState"), &f.start);
	f.found = g_array_new(FALSE, FALSE, sizeof(PtFoundEvent));
	for (guint i = 0; i < c->recordings->len; i++)
		add_footage(&f, &g_array_index(c->recordings, PtOnvifRecording, i), from, to);
	for (guint i = 0; c->happenings && i < c->happenings->len; i++) {
		const PtOnvifHappening *h = &g_array_index(c->happenings, PtOnvifHappening, i);
		const PtOnvifRecording *r = recording_of(c, h);
		if (r)
			add(&f, h, r->token);
	}
	if (f.start && backwards)
		add_states_at_end(&f, to);
	for (guint i = f.found->len; !f.start && i-- > 0;)
		if (g_array_index(f.found, PtFoundEvent, i).what.start)
			g_array_remove_index(f.found, i);
	g_array_sort(f.found, backwards ? by_time_backwards : by_time);
	if (f.found->len > pt_search_max_matches(c))
		g_array_set_size(f.found, pt_search_max_matches(c));
	pt_search_begin(c, true, f.found);
}

void pt_search_find_events(PtCall *c) {
	int64_t from, to;
	bool backwards;
	if (read_span(c, &from, &to, &backwards))
		pt_recordings_history_then(c, from, to, backwards, found_events);
}

void pt_search_put_event(PtXml *x, const PtFoundEvent *e) {
	const PtOnvifHappening *h = &e->what;
	pt_xml_open(x, "tt:Result");
	pt_xml_put(x, "tt:RecordingToken", e->recording);
	pt_xml_put(x, "tt:TrackToken", PT_TRACK_VIDEO);
	pt_xml_put_time(x, "tt:Time", h->wall_ns);
	pt_xml_open(x, "tt:Event");
	pt_topic_put_message(x, h->topic, h->start ? "Initialized" : "Changed", h->token, h->active, h->wall_ns);
	pt_xml_close(x);
	pt_xml_put_bool(x, "tt:StartStateEvent", h->start);
	pt_xml_close(x);
}
