/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill-plan.h"
#include "base/clock.h"
#include <string.h>

#define PAUSE_MAX_NS (1800 * PT_NS_PER_S)
#define CLOCK_NS (20 * PT_NS_PER_S) /* a camera that reports does so by then */

bool pt_backfill_fillable(PtGapCause cause) { return cause != PT_GAP_POLICY && cause != PT_GAP_CLOCK; }

bool pt_backfill_is_restart(const PtGapRow *gap, int64_t restarted_ns) {
	bool open_to_it = gap->cause == PT_GAP_NETWORK || gap->cause == PT_GAP_UNKNOWN;
	return open_to_it && gap->end_ns && restarted_ns >= gap->start_ns - PT_NS_PER_S && restarted_ns <= gap->end_ns;
}

int64_t pt_backfill_pause_ns(unsigned tries) {
	int64_t pause = 5 * PT_NS_PER_S;
	for (unsigned i = 1; i < tries && pause < PAUSE_MAX_NS; i++)
		pause *= 2;
	return MIN(pause, PAUSE_MAX_NS);
}

static const PtBackfillCamera *camera_of(const PtBackfillView *v, const PtJobRow *job) {
	for (unsigned i = 0; i < v->n_cameras; i++)
		if (!strcmp(v->cameras[i].name, job->camera))
			return &v->cameras[i];
	return NULL;
}

static bool within_hours(const PtBackfillCamera *c, int minute) {
	if (c->from_min < 0 || c->from_min == c->to_min)
		return true;
	if (c->from_min < c->to_min)
		return minute >= c->from_min && minute < c->to_min;
	return minute >= c->from_min || minute < c->to_min;
}

const char *pt_backfill_waits(const PtBackfillView *v, const PtJobRow *job) {
	const PtBackfillCamera *c = camera_of(v, job);
	if (!c)
		return "its camera is not in the site file any more";
	if (!c->ready)
		return "the camera is not reached";
	if (!job->urgent && !c->wanted)
		return "backfill is switched off for this camera";
	if (!job->urgent && v->metered)
		return "the uplink is metered";
	if (!job->urgent && !within_hours(c, v->minute))
		return "outside the hours of backfill";
	if (job->due_ns > v->now_ns && job->due_ns - v->now_ns <= PAUSE_MAX_NS) /* later: the hub's clock was set back */
		return job->tries ? "it is tried again in a while" : "live footage behind it is awaited";
	if (c->rough && v->now_ns >= job->found_ns && v->now_ns - job->found_ns < CLOCK_NS)
		return "the camera's clock is being measured";
	if (c->running)
		return "another gap of the camera is being filled";
	if (v->running >= v->max_running)
		return "other cameras are at it";
	return NULL;
}

/* Whether a goes before b. */
static bool goes_first(const PtBackfillView *v, const PtJobRow *a, const PtJobRow *b) {
	if (a->urgent != b->urgent)
		return a->urgent;
	bool same = !strcmp(a->camera, b->camera);
	if (same && camera_of(v, a)->oldest_first)
		return a->start_ns < b->start_ns;
	return a->start_ns > b->start_ns;
}

int pt_backfill_next(const PtBackfillView *v) {
	int best = -1;
	for (unsigned i = 0; i < v->n_jobs; i++) {
		if (v->jobs[i].state != PT_JOB_FOUND || pt_backfill_waits(v, &v->jobs[i]))
			continue;
		if (best < 0 || goes_first(v, &v->jobs[i], &v->jobs[best]))
			best = (int)i;
	}
	return best;
}
