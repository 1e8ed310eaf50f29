/* What a device has compressed itself, made into samples: H.264 as Annex B, MJPEG, one buffer a picture. Knows no device, so
 * that it is tested with recorded buffers. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/nal.h"

typedef struct {
	PtCodec codec; /* H.264 or MJPEG */
	PtFormat *format;
	PtParamSets sets;
} PtV4l2Pictures;

/* Zero-initialise but for codec. */
void pt_v4l2_pictures_clear(PtV4l2Pictures *pictures);
/* The picture in a buffer, without times: the caller's reference. NULL: there is none that can be shown (yet): damaged, or
 * H.264 before its parameter sets. */
PtSample *pt_v4l2_picture(PtV4l2Pictures *pictures, const void *data, size_t size);
