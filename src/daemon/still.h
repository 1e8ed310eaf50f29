/* A still picture of a camera as it was at an instant, out of what it shows now or of what is recorded. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "media/sample.h"
#include <gio/gio.h>

#define PT_STILL_WIDTH 1280 /* at most; for mail, messages and panels, not for evidence: that is the footage */

/* A JPEG of the last key frame at or before an instant, and when that was captured. now: the newest key frame that the
 * camera showed when it was asked for; it does when it is old enough, and when nothing was recorded; NULL: none. Else waits,
 * for seconds, until the archive has come so far. NULL and error when nothing of that time is there. Blocks: not on the main
 * thread. Caller unrefs. */
GBytes *pt_still_at(PtArchive *archive, const char *camera, int64_t wall_ns, PtSample *now, int64_t *ret_ns,
                    GCancellable *cancellable, GError **error);
