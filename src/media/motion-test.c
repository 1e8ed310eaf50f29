/* SPDX-License-Identifier: Apache-2.0 */
#include "media/motion.h"
#include <glib.h>
#include <math.h>
#include <string.h>

#define W 160
#define H 96
#define SECOND INT64_C(1000000000)
#define STEP (SECOND / PT_MOTION_FPS)
#define START (INT64_C(1700000000) * SECOND)

/* ---- scenes, in virtual time ---- */

typedef struct {
	uint8_t pixels[W * H];
	float values[W * H];
	float yard[W * H];       /* smooth shapes and a wall of bricks */
	float gaussian[1 << 16]; /* drawn once: what matters is where a picture begins in it */
	GRand *rand;
} Canvas;

static Canvas *canvas_new(void) {
	Canvas *c = g_new0(Canvas, 1);
	c->rand = g_rand_new_with_seed(3);
	for (unsigned i = 0; i < G_N_ELEMENTS(c->gaussian); i++)
		c->gaussian[i] =
		    (float)(sqrt(-2 * log(1 - g_rand_double(c->rand))) * cos(2 * G_PI * g_rand_double(c->rand)));
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			c->yard[y * W + x] =
			    90 + 40 * sinf((float)x / 9) * cosf((float)y / 13) + 20 * (float)((x / 20 + y / 16) % 2);
	return c;
}

static void canvas_free(Canvas *c) {
	g_rand_free(c->rand);
	g_free(c);
}

static void yard(Canvas *c, float gain) {
	for (int i = 0; i < W * H; i++)
		c->values[i] = gain * c->yard[i];
}

static void box(Canvas *c, int left, int top, int width, int height, float value) {
	for (int y = MAX(top, 0); y < MIN(top + height, H); y++)
		for (int x = MAX(left, 0); x < MIN(left + width, W); x++)
			c->values[y * W + x] = value;
}

static void shine(Canvas *c, float gain) {
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if ((x - 80) * (x - 80) + (y - 50) * (y - 50) < 30 * 30)
				c->values[y * W + x] *= gain;
}

static void noise(Canvas *c, float sigma) {
	for (int y = 0; y < H; y++) {
		unsigned from = g_rand_int(c->rand);
		for (int x = 0; x < W; x++)
			c->values[y * W + x] += sigma * c->gaussian[(from + (unsigned)x) & 0xffff];
	}
}

static void draw_noise(Canvas *c, int i) {
	yard(c, 1);
	noise(c, 2);
}

static void draw_more_noise(Canvas *c, int i) {
	yard(c, 1);
	noise(c, 10);
}

static void draw_night(Canvas *c, int i) {
	yard(c, 0.1f);
	noise(c, 6);
}

/* Lamps on mains against the shutter: bands that walk. */
static void draw_flicker(Canvas *c, int i) {
	yard(c, 1);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			c->values[y * W + x] *= 1 + 0.1f * sinf((float)i * 2.1f + (float)y / 15);
	noise(c, 2);
}

static void draw_dawn(Canvas *c, int i) {
	yard(c, 0.2f + (float)i / 400);
	noise(c, 3);
}

/* All lamps at once, every twelve seconds, and the exposure after it. */
static void draw_switch(Canvas *c, int i) {
	int k = i % 120;
	yard(c, k < 60 ? 1 : MIN(0.3f + (float)(k - 60) * 0.05f, 0.8f));
	noise(c, 3);
}

static void draw_lamp(Canvas *c, int i) {
	yard(c, 1);
	shine(c, i / 60 % 2 ? 1.7f : 1);
	noise(c, 3);
}

static void draw_lamp_on_a_wall(Canvas *c, int i) {
	box(c, 0, 0, W, H, 100);
	shine(c, i / 60 % 2 ? 1.7f : 1);
	noise(c, 3);
}

