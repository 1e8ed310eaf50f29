/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/device.h"
#include "media/codec/job.h"
#include <string.h>

#define RETRY_FIRST PT_NS_PER_S
#define RETRY_MOST (30 * PT_NS_PER_S)
#define SILENCE (10 * PT_NS_PER_S)

typedef struct {
	PtSource base;
	PtLoop *loop; /* its own: starting a device may take seconds, and nobody else is to wait for it */
	PtStream *stream;
	char *location;

	/* loop's thread only */
	PtV4l2Location want;
	PtV4l2Device device;
	PtWatch watch;
	PtTimer timer; /* the next attempt, or silence */
	PtCodecJob *job;
	PtFormat *format; /* of what the device gives */
	int64_t first_ns, last_pts, retry_ns, picture_at;
	bool live;
} Camera;

/* ---- the location ---- */

static bool number(const char *text, const char *end, unsigned least, unsigned most, uint16_t *ret) {
	char *stop;
	guint64 n = g_ascii_strtoull(text, &stop, 10);
	if (!g_ascii_isdigit(*text) || stop != end || n < least || n > most)
		return false;
	*ret = (uint16_t)n;
	return true;
}

bool pt_v4l2_parse(const char *location, PtV4l2Location *ret, GError **error) {
	PtV4l2Location l = {.width = 1280, .height = 720, .fps = 15};
	const char *device = location + strlen("v4l2:"), *query = strchr(device, '?');
	size_t n = query ? (size_t)(query - device) : strlen(device);
	if (strncmp(device, "/dev/", 5) || n >= sizeof l.device || g_strstr_len(device, (gssize)n, "..")) {
		pt_error_set(error, INVALID, "%.200s is not v4l2:/dev/videoN", location);
		return false;
	}
	memcpy(l.device, device, n);
	g_auto(GStrv) parts = g_strsplit(query ? query + 1 : "", "&", 16);
	for (char **p = parts; *p; p++) {
		const char *x = strchr(*p, 'x'), *value = *p + 5, *end = *p + strlen(*p);
		bool ok = !**p;
		if (g_str_has_prefix(*p, "size=") && x)
			ok = number(value, x, 16, 8192, &l.width) && number(x + 1, end, 16, 8192, &l.height);
		else if (g_str_has_prefix(*p, "fps="))
			ok = number(*p + 4, end, 1, 120, &l.fps);
		if (!ok) {
			pt_error_set(error, INVALID, "v4l2: '%.60s' is not understood (size=1280x720, fps=1..120)", *p);
			return false;
		}
	}
	*ret = l;
	return true;
}

/* ---- running ---- */

static void stop_device(Camera *c) {
	pt_watch_remove(&c->watch);
	pt_v4l2_close(&c->device);
	g_clear_pointer(&c->job, pt_codec_job_free);
	g_clear_pointer(&c->format, pt_format_unref);
	pt_timer_cancel(&c->timer);
}

static void lose(Camera *c, const char *reason) {
	stop_device(c);
	if (c->live)
		c->retry_ns = 0;
	c->live = false;
	pt_stream_set_state(c->stream, PT_STREAM_LOST, reason, pt_wall_ns(pt_clock_system()));
	c->retry_ns = CLAMP(c->retry_ns * 2, RETRY_FIRST, RETRY_MOST);
	pt_timer_set_in(c->loop, &c->timer, c->retry_ns);
}

static void on_encoded(PtCodecJob *job, PtSample *s, void *data) {
	Camera *c = data;
	if (!c->live)
		pt_stream_set_state(c->stream, PT_STREAM_LIVE, NULL, pt_wall_ns(pt_clock_system()));
	c->live = true;
	pt_stream_push(c->stream, s);
}

static void on_end(PtCodecJob *job, const GError *error, void *data) {
	g_autofree char *reason = g_strdup(error ? error->message : "the encoder ended");
	lose(data, reason);
}

static const PtCodecJobOps job_ops = {on_encoded, on_end};

