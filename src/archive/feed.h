/* Footage of one series for an export: samples on one unbroken axis of time over segments and gaps, and the files that
 * they lie in, held open so that retention cannot take away what somebody is about to get. One thread at a time, except
 * where said. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "archive/reader.h"

/* ---- files ---- */

/* The files of an export, by number. Number 0 is an unlinked temporary file for what is made for it. */
typedef struct PtFiles PtFiles;

PtFiles *pt_files_new(const char *root);
void pt_files_free(PtFiles *files); /* takes NULL */
/* Its number; the first PT_FILES_HELD are kept open, later ones are opened whenever they are read. */
uint32_t pt_files_add(PtFiles *files, const char *path);
/* Appends to the temporary file; the offset where it lies, or -1 and an error (TOO_LARGE beyond PT_FILES_SCRATCH_MAX). */
int64_t pt_files_append(PtFiles *files, const void *data, size_t size, GError **error);
/* All of it or an error. From any thread. */
bool pt_files_read(PtFiles *files, uint32_t file, uint64_t offset, void *to, size_t size, GError **error);

#define PT_FILES_HELD 240
#define PT_FILES_SCRATCH_MAX (UINT64_C(4) << 30)

/* ---- samples ---- */

typedef struct {
	PtFormat *format; /* borrowed, until the next call */
	uint32_t file, size;
	uint64_t offset;
	int64_t dts, pts; /* ticks of format->timescale since the feed's origin; dts rises */
	int64_t duration; /* ticks to the next one if it follows closely */
	bool key;
	bool fresh; /* it may be far from the one before */
} PtFeedItem;

/* Members are private. */
typedef struct {
	PtReader *reader;
	PtFiles *files;
	int64_t origin_ns;
	PtFormat *format; /* of the sample before, a reference */
	int64_t offset;   /* ticks from the file's axis to the feed's */
	int64_t last_dts, expected;
	char *path;
	uint32_t file;
} PtFeed;

/* [from, to) as pt_reader_new(); origin_ns: wall time that is zero, at least an hour and a bit before from. files NULL: the
 * feed is only looked at, nothing of it is to be loaded. */
bool pt_feed_open(PtFeed *feed, PtArchive *archive, PtFiles *files, int64_t series, int64_t origin_ns, int64_t from_ns,
                  int64_t to_ns, GError **error);
void pt_feed_close(PtFeed *feed); /* harmless when not open */
/* 1: there is one, 0: the end, -1: error. */
int pt_feed_next(PtFeed *feed, PtFeedItem *ret, GError **error);
/* The item as a sample with the times of the feed. NULL and error when the disk fails. */
PtSample *pt_feed_load(const PtFeed *feed, const PtFeedItem *item, GError **error);

int64_t pt_feed_ticks(int64_t ns, int64_t scale); /* rounded; ns >= 0 */
int64_t pt_feed_ns(int64_t ticks, int64_t scale);
