/* How a camera's clock stands to ours. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/cameras.h"
#include "onvif/client/camera.h"

/* ret_offset_ns: its clock less ours. False: it is known to about a second alone, as GetSystemDateAndTime tells it; else
 * from the sender reports of its main stream. ret_fresh: it was measured so since that is live. */
bool pt_camera_clock(PtCameras *cameras, const char *camera, const PtOnvifView *view, int64_t *ret_offset_ns,
                     bool *ret_fresh);
