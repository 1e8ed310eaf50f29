/* SPDX-License-Identifier: Apache-2.0 */
#include "media/h265.h"
#include "base/bytes.h"
#include <glib.h>

/* §7.3.3, sub_layers = sps_max_sub_layers_minus1 */
static void parse_profile_tier_level(PtBits *b, unsigned sub_layers, uint8_t ret[12]) {
	for (int i = 0; i < 12; i++)
		ret[i] = (uint8_t)pt_bits_get(b, 8);
	bool profile[8] = {0}, level[8] = {0};
	for (unsigned i = 0; i < sub_layers; i++) {
		profile[i] = pt_bits_get(b, 1);
		level[i] = pt_bits_get(b, 1);
	}
	if (sub_layers)
		pt_bits_skip(b, 2 * (8 - sub_layers));
	for (unsigned i = 0; i < sub_layers; i++)
		pt_bits_skip(b, (profile[i] ? 88 : 0) + (level[i] ? 8 : 0));
}

bool pt_h265_parse_sps(const void *nal, size_t size, PtH265Sps *ret) {
	PtBits b = pt_bits(nal, size, true);
	PtH265Sps s = {0};
	if ((pt_bits_get(&b, 16) >> 9 & 63) != PT_H265_SPS)
		return false;
	pt_bits_skip(&b, 4);
	s.sub_layers = (uint8_t)pt_bits_get(&b, 3);
	s.temporal_nested = (uint8_t)pt_bits_get(&b, 1);
	if (s.sub_layers > 6)
		return false;
	parse_profile_tier_level(&b, s.sub_layers, s.profile_tier_level);
	uint32_t id = pt_bits_ue(&b), chroma = pt_bits_ue(&b);
	bool separate = chroma == 3 && pt_bits_get(&b, 1);
	uint32_t width = pt_bits_ue(&b), height = pt_bits_ue(&b);
	if (b.bad || id > 15 || chroma > 3 || !width || !height || width > 16384 || height > 16384)
		return false;
	if (pt_bits_get(&b, 1)) { /* conformance window */
		uint32_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1, unit_y = chroma == 1 && !separate ? 2 : 1;
		uint64_t left = pt_bits_ue(&b), right = pt_bits_ue(&b), top = pt_bits_ue(&b), bottom = pt_bits_ue(&b);
		if (b.bad || (left + right) * unit_x >= width || (top + bottom) * unit_y >= height)
			return false;
		width -= (uint32_t)(left + right) * unit_x;
		height -= (uint32_t)(top + bottom) * unit_y;
	}
	uint32_t luma = pt_bits_ue(&b), chroma_depth = pt_bits_ue(&b);
	if (luma > 8 || chroma_depth > 8)
		return false;
	pt_bits_ue(&b); /* log2_max_pic_order_cnt_lsb */
	uint32_t reorder = 0;
	for (unsigned i = pt_bits_get(&b, 1) ? 0 : s.sub_layers; i <= s.sub_layers; i++) {
		pt_bits_ue(&b);
		reorder = pt_bits_ue(&b);
		pt_bits_ue(&b);
	}
	if (b.bad || reorder > 16)
		return false;
	s.id = (uint8_t)id;
	s.chroma_format = (uint8_t)chroma;
	s.bit_depth_luma = (uint8_t)(8 + luma);
	s.bit_depth_chroma = (uint8_t)(8 + chroma_depth);
	s.width = (uint16_t)width;
	s.height = (uint16_t)height;
	s.reorder = (uint8_t)reorder;
	*ret = s;
	return true;
}

