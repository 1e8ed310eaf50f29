/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/camera-clock.h"

#define SR_TRUST_NS (3 * PT_NS_PER_S) /* how far the two ways of measuring its clock may be apart */

bool pt_camera_clock(PtCameras *cameras, const char *camera, const PtOnvifView *view, int64_t *ret_offset_ns,
                     bool *ret_fresh) {
	*ret_offset_ns = view->offset_ns;
	*ret_fresh = false;
	PtStream *stream = pt_cameras_stream(cameras, camera, "main");
	if (!stream)
		return false;
	PtStreamStats stats;
	pt_stream_get_stats(stream, &stats);
	bool agree = ABS(stats.clock_offset_ns - view->offset_ns) < SR_TRUST_NS;
	bool fine = stats.clock_known && (!view->clock_known || agree);
	if (stats.clock_known && !fine) {
		PtOnvifCamera *c = pt_onvif_camera_get(camera);
		pt_onvif_camera_doubt_clock(c);
		pt_onvif_camera_unref(c);
	}
	if (fine)
		*ret_offset_ns = stats.clock_offset_ns;
	*ret_fresh = fine && stats.clock_fresh;
	pt_stream_stats_clear(&stats);
	pt_stream_unref(stream);
	return fine;
}
