/* The moov of a progressive MP4 file (ISO 14496-12 §8): sample tables that grow as samples are named, an edit list per
 * track, chunks of about a second of each track in turn, and all of it before the samples, so that a player can begin while
 * the rest is still on its way. Knows where bytes are to lie, never the bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "media/sample.h"

/* One track. A few bytes per sample are kept, about 4 at a steady frame rate and 20 at worst. */
typedef struct PtMp4Table PtMp4Table;

PtMp4Table *pt_mp4_table_new(void);
void pt_mp4_table_free(PtMp4Table *table); /* takes NULL */

/* The next sample in decoding order. dts, pts: ticks of format->timescale, which is the same for all samples of a track;
 * dts has to rise, by at most INT32_MAX. A format other than the last one's gets a sample description of its own. Returns
 * true when the sample begins a new chunk. */
bool pt_mp4_table_add(PtMp4Table *table, PtFormat *format, uint32_t size, int64_t dts, int64_t pts, bool key);

size_t pt_mp4_table_samples(const PtMp4Table *table);
size_t pt_mp4_table_chunks(const PtMp4Table *table);
unsigned pt_mp4_table_formats(const PtMp4Table *table); /* sample descriptions */
int64_t pt_mp4_table_last_dts(const PtMp4Table *table); /* of the newest sample; only when there is one */

typedef struct {
	PtMp4Table *table;     /* with at least one sample; zero of its axis is that of all tracks, times are >= 0 */
	int64_t last_duration; /* ticks, of the last sample */
} PtMp4MovieTrack;

typedef struct {
	const PtMp4MovieTrack *tracks;
	size_t n_tracks;    /* 1..PT_MP4_MOVIE_TRACKS */
	int64_t show_ns;    /* where playback begins and ends, on the shared axis: the edit lists; what lies outside */
	int64_t end_ns;     /* is in the file and not shown */
	int64_t created_ns; /* ns UTC */
	const char *title, *comment; /* UTF-8, as players show them; may be NULL */
} PtMp4Movie;

#define PT_MP4_MOVIE_TRACKS 4

/* Where a chunk lies in the finished file. */
typedef struct {
	uint32_t track, chunk; /* both from 0 */
	uint64_t offset, size;
} PtMp4Place;

/* Appends ftyp, moov and the header of mdat. ret_places: chunks in the order of the file, to be freed with g_free(), as
 * many as all tables have together. Returns the size of the whole file. */
uint64_t pt_mp4_write_movie(PtBuf *out, const PtMp4Movie *movie, PtMp4Place **ret_places);
