/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/fill.h"
#include "archive/segment.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/write.h"
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LEAD_MAX (64u << 20)  /* bytes that may stand before what counts; a group of pictures */
#define GROUP_MAX (16u << 20) /* and of one that is kept in case that it is needed again */
#define ROOM_MAX (64u << 20)  /* bytes that are left for what is recorded meanwhile, at most */
#define ROOM_SHARE 50         /* and not more than this part of the disk */
#define COMMENT_HEAD "Fetched from the camera's card: "
#define COMMENT_FROM "; counts from "
#define COMMENT_OTHER ") in another quality: "

struct PtFill {
	PtArchive *archive;
	char *origin, *camera, *stream;
	int64_t series, from, to;
	int live_width, live_height; /* of what was recorded live beside the gap; 0: not known */

	/* not written yet: the lead of a file that is not begun, or the fragment that is being gathered */
	GPtrArray *pending; /* of PtSample */
	GArray *places;     /* int64_t: where each stands */
	size_t pending_bytes;
	GPtrArray *group;     /* of PtSample: since the last key, written or not */
	GArray *group_places; /* int64_t */
	size_t group_bytes;
	int64_t start; /* of the first that counts; 0: none came since the last hole */
	bool joined;   /* and nothing is missing before it */
	bool apart;    /* something is missing before the next sample */

	PtSegment *segment; /* NULL: none is begun */
	char *full;         /* its path */
	PtSegmentRow row;
	PtFormat *format;
	int64_t dts0, last_place, nominal_ns;
	uint32_t sequence;
	uint64_t frames, bytes; /* of the segment */
	PtBuf head;

	PtFillStats stats;
};

static PtSample *sample_at(const PtFill *f, guint i) { return g_ptr_array_index(f->pending, i); }
static int64_t place_at(const PtFill *f, guint i) { return g_array_index(f->places, int64_t, i); }

static int64_t ticks_to_ns(const PtFormat *f, int64_t ticks) { return ticks * PT_NS_PER_S / f->timescale; }

static void drop_pending(PtFill *f) {
	g_ptr_array_set_size(f->pending, 0);
	g_array_set_size(f->places, 0);
	f->pending_bytes = 0;
}

static void drop_group(PtFill *f) {
	g_ptr_array_set_size(f->group, 0);
	g_array_set_size(f->group_places, 0);
	f->group_bytes = 0;
}

/* What is too large for that is not kept up to the next key. */
static void keep_in_group(PtFill *f, PtSample *s, int64_t place) {
	if (s->key || f->group_bytes + s->size > GROUP_MAX)
		drop_group(f);
	if (!s->key && !f->group->len)
		return;
	g_ptr_array_add(f->group, pt_sample_ref(s));
	g_array_append_val(f->group_places, place);
	f->group_bytes += s->size;
}

static void drop_segment(PtFill *f) {
	if (!f->segment)
		return;
	unlink(f->full);
	pt_segment_close(f->segment);
	pt_store_forget_fetching(pt_archive_store(f->archive), f->row.path, NULL);
	f->segment = NULL;
	g_clear_pointer(&f->full, g_free);
	f->frames = f->bytes = 0;
}

PtFill *pt_fill_new(PtArchive *archive, const PtFillParams *params, GError **error) {
	int64_t series = pt_store_series(pt_archive_store(archive), params->camera, params->stream, error);
	if (!series)
		return NULL;
	PtFill *f = g_new0(PtFill, 1);
	f->archive = archive;
	f->series = series;
	f->camera = g_strdup(params->camera);
	f->stream = g_strdup(params->stream);
	f->origin = g_strdup(params->origin);
	f->from = params->from_ns;
	f->to = params->to_ns;
	f->joined = params->joined;
	pt_store_live_size(pt_archive_store(archive), series, f->from, &f->live_width, &f->live_height);
	f->pending = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	f->places = g_array_new(FALSE, FALSE, sizeof(int64_t));
	f->group = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	f->group_places = g_array_new(FALSE, FALSE, sizeof(int64_t));
	return f;
}

