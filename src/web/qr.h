/* QR codes, for a page and for a terminal. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* NULL: the text is too long for one. Caller frees. */
char *pt_qr_svg(const char *text);
/* Lines of half blocks, two rows of squares each. colours: dark on light whatever the terminal's own; else the light squares
 * are what is written, as for a dark terminal. */
char *pt_qr_text(const char *text, bool colours);
