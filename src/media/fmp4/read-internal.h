/* What the parts of the MP4 reader share: boxes and the track while it is being read. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "media/fmp4/read.h"

#define PT_MP4_TRACKS_MAX 16
#define PT_MP4_TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct {
	uint32_t id;
	uint32_t timescale; /* of the file */
	PtFormat *values;   /* codec and so on; the format is made of it in the end */
	PtBuf config;
	uint8_t nal_size;
	bool usable;
	GArray *samples;    /* PtMp4Sample, in the file's timescale, without the edit list */
	int64_t edit_empty; /* movie timescale */
	int64_t edit_start; /* file's timescale */
	/* of trex */
	uint32_t default_duration, default_size, default_flags;
	int64_t next_dts;
} PtMp4Work;

typedef struct {
	uint64_t file_size;
	size_t budget; /* how many more samples a file of this size may have */
	uint32_t movie_timescale;
	bool fragmented;
	PtMp4Work tracks[PT_MP4_TRACKS_MAX];
	unsigned n_tracks;
	char *comment;
} PtMp4Reader;

/* The next box of a run of boxes; false at the end or when the size lies (then boxes->bad). */
bool pt_mp4_next_box(PtBytes *boxes, uint32_t *ret_type, PtBytes *ret_body);
/* The first box of that type; false when there is none. */
bool pt_mp4_find_box(PtBytes boxes, uint32_t type, PtBytes *ret_body);
/* Fills codec, size, config of the track from the body of stsd. Leaves it unusable when the codec is not ours. */
void pt_mp4_read_entries(PtMp4Work *track, PtBytes stsd);
/* Size and reordering as the parameter sets state them: sets the size, returns the reordering or -1 when none is stated. For
 * a format that nobody else has yet. */
int pt_mp4_refine_format(PtFormat *format);
/* The tracks, their formats and their sample tables from the body of moov. */
bool pt_mp4_read_moov(PtMp4Reader *reader, PtBytes moov, GError **error);
/* False when the budget is spent: the tables lie. */
bool pt_mp4_add_sample(PtMp4Reader *reader, PtMp4Work *track, const PtMp4Sample *sample);
