/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gap-edge.h"
#include "archive/reader.h"
#include "base/clock.h"

/* Behind footage that nobody wanted is another edge than the one that is looked for. */
static void keep_to_edge(PtStore *store, int64_t series, int64_t *from, int64_t *to, bool newest) {
	g_autoptr(GArray) gaps = pt_store_gaps(store, series, *from, *to, NULL);
	for (guint i = 0; gaps && i < gaps->len; i++) {
		const PtGapRow *gap = &g_array_index(gaps, PtGapRow, i);
		if (gap->cause != PT_GAP_POLICY)
			continue;
		if (newest)
			*from = MAX(*from, gap->end_ns);
		else
			*to = MIN(*to, gap->start_ns);
	}
}

GArray *pt_gap_edge_read(PtArchive *archive, const char *camera, const char *stream, int64_t from, int64_t to, bool newest,
                         unsigned max, GError **error) {
	GArray *frames = g_array_new(FALSE, FALSE, sizeof(PtSeamFrame));
	PtStore *store = pt_archive_store(archive);
	int64_t series = pt_store_series(store, camera, stream, error);
	if (series)
		keep_to_edge(store, series, &from, &to, newest);
	g_autoptr(PtReader) reader =
	    series ? pt_reader_new(store, pt_archive_path(archive), series, from, to + PT_NS_PER_S, error) : NULL;
	const PtFootage *f;
	while (reader && (f = pt_reader_next(reader))) {
		int64_t at = f->wall_ns - (f->pts - f->dts) * PT_NS_PER_S / f->format->timescale;
		if (at < from || at >= to || !f->plain)
			continue;
		PtSample *s = pt_reader_load(reader, NULL);
		if (!s)
			continue;
		PtSeamFrame frame = {pt_seam_hash(s), at};
		pt_sample_unref(s);
		if (frames->len == max && !newest)
			break;
		if (frames->len == max)
			g_array_remove_index(frames, 0);
		g_array_append_val(frames, frame);
	}
	if (!reader)
		g_clear_pointer(&frames, g_array_unref);
	return frames;
}

GHashTable *pt_gap_edge_known(PtArchive *archive, const char *camera, const char *stream, int64_t from, int64_t to,
                              unsigned max) {
	PtStore *store = pt_archive_store(archive);
	int64_t series = pt_store_series(store, camera, stream, NULL);
	g_autoptr(GArray) gaps = series ? pt_store_gaps(store, series, from, to, NULL) : NULL;
	if (!gaps || gaps->len)
		return NULL;
	g_autoptr(GArray) frames = pt_gap_edge_read(archive, camera, stream, from, to, false, max, NULL);
	if (!frames || !frames->len || frames->len == max ||
	    g_array_index(frames, PtSeamFrame, 0).decode_ns - from > PT_NS_PER_S)
		return NULL;
	GHashTable *known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	for (guint i = 0; i < frames->len; i++)
		g_hash_table_add(known, g_memdup2(&g_array_index(frames, PtSeamFrame, i).hash, sizeof(uint64_t)));
	return known;
}
