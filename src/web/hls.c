/* Live pictures for players without Media Source Extensions: HLS (RFC 8216) with fragmented MP4, made of the same samples as
 * the WebSocket's, kept in memory while somebody asks and not a moment before. One session serves all viewers of a camera's
 * stream. doc/ref/live.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "web/ear.h"
#include "web/hls-list.h"
#include "web/hls-mux.h"
#include "web/host.h"
#include <malloc.h>
#include <string.h>

#define SESSIONS_MAX 16
#define SESSION_MAX (4 * (size_t)PT_HLS_GROUP_MAX) /* bytes: the three segments that a list needs, and one under way */
#define TOTAL_MAX ((size_t)192 << 20)              /* bytes of all sessions */
#define QUEUE_MAX 4                                /* groups between the worker and the main loop */
#define IDLE_NS (20 * PT_NS_PER_S)                 /* without a request a session ends */
#define WAIT_NS (30 * PT_NS_PER_S)                 /* for the first segment; then the answer is an error */
#define STALE_NS (15 * PT_NS_PER_S)                /* nothing new for so long: what is listed is no live picture */
#define EPOCH_2024 INT64_C(1704067200)

typedef struct {
	PtSink sink;
	int refs; /* atomic: the list of sessions, a scheduled drain */
	PtHost *host;
	char *camera, *name;
	bool with_audio;
	PtStream *stream; /* NULL: detached */
	PtEar *ear;       /* NULL: without sound */

	GMutex lock;
	/* under lock */
	PtHlsCut cut;
	GQueue groups; /* PtHlsGroup * */
	bool scheduled;

	/* main thread */
	PtHlsMux mux;
	PtHlsList *list;
	GPtrArray *waiting;               /* PtRequest references: for the first segment */
	int64_t asked, waits_since, news; /* monotonic; the last request, the first that waits, the newest segment */
	char *problem; /* why there is nothing to send; the session ends soon, and the next one tries anew */
	bool over;
} Session;

struct PtHls {
	GPtrArray *sessions;
	guint tick;
	uint64_t next; /* no number of a segment is used twice */
};

static void session_unref(Session *s) {
	if (!g_atomic_int_dec_and_test(&s->refs))
		return;
	pt_hls_cut_finish(&s->cut);
	g_queue_clear_full(&s->groups, (GDestroyNotify)pt_hls_group_free);
	pt_hls_mux_finish(&s->mux);
	pt_hls_list_free(s->list);
	g_ptr_array_unref(s->waiting);
	g_mutex_clear(&s->lock);
	g_free(s->camera);
	g_free(s->name);
	g_free(s->problem);
	g_free(s);
}

/* ---- answers (main thread) ---- */

static void send_list(Session *s, PtRequest *r) {
	g_autofree char *text = pt_hls_list_text(s->list, s->with_audio ? "?audio=1" : "");
	pt_request_reply_text(r, 200, "application/vnd.apple.mpegurl", text);
}

static void answer_waiting(Session *s) {
	for (guint i = 0; i < s->waiting->len; i++)
		if (s->problem)
			pt_request_fail(s->waiting->pdata[i], 503, "camera %s: %s", s->camera, s->problem);
		else
			send_list(s, s->waiting->pdata[i]);
	g_ptr_array_set_size(s->waiting, 0);
}

/* ---- making segments (main thread) ---- */

static void detach(Session *s) {
	if (!s->stream)
		return;
	pt_stream_remove_sink(&s->sink);
	g_clear_pointer(&s->ear, pt_ear_free);
	g_clear_pointer(&s->stream, pt_stream_unref);
}

/* Lets go of everything at once; only the sentence stays. */
static void fail(Session *s, const char *problem) {
	detach(s);
	g_free(s->problem);
	s->problem = g_strdup(problem);
	pt_hls_list_free(s->list);
	s->list = pt_hls_list_new(s->host->hls->next, SESSION_MAX);
	s->asked = pt_mono_ns(s->host->clock);
	answer_waiting(s);
}

