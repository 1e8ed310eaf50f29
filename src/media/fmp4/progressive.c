/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fmp4/progressive.h"
#include "base/clock.h"
#include "media/fmp4/write.h"
#include <glib.h>

#define MOVIE_SCALE 90000
#define CHUNK_BYTES (4u << 20)
#define MDAT_HEADER 16 /* with the size in 64 bits */

typedef struct {
	uint32_t count, value;
} Run; /* of stts and ctts */

typedef struct {
	int64_t dts; /* of its first sample */
	uint64_t bytes;
	uint32_t samples, description; /* the latter from 1 */
} Chunk;

struct PtMp4Table {
	GPtrArray *formats;
	GArray *durations; /* Run; of all samples but the last */
	GArray *offsets;   /* Run; pts - dts */
	GArray *sizes;     /* uint32_t */
	GArray *keys;      /* uint32_t, from 1 */
	GArray *chunks;    /* Chunk */
	int64_t first_dts, last_dts;
	int64_t min_pts, max_pts;
	int64_t least_offset; /* of pts - dts */
};

static void unref_format(gpointer format) { pt_format_unref(format); }

PtMp4Table *pt_mp4_table_new(void) {
	PtMp4Table *t = g_new0(PtMp4Table, 1);
	t->formats = g_ptr_array_new_with_free_func(unref_format);
	t->durations = g_array_new(FALSE, FALSE, sizeof(Run));
	t->offsets = g_array_new(FALSE, FALSE, sizeof(Run));
	t->sizes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	t->keys = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	t->chunks = g_array_new(FALSE, FALSE, sizeof(Chunk));
	return t;
}

void pt_mp4_table_free(PtMp4Table *t) {
	if (!t)
		return;
	GArray *arrays[] = {t->durations, t->offsets, t->sizes, t->keys, t->chunks};
	for (unsigned i = 0; i < G_N_ELEMENTS(arrays); i++)
		g_array_unref(arrays[i]);
	g_ptr_array_unref(t->formats);
	g_free(t);
}

static void add_run(GArray *runs, uint32_t value) {
	Run *last = runs->len ? &g_array_index(runs, Run, runs->len - 1) : NULL;
	if (last && last->value == value) {
		last->count++;
	} else {
		Run run = {1, value};
		g_array_append_val(runs, run);
	}
}

/* From 1. A format that was there before keeps its number. */
static uint32_t description_of(PtMp4Table *t, PtFormat *format) {
	for (guint i = t->formats->len; i > 0; i--)
		if (pt_format_equal(g_ptr_array_index(t->formats, i - 1), format))
			return i;
	g_ptr_array_add(t->formats, pt_format_ref(format));
	return t->formats->len;
}

bool pt_mp4_table_add(PtMp4Table *t, PtFormat *format, uint32_t size, int64_t dts, int64_t pts, bool key) {
	uint32_t description = description_of(t, format), number = t->sizes->len + 1;
	Chunk *chunk = t->chunks->len ? &g_array_index(t->chunks, Chunk, t->chunks->len - 1) : NULL;
	if (t->sizes->len) {
		g_assert(dts > t->last_dts && dts - t->last_dts <= INT32_MAX);
		add_run(t->durations, (uint32_t)(dts - t->last_dts));
	} else {
		t->first_dts = dts;
		t->min_pts = t->max_pts = pts;
		t->least_offset = pts - dts;
	}
	t->last_dts = dts;
	t->min_pts = MIN(t->min_pts, pts);
	t->max_pts = MAX(t->max_pts, pts);
	t->least_offset = MIN(t->least_offset, pts - dts);
	add_run(t->offsets, (uint32_t)(int32_t)(pts - dts));
	g_array_append_val(t->sizes, size);
	if (key)
		g_array_append_val(t->keys, number);
	bool fresh = !chunk || chunk->description != description || chunk->bytes + size > CHUNK_BYTES ||
	             dts - chunk->dts >= format->timescale;
	if (fresh) {
		Chunk next = {.dts = dts, .description = description};
		g_array_append_val(t->chunks, next);
		chunk = &g_array_index(t->chunks, Chunk, t->chunks->len - 1);
	}
	chunk->bytes += size;
	chunk->samples++;
	return fresh;
}

