/* Where fetched footage meets what was recorded live: the same encoder made both, so the same frames are in both, and a run
 * of them that is found on the other side says to the frame what is missing in between. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/sample.h"

/* A frame as far as finding it again goes. */
typedef struct {
	uint64_t hash;     /* pt_seam_hash() */
	int64_t decode_ns; /* by the clock of its side */
} PtSeamFrame;

/* Of what a picture or sound is, apart from what servers add or leave out on the way (parameter sets, delimiters, SEI). 0:
 * there is nothing in it. */
uint64_t pt_seam_hash(const PtSample *sample);

/* Finds `live` (frames of the archive that follow each other) in `fetched` (likewise): the index of fetched at which the
 * last (at_end) or the first of live stands; -1: nowhere. Frames of a still picture, and silence, look alike: the longest
 * run of equal frames counts, and among equally long ones the one nearest to expected_ns, by fetched's clock. */
int pt_seam_find(const PtSeamFrame *live, unsigned n_live, const PtSeamFrame *fetched, unsigned n_fetched, bool at_end,
                 int64_t expected_ns);
