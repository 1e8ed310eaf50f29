/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/eye.h"
#include "base/clock.h"
#include "media/codec/job.h"
#include <glib.h>
#include <string.h>

#define TICK_NS (1 * PT_NS_PER_S)
#define RETRY_FIRST (1 * PT_NS_PER_S)
#define RETRY_MOST (30 * PT_NS_PER_S)
#define SETTLED_NS (10 * PT_NS_PER_S) /* running for so long makes the next failure a first one */
#define BLIND_NS (10 * PT_NS_PER_S)   /* without a picture: told of */
#define LAG_NS (4 * PT_NS_PER_S)      /* the process is so far behind: what waits is of no use */
#define REPAIR_NS (10 * PT_NS_PER_S)  /* after loss a key frame is waited for so long; then what comes is taken as it is */

struct PtEye {
	PtSink sink;
	PtLoop *loop;
	PtStream *stream;
	PtEyeFn fn;
	void *user;

	/* loop's thread */
	PtTimer tick;
	PtCodecJob *job;
	PtMotion *motion;
	PtMotionSeen seen;
	int64_t started_mono, retry_mono, retry_ns; /* of the process; retry_mono: when it is started again */
	int64_t picture_mono, frame_mono;           /* when the last one came; of the start before */
	int64_t waits_mono;                         /* since when for a key frame; 0: it does not */
	int64_t pushed_wall;
	int64_t next_jpeg_ns; /* of dts */
	bool knows;           /* some state was told */
	bool key_seen;
	char trouble[200]; /* what the process said when it ended; "" none */

	GMutex lock;
	PtEyeView view; /* under lock */
};

/* ---- telling ---- */

static void tell(PtEye *eye, PtEyeState state, const char *reason, int64_t wall_ns) {
	g_mutex_lock(&eye->lock);
	bool news = state != eye->view.state || strcmp(eye->view.reason, reason ? reason : "");
	eye->view.state = state;
	g_strlcpy(eye->view.reason, reason ? reason : "", sizeof eye->view.reason);
	g_mutex_unlock(&eye->lock);
	if (!news)
		return;
	PtEyeNews what = {.state = state, .found = !eye->knows, .reason = reason, .wall_ns = wall_ns};
	if (state == PT_EYE_MOTION)
		what.where = eye->seen;
	/* after a time of blindness what is seen is a state that was found */
	eye->knows = state != PT_EYE_BLIND;
	eye->fn(&what, eye->user);
}

static void go_blind(PtEye *eye, const char *reason) {
	memset(&eye->seen, 0, sizeof eye->seen);
	tell(eye, PT_EYE_BLIND, reason, pt_loop_wall_ns(eye->loop));
}

/* ---- the process ---- */

static void on_picture(PtCodecJob *job, PtSample *s, void *data) {
	PtEye *eye = data;
	if (s->format->codec != PT_CODEC_GREY || s->size != (size_t)s->format->width * s->format->height ||
	    s->format->height > PT_MOTION_HEIGHT_MAX || s->format->width > PT_MOTION_WIDTH)
		return;
	eye->picture_mono = pt_loop_mono_ns(eye->loop);
	eye->trouble[0] = 0;
	if (eye->picture_mono - eye->started_mono > SETTLED_NS)
		eye->retry_ns = 0;
	if (!eye->waits_mono && eye->pushed_wall - s->wall_ns > LAG_NS)
		eye->waits_mono = eye->picture_mono;
	pt_motion_look(eye->motion, s->data, s->format->width, s->format->height, s->wall_ns, &eye->seen);
	g_mutex_lock(&eye->lock);
	eye->view.pictures++;
	if (eye->seen.moving)
		eye->view.moved_wall_ns = s->wall_ns;
	g_mutex_unlock(&eye->lock);
	tell(eye, eye->seen.active ? PT_EYE_MOTION : PT_EYE_STILL, NULL, s->wall_ns);
}

static void fail(PtEye *eye, const GError *error) {
	int64_t now = pt_loop_mono_ns(eye->loop);
	bool hopeless = error && (error->code == PT_ERROR_UNSUPPORTED || error->code == PT_ERROR_INVALID);
	g_strlcpy(eye->trouble, error ? error->message : "pigtail-codec ended", sizeof eye->trouble);
	eye->retry_ns = hopeless ? RETRY_MOST : CLAMP(eye->retry_ns * 2, RETRY_FIRST, RETRY_MOST);
	eye->retry_mono = now + eye->retry_ns;
	/* a process that was killed once is back before anybody has to know */
	if (hopeless)
		go_blind(eye, eye->trouble);
}

static void on_end(PtCodecJob *job, const GError *error, void *data) {
	PtEye *eye = data;
	g_clear_pointer(&eye->job, pt_codec_job_free);
	g_mutex_lock(&eye->lock);
	eye->view.restarts++;
	g_mutex_unlock(&eye->lock);
	fail(eye, error);
}

static void start(PtEye *eye) {
	static const PtCodecJobOps ops = {on_picture, on_end};
	g_autoptr(GError) error = NULL;
	PtCodecJobParams params = {
	    .kind = PT_CODEC_JOB_GREY, .width = PT_MOTION_WIDTH, .height = PT_MOTION_HEIGHT_MAX, .fps = PT_MOTION_FPS};
	eye->started_mono = pt_loop_mono_ns(eye->loop);
	eye->waits_mono = eye->started_mono;
	eye->key_seen = false;
	eye->job = pt_codec_job_start(eye->loop, &params, &ops, eye, &error);
	if (!eye->job)
		fail(eye, error);
}

