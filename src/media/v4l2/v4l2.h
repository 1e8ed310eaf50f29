/* A source that is a camera on this machine (V4L2): "v4l2:/dev/video0?size=1280x720&fps=15". Its raw
 * pictures become H.264 in pigtail-codec. A device that is unplugged is lost, and live when it is back. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/source.h"

extern const PtSourceOps pt_v4l2_source;

typedef struct {
	char device[128];
	uint16_t width, height, fps;
} PtV4l2Location;

bool pt_v4l2_parse(const char *location, PtV4l2Location *ret, GError **error);
