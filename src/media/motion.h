/* Whether something moves in a picture: (state, small grey picture, time) -> moving or not, and where. Pure: it reads no
 * clock and, once it knows the size of the pictures, allocates nothing. doc/design/motion.md says why it works as it does.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_MOTION_WIDTH 160      /* of the pictures it is made for; their height follows the shape of the source */
#define PT_MOTION_HEIGHT_MAX 288 /* both are multiples of PT_MOTION_BLOCK */
#define PT_MOTION_BLOCK 8        /* pixels: how finely it knows where */
#define PT_MOTION_FPS 5          /* pictures a second are enough */
#define PT_MOTION_POINTS 16      /* of a zone at most */
#define PT_MOTION_ZONES 16
#define PT_MOTION_SETTLE_NS INT64_C(2000000000) /* nothing is told so long after the start and after a sudden change */

typedef struct {
	float x, y; /* 0..1 of the picture, from its top left */
} PtMotionPoint;

/* A polygon. */
typedef struct {
	bool exclude; /* nothing is looked for in it, whatever includes it */
	unsigned n;
	PtMotionPoint points[PT_MOTION_POINTS];
} PtMotionZone;

typedef struct {
	unsigned sensitivity;      /* 1..100; 50 is ordinary */
	int64_t hold_ns;           /* it stays active so long after the last movement */
	const PtMotionZone *zones; /* copied; without an including one the whole picture counts */
	size_t n_zones;
} PtMotionParams;

typedef struct {
	bool moving;                    /* in this picture */
	bool active;                    /* moving, or moved less than hold_ns ago */
	float left, top, right, bottom; /* 0..1: around what moves; zero when nothing does */
} PtMotionSeen;

typedef struct PtMotion PtMotion;
PtMotion *pt_motion_new(const PtMotionParams *params);
void pt_motion_free(PtMotion *motion); /* takes NULL */
/* luma: height rows of width bytes. Both are cut to whole blocks; another size than before begins anew. time_ns: when it was
 * captured; a picture that is not later than the one before changes nothing, unless the clock was set back by more than
 * ten seconds. */
void pt_motion_look(PtMotion *motion, const uint8_t *luma, unsigned width, unsigned height, int64_t time_ns,
                    PtMotionSeen *ret);