bool pt_h265_put(PtParamSets *sets, const void *nal, size_t size) {
	PtBits b = pt_bits(nal, size, true);
	unsigned kind = pt_bits_get(&b, 16) >> 9 & 63;
	uint32_t id = 0;
	PtH265Sps sps;
	switch (kind) {
	case PT_H265_VPS:
		id = pt_bits_get(&b, 4);
		break;
	case PT_H265_SPS:
		if (!pt_h265_parse_sps(nal, size, &sps))
			return false;
		id = sps.id;
		break;
	case PT_H265_PPS:
		id = pt_bits_ue(&b);
		break;
	default:
		return false;
	}
	return !b.bad && id <= 63 && pt_param_sets_put(sets, (uint8_t)kind, (uint8_t)id, nal, size);
}

/* Annex E of ISO 14496-15: profile, compatibility bits reversed, tier and level, constraint bytes without trailing zeros. */
static void make_rfc6381(const uint8_t ptl[12], char *ret, size_t size) {
	uint32_t flags = (uint32_t)ptl[1] << 24 | (uint32_t)ptl[2] << 16 | (uint32_t)ptl[3] << 8 | ptl[4], reversed = 0;
	for (int i = 0; i < 32; i++)
		reversed |= (flags >> i & 1) << (31 - i);
	static const char *const spaces[] = {"", "A", "B", "C"};
	int n = g_snprintf(ret, size, "hvc1.%s%d.%X.%c%d", spaces[ptl[0] >> 6], ptl[0] & 31, reversed,
	                   ptl[0] & 32 ? 'H' : 'L', ptl[11]);
	int last = 10;
	while (last >= 5 && !ptl[last])
		last--;
	for (int i = 5; i <= last && (size_t)n + 4 < size; i++)
		n += g_snprintf(ret + n, size - (size_t)n, ".%X", ptl[i]);
}

PtFormat *pt_h265_format(const PtParamSets *sets) {
	static const uint8_t kinds[] = {PT_H265_VPS, PT_H265_SPS, PT_H265_PPS};
	const PtParamSet *first = pt_param_sets_first(sets, PT_H265_SPS);
	PtH265Sps sps;
	for (size_t i = 0; i < sizeof kinds; i++)
		if (!pt_param_sets_first(sets, kinds[i]))
			return NULL;
	if (!pt_h265_parse_sps(first->data, first->size, &sps))
		return NULL;
	PtFormat f = {
	    .codec = PT_CODEC_H265, .timescale = 90000, .width = sps.width, .height = sps.height, .reorder = sps.reorder};
	make_rfc6381(sps.profile_tier_level, f.rfc6381, sizeof f.rfc6381);
	PtBuf c = {0};
	pt_buf_u8(&c, 1);
	pt_buf_put(&c, sps.profile_tier_level, 12);
	pt_buf_u16(&c, 0xf000); /* min_spatial_segmentation_idc: unknown */
	pt_buf_u8(&c, 0xfc);    /* parallelismType: unknown */
	pt_buf_u8(&c, 0xfc | sps.chroma_format);
	pt_buf_u8(&c, (uint8_t)(0xf8 | (sps.bit_depth_luma - 8)));
	pt_buf_u8(&c, (uint8_t)(0xf8 | (sps.bit_depth_chroma - 8)));
	pt_buf_u16(&c, 0); /* average frame rate: not stated */
	pt_buf_u8(&c, (uint8_t)((sps.sub_layers + 1) << 3 | sps.temporal_nested << 2 | 3));
	pt_buf_u8(&c, sizeof kinds);
	for (size_t k = 0; k < sizeof kinds; k++) {
		pt_buf_u8(&c, 0x80 | kinds[k]);
		pt_buf_u16(&c, (uint16_t)pt_param_sets_count(sets, kinds[k]));
		for (unsigned i = 0; i < sets->n; i++)
			if (sets->sets[i].kind == kinds[k]) {
				pt_buf_u16(&c, sets->sets[i].size);
				pt_buf_put(&c, sets->sets[i].data, sets->sets[i].size);
			}
	}
	PtFormat *format = pt_format_new(&f, c.data, c.size);
	pt_buf_clear(&c);
	return format;
}
