/* Live pictures over a WebSocket, one frame per message and at once: fragmented MP4 for Media Source Extensions, JPEG as it
 * is. What a viewer cannot take is dropped up to the next key frame, and counted; nobody else notices.
 *
 * The page gets text messages ({"tracks":[…]} whenever a format changes, {"dropped":n}) and binary ones with a head of 16
 * bytes: track id, kind (0 initialisation, 1 fragment, 2 JPEG), two zeros, four zeros, capture time in microseconds UTC
 * (8 bytes, big-endian). doc/ref/live.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "media/codec/job.h"
#include "media/fmp4/write.h"
#include "web/ear.h"
#include "web/host.h"
#include <string.h>

#define QUEUE_MAX (4u << 20)   /* bytes between the worker and the main loop */
#define BACKLOG_MAX (3u << 20) /* bytes on their way to the page */
#define HEAD 16

enum { KIND_INIT, KIND_FRAGMENT, KIND_JPEG };

typedef struct {
	PtFormat *format; /* as last told to the page */
	int64_t offset;   /* ticks to add to dts for the page's axis */
	int64_t last_dts, last_duration;
	uint32_t sequence;
	bool anchored, waits_for_key;
} ViewTrack;

typedef struct {
	PtSink sink;
	int refs; /* atomic: the socket, a scheduled drain */
	PtHost *host;
	PtStream *stream;
	PtSocket *socket; /* main thread; NULL once closed */
	PtEar *ear;       /* NULL: without sound */

	GMutex lock;
	/* under lock */
	GQueue queue; /* PtSample references */
	size_t queued;
	bool drain_scheduled, overflowed;

	/* main thread */
	ViewTrack tracks[PT_STREAM_TRACKS];
	int64_t epoch_ns; /* capture time that is zero for the page */
	uint64_t dropped, dropped_told;
	int64_t dropped_told_at;
} Viewer;

static Viewer *viewer_ref(Viewer *v) {
	g_atomic_int_inc(&v->refs);
	return v;
}

static void viewer_unref(Viewer *v) {
	if (!g_atomic_int_dec_and_test(&v->refs))
		return;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		pt_format_unref(v->tracks[i].format);
	g_queue_clear_full(&v->queue, (GDestroyNotify)pt_sample_unref);
	pt_stream_unref(v->stream);
	g_mutex_clear(&v->lock);
	g_free(v);
}

/* ---- sending (main thread) ---- */

static void send_binary(Viewer *v, unsigned track, unsigned kind, int64_t wall_ns, const PtBuf *head,
                        const PtSample *sample) {
	size_t n = HEAD + (head ? head->size : 0) + (sample ? sample->size : 0);
	uint8_t *p = g_malloc0(n), *at = p + HEAD;
	p[0] = (uint8_t)(track + 1);
	p[1] = (uint8_t)kind;
	uint64_t us = (uint64_t)(wall_ns / PT_NS_PER_US);
	pt_put_u32(p + 8, (uint32_t)(us >> 32));
	pt_put_u32(p + 12, (uint32_t)us);
	if (head)
		at = (uint8_t *)memcpy(at, head->data, head->size) + head->size;
	if (sample)
		memcpy(at, sample->data, sample->size);
	g_autoptr(GBytes) bytes = g_bytes_new_take(p, n);
	pt_socket_send_binary(v->socket, bytes);
}

/* The MIME type for MSE; NULL when browsers have none. Caller frees. */
static char *mime_of(const PtFormat *f) {
	if (!f->rfc6381[0])
		return NULL;
	return g_strdup_printf("%s/mp4; codecs=\"%s\"", pt_codec_kind(f->codec) == PT_KIND_VIDEO ? "video" : "audio",
	                       f->rfc6381);
}

static void tell_formats(Viewer *v) {
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_int(b, "epoch_us", v->epoch_ns / PT_NS_PER_US);
	pt_json_array(b, "tracks");
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		const PtFormat *f = v->tracks[i].format;
		if (!f)
			continue;
		g_autofree char *mime = mime_of(f);
		pt_json_object(b, NULL);
		pt_json_int(b, "id", i + 1);
		pt_json_text(b, "kind", pt_codec_kind(f->codec) == PT_KIND_VIDEO ? "video" : "audio");
		pt_json_text(b, "codec", pt_codec_name(f->codec));
		pt_json_text(b, "mime", mime);
		pt_json_int(b, "width", f->width);
		pt_json_int(b, "height", f->height);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	json_builder_end_object(b);
	g_autoptr(JsonNode) root = json_builder_get_root(b);
	g_autofree char *text = json_to_string(root, FALSE);
	pt_socket_send_text(v->socket, text);
}

