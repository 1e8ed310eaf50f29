/* Reads MP4 files, progressive and fragmented, ours and anybody's: tracks, formats and where each sample lies. A file cut
 * short is no error as long as its moov is whole: what is whole is given. Writing is write.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"
#include "media/sample.h"
#include <stdio.h>

typedef struct {
	uint64_t offset;  /* in the file */
	uint32_t size;    /* bytes; 1..PT_SAMPLE_MAX is what pt_mp4_load takes */
	int64_t dts, pts; /* ticks of the track's format; the edit list is applied, so pts 0 is where a player starts and
	                     what is decoded but not shown lies before it */
	int64_t wall_ns;  /* of pts, ns UTC, by the prft box before its fragment; 0 when the file has none */
	bool key;
} PtMp4Sample;

typedef struct {
	PtFormat
	    *format; /* timescale as everywhere in the house: 90000 for video and metadata, the sampling rate for audio */
	PtMp4Sample *samples; /* in decoding order */
	size_t n_samples;
	uint32_t track_id;
	/* private */
	uint8_t nal_size; /* bytes of a NAL unit's length in the file; 0: no NAL units */
} PtMp4Track;

typedef struct {
	PtMp4Track *tracks; /* those whose codec the house knows; others are left out */
	size_t n_tracks;
	uint64_t whole_size; /* fragmented: end of the last whole fragment (moof and mdat complete), or of the moov before
	                        the first; progressive: the file's size */
	bool fragmented;
	char *comment; /* what it says of itself, valid UTF-8, of at most 1000 bytes; NULL: nothing */
} PtMp4;

/* Reads with pread; the file's position does not move. Memory is bounded by the file's size. NULL and an error when there is
 * no whole moov (PT_ERROR_INVALID) or the disk fails (PT_ERROR_DISK). The first fragment that is cut short or lies ends the
 * reading without an error. Caller frees. */
PtMp4 *pt_mp4_read(int fd, GError **error);
void pt_mp4_free(PtMp4 *mp4); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtMp4, pt_mp4_free)

/* For people: a line for the file and one per track. */
void pt_mp4_print(const PtMp4 *mp4, FILE *out);

/* One sample with its track's index, times, key flag and format. Caller unrefs. */
PtSample *pt_mp4_load(PtMp4 *mp4, int fd, size_t track, size_t index, GError **error);
