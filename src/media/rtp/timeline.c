/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/timeline.h"
#include "base/clock.h"
#include <glib.h>
#include <string.h>

#define IMPOSSIBLE_NS (10 * PT_NS_PER_S) /* so far in the future nothing can have been captured */
#define AHEAD_NS PT_NS_PER_S             /* nor so far by a single step: bursts of old frames come in small ones */
#define BACK_NS (5 * PT_NS_PER_S)        /* no B-frame stands so far before the first frame */
#define LATE_NS (2 * PT_NS_PER_S)        /* all of the last seconds late by that: the camera's clock stood still */
#define FOLLOW 0.2                       /* s in a s: how fast the estimate follows frames that come later and later */
#define CRYSTAL 0.001                    /* the same, beside what the camera's reports show: no clock is worse */
#define LOOSE_NS (10 * PT_NS_PER_S)      /* after its clocks went apart by much the windows above have to see it */
#define SETTLE_NS (10 * PT_NS_PER_S)     /* at first the estimate may follow fast: servers send a burst of old frames */
#define STEP_NS (PT_NS_PER_S / 5)        /* the hub's own clock was set */

void pt_timeline_init(PtTimeline *t, uint32_t rate) { *t = (PtTimeline){.rate = rate ? rate : 90000}; }

void pt_timeline_restart(PtTimeline *t) {
	if (t->started)
		t->breaks++;
	t->started = t->told = t->has_drift = false;
}

static int64_t to_ns(const PtTimeline *t, int64_t ticks) {
	return ticks / t->rate * PT_NS_PER_S + ticks % t->rate * PT_NS_PER_S / t->rate;
}

static int64_t to_ticks(const PtTimeline *t, int64_t ns) {
	return ns / PT_NS_PER_S * t->rate + ns % PT_NS_PER_S * t->rate / PT_NS_PER_S;
}

static void note(PtTimeline *t, int64_t arrival) {
	int64_t lag = arrival - to_ns(t, t->ticks), epoch = arrival / PT_NS_PER_S;
	unsigned i = (unsigned)(epoch % PT_TIMELINE_WINDOWS);
	if (t->epochs[i] != epoch || lag < t->windows[i]) {
		t->epochs[i] = epoch;
		t->windows[i] = lag;
	}
}

static void clear_windows(PtTimeline *t) {
	for (int i = 0; i < PT_TIMELINE_WINDOWS; i++)
		t->epochs[i] = -1;
}

/* The earliest arrival of the last seconds as a base; how many of those seconds had any. */
static unsigned earliest(const PtTimeline *t, int64_t now, int64_t *ret) {
	unsigned valid = 0;
	*ret = INT64_MAX / 2;
	for (int i = 0; i < PT_TIMELINE_WINDOWS; i++)
		if (t->epochs[i] >= 0 && now / PT_NS_PER_S - t->epochs[i] < PT_TIMELINE_WINDOWS) {
			*ret = MIN(*ret, t->windows[i]);
			valid++;
		}
	return valid;
}

bool pt_timeline_camera_offset(const PtTimeline *t, uint32_t rtp, int64_t camera_ns, int64_t *ret_offset_ns) {
	int64_t base, ticks = t->ticks + (int32_t)(rtp - t->last_rtp);
	if (!t->started || !earliest(t, t->last_arrival, &base))
		return false;
	*ret_offset_ns = camera_ns - base - to_ns(t, ticks);
	return true;
}

void pt_timeline_report(PtTimeline *t, uint32_t rtp, int64_t camera_ns) {
	int64_t passed = camera_ns - t->told_ns;
	if (t->told && passed > 0) {
		t->drift = (double)ABS(passed - to_ns(t, (int32_t)(rtp - t->told_rtp))) / (double)passed;
		t->has_drift = true;
		if (t->drift >= FOLLOW)
			t->loose_until = t->last_arrival + LOOSE_NS;
	}
	t->told = true;
	t->told_rtp = rtp;
	t->told_ns = camera_ns;
}

/* How fast the estimate may follow frames that come later and later. */
static double slack(const PtTimeline *t, int64_t now) {
	return t->has_drift && now >= t->loose_until ? MIN(t->drift + CRYSTAL, FOLLOW) : FOLLOW;
}

/* progress: how far the stream went on with this frame; 0 for B-frames.
 * Moves the estimate towards the earliest arrivals, never by so much that time would stand still or run back. */
static void follow(PtTimeline *t, int64_t arrival, int64_t progress) {
	int64_t least;
	unsigned valid = earliest(t, arrival, &least);
	least += t->correction;
	int64_t error = least - t->base, elapsed = CLAMP(arrival - t->last_arrival, 0, PT_NS_PER_S);
	bool settling = arrival - t->first_arrival < SETTLE_NS;
	double most = slack(t, arrival);
	if (error > LATE_NS && valid == PT_TIMELINE_WINDOWS && most >= FOLLOW) {
		t->base = least;
		return;
	}
	int64_t move = (int64_t)((double)error * (double)elapsed / (settling ? PT_NS_PER_S : 5.0 * PT_NS_PER_S));
	if (settling && error < 0) /* sooner than anything before: that much is certain, take it as fast as may be */
		move = error;
	t->base += CLAMP(move, settling ? -progress * 9 / 10 : -progress / 5, (int64_t)(most * (double)progress));
}

