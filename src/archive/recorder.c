/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/recorder.h"
#include "archive/standby.h"
#include "base/clock.h"
#include <string.h>

#define TOLERANCE_NS (500 * PT_NS_PER_MS) /* how far an estimate may stray before it is a step of the clock */
#define JUMP_NS (2 * PT_NS_PER_S)
#define HOLD_MAX_NS                                                                                                         \
	(INT64_C(25) * 3600 * PT_NS_PER_S)  /* an archive that ends later than this ahead was made by a broken clock */
#define SILENT_NS (600 * PT_NS_PER_MS)      /* between ticks, which are 200 ms apart: noticed within a second */
#define TORN_MAX_NS (10 * PT_NS_PER_S)      /* a camera with groups of minutes: what comes is better than nothing */
#define MIN_KEY_CUT_NS (400 * PT_NS_PER_MS) /* all-intra streams: not every key frame is worth a fragment */

typedef struct {
	PtSeries *series; /* NULL: this track is not recorded */

	/* under the recorder's lock */
	PtSample **pending; /* references */
	size_t n, capacity, bytes;
	PtFormat *format;
	PtAxis axis;
	int64_t start_wall; /* of pending[0], decode time on the axis */
	int64_t last_wall;  /* of the newest sample */
	int64_t last_dts;
	int64_t nominal;           /* ticks between samples as last seen without loss; 0 not known */
	int64_t arrived;           /* monotonic, of pending[0] */
	int64_t clock;             /* by how much the wall clock was ahead of the monotonic one at the newest sample */
	int64_t segment_wall;      /* where the open segment began */
	bool fresh;                /* the next fragment begins a segment */
	bool connected;            /* last_dts is of this connection */
	bool torn;                 /* frames were lost; what comes is left out up to a key frame */
	uint32_t lost;             /* packets, meanwhile */
	int64_t seen_dts, seen_at; /* the newest sample as of some tick, and that tick's monotonic time */
	bool silent;               /* and said so */
	char *gap_reason;          /* why time is missing before pending[0] */
	PtGapCause gap_cause;
} Track;

struct PtRecorder {
	PtSink sink;
	PtWriter *writer;
	GMutex lock;
	Track tracks[3]; /* by kind */
	bool refillable; /* under lock; see pt_recorder_set_refillable() */
};

void pt_axis_clock_set(PtAxis *axis, int64_t by_ns) {
	if (by_ns < -TOLERANCE_NS || by_ns > TOLERANCE_NS)
		axis->set_back_ns = MAX(axis->set_back_ns - by_ns, 0);
	if (axis->set_back_ns >= HOLD_MAX_NS)
		axis->set_back_ns = 0;
}

int64_t pt_axis_place(PtAxis *axis, int64_t wall_ns, int64_t expected_ns, bool key, bool *ret_jump) {
	*ret_jump = false;
	if (!expected_ns) {
		/* after a pause: true time, but never before what stands there already, and where the clock was set back the
		 * pause is as long as it was */
		int64_t over = axis->end_ns - wall_ns;
		axis->hold_ns = axis->end_ns ? axis->set_back_ns : 0;
		if (over >= HOLD_MAX_NS) {
			axis->hold_ns = 0;
			return wall_ns;
		}
		if (over > TOLERANCE_NS)
			axis->hold_ns = MAX(axis->hold_ns, over);
		return MAX(wall_ns + axis->hold_ns, axis->end_ns);
	}
	int64_t deviation = wall_ns + axis->hold_ns - expected_ns;
	if (deviation < -TOLERANCE_NS) {
		axis->hold_ns -= deviation;
	} else if (deviation > JUMP_NS) {
		/* a jump begins a new segment, which only a key frame can do */
		if (!key)
			return expected_ns;
		axis->hold_ns -= CLAMP(deviation, 0, MAX(axis->hold_ns, 0));
		*ret_jump = wall_ns + axis->hold_ns - expected_ns > JUMP_NS;
	}
	return wall_ns + axis->hold_ns;
}

static int64_t ticks_to_ns(const PtFormat *f, int64_t ticks) { return ticks * PT_NS_PER_S / f->timescale; }

