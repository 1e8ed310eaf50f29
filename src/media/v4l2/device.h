/* The kernel's side of a camera: formats, buffers that are mapped, pictures with the time they were taken. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/v4l2/v4l2.h"

#define PT_V4L2_BUFFERS 4

typedef struct {
	int fd;          /* -1: closed */
	uint32_t pixels; /* V4L2_PIX_FMT_… */
	PtCodec codec;
	uint16_t width, height;
	unsigned n_sizes; /* that it can give in this form; some, when there are many */
	uint16_t widths[PT_SOURCE_SIZES], heights[PT_SOURCE_SIZES];
	bool has_mjpeg;
	unsigned n_buffers;
	struct {
		void *at;
		size_t size;
	} buffers[PT_V4L2_BUFFERS];
} PtV4l2Device;

typedef struct {
	const uint8_t *data;
	size_t size;
	int64_t mono_ns; /* when it was taken; 0: the driver does not say */
	unsigned index;
	bool damaged;
} PtV4l2Picture;

bool pt_v4l2_open(PtV4l2Device *d, const PtV4l2Location *want, GError **error);
void pt_v4l2_close(PtV4l2Device *d); /* harmless when closed */
/* 1: a picture, to be given back; 0: none now; -1 and an error: it is gone. */
int pt_v4l2_take(PtV4l2Device *d, PtV4l2Picture *ret, GError **error);
/* H.264 that it makes itself: a key frame, where the driver can. */
void pt_v4l2_force_key(PtV4l2Device *d);
void pt_v4l2_give_back(PtV4l2Device *d, const PtV4l2Picture *picture);
