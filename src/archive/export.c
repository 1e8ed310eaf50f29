/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/export.h"
#include "archive/feed.h"
#include "archive/export-plan.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/progressive.h"
#include <string.h>

struct PtExport {
	int refs; /* atomic */
	PtExportInfo info;
	PtBuf head;     /* what stands before the samples */
	GArray *pieces; /* PtPiece, in the order of the file */
	PtFiles *files;
};

/* ---- tracks ---- */

void pt_export_track_init(PtExportTrack *t) {
	*t = (PtExportTrack){.table = pt_mp4_table_new()};
	t->pieces = g_array_new(FALSE, FALSE, sizeof(PtPiece));
	t->firsts = g_array_new(FALSE, FALSE, sizeof(guint));
}

void pt_export_track_clear(PtExportTrack *t) {
	if (!t->table)
		return;
	pt_mp4_table_free(t->table);
	g_array_unref(t->pieces);
	g_array_unref(t->firsts);
	*t = (PtExportTrack){0};
}

static void add_piece(PtExportTrack *t, bool new_chunk, uint32_t file, uint64_t offset, uint32_t size) {
	if (new_chunk)
		g_array_append_val(t->firsts, t->pieces->len);
	PtPiece *last = t->pieces->len ? &g_array_index(t->pieces, PtPiece, t->pieces->len - 1) : NULL;
	if (last && !new_chunk && last->file == file && last->offset + last->size == offset) {
		last->size += size;
		return;
	}
	PtPiece piece = {.offset = offset, .size = size, .file = file};
	g_array_append_val(t->pieces, piece);
}

void pt_export_track_add(PtExportTrack *t, const PtFeedItem *item, int64_t prefix_offset, uint32_t prefix_size) {
	/* where an encoded part and a copied one meet, their decoding times may overlap by a tick or two */
	int64_t dts = pt_mp4_table_samples(t->table) ? MAX(item->dts, pt_mp4_table_last_dts(t->table) + 1) : item->dts;
	bool fresh = pt_mp4_table_add(t->table, item->format, item->size + prefix_size, dts, item->pts, item->key);
	if (prefix_size)
		add_piece(t, fresh, 0, (uint64_t)prefix_offset, prefix_size);
	add_piece(t, fresh && !prefix_size, item->file, item->offset, item->size);
	t->last_duration = item->duration;
}

/* ---- putting it together ---- */

static char *comment_of(const PtExportParams *p, const PtExportInfo *info) {
	g_autofree char *from = pt_time_format(p->from_ns), *to = pt_time_format(p->to_ns),
	                *first = pt_time_format(info->first_ns), *show = pt_time_format(info->show_ns),
	                *end = pt_time_format(info->end_ns);
	return g_strdup_printf("Camera %s, %s. Asked for: %s to %s. Shown: %s to %s. The file holds frames from %s on.%s",
	                       p->camera, p->stream, from, to, show, end, first,
	                       info->converted ? " Converted to H.264." : "");
}

static void join(PtExport *e, const PtExportParams *params, const PtExportPlan *plan) {
	PtMp4MovieTrack tracks[2];
	const PtExportTrack *from[2];
	size_t n = 0;
	const PtExportTrack *all[] = {&plan->video, &plan->audio};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (all[i]->table && pt_mp4_table_samples(all[i]->table)) {
			from[n] = all[i];
			tracks[n++] = (PtMp4MovieTrack){.table = all[i]->table, .last_duration = all[i]->last_duration};
		}
	e->info.first_ns = plan->origin_ns + plan->first;
	e->info.show_ns = plan->origin_ns + plan->show;
	e->info.end_ns = plan->origin_ns + plan->end;
	e->info.sound = n > 1;
	e->info.video_codec = plan->codec;
	e->info.converted = plan->converted;
	g_autofree char *show = pt_time_format(e->info.show_ns), *title = g_strdup_printf("%s %s", params->camera, show),
	                *comment = comment_of(params, &e->info);
	PtMp4Movie movie = {.tracks = tracks,
	                    .n_tracks = n,
	                    .show_ns = plan->show,
	                    .end_ns = plan->end,
	                    .created_ns = e->info.show_ns,
	                    .title = title,
	                    .comment = comment};
	g_autofree PtMp4Place *places = NULL;
	e->info.size = pt_mp4_write_movie(&e->head, &movie, &places);
	e->pieces = g_array_new(FALSE, FALSE, sizeof(PtPiece));
	size_t n_places = 0;
	for (size_t i = 0; i < n; i++)
		n_places += pt_mp4_table_chunks(tracks[i].table);
	for (size_t i = 0; i < n_places; i++) {
		const PtExportTrack *t = from[places[i].track];
		guint k = g_array_index(t->firsts, guint, places[i].chunk);
		guint end = places[i].chunk + 1 < t->firsts->len ? g_array_index(t->firsts, guint, places[i].chunk + 1)
		                                                 : t->pieces->len;
		for (uint64_t at = places[i].offset; k < end; k++) {
			PtPiece piece = g_array_index(t->pieces, PtPiece, k);
			piece.at = at;
			at += piece.size;
			g_array_append_val(e->pieces, piece);
		}
	}
}

