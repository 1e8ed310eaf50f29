/* Reads footage back in order of time: from the key frame at or before an instant, over segments and gaps, without looking
 * at more of a file than its tables. For playback, export and whoever wants samples of the past. One thread at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"
#include "media/sample.h"

typedef struct PtReader PtReader;

/* Where a sample lies; its bytes are loaded when somebody wants them. Valid until the next call on the reader. */
typedef struct {
	const char *path; /* relative to the root */
	PtFormat *format; /* borrowed */
	uint64_t offset;
	uint32_t size;
	int64_t dts, pts; /* ticks, of its own file */
	int64_t duration; /* ticks to the next sample of the same file */
	int64_t wall_ns;  /* of its pts */
	bool key;
	bool plain; /* the bytes in the file are those of the sample, as in all files that the archive writes */
	bool fresh; /* first of a file, or after a hole: dts does not continue the one before */
} PtFootage;

/* [from, to): begins with the last key frame at or before from (or the first footage after it), ends with the last sample
 * whose time is before to. NULL and error when the index cannot be asked; no footage is no error. */
PtReader *pt_reader_new(PtStore *store, const char *root, int64_t series, int64_t from_ns, int64_t to_ns, GError **error);
void pt_reader_free(PtReader *reader); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtReader, pt_reader_free)

/* The next sample, or NULL at the end. A file that cannot be read is passed over and counted. */
const PtFootage *pt_reader_next(PtReader *reader);
/* Its bytes as a sample; NULL and error when the disk fails. Caller unrefs. */
PtSample *pt_reader_load(PtReader *reader, GError **error);
unsigned pt_reader_skipped(const PtReader *reader); /* files that could not be read */
