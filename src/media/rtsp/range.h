/* The Range header (RFC 2326 §12.29): spans of wall time (§3.7) and of play time (§3.6). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	bool clock; /* the times are ns since 1970 UTC; else ns since the recording's begin */
	bool has_from, has_to;
	int64_t from_ns, to_ns;
} PtRtspRange;

/* "clock=20090615T114900.440Z-", "npt=12.5-30", "npt=0:00:10-". "now" is no time. False: not one of these. */
bool pt_rtsp_range_parse(const char *text, PtRtspRange *ret);
/* "20090615T114900.440000Z". Caller frees. */
char *pt_rtsp_clock_format(int64_t wall_ns);
