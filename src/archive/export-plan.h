/* Between export.c, which puts a clip together and reads it, and export-plan.c, which decides what is in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/export.h"
#include "archive/feed.h"
#include "media/fmp4/progressive.h"

/* A run of bytes of the clip and where they are. */
typedef struct {
	uint64_t at; /* in the clip; known only when all is laid out */
	uint64_t offset;
	uint32_t size, file;
} PtPiece;

typedef struct {
	PtMp4Table *table;
	GArray *pieces; /* PtPiece, of each chunk in turn */
	GArray *firsts; /* guint: each chunk's first piece */
	int64_t last_duration;
} PtExportTrack;

void pt_export_track_init(PtExportTrack *track);
void pt_export_track_clear(PtExportTrack *track); /* harmless when not initialised */
/* prefix: bytes of the temporary file that go before the item's own; size 0: none. */
void pt_export_track_add(PtExportTrack *track, const PtFeedItem *item, int64_t prefix_offset, uint32_t prefix_size);

typedef struct {
	PtArchive *archive;
	const PtExportParams *params;
	PtFiles *files;
	GCancellable *cancellable;

	/* found by pt_export_plan(); times are ns since origin */
	int64_t origin_ns;
	PtExportTrack video, audio;
	int64_t first, show, end;
	PtCodec codec;
	bool converted;

	/* private to export-plan.c */
	int64_t begin;       /* pictures before it are not even looked at; 0: none are passed over */
	bool mixed, several; /* more than one codec; more than one format */
	PtFormat *prefix_of; /* whose parameter sets the prefix holds */
	int64_t prefix_offset;
	uint32_t prefix_size;
} PtExportPlan;

bool pt_export_plan(PtExportPlan *plan, GError **error);