static void new_format(Viewer *v, const PtSample *s) {
	ViewTrack *t = &v->tracks[s->track];
	pt_format_unref(t->format);
	t->format = pt_format_ref(s->format);
	t->anchored = false;
	tell_formats(v);
	if (s->format->codec == PT_CODEC_MJPEG)
		return;
	PtBuf init = {0};
	PtFormat *formats[] = {s->format};
	pt_mp4_write_init(&init, formats, 1, s->wall_ns, NULL);
	send_binary(v, s->track, KIND_INIT, s->wall_ns, &init, NULL);
	pt_buf_clear(&init);
}

/* Places the track on the page's axis by capture time: at its start, and whenever the source's own time jumps. */
static bool anchor(Viewer *v, ViewTrack *t, const PtSample *s) {
	int64_t scale = s->format->timescale;
	int64_t wall = s->wall_ns - (s->pts - s->dts) * PT_NS_PER_S / scale;
	int64_t want = (wall - v->epoch_ns) / PT_NS_PER_US * scale / 1000000;
	int64_t step = s->dts - t->last_dts;
	if (!t->anchored || step <= 0 || step > 5 * scale || ABS(s->dts + t->offset - want) > scale)
		t->offset = want - s->dts;
	else
		t->last_duration = step;
	t->anchored = true;
	t->last_dts = s->dts;
	return s->dts + t->offset >= 0;
}

static void send_sample(Viewer *v, PtSample *s) {
	ViewTrack *t = &v->tracks[s->track];
	bool video = pt_codec_kind(s->format->codec) == PT_KIND_VIDEO;
	if (pt_socket_backlog(v->socket) > BACKLOG_MAX && video)
		t->waits_for_key = true;
	if (t->waits_for_key && (!s->key || pt_socket_backlog(v->socket) > BACKLOG_MAX)) {
		v->dropped++;
		return;
	}
	t->waits_for_key = false;
	if (!v->epoch_ns) {
		if (!video)
			return;
		v->epoch_ns = s->wall_ns;
	}
	if (!pt_format_equal(t->format, s->format))
		new_format(v, s);
	if (s->format->codec == PT_CODEC_MJPEG) {
		send_binary(v, s->track, KIND_JPEG, s->wall_ns, NULL, s);
		return;
	}
	if (!anchor(v, t, s))
		return;
	uint32_t duration = (uint32_t)(t->last_duration ? t->last_duration : s->format->timescale / 15);
	PtBuf head = {0};
	pt_mp4_write_fragment(
	    &head,
	    &(PtFragmentHead){
	        .sequence = ++t->sequence, .track_id = 1, .base_dts = s->dts + t->offset, .wall_ns = s->wall_ns},
	    &s, &duration, 1);
	send_binary(v, s->track, KIND_FRAGMENT, s->wall_ns, &head, s);
	pt_buf_clear(&head);
}

static void tell_dropped(Viewer *v) {
	int64_t now = pt_mono_ns(v->host->clock);
	if (v->dropped == v->dropped_told || now - v->dropped_told_at < PT_NS_PER_S)
		return;
	v->dropped_told = v->dropped;
	v->dropped_told_at = now;
	g_autofree char *text = g_strdup_printf("{\"dropped\":%" G_GUINT64_FORMAT "}", v->dropped);
	pt_socket_send_text(v->socket, text);
}

static gboolean drain(gpointer data) {
	Viewer *v = data;
	GQueue taken;
	bool overflowed;
	g_mutex_lock(&v->lock);
	taken = v->queue;
	g_queue_init(&v->queue);
	v->queued = 0;
	v->drain_scheduled = false;
	overflowed = v->overflowed;
	v->overflowed = false;
	g_mutex_unlock(&v->lock);
	PtSample *s;
	while ((s = g_queue_pop_head(&taken))) {
		if (v->socket)
			send_sample(v, s);
		pt_sample_unref(s);
	}
	if (v->socket && overflowed)
		for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
			v->tracks[i].waits_for_key = true;
	if (v->socket)
		tell_dropped(v);
	viewer_unref(v);
	return G_SOURCE_REMOVE;
}

/* ---- taking (any thread) ---- */

