/* A source that is a camera on this machine (V4L2): "v4l2:/dev/video0?size=1280x720&fps=15&gop=2s&bitrate=2M". What it
 * compresses itself (H.264, MJPEG) is taken as it comes; raw pictures, and MJPEG where H.264 is asked for, become H.264 in
 * pigtail-codec. A device that is unplugged is lost, and live when it is back. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/source.h"

extern const PtSourceOps pt_v4l2_source;

/* What the device is to give. */
typedef enum { PT_V4L2_FROM_ANY, PT_V4L2_FROM_RAW, PT_V4L2_FROM_MJPEG, PT_V4L2_FROM_H264 } PtV4l2From;

typedef struct {
	char device[128];
	uint16_t width, height, fps;
	uint32_t gop_ms, bitrate; /* of H.264 */
	bool mjpeg;               /* the stream is MJPEG, else H.264 */
	PtV4l2From from;
} PtV4l2Location;

bool pt_v4l2_parse(const char *location, PtV4l2Location *ret, GError **error);
/* The location that asks for this; caller frees. */
char *pt_v4l2_location(const PtV4l2Location *location);
