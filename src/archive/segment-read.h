/* A segment's file read by its row: its samples at the archive's times, whatever the clock said when they were written, and
 * which of them count. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"
#include "media/fmp4/read.h"

#define PT_HOLE_NS (INT64_C(500) * 1000 * 1000) /* more than this between two samples: footage is missing */

/* Opens it; NULL: it is not there, or nothing in it is whole. The caller frees and closes both. */
PtMp4 *pt_segment_read(const char *root, const PtSegmentRow *row, int *ret_fd);
/* How many of its samples are passed over behind footage that ends at reached_ns (0: there is none). What was fetched is
 * decoded from samples before those that count (fill.h): right behind that footage they are there already, behind a hole
 * they are not. */
size_t pt_segment_lead(const PtMp4Track *track, const PtSegmentRow *row, int64_t reached_ns);