void pt_fill_free(PtFill *f) {
	if (!f)
		return;
	drop_segment(f);
	g_ptr_array_unref(f->pending);
	g_array_unref(f->places);
	g_ptr_array_unref(f->group);
	g_array_unref(f->group_places);
	pt_format_unref(f->format);
	pt_buf_clear(&f->head);
	g_free(f->camera);
	g_free(f->stream);
	g_free(f->origin);
	g_free(f);
}

void pt_fill_get_stats(const PtFill *f, PtFillStats *ret) { *ret = f->stats; }

bool pt_fill_read_comment(const char *comment, int64_t *ret_start_ns, bool *ret_other) {
	if (!comment || !g_str_has_prefix(comment, COMMENT_HEAD))
		return false;
	const char *from = g_strrstr(comment, COMMENT_FROM); /* a camera may call itself anything: the last is ours */
	char *end;
	gint64 ns = from ? g_ascii_strtoll(from + strlen(COMMENT_FROM), &end, 10) : 0;
	if (ns <= 0 || *end != ' ')
		return false;
	*ret_start_ns = ns;
	*ret_other = strstr(end, COMMENT_OTHER) != NULL;
	return true;
}

/* ---- a segment ---- */

/* What the comment says of it; "": it is as large as what was recorded live. Caller frees. */
static char *other_quality(const PtFill *f, const PtFormat *format) {
	if (!f->live_width || (format->width == f->live_width && format->height == f->live_height))
		return g_strdup("");
	return g_strdup_printf(COMMENT_OTHER "%dx%d, recorded live are %dx%d", format->width, format->height, f->live_width,
	                       f->live_height);
}

static bool begin_segment(PtFill *f, GError **error) {
	PtSample *first = sample_at(f, 0);
	f->segment = pt_segment_create(pt_archive_path(f->archive), f->camera, f->stream, f->start, error);
	if (!f->segment)
		return false;
	f->full = g_build_filename(pt_archive_path(f->archive), pt_segment_path(f->segment), NULL);
	f->row = (PtSegmentRow){.id = pt_store_new_id(pt_archive_store(f->archive)),
	                        .series = f->series,
	                        .start_ns = f->start,
	                        .width = first->format->width,
	                        .height = first->format->height,
	                        .fetched = true};
	g_strlcpy(f->row.path, pt_segment_path(f->segment), sizeof f->row.path);
	const PtFormat *format = first->format;
	g_strlcpy(f->row.codec, format->rfc6381[0] ? format->rfc6381 : pt_codec_name(format->codec), sizeof f->row.codec);
	f->dts0 = first->dts;
	f->sequence = 0;
	if (!pt_store_note_fetching(pt_archive_store(f->archive), f->row.path, error))
		return false;
	g_autofree char *when = pt_time_format(f->start), *quality = other_quality(f, format);
	f->row.other = *quality;
	g_autofree char *comment = g_strdup_printf(COMMENT_HEAD "%s" COMMENT_FROM "%" G_GINT64_FORMAT " ns UTC (%s%s",
	                                           f->origin, f->start, when, *quality ? quality : ")");
	PtFormat *formats[] = {first->format};
	f->head.size = 0;
	pt_mp4_write_init(&f->head, formats, 1, f->start, comment);
	return pt_segment_append(f->segment, &(struct iovec){f->head.data, f->head.size}, 1, error);
}

/* next: the sample that follows, or NULL. */
static uint32_t duration_of(const PtFill *f, const PtSample *s, const PtSample *next) {
	int64_t guess = f->nominal_ns ? f->nominal_ns * s->format->timescale / PT_NS_PER_S : s->format->timescale / 25;
	return (uint32_t)CLAMP(next ? next->dts - s->dts : guess, 1, G_MAXINT32);
}