/* Metadata comes when there is something to tell: its silence is nothing missing. */
static bool is_sparse(const PtFormat *f) { return pt_codec_kind(f->codec) == PT_KIND_METADATA; }

/* By the estimate, to which the file's ticks, from its start on, are brought back by half a frame at most: its times rise.
 */
static int64_t end_of_pending(const Track *t, uint32_t last_duration) {
	int64_t last = ticks_to_ns(t->format, t->pending[t->n - 1]->dts - t->pending[0]->dts);
	int64_t duration = ticks_to_ns(t->format, last_duration);
	return MAX(t->last_wall + duration, t->start_wall + last + duration / 2);
}

/* Hands the pending samples over. last_duration in ticks: of the newest of them. */
static void hand_over(PtRecorder *r, Track *t, int64_t last_duration) {
	if (!t->n)
		return;
	PtFragment *f = g_new0(PtFragment, 1);
	f->series = t->series;
	f->n = t->n;
	f->bytes = t->bytes;
	f->samples = g_memdup2(t->pending, t->n * sizeof *t->pending);
	f->durations = g_new(uint32_t, t->n);
	for (size_t i = 0; i + 1 < t->n; i++)
		f->durations[i] = (uint32_t)CLAMP(t->pending[i + 1]->dts - t->pending[i]->dts, 1, G_MAXINT32);
	f->durations[t->n - 1] = (uint32_t)CLAMP(last_duration, 1, G_MAXINT32);
	f->wall_start_ns = t->start_wall;
	f->wall_end_ns = end_of_pending(t, f->durations[t->n - 1]);
	f->fresh = t->fresh;
	f->sparse = is_sparse(t->format);
	f->gap_reason = g_steal_pointer(&t->gap_reason);
	f->gap_cause = t->gap_cause;
	if (t->fresh)
		t->segment_wall = t->start_wall;
	t->fresh = false;
	t->axis.end_ns = f->wall_end_ns;
	t->n = t->bytes = 0;
	pt_writer_submit(r->writer, f);
}

static int64_t guess_duration(const Track *t) { return t->nominal ? t->nominal : t->format ? t->format->timescale / 25 : 1; }

static void set_gap_reason(Track *t, PtGapCause cause, char *reason) {
	if (t->gap_reason) {
		g_free(reason);
		return;
	}
	t->gap_reason = reason;
	t->gap_cause = cause;
}

static bool is_holed(const Track *t, const PtSample *s, int64_t dts_step) {
	int64_t guess = guess_duration(t);
	return s->broken && dts_step > guess + guess / 2;
}

/* Frames were lost before it, and it cannot be decoded without them. */
static bool is_left_out(PtRecorder *r, Track *t, const PtSample *s, int64_t dts_step) {
	if (!t->torn && !(r->refillable && t->connected && is_holed(t, s, dts_step)))
		return false;
	if (!t->torn)
		hand_over(r, t, guess_duration(t));
	t->torn = true;
	t->lost += s->lost;
	return !s->key && ticks_to_ns(s->format, dts_step) < TORN_MAX_NS;
}

static void disconnect(Track *t) {
	t->connected = t->torn = false;
	t->lost = 0;
}