static void take(Camera *c, const PtV4l2Picture *p) {
	int64_t mono = pt_mono_ns(pt_clock_system()), wall = pt_wall_ns(pt_clock_system());
	int64_t taken = p->mono_ns && p->mono_ns <= mono && mono - p->mono_ns < PT_NS_PER_S ? p->mono_ns : mono;
	if (p->damaged || !p->size || p->size > PT_SAMPLE_MAX)
		return;
	PtSample *s = pt_sample_new(p->size);
	memcpy(pt_sample_grow(&s, p->size), p->data, p->size);
	s->key = true;
	s->format = pt_format_ref(c->format);
	if (!c->first_ns)
		c->first_ns = taken - PT_NS_PER_S;
	s->pts = s->dts = c->last_pts = MAX((taken - c->first_ns) * 9 / 100000, c->last_pts + 1);
	s->wall_ns = wall - (mono - taken);
	c->picture_at = mono;
	pt_codec_job_push(c->job, s); /* too slow: this picture is left out */
	pt_sample_unref(s);
}

static void ready(PtWatch *watch, uint32_t events) {
	Camera *c = (Camera *)((char *)watch - offsetof(Camera, watch));
	g_autoptr(GError) error = NULL;
	PtV4l2Picture picture;
	int got = pt_v4l2_take(&c->device, &picture, &error);
	if (got > 0) {
		take(c, &picture);
		pt_v4l2_give_back(&c->device, &picture);
	} else if (got < 0) {
		lose(c, error->message);
	} else if (events & (EPOLLERR | EPOLLHUP)) {
		lose(c, "the camera is gone");
	}
}

static bool start_device(Camera *c, GError **error) {
	if (!pt_v4l2_parse(c->location, &c->want, error) || !pt_v4l2_open(&c->device, &c->want, error))
		return false;
	PtFormat f = {.codec = c->device.codec, .timescale = 90000, .width = c->device.width, .height = c->device.height};
	PtCodecJobParams params = {.kind = PT_CODEC_JOB_VIDEO, .fps = c->want.fps, .from_pts = INT64_MIN};
	c->format = pt_format_new(&f, NULL, 0);
	c->job = pt_codec_job_start(c->loop, &params, &job_ops, c, error);
	if (!c->job)
		return false;
	c->watch = (PtWatch){.ready = ready};
	if (pt_watch_add(c->loop, &c->watch, c->device.fd, EPOLLIN)) {
		pt_error_set(error, FAILED, "%s cannot be waited for", c->want.device);
		return false;
	}
	c->picture_at = pt_mono_ns(pt_clock_system());
	pt_timer_set_in(c->loop, &c->timer, SILENCE);
	return true;
}

static void due(PtTimer *timer) {
	Camera *c = (Camera *)((char *)timer - offsetof(Camera, timer));
	g_autoptr(GError) error = NULL;
	if (c->device.fd >= 0) {
		if (pt_mono_ns(pt_clock_system()) - c->picture_at >= SILENCE)
			lose(c, "no picture for 10 s");
		else
			pt_timer_set_in(c->loop, &c->timer, SILENCE / 10);
	} else if (!start_device(c, &error)) {
		lose(c, error->message);
	}
}

static void begin(void *data) {
	Camera *c = data;
	pt_stream_set_state(c->stream, PT_STREAM_CONNECTING, NULL, pt_wall_ns(pt_clock_system()));
	due(&c->timer);
}

static PtSource *start(const PtSourceParams *params) {
	Camera *c = g_new0(Camera, 1);
	c->base.ops = &pt_v4l2_source;
	c->loop = pt_loop_new("pt-v4l2");
	c->stream = pt_stream_ref(params->stream);
	c->location = g_strdup(params->location);
	c->device.fd = -1;
	c->timer.due = due;
	pt_loop_post(c->loop, begin, c);
	return &c->base;
}

static void end(void *data) {
	Camera *c = data;
	stop_device(c);
	pt_stream_set_state(c->stream, PT_STREAM_IDLE, NULL, pt_wall_ns(pt_clock_system()));
}

static void stop(PtSource *source) {
	Camera *c = (Camera *)source;
	pt_loop_call(c->loop, end, c);
	pt_loop_free(c->loop);
	pt_stream_unref(c->stream);
	g_free(c->location);
	g_free(c);
}

const PtSourceOps pt_v4l2_source = {"v4l2", start, stop};
