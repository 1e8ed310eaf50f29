/* The live footage next to a gap, as far as finding it again in what a camera recorded goes. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "archive/seam.h"
#include <glib.h>

/* Frames of a series in [from, to) by decode time on the axis, at most max, of PtSeamFrame; newest: those before to, else
 * those from from on. NULL on error. Blocks on the disk. */
GArray *pt_gap_edge_read(PtArchive *archive, const char *camera, const char *stream, int64_t from, int64_t to, bool newest,
                         unsigned max, GError **error);
/* The hashes of all frames in [from, to), each as its own key (guint64, owned by the table); NULL: something is missing
 * there, or there are more than max. */
GHashTable *pt_gap_edge_known(PtArchive *archive, const char *camera, const char *stream, int64_t from, int64_t to,
                              unsigned max);
