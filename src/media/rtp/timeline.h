/* From RTP time to the hub's time, and from presentation to decoding order. Pure: arrival times come in as arguments.
 *
 * A camera's clock is not believed: it may start anywhere, step, or tick at a rate of its own. What is believed is that a
 * packet cannot arrive before it was captured: the hub's estimate of "RTP time 0" follows the earliest arrivals of the last
 * seconds, on the monotonic clock, so slowly that neither network jitter nor stalls show in it, nor a line that is too
 * narrow for a while. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PT_TIMELINE_WINDOWS 5 /* of one second */

typedef struct {
	uint32_t rate; /* ticks per second */
	bool started;
	uint32_t last_rtp;
	int64_t ticks; /* unwrapped, of last_rtp */
	int64_t first_arrival, last_arrival;
	int64_t base; /* monotonic ns of tick 0 */
	int64_t windows[PT_TIMELINE_WINDOWS], epochs[PT_TIMELINE_WINDOWS];
	int64_t top, tops[2]; /* the largest ticks so far, and the two that were it before */
	bool has_marks;
	int64_t mark[2], mark_ns[2]; /* the two largest ticks that were asked for, and their monotonic times */
	bool told;
	uint32_t told_rtp; /* of the camera's last report, and its clock there */
	int64_t told_ns;
	bool has_drift;      /* two reports have come */
	double drift;        /* how much the two clocks that the camera has went apart between them, s in a s */
	int64_t loose_until; /* monotonic: they did so by much */
	int64_t correction;  /* of the estimate: this track takes longer to arrive than another of its camera, ns, <= 0 */
	bool has_offset;
	int64_t offset;  /* wall minus monotonic, smoothed */
	unsigned breaks; /* discontinuities of the camera's clock */
} PtTimeline;

void pt_timeline_init(PtTimeline *t, uint32_t rate);
/* Of a packet in order: its ticks, rising apart from B-frames whatever the camera's clock does. */
int64_t pt_timeline_ticks(PtTimeline *t, uint32_t rtp, int64_t arrival_mono_ns);
/* The hub's wall time of a tick; call once per sample. wall_minus_mono_ns: the two clocks as read now. */
int64_t pt_timeline_wall(PtTimeline *t, int64_t ticks, int64_t wall_minus_mono_ns);
/* A sender report: the camera's clock at an RTP time. While the two agree, RTP time is as good as that clock, and frames
 * that come late are late on the way: the estimate does not follow them. */
void pt_timeline_report(PtTimeline *t, uint32_t rtp, int64_t camera_ns);
/* What a sender report says about the delay: the camera's clock at an RTP time minus the hub's monotonic time by arrival
 * alone. Tracks of one camera differ in it by how long they take. False when nothing has arrived lately. */
bool pt_timeline_camera_offset(const PtTimeline *t, uint32_t rtp, int64_t camera_ns, int64_t *ret_offset_ns);
/* A new source takes over: its time begins where the old one's is now. */
void pt_timeline_restart(PtTimeline *t);

#define PT_DTS_DEPTH 16

/* Decoding times of frames that come in decoding order with their presentation times: the same instants in rising order,
 * delayed by as many frames as are reordered. Zero-initialise. */
typedef struct {
	bool started;
	int64_t last;
	unsigned depth, n;
	int64_t top[PT_DTS_DEPTH + 1]; /* the largest pts so far, falling */
} PtDts;

/* Strictly rising; equal to pts without B-frames. reorder: as the format says; more is learnt by observation.
 * frame: ticks of one frame, roughly. */
int64_t pt_dts_next(PtDts *d, int64_t pts, unsigned reorder, int64_t frame);
