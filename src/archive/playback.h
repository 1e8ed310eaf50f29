/* Footage of the past as one fragmented MP4 on a page's time axis, for Media Source Extensions: what lies in a window of
 * time, from the key frame before it, gaps left open. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "base/bytes.h"

typedef struct {
	int64_t from_ns, to_ns; /* [from, to), at most a minute of video is worth asking for at once */
	int64_t epoch_ns;       /* capture time that is zero on the page's axis; <= from */
	size_t max_bytes;       /* stops at a fragment's end when this much is there */
} PtPlaybackWindow;

typedef struct {
	PtBuf bytes;              /* init segment and fragments; empty when there is no footage */
	PtFormat *format;         /* of all of it; a reference, NULL when empty */
	int64_t first_ns, end_ns; /* capture time of the first sample, and where this piece ends: ask on from here */
	bool more; /* it ended because the format changed or max_bytes was reached, not because the window did */
} PtPlayback;

/* stream: "main", "sub", "audio". Blocks on the disk. */
bool pt_playback_read(PtArchive *archive, const char *camera, const char *stream, const PtPlaybackWindow *window,
                      PtPlayback *ret, GError **error);
void pt_playback_clear(PtPlayback *playback);
