/* SPDX-License-Identifier: Apache-2.0 */
#include "media/h264.h"
#include "base/bytes.h"
#include <glib.h>

static bool is_high(uint8_t profile) {
	static const uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
	return memchr(high, profile, sizeof high) != NULL;
}

static void skip_scaling_list(PtBits *b, unsigned size) {
	int last = 8, next = 8;
	for (unsigned i = 0; i < size && !b->bad; i++) {
		if (next)
			next = (last + pt_bits_se(b)) & 255;
		last = next ? next : last;
	}
}

static void skip_hrd(PtBits *b) {
	unsigned n = pt_bits_ue(b) + 1;
	pt_bits_skip(b, 8);
	for (; n && !b->bad; n--) {
		pt_bits_ue(b);
		pt_bits_ue(b);
		pt_bits_skip(b, 1);
	}
	pt_bits_skip(b, 20);
}

/* §E.1.1: max_num_reorder_frames, or -1. */
static int parse_vui(PtBits *b) {
	if (pt_bits_get(b, 1) && pt_bits_get(b, 8) == 255) /* aspect ratio, Extended_SAR */
		pt_bits_skip(b, 32);
	if (pt_bits_get(b, 1)) /* overscan */
		pt_bits_skip(b, 1);
	if (pt_bits_get(b, 1)) { /* video signal type */
		pt_bits_skip(b, 4);
		if (pt_bits_get(b, 1))
			pt_bits_skip(b, 24);
	}
	if (pt_bits_get(b, 1)) { /* chroma location */
		pt_bits_ue(b);
		pt_bits_ue(b);
	}
	if (pt_bits_get(b, 1)) /* timing */
		pt_bits_skip(b, 65);
	bool nal_hrd = pt_bits_get(b, 1);
	if (nal_hrd)
		skip_hrd(b);
	bool vcl_hrd = pt_bits_get(b, 1);
	if (vcl_hrd)
		skip_hrd(b);
	if (nal_hrd || vcl_hrd)
		pt_bits_skip(b, 1);
	pt_bits_skip(b, 1);
	if (!pt_bits_get(b, 1)) /* bitstream restriction */
		return -1;
	pt_bits_skip(b, 1);
	for (int i = 0; i < 4; i++)
		pt_bits_ue(b);
	uint32_t reorder = pt_bits_ue(b);
	return b->bad || reorder > 16 ? -1 : (int)reorder;
}

bool pt_h264_parse_sps(const void *nal, size_t size, PtH264Sps *ret) {
	PtBits b = pt_bits(nal, size, true);
	PtH264Sps s = {.chroma_format = 1, .bit_depth_luma = 8, .bit_depth_chroma = 8};
	bool separate = false;
	if ((pt_bits_get(&b, 8) & 31) != PT_H264_SPS)
		return false;
	s.profile = (uint8_t)pt_bits_get(&b, 8);
	s.constraints = (uint8_t)pt_bits_get(&b, 8);
	s.level = (uint8_t)pt_bits_get(&b, 8);
	uint32_t id = pt_bits_ue(&b);
	if (is_high(s.profile)) {
		uint32_t chroma = pt_bits_ue(&b);
		if (chroma > 3)
			return false;
		s.chroma_format = (uint8_t)chroma;
		if (chroma == 3)
			separate = pt_bits_get(&b, 1);
		uint32_t luma = pt_bits_ue(&b), chroma_depth = pt_bits_ue(&b);
		if (luma > 6 || chroma_depth > 6)
			return false;
		s.bit_depth_luma = (uint8_t)(8 + luma);
		s.bit_depth_chroma = (uint8_t)(8 + chroma_depth);
		pt_bits_skip(&b, 1);
		if (pt_bits_get(&b, 1))
			for (unsigned i = 0; i < (chroma == 3 ? 12 : 8); i++)
				if (pt_bits_get(&b, 1))
					skip_scaling_list(&b, i < 6 ? 16 : 64);
	}
	pt_bits_ue(&b); /* log2_max_frame_num */
	uint32_t poc_type = pt_bits_ue(&b);
	if (poc_type == 0) {
		pt_bits_ue(&b);
	} else if (poc_type == 1) {
		pt_bits_skip(&b, 1);
		pt_bits_se(&b);
		pt_bits_se(&b);
		uint32_t cycle = pt_bits_ue(&b);
		for (; cycle && cycle < 256 && !b.bad; cycle--)
			pt_bits_se(&b);
	}
	pt_bits_ue(&b); /* max_num_ref_frames */
	pt_bits_skip(&b, 1);
	uint32_t width = pt_bits_ue(&b), height = pt_bits_ue(&b), frame_only = pt_bits_get(&b, 1);
	if (b.bad || id > 31 || poc_type > 2 || width > 1023 || height > 1023)
		return false;
	width = (width + 1) * 16;
	height = (height + 1) * 16 * (2 - frame_only);
	if (!frame_only)
		pt_bits_skip(&b, 1);
	pt_bits_skip(&b, 1);
	if (pt_bits_get(&b, 1)) { /* cropping, Table 6-1 */
		bool mono = s.chroma_format == 0 || separate;
		uint32_t unit_x = mono || s.chroma_format == 3 ? 1 : 2;
		uint32_t unit_y = (mono || s.chroma_format > 1 ? 1 : 2) * (2 - frame_only);
		uint64_t left = pt_bits_ue(&b), right = pt_bits_ue(&b), top = pt_bits_ue(&b), bottom = pt_bits_ue(&b);
		if (b.bad || (left + right) * unit_x >= width || (top + bottom) * unit_y >= height)
			return false;
		width -= (uint32_t)(left + right) * unit_x;
		height -= (uint32_t)(top + bottom) * unit_y;
	}
	if (b.bad || height > 16384)
		return false;
	s.id = (uint8_t)id;
	s.width = (uint16_t)width;
	s.height = (uint16_t)height;
	s.reorder = pt_bits_get(&b, 1) ? parse_vui(&b) : -1;
	if (poc_type == 2 || s.profile == 66)
		s.reorder = 0; /* output order is decoding order */
	*ret = s;
	return true;
}

