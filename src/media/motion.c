/* SPDX-License-Identifier: Apache-2.0 */
#include "media/motion.h"
#include <glib.h>
#include <math.h>
#include <string.h>

#define SECOND 1e9
#define BLOCK PT_MOTION_BLOCK
#define BACK 2              /* movement is what differs from so many pictures ago */
#define TOO_LONG_S 10       /* between two pictures: they have nothing to do with each other */
#define STILL_S 4.0         /* how fast the ground follows where nothing changed, … */
#define STANDING_S 15.0     /* … what came and stands, … */
#define MOVING_S 60.0       /* … and what moves */
#define NOISE_S 10.0        /* likewise what is usual at a place, … */
#define NOISE_MOVING_S 60.0 /* … so that a tree in the wind becomes usual, and a path with people does not */
#define NOISE_SETTLING_S 0.5
#define SHIFT 12.0f /* grey levels within BACK pictures that are another light */
#define BRIGHTNESS (1.0f / 16)
#define SUDDEN 0.4f       /* share of the picture that changes at once by light or by moving the camera alone, … */
#define SUDDEN_NEAR 0.75f /* … unless something was moving there before and comes close */

#define SMALL 4 /* blocks */

typedef struct {
	bool watched;    /* in the zones */
	bool moves;      /* differs from the ground and from a moment ago */
	uint8_t history; /* bit i: part of something that was large enough, i pictures ago */
	float noise_ground, noise_past;
} Block;

struct PtMotion {
	PtMotionZone *zones;
	size_t n_zones;
	float factor,
	    least; /* what differs: more than factor times what is usual, and more than least (grey levels squared) */
	unsigned smallest; /* blocks that hang together */
	int64_t hold_ns;

	unsigned width, height, columns, rows; /* 0: no picture yet */
	float *ground;                         /* the picture without what moves */
	uint8_t *past[BACK];                   /* past[0] is the oldest */
	unsigned n_past;
	Block *blocks;
	unsigned *stack; /* of blocks, to find what hangs together */
	bool *visited;
	int64_t last_ns, settled_ns, moved_ns; /* moved: 0 never */
	bool moving;
};

/* ---- settings ---- */

PtMotion *pt_motion_new(const PtMotionParams *p) {
	PtMotion *m = g_new0(PtMotion, 1);
	float x = ((float)CLAMP(p->sensitivity, 1, 100) - 50) / 50;
	m->zones = g_memdup2(p->zones, p->n_zones * sizeof *p->zones);
	m->n_zones = p->n_zones;
	m->hold_ns = p->hold_ns;
	m->factor = 4 * powf(1.5f, -x);
	m->least = 20 * powf(4, -x);
	m->smallest = p->sensitivity >= 80 ? 1 : p->sensitivity >= 35 ? 2 : p->sensitivity >= 15 ? 4 : 8;
	return m;
}

static void forget_pictures(PtMotion *m) {
	g_free(m->ground);
	for (unsigned i = 0; i < BACK; i++)
		g_free(m->past[i]);
	g_free(m->blocks);
	g_free(m->stack);
	g_free(m->visited);
}

void pt_motion_free(PtMotion *m) {
	if (!m)
		return;
	forget_pictures(m);
	g_free(m->zones);
	g_free(m);
}

/* ---- zones ---- */

/* By the edges that a ray to the right crosses. */
static bool is_within(const PtMotionZone *zone, float x, float y) {
	bool inside = false;
	for (unsigned i = 0, k = zone->n - 1; i < zone->n; k = i++) {
		const PtMotionPoint *a = &zone->points[i], *b = &zone->points[k];
		if ((a->y > y) != (b->y > y) && x < (b->x - a->x) * (y - a->y) / (b->y - a->y) + a->x)
			inside = !inside;
	}
	return inside;
}

static bool is_watched(const PtMotion *m, float x, float y) {
	bool included = false, any = false;
	for (size_t i = 0; i < m->n_zones; i++) {
		const PtMotionZone *zone = &m->zones[i];
		bool in = is_within(zone, x, y);
		if (zone->exclude && in)
			return false;
		any |= !zone->exclude;
		included |= !zone->exclude && in;
	}
	return included || !any;
}

static void resize(PtMotion *m, unsigned width, unsigned height) {
	forget_pictures(m);
	size_t pixels = (size_t)width * height;
	m->width = width;
	m->height = height;
	m->columns = width / BLOCK;
	m->rows = height / BLOCK;
	unsigned n = m->columns * m->rows;
	m->ground = g_new0(float, pixels);
	for (unsigned i = 0; i < BACK; i++)
		m->past[i] = g_malloc0(pixels);
	m->blocks = g_new0(Block, n);
	m->stack = g_new0(unsigned, n);
	m->visited = g_new0(bool, n);
	for (unsigned i = 0; i < n; i++)
		m->blocks[i].watched = is_watched(m, ((float)(i % m->columns) + 0.5f) / (float)m->columns,
		                                  ((float)(i / m->columns) + 0.5f) / (float)m->rows);
}

/* ---- one block ---- */

