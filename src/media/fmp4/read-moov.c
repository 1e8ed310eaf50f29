/* The moov box: tracks and, in a progressive file, the sample tables (ISO 14496-12 §8.6, §8.7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fmp4/read-internal.h"
#include <glib.h>

#define T PT_MP4_TYPE
#define COMMENT_MAX 1000

bool pt_mp4_next_box(PtBytes *boxes, uint32_t *ret_type, PtBytes *ret_body) {
	/* QuickTime ends some lists with four zero bytes */
	if (boxes->bad || boxes->left < 8)
		return false;
	uint64_t size = pt_bytes_u32(boxes), header = 8;
	*ret_type = pt_bytes_u32(boxes);
	if (size == 1) {
		size = pt_bytes_u64(boxes);
		header = 16;
	} else if (size == 0) {
		size = header + boxes->left;
	}
	if (boxes->bad || size < header || size - header > boxes->left) {
		boxes->bad = true;
		return false;
	}
	*ret_body = pt_bytes_sub(boxes, (size_t)(size - header));
	return true;
}

bool pt_mp4_find_box(PtBytes boxes, uint32_t type, PtBytes *ret_body) {
	uint32_t t;
	while (pt_mp4_next_box(&boxes, &t, ret_body))
		if (t == type)
			return true;
	return false;
}

bool pt_mp4_add_sample(PtMp4Reader *r, PtMp4Work *t, const PtMp4Sample *s) {
	/* G.711 and L16 in tables are one sample per instant: put together what 20 ms hold */
	unsigned width = t->values->codec == PT_CODEC_L16                                         ? 2
	                 : t->values->codec == PT_CODEC_PCMU || t->values->codec == PT_CODEC_PCMA ? 1
	                                                                                          : 0;
	if (width && t->samples->len) {
		PtMp4Sample *last = &g_array_index(t->samples, PtMp4Sample, t->samples->len - 1);
		uint32_t most = MAX(t->values->sample_rate / 50, 1) * t->values->channels * width;
		if (s->size <= 8 * width && last->offset + last->size == s->offset && last->size + s->size <= most) {
			last->size += s->size;
			return true;
		}
	}
	if (!r->budget)
		return false;
	r->budget--;
	g_array_append_vals(t->samples, s, 1);
	return true;
}

/* A cursor over a run-length table of pairs (stts, ctts). */
typedef struct {
	PtBytes b;
	uint32_t left, value;
} Runs;

static Runs runs(PtBytes stbl, uint32_t type) {
	Runs r = {0};
	if (pt_mp4_find_box(stbl, type, &r.b))
		pt_bytes_take(&r.b, 8);
	else
		r.b = pt_bytes(NULL, 0);
	return r;
}

static uint32_t runs_next(Runs *r) {
	while (!r->left) {
		if (r->b.left < 8)
			return r->value; /* the table is shorter than it should be: the last value goes on */
		r->left = pt_bytes_u32(&r->b);
		r->value = pt_bytes_u32(&r->b);
	}
	r->left--;
	return r->value;
}

typedef struct {
	PtBytes table;
	uint32_t fixed, left;
	unsigned bits; /* 4, 8, 16 or 32 */
	uint8_t half;  /* the second four bits of a byte; bit 7: there are some */
} Sizes;

static bool sizes_open(const PtMp4Reader *r, PtBytes stbl, Sizes *ret) {
	*ret = (Sizes){.bits = 32};
	if (pt_mp4_find_box(stbl, T('s', 't', 's', 'z'), &ret->table)) {
		pt_bytes_u32(&ret->table);
		ret->fixed = pt_bytes_u32(&ret->table);
	} else if (pt_mp4_find_box(stbl, T('s', 't', 'z', '2'), &ret->table)) {
		pt_bytes_u32(&ret->table);
		ret->bits = pt_bytes_u32(&ret->table) & 0xff;
	} else {
		return false;
	}
	ret->left = pt_bytes_u32(&ret->table);
	if (ret->table.bad || (ret->bits != 4 && ret->bits != 8 && ret->bits != 16 && ret->bits != 32))
		return false;
	if (ret->fixed)
		ret->left = (uint32_t)MIN(ret->left, r->file_size / ret->fixed);
	return true;
}

/* False at the table's end. */
static bool sizes_next(Sizes *s, uint32_t *ret_size) {
	if (!s->left)
		return false;
	s->left--;
	if (s->fixed) {
		*ret_size = s->fixed;
	} else if (s->bits == 4 && s->half) {
		*ret_size = s->half & 15;
		s->half = 0;
	} else if (s->bits == 4) {
		uint8_t byte = pt_bytes_u8(&s->table);
		*ret_size = byte >> 4;
		s->half = (byte & 15) | 0x80;
	} else {
		*ret_size = s->bits == 8    ? pt_bytes_u8(&s->table)
		            : s->bits == 16 ? pt_bytes_u16(&s->table)
		                            : pt_bytes_u32(&s->table);
	}
	return !s->table.bad;
}