static void enqueue(Viewer *v, PtSample *sample) {
	g_mutex_lock(&v->lock);
	if (v->queued + sample->size > QUEUE_MAX) {
		v->overflowed = true;
	} else {
		g_queue_push_tail(&v->queue, pt_sample_ref(sample));
		v->queued += sample->size;
	}
	bool schedule = !v->drain_scheduled && v->queue.length;
	v->drain_scheduled |= schedule;
	g_mutex_unlock(&v->lock);
	if (schedule) {
		g_autoptr(GSource) source = g_idle_source_new();
		g_source_set_priority(source, G_PRIORITY_DEFAULT);
		g_source_set_callback(source, drain, viewer_ref(v), NULL);
		g_source_attach(source, NULL);
	}
}

static void heard(PtSample *sample, void *data) { enqueue(data, sample); }

static void on_sample(PtSink *sink, PtSample *sample) {
	Viewer *v = (Viewer *)sink;
	PtKind kind = pt_codec_kind(sample->format->codec);
	if (kind == PT_KIND_VIDEO)
		enqueue(v, sample);
	else if (kind == PT_KIND_AUDIO && v->ear)
		pt_ear_push(v->ear, sample);
}

static const PtSinkOps viewer_ops = {"viewer", on_sample, NULL};

/* ---- the socket ---- */

static void live_opened(PtSocket *socket, void *data) {
	Viewer *v = data;
	v->socket = socket;
	/* the newest key frame at once: a picture to look at until the next one begins the moving ones */
	PtSample *key = pt_stream_get_key(v->stream);
	if (key) {
		send_sample(v, key);
		pt_sample_unref(key);
	}
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		v->tracks[i].waits_for_key = true;
	pt_stream_add_sink(v->stream, &v->sink);
}

static void live_closed(PtSocket *socket, void *data) {
	Viewer *v = data;
	pt_stream_remove_sink(&v->sink);
	v->socket = NULL;
	g_clear_pointer(&v->ear, pt_ear_free);
	viewer_unref(v);
}

static void get_live(PtRequest *r, void *data) {
	static const PtSocketOps ops = {.opened = live_opened, .closed = live_closed};
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (!camera)
		return;
	const char *name = pt_request_segment(r, 1), *audio = pt_request_query(r, "audio");
	PtStream *stream = host->stream(host->user, camera->name, name);
	if (!stream) {
		pt_request_fail(r, 404, "camera %s has no stream '%s'", camera->name, name);
		return;
	}
	if (audio && !pt_api_may_listen(r, camera)) {
		pt_stream_unref(stream);
		return;
	}
	Viewer *v = g_new0(Viewer, 1);
	v->refs = 1;
	v->sink.ops = &viewer_ops;
	v->host = host;
	v->stream = stream;
	v->ear = audio ? pt_ear_new(host->loop, heard, v) : NULL;
	g_mutex_init(&v->lock);
	g_queue_init(&v->queue);
	if (!pt_request_upgrade(r, &ops, v)) {
		g_clear_pointer(&v->ear, pt_ear_free);
		viewer_unref(v);
	}
}

/* ---- a still picture ---- */

static void picture_done(GBytes *jpeg, const GError *error, void *data) {
	PtRequest *r = data;
	if (jpeg)
		pt_request_reply(r, 200, "image/jpeg", jpeg);
	else
		pt_request_fail_error(r, error);
	pt_request_unref(r);
}

void pt_api_reply_picture(PtRequest *r, PtSample *key, unsigned width) {
	pt_codec_snapshot_async(key, width, picture_done, pt_request_ref(r));
}

static void get_snapshot(PtRequest *r, void *data) {
	PtHost *host = data;
	const PtSiteCamera *camera = pt_api_camera(host, r);
	if (!camera)
		return;
	const char *name = pt_request_query(r, "stream");
	unsigned width = 0;
	if (!pt_api_width(r, &width))
		return;
	PtStream *stream = host->stream(host->user, camera->name, name ? name : "main");
	PtSample *key = stream ? pt_stream_get_key(stream) : NULL;
	pt_stream_unref(stream);
	if (!key) {
		pt_request_fail(r, 404, "camera %s has shown no picture yet", camera->name);
		return;
	}
	g_autofree char *when = pt_time_format(key->wall_ns);
	pt_request_add_header(r, "Pigtail-Time", when);
	pt_api_reply_picture(r, key, width);
	pt_sample_unref(key);
}

void pt_live_add_routes(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/live/*/*", PT_ROLE_VIEWER, get_live, host);
	pt_server_route(host->server, "GET", "/api/cameras/*/snapshot.jpg", PT_ROLE_VIEWER, get_snapshot, host);
}