static size_t total_bytes(const PtHls *hls) {
	size_t sum = 0;
	for (guint i = 0; i < hls->sessions->len; i++)
		sum += pt_hls_list_bytes(((Session *)hls->sessions->pdata[i])->list);
	return sum;
}

static GBytes *take_bytes(PtBuf *buf) {
	GBytes *bytes = buf->size ? g_bytes_new_take(g_realloc(buf->data, buf->size), buf->size) : NULL;
	*buf = (PtBuf){0};
	return bytes;
}

static void add_segment(Session *s, const PtHlsGroup *group) {
	PtHlsPiece piece;
	pt_hls_mux_group(&s->mux, group, &piece);
	g_autoptr(GBytes) bytes = take_bytes(&piece.bytes);
	g_autoptr(GBytes) map = take_bytes(&piece.map);
	pt_hls_list_add(s->list, &(PtHlsSegment){bytes, map, piece.wall_ns, piece.duration_ns, piece.discontinuity});
	s->host->hls->next = MAX(s->host->hls->next, pt_hls_list_next(s->list));
	s->news = pt_mono_ns(s->host->clock);
	if (total_bytes(s->host->hls) > TOTAL_MAX)
		fail(s, "live views by HLS have taken up the memory that is theirs: close some, or look at sub streams");
	else
		answer_waiting(s);
}

static gboolean drain(gpointer data) {
	Session *s = data;
	g_mutex_lock(&s->lock);
	GQueue taken = s->groups;
	g_queue_init(&s->groups);
	s->scheduled = false;
	const char *problem = pt_hls_cut_problem(&s->cut);
	g_mutex_unlock(&s->lock);
	PtHlsGroup *group;
	while ((group = g_queue_pop_head(&taken))) {
		if (!s->over && !s->problem)
			add_segment(s, group);
		pt_hls_group_free(group);
	}
	if (problem && !s->over && !s->problem)
		fail(s, problem);
	session_unref(s);
	return G_SOURCE_REMOVE;
}

/* ---- taking samples (any thread) ---- */

/* Under lock. The main loop is only woken when a segment is complete. */
static void hand_over(Session *s, PtHlsGroup *group) {
	if (group && s->groups.length >= QUEUE_MAX) {
		g_clear_pointer(&group, pt_hls_group_free);
		*(s->cut.open ? &s->cut.open->hole : &s->cut.hole) = true;
	}
	if (group)
		g_queue_push_tail(&s->groups, group);
	if (s->scheduled || !(group || pt_hls_cut_problem(&s->cut)))
		return;
	s->scheduled = true;
	g_atomic_int_inc(&s->refs);
	g_autoptr(GSource) source = g_idle_source_new();
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, drain, s, NULL);
	g_source_attach(source, NULL);
}

static void push(PtSample *sample, void *data) {
	Session *s = data;
	g_mutex_lock(&s->lock);
	hand_over(s, pt_hls_cut_push(&s->cut, sample));
	g_mutex_unlock(&s->lock);
}

static void on_sample(PtSink *sink, PtSample *sample) {
	Session *s = (Session *)sink;
	PtCodec codec = sample->format->codec;
	if (codec == PT_CODEC_H264 || codec == PT_CODEC_H265)
		push(sample, s);
	else if (s->ear && pt_codec_kind(codec) == PT_KIND_AUDIO)
		pt_ear_push(s->ear, sample);
}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	Session *s = (Session *)sink;
	if (state == PT_STREAM_LIVE)
		return;
	g_mutex_lock(&s->lock);
	hand_over(s, pt_hls_cut_break(&s->cut));
	g_mutex_unlock(&s->lock);
}

static const PtSinkOps sink_ops = {"hls", on_sample, on_state};

/* ---- sessions (main thread) ---- */

static PtFormat *format_of_kind(PtStream *stream, PtKind kind) {
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		PtFormat *f = pt_stream_get_format(stream, i);
		if (f && pt_codec_kind(f->codec) == kind)
			return f;
		pt_format_unref(f);
	}
	return NULL;
}

