/* The Huffman tables that MJPEG in RTP implies (RFC 2435 appendix B), for both ways. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The body of a DHT segment: class and id, 16 counts, symbols. */
typedef struct {
	const uint8_t *data;
	size_t size;
} PtJpegTable;

extern const PtJpegTable pt_jpeg_huffman[4]; /* luma DC, luma AC, chroma DC, chroma AC */
