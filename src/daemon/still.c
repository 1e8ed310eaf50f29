/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/still.h"
#include "archive/still.h"
#include "media/codec/job.h"

#define WAIT_MS 8000 /* for the archive to have come so far */

/* Near enough to the instant to show what was there. */
static bool is_near(const PtSample *now, int64_t wall_ns) { return now && ABS(wall_ns - now->wall_ns) <= PT_STILL_OLD_NS; }

GBytes *pt_still_at(PtArchive *archive, const char *camera, int64_t wall_ns, PtSample *now, int64_t *ret_ns,
                    GCancellable *cancellable, GError **error) {
	g_autoptr(GError) none = NULL;
	PtSample *key = NULL;
	if (!is_near(now, wall_ns) || now->wall_ns > wall_ns) /* else no other can come between it and the instant */
		key = pt_still_wait(archive, camera, wall_ns, WAIT_MS, cancellable, &none);
	if (!key && is_near(now, wall_ns))
		key = pt_sample_ref(now);
	if (!key) {
		g_propagate_error(error, g_steal_pointer(&none));
		return NULL;
	}
	PtSample *jpeg = pt_codec_snapshot(key, PT_STILL_WIDTH, 0, cancellable, error);
	*ret_ns = key->wall_ns;
	pt_sample_unref(key);
	GBytes *bytes = jpeg ? g_bytes_new(jpeg->data, jpeg->size) : NULL;
	pt_sample_unref(jpeg);
	return bytes;
}
