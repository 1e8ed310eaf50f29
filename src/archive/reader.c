/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/reader.h"
#include "archive/segment-read.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/read.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct PtReader {
	char *root;
	int64_t from, to;
	GArray *rows; /* PtSegmentRow */
	guint row;
	int fd;
	PtMp4 *mp4;
	size_t index, lead; /* of the next sample in the open file, and of its first */
	PtFootage now;
	int64_t end_ns; /* of the sample given last */
	bool started;
	unsigned skipped;
};

static void close_file(PtReader *r) {
	pt_mp4_free(r->mp4);
	r->mp4 = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* The last key frame at or before from, for the first file; else the first one that counts. */
static size_t first_index(const PtReader *r, const PtSegmentRow *row) {
	const PtMp4Track *t = &r->mp4->tracks[0];
	size_t best = r->started ? pt_segment_lead(t, row, r->end_ns) : 0;
	for (size_t i = 0; !r->started && i < t->n_samples; i++)
		if (t->samples[i].key && t->samples[i].wall_ns <= r->from)
			best = i;
	return best;
}

static bool open_next(PtReader *r) {
	close_file(r);
	while (r->row < r->rows->len) {
		const PtSegmentRow *row = &g_array_index(r->rows, PtSegmentRow, r->row++);
		r->mp4 = pt_segment_read(r->root, row, &r->fd);
		if (r->mp4) {
			r->index = first_index(r, row);
			r->lead = r->index;
			r->now.path = row->path;
			return true;
		}
		r->skipped++;
		close_file(r);
	}
	return false;
}

PtReader *pt_reader_new(PtStore *store, const char *root, int64_t series, int64_t from_ns, int64_t to_ns, GError **error) {
	/* capture times may lie a little outside the decode times that the index holds */
	g_autoptr(GArray) rows = pt_store_segments(store, series, from_ns - PT_NS_PER_S, to_ns, error);
	if (!rows)
		return NULL;
	PtReader *r = g_new0(PtReader, 1);
	r->root = g_strdup(root);
	r->from = from_ns;
	r->to = to_ns;
	r->fd = -1;
	r->rows = g_steal_pointer(&rows);
	/* a first segment that ends before from is of use only when nothing better follows */
	while (r->row + 1 < r->rows->len && g_array_index(r->rows, PtSegmentRow, r->row + 1).start_ns <= from_ns)
		r->row++;
	return r;
}

void pt_reader_free(PtReader *r) {
	if (!r)
		return;
	close_file(r);
	g_array_unref(r->rows);
	g_free(r->root);
	g_free(r);
}

const PtFootage *pt_reader_next(PtReader *r) {
	for (;;) {
		if (!r->mp4 && !open_next(r))
			return NULL;
		const PtMp4Track *t = &r->mp4->tracks[0];
		if (r->index >= t->n_samples) {
			if (!open_next(r))
				return NULL;
			continue;
		}
		const PtMp4Sample *s = &t->samples[r->index];
		bool first_of_file = r->now.format != t->format || r->index == r->lead;
		r->now = (PtFootage){.path = r->now.path,
		                     .format = t->format,
		                     .offset = s->offset,
		                     .size = s->size,
		                     .dts = s->dts,
		                     .pts = s->pts,
		                     .wall_ns = s->wall_ns,
		                     .key = s->key,
		                     .plain = !t->nal_size || t->nal_size == 4};
		r->now.duration = r->index + 1 < t->n_samples ? t->samples[r->index + 1].dts - s->dts
		                  : r->index                  ? s->dts - t->samples[r->index - 1].dts
		                                              : t->format->timescale / 25;
		r->index++;
		if (s->wall_ns >= r->to) { /* B-frames: one that is shown earlier may follow, so only a key frame ends it */
			if (s->key || s->wall_ns > r->to + 2 * PT_NS_PER_S)
				return NULL;
			continue;
		}
		if (!r->started && s->wall_ns < r->from - 3600 * PT_NS_PER_S)
			continue;
		r->now.fresh = !r->started || first_of_file || s->wall_ns > r->end_ns + PT_HOLE_NS;
		r->started = true;
		r->end_ns = MAX(r->end_ns, s->wall_ns + r->now.duration * PT_NS_PER_S / t->format->timescale);
		return &r->now;
	}
}

PtSample *pt_reader_load(PtReader *r, GError **error) {
	PtSample *s = pt_mp4_load(r->mp4, r->fd, 0, r->index - 1, error);
	if (!s)
		g_prefix_error(error, "%s: ", r->now.path);
	return s;
}

unsigned pt_reader_skipped(const PtReader *reader) { return reader->skipped; }
