/* Footage that was fetched later, on its way into a gap: segments like those that were recorded live, which say of
 * themselves where they are from (P4). Each begins with what it has to be decoded from, although that stands in the segment
 * before as well: the index (and the file's comment) says from when on it counts, and the archive's readers pass over the
 * rest. A segment is there when it is whole and on the medium, or not at all. One thread at a time; blocks on the disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"

typedef struct PtFill PtFill;

typedef struct {
	const char *camera, *stream; /* the series */
	int64_t from_ns, to_ns;      /* the gap */
	bool joined;                 /* the first that counts follows the frame before the gap: nothing is between them */
	const char *origin;          /* the camera's own identifiers: "serial 1234, recording Rec1, track VIDEO001" */
} PtFillParams;

typedef struct {
	uint64_t frames, bytes; /* that are in the archive now */
	int64_t end_ns;         /* how far it is filled; 0: nothing is */
} PtFillStats;

PtFill *pt_fill_new(PtArchive *archive, const PtFillParams *params, GError **error);
/* The next sample in decoding order, at its place on the archive's axis. shown: it counts; one that does not is kept for
 * what follows to be decoded from. What cannot be decoded since no key came before it is left out. */
bool pt_fill_add(PtFill *fill, PtSample *sample, int64_t decode_ns, bool shown, GError **error);
/* Something is missing before the next sample. decodable: nothing was lost, there was nothing for a while: the next one can
 * be decoded from what came before, which the next segment then begins with. */
bool pt_fill_hole(PtFill *fill, bool decodable, GError **error);
/* What was added is in the archive when it returns. reached: the next frame is the one behind the gap. */
bool pt_fill_commit(PtFill *fill, bool reached, GError **error);
void pt_fill_get_stats(const PtFill *fill, PtFillStats *ret);
void pt_fill_free(PtFill *fill); /* what was not committed is gone; takes NULL */

/* From a file's comment: since when it counts, and whether it is of another quality; false: it was not fetched. */
bool pt_fill_read_comment(const char *comment, int64_t *ret_start_ns, bool *ret_other);
