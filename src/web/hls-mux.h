/* Groups of samples to the pieces that HLS sends (RFC 8216 §3.3): picture and sound in one fragment, on one time axis that
 * follows capture times and keeps its pace from segment to segment. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "web/hls-cut.h"

enum { PT_HLS_VIDEO, PT_HLS_AUDIO, PT_HLS_TRACKS };

/* Zero-initialise. */
typedef struct {
	/* private */
	PtFormat *formats[PT_HLS_TRACKS]; /* of the initialisation section in force; audio NULL: there is none */
	int64_t offsets[PT_HLS_TRACKS];   /* ticks to add to dts for the axis */
	int64_t ends[PT_HLS_TRACKS];      /* before which nothing more may stand, ticks of the axis */
	bool placed[PT_HLS_TRACKS];
	int64_t zero_ns; /* capture time that is zero on the axis */
	int64_t audio_step;
	uint32_t sequence;
} PtHlsMux;

typedef struct {
	PtBuf bytes;        /* styp, moof, mdat */
	PtBuf map;          /* ftyp, moov: the initialisation section from here on; empty: as before */
	bool discontinuity; /* EXT-X-DISCONTINUITY before it; never true for the first */
	int64_t wall_ns;    /* capture time of its first frame, ns UTC */
	int64_t duration_ns;
} PtHlsPiece;

/* Caller clears both buffers. */
void pt_hls_mux_group(PtHlsMux *mux, const PtHlsGroup *group, PtHlsPiece *ret);
void pt_hls_mux_finish(PtHlsMux *mux);
