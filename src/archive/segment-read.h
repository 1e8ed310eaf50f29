/* A segment's file read by its row: its samples at the archive's times, whatever the clock said when they were written, and
 * which of them count. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"
#include "media/fmp4/read.h"

/* Opens it; NULL: it is not there, or nothing in it is whole. The caller frees and closes both. */
PtMp4 *pt_segment_read(const char *root, const PtSegmentRow *row, int *ret_fd);
/* How many of its samples stand before those that count: what was fetched is to be decoded from there (fill.h). */
size_t pt_segment_lead(const PtMp4Track *track, const PtSegmentRow *row);
