/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/timeline.h"
#include "base/clock.h"
#include <glib.h>

#define MS PT_NS_PER_MS
#define START (INT64_C(1000) * PT_NS_PER_S)

typedef struct {
	const char *what;
	double rate_error;     /* the camera's clock runs so much too fast */
	int jitter_ms;         /* of arrival */
	int stall_at, stall_s; /* nothing comes for so long, then all of it at once */
	int jump_at;           /* s; the camera's clock jumps by jump_s */
	int64_t jump_s;
	uint32_t first;      /* RTP time of the first frame */
	int64_t step_wall_s; /* the hub's clock is set by so much at 50 s */
	int worst_ms;        /* error of the wall time that is accepted after 20 s */
} Day;

/* 100 s at 25 frames/s: always rising, no jitter in it, and right within bounds. */
static void live(const Day *day) {
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	PtTimeline t;
	pt_timeline_init(&t, 90000);
	int64_t last_wall = 0, last_ticks = 0, jump = 0, worst = 0;
	for (int i = 0; i < 2500; i++) {
		int64_t captured = START + i * 40 * MS,
		        arrived = captured + g_rand_int_range(rand, 0, day->jitter_ms + 1) * MS;
		int64_t stall_end = START + (day->stall_at + day->stall_s) * PT_NS_PER_S;
		if (day->stall_s && captured >= START + day->stall_at * PT_NS_PER_S && arrived < stall_end)
			arrived = stall_end;
		if (day->jump_s && i == day->jump_at * 25)
			jump = day->jump_s * 90000;
		uint32_t rtp = (uint32_t)((int64_t)day->first + (int64_t)(i * 3600.0 * (1 + day->rate_error)) + jump);
		int64_t offset = i >= 1250 ? day->step_wall_s * PT_NS_PER_S : 0;
		int64_t ticks = pt_timeline_ticks(&t, rtp, arrived), wall = pt_timeline_wall(&t, ticks, offset) - offset;
		if (i) {
			g_assert_cmpint(ticks, >, last_ticks);
			g_assert_cmpint(wall, >, last_wall);
		}
		last_ticks = ticks;
		last_wall = wall;
		if (i > 500 && ABS(wall - captured) > worst)
			worst = ABS(wall - captured);
	}
	g_test_message("%s: worst %d ms", day->what, (int)(worst / MS));
	g_assert_cmpint(worst / MS, <=, day->worst_ms);
}

static void test_days(void) {
	static const Day days[] = {
	    {"a good camera", .worst_ms = 1},
	    {"jitter of 200 ms", .jitter_ms = 200, .worst_ms = 15},
	    {"RTP time from 0", .first = 0, .worst_ms = 1},
	    {"RTP time wraps", .first = 0xffff0000, .worst_ms = 1},
	    {"100 ppm fast", .rate_error = 100e-6, .jitter_ms = 20, .worst_ms = 20},
	    {"stamped 10 % too fast", .rate_error = 0.1, .jitter_ms = 20, .worst_ms = 700},
	    {"stamped 10 % too slow", .rate_error = -0.1, .jitter_ms = 20, .worst_ms = 1200},
	    {"stall of 8 s", .stall_at = 40, .stall_s = 8, .jitter_ms = 5, .worst_ms = 60},
	    {"camera's clock jumps an hour ahead", .jump_at = 40, .jump_s = 3600, .jitter_ms = 20, .worst_ms = 50},
	    {"camera's clock jumps an hour back", .jump_at = 40, .jump_s = -3600, .jitter_ms = 20, .worst_ms = 50},
	    {"camera's clock jumps 8 s ahead", .jump_at = 40, .jump_s = 8, .jitter_ms = 20, .worst_ms = 50},
	    {"camera's clock jumps 2 s ahead", .jump_at = 40, .jump_s = 2, .jitter_ms = 20, .worst_ms = 50},
	    {"camera's clock jumps 3 s back", .jump_at = 40, .jump_s = -3, .jitter_ms = 20, .worst_ms = 50},
	    {"the hub's clock is set back", .step_wall_s = -3600, .jitter_ms = 20, .worst_ms = 20},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(days); i++)
		live(&days[i]);
}

/* A server sends four seconds of old frames at once, then goes on live. */
static void test_burst(void) {
	PtTimeline t;
	pt_timeline_init(&t, 90000);
	int64_t last = 0, error = 0;
	for (int i = 0; i < 1000; i++) {
		int64_t captured = START + i * 40 * MS, arrived = MAX(captured, START + 4 * PT_NS_PER_S);
		int64_t wall = pt_timeline_wall(&t, pt_timeline_ticks(&t, (uint32_t)i * 3600, arrived), 0);
		g_assert_cmpint(wall, >, last);
		last = wall;
		error = wall - captured;
	}
	g_assert_cmpint(ABS(error) / MS, <, 20);
}

/* A server sends the last key frame to begin with, three seconds old, then goes on live. */
static void test_stale(void) {
	PtTimeline t;
	pt_timeline_init(&t, 90000);
	int64_t begin = pt_timeline_wall(&t, pt_timeline_ticks(&t, 0, START), 0), last = begin;
	for (int i = 75; i < 200; i++) {
		int64_t arrived = START + (i - 74) * 40 * MS;
		int64_t wall = pt_timeline_wall(&t, pt_timeline_ticks(&t, (uint32_t)i * 3600, arrived), 0);
		g_assert_cmpint(wall, >, last);
		g_assert_cmpint(ABS(wall - arrived) / MS, <, 20);
		last = wall;
	}
	g_assert_cmpint(begin, ==, START);
}