/* The sync samples' numbers, rising from 1. */
typedef struct {
	PtBytes table;
	bool all;
	uint32_t next;
} Keys;

static Keys keys_open(const PtMp4Work *t, PtBytes stbl) {
	Keys k = {0};
	if (pt_codec_kind(t->values->codec) != PT_KIND_VIDEO || !pt_mp4_find_box(stbl, T('s', 't', 's', 's'), &k.table)) {
		k.all = true;
		return k;
	}
	pt_bytes_take(&k.table, 8);
	k.next = pt_bytes_u32(&k.table);
	return k;
}

static bool keys_has(Keys *k, uint32_t number) {
	if (k->all)
		return true;
	while (k->next < number && k->table.left >= 4)
		k->next = pt_bytes_u32(&k->table);
	return k->next == number;
}

typedef struct {
	PtBytes table;
	bool wide;
} Chunks;

static bool chunks_open(PtBytes stbl, Chunks *ret) {
	ret->wide = false;
	if (!pt_mp4_find_box(stbl, T('s', 't', 'c', 'o'), &ret->table)) {
		if (!pt_mp4_find_box(stbl, T('c', 'o', '6', '4'), &ret->table))
			return false;
		ret->wide = true;
	}
	pt_bytes_u32(&ret->table);
	size_t n = pt_bytes_u32(&ret->table), width = ret->wide ? 8 : 4;
	ret->table.left = MIN(ret->table.left / width, n) * width;
	return !ret->table.bad;
}

static bool read_tables(PtMp4Reader *r, PtMp4Work *t, PtBytes stbl, GError **error) {
	Sizes sizes;
	Chunks chunks;
	PtBytes stsc;
	if (!sizes_open(r, stbl, &sizes) || !chunks_open(stbl, &chunks) ||
	    !pt_mp4_find_box(stbl, T('s', 't', 's', 'c'), &stsc))
		return true; /* nothing in the moov: the fragments have it */
	Runs durations = runs(stbl, T('s', 't', 't', 's')), offsets = runs(stbl, T('c', 't', 't', 's'));
	Keys keys = keys_open(t, stbl);
	pt_bytes_take(&stsc, 8);
	uint32_t chunk = 1, next_first = pt_bytes_u32(&stsc), per_chunk = 0, entry = 0, number = 0, size;
	for (; chunks.table.left; chunk++) {
		uint64_t offset = chunks.wide ? pt_bytes_u64(&chunks.table) : pt_bytes_u32(&chunks.table);
		while (chunk == next_first && stsc.left >= 8) {
			per_chunk = pt_bytes_u32(&stsc);
			entry = pt_bytes_u32(&stsc);
			next_first = stsc.left >= 12 ? pt_bytes_u32(&stsc) : 0;
		}
		for (uint32_t i = 0; i < per_chunk; i++) {
			if (!sizes_next(&sizes, &size))
				return true;
			number++;
			int64_t dts = t->next_dts;
			t->next_dts += runs_next(&durations);
			PtMp4Sample s = {.offset = offset,
			                 .size = size,
			                 .dts = dts,
			                 .pts = dts + (int32_t)runs_next(&offsets),
			                 .key = keys_has(&keys, number)};
			/* a file cut short: what lies beyond its end is not there */
			bool there = size && offset < r->file_size && size <= r->file_size - offset && entry == 1;
			if (there && !pt_mp4_add_sample(r, t, &s)) {
				pt_error_set(error, INVALID, "MP4: track %u claims more samples than the file can hold",
				             t->id);
				return false;
			}
			if (offset <= r->file_size)
				offset += size;
		}
	}
	return true;
}

/* The first stretch of media and the silence before it; later edits are not followed. */
static void read_edits(PtMp4Work *t, PtBytes trak) {
	PtBytes edts, b;
	if (!pt_mp4_find_box(trak, T('e', 'd', 't', 's'), &edts) || !pt_mp4_find_box(edts, T('e', 'l', 's', 't'), &b))
		return;
	bool wide = pt_bytes_u32(&b) >> 24 == 1;
	for (uint32_t n = pt_bytes_u32(&b); n && !b.bad; n--) {
		int64_t duration = wide ? (int64_t)pt_bytes_u64(&b) : pt_bytes_u32(&b);
		int64_t start = wide ? (int64_t)pt_bytes_u64(&b) : (int32_t)pt_bytes_u32(&b);
		pt_bytes_u32(&b);
		if (b.bad || duration < 0 || duration > INT64_C(1) << 48 || start > INT64_C(1) << 60)
			return;
		if (start >= 0) {
			t->edit_start = start;
			return;
		}
		t->edit_empty = duration;
	}
}

