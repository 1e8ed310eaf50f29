/* H.265 parameter sets (ITU-T H.265 §7.3.2) and their decoder configuration record (ISO 14496-15 §8.3.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/nal.h"

enum {
	PT_H265_BLA = 16, /* 16..21 are random access points, 22 and 23 reserved ones */
	PT_H265_CRA = 21,
	PT_H265_VPS = 32,
	PT_H265_SPS = 33,
	PT_H265_PPS = 34,
	PT_H265_AUD = 35,
	PT_H265_END_SEQUENCE = 36,
	PT_H265_END_STREAM = 37,
	PT_H265_FILLER = 38,
};

typedef struct {
	uint8_t id, sub_layers, temporal_nested;
	uint8_t profile_tier_level[12]; /* general_*: 1 + 4 + 6 + 1 bytes as they stand */
	uint8_t chroma_format, bit_depth_luma, bit_depth_chroma;
	uint16_t width, height; /* cropped, 1..16384 */
	uint8_t reorder;        /* sps_max_num_reorder_pics of the highest layer, 0..16 */
} PtH265Sps;

/* A NAL unit with its header. False when it is damaged or over what any decoder takes. */
bool pt_h265_parse_sps(const void *nal, size_t size, PtH265Sps *ret);
/* Puts a VPS, SPS or PPS into the sets; false when it is none, or unusable. */
bool pt_h265_put(PtParamSets *sets, const void *nal, size_t size);
/* NULL when one of the three is missing. */
PtFormat *pt_h265_format(const PtParamSets *sets);
