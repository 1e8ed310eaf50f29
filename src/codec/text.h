/* Burns text into pictures, white on black. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/codec/osd.h"

/* Into planes of 4:2:0, limited range; width and height are even. Text that is too long gets smaller, and is cut where it
 * still is. */
void pt_text_draw(const PtOsdList *texts, int64_t wall_ns, int width, int height, uint8_t *const planes[3],
                  const int strides[3]);
