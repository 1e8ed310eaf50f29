/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/recordings.h"
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/search.h"

#define WAIT_NS (4 * PT_NS_PER_S)       /* for results, at the camera */
#define PAUSE_MS 500                    /* between questions to one that does not wait but says "nothing" at once */
#define QUIET_US (10 * G_USEC_PER_SEC)  /* without anything new: it is over, though the camera never says so */
#define TOTAL_US (180 * G_USEC_PER_SEC) /* and then it is over, whatever comes */
#define REPEATS 3                       /* answers that say what was said before: it will not go on */
#define HAPPENED_MAX 20000
#define ATTRIBUTES_MAX 16 /* recordings whose pictures are asked about */

/* One search, from its first question to the one answer. */
typedef struct {
	PtOnvifCamera *camera; /* a reference */
	PtOnvifRecordingsFn recordings_fn;
	PtOnvifHappenedFn happened_fn;
	void *user;
	bool events;
	char *token; /* of the search; NULL: none is open */
	GPtrArray *list;
	GHashTable *seen; /* events */
	int64_t from_ns, to_ns;
	gint64 begun_at, new_at, asked_at; /* monotonic, µs */
	guint repeats, next;               /* next: recording whose pictures are asked about */
} Search;

static void nobody_listens(void *user, const PtSoap *answer, const GError *error) {}

/* Cameras have few places for searches: it is given back, and nobody waits for it. */
static void end_search(Search *s) {
	if (s->token && pt_onvif_camera_device(s->camera))
		pt_onvif_camera_call(s->camera, PT_ONVIF_SEARCH, pt_onvif_ask_end(s->token), nobody_listens, NULL);
	g_clear_pointer(&s->token, g_free);
}

static void finish(Search *s, const GError *error) {
	end_search(s);
	if (s->events) {
		pt_onvif_sort_said(s->list);
		s->happened_fn(s->user, error ? NULL : s->list, error);
	} else {
		pt_onvif_sort_recordings(s->list);
		s->recordings_fn(s->user, error ? NULL : s->list, error);
	}
	g_ptr_array_unref(s->list);
	g_hash_table_unref(s->seen);
	pt_onvif_camera_unref(s->camera);
	g_free(s);
}

static GError *away(void) { return g_error_new_literal(PT_ERROR, PT_ERROR_CLOSED, "the camera cannot be reached"); }

/* body: taken. */
static void ask(Search *s, PtOnvifService service, PtXml *body, PtOnvifFn fn) {
	if (pt_onvif_camera_device(s->camera)) {
		s->asked_at = g_get_monotonic_time();
		pt_onvif_camera_call(s->camera, service, body, fn, s);
		return;
	}
	g_autoptr(GError) error = away();
	pt_xml_free(body);
	finish(s, error);
}

static bool has(const Search *s, PtOnvifService service) {
	PtOnvifDevice *device = pt_onvif_camera_device(s->camera);
	return device && pt_onvif_device_has(device, service);
}

/* A wrong login and a camera that has gone are no answers to anything. */
static bool is_final(const GError *error) {
	return error->code == PT_ERROR_AUTH || error->code == PT_ERROR_CLOSED || error->code == PT_ERROR_TIMEOUT;
}

/* ---- what the pictures are ---- */

static void ask_attributes(Search *s);

static void attributes_answered(void *user, const PtSoap *answer, const GError *error) {
	Search *s = user;
	if (answer) /* what it does not tell is no news */
		pt_onvif_read_attributes(answer, g_ptr_array_index(s->list, s->next));
	s->next = error ? G_MAXUINT : s->next + 1;
	ask_attributes(s);
}

static void ask_attributes(Search *s) {
	while (s->next < MIN(s->list->len, ATTRIBUTES_MAX) &&
	       !((PtOnvifRecording *)g_ptr_array_index(s->list, s->next))->last_ns)
		s->next++;
	if (s->next < MIN(s->list->len, ATTRIBUTES_MAX) && has(s, PT_ONVIF_SEARCH))
		ask(s, PT_ONVIF_SEARCH, pt_onvif_ask_attributes(g_ptr_array_index(s->list, s->next)), attributes_answered);
	else
		finish(s, NULL);
}

/* ---- the plain list ---- */

static void listed(void *user, const PtSoap *answer, const GError *error) {
	Search *s = user;
	if (answer)
		pt_onvif_read_search_recordings(answer, s->list);
	if (error && (is_final(error) || !has(s, PT_ONVIF_SEARCH)))
		finish(s, error);
	else
		ask_attributes(s);
}

static void ask_list(Search *s) { ask(s, PT_ONVIF_RECORDING, pt_onvif_request("trc:GetRecordings"), listed); }

/* ---- results ---- */

static void ask_results(Search *s);

static void found_all(Search *s) {
	end_search(s);
	if (s->events)
		finish(s, NULL);
	else if (!s->list->len && has(s, PT_ONVIF_RECORDING)) /* some find nothing of what they list */
		ask_list(s);
	else
		ask_attributes(s);
}

