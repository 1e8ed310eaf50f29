/* ITU-T G.711: a sample of 16 bits as an octet of either law. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

uint8_t pt_g711_mu_law(int16_t sample);
uint8_t pt_g711_a_law(int16_t sample);