bool pt_h264_put(PtParamSets *sets, const void *nal, size_t size) {
	PtBits b = pt_bits(nal, size, true);
	unsigned kind = pt_bits_get(&b, 8) & 31;
	if (kind == PT_H264_SPS) {
		PtH264Sps sps;
		return pt_h264_parse_sps(nal, size, &sps) && pt_param_sets_put(sets, PT_H264_SPS, sps.id, nal, size);
	}
	uint32_t id = pt_bits_ue(&b);
	return kind == PT_H264_PPS && !b.bad && id <= 255 && pt_param_sets_put(sets, PT_H264_PPS, (uint8_t)id, nal, size);
}

static void put_kind(PtBuf *out, const PtParamSets *sets, uint8_t kind) {
	for (unsigned i = 0; i < sets->n; i++)
		if (sets->sets[i].kind == kind) {
			pt_buf_u16(out, sets->sets[i].size);
			pt_buf_put(out, sets->sets[i].data, sets->sets[i].size);
		}
}

PtFormat *pt_h264_format(const PtParamSets *sets) {
	const PtParamSet *first = pt_param_sets_first(sets, PT_H264_SPS);
	PtH264Sps sps;
	if (!first || !pt_param_sets_first(sets, PT_H264_PPS) || !pt_h264_parse_sps(first->data, first->size, &sps))
		return NULL;
	PtFormat f = {.codec = PT_CODEC_H264,
	              .timescale = 90000,
	              .width = sps.width,
	              .height = sps.height,
	              .reorder = (uint8_t)MAX(sps.reorder, 0)};
	g_snprintf(f.rfc6381, sizeof f.rfc6381, "avc1.%02x%02x%02x", sps.profile, sps.constraints, sps.level);
	PtBuf c = {0};
	pt_buf_u8(&c, 1);
	pt_buf_u8(&c, sps.profile);
	pt_buf_u8(&c, sps.constraints);
	pt_buf_u8(&c, sps.level);
	pt_buf_u8(&c, 0xff); /* lengths of four bytes */
	pt_buf_u8(&c, (uint8_t)(0xe0 | MIN(pt_param_sets_count(sets, PT_H264_SPS), 31)));
	put_kind(&c, sets, PT_H264_SPS);
	pt_buf_u8(&c, (uint8_t)pt_param_sets_count(sets, PT_H264_PPS));
	put_kind(&c, sets, PT_H264_PPS);
	if (is_high(sps.profile)) {
		pt_buf_u8(&c, 0xfc | sps.chroma_format);
		pt_buf_u8(&c, (uint8_t)(0xf8 | (sps.bit_depth_luma - 8)));
		pt_buf_u8(&c, (uint8_t)(0xf8 | (sps.bit_depth_chroma - 8)));
		pt_buf_u8(&c, 0);
	}
	PtFormat *format = pt_format_new(&f, c.data, c.size);
	pt_buf_clear(&c);
	return format;
}