/* What is fetched can wait, what is recorded cannot. */
static bool has_room(const PtFill *f, GError **error) {
	struct statvfs disk;
	if (statvfs(pt_archive_path(f->archive), &disk))
		return true; /* what is wrong with it is told by the next write */
	uint64_t block = disk.f_frsize, all = disk.f_blocks * block, room = all / ROOM_SHARE;
	if (disk.f_bavail * block >= MIN(room, ROOM_MAX))
		return true;
	pt_error_set(error, DISK, "%u MiB are free on the archive's disk, which what is recorded needs: make room there",
	             (unsigned)(disk.f_bavail * block >> 20));
	return false;
}

/* The last frame of the gap is there until the next one is, by the clock of that, so that not an instant is without either.
 */
static uint32_t until_live(const PtFill *f, const PtSample *s, int64_t place, uint32_t duration) {
	int64_t left = MAX(f->to - place, 0),
	        ticks = left / PT_NS_PER_S * s->format->timescale +
	                (left % PT_NS_PER_S * s->format->timescale + PT_NS_PER_S - 1) / PT_NS_PER_S;
	return (uint32_t)CLAMP(MAX(ticks, duration), 1, G_MAXINT32);
}

/* Writes what is pending as a fragment; next: the sample that follows, or NULL. reached: it is the last, and the next frame
 * is the one behind the gap. */
static bool write_pending(PtFill *f, const PtSample *next, bool reached, GError **error) {
	guint n = f->pending->len;
	if (n && !has_room(f, error))
		return false;
	if (!n || (!f->segment && !begin_segment(f, error)))
		return !n;
	g_autofree uint32_t *durations = g_new(uint32_t, n);
	g_autofree struct iovec *iov = g_new(struct iovec, n + 1);
	for (guint i = 0; i < n; i++) {
		PtSample *s = sample_at(f, i);
		durations[i] = duration_of(f, s, i + 1 < n ? sample_at(f, i + 1) : next);
		iov[i + 1] = (struct iovec){s->data, s->size};
		bool counts = place_at(f, i) >= f->start;
		f->frames += counts;
		f->bytes += counts ? s->size : 0;
	}
	PtSample *first = sample_at(f, 0), *last = sample_at(f, n - 1);
	if (reached)
		durations[n - 1] = until_live(f, last, place_at(f, n - 1), durations[n - 1]);
	PtFragmentHead head = {.sequence = ++f->sequence,
	                       .track_id = 1,
	                       .base_dts = first->dts - f->dts0,
	                       .wall_ns = place_at(f, 0) + ticks_to_ns(first->format, first->pts - first->dts)};
	f->head.size = 0;
	pt_mp4_write_fragment(&f->head, &head, (PtSample *const *)f->pending->pdata, durations, n);
	iov[0] = (struct iovec){f->head.data, f->head.size};
	f->row.end_ns = place_at(f, n - 1) + ticks_to_ns(last->format, durations[n - 1]);
	bool ok = pt_segment_append(f->segment, iov, n + 1, error);
	drop_pending(f);
	return ok;
}

/* What is no longer than this is no frame that is missing. Another encoder takes its pictures at other instants, up to a
 * frame apart, and where the clock alone says what is behind the gap, a quarter of one before it is taken for that. */
static int64_t between_frames(const PtFill *f) { return f->nominal_ns * (f->row.other ? 26 : 12) / 20; }

/* The segment ends here; what follows begins another one. reached: with it the gap. */
static bool end_segment(PtFill *f, const PtSample *next, bool reached, GError **error) {
	bool counts = f->start != 0;
	if (counts && !write_pending(f, next, reached, error))
		return false;
	drop_pending(f);
	f->start = 0;
	if (!f->segment)
		return true;
	f->row.end_ns = MIN(f->row.end_ns, MAX(f->to, f->row.start_ns + 1));
	f->row.bytes = pt_segment_size(f->segment);
	int64_t from = f->joined ? MIN(f->from, f->row.start_ns) : f->row.start_ns;
	int64_t to = reached ? MAX(f->to, f->row.end_ns) : f->row.end_ns;
	if (!pt_segment_sync(f->segment, f->row.bytes, f->row.end_ns, error) ||
	    !pt_store_fill(pt_archive_store(f->archive), &f->row, from, to, between_frames(f), error))
		return false;
	f->joined = false;
	f->stats.frames += f->frames;
	f->stats.bytes += f->bytes;
	f->stats.end_ns = f->row.end_ns;
	f->frames = f->bytes = 0;
	g_clear_pointer(&f->segment, pt_segment_close);
	g_clear_pointer(&f->full, g_free);
	return true;
}

