/* Looks at a stream for motion: a sink that gives its frames to a process of pigtail-codec, takes small grey pictures back
 * and shows them to the detector (media/motion.h). A process that dies is started again; whatever keeps it from seeing is
 * said. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/loop.h"
#include "media/motion.h"
#include "media/stream.h"

typedef enum {
	PT_EYE_BLIND, /* there are no pictures to look at, and the reason says why */
	PT_EYE_STILL,
	PT_EYE_MOTION,
} PtEyeState;

typedef struct {
	PtEyeState state;
	bool found;         /* the first that is known: a state, nothing that happened */
	const char *reason; /* BLIND: a sentence; else NULL */
	PtMotionSeen where; /* MOTION */
	int64_t wall_ns;    /* when it was captured */
} PtEyeNews;

typedef struct PtEye PtEye;
/* Each change of state, on the loop's thread, at times with the stream locked: must not block nor touch sinks. Frames that
 * never come are told of after ten seconds. */
typedef void (*PtEyeFn)(const PtEyeNews *news, void *user);

/* loop: the one whose thread pushes into the stream. Keeps a reference to the stream. */
PtEye *pt_eye_new(PtLoop *loop, PtStream *stream, const PtMotionParams *params, PtEyeFn fn, void *user);
/* Not from the loop's thread; when it returns nothing is told any more. Takes NULL. */
void pt_eye_free(PtEye *eye);
PtStream *pt_eye_stream(PtEye *eye); /* borrowed */

typedef struct {
	PtEyeState state;
	char reason[200];
	uint64_t pictures;     /* looked at */
	unsigned restarts;     /* of the process */
	int64_t moved_wall_ns; /* when something last moved; 0: never */
} PtEyeView;
void pt_eye_view(PtEye *eye, PtEyeView *ret); /* any thread */
