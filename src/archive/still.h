/* The picture that was to be seen at an instant: the last key frame then. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "media/sample.h"
#include <gio/gio.h>

/* Of a camera's main stream. Blocks; also, for at most so long, until the archive has come so far that no later key frame
 * can appear. Caller unrefs. NULL and error: nothing is recorded of then. */
PtSample *pt_still_find(PtArchive *archive, const char *camera, int64_t at_ns, unsigned patience_ms,
                        GCancellable *cancellable, GError **error);