/* Takes the reference. Also when a new site file has put another stream in the old one's place. */
static void attach(Session *s, PtStream *stream) {
	detach(s);
	PtFormat *sound = s->with_audio ? format_of_kind(stream, PT_KIND_AUDIO) : NULL;
	g_mutex_lock(&s->lock);
	s->cut.wants_audio = sound != NULL;
	hand_over(s, pt_hls_cut_break(&s->cut));
	g_mutex_unlock(&s->lock);
	pt_format_unref(sound);
	s->stream = stream;
	s->ear = s->with_audio ? pt_ear_new(s->host->loop, push, s) : NULL;
	pt_stream_add_sink(stream, &s->sink);
}

static Session *session_new(PtHost *host, const char *camera, const char *name, bool audio) {
	Session *s = g_new0(Session, 1);
	s->refs = 1;
	s->sink.ops = &sink_ops;
	s->host = host;
	s->camera = g_strdup(camera);
	s->name = g_strdup(name);
	s->with_audio = audio;
	g_mutex_init(&s->lock);
	g_queue_init(&s->groups);
	/* numbers rise from session to session: twice the seconds, since no segment is shorter than half of one */
	uint64_t first = (uint64_t)MAX(pt_wall_ns(host->clock) / PT_NS_PER_S - EPOCH_2024, 0) * 2;
	s->list = pt_hls_list_new(MAX(first, host->hls->next), SESSION_MAX);
	s->waiting = g_ptr_array_new_with_free_func((GDestroyNotify)pt_request_unref);
	s->asked = s->news = pt_mono_ns(host->clock);
	g_ptr_array_add(host->hls->sessions, s);
	return s;
}

static void session_end(void *data) {
	Session *s = data;
	s->over = true;
	detach(s);
	if (!s->problem)
		s->problem = g_strdup("the live view has ended");
	answer_waiting(s);
	session_unref(s);
}

static Session *find(PtHls *hls, const char *camera, const char *name, bool audio) {
	for (guint i = 0; i < hls->sessions->len; i++) {
		Session *s = hls->sessions->pdata[i];
		if (s->with_audio == audio && !strcmp(s->camera, camera) && !strcmp(s->name, name))
			return s;
	}
	return NULL;
}

/* Why no picture has come: the stream's own reason, or what is known. Caller frees. */
static char *why_nothing(Session *s) {
	PtStreamStats stats;
	pt_stream_get_stats(s->stream, &stats);
	char *why = stats.state == PT_STREAM_LIVE
	                ? g_strdup_printf("no whole segment has come within %d s: its key frames may be too far apart",
	                                  (int)(WAIT_NS / PT_NS_PER_S))
	                : g_strdup(stats.reason[0] ? stats.reason : "it is not connected yet");
	pt_stream_stats_clear(&stats);
	return why;
}

static bool is_lost(Session *s) {
	PtStreamStats stats;
	pt_stream_get_stats(s->stream, &stats);
	pt_stream_stats_clear(&stats);
	return stats.state == PT_STREAM_LOST;
}

static gboolean tick(gpointer data) {
	PtHost *host = data;
	PtHls *hls = host->hls;
	int64_t now = pt_mono_ns(host->clock);
	for (guint i = hls->sessions->len; i-- > 0;) {
		Session *s = hls->sessions->pdata[i];
		int64_t target_ns = pt_hls_list_target(s->list) * PT_NS_PER_S;
		if (!s->problem && now - s->news > MAX(STALE_NS, 3 * target_ns))
			pt_hls_list_stop(s->list);
		if (s->waiting->len && !s->problem && (is_lost(s) || now - s->waits_since > WAIT_NS)) {
			g_autofree char *why = why_nothing(s);
			fail(s, why);
		}
		/* whoever plays asks once per target duration */
		if (!s->waiting->len && now - s->asked > MAX(IDLE_NS, 2 * target_ns))
			g_ptr_array_remove_index_fast(hls->sessions, i);
	}
	if (hls->sessions->len)
		return G_SOURCE_CONTINUE;
	hls->tick = 0;
	malloc_trim(0); /* segments leave holes that only this gives back */
	return G_SOURCE_REMOVE;
}

/* ---- requests ---- */

