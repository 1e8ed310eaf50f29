/* Boxes of the ISO base media file format as the archive, live viewers and exports write them (ISO 14496-12, -14, -15,
 * Opus in ISOBMFF 1.0). Fills buffers; opens no files. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "media/sample.h"

/* ftyp and moov of a fragmented file; the tracks get ids 1..n in the order given. created_ns: ns UTC. comment: shown by
 * players where they show what a file says of itself; NULL: none. */
void pt_mp4_write_init(PtBuf *out, PtFormat *const *formats, size_t n, int64_t created_ns, const char *comment);

typedef struct {
	uint32_t sequence; /* mfhd, rising from 1 within a file */
	uint32_t track_id;
	int64_t base_dts; /* decode time of the first sample on the file's own axis, ticks >= 0 */
	int64_t wall_ns;  /* capture time of the first sample, ns UTC: written as prft (producer reference time) */
} PtFragmentHead;

/* prft, moof and the header of mdat for n samples of one track; their bytes are to follow in order. durations: ticks.
 * Composition offsets come from pts - dts and may be negative (trun version 1). */
void pt_mp4_write_fragment(PtBuf *out, const PtFragmentHead *head, PtSample *const *samples, const uint32_t *durations,
                           size_t n);

/* The stsd box alone, for the tables of a progressive file. */
void pt_mp4_write_stsd(PtBuf *out, const PtFormat *format);
/* ftyp; mdia up to stsd's siblings is composed by progressive.c with these. */
size_t pt_mp4_box_begin(PtBuf *out, const char type[4]); /* returns what pt_mp4_box_end wants */
size_t pt_mp4_fullbox_begin(PtBuf *out, const char type[4], uint8_t version, uint32_t flags);
void pt_mp4_box_end(PtBuf *out, size_t begin);
void pt_mp4_write_mvhd(PtBuf *out, uint32_t timescale, uint64_t duration, uint32_t next_track, int64_t created_ns);
void pt_mp4_write_tkhd(PtBuf *out, const PtFormat *format, uint32_t track_id, uint64_t duration, int64_t created_ns);
void pt_mp4_write_media_heads(PtBuf *out, const PtFormat *format, uint64_t duration, int64_t created_ns); /* mdhd, hdlr */
void pt_mp4_write_minf_heads(PtBuf *out, const PtFormat *format); /* vmhd/smhd/nmhd, dinf */