typedef struct {
	float ground, past; /* how much it differs from there: grey levels squared, per pixel */
	float shift;        /* how much lighter it is than BACK pictures ago */
} Difference;

/* What is left of the stronger of two patterns when the other explains what it can of it. Contrast is not in it, and
 * brightness counts little: a lamp, a cloud and the camera's exposure change these and nothing else; but the inside of a
 * plain thing has no other mark. */
static float difference(float a, float a2, float b, float b2, float ab) {
	const float n = BLOCK * BLOCK;
	float va = MAX(a2 / n - a / n * (a / n), 0), vb = MAX(b2 / n - b / n * (b / n), 0), cov = ab / n - a / n * (b / n);
	float alike = cov > 0 && va > 0 && vb > 0 ? MIN(cov * cov / (va * vb), 1) : 0;
	float lighter = (a - b) / n;
	return MAX(va, vb) * (1 - alike) + BRIGHTNESS * lighter * lighter;
}

static Difference compare(const PtMotion *m, const uint8_t *luma, size_t stride, unsigned column, unsigned row) {
	float i = 0, i2 = 0, g = 0, g2 = 0, ig = 0;
	int p = 0, p2 = 0, ip = 0;
	for (unsigned y = 0; y < BLOCK; y++) {
		size_t at = (size_t)(row * BLOCK + y) * m->width + column * BLOCK;
		const uint8_t *now = luma + (size_t)(row * BLOCK + y) * stride + column * BLOCK, *past = m->past[0] + at;
		const float *ground = m->ground + at;
		for (unsigned x = 0; x < BLOCK; x++) {
			float v = now[x];
			i += v;
			i2 += v * v;
			g += ground[x];
			g2 += ground[x] * ground[x];
			ig += v * ground[x];
			p += past[x];
			p2 += past[x] * past[x];
			ip += now[x] * past[x];
		}
	}
	return (Difference){.ground = difference(i, i2, g, g2, ig),
	                    .past = difference(i, i2, (float)p, (float)p2, (float)ip),
	                    .shift = (i - (float)p) / (BLOCK * BLOCK)};
}

static float share_of(double dt, double time_constant) { return (float)(dt / (dt + time_constant)); }

static void follow(PtMotion *m, const uint8_t *luma, size_t stride, unsigned column, unsigned row, float share) {
	for (unsigned y = 0; y < BLOCK; y++) {
		const uint8_t *now = luma + (size_t)(row * BLOCK + y) * stride + column * BLOCK;
		float *ground = m->ground + (size_t)(row * BLOCK + y) * m->width + column * BLOCK;
		for (unsigned x = 0; x < BLOCK; x++)
			ground[x] += share * (now[x] - ground[x]);
	}
}

/* ---- what hangs together ---- */

typedef struct {
	unsigned n, left, top, right, bottom; /* blocks; right and bottom included */
} Blob;

/* From m->stack[0] on. */
static Blob collect(PtMotion *m, unsigned first) {
	Blob blob = {0, first % m->columns, first / m->columns, first % m->columns, first / m->columns};
	m->stack[0] = first;
	m->visited[first] = true;
	for (unsigned end = 1; blob.n < end; blob.n++) {
		int column = (int)(m->stack[blob.n] % m->columns), row = (int)(m->stack[blob.n] / m->columns);
		blob.left = MIN(blob.left, (unsigned)column);
		blob.right = MAX(blob.right, (unsigned)column);
		blob.top = MIN(blob.top, (unsigned)row);
		blob.bottom = MAX(blob.bottom, (unsigned)row);
		for (int y = MAX(row - 1, 0); y <= MIN(row + 1, (int)m->rows - 1); y++)
			for (int x = MAX(column - 1, 0); x <= MIN(column + 1, (int)m->columns - 1); x++) {
				unsigned i = (unsigned)y * m->columns + (unsigned)x;
				if (m->visited[i] || !m->blocks[i].moves)
					continue;
				m->visited[i] = true;
				m->stack[end++] = i;
			}
	}
	return blob;
}

/* What moves is near where it was: in two of the three pictures before, what is small in all three. A lamp's edge differs
 * from two pictures ago twice and never again; a drop of rain is somewhere else. */
static bool lasts(const PtMotion *m, const Blob *b) {
	unsigned seen = 0;
	for (int y = MAX((int)b->top - 2, 0); y <= MIN((int)b->bottom + 2, (int)m->rows - 1); y++)
		for (int x = MAX((int)b->left - 2, 0); x <= MIN((int)b->right + 2, (int)m->columns - 1); x++)
			seen |= m->blocks[(unsigned)y * m->columns + (unsigned)x].history;
	return __builtin_popcount(seen & 0xe) >= (b->n < SMALL ? 3 : 2);
}

