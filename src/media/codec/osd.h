/* Text that is burnt into pictures: what, where, and how the time is written. Pure; pigtail-codec draws it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_OSD_MAX 8    /* texts in one picture */
#define PT_OSD_TEXT 256 /* bytes of one and its terminator */

typedef struct {
	/* Of the room that the text leaves in the picture, in thousandths from the left and from above: 0, 0 is the upper
	 * left corner, 1000, 1000 the lower right one. */
	uint16_t x, y;
	bool clock;             /* text is how the time is written: "yyyy-MM-dd HH:mm:ss" */
	char text[PT_OSD_TEXT]; /* UTF-8 */
} PtOsd;

typedef struct {
	unsigned n;
	int32_t utc_offset_s; /* of the clocks */
	PtOsd items[PT_OSD_MAX];
} PtOsdList;

/* The time in a pattern of d, M, y, H, h, m, s (once: as short as it goes, twice: two digits), dddd and MMMM (English
 * names), tt (AM, PM); anything else stands for itself. local_s: seconds since 1970, the offset from UTC added. Cut when it
 * is longer than size. */
void pt_osd_format(const char *pattern, int64_t local_s, char *ret, size_t size);
