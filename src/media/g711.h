/* ITU-T G.711: a sample of 16 bits as an octet of either law, and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

uint8_t pt_g711_mu_law(int16_t sample);
uint8_t pt_g711_a_law(int16_t sample);
int16_t pt_g711_from_mu_law(uint8_t octet);
int16_t pt_g711_from_a_law(uint8_t octet);
