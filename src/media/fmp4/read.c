/* The file's top level, fragments (ISO 14496-12 §8.8, §8.16.5) and loading. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fmp4/read.h"
#include "base/clock.h"
#include "media/fmp4/read-internal.h"
#include "media/nal.h"
#include <errno.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#define T PT_MP4_TYPE
#define MOOV_MAX (256u * 1024 * 1024) /* a week of a progressive file */
#define MOOF_MAX (16u * 1024 * 1024)
#define NTP_TO_UNIX UINT64_C(2208988800)

/* What a prft box says: this media time of that track was at this wall time. */
typedef struct {
	uint32_t track_id; /* 0: none yet */
	int64_t wall_ns, media_time;
} Reference;

static bool read_at(int fd, void *p, size_t n, uint64_t offset, GError **error) {
	for (uint8_t *at = p; n;) {
		ssize_t got = pread(fd, at, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			pt_error_set(error, DISK, "MP4: reading %zu bytes at %" G_GUINT64_FORMAT ": %s", n, offset,
			             got ? g_strerror(errno) : "the file ended");
			return false;
		}
		at += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

static int64_t rescale(int64_t v, int64_t to, int64_t from) {
	__int128 x = (__int128)v * to * 2;
	x = (x + (x < 0 ? -from : from)) / (2 * from);
	return (int64_t)CLAMP(x, INT64_MIN / 4, INT64_MAX / 4);
}

/* ---- fragments ---- */

typedef struct {
	PtMp4Reader *reader;
	uint64_t moof_start, moof_end;
	uint64_t data_end; /* where the data of the traf before ended */
	bool any_traf;
} Fragment;

typedef struct {
	uint64_t base;
	uint32_t duration, size, flags;
} Defaults;

static PtMp4Work *find_track(PtMp4Reader *r, uint32_t id) {
	for (unsigned i = 0; i < r->n_tracks; i++)
		if (r->tracks[i].id == id)
			return &r->tracks[i];
	return NULL;
}

/* t NULL: a track that is left out, read only for where its data ends. */
static bool read_trun(Fragment *f, PtMp4Work *t, const Defaults *d, uint64_t *at, PtBytes b) {
	uint32_t flags = pt_bytes_u32(&b) & 0xffffff, n = pt_bytes_u32(&b);
	if (flags & 1)
		*at = d->base + (uint64_t)(int64_t)(int32_t)pt_bytes_u32(&b);
	uint32_t first_flags = flags & 4 ? pt_bytes_u32(&b) : d->flags;
	unsigned fields = !!(flags & 0x100) + !!(flags & 0x200) + !!(flags & 0x400) + !!(flags & 0x800);
	if (b.bad || (fields && n > b.left / (4 * fields)))
		return false;
	if (!(flags & 0x200) && (!d->size ? n > b.left : n > f->reader->file_size / d->size))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t duration = flags & 0x100 ? pt_bytes_u32(&b) : d->duration;
		uint32_t size = flags & 0x200 ? pt_bytes_u32(&b) : d->size;
		uint32_t sample_flags = flags & 0x400 ? pt_bytes_u32(&b) : i ? d->flags : first_flags;
		int32_t offset = flags & 0x800 ? (int32_t)pt_bytes_u32(&b) : 0;
		if (i == 0 && flags & 4)
			sample_flags = first_flags;
		if (*at > f->reader->file_size || size > f->reader->file_size - *at)
			return false;
		if (t && size) {
			PtMp4Sample s = {.offset = *at,
			                 .size = size,
			                 .dts = t->next_dts,
			                 .pts = t->next_dts + offset,
			                 .key =
			                     pt_codec_kind(t->values->codec) != PT_KIND_VIDEO || !(sample_flags & 0x10000)};
			if (!pt_mp4_add_sample(f->reader, t, &s))
				return false;
		}
		if (t)
			t->next_dts += duration;
		*at += size;
	}
	return true;
}

static bool read_traf(Fragment *f, PtBytes traf) {
	uint32_t type;
	PtBytes b, boxes = traf;
	if (!pt_mp4_find_box(traf, T('t', 'f', 'h', 'd'), &b))
		return false;
	uint32_t flags = pt_bytes_u32(&b);
	PtMp4Work *t = find_track(f->reader, pt_bytes_u32(&b)), none = {0};
	const PtMp4Work *defaults = t ? t : &none;
	Defaults d = {.base = f->any_traf && !(flags & 0x20000) ? f->data_end : f->moof_start};
	if (flags & 1)
		d.base = pt_bytes_u64(&b);
	uint32_t entry = flags & 2 ? pt_bytes_u32(&b) : 1;
	d.duration = flags & 8 ? pt_bytes_u32(&b) : defaults->default_duration;
	d.size = flags & 0x10 ? pt_bytes_u32(&b) : defaults->default_size;
	d.flags = flags & 0x20 ? pt_bytes_u32(&b) : defaults->default_flags;
	if (b.bad || entry != 1)
		return false;
	if (t && pt_mp4_find_box(traf, T('t', 'f', 'd', 't'), &b)) {
		uint64_t time = pt_bytes_u32(&b) >> 24 == 1 ? pt_bytes_u64(&b) : pt_bytes_u32(&b);
		if (b.bad || time > UINT64_C(1) << 60)
			return false;
		t->next_dts = (int64_t)time;
	}
	uint64_t at = d.base;
	while (pt_mp4_next_box(&boxes, &type, &b))
		if (type == T('t', 'r', 'u', 'n') && !read_trun(f, t, &d, &at, b))
			return false;
	f->data_end = at;
	f->any_traf = true;
	return !boxes.bad;
}

static bool read_moof(Fragment *f, PtBytes moof) {
	uint32_t type;
	PtBytes body;
	while (pt_mp4_next_box(&moof, &type, &body))
		if (type == T('t', 'r', 'a', 'f') && !read_traf(f, body))
			return false;
	return !moof.bad;
}

/* Producer reference time, ISO 14496-12 §8.16.5 */
static void read_prft(Reference *ref, PtBytes b) {
	bool wide = pt_bytes_u32(&b) >> 24 == 1;
	uint32_t id = pt_bytes_u32(&b);
	uint64_t seconds = pt_bytes_u32(&b), fraction = pt_bytes_u32(&b);
	uint64_t media = wide ? pt_bytes_u64(&b) : pt_bytes_u32(&b);
	if (b.bad || media > UINT64_C(1) << 60)
		return;
	if (seconds < NTP_TO_UNIX)
		seconds += UINT64_C(1) << 32; /* after February 2036 */
	ref->track_id = id;
	ref->wall_ns =
	    (int64_t)((seconds - NTP_TO_UNIX) * PT_NS_PER_S + ((fraction * PT_NS_PER_S + (UINT64_C(1) << 31)) >> 32));
	ref->media_time = (int64_t)media;
}

/* Tells the samples of a whole fragment their wall time. starts: how many samples each track had before it. */
static void apply_reference(PtMp4Reader *r, const Reference *ref, const unsigned *starts) {
	const PtMp4Work *base = ref->track_id ? find_track(r, ref->track_id) : NULL;
	if (!base)
		return;
	for (unsigned i = 0; i < r->n_tracks; i++) {
		PtMp4Work *t = &r->tracks[i];
		for (unsigned j = starts[i]; j < t->samples->len; j++) {
			PtMp4Sample *s = &g_array_index(t->samples, PtMp4Sample, j);
			/* rounded once for the reference's own track; the tracks share one time line */
			__int128 ns = t == base ? (__int128)(s->pts - ref->media_time) * PT_NS_PER_S / t->timescale
			                        : (__int128)s->pts * PT_NS_PER_S / t->timescale -
			                              (__int128)ref->media_time * PT_NS_PER_S / base->timescale;
			s->wall_ns = ref->wall_ns + (int64_t)CLAMP(ns, INT64_MIN / 8, INT64_MAX / 8);
		}
	}
}

/* ---- the file ---- */

typedef struct {
	PtMp4Reader reader;
	int fd;
	bool have_moov;
	uint64_t whole;
	Reference ref;
	/* the fragment whose mdat is awaited */
	bool pending;
	unsigned starts[PT_MP4_TRACKS_MAX];
	int64_t dts[PT_MP4_TRACKS_MAX];
} Walk;

static void begin_fragment(Walk *w) {
	for (unsigned i = 0; i < w->reader.n_tracks; i++) {
		w->starts[i] = w->reader.tracks[i].samples->len;
		w->dts[i] = w->reader.tracks[i].next_dts;
	}
	w->pending = true;
}

static void drop_fragment(Walk *w) {
	for (unsigned i = 0; w->pending && i < w->reader.n_tracks; i++)
		g_array_set_size(w->reader.tracks[i].samples, w->starts[i]);
	w->pending = false;
}

/* False when a sample does not lie within what is written. */
static bool end_fragment(Walk *w, uint64_t end) {
	for (unsigned i = 0; i < w->reader.n_tracks; i++) {
		GArray *samples = w->reader.tracks[i].samples;
		for (unsigned j = w->starts[i]; j < samples->len; j++) {
			const PtMp4Sample *s = &g_array_index(samples, PtMp4Sample, j);
			if (s->offset + s->size > end)
				return false;
		}
	}
	apply_reference(&w->reader, &w->ref, w->starts);
	w->pending = false;
	w->whole = end;
	return true;
}

/* One box of the top level. False ends the walk; an error only when the file cannot be used at all. */
static bool take_box(Walk *w, uint32_t type, uint64_t start, uint64_t body, uint64_t end, GError **error) {
	bool moov = type == T('m', 'o', 'o', 'v'), moof = type == T('m', 'o', 'o', 'f'),
	     prft = type == T('p', 'r', 'f', 't');
	if (type == T('m', 'd', 'a', 't') && w->pending)
		return end_fragment(w, end);
	if (!(moov && !w->have_moov) && !(moof && w->have_moov) && !prft)
		return true;
	uint64_t size = end - body;
	if (size > (moov ? MOOV_MAX : moof ? MOOF_MAX : 64)) {
		if (moov)
			pt_error_set(error, TOO_LARGE, "MP4: a moov of %" G_GUINT64_FORMAT " MiB", size >> 20);
		return false;
	}
	g_autofree uint8_t *p = g_malloc(size + 1);
	if (!read_at(w->fd, p, size, body, error))
		return false;
	PtBytes b = pt_bytes(p, size);
	if (prft) {
		read_prft(&w->ref, b);
	} else if (moov) {
		w->have_moov = true;
		w->whole = end;
		return pt_mp4_read_moov(&w->reader, b, error);
	} else {
		if (w->pending)
			return false; /* a moof without data */
		begin_fragment(w);
		Fragment f = {.reader = &w->reader, .moof_start = start, .moof_end = end};
		return read_moof(&f, b);
	}
	return true;
}

static bool walk(Walk *w, GError **error) {
	uint64_t at = 0, file_size = w->reader.file_size;
	while (file_size - at >= 8) {
		uint8_t head[16];
		size_t n = MIN(sizeof head, file_size - at);
		if (!read_at(w->fd, head, n, at, error))
			return false;
		PtBytes b = pt_bytes(head, n);
		uint64_t size = pt_bytes_u32(&b), header = 8;
		uint32_t type = pt_bytes_u32(&b);
		if (size == 1) {
			size = pt_bytes_u64(&b);
			header = 16;
		} else if (size == 0) {
			size = file_size - at;
		}
		/* cut short, or garbage: what came before stands */
		if (b.bad || size < header || size > file_size - at)
			break;
		GError *e = NULL;
		if (!take_box(w, type, at, at + header, at + size, &e)) {
			if (e)
				g_propagate_error(error, e);
			if (e)
				return false;
			break;
		}
		at += size;
	}
	drop_fragment(w);
	if (!w->have_moov)
		pt_error_set(error, INVALID,
		             "not an MP4 file, or cut short: no whole moov box in its %" G_GUINT64_FORMAT " bytes",
		             file_size);
	return w->have_moov;
}

/* How many frames may stand before one that is shown earlier; looked for among the first thousand. */
static uint8_t find_reorder(const GArray *samples) {
	unsigned most = 0;
	for (unsigned i = 0; i < MIN(samples->len, 1000); i++) {
		unsigned before = 0;
		for (unsigned j = i; j-- > (i > 16 ? i - 16 : 0);)
			before += g_array_index(samples, PtMp4Sample, j).pts > g_array_index(samples, PtMp4Sample, i).pts;
		most = MAX(most, before);
	}
	return (uint8_t)most;
}

static void finish_track(const PtMp4Reader *r, PtMp4Work *t, PtMp4Track *ret) {
	int64_t to = t->values->timescale, shift = rescale(-t->edit_start, to, t->timescale);
	if (r->movie_timescale)
		shift += rescale(t->edit_empty, to, r->movie_timescale);
	uint8_t seen = find_reorder(t->samples);
	int64_t last = INT64_MIN;
	for (unsigned i = 0; i < t->samples->len; i++) {
		PtMp4Sample *s = &g_array_index(t->samples, PtMp4Sample, i);
		s->dts = rescale(s->dts, to, t->timescale) + shift;
		s->pts = rescale(s->pts, to, t->timescale) + shift;
		s->dts = MAX(s->dts, last + 1); /* strictly rising, whatever the tables say */
		last = s->dts;
	}
	ret->format = pt_format_new(t->values, t->config.data, t->config.size);
	int stated = pt_mp4_refine_format(ret->format);
	if (pt_codec_kind(t->values->codec) == PT_KIND_VIDEO)
		ret->format->reorder = stated >= 0 ? (uint8_t)stated : seen;
	ret->track_id = t->id;
	ret->nal_size = t->nal_size;
	ret->n_samples = t->samples->len;
	ret->samples = (PtMp4Sample *)(void *)g_array_free(t->samples, FALSE);
	pt_buf_clear(&t->config);
	g_free(t->values);
}

PtMp4 *pt_mp4_read(int fd, GError **error) {
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		pt_error_set(error, DISK, "MP4: not a regular file");
		return NULL;
	}
	g_autofree Walk *w = g_new0(Walk, 1);
	w->fd = fd;
	w->reader.file_size = (uint64_t)st.st_size;
	w->reader.budget = (size_t)(64 + w->reader.file_size / 8);
	bool ok = walk(w, error);
	PtMp4 *mp4 = g_new0(PtMp4, 1);
	mp4->tracks = g_new0(PtMp4Track, MAX(w->reader.n_tracks, 1));
	mp4->n_tracks = w->reader.n_tracks;
	mp4->fragmented = w->reader.fragmented;
	mp4->comment = w->reader.comment;
	mp4->whole_size = w->reader.fragmented ? w->whole : w->reader.file_size;
	for (unsigned i = 0; i < w->reader.n_tracks; i++)
		finish_track(&w->reader, &w->reader.tracks[i], &mp4->tracks[i]);
	if (ok)
		return mp4;
	pt_mp4_free(mp4);
	return NULL;
}

