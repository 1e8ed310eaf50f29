/* What the parts of one gap's fetch share: gap-fetch.c (from its begin to its end) and gap-probe.c (where, by the camera's
 * clock, the gap ends). Nobody else includes this. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/fill.h"
#include "archive/seam.h"
#include "base/clock.h"
#include "daemon/gap-fetch.h"

#define PT_GAP_MARGIN_NS (3 * PT_NS_PER_S) /* how far the camera's clock may be off from what was measured */
#define PT_GAP_ROUGH_NS (8 * PT_NS_PER_S)  /* where it was measured roughly */
#define PT_GAP_RECENT 256                  /* frames that are not taken again when a camera goes back and repeats them */

struct PtGapFetch {
	PtGapFetchParams p;
	char *camera, *stream, *url, *user, *password, *origin;

	/* loop's thread */
	GArray *before, *after; /* of PtSeamFrame: live footage, by the archive's clock */
	GArray *seen;           /* likewise: of the camera, by its clock */
	GHashTable *known;      /* hashes of what is in the archive and not to be taken for what lacks; NULL: nothing */
	GPtrArray *fetches;     /* of PtFetch, freed by free() */
	unsigned probed;        /* how many offsets were tried in vain */
	int64_t probe_offset;   /* the one that is tried */
	int64_t jump_end;       /* by the camera's clock: the first frame behind the gap, if ours was set; 0: not known */
	PtFill *fill;
	GPtrArray *held; /* of PtSample: until the seam is known */
	size_t held_bytes;
	bool seamed;                      /* it is */
	int64_t last_live, first_live;    /* by the camera's clock: decode times of the frames next to the gap */
	int64_t offset_begin, offset_end; /* the camera's clock less the archive's there */
	PtSeam seam, seam_end;
	int64_t last_decode, last_dts, nominal_ns;
	int64_t half_ns; /* of a frame's time: what is nearer to the gap's begin belongs to it */
	uint32_t last_scale;
	int64_t asked_ns;                           /* of the fetch that runs: from when on */
	int64_t came_ns, lead_ns, came_dts, latest; /* how much it sent of that and before it, the last and the latest */
	uint64_t recent[PT_GAP_RECENT];             /* hashes */
	unsigned n_recent;
	bool stepped, ended, reached_live, flagged_end, endless, axis_jumped;
	GError *error;
	bool over;

	GMutex lock;
	/* under lock */
	int64_t reached; /* on the archive's axis */
	PtFetch *running;
};

static inline int64_t margin_of(const PtGapFetch *g) { return g->p.offset_rough ? PT_GAP_ROUGH_NS : PT_GAP_MARGIN_NS; }

static inline int64_t decode_time(const PtSample *s) {
	return s->wall_ns - (s->pts - s->dts) * PT_NS_PER_S / s->format->timescale;
}

static inline const PtSeamFrame *frames_of(const GArray *a) { return (const PtSeamFrame *)(void *)a->data; }
/* Frames that are equal count where their time can be right. */
static inline bool is_likely(const PtGapFetch *g, const PtSeamFrame *theirs, const PtSeamFrame *ours, int64_t offset_ns) {
	int64_t apart = 2 * margin_of(g);
	if (g->p.step_ns)
		apart = MIN(apart, ABS(g->p.step_ns) / 2);
	return ABS(theirs->decode_ns - ours->decode_ns - offset_ns) <= apart;
}

static inline const PtSeamFrame *frame_at(const GArray *a, guint i) { return &g_array_index(a, PtSeamFrame, i); }

/* ---- gap-fetch.c, on the loop's thread ---- */
void pt_gap_finish(PtGapFetch *g);    /* it is over: puts in what came, and says so; g->error is why */
void pt_gap_fetch_all(PtGapFetch *g); /* the footage itself, when its end is known, or cannot be */
/* From the camera, [from, to) by its clock. */
void pt_gap_fetch_span(PtGapFetch *g, int64_t from, int64_t to, bool (*sample)(void *, PtSample *, const PtFetchFlags *),
                       void (*done)(void *, const GError *));
bool pt_gap_is_too_much(PtGapFetch *g, const PtSample *s);
bool pt_gap_is_repeated(PtGapFetch *g, const PtSample *s, uint64_t hash);

/* ---- gap-probe.c, likewise ---- */
void pt_gap_guard(PtGapFetch *g); /* against taking what the hub has for what it lacks; may move the gap's begin */
/* Looks for the frames behind the gap at the next offset at which they may stand, and goes on with the footage. */
void pt_gap_probe(PtGapFetch *g);