/* Colours become other greys; dark for half a second while the filter moves, then the exposure. */
static void draw_infrared(Canvas *c, int i) {
	int k = i % 150;
	yard(c, 1);
	for (int at = 0; at < W * H && k >= 75; at++)
		c->values[at] = k < 78 ? 8
		                       : MIN(0.3f + (float)(k - 78) * 0.1f, 1) *
		                             (90 + 50 * cosf((float)(at % W) / 7) * sinf((float)(at / W) / 5));
	noise(c, k < 75 ? 2 : 6);
}

static void draw_rain(Canvas *c, int i) {
	yard(c, 1);
	for (int n = 0; n < 60; n++) {
		int x = g_rand_int_range(c->rand, 0, W), y = g_rand_int_range(c->rand, 0, H);
		for (int k = 0, length = g_rand_int_range(c->rand, 6, 20); k < length && y + k < H; k++)
			c->values[(y + k) * W + x] += 40;
	}
	noise(c, 3);
}

static void draw_shaking(Canvas *c, int i) {
	yard(c, 1);
	float by = 1.5f * sinf((float)i * 1.7f);
	for (int y = 0; y < 40; y++)
		for (int x = 110; x < W; x++)
			c->values[y * W + x] = 100 + 40 * sinf(((float)x + by) / 2.5f) * sinf((float)y / 2);
	noise(c, 3);
}

/* What comes at the twentieth second and crosses. */
static void draw_walker(Canvas *c, int i) {
	yard(c, 1);
	box(c, (i - 100) * 2, 45, 8, 22, 190);
	noise(c, 3);
}

static void draw_far_walker(Canvas *c, int i) {
	yard(c, 1);
	box(c, (i - 100), 45, 4, 12, 180);
	noise(c, 3);
}

static void draw_night_walker(Canvas *c, int i) {
	yard(c, 0.1f);
	box(c, (i - 100) * 2, 45, 10, 26, 50);
	noise(c, 5);
}

static void draw_car(Canvas *c, int i) {
	yard(c, 1);
	box(c, (i - 100) * 8, 40, 40, 22, 200);
	noise(c, 3);
}

static void draw_walker_in_the_rain(Canvas *c, int i) {
	draw_rain(c, i);
	box(c, (i - 100) * 2, 45, 10, 26, 200);
}

static void draw_walker_under_a_lamp(Canvas *c, int i) {
	draw_lamp(c, i);
	box(c, (i - 100) * 2, 45, 8, 22, 190);
}

static void draw_parking(Canvas *c, int i) {
	yard(c, 1);
	box(c, MIN((i - 100) * 4, 80), 40, 40, 22, 200);
	noise(c, 3);
}

typedef struct {
	int n, moving, first, last; /* pictures */
	float left, right, top, bottom;
} Seen;

static void play(void (*draw)(Canvas *, int), PtMotion *m, int n, int64_t step, Seen *ret) {
	Canvas *c = canvas_new();
	*ret = (Seen){.n = n, .first = -1, .left = 1, .top = 1};
	for (int i = 0; i < n; i++) {
		PtMotionSeen seen;
		draw(c, i);
		for (int k = 0; k < W * H; k++)
			c->pixels[k] = (uint8_t)CLAMP(c->values[k] + 0.5f, 0, 255);
		pt_motion_look(m, c->pixels, W, H, START + i * step, &seen);
		if (!seen.moving)
			continue;
		g_assert_true(seen.active);
		g_assert_true(seen.left >= 0 && seen.left < seen.right && seen.right <= 1);
		g_assert_true(seen.top >= 0 && seen.top < seen.bottom && seen.bottom <= 1);
		ret->first = ret->moving++ ? ret->first : i;
		ret->last = i;
		ret->left = MIN(ret->left, seen.left);
		ret->right = MAX(ret->right, seen.right);
		ret->top = MIN(ret->top, seen.top);
		ret->bottom = MAX(ret->bottom, seen.bottom);
	}
	canvas_free(c);
}

static PtMotion *ordinary(unsigned sensitivity) {
	return pt_motion_new(&(PtMotionParams){.sensitivity = sensitivity, .hold_ns = 5 * SECOND});
}

