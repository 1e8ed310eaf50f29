/* The segments of one HLS session and the playlist that names them (RFC 8216): which are listed, which are still kept for
 * those who have an older playlist, how much memory they may take. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PT_HLS_LISTED_MIN 3 /* segments that memory alone does not take out of the list */

typedef struct PtHlsList PtHlsList;

typedef struct {
	GBytes *bytes;
	GBytes *map;         /* the initialisation section from here on; NULL: as before. Not NULL for the first */
	int64_t wall_ns;     /* capture time of the first frame, ns UTC */
	int64_t duration_ns; /* > 0 */
	bool discontinuity;
} PtHlsSegment;

/* first: number of the first segment, and of its discontinuity. */
PtHlsList *pt_hls_list_new(uint64_t first, size_t bytes_max);
void pt_hls_list_free(PtHlsList *list); /* takes NULL */
/* Takes references of its own. What is too old or too much goes. */
void pt_hls_list_add(PtHlsList *list, const PtHlsSegment *segment);
/* The live pictures stopped: nothing is listed any more, and what comes next is a discontinuity. */
void pt_hls_list_stop(PtHlsList *list);
bool pt_hls_list_is_empty(const PtHlsList *list); /* nothing is listed */
/* The media playlist. query: what stands behind each name, "" or "?audio=1". Caller frees. */
char *pt_hls_list_text(const PtHlsList *list, const char *query);
/* What a name of the playlist stands for, borrowed; NULL: nothing, or nothing any more. */
GBytes *pt_hls_list_find(const PtHlsList *list, const char *name);
uint64_t pt_hls_list_next(const PtHlsList *list);   /* number of the segment that comes next */
unsigned pt_hls_list_target(const PtHlsList *list); /* EXT-X-TARGETDURATION, s; 0 before the first segment */
size_t pt_hls_list_bytes(const PtHlsList *list);
