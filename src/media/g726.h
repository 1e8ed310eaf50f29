/* G.726 (ADPCM at 8 kHz, 2 to 5 bits a code) and the two orders in which its codes fill octets: from the most significant
 * bit, as AAL2 (ITU-T I.366.2 annex E), WAVE files and FFmpeg have it and as samples here do; from the least significant
 * one, as RFC 3551 §4.5.4 has it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/sample.h"

/* Bits of a code, 2 to 5; 0: the format is not one of G.726. */
unsigned pt_g726_bits(const PtFormat *format);
/* A format of so many bits; the caller's reference. */
PtFormat *pt_g726_format(unsigned bits, uint32_t clock_rate);
/* Octets that hold whole codes: what a packet's size is a multiple of. */
static inline unsigned pt_g726_group(unsigned bits) { return bits == 3 || bits == 5 ? bits : 1; }
/* From one order to the other, whole groups; from and to may be the same. */
void pt_g726_to_msb_first(uint8_t *to, const uint8_t *from, size_t n, unsigned bits);
void pt_g726_to_lsb_first(uint8_t *to, const uint8_t *from, size_t n, unsigned bits);
