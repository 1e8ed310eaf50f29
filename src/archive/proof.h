/* The proof of recording: what share of a span there is of a series, where it is from, what is missing and why. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"

typedef struct {
	int64_t span_ns;                     /* asked for, up to what is written now */
	int64_t since_ns;                    /* from when on it counts: of the first footage that is kept, in the span */
	int64_t live_ns;                     /* recorded as it happened */
	int64_t fetched_ns;                  /* fetched from the camera's card later */
	int64_t other_ns;                    /* of that: in another quality than what was recorded live */
	int64_t missing_ns[PT_N_GAP_CAUSES]; /* by why; that of the hub's clock is not missing and stays 0 */
	int64_t unknown_ns;                  /* neither footage nor a gap: from before since_ns, or deleted as old */
	GArray *missing; /* PtGapRow, clipped to the span, end never 0: what of it is missing, in order of time */
} PtProof;

/* [from, to), or to now when that is earlier. */
bool pt_proof_make(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t now_ns, PtProof *ret,
                   GError **error);
void pt_proof_clear(PtProof *proof);