static void rested(void *user, const PtSoap *answer, const GError *error) {
	if (error)
		finish(user, error);
	else
		ask_results(user);
}

static void results_answered(void *user, const PtSoap *answer, const GError *error) {
	Search *s = user;
	gint64 now = g_get_monotonic_time();
	if (error) {
		finish(s, error);
		return;
	}
	unsigned n = s->events ? pt_onvif_read_search_events(answer, s->from_ns, s->to_ns, s->list, s->seen)
	                       : pt_onvif_read_search_recordings(answer, s->list);
	if (n)
		s->new_at = now;
	s->repeats = n || !pt_onvif_read_search_any(answer) ? 0 : s->repeats + 1;
	if (pt_onvif_read_search_over(answer) || s->repeats >= REPEATS || now - s->new_at >= QUIET_US) {
		found_all(s);
	} else if (now - s->begun_at >= TOTAL_US || g_hash_table_size(s->seen) >= HAPPENED_MAX) {
		g_autoptr(GError) endless =
		    g_error_new(PT_ERROR, PT_ERROR_TIMEOUT, "its search does not come to an end (%u found)",
		                MAX(s->list->len, g_hash_table_size(s->seen)));
		finish(s, endless);
	} else if (!n && now - s->asked_at < PAUSE_MS * 1000) {
		pt_onvif_camera_wait(s->camera, PAUSE_MS, rested, s);
	} else {
		ask_results(s);
	}
}

static void ask_results(Search *s) {
	ask(s, PT_ONVIF_SEARCH, pt_onvif_ask_results(s->token, s->events, WAIT_NS), results_answered);
}

static void begun(void *user, const PtSoap *answer, const GError *error) {
	Search *s = user;
	const char *token = answer ? pt_onvif_read_search_token(answer) : "";
	s->begun_at = s->new_at = g_get_monotonic_time();
	if (*token) {
		s->token = g_strdup(token);
		ask_results(s);
	} else if (!s->events && has(s, PT_ONVIF_RECORDING) && (!error || !is_final(error))) {
		ask_list(s);
	} else if (error) {
		finish(s, error);
	} else {
		g_autoptr(GError) none =
		    g_error_new_literal(PT_ERROR, PT_ERROR_INVALID, "it began a search and does not name it");
		finish(s, none);
	}
}

static Search *search_new(PtOnvifCamera *camera, void *user) {
	Search *s = g_new0(Search, 1);
	s->camera = pt_onvif_camera_ref(camera);
	s->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	s->user = user;
	return s;
}

void pt_onvif_recordings(PtOnvifCamera *camera, PtOnvifRecordingsFn fn, void *user) {
	Search *s = search_new(camera, user);
	s->recordings_fn = fn;
	s->list = pt_onvif_recordings_new();
	if (has(s, PT_ONVIF_SEARCH))
		ask(s, PT_ONVIF_SEARCH, pt_onvif_ask_find_recordings(), begun);
	else
		ask_list(s);
}

void pt_onvif_events_between(PtOnvifCamera *camera, int64_t from_ns, int64_t to_ns, PtOnvifHappenedFn fn, void *user) {
	Search *s = search_new(camera, user);
	s->happened_fn = fn;
	s->events = true;
	s->from_ns = from_ns;
	s->to_ns = to_ns;
	s->list = g_ptr_array_new_with_free_func(g_free);
	ask(s, PT_ONVIF_SEARCH, pt_onvif_ask_find_events(from_ns, to_ns), begun);
}

/* ---- where it replays ---- */

typedef struct {
	PtOnvifCamera *camera; /* a reference */
	PtOnvifReplayFn fn;
	void *user;
} Where;

static void replay_answered(void *user, const PtSoap *answer, const GError *error) {
	g_autofree Where *w = user;
	g_autoptr(GError) none = NULL;
	PtOnvifDevice *device = pt_onvif_camera_device(w->camera);
	g_autofree char *url =
	    answer && device ? pt_onvif_stream_url(pt_onvif_device_host_url(device), pt_onvif_read_uri(answer)) : NULL;
	if (!url && !error)
		error = none =
		    device ? g_error_new_literal(PT_ERROR, PT_ERROR_INVALID, "it gave no RTSP address of what it recorded")
		           : away();
	w->fn(w->user, url, error);
	pt_onvif_camera_unref(w->camera);
}

void pt_onvif_replay_url(PtOnvifCamera *camera, const char *recording, PtOnvifReplayFn fn, void *user) {
	if (!pt_onvif_camera_device(camera)) {
		g_autoptr(GError) error = away();
		fn(user, NULL, error);
		return;
	}
	Where *w = g_new(Where, 1);
	*w = (Where){pt_onvif_camera_ref(camera), fn, user};
	pt_onvif_camera_call(camera, PT_ONVIF_REPLAY, pt_onvif_ask_replay(recording), replay_answered, w);
}