/* Decides what lies between the newest pending sample and this one, and ends fragment or segment there if need be. */
static void cut_before(PtRecorder *r, Track *t, const PtSample *s, int64_t wall, int64_t dts_step, bool jump) {
	bool format_changed = t->format && !pt_format_equal(t->format, s->format);
	int64_t guess = guess_duration(t);
	bool stalled = t->connected && !is_sparse(s->format) && dts_step > s->format->timescale && dts_step > 4 * guess;
	bool holed = t->torn || is_holed(t, s, dts_step);
	uint32_t lost = t->torn ? t->lost : s->lost;
	if (!t->connected || jump || stalled || holed) {
		hand_over(r, t, guess);
		if (jump)
			set_gap_reason(t, PT_GAP_CLOCK, g_strdup("the hub's clock was set forward: no footage is missing"));
		else if (holed)
			set_gap_reason(t, PT_GAP_NETWORK, g_strdup_printf("%u packets were lost on the way", lost));
		else if (stalled)
			set_gap_reason(t, PT_GAP_CAMERA, g_strdup("the camera sent nothing"));
		t->fresh |= !t->connected || jump || (s->key && (stalled || t->torn));
	}
	if (format_changed) {
		hand_over(r, t, t->connected && dts_step > 0 ? dts_step : guess);
		t->fresh = true;
	}
	if (!t->n)
		return;
	int64_t span = ticks_to_ns(s->format, s->dts - t->pending[0]->dts);
	bool video_key = s->key && pt_codec_kind(s->format->codec) == PT_KIND_VIDEO;
	bool segment_over = s->key && wall - t->segment_wall >= PT_SEGMENT_NS && !t->fresh;
	if (segment_over || span >= PT_FRAGMENT_NS || t->bytes + s->size > PT_FRAGMENT_BYTES ||
	    (video_key && span >= MIN_KEY_CUT_NS))
		hand_over(r, t, dts_step);
	t->fresh |= segment_over;
}

static void take(PtRecorder *r, Track *t, PtSample *s) {
	if (t->connected && s->dts <= t->last_dts) { /* the source began anew without saying so */
		hand_over(r, t, guess_duration(t));
		disconnect(t);
	}
	int64_t dts_step = t->connected ? s->dts - t->last_dts : 0;
	if (is_left_out(r, t, s, dts_step))
		return;
	int64_t now = pt_mono_ns(pt_clock_system()), clock = pt_wall_ns(pt_clock_system()) - now;
	if (t->clock)
		pt_axis_clock_set(&t->axis, clock - t->clock);
	t->clock = clock;
	int64_t wall = s->wall_ns - ticks_to_ns(s->format, s->pts - s->dts);
	int64_t expected = t->connected ? t->last_wall + ticks_to_ns(s->format, dts_step) : 0;
	bool jump = false;
	int64_t place = pt_axis_place(&t->axis, wall, expected, s->key, &jump);
	cut_before(r, t, s, place, dts_step, jump);
	if (t->connected && !s->broken && !t->torn && dts_step > 0 && dts_step < s->format->timescale)
		t->nominal = dts_step;
	if (t->format != s->format) {
		pt_format_unref(t->format);
		t->format = pt_format_ref(s->format);
	}
	if (!t->n) {
		t->start_wall = MAX(place, t->axis.end_ns && place > t->axis.end_ns - TOLERANCE_NS ? t->axis.end_ns : place);
		t->arrived = now;
		if (t->fresh)
			t->segment_wall = t->start_wall;
	}
	if (t->n == t->capacity) {
		t->capacity = MAX(32, t->capacity * 2);
		t->pending = g_renew(PtSample *, t->pending, t->capacity);
	}
	t->pending[t->n++] = pt_sample_ref(s);
	t->bytes += s->size;
	t->last_dts = s->dts;
	t->last_wall = place;
	t->connected = true;
	t->torn = false;
	t->lost = 0;
}

static void on_sample(PtSink *sink, PtSample *sample) {
	PtRecorder *r = (PtRecorder *)sink;
	Track *t = &r->tracks[pt_codec_kind(sample->format->codec)];
	if (!t->series)
		return;
	g_mutex_lock(&r->lock);
	take(r, t, sample);
	g_mutex_unlock(&r->lock);
}

static PtGapCause cause_of(PtStreamState state, const char *reason) {
	if (!g_strcmp0(reason, pt_gap_on_loss))
		return PT_GAP_POLICY;
	return state == PT_STREAM_IDLE ? PT_GAP_HUB : PT_GAP_NETWORK;
}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	PtRecorder *r = (PtRecorder *)sink;
	if (state == PT_STREAM_LIVE || state == PT_STREAM_CONNECTING)
		return;
	g_mutex_lock(&r->lock);
	for (unsigned i = 0; i < G_N_ELEMENTS(r->tracks); i++) {
		Track *t = &r->tracks[i];
		if (!t->series)
			continue;
		hand_over(r, t, guess_duration(t));
		disconnect(t);
		t->fresh = true;
		if (i == PT_KIND_VIDEO || t->format)
			pt_writer_gap(r->writer, t->series, wall_ns, cause_of(state, reason),
			              reason ? reason : "the stream was switched off", true);
	}
	g_mutex_unlock(&r->lock);
}