size_t pt_mp4_table_samples(const PtMp4Table *t) { return t->sizes->len; }
size_t pt_mp4_table_chunks(const PtMp4Table *t) { return t->chunks->len; }
unsigned pt_mp4_table_formats(const PtMp4Table *t) { return t->formats->len; }
int64_t pt_mp4_table_last_dts(const PtMp4Table *t) { return t->last_dts; }

/* ---- boxes ---- */

static int64_t to_ticks(int64_t ns, int64_t scale) {
	return ns / PT_NS_PER_S * scale + (ns % PT_NS_PER_S * scale + PT_NS_PER_S / 2) / PT_NS_PER_S;
}

static int64_t to_ns(int64_t ticks, int64_t scale) {
	return ticks / scale * PT_NS_PER_S + ticks % scale * PT_NS_PER_S / scale;
}

static const PtFormat *format_of(const PtMp4Table *t) { return g_ptr_array_index(t->formats, 0); }

/* What of a track is shown: nothing for empty ns, then from media_time on for shown ns. */
typedef struct {
	int64_t empty_ns, shown_ns;
	int64_t media_time; /* ticks on the file's axis, where the first dts is 0 */
} Edit;

static Edit edit_of(const PtMp4Movie *m, const PtMp4MovieTrack *track) {
	const PtMp4Table *t = track->table;
	int64_t scale = format_of(t)->timescale;
	int64_t from_ns = MAX(to_ns(t->min_pts, scale), m->show_ns);
	int64_t end_ns = MIN(m->end_ns, to_ns(t->max_pts + track->last_duration, scale));
	return (Edit){.empty_ns = from_ns - m->show_ns,
	              .shown_ns = MAX(end_ns - from_ns, 0),
	              .media_time = MAX(to_ticks(from_ns, scale) - t->first_dts, 0)};
}

static void put_edits(PtBuf *out, const Edit *e) {
	size_t edts = pt_mp4_box_begin(out, "edts");
	size_t elst = pt_mp4_fullbox_begin(out, "elst", 1, 0);
	bool empty = to_ticks(e->empty_ns, MOVIE_SCALE) > 0;
	pt_buf_u32(out, empty ? 2 : 1);
	if (empty) {
		pt_buf_u64(out, (uint64_t)to_ticks(e->empty_ns, MOVIE_SCALE));
		pt_buf_u64(out, UINT64_MAX); /* -1: nothing */
		pt_buf_u32(out, 0x10000);
	}
	pt_buf_u64(out, (uint64_t)to_ticks(e->shown_ns, MOVIE_SCALE));
	pt_buf_u64(out, (uint64_t)e->media_time);
	pt_buf_u32(out, 0x10000); /* rate 1 */
	pt_mp4_box_end(out, elst);
	pt_mp4_box_end(out, edts);
}

static void put_runs(PtBuf *out, const char type[4], uint8_t version, GArray *runs, const Run *last) {
	size_t box = pt_mp4_fullbox_begin(out, type, version, 0);
	pt_buf_u32(out, runs->len + (last ? 1 : 0));
	for (guint i = 0; i < runs->len; i++) {
		pt_buf_u32(out, g_array_index(runs, Run, i).count);
		pt_buf_u32(out, g_array_index(runs, Run, i).value);
	}
	if (last) {
		pt_buf_u32(out, last->count);
		pt_buf_u32(out, last->value);
	}
	pt_mp4_box_end(out, box);
}

static void put_numbers(PtBuf *out, const char type[4], bool uniform_field, GArray *numbers) {
	size_t box = pt_mp4_fullbox_begin(out, type, 0, 0);
	if (uniform_field)
		pt_buf_u32(out, 0);
	pt_buf_u32(out, numbers->len);
	for (guint i = 0; i < numbers->len; i++)
		pt_buf_u32(out, g_array_index(numbers, uint32_t, i));
	pt_mp4_box_end(out, box);
}

