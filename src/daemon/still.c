/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/still.h"
#include "archive/reader.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/codec/job.h"

#define OLD_NS (30 * PT_NS_PER_S) /* a key frame that is older shows something else */
#define SPAN_NS PT_NS_PER_S
#define WAIT_MS 8000 /* for the archive to have come so far */
#define POLL_MS 250

/* The key frame before an instant. A reference; NULL: none, or none yet (*ret_early). */
static PtSample *find_key(PtArchive *archive, const char *camera, int64_t at_ns, bool *ret_early, GError **error) {
	PtStore *store = pt_archive_store(archive);
	int64_t series = pt_store_series(store, camera, "main", error);
	*ret_early = true;
	g_autoptr(PtReader) reader =
	    series ? pt_reader_new(store, pt_archive_path(archive), series, at_ns, at_ns + SPAN_NS, error) : NULL;
	const PtFootage *f = reader ? pt_reader_next(reader) : NULL;
	if (!f || !f->key || ABS(at_ns - f->wall_ns) > OLD_NS)
		return NULL;
	PtSample *key = pt_reader_load(reader, error);
	do /* a later key frame may be about to be written while the footage does not reach that far */
		*ret_early = f->wall_ns < at_ns;
	while (*ret_early && (f = pt_reader_next(reader)));
	return key;
}

/* No other can come between it and the instant. */
static bool is_last(const PtSample *now, int64_t at_ns) {
	return now && now->wall_ns <= at_ns && at_ns - now->wall_ns <= OLD_NS;
}

static PtSample *wait_for_key(PtArchive *archive, const char *camera, int64_t at_ns, GCancellable *cancellable) {
	PtSample *key = NULL;
	bool early = true;
	for (int waited = 0; early && waited <= WAIT_MS && !g_cancellable_is_cancelled(cancellable); waited += POLL_MS) {
		g_autoptr(GError) failed = NULL;
		if (waited)
			g_usleep(POLL_MS * 1000);
		pt_sample_unref(key);
		key = find_key(archive, camera, at_ns, &early, &failed);
	}
	return key;
}

GBytes *pt_still_at(PtArchive *archive, const char *camera, int64_t wall_ns, PtSample *now, int64_t *ret_ns,
                    GCancellable *cancellable, GError **error) {
	PtSample *key = is_last(now, wall_ns) ? NULL : wait_for_key(archive, camera, wall_ns, cancellable);
	if (!key && now && ABS(wall_ns - now->wall_ns) <= OLD_NS)
		key = pt_sample_ref(now);
	if (!key) {
		pt_error_set(error, NOT_FOUND, "nothing is recorded of camera %s at that time", camera);
		return NULL;
	}
	PtSample *jpeg = pt_codec_snapshot(key, PT_STILL_WIDTH, 0, cancellable, error);
	*ret_ns = key->wall_ns;
	pt_sample_unref(key);
	GBytes *bytes = jpeg ? g_bytes_new(jpeg->data, jpeg->size) : NULL;
	pt_sample_unref(jpeg);
	return bytes;
}