void pt_mp4_free(PtMp4 *mp4) {
	if (!mp4)
		return;
	for (size_t i = 0; i < mp4->n_tracks; i++) {
		pt_format_unref(mp4->tracks[i].format);
		g_free(mp4->tracks[i].samples);
	}
	g_free(mp4->tracks);
	g_free(mp4->comment);
	g_free(mp4);
}

/* To lengths of four bytes. False when a length lies. */
static bool widen(PtSample **sample, PtBytes in, unsigned nal_size) {
	while (in.left) {
		uint32_t n = nal_size == 1 ? pt_bytes_u8(&in) : nal_size == 2 ? pt_bytes_u16(&in) : pt_bytes_u24(&in);
		const uint8_t *nal = pt_bytes_take(&in, n);
		if (!nal)
			return false;
		uint8_t *out = pt_sample_grow(sample, 4 + (size_t)n);
		pt_put_u32(out, n);
		memcpy(out + 4, nal, n);
	}
	return true;
}

/* Takes out the parameter sets that the format has anyway (avc3 and hev1 files repeat them before key frames). A damaged
 * list of NAL units is left as it is. */
static void strip_sets(PtSample *s, const PtFormat *format) {
	PtNal sets[PT_PARAM_SETS];
	unsigned n = pt_format_parameter_sets(format, sets, PT_PARAM_SETS);
	PtBytes b = pt_bytes(s->data, s->size);
	size_t kept = 0;
	while (b.left && !b.bad)
		pt_bytes_take(&b, pt_bytes_u32(&b));
	if (b.bad)
		return;
	b = pt_bytes(s->data, s->size);
	while (b.left) {
		const uint8_t *start = b.p;
		PtBytes nal = pt_bytes_sub(&b, pt_bytes_u32(&b));
		bool known = false;
		for (unsigned i = 0; i < n && !known; i++)
			known = sets[i].size == nal.left && !memcmp(sets[i].data, nal.p, nal.left);
		if (known)
			continue;
		memmove(s->data + kept, start, 4 + nal.left);
		kept += 4 + nal.left;
	}
	s->size = kept;
}

