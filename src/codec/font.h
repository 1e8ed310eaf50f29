/* A font of 5x7 dots: ASCII, what Western texts need besides, and accents that are put on letters. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* Seven rows from above, the leftmost dot in bit 4; a box for what it does not know. */
const uint8_t *pt_font_glyph(uint32_t c);
/* Two rows of a combining character (Unicode, "Combining Diacritical Marks"), or NULL. */
const uint8_t *pt_font_mark(uint32_t c);