static bool read_trak(PtMp4Reader *r, PtBytes trak, GError **error) {
	PtBytes tkhd, mdia, mdhd, minf, stbl, stsd;
	if (r->n_tracks == PT_MP4_TRACKS_MAX)
		return true;
	if (!pt_mp4_find_box(trak, T('t', 'k', 'h', 'd'), &tkhd) || !pt_mp4_find_box(trak, T('m', 'd', 'i', 'a'), &mdia) ||
	    !pt_mp4_find_box(mdia, T('m', 'd', 'h', 'd'), &mdhd) || !pt_mp4_find_box(mdia, T('m', 'i', 'n', 'f'), &minf) ||
	    !pt_mp4_find_box(minf, T('s', 't', 'b', 'l'), &stbl) || !pt_mp4_find_box(stbl, T('s', 't', 's', 'd'), &stsd))
		return true; /* not a track that could be played */
	PtMp4Work *t = &r->tracks[r->n_tracks];
	*t = (PtMp4Work){.values = g_new0(PtFormat, 1)};
	pt_bytes_take(&tkhd, pt_bytes_u32(&tkhd) >> 24 == 1 ? 16 : 8);
	t->id = pt_bytes_u32(&tkhd);
	pt_bytes_take(&mdhd, pt_bytes_u32(&mdhd) >> 24 == 1 ? 16 : 8);
	t->timescale = pt_bytes_u32(&mdhd);
	pt_mp4_read_entries(t, stsd);
	if (!t->usable || !t->timescale || tkhd.bad || mdhd.bad) {
		pt_buf_clear(&t->config);
		g_free(t->values);
		return true;
	}
	t->samples = g_array_new(FALSE, FALSE, sizeof(PtMp4Sample));
	r->n_tracks++;
	read_edits(t, trak);
	return read_tables(r, t, stbl, error);
}

static void read_trex(PtMp4Reader *r, PtBytes b) {
	pt_bytes_u32(&b);
	uint32_t id = pt_bytes_u32(&b);
	pt_bytes_u32(&b);
	uint32_t duration = pt_bytes_u32(&b), size = pt_bytes_u32(&b), flags = pt_bytes_u32(&b);
	for (unsigned i = 0; i < r->n_tracks && !b.bad; i++)
		if (r->tracks[i].id == id) {
			r->tracks[i].default_duration = duration;
			r->tracks[i].default_size = size;
			r->tracks[i].default_flags = flags;
		}
}

static void read_comment(PtMp4Reader *r, PtBytes moov) {
	PtBytes b, data;
	if (r->comment || !pt_mp4_find_box(moov, T('u', 'd', 't', 'a'), &b) ||
	    !pt_mp4_find_box(b, T('m', 'e', 't', 'a'), &b))
		return;
	pt_bytes_u32(&b); /* version and flags; QuickTime's own files have none, and no comment that matters here */
	if (!pt_mp4_find_box(b, T('i', 'l', 's', 't'), &b) || !pt_mp4_find_box(b, T(0xa9u, 'c', 'm', 't'), &b) ||
	    !pt_mp4_find_box(b, T('d', 'a', 't', 'a'), &data))
		return;
	pt_bytes_u64(&data);
	g_autofree char *text = data.bad ? NULL : g_strndup((const char *)data.p, MIN(data.left, COMMENT_MAX));
	r->comment = text ? g_utf8_make_valid(text, -1) : NULL;
}

bool pt_mp4_read_moov(PtMp4Reader *r, PtBytes moov, GError **error) {
	uint32_t type;
	PtBytes body, boxes = moov;
	if (pt_mp4_find_box(moov, T('m', 'v', 'h', 'd'), &body)) {
		pt_bytes_take(&body, pt_bytes_u32(&body) >> 24 == 1 ? 16 : 8);
		r->movie_timescale = pt_bytes_u32(&body);
	}
	while (pt_mp4_next_box(&boxes, &type, &body))
		if (type == T('t', 'r', 'a', 'k') && !read_trak(r, body, error))
			return false;
	if (boxes.bad) {
		pt_error_set(error, INVALID, "MP4: a box in the moov has a size that reaches over its end");
		return false;
	}
	read_comment(r, moov);
	if (pt_mp4_find_box(moov, T('m', 'v', 'e', 'x'), &boxes)) {
		r->fragmented = true;
		while (pt_mp4_next_box(&boxes, &type, &body))
			if (type == T('t', 'r', 'e', 'x'))
				read_trex(r, body);
	}
	return true;
}
