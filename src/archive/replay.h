/* The archive's footage for the RTSP server's replay: what media/replay.h asks for, read from segments, the one that is
 * being written included. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "media/replay.h"

/* A recording: the pictures of a stream ("main"), with sound or without. The archive outlives it. Freed with ops->free. */
PtReplay *pt_archive_replay(PtArchive *archive, const char *camera, const char *stream, bool sound);
