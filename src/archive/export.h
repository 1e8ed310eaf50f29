/* A clip: what a camera showed between two instants, as one progressive MP4 file whose every byte is known before the first
 * is read. Pictures are copied from the segments, not encoded again, unless asked for; sound goes along where there is any.
 *
 * Time in the clip is time on the wall: where footage is missing the last picture stands for as long as it is missing and
 * the sound is silent, and picture and sound are in step by when they were captured. The clip begins with the picture that
 * was to be seen at the asked instant. It can only be decoded from the key frame before it, so the file holds that much more
 * in front, which players pass over by the edit list; `exact` encodes the beginning again so that it is not there. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include <gio/gio.h>

typedef struct {
	const char *camera;
	const char *stream;     /* "main" or "sub" */
	int64_t from_ns, to_ns; /* [from, to), at most PT_EXPORT_SPAN_NS */
	bool sound;             /* of the series "audio", where there is any; AAC stays, the rest becomes AAC */
	bool exact; /* no picture and no sound captured before from is in the file. The first GOP is encoded again;
	               H.265, of which there is no encoder here, becomes H.264 as with h264 */
	bool h264;  /* H.265 and MJPEG become H.264 */
} PtExportParams;

#define PT_EXPORT_SPAN_NS (INT64_C(24) * 3600 * 1000000000)
#define PT_EXPORT_SAMPLES 6500000 /* of picture and sound together: a day of 25 frames and 47 packets a second */
#define PT_EXPORT_GAP_NS (INT64_C(6) * 3600 * 1000000000) /* the longest that may be missing within a clip */

typedef struct PtExport PtExport;

typedef struct {
	uint64_t size;        /* bytes of the file */
	int64_t first_ns;     /* wall time of the first frame in the file */
	int64_t show_ns;      /* of the first one that is shown */
	int64_t end_ns;       /* where the last one ends */
	unsigned video_codec; /* PtCodec of the pictures in the file */
	bool sound;           /* there is some */
	bool converted;       /* all pictures were encoded again */
} PtExportInfo;

/* Reads tables and converts what is to be converted: blocks on the disk and on pigtail-codec, for about a fiftieth of the
 * span where sound is converted and about a tenth to a half of it where pictures are. NOT_FOUND when there is no footage.
 * Caller unrefs. */
PtExport *pt_export_new(PtArchive *archive, const PtExportParams *params, GCancellable *cancellable, GError **error);
PtExport *pt_export_ref(PtExport *export);
void pt_export_unref(PtExport *export); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtExport, pt_export_unref)

const PtExportInfo *pt_export_info(const PtExport *export);
/* Up to size bytes of the file from offset on; 0 at its end, -1 and an error when footage cannot be read any more. From any
 * thread. */
gssize pt_export_read(PtExport *export, uint64_t offset, uint8_t *to, size_t size, GError **error);
