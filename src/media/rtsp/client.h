/* A source that plays a camera's RTSP stream: logs in, chooses tracks, keeps the session alive, and tries again for ever
 * when it ends, with one clear sentence why. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/source.h"

extern const PtSourceOps pt_rtsp_source_ops, pt_rtsps_source_ops;