/* Each format's description, taken out of the box that pt_mp4_write_stsd() makes for one. */
static void put_descriptions(PtBuf *out, const PtMp4Table *t) {
	size_t stsd = pt_mp4_fullbox_begin(out, "stsd", 0, 0);
	pt_buf_u32(out, t->formats->len);
	for (guint i = 0; i < t->formats->len; i++) {
		PtBuf one = {0};
		pt_mp4_write_stsd(&one, g_ptr_array_index(t->formats, i));
		pt_buf_put(out, one.data + 16, one.size - 16);
		pt_buf_clear(&one);
	}
	pt_mp4_box_end(out, stsd);
}

static void put_sample_to_chunk(PtBuf *out, const PtMp4Table *t) {
	size_t box = pt_mp4_fullbox_begin(out, "stsc", 0, 0);
	size_t count_at = out->size;
	uint32_t entries = 0;
	pt_buf_u32(out, 0);
	const Chunk *before = NULL;
	for (guint i = 0; i < t->chunks->len; i++) {
		const Chunk *c = &g_array_index(t->chunks, Chunk, i);
		if (before && before->samples == c->samples && before->description == c->description)
			continue;
		before = c;
		pt_buf_u32(out, i + 1);
		pt_buf_u32(out, c->samples);
		pt_buf_u32(out, c->description);
		entries++;
	}
	pt_buf_patch_u32(out, count_at, entries);
	pt_mp4_box_end(out, box);
}

/* Returns where its offsets begin, to be filled in when they are known. */
static size_t put_trak(PtBuf *out, const PtMp4Movie *m, uint32_t i, const Edit *e) {
	const PtMp4MovieTrack *track = &m->tracks[i];
	const PtMp4Table *t = track->table;
	const PtFormat *f = format_of(t);
	size_t trak = pt_mp4_box_begin(out, "trak");
	pt_mp4_write_tkhd(out, f, i + 1, (uint64_t)to_ticks(e->empty_ns + e->shown_ns, MOVIE_SCALE), m->created_ns);
	put_edits(out, e);
	size_t mdia = pt_mp4_box_begin(out, "mdia");
	Run last = {1, (uint32_t)CLAMP(track->last_duration, 1, INT32_MAX)};
	pt_mp4_write_media_heads(out, f, (uint64_t)(t->last_dts - t->first_dts) + last.value, m->created_ns);
	size_t minf = pt_mp4_box_begin(out, "minf");
	pt_mp4_write_minf_heads(out, f);
	size_t stbl = pt_mp4_box_begin(out, "stbl");
	put_descriptions(out, t);
	put_runs(out, "stts", 0, t->durations, &last);
	bool composition = t->offsets->len > 1 || g_array_index(t->offsets, Run, 0).value;
	if (composition)
		put_runs(out, "ctts", t->least_offset < 0, t->offsets, NULL);
	if (t->keys->len < t->sizes->len)
		put_numbers(out, "stss", false, t->keys);
	put_numbers(out, "stsz", true, t->sizes);
	put_sample_to_chunk(out, t);
	size_t co64 = pt_mp4_fullbox_begin(out, "co64", 0, 0);
	pt_buf_u32(out, t->chunks->len);
	size_t offsets_at = out->size;
	pt_buf_zero(out, (size_t)t->chunks->len * 8);
	pt_mp4_box_end(out, co64);
	pt_mp4_box_end(out, stbl);
	pt_mp4_box_end(out, minf);
	pt_mp4_box_end(out, mdia);
	pt_mp4_box_end(out, trak);
	return offsets_at;
}

static void put_text(PtBuf *out, const char type[4], const char *text) {
	if (!text)
		return;
	size_t item = pt_mp4_box_begin(out, type);
	size_t data = pt_mp4_box_begin(out, "data");
	pt_buf_u32(out, 1); /* UTF-8 */
	pt_buf_u32(out, 0);
	pt_buf_str(out, text);
	pt_mp4_box_end(out, data);
	pt_mp4_box_end(out, item);
}

