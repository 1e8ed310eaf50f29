/* Draws the test picture of doc/ref/test-picture.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

typedef struct PtPicture PtPicture;

PtPicture *pt_picture_new(int width, int height);
/* Into planes of 4:2:0, limited range. */
void pt_picture_draw(PtPicture *picture, int64_t wall_ns, int64_t frame, uint8_t *const planes[3], const int strides[3]);