/* ---- the stream ---- */

/* After what is missing a key frame is waited for, unless none comes: a smeared picture is better than none. */
static bool is_wanted(PtEye *eye, const PtSample *s, int64_t now) {
	if (s->broken && !s->key && !eye->waits_mono)
		eye->waits_mono = now;
	if (s->key) {
		eye->waits_mono = 0;
		eye->key_seen = true;
	}
	if (eye->waits_mono && (!eye->key_seen || now - eye->waits_mono < REPAIR_NS))
		return false;
	eye->waits_mono = 0;
	if (s->format->codec != PT_CODEC_MJPEG)
		return true;
	/* each is a picture of its own: what is not wanted is not sent */
	int64_t scale = s->format->timescale, period = PT_NS_PER_S / PT_MOTION_FPS;
	int64_t at = s->dts / scale * PT_NS_PER_S + s->dts % scale * PT_NS_PER_S / scale;
	if (at < eye->next_jpeg_ns - period / 20 && at > eye->next_jpeg_ns - 2 * period)
		return false;
	eye->next_jpeg_ns =
	    at - eye->next_jpeg_ns > period || at < eye->next_jpeg_ns - period ? at + period : eye->next_jpeg_ns + period;
	return true;
}

static void on_sample(PtSink *sink, PtSample *s) {
	PtEye *eye = (PtEye *)sink;
	if (pt_codec_kind(s->format->codec) != PT_KIND_VIDEO)
		return;
	int64_t now = pt_loop_mono_ns(eye->loop);
	eye->frame_mono = now;
	if (!eye->job || !is_wanted(eye, s, now))
		return;
	if (!pt_codec_job_push(eye->job, s)) {
		eye->waits_mono = now;
		return;
	}
	eye->pushed_wall = s->wall_ns;
}

static void say_lost(PtEye *eye, const char *reason) {
	g_autofree char *text =
	    g_strdup_printf("the stream is lost%s%s", reason && *reason ? ": " : "", reason ? reason : "");
	go_blind(eye, text);
}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	PtEye *eye = (PtEye *)sink;
	if (state == PT_STREAM_LIVE)
		return;
	eye->waits_mono = pt_loop_mono_ns(eye->loop);
	eye->key_seen = false;
	eye->next_jpeg_ns = 0;
	if (state == PT_STREAM_LOST)
		say_lost(eye, reason);
}

static const PtSinkOps sink_ops = {"motion", on_sample, on_state};

/* ---- time ---- */

static const char *why_blind(const PtEye *eye, int64_t now) {
	if (eye->trouble[0])
		return eye->trouble;
	if (now - eye->frame_mono > BLIND_NS)
		return "the camera sends no pictures";
	if (!eye->key_seen)
		return "no key frame has come yet: pictures can be made from the next one on";
	return "nothing that the camera sends can be decoded";
}

static void due(PtTimer *timer) {
	PtEye *eye = (PtEye *)((char *)timer - offsetof(PtEye, tick));
	int64_t now = pt_loop_mono_ns(eye->loop);
	if (!eye->job && now >= eye->retry_mono)
		start(eye);
	if (now - eye->picture_mono > BLIND_NS && (eye->trouble[0] || now - eye->started_mono > BLIND_NS)) {
		PtStreamStats stats;
		pt_stream_get_stats(eye->stream, &stats);
		if (stats.state == PT_STREAM_LIVE)
			go_blind(eye, why_blind(eye, now));
		else if (stats.state == PT_STREAM_LOST)
			say_lost(eye, stats.reason);
		pt_stream_stats_clear(&stats);
	}
	pt_timer_set_in(eye->loop, &eye->tick, TICK_NS);
}

/* ---- life ---- */

static void begin(void *data) {
	PtEye *eye = data;
	eye->frame_mono = eye->picture_mono = pt_loop_mono_ns(eye->loop);
	start(eye);
	pt_timer_set_in(eye->loop, &eye->tick, TICK_NS);
	pt_stream_add_sink(eye->stream, &eye->sink);
}

PtEye *pt_eye_new(PtLoop *loop, PtStream *stream, const PtMotionParams *params, PtEyeFn fn, void *user) {
	PtEye *eye = g_new0(PtEye, 1);
	*eye = (PtEye){.sink.ops = &sink_ops, .loop = loop, .stream = pt_stream_ref(stream), .fn = fn, .user = user};
	eye->tick.due = due;
	eye->motion = pt_motion_new(params);
	g_mutex_init(&eye->lock);
	g_strlcpy(eye->view.reason, "no picture yet", sizeof eye->view.reason);
	pt_loop_post(loop, begin, eye);
	return eye;
}

static void end(void *data) {
	PtEye *eye = data;
	pt_timer_cancel(&eye->tick);
	pt_stream_remove_sink(&eye->sink);
	pt_codec_job_free(eye->job);
}

void pt_eye_free(PtEye *eye) {
	if (!eye)
		return;
	pt_loop_call(eye->loop, end, eye);
	pt_stream_unref(eye->stream);
	pt_motion_free(eye->motion);
	g_mutex_clear(&eye->lock);
	g_free(eye);
}

PtStream *pt_eye_stream(PtEye *eye) { return eye->stream; }

void pt_eye_view(PtEye *eye, PtEyeView *ret) {
	g_mutex_lock(&eye->lock);
	*ret = eye->view;
	g_mutex_unlock(&eye->lock);
}
