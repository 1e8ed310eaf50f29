/* H.264 parameter sets (ITU-T H.264 §7.3.2) and their decoder configuration record (ISO 14496-15 §5.3.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/nal.h"

enum {
	PT_H264_SLICE = 1,
	PT_H264_IDR = 5,
	PT_H264_SEI = 6,
	PT_H264_SPS = 7,
	PT_H264_PPS = 8,
	PT_H264_AUD = 9,
	PT_H264_END_SEQUENCE = 10,
	PT_H264_END_STREAM = 11,
	PT_H264_FILLER = 12,
};

typedef struct {
	uint8_t id, profile, constraints, level;
	uint8_t chroma_format, bit_depth_luma, bit_depth_chroma;
	uint16_t width, height; /* cropped, 1..16384 */
	int reorder;            /* max_num_reorder_frames, 0..16; -1: not stated */
} PtH264Sps;

/* A NAL unit with its header byte. False when it is damaged or over what any decoder takes. */
bool pt_h264_parse_sps(const void *nal, size_t size, PtH264Sps *ret);
/* Puts an SPS or PPS into the sets; false when it is neither, or unusable. */
bool pt_h264_put(PtParamSets *sets, const void *nal, size_t size);
/* NULL when an SPS or a PPS is missing. */
PtFormat *pt_h264_format(const PtParamSets *sets);