/* Sound that takes 300 ms longer than the picture: told by sender reports, it comes to lie where it belongs. */
static void test_together(void) {
	PtTimeline video, sound;
	pt_timeline_init(&video, 90000);
	pt_timeline_init(&sound, 8000);
	int64_t camera = 77 * PT_NS_PER_S, v = 0, s = 0, offset[2];
	for (int i = 0; i < 1500; i++) {
		int64_t captured = START + i * 40 * MS;
		v = pt_timeline_wall(&video, pt_timeline_ticks(&video, (uint32_t)i * 3600, captured + 10 * MS), 0) -
		    captured;
		s = pt_timeline_wall(&sound, pt_timeline_ticks(&sound, (uint32_t)i * 320, captured + 310 * MS), 0) -
		    captured;
		if (i == 125) {
			g_assert_true(pt_timeline_camera_offset(&video, 125 * 3600, captured + camera, &offset[0]));
			g_assert_true(pt_timeline_camera_offset(&sound, 125 * 320, captured + camera, &offset[1]));
			g_assert_cmpint(offset[0] - offset[1], ==, 300 * MS);
			sound.correction = offset[1] - offset[0];
		}
	}
	g_assert_cmpint(ABS(v - s), <, 2 * MS);
}

typedef struct {
	const char *what;
	bool reports;
	double slow;     /* the camera stamps so much too slow, and says so in its reports */
	int still_s;     /* at 30 s its RTP time stands for so long */
	int late_s;      /* from 30 s to 60 s frames come so much later */
	int worst_ms[2]; /* meanwhile, and from 80 s on */
} Line;

/* Frames that come later and later are late on the way, when the camera's reports say that its RTP time is right; else
 * nobody can know, and they are followed. */
static void test_narrow_line(void) {
	static const Line lines[] = {
	    {"nothing is said", .late_s = 4, .worst_ms = {4000, 500}},
	    {"RTP time is as good as its clock", .reports = true, .late_s = 4, .worst_ms = {40, 20}},
	    {"it is 2 % slow, and says so", .reports = true, .slow = 0.02, .worst_ms = {250, 250}},
	    {"RTP time stands for 3 s", .reports = true, .still_s = 3, .worst_ms = {3000, 50}},
	};
	for (size_t k = 0; k < G_N_ELEMENTS(lines); k++) {
		const Line *l = &lines[k];
		PtTimeline t;
		pt_timeline_init(&t, 90000);
		int64_t worst[2] = {0};
		for (int i = 0; i < 2500; i++) {
			int64_t captured = START + i * 40 * MS, late = 0;
			if (i >= 750 && i < 1500) /* over some seconds, and gone within one */
				late = MIN(i - 750, MIN(100, (1500 - i) * 4)) * l->late_s * 10 * MS;
			int frame = i < 750 ? i : MAX(750, i - l->still_s * 25);
			uint32_t rtp = (uint32_t)(frame * 3600 * (1 - l->slow));
			int64_t wall = pt_timeline_wall(&t, pt_timeline_ticks(&t, rtp, captured + late), 0);
			if (l->reports && i % 125 == 124)
				pt_timeline_report(&t, rtp, captured + 5000 * PT_NS_PER_S);
			int64_t *w = i > 2000 ? &worst[1] : &worst[0];
			if (i > 500)
				*w = MAX(*w, ABS(wall - captured));
		}
		g_test_message("%s: worst %d ms, at the end %d ms", l->what, (int)(worst[0] / MS), (int)(worst[1] / MS));
		g_assert_cmpint(worst[0] / MS, <=, l->worst_ms[0]);
		g_assert_cmpint(worst[1] / MS, <=, l->worst_ms[1]);
	}
}

static void check_dts(const int *pts, size_t n, unsigned reorder, const int *want) {
	PtDts d = {0};
	for (size_t i = 0; i < n; i++)
		g_assert_cmpint(pt_dts_next(&d, pts[i] * 100, reorder, 100), ==, want[i]);
}

static void test_dts(void) {
	static const int plain[] = {0, 1, 2, 3, 5, 6}, plain_want[] = {0, 100, 200, 300, 500, 600};
	check_dts(plain, 6, 0, plain_want);
	static const int b[] = {0, 3, 1, 2, 6, 4, 5}, b_want[] = {-100, 0, 100, 200, 300, 400, 500};
	check_dts(b, 7, 1, b_want);
	static const int pyramid[] = {0, 4, 2, 1, 3, 8, 6, 5, 7},
	                 pyramid_want[] = {-200, -100, 0, 100, 200, 300, 400, 500, 600};
	check_dts(pyramid, 9, 2, pyramid_want);
	/* not stated by the camera: learnt, and smooth from then on */
	static const int learnt_want[] = {0, 300, 301, 302, 303, 400, 500};
	check_dts(b, 7, 0, learnt_want);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/timeline/days", test_days);
	g_test_add_func("/timeline/burst", test_burst);
	g_test_add_func("/timeline/stale", test_stale);
	g_test_add_func("/timeline/together", test_together);
	g_test_add_func("/timeline/narrow-line", test_narrow_line);
	g_test_add_func("/timeline/dts", test_dts);
	return g_test_run();
}