static void find_moving(PtMotion *m, PtMotionSeen *ret) {
	unsigned n = m->columns * m->rows;
	for (unsigned i = 0; i < n; i++) {
		m->blocks[i].history = (uint8_t)(m->blocks[i].history << 1);
		m->visited[i] = false;
	}
	for (unsigned i = 0; i < n; i++) {
		if (m->visited[i] || !m->blocks[i].moves)
			continue;
		Blob b = collect(m, i);
		if (b.n < m->smallest)
			continue;
		for (unsigned k = 0; k < b.n; k++)
			m->blocks[m->stack[k]].history |= 1;
		if (!lasts(m, &b))
			continue;
		float left = (float)b.left / (float)m->columns, right = (float)(b.right + 1) / (float)m->columns;
		float top = (float)b.top / (float)m->rows, bottom = (float)(b.bottom + 1) / (float)m->rows;
		ret->left = ret->moving ? MIN(ret->left, left) : left;
		ret->top = ret->moving ? MIN(ret->top, top) : top;
		ret->right = MAX(ret->right, right);
		ret->bottom = MAX(ret->bottom, bottom);
		ret->moving = true;
	}
}

/* ---- one picture ---- */

/* The newest last; the oldest buffer is used again. */
static void remember(PtMotion *m, const uint8_t *luma, size_t stride) {
	uint8_t *buffer = m->past[0];
	for (unsigned i = 0; i + 1 < BACK; i++)
		m->past[i] = m->past[i + 1];
	for (unsigned y = 0; y < m->height; y++)
		memcpy(buffer + (size_t)y * m->width, luma + y * stride, m->width);
	m->past[BACK - 1] = buffer;
	m->n_past = MIN(m->n_past + 1, BACK);
}

/* Takes the picture for the ground and learns what is usual for a while. */
static void begin_anew(PtMotion *m, const uint8_t *luma, size_t stride, int64_t time_ns) {
	for (unsigned y = 0; y < m->height; y++)
		for (unsigned x = 0; x < m->width; x++)
			m->ground[(size_t)y * m->width + x] = luma[y * stride + x];
	for (unsigned i = 0; i < m->columns * m->rows; i++)
		m->blocks[i].history = 0;
	m->settled_ns = time_ns + PT_MOTION_SETTLE_NS;
}

/* Share of the picture that is another than a moment ago, by structure or by light. */
static float look_at_blocks(PtMotion *m, const uint8_t *luma, size_t stride, double dt, bool settling) {
	unsigned changed = 0, lighter = 0, darker = 0, n = m->columns * m->rows;
	float still = share_of(dt, STILL_S), standing = share_of(dt, STANDING_S), moving = share_of(dt, MOVING_S);
	float usual = share_of(dt, settling ? NOISE_SETTLING_S : NOISE_S), usual_moving = share_of(dt, NOISE_MOVING_S);
	for (unsigned i = 0; i < n; i++) {
		Block *b = &m->blocks[i];
		unsigned column = i % m->columns, row = i / m->columns;
		Difference d = compare(m, luma, stride, column, row);
		bool ground = d.ground > MAX(m->least, m->factor * b->noise_ground);
		bool past = d.past > MAX(m->least, m->factor * b->noise_past);
		bool moves = ground && past;
		changed += past;
		lighter += d.shift > SHIFT;
		darker += d.shift < -SHIFT;
		b->moves = moves && b->watched && !settling;
		float learn = moves && !settling ? usual_moving : usual;
		b->noise_ground += learn * (d.ground - b->noise_ground);
		b->noise_past += learn * (d.past - b->noise_past);
		follow(m, luma, stride, column, row, settling || !ground ? still : moves ? moving : standing);
	}
	return (float)MAX(changed, MAX(lighter, darker)) / (float)n;
}

static bool is_active(const PtMotion *m, int64_t time_ns) { return m->moved_ns && time_ns - m->moved_ns < m->hold_ns; }

void pt_motion_look(PtMotion *m, const uint8_t *luma, unsigned width, unsigned height, int64_t time_ns, PtMotionSeen *ret) {
	unsigned w = width / BLOCK * BLOCK, h = height / BLOCK * BLOCK;
	bool fresh = w != m->width || h != m->height;
	double dt = (double)(time_ns - m->last_ns) / SECOND;
	if (dt < -TOO_LONG_S) /* the clock was set back */
		m->moved_ns = 0;
	*ret = (PtMotionSeen){.active = is_active(m, time_ns)};
	if (!w || !h || (!fresh && dt <= 0 && dt >= -TOO_LONG_S))
		return;
	if (fresh)
		resize(m, w, h);
	m->last_ns = time_ns;
	if (fresh || fabs(dt) > TOO_LONG_S) {
		m->n_past = 0;
		m->moving = false;
		begin_anew(m, luma, width, time_ns);
	}
	bool settling = time_ns < m->settled_ns;
	if (m->n_past == BACK) {
		float share = look_at_blocks(m, luma, width, dt, settling);
		if (share > (m->moving ? SUDDEN_NEAR : SUDDEN))
			begin_anew(m, luma, width, time_ns);
		else if (!settling)
			find_moving(m, ret);
	}
	remember(m, luma, width);
	m->moving = ret->moving;
	if (ret->moving)
		m->moved_ns = time_ns;
	ret->active = is_active(m, time_ns);
}