static bool check_params(const PtExportParams *p, GError **error) {
	if (p->to_ns <= p->from_ns)
		pt_error_set(error, INVALID, "to has to be later than from");
	else if (p->to_ns - p->from_ns > PT_EXPORT_SPAN_NS)
		pt_error_set(error, INVALID, "a clip is at most 24 hours long: export in several pieces");
	else if (p->from_ns < INT64_C(7200) * PT_NS_PER_S)
		pt_error_set(error, INVALID, "there was no footage then");
	else if (strcmp(p->stream, "main") && strcmp(p->stream, "sub"))
		pt_error_set(error, INVALID, "stream: '%s' is not one of main, sub", p->stream);
	else
		return true;
	return false;
}

PtExport *pt_export_new(PtArchive *archive, const PtExportParams *params, GCancellable *cancellable, GError **error) {
	if (!check_params(params, error))
		return NULL;
	PtExport *e = g_new0(PtExport, 1);
	e->refs = 1;
	e->files = pt_files_new(pt_archive_path(archive));
	PtExportPlan plan = {.archive = archive, .params = params, .files = e->files, .cancellable = cancellable};
	bool ok = pt_export_plan(&plan, error);
	if (ok)
		join(e, params, &plan);
	pt_export_track_clear(&plan.video);
	pt_export_track_clear(&plan.audio);
	if (!ok)
		g_clear_pointer(&e, pt_export_unref);
	return e;
}

PtExport *pt_export_ref(PtExport *e) {
	__atomic_fetch_add(&e->refs, 1, __ATOMIC_RELAXED);
	return e;
}

void pt_export_unref(PtExport *e) {
	if (!e || __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pt_buf_clear(&e->head);
	if (e->pieces)
		g_array_unref(e->pieces);
	pt_files_free(e->files);
	g_free(e);
}

const PtExportInfo *pt_export_info(const PtExport *e) { return &e->info; }

/* ---- reading ---- */

/* The piece that holds the byte at offset, which lies behind the head. */
static guint find_piece(const PtExport *e, uint64_t offset) {
	guint low = 0, high = e->pieces->len;
	while (high - low > 1) {
		guint middle = low + (high - low) / 2;
		if (g_array_index(e->pieces, PtPiece, middle).at <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

gssize pt_export_read(PtExport *e, uint64_t offset, uint8_t *to, size_t size, GError **error) {
	size_t done = 0;
	size = MIN(size, (size_t)G_MAXSSIZE);
	if (offset < e->head.size) {
		done = MIN(size, (size_t)(e->head.size - offset));
		memcpy(to, e->head.data + offset, done);
	}
	if (done == size || offset + done >= e->info.size)
		return (gssize)done;
	for (guint i = find_piece(e, offset + done); done < size && i < e->pieces->len; i++) {
		const PtPiece *p = &g_array_index(e->pieces, PtPiece, i);
		uint64_t within = offset + done - p->at;
		size_t n = (size_t)MIN((uint64_t)(size - done), p->size - within);
		if (!pt_files_read(e->files, p->file, p->offset + within, to + done, n, error))
			return -1;
		done += n;
	}
	return (gssize)done;
}