PtSample *pt_mp4_load(PtMp4 *mp4, int fd, size_t track, size_t index, GError **error) {
	g_assert(track < mp4->n_tracks && index < mp4->tracks[track].n_samples);
	const PtMp4Track *t = &mp4->tracks[track];
	const PtMp4Sample *m = &t->samples[index];
	if (m->size > PT_SAMPLE_MAX) {
		pt_error_set(error, TOO_LARGE, "MP4: sample %zu of track %u has %u bytes, more than %u", index, t->track_id,
		             m->size, PT_SAMPLE_MAX);
		return NULL;
	}
	PtSample *s = pt_sample_new(m->size);
	if (!t->nal_size || t->nal_size == 4) {
		if (!read_at(fd, pt_sample_grow(&s, m->size), m->size, m->offset, error)) {
			pt_sample_unref(s);
			return NULL;
		}
	} else {
		g_autofree uint8_t *p = g_malloc(m->size);
		bool ok = read_at(fd, p, m->size, m->offset, error);
		if (ok && !widen(&s, pt_bytes(p, m->size), t->nal_size)) {
			pt_error_set(error, INVALID, "MP4: sample %zu of track %u: a NAL unit reaches over its end", index,
			             t->track_id);
			ok = false;
		}
		if (!ok) {
			pt_sample_unref(s);
			return NULL;
		}
	}
	if (t->nal_size && m->key)
		strip_sets(s, t->format);
	s->track = (uint8_t)track;
	s->key = m->key;
	s->dts = m->dts;
	s->pts = m->pts;
	s->wall_ns = m->wall_ns;
	s->format = pt_format_ref(t->format);
	return s;
}