/* The item list that iTunes began and every player reads. */
static void put_metadata(PtBuf *out, const PtMp4Movie *m) {
	size_t udta = pt_mp4_box_begin(out, "udta");
	size_t meta = pt_mp4_fullbox_begin(out, "meta", 0, 0);
	size_t hdlr = pt_mp4_fullbox_begin(out, "hdlr", 0, 0);
	pt_buf_u32(out, 0);
	pt_buf_str(out, "mdirappl");
	pt_buf_zero(out, 9);
	pt_mp4_box_end(out, hdlr);
	size_t ilst = pt_mp4_box_begin(out, "ilst");
	put_text(out, "\251nam", m->title);
	put_text(out, "\251cmt", m->comment);
	pt_mp4_box_end(out, ilst);
	pt_mp4_box_end(out, meta);
	pt_mp4_box_end(out, udta);
}

/* ---- layout ---- */

static int64_t chunk_ns(const PtMp4MovieTrack *track, guint chunk) {
	return to_ns(g_array_index(track->table->chunks, Chunk, chunk).dts, format_of(track->table)->timescale);
}

/* The chunks of all tracks in order of time; offsets from 0. Returns their bytes. */
static uint64_t lay_out(const PtMp4Movie *m, PtMp4Place *places, size_t n) {
	guint next[PT_MP4_MOVIE_TRACKS] = {0};
	uint64_t offset = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t best = UINT32_MAX;
		for (uint32_t k = 0; k < m->n_tracks; k++)
			if (next[k] < m->tracks[k].table->chunks->len &&
			    (best == UINT32_MAX ||
			     chunk_ns(&m->tracks[k], next[k]) < chunk_ns(&m->tracks[best], next[best])))
				best = k;
		uint64_t size = g_array_index(m->tracks[best].table->chunks, Chunk, next[best]).bytes;
		places[i] = (PtMp4Place){.track = best, .chunk = next[best]++, .offset = offset, .size = size};
		offset += size;
	}
	return offset;
}

static void put_u64_at(PtBuf *out, size_t at, uint64_t v) {
	pt_buf_patch_u32(out, at, (uint32_t)(v >> 32));
	pt_buf_patch_u32(out, at + 4, (uint32_t)v);
}

uint64_t pt_mp4_write_movie(PtBuf *out, const PtMp4Movie *m, PtMp4Place **ret_places) {
	g_assert(m->n_tracks >= 1 && m->n_tracks <= PT_MP4_MOVIE_TRACKS);
	size_t n = 0, offsets_at[PT_MP4_MOVIE_TRACKS], begin = out->size;
	Edit edits[PT_MP4_MOVIE_TRACKS];
	int64_t duration = 0;
	for (size_t i = 0; i < m->n_tracks; i++) {
		n += m->tracks[i].table->chunks->len;
		edits[i] = edit_of(m, &m->tracks[i]);
		duration = MAX(duration, edits[i].empty_ns + edits[i].shown_ns);
	}
	PtMp4Place *places = g_new(PtMp4Place, n);
	uint64_t bytes = lay_out(m, places, n);

	size_t ftyp = pt_mp4_box_begin(out, "ftyp");
	pt_buf_str(out, "isom");
	pt_buf_u32(out, 0x200);
	pt_buf_str(out, "isomiso2mp41");
	pt_mp4_box_end(out, ftyp);
	size_t moov = pt_mp4_box_begin(out, "moov");
	pt_mp4_write_mvhd(out, MOVIE_SCALE, (uint64_t)to_ticks(duration, MOVIE_SCALE), (uint32_t)m->n_tracks + 1,
	                  m->created_ns);
	for (uint32_t i = 0; i < m->n_tracks; i++)
		offsets_at[i] = put_trak(out, m, i, &edits[i]);
	if (m->title || m->comment)
		put_metadata(out, m);
	pt_mp4_box_end(out, moov);
	pt_buf_u32(out, 1);
	pt_buf_str(out, "mdat");
	pt_buf_u64(out, bytes + MDAT_HEADER);

	uint64_t head = out->size - begin;
	for (size_t i = 0; i < n; i++) {
		places[i].offset += head;
		put_u64_at(out, offsets_at[places[i].track] + (size_t)places[i].chunk * 8, places[i].offset);
	}
	*ret_places = places;
	return head + bytes;
}
