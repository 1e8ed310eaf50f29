/* Cuts a live stream into the groups of samples that become HLS segments: each begins with a key frame, holes and changes of
 * format end it, what cannot be cut is named. Pure: no clock, no lock, no I/O. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/sample.h"
#include <glib.h>

#define PT_HLS_GROUP_S 20            /* the longest segment that is made */
#define PT_HLS_GROUP_MAX (12u << 20) /* and its bytes */

typedef struct {
	GPtrArray *video, *audio; /* PtSample references in decoding order. Video: one format, a key frame first. Audio: AAC;
	                             may be empty */
	int64_t last_duration;    /* of the last frame, ticks */
	size_t bytes;             /* of both */
	bool hole;                /* between the group before and this one something is missing, or time jumps */
} PtHlsGroup;

void pt_hls_group_free(PtHlsGroup *group); /* takes NULL */

/* Zero-initialise; set wants_audio before the first sample. */
typedef struct {
	bool wants_audio; /* the stream has sound: the first groups, some seconds at most, are let go until it is there */
	/* private */
	PtHlsGroup *open; /* NULL: a key frame has to come first */
	bool hole;        /* before what comes next */
	bool begun;       /* a group has been given */
	int64_t last_dts, last_wall, nominal;
	int64_t first_wall; /* of the first key frame; 0: none yet */
	const char *problem;
} PtHlsCut;

void pt_hls_cut_finish(PtHlsCut *cut);
/* Takes a reference to what it keeps. Returns the group that this sample has completed, or NULL. Caller frees. */
PtHlsGroup *pt_hls_cut_push(PtHlsCut *cut, PtSample *sample);
/* The stream has ended or another one takes its place: what is there, or NULL. */
PtHlsGroup *pt_hls_cut_break(PtHlsCut *cut);
/* Why this stream cannot be cut, with the remedy, or NULL. Static. */
const char *pt_hls_cut_problem(const PtHlsCut *cut);
