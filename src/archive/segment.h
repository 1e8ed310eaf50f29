/* One segment file: created under its canonical name, appended to, synced, cut back to what is whole. The narrow interface
 * through which the archive reaches storage; it knows bytes, not boxes. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct PtSegment PtSegment;

/* Creates ROOT/CAMERA/STREAM/YYYY-MM-DD/HH-MM-SSZ.mp4, with "-2", "-3", … before ".mp4" where that name is taken. */
PtSegment *pt_segment_create(const char *root, const char *camera, const char *stream, int64_t start_ns, GError **error);
const char *pt_segment_path(const PtSegment *segment); /* relative to the root */
int64_t pt_segment_size(const PtSegment *segment);     /* bytes written whole */

/* All of it or none: on an error the file is cut back to what it was. The vectors are used up. */
bool pt_segment_append(PtSegment *segment, struct iovec *iov, size_t n, GError **error);
/* Starts writing back without waiting, so that the syncs of many files overlap. */
void pt_segment_start_sync(PtSegment *segment, int64_t size);
/* Waits until the first size bytes (and, the first time, the directory entry) are on the medium; end_ns: how far the footage
 * in them reaches. It may be appended to meanwhile. What failed once is never taken for synced later: the system may have
 * thrown away what it could not write. Such a segment stays as it was last synced, and further calls succeed at that. */
bool pt_segment_sync(PtSegment *segment, int64_t size, int64_t end_ns, GError **error);
/* The same for all segments of one file system at once, where that one is known to do it: then each is to be told with
 * pt_segment_was_synced. False: it cannot, or it failed and each has to be asked. */
bool pt_segment_sync_all(const PtSegment *any);
void pt_segment_was_synced(PtSegment *segment, int64_t size, int64_t end_ns);
int64_t pt_segment_synced_size(const PtSegment *segment);   /* what the last good sync covered; 0: there was none */
int64_t pt_segment_synced_end_ns(const PtSegment *segment); /* and how far it reaches */
/* Cuts the file back to what the last good sync covered, as far as that still works; for when syncing fails. What never was
 * synced is removed. */
void pt_segment_cut_to_synced(PtSegment *segment);
/* False when the file has been unlinked or its directory has vanished. */
bool pt_segment_still_there(const PtSegment *segment);
void pt_segment_close(PtSegment *segment); /* does not sync; takes NULL */

/* Names that become directories: a-z 0-9 _ -, not empty, at most 64 bytes. */
bool pt_segment_name_is_safe(const char *name);
