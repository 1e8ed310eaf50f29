/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/still.h"
#include "archive/reader.h"
#include "base/clock.h"
#include "base/error.h"
#include <stdlib.h>

#define AFTER_NS PT_NS_PER_S /* footage of so much later says that there is no later key frame */
#define POLL_MS 250

PtSample *pt_still_find(PtArchive *archive, const char *camera, int64_t at_ns, bool *ret_early, GError **error) {
	PtStore *store = pt_archive_store(archive);
	int64_t series = pt_store_series(store, camera, "main", NULL);
	*ret_early = true;
	g_autoptr(PtReader) reader =
	    series ? pt_reader_new(store, pt_archive_path(archive), series, at_ns, at_ns + AFTER_NS, NULL) : NULL;
	const PtFootage *f = reader ? pt_reader_next(reader) : NULL;
	PtSample *key = f && f->key && llabs(at_ns - f->wall_ns) <= PT_STILL_OLD_NS ? pt_reader_load(reader, NULL) : NULL;
	if (!key) {
		pt_error_set(error, NOT_FOUND, "nothing is recorded of camera %s at that time", camera);
		return NULL;
	}
	do /* a later key frame may be about to be written while the footage does not reach that far */
		*ret_early = f->wall_ns < at_ns;
	while (*ret_early && (f = pt_reader_next(reader)));
	return key;
}

PtSample *pt_still_wait(PtArchive *archive, const char *camera, int64_t at_ns, unsigned patience_ms,
                        GCancellable *cancellable, GError **error) {
	bool early;
	PtSample *key = pt_still_find(archive, camera, at_ns, &early, error);
	for (unsigned waited = 0; early && waited < patience_ms && !g_cancellable_is_cancelled(cancellable);
	     waited += POLL_MS) {
		g_usleep(POLL_MS * 1000);
		pt_sample_unref(key);
		g_clear_error(error);
		key = pt_still_find(archive, camera, at_ns, &early, error);
	}
	return key;
}
