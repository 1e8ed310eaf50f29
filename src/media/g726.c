/* SPDX-License-Identifier: Apache-2.0 */
#include "media/g726.h"
#include <glib.h>

unsigned pt_g726_bits(const PtFormat *f) {
	unsigned bits = f->codec == PT_CODEC_G726 && f->config_size == 1 ? f->config[0] : 0;
	return bits >= 2 && bits <= 5 ? bits : 0;
}

PtFormat *pt_g726_format(unsigned bits, uint32_t clock_rate) {
	PtFormat f = {.codec = PT_CODEC_G726, .timescale = clock_rate, .sample_rate = clock_rate, .channels = 1};
	uint8_t config = (uint8_t)bits;
	return pt_format_new(&f, &config, 1);
}

void pt_g726_to_msb_first(uint8_t *to, const uint8_t *from, size_t n, unsigned bits) {
	unsigned group = pt_g726_group(bits), codes = group * 8 / bits;
	for (size_t at = 0; at + group <= n; at += group) {
		uint64_t in = 0, out = 0;
		for (unsigned i = 0; i < group; i++)
			in |= (uint64_t)from[at + i] << 8 * i;
		for (unsigned i = 0; i < codes; i++)
			out = out << bits | (in >> i * bits & ((1u << bits) - 1));
		for (unsigned i = 0; i < group; i++)
			to[at + i] = (uint8_t)(out >> 8 * (group - 1 - i));
	}
}

void pt_g726_to_lsb_first(uint8_t *to, const uint8_t *from, size_t n, unsigned bits) {
	unsigned group = pt_g726_group(bits), codes = group * 8 / bits;
	for (size_t at = 0; at + group <= n; at += group) {
		uint64_t in = 0, out = 0;
		for (unsigned i = 0; i < group; i++)
			in = in << 8 | from[at + i];
		for (unsigned i = 0; i < codes; i++)
			out |= (in >> (codes - 1 - i) * bits & ((1u << bits) - 1)) << i * bits;
		for (unsigned i = 0; i < group; i++)
			to[at + i] = (uint8_t)(out >> 8 * i);
	}
}