/* A gap is told of while it lasts, before anybody knows why. */
static void look_for_silence(PtRecorder *r, Track *t, int64_t now) {
	if (!t->connected || is_sparse(t->format))
		return;
	if (t->last_dts != t->seen_dts) {
		t->seen_dts = t->last_dts;
		t->seen_at = now;
		t->silent = false;
	} else if (!t->silent && now - t->seen_at > MAX(SILENT_NS, 4 * ticks_to_ns(t->format, t->nominal))) {
		hand_over(r, t, guess_duration(t));
		pt_writer_gap(r->writer, t->series, t->last_wall, PT_GAP_NETWORK, pt_gap_silent, false);
		t->silent = true;
	}
}

void pt_recorder_tick(PtRecorder *r) {
	int64_t now = pt_mono_ns(pt_clock_system());
	g_mutex_lock(&r->lock);
	for (unsigned i = 0; i < G_N_ELEMENTS(r->tracks); i++) {
		Track *t = &r->tracks[i];
		/* a fragment of a running stream ends by its next sample; this one is overdue */
		if (t->series && t->n && now - t->arrived > PT_FRAGMENT_NS)
			hand_over(r, t, guess_duration(t));
		if (t->series)
			look_for_silence(r, t, now);
	}
	g_mutex_unlock(&r->lock);
}

void pt_recorder_set_refillable(PtRecorder *r, bool refillable) {
	g_mutex_lock(&r->lock);
	r->refillable = refillable;
	g_mutex_unlock(&r->lock);
}

int64_t pt_recorder_hold_ns(PtRecorder *r) {
	g_mutex_lock(&r->lock);
	int64_t hold = r->tracks[PT_KIND_VIDEO].axis.hold_ns;
	g_mutex_unlock(&r->lock);
	return hold;
}

static const PtSinkOps recorder_ops = {"archive", on_sample, on_state};

PtRecorder *pt_recorder_start(PtWriter *writer, PtStream *stream, const PtRecorderParams *params, GError **error) {
	PtRecorder *r = g_new0(PtRecorder, 1);
	r->sink.ops = &recorder_ops;
	r->writer = writer;
	g_mutex_init(&r->lock);
	const char *names[] = {
	    [PT_KIND_VIDEO] = params->video, [PT_KIND_AUDIO] = params->audio, [PT_KIND_METADATA] = params->metadata};
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		Track *t = &r->tracks[i];
		if (!names[i])
			continue;
		t->series = pt_writer_series(writer, params->camera, names[i], error);
		if (!t->series) {
			g_mutex_clear(&r->lock);
			g_free(r);
			return NULL;
		}
		t->fresh = true;
		t->axis.end_ns = pt_series_last_end_ns(writer, t->series);
		/* a track that may not exist (sound, metadata) owes nothing before its first sample */
		if (i == PT_KIND_VIDEO || t->axis.end_ns)
			pt_writer_gap(writer, t->series, pt_wall_ns(pt_clock_system()), PT_GAP_NETWORK, pt_gap_starting,
			              false);
	}
	pt_stream_add_sink(stream, &r->sink);
	return r;
}

void pt_recorder_stop(PtRecorder *r, PtGapCause cause, const char *reason) {
	if (!r)
		return;
	pt_stream_remove_sink(&r->sink);
	for (unsigned i = 0; i < G_N_ELEMENTS(r->tracks); i++) {
		Track *t = &r->tracks[i];
		if (t->series) {
			hand_over(r, t, guess_duration(t));
			if (i == PT_KIND_VIDEO || t->format)
				pt_writer_gap(r->writer, t->series, pt_wall_ns(pt_clock_system()), cause, reason, true);
		}
		g_free(t->pending);
		g_free(t->gap_reason);
		pt_format_unref(t->format);
	}
	g_mutex_clear(&r->lock);
	g_free(r);
}