/* ---- what comes in ---- */

/* The first that counts is one of its own: it may stand up to half a frame later than it was made, and what follows does
 * not. */
static bool fragment_is_full(const PtFill *f, const PtSample *s, int64_t place) {
	return f->pending->len && (place_at(f, 0) == f->start || place - place_at(f, 0) >= PT_FRAGMENT_NS ||
	                           f->pending_bytes + s->size > PT_FRAGMENT_BYTES);
}

/* Ends what has to end before this sample. */
static bool make_way(PtFill *f, const PtSample *s, int64_t place, GError **error) {
	bool other = f->format && !pt_format_equal(f->format, s->format);
	if (other && !end_segment(f, NULL, false, error))
		return false;
	if (f->start && s->key && place - f->start >= PT_SEGMENT_NS && !end_segment(f, s, false, error))
		return false;
	if (f->start && fragment_is_full(f, s, place) && !write_pending(f, s, false, error))
		return false;
	if (!f->start && s->key) /* it can be decoded from here: what came before is not needed */
		drop_pending(f);
	return true;
}

bool pt_fill_add(PtFill *f, PtSample *s, int64_t decode_ns, bool shown, GError **error) {
	const PtSample *last = f->pending->len ? sample_at(f, f->pending->len - 1) : NULL;
	int64_t place = f->last_place ? MAX(decode_ns, f->last_place + 1) : decode_ns;
	if (last && !f->apart && s->dts > last->dts && s->dts - last->dts < s->format->timescale) {
		int64_t step = ticks_to_ns(s->format, s->dts - last->dts); /* some come early and some late */
		f->nominal_ns = f->nominal_ns ? f->nominal_ns + (step - f->nominal_ns) / 8 : step;
	}
	f->apart = false;
	if (!make_way(f, s, place, error))
		return false;
	if (f->format != s->format) {
		pt_format_unref(f->format);
		f->format = pt_format_ref(s->format);
	}
	f->last_place = place;
	if (!f->start && !f->pending->len && !s->key)
		return true;
	if (f->pending_bytes + s->size > LEAD_MAX) {
		pt_error_set(error, TOO_LARGE, "no key picture in %u MiB of what the camera sent", LEAD_MAX >> 20);
		return false;
	}
	if (!f->start && shown) {
		/* a fragment of its own, so that the file says exactly when this one is */
		f->start = place;
		if (!write_pending(f, s, false, error))
			return false;
	}
	g_ptr_array_add(f->pending, pt_sample_ref(s));
	g_array_append_val(f->places, place);
	f->pending_bytes += s->size;
	keep_in_group(f, s, place);
	return true;
}

bool pt_fill_hole(PtFill *f, bool decodable, GError **error) {
	bool ok = end_segment(f, NULL, false, error);
	drop_pending(f);
	for (guint i = 0; decodable && i < f->group->len; i++) {
		g_ptr_array_add(f->pending, pt_sample_ref(g_ptr_array_index(f->group, i)));
		g_array_append_val(f->places, g_array_index(f->group_places, int64_t, i));
	}
	f->pending_bytes = decodable ? f->group_bytes : 0;
	if (!decodable)
		drop_group(f);
	f->joined = false;
	f->apart = true;
	return ok;
}

bool pt_fill_commit(PtFill *f, bool reached, GError **error) { return end_segment(f, NULL, reached, error); }