void pt_mp4_print(const PtMp4 *mp4, FILE *out) {
	fprintf(out, "%s, whole up to byte %" G_GUINT64_FORMAT ", %zu tracks\n",
	        mp4->fragmented ? "fragmented" : "progressive", mp4->whole_size, mp4->n_tracks);
	for (size_t i = 0; i < mp4->n_tracks; i++) {
		const PtMp4Track *t = &mp4->tracks[i];
		const PtFormat *f = t->format;
		size_t keys = 0, n = t->n_samples;
		for (size_t k = 0; k < n; k++)
			keys += t->samples[k].key;
		fprintf(out, "track %u: %s %s", t->track_id, pt_codec_name(f->codec), f->rfc6381);
		if (pt_codec_kind(f->codec) == PT_KIND_VIDEO)
			fprintf(out, " %ux%u, %zu key frames", f->width, f->height, keys);
		if (pt_codec_kind(f->codec) == PT_KIND_AUDIO)
			fprintf(out, " %u Hz, %u channels", f->sample_rate, f->channels);
		fprintf(out, ", %zu samples", n);
		if (n) {
			g_autofree char *wall =
			    t->samples[0].wall_ns ? pt_time_format(t->samples[0].wall_ns) : g_strdup("unknown");
			fprintf(out, ", %.3f s to %.3f s, captured from %s", (double)t->samples[0].pts / f->timescale,
			        (double)t->samples[n - 1].pts / f->timescale, wall);
		}
		fputc('\n', out);
	}
}