/* The stream that is asked for, when the caller may; a reference. NULL: answered. */
static PtStream *asked_stream(PtHost *host, PtRequest *r, bool *ret_audio) {
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (!camera)
		return NULL;
	const char *name = pt_request_segment(r, 1);
	*ret_audio = pt_request_query(r, "audio") != NULL;
	PtStream *stream = host->stream(host->user, camera->name, name);
	if (!stream)
		pt_request_fail(r, 404, "camera %s has no stream '%s'", camera->name, name);
	else if (*ret_audio && !pt_api_may_listen(r, camera))
		g_clear_pointer(&stream, pt_stream_unref);
	return stream;
}

static bool can_be_sent(PtRequest *r, PtStream *stream) {
	PtFormat *f = format_of_kind(stream, PT_KIND_VIDEO);
	bool can = !f || f->codec == PT_CODEC_H264 || f->codec == PT_CODEC_H265;
	if (!can)
		pt_request_fail(r, 501, "%s cannot be sent as HLS: take snapshot.jpg or the WebSocket",
		                pt_codec_name(f->codec));
	pt_format_unref(f);
	return can;
}

static void get_list(PtRequest *r, void *data) {
	PtHost *host = data;
	PtHls *hls = host->hls;
	bool audio;
	PtStream *stream = asked_stream(host, r, &audio);
	if (!stream || !can_be_sent(r, stream)) {
		pt_stream_unref(stream);
		return;
	}
	Session *s = find(hls, pt_request_segment(r, 0), pt_request_segment(r, 1), audio);
	if (!s && hls->sessions->len >= SESSIONS_MAX) {
		pt_stream_unref(stream);
		pt_request_fail(r, 503, "%d live views by HLS are open: close one, and try again in half a minute",
		                SESSIONS_MAX);
		return;
	}
	if (!s)
		s = session_new(host, pt_request_segment(r, 0), pt_request_segment(r, 1), audio);
	if (!hls->tick)
		hls->tick = g_timeout_add_seconds(1, tick, host);
	if (s->problem) {
		pt_stream_unref(stream);
		pt_request_fail(r, 503, "camera %s: %s", s->camera, s->problem);
		return;
	}
	s->asked = pt_mono_ns(host->clock);
	if (s->stream == stream)
		pt_stream_unref(stream);
	else
		attach(s, stream);
	if (!pt_hls_list_is_empty(s->list)) {
		send_list(s, r);
		return;
	}
	if (!s->waiting->len)
		s->waits_since = s->asked;
	g_ptr_array_add(s->waiting, pt_request_ref(r));
}

static void get_piece(PtRequest *r, void *data) {
	PtHost *host = data;
	bool audio;
	PtStream *stream = asked_stream(host, r, &audio);
	if (!stream)
		return;
	pt_stream_unref(stream);
	Session *s = find(host->hls, pt_request_segment(r, 0), pt_request_segment(r, 1), audio);
	GBytes *bytes = s ? pt_hls_list_find(s->list, pt_request_segment(r, 2)) : NULL;
	if (!bytes) {
		pt_request_fail(r, 404, "there is no %s here, or no more: ask for index.m3u8", pt_request_segment(r, 2));
		return;
	}
	s->asked = pt_mono_ns(host->clock);
	pt_request_reply(r, 200, "video/mp4", bytes);
}

void pt_hls_add_routes(PtHost *host) {
	host->hls = g_new0(PtHls, 1);
	host->hls->sessions = g_ptr_array_new_with_free_func(session_end);
	pt_server_route(host->server, "GET", "/api/live/*/*/index.m3u8", PT_ROLE_VIEWER, get_list, host);
	pt_server_route(host->server, "GET", "/api/live/*/*/*", PT_ROLE_VIEWER, get_piece, host);
}

void pt_hls_free(PtHost *host) {
	if (!host->hls)
		return;
	g_ptr_array_unref(host->hls->sessions);
	while (g_main_context_iteration(NULL, FALSE)) { /* what sessions had scheduled */
	}
	g_clear_handle_id(&host->hls->tick, g_source_remove);
	g_clear_pointer(&host->hls, g_free);
}