static void set_top(PtTimeline *t, int64_t top) {
	t->top = top;
	t->tops[0] = t->tops[1] = top - to_ticks(t, BACK_NS);
}

/* Whether the camera's clock was set, or began anew, between the last frame and this one. */
static bool clock_broke(const PtTimeline *t, int64_t delta, int64_t arrival) {
	if (t->ticks + delta < t->tops[1]) /* a B-frame stands between the last two frames that went ahead */
		return true;
	int64_t ahead = t->base + to_ns(t, t->ticks + delta) - arrival, step = to_ns(t, delta) - (arrival - t->last_arrival);
	return ahead > IMPOSSIBLE_NS || MIN(ahead, step) > AHEAD_NS;
}

int64_t pt_timeline_ticks(PtTimeline *t, uint32_t rtp, int64_t arrival_mono_ns) {
	if (!t->started) {
		bool again = t->first_arrival != 0;
		t->started = true;
		if (again) {
			t->ticks += MAX(1, to_ticks(t, arrival_mono_ns - t->last_arrival));
		} else {
			t->first_arrival = arrival_mono_ns;
			t->ticks = rtp;
			t->base = arrival_mono_ns - to_ns(t, t->ticks);
		}
		clear_windows(t);
		t->last_rtp = rtp;
		set_top(t, t->ticks);
		note(t, arrival_mono_ns);
		t->last_arrival = arrival_mono_ns;
		return t->ticks;
	}
	if (rtp == t->last_rtp)
		return t->ticks;
	int64_t delta = (int32_t)(rtp - t->last_rtp), progress = 0;
	t->last_rtp = rtp;
	if (clock_broke(t, delta, arrival_mono_ns)) { /* ours goes on */
		t->breaks++;
		t->ticks = MAX(t->ticks, t->top) + MAX(1, to_ticks(t, arrival_mono_ns - t->last_arrival));
		set_top(t, t->ticks);
		clear_windows(t);
		t->told = t->has_drift = false;
	} else {
		t->ticks += delta;
		if (t->ticks > t->top) {
			progress = to_ns(t, t->ticks - t->top);
			t->tops[1] = t->tops[0];
			t->tops[0] = t->top;
			t->top = t->ticks;
		}
	}
	note(t, arrival_mono_ns);
	follow(t, arrival_mono_ns, progress);
	t->last_arrival = arrival_mono_ns;
	return t->ticks;
}

/* Monotonic time of a tick. A B-frame lies between the two frames it is shown between, whatever the estimate did since. */
static int64_t place(PtTimeline *t, int64_t ticks) {
	if (!t->has_marks || ticks > t->mark[1]) {
		int64_t ns = t->base + to_ns(t, ticks);
		t->mark[0] = t->has_marks ? t->mark[1] : ticks - 1;
		t->mark_ns[0] = t->has_marks ? t->mark_ns[1] : ns - 1;
		t->mark[1] = ticks;
		t->mark_ns[1] = MAX(ns, t->mark_ns[0] + 1);
		t->has_marks = true;
	}
	if (ticks < t->mark[0])
		return t->mark_ns[0] - to_ns(t, t->mark[0] - ticks);
	double share = (double)(ticks - t->mark[0]) / (double)(t->mark[1] - t->mark[0]);
	return t->mark_ns[0] + (int64_t)(share * (double)(t->mark_ns[1] - t->mark_ns[0]));
}

int64_t pt_timeline_wall(PtTimeline *t, int64_t ticks, int64_t wall_minus_mono_ns) {
	int64_t diff = wall_minus_mono_ns - t->offset;
	if (!t->has_offset || ABS(diff) > STEP_NS) {
		t->offset = wall_minus_mono_ns;
		t->has_offset = true;
	} else {
		/* the two clocks are not read at the same instant; NTP slews by far less than this follows */
		t->offset += diff / 256;
	}
	return place(t, ticks) + t->offset;
}

int64_t pt_dts_next(PtDts *d, int64_t pts, unsigned reorder, int64_t frame) {
	unsigned at = 0;
	while (at < d->n && d->top[at] > pts)
		at++;
	d->depth = MAX(d->depth, MIN(MAX(at, reorder), PT_DTS_DEPTH));
	if (at <= PT_DTS_DEPTH) {
		unsigned keep = MIN(d->n, PT_DTS_DEPTH);
		if (keep > at)
			memmove(d->top + at + 1, d->top + at, (keep - at) * sizeof *d->top);
		d->top[at] = pts;
		d->n = keep + 1;
	}
	int64_t dts = d->depth < d->n ? d->top[d->depth] : d->top[d->n - 1] - (int64_t)(d->depth + 1 - d->n) * frame;
	if (d->started && dts <= d->last)
		dts = d->last + 1;
	d->started = true;
	d->last = dts;
	return dts;
}
