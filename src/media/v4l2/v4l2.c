/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/device.h"
#include "media/codec/job.h"
#include "media/v4l2/picture.h"
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
	PtTimer timer;           /* the next attempt, or silence */
	PtCodecJob *job;         /* NULL: what the device gives is taken as it comes */
	PtFormat *format;        /* of raw pictures */
	PtV4l2Pictures pictures; /* of what it compresses itself */
	PtOsdList texts;
	int64_t first_ns, last_pts, retry_ns, picture_at;
	bool live, any_key, missing; /* missing: a picture was damaged since the one before */

	GMutex lock;
	PtSourceAbilities abilities; /* under lock */
	bool able;                   /* they are known; under lock */
} Camera;

/* ---- running ---- */

static void stop_device(Camera *c) {
	pt_watch_remove(&c->watch);
	pt_v4l2_close(&c->device);
	g_clear_pointer(&c->job, pt_codec_job_free);
	g_clear_pointer(&c->format, pt_format_unref);
	pt_v4l2_pictures_clear(&c->pictures);
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

static void deliver(Camera *c, PtSample *s) {
	if (!c->live)
		pt_stream_set_state(c->stream, PT_STREAM_LIVE, NULL, pt_wall_ns(pt_clock_system()));
	c->live = true;
	pt_stream_push(c->stream, s);
}

static void on_encoded(PtCodecJob *job, PtSample *s, void *data) { deliver(data, s); }

static void on_end(PtCodecJob *job, const GError *error, void *data) {
	g_autofree char *reason = g_strdup(error ? error->message : "the encoder ended");
	lose(data, reason);
}

static const PtCodecJobOps job_ops = {on_encoded, on_end};

static PtSample *raw(Camera *c, const PtV4l2Picture *p) {
	PtSample *s = pt_sample_new(p->size);
	memcpy(pt_sample_grow(&s, p->size), p->data, p->size);
	s->key = true;
	s->format = pt_format_ref(c->format);
	return s;
}

static void take(Camera *c, const PtV4l2Picture *p) {
	int64_t mono = pt_mono_ns(pt_clock_system()), wall = pt_wall_ns(pt_clock_system());
	int64_t taken = p->mono_ns && p->mono_ns <= mono && mono - p->mono_ns < PT_NS_PER_S ? p->mono_ns : mono;
	bool whole = !p->damaged && p->size && p->size <= PT_SAMPLE_MAX;
	PtSample *s = !whole ? NULL : c->format ? raw(c, p) : pt_v4l2_picture(&c->pictures, p->data, p->size);
	if (whole)
		c->picture_at = mono;
	if (!s) {
		c->missing = c->any_key;
		return;
	}
	s->broken = c->missing;
	c->missing = false;
	if (!c->first_ns)
		c->first_ns = taken - PT_NS_PER_S;
	s->pts = s->dts = c->last_pts = MAX((taken - c->first_ns) * 9 / 100000, c->last_pts + 1);
	s->wall_ns = wall - (mono - taken);
	c->any_key |= s->key;
	if (c->job)
		pt_codec_job_push(c->job, s); /* too slow: this picture is left out */
	else if (c->any_key)
		deliver(c, s);
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

/* The encoder of what the device does not compress itself as it is wanted. */
static bool start_job(Camera *c, GError **error) {
	const PtV4l2Device *d = &c->device;
	PtCodecJobParams params = {.kind = PT_CODEC_JOB_VIDEO,
	                           .fps = c->want.fps,
	                           .gop_ms = c->want.gop_ms,
	                           .bitrate = c->want.bitrate,
	                           .from_pts = INT64_MIN};
	c->pictures.codec = d->codec;
	c->any_key = c->missing = false;
	if (d->codec != PT_CODEC_H264 && d->codec != PT_CODEC_MJPEG) {
		PtFormat f = {.codec = d->codec, .timescale = 90000, .width = d->width, .height = d->height};
		c->format = pt_format_new(&f, NULL, 0);
	} else if (c->want.mjpeg == (d->codec == PT_CODEC_MJPEG)) {
		return true;
	}
	c->job = pt_codec_job_start(c->loop, &params, &job_ops, c, error);
	if (c->job && c->texts.n)
		pt_codec_job_set_texts(c->job, &c->texts);
	return c->job != NULL;
}

static void note_abilities(Camera *c) {
	const PtV4l2Device *d = &c->device;
	bool mjpeg = d->has_mjpeg && (c->want.from == PT_V4L2_FROM_ANY || c->want.from == PT_V4L2_FROM_MJPEG);
	g_mutex_lock(&c->lock);
	c->able = true;
	c->abilities = (PtSourceAbilities){.n_sizes = d->n_sizes, .h264 = true, .mjpeg = mjpeg, .texts = c->job != NULL};
	memcpy(c->abilities.widths, d->widths, sizeof d->widths);
	memcpy(c->abilities.heights, d->heights, sizeof d->heights);
	g_mutex_unlock(&c->lock);
}

static bool start_device(Camera *c, GError **error) {
	if (!pt_v4l2_parse(c->location, &c->want, error) || !pt_v4l2_open(&c->device, &c->want, error) ||
	    !start_job(c, error))
		return false;
	note_abilities(c);
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

static void make_key(void *data) {
	Camera *c = data;
	if (c->job)
		pt_codec_job_key(c->job);
	else if (c->device.fd >= 0 && c->device.codec == PT_CODEC_H264)
		pt_v4l2_force_key(&c->device);
}

static void post_key(void *data) { pt_loop_post(((Camera *)data)->loop, make_key, data); }

typedef struct {
	Camera *camera;
	PtOsdList texts;
} Texts;

static void take_texts(void *data) {
	Texts *given = data;
	Camera *c = given->camera;
	c->texts = given->texts;
	if (c->job)
		pt_codec_job_set_texts(c->job, &c->texts);
	g_free(given);
}

static void set_texts(PtSource *source, const PtOsdList *texts) {
	Texts *given = g_new(Texts, 1);
	*given = (Texts){(Camera *)source, *texts};
	pt_loop_post(given->camera->loop, take_texts, given);
}

static bool abilities(PtSource *source, PtSourceAbilities *ret) {
	Camera *c = (Camera *)source;
	g_mutex_lock(&c->lock);
	*ret = c->abilities;
	bool able = c->able;
	g_mutex_unlock(&c->lock);
	return able;
}

static PtSource *start(const PtSourceParams *params) {
	Camera *c = g_new0(Camera, 1);
	c->base.ops = &pt_v4l2_source;
	c->loop = pt_loop_new("pt-v4l2");
	c->stream = pt_stream_ref(params->stream);
	c->location = g_strdup(params->location);
	c->device.fd = -1;
	c->timer.due = due;
	g_mutex_init(&c->lock);
	pt_stream_set_key_maker(c->stream, post_key, c);
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
	pt_stream_set_key_maker(c->stream, NULL, NULL);
	pt_loop_call(c->loop, end, c);
	pt_loop_free(c->loop);
	pt_stream_unref(c->stream);
	g_mutex_clear(&c->lock);
	g_free(c->location);
	g_free(c);
}

const PtSourceOps pt_v4l2_source = {
    .scheme = "v4l2", .start = start, .stop = stop, .set_texts = set_texts, .abilities = abilities};
