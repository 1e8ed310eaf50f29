/* The picture that was to be seen at an instant: the last key frame then, of a camera's main stream. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "media/sample.h"
#include <gio/gio.h>

#define PT_STILL_OLD_NS (INT64_C(30) * 1000000000) /* a key frame that is older shows something else */

/* Caller unrefs. NULL and error: nothing is recorded of then. *ret_early: the archive ends before that instant, or has a
 * hole there; it may come to hold a later one. Blocks on the disk. */
PtSample *pt_still_find(PtArchive *archive, const char *camera, int64_t at_ns, bool *ret_early, GError **error);
/* The same; waits for at most so long until the archive has come so far. */
PtSample *pt_still_wait(PtArchive *archive, const char *camera, int64_t at_ns, unsigned patience_ms,
                        GCancellable *cancellable, GError **error);