static void test_nothing_moves(void) {
	static const struct {
		const char *what;
		void (*draw)(Canvas *, int);
	} scenes[] = {
	    {"noise", draw_noise},
	    {"more noise", draw_more_noise},
	    {"night", draw_night},
	    {"flicker", draw_flicker},
	    {"dawn", draw_dawn},
	    {"all lamps", draw_switch},
	    {"a lamp", draw_lamp},
	    {"a lamp on a wall", draw_lamp_on_a_wall},
	    {"infrared", draw_infrared},
	    {"rain", draw_rain},
	    {"a shaking tree", draw_shaking},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(scenes); i++) {
		PtMotion *m = ordinary(50);
		Seen s;
		play(scenes[i].draw, m, 250, STEP, &s);
		g_test_message("%s: %d of %d", scenes[i].what, s.moving, s.n);
		g_assert_cmpint(s.moving, ==, 0);
		pt_motion_free(m);
	}
}

static void test_something_moves(void) {
	static const struct {
		const char *what;
		void (*draw)(Canvas *, int);
		int there; /* pictures that it is seen in */
	} scenes[] = {
	    {"somebody walks", draw_walker, 80},          {"far away", draw_far_walker, 160},
	    {"by night", draw_night_walker, 80},          {"a car", draw_car, 20},
	    {"in the rain", draw_walker_in_the_rain, 80}, {"while a lamp is switched", draw_walker_under_a_lamp, 80},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(scenes); i++) {
		PtMotion *m = ordinary(50);
		Seen s;
		play(scenes[i].draw, m, 300, STEP, &s);
		g_test_message("%s: %d of %d, %d to %d", scenes[i].what, s.moving, scenes[i].there, s.first, s.last);
		g_assert_cmpint(s.moving, >=, scenes[i].there / 2);
		g_assert_cmpint(s.first, >=, 95); /* what is wide shows earlier */
		g_assert_cmpint(s.first, <=, 110);
		g_assert_cmpint(s.last, <=, 100 + scenes[i].there + 5);
		pt_motion_free(m);
	}
}

/* A car that came and stands does not move, and leaves no trace. */
static void test_parking(void) {
	PtMotion *m = ordinary(50);
	Seen s;
	play(draw_parking, m, 200, STEP, &s);
	g_assert_cmpint(s.moving, >=, 15);
	g_assert_cmpint(s.last, <=, 123);
	pt_motion_free(m);
}

static void test_where(void) {
	PtMotion *m = ordinary(50);
	Seen s;
	play(draw_walker, m, 300, STEP, &s);
	g_assert_cmpfloat(s.left, <, 0.2);
	g_assert_cmpfloat(s.right, >, 0.8);
	g_assert_cmpfloat(s.top, >=, 40.0 / H - 0.09);
	g_assert_cmpfloat(s.bottom, <=, 67.0 / H + 0.09);
	pt_motion_free(m);
}

static PtMotionZone rectangle(float left, float top, float right, float bottom, bool exclude) {
	return (PtMotionZone){
	    .exclude = exclude, .n = 4, .points = {{left, top}, {right, top}, {right, bottom}, {left, bottom}}};
}

static void test_zones(void) {
	/* somebody walks along the middle; he is 45 to 67 of 96 pixels from the top */
	const struct {
		const char *what;
		PtMotionZone zones[2];
		size_t n;
		bool seen;
	} cases[] = {
	    {"the sky", {rectangle(0, 0, 1, 0.4f, false)}, 1, false},
	    {"the path", {rectangle(0, 0.4f, 1, 0.75f, false)}, 1, true},
	    {"all but the path", {rectangle(0, 0.4f, 1, 0.75f, true)}, 1, false},
	    {"the left half but the path", {rectangle(0, 0, 0.5f, 1, false), rectangle(0, 0.4f, 1, 0.75f, true)}, 2, false},
	    {"the left half but the sky", {rectangle(0, 0, 0.5f, 1, false), rectangle(0, 0, 1, 0.4f, true)}, 2, true},
	    {"a triangle that has it", {{.n = 3, .points = {{0, 0.3f}, {1, 0.6f}, {0, 0.9f}}}}, 1, true},
	    {"a triangle beside it", {{.n = 3, .points = {{0, 0}, {1, 0}, {1, 0.4f}}}}, 1, false},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtMotion *m = pt_motion_new(
		    &(PtMotionParams){.sensitivity = 50, .hold_ns = SECOND, .zones = cases[i].zones, .n_zones = cases[i].n});
		Seen s;
		play(draw_walker, m, 250, STEP, &s);
		g_test_message("%s: %d", cases[i].what, s.moving);
		g_assert_cmpint(s.moving > 0, ==, cases[i].seen);
		pt_motion_free(m);
	}
}

