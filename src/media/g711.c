/* SPDX-License-Identifier: Apache-2.0 */
#include "media/g711.h"
#include <glib.h>

uint8_t pt_g711_mu_law(int16_t sample) {
	int sign = sample < 0 ? 0x80 : 0, v = MIN(ABS((int)sample), 32635) + 132, exponent = 7;
	while (exponent > 0 && !(v & (128 << exponent)))
		exponent--;
	return (uint8_t) ~(sign | exponent << 4 | (v >> (exponent + 3) & 15));
}

uint8_t pt_g711_a_law(int16_t sample) {
	/* in one's complement, 13 bits: -1 is the first step below zero */
	int sign = sample < 0 ? 0 : 0x80, v = sample < 0 ? ~(int)sample >> 3 : sample >> 3, exponent = 7;
	while (exponent > 0 && !(v & (16 << exponent)))
		exponent--;
	int mantissa = v >> (exponent ? exponent : 1) & 15;
	return (uint8_t)((sign | exponent << 4 | mantissa) ^ 0x55);
}

int16_t pt_g711_from_mu_law(uint8_t octet) {
	unsigned bits = (uint8_t)~octet;
	int v = (int)(((bits & 15) << 3 | 132) << (bits >> 4 & 7)) - 132;
	return (int16_t)(bits & 0x80 ? -v : v);
}

int16_t pt_g711_from_a_law(uint8_t octet) {
	unsigned bits = octet ^ 0x55, exponent = bits >> 4 & 7;
	int v = (int)((bits & 15) << 4 | 8);
	if (exponent)
		v = (v + 256) << (exponent - 1);
	return (int16_t)(bits & 0x80 ? v : -v);
}