static void test_sensitivity(void) {
	int last = G_MAXINT;
	for (int sensitivity = 100; sensitivity > 0; sensitivity -= 33) {
		PtMotion *m = ordinary((unsigned)sensitivity);
		Seen s;
		play(draw_far_walker, m, 300, STEP, &s);
		g_test_message("sensitivity %d: %d", sensitivity, s.moving);
		g_assert_cmpint(s.moving, <=, last);
		last = s.moving;
		pt_motion_free(m);
	}
	g_assert_cmpint(last, ==, 0);
}

static void test_hold(void) {
	PtMotion *m = ordinary(50);
	PtMotionSeen seen;
	Canvas *c = canvas_new();
	int last_moving = -1, last_active = -1;
	for (int i = 0; i < 300; i++) {
		draw_walker(c, i);
		for (int k = 0; k < W * H; k++)
			c->pixels[k] = (uint8_t)CLAMP(c->values[k], 0, 255);
		pt_motion_look(m, c->pixels, W, H, START + i * STEP, &seen);
		last_moving = seen.moving ? i : last_moving;
		last_active = seen.active ? i : last_active;
	}
	g_assert_cmpint(last_active, ==, last_moving + 5 * PT_MOTION_FPS - 1);
	canvas_free(c);
	pt_motion_free(m);
}

/* Few pictures, the same picture twice, a time that goes back, another size, a size of nothing: all are taken. */
static void test_odd_pictures(void) {
	PtMotion *m = ordinary(50);
	PtMotionSeen seen;
	g_autofree uint8_t *picture = g_malloc0(320 * 288);
	const unsigned sizes[][2] = {{0, 0}, {7, 96}, {160, 90}, {163, 93}, {160, 288}, {8, 8}, {320, 288}};
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
		for (int k = 0; k < 30; k++) {
			memset(picture, k % 2 ? 200 : 20, 320 * 288);
			pt_motion_look(m, picture, sizes[i][0], sizes[i][1], START + (k % 7) * SECOND, &seen);
			g_assert_false(seen.moving);
		}
	pt_motion_free(m);
	m = ordinary(50);
	Seen s;
	play(draw_walker, m, 300, SECOND, &s); /* one picture a second, somebody slow */
	g_assert_cmpint(s.moving, >=, 40);
	play(draw_walker, m, 300, STEP, &s); /* and the clock is set back by minutes */
	g_assert_cmpint(s.moving, >=, 40);
	g_assert_cmpint(s.first, >=, 95);
	pt_motion_free(m);
	m = ordinary(50);
	play(draw_walker, m, 300, 60 * SECOND, &s); /* one a minute: nothing can be said */
	g_assert_cmpint(s.moving, ==, 0);
	pt_motion_free(m);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/motion/nothing-moves", test_nothing_moves);
	g_test_add_func("/motion/something-moves", test_something_moves);
	g_test_add_func("/motion/parking", test_parking);
	g_test_add_func("/motion/where", test_where);
	g_test_add_func("/motion/zones", test_zones);
	g_test_add_func("/motion/sensitivity", test_sensitivity);
	g_test_add_func("/motion/hold", test_hold);
	g_test_add_func("/motion/odd-pictures", test_odd_pictures);
	return g_test_run();
}
