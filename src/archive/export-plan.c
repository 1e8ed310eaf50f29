/* Decides what is in a clip. The pictures are gone through twice: once to see what there is and where to begin, which
 * decides how they are taken, and once to take them; only tables are read for that, unless something is converted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/export-plan.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/codec/job.h"
#include "media/nal.h"
#include <string.h>

#define BEFORE_NS (INT64_C(3700) * PT_NS_PER_S) /* from origin to from: no GOP is longer than an hour */
#define STALE_NS (PT_NS_PER_S / 2)              /* a picture that old is not "what was to be seen" */
#define CONVERT_TIMEOUT_MS 20000
#define REORDER_MAX 16

/* ---- pictures of the span, as far as they can be decoded ---- */

typedef struct {
	PtFeed feed;
	int64_t begin,
	    to; /* ns since origin: from the first key picture at or after begin; up to the last one shown before to */
	bool started;
	int64_t first_pts;
	/* pictures shown at or after to that one shown before it may need; formats are references */
	PtFeedItem held[REORDER_MAX + 2];
	unsigned n_held, n_ready, given;
} Cut;

static int64_t item_ns(const PtFeedItem *i) { return pt_feed_ns(i->pts, i->format->timescale); }
static int64_t item_end_ns(const PtFeedItem *i) { return pt_feed_ns(i->pts + i->duration, i->format->timescale); }

static void drop_held(Cut *c) {
	for (unsigned i = 0; i < c->n_held; i++)
		pt_format_unref(c->held[i].format);
	c->n_held = c->n_ready = c->given = 0;
}

static void hold(Cut *c, const PtFeedItem *item) {
	c->held[c->n_held] = *item;
	pt_format_ref(c->held[c->n_held++].format);
}

static void cut_close(Cut *c) {
	drop_held(c);
	pt_feed_close(&c->feed);
}

/* As pt_feed_next(). */
static int cut_next(Cut *c, PtFeedItem *ret, GError **error) {
	if (c->given && c->given == c->n_ready)
		drop_held(c);
	if (c->given < c->n_ready) {
		*ret = c->held[c->given++];
		return 1;
	}
	for (;;) {
		int got = pt_feed_next(&c->feed, ret, error);
		if (got <= 0)
			return got;
		if (!c->started) {
			if (!ret->key || item_ns(ret) < c->begin)
				continue;
			c->started = true;
			c->first_pts = ret->pts;
		} else if (ret->pts < c->first_pts) {
			continue; /* shown before the key picture: it needs pictures that are not there */
		}
		if (item_ns(ret) >= c->to) {
			if (c->n_held >= MIN(ret->format->reorder, REORDER_MAX))
				return 0;
			hold(c, ret);
			continue;
		}
		if (!c->n_held)
			return 1;
		hold(c, ret);
		c->n_ready = c->n_held;
		*ret = c->held[c->given++];
		return 1;
	}
}

static int64_t find_series(PtExportPlan *p, const char *stream, GError **error) {
	g_autoptr(GArray) all = pt_store_all_series(pt_archive_store(p->archive), false, error);
	for (guint i = 0; all && i < all->len; i++) {
		const PtSeriesRow *s = &g_array_index(all, PtSeriesRow, i);
		if (!strcmp(s->camera, p->params->camera) && !strcmp(s->stream, stream))
			return s->id;
	}
	return 0;
}

/* Where there is some. Caller frees. */
static char *extent_of(PtArchive *archive, const PtExportParams *params) {
	g_autoptr(GArray) all = pt_store_all_series(pt_archive_store(archive), true, NULL);
	for (guint i = 0; all && i < all->len; i++) {
		const PtSeriesRow *s = &g_array_index(all, PtSeriesRow, i);
		if (strcmp(s->camera, params->camera) || strcmp(s->stream, params->stream) || !s->segments)
			continue;
		g_autofree char *first = pt_time_format(s->first_ns), *last = pt_time_format(s->last_ns);
		return g_strdup_printf("it begins at %s and ends at %s", first, last);
	}
	return g_strdup("there is none at all");
}

static bool set_no_footage(const PtExportPlan *p, GError **error) {
	const PtExportParams *params = p->params;
	if (!error || *error)
		return false;
	g_autofree char *from = pt_time_format(params->from_ns), *to = pt_time_format(params->to_ns);
	g_autofree char *extent = extent_of(p->archive, params);
	pt_error_set(error, NOT_FOUND, "there is no footage of camera %s between %s and %s%s%s; %s", params->camera, from,
	             to, strcmp(params->stream, "main") ? " of stream " : "",
	             strcmp(params->stream, "main") ? params->stream : "", extent);
	return false;
}

static bool cut_open(PtExportPlan *p, Cut *c, int64_t series, bool only_look, GError **error) {
	*c = (Cut){.begin = p->begin, .to = p->params->to_ns - p->origin_ns};
	return pt_feed_open(&c->feed, p->archive, only_look ? NULL : p->files, series, p->origin_ns, p->params->from_ns,
	                    p->params->to_ns + 2 * PT_NS_PER_S, error);
}

static bool too_many(size_t samples, GError **error) {
	if (samples <= PT_EXPORT_SAMPLES)
		return false;
	pt_error_set(error, INVALID, "the span holds more than %d pictures and packets of sound: export in several pieces",
	             PT_EXPORT_SAMPLES);
	return true;
}

static bool gap_too_long(int64_t ticks, int64_t scale, int64_t limit_ns, GError **error) {
	if (ticks < INT32_MAX && pt_feed_ns(ticks, scale) <= limit_ns)
		return false;
	pt_error_set(error, INVALID,
	             "nothing was recorded for more than %" G_GINT64_FORMAT " hours within the span: export what "
	             "lies before and after in two pieces",
	             limit_ns / PT_NS_PER_S / 3600);
	return true;
}

/* ---- looking ---- */

typedef struct {
	size_t samples;
	bool before; /* show is at or before from */
	bool show_is_key, again;
	int64_t show_end, last_end, last_dts;
	PtFormat *format; /* of the picture before; a reference */
} Look;

static void consider(PtExportPlan *p, Look *l, const PtFeedItem *i) {
	int64_t ns = item_ns(i), from = p->params->from_ns - p->origin_ns;
	bool none = p->show < 0;
	if (p->params->exact) {
		if (ns >= from && (none || ns < p->show)) {
			p->show = ns;
			l->show_is_key = i->key;
		}
	} else if (ns <= from) {
		if (none || ns >= p->show) {
			p->show = ns;
			l->show_end = item_end_ns(i);
		}
		l->before = true;
	} else if (l->before && i->key && i->fresh && p->show < from && l->show_end + STALE_NS < from) {
		/* what is there before from ended long before it: the clip begins with what comes after */
		p->begin = ns;
		l->again = true;
	} else if (none || (!l->before && ns < p->show)) {
		p->show = ns;
	}
}

static bool look_at(PtExportPlan *p, Look *l, const PtFeedItem *i, GError **error) {
	if (too_many(++l->samples, error))
		return false;
	if (l->format && gap_too_long(i->dts - l->last_dts, i->format->timescale, PT_EXPORT_GAP_NS, error))
		return false;
	if (!l->format) {
		p->codec = i->format->codec;
	} else if (!pt_format_equal(l->format, i->format)) {
		p->several = true;
		p->mixed |= l->format->codec != i->format->codec;
	}
	if (l->format != i->format) {
		pt_format_unref(l->format);
		l->format = pt_format_ref(i->format);
	}
	l->last_dts = i->dts;
	if (item_ns(i) < p->params->to_ns - p->origin_ns) {
		consider(p, l, i);
		l->last_end = MAX(l->last_end, item_end_ns(i));
	}
	return true;
}

static bool look_once(PtExportPlan *p, int64_t series, Look *l, GError **error) {
	Cut cut;
	PtFeedItem item;
	int got = -1;
	p->show = -1;
	p->several = p->mixed = false;
	if (cut_open(p, &cut, series, true, error))
		while ((got = cut_next(&cut, &item, error)) > 0 && !l->again)
			if (!look_at(p, l, &item, error)) {
				got = -1;
				break;
			}
	cut_close(&cut);
	g_clear_pointer(&l->format, pt_format_unref);
	return got >= 0;
}

/* Finds where playback begins, and what has to be done to the pictures. */
static bool look(PtExportPlan *p, int64_t series, GError **error) {
	Look l = {0};
	if (!look_once(p, series, &l, error))
		return false;
	if (l.again) {
		l = (Look){0};
		if (!look_once(p, series, &l, error))
			return false;
	}
	if (p->show < 0 || l.last_end <= p->params->from_ns - p->origin_ns)
		return set_no_footage(p, error);
	if (p->params->exact && l.show_is_key)
		p->begin = p->show; /* then there is nothing before it to get rid of */
	return true;
}

/* ---- taking ---- */

/* Writes the format's parameter sets to be put before a key picture. A file with several sample descriptions has them there
 * too: not every player looks at a second description. */
static bool prepare_prefix(PtExportPlan *p, PtFormat *format, GError **error) {
	if (p->prefix_of == format)
		return true;
	PtNal sets[PT_PARAM_SETS];
	unsigned n = pt_format_parameter_sets(format, sets, PT_PARAM_SETS);
	PtBuf b = {0};
	for (unsigned i = 0; i < n; i++) {
		pt_buf_u32(&b, (uint32_t)sets[i].size);
		pt_buf_put(&b, sets[i].data, sets[i].size);
	}
	p->prefix_size = (uint32_t)b.size;
	p->prefix_offset = b.size ? pt_files_append(p->files, b.data, b.size, error) : 0;
	pt_buf_clear(&b);
	pt_format_unref(p->prefix_of);
	p->prefix_of = pt_format_ref(format);
	return p->prefix_offset >= 0;
}

static bool take(PtExportPlan *p, const PtFeedItem *i, GError **error) {
	bool prefix = p->several && i->key;
	int64_t ns = item_ns(i);
	if (prefix && !prepare_prefix(p, i->format, error))
		return false;
	p->first = p->first < 0 ? ns : MIN(p->first, ns);
	if (ns < p->params->to_ns - p->origin_ns)
		p->end = MIN(MAX(p->end, item_end_ns(i)), p->params->to_ns - p->origin_ns);
	pt_export_track_add(&p->video, i, p->prefix_offset, prefix ? p->prefix_size : 0);
	return !too_many(pt_mp4_table_samples(p->video.table), error);
}

/* A conversion that is under way; for picture and sound. */
typedef struct {
	PtExportPlan *plan;
	Cut cut;
	GError *error;
	int64_t until; /* ns: what is made at or after it is not wanted */
	int64_t delay; /* ticks from dts to pts of what follows by copying */
	int64_t last;  /* pts of the one before */
	/* --exact: the first GOP alone */
	bool one_gop, first_done;
	bool has_key, has_rest; /* what was read and is to be copied after the converted part; formats are references */
	PtFeedItem key, rest;
	/* sound */
	bool sound;
	int64_t sound_from;
} Conversion;

static PtSample *load(Conversion *c, const PtFeedItem *item) {
	PtSample *s = pt_feed_load(&c->cut.feed, item, &c->error);
	if (s)
		s->track = 0;
	return s;
}

static PtSample *pull_picture(void *data) {
	Conversion *c = data;
	PtFeedItem item;
	if (c->error || c->has_rest || cut_next(&c->cut, &item, &c->error) <= 0)
		return NULL;
	if (!c->first_done) {
		c->first_done = true;
		c->delay = item.pts - item.dts;
	} else if (c->one_gop && !c->has_key && item.key) {
		/* the next GOP is copied; but what is shown before its key picture may need this one, so that all of it goes
		 * through the decoder here */
		c->has_key = true;
		c->key = item;
		pt_format_ref(c->key.format);
		c->until = MIN(c->until, item_ns(&item));
	} else if (c->has_key && item.pts > c->key.pts) {
		c->has_rest = true;
		c->rest = item;
		pt_format_ref(c->rest.format);
		return NULL;
	}
	return load(c, &item);
}

static bool put(PtSample *s, void *data) {
	Conversion *c = data;
	PtExportPlan *p = c->plan;
	int64_t scale = s->format->timescale;
	if (s->pts < 0 || pt_feed_ns(s->pts, scale) >= c->until)
		return true;
	int64_t offset = pt_files_append(p->files, s->data, s->size, &c->error);
	if (offset < 0)
		return false;
	int64_t usual = c->sound ? 1024 : c->last > 0 && s->pts - c->last < scale ? s->pts - c->last : scale / 25;
	PtFeedItem item = {.format = s->format,
	                   .size = (uint32_t)s->size,
	                   .offset = (uint64_t)offset,
	                   .dts = s->pts - c->delay,
	                   .pts = s->pts,
	                   .duration = usual,
	                   .key = s->key};
	if (c->last > 0 && (s->pts <= c->last || gap_too_long(s->pts - c->last, scale, INT64_MAX, &c->error)))
		return !c->error;
	c->last = s->pts;
	if (c->sound) {
		pt_export_track_add(&p->audio, &item, 0, 0);
		return !too_many(pt_mp4_table_samples(p->video.table) + pt_mp4_table_samples(p->audio.table), &c->error);
	}
	return take(p, &item, &c->error);
}

static bool convert(Conversion *c, const PtCodecJobParams *job, PtCodecPull pull, GError **error) {
	g_autoptr(GError) failed = NULL;
	bool ok = pt_codec_convert(job, pull, put, c, CONVERT_TIMEOUT_MS, c->plan->cancellable, &failed);
	if (c->error)
		g_propagate_error(error, g_steal_pointer(&c->error));
	else if (!ok)
		g_propagate_error(error, g_steal_pointer(&failed));
	else
		return true;
	return false;
}

/* The GOP that from falls into is encoded again from there on, what follows is copied. */
static bool convert_first_gop(PtExportPlan *p, Conversion *c, GError **error) {
	c->one_gop = true;
	if (!convert(c, &(PtCodecJobParams){.kind = PT_CODEC_JOB_VIDEO, .from_pts = pt_feed_ticks(p->show, 90000)},
	             pull_picture, error))
		return false;
	bool ok = true;
	PtFeedItem *read[] = {c->has_key ? &c->key : NULL, c->has_rest ? &c->rest : NULL};
	for (unsigned i = 0; i < G_N_ELEMENTS(read) && ok; i++)
		ok = !read[i] || take(p, read[i], error);
	return ok;
}

static bool copy(PtExportPlan *p, Cut *cut, GError **error) {
	PtFeedItem item;
	int got;
	while ((got = cut_next(cut, &item, error)) > 0)
		if (g_cancellable_set_error_if_cancelled(p->cancellable, error) || !take(p, &item, error))
			return false;
	return got == 0;
}

static bool take_pictures(PtExportPlan *p, int64_t series, GError **error) {
	bool key_first = p->begin == p->show, h264 = p->codec == PT_CODEC_H264;
	bool encode_gop = p->params->exact && !key_first && h264 && !p->mixed;
	bool encode_all =
	    p->mixed || (!h264 && p->params->h264) || (p->codec == PT_CODEC_H265 && p->params->exact && !key_first);
	Conversion c = {.plan = p, .until = p->params->to_ns - p->origin_ns};
	if (p->params->exact && p->codec == PT_CODEC_MJPEG)
		p->begin = p->show;
	p->several |= encode_gop;
	p->several &= !encode_all;
	p->first = -1;
	p->end = 0;
	bool ok = cut_open(p, &c.cut, series, false, error);
	if (ok && encode_all) {
		p->converted = true;
		p->codec = PT_CODEC_H264;
		ok = convert(&c, &(PtCodecJobParams){.kind = PT_CODEC_JOB_VIDEO, .from_pts = pt_feed_ticks(p->show, 90000)},
		             pull_picture, error);
	} else if (ok) {
		ok = (!encode_gop || convert_first_gop(p, &c, error)) && copy(p, &c.cut, error);
	}
	if (c.has_key)
		pt_format_unref(c.key.format);
	if (c.has_rest)
		pt_format_unref(c.rest.format);
	cut_close(&c.cut);
	g_clear_pointer(&p->prefix_of, pt_format_unref);
	return ok;
}

/* ---- sound ---- */

static bool wanted_sound(const Conversion *c, const PtFeedItem *i, int margin) {
	int64_t scale = i->format->timescale;
	return item_ns(i) >= c->sound_from && pt_feed_ns(i->pts + (1 + margin) * i->duration, scale) > c->plan->show &&
	       item_ns(i) < c->plan->end;
}

static PtSample *pull_sound(void *data) {
	Conversion *c = data;
	PtFeedItem item;
	while (!c->error && pt_feed_next(&c->cut.feed, &item, &c->error) > 0)
		if (wanted_sound(c, &item, 0))
			return load(c, &item);
	return NULL;
}

static bool open_sound(Conversion *c, int64_t series, bool only_look, GError **error) {
	PtExportPlan *p = c->plan;
	return pt_feed_open(&c->cut.feed, p->archive, only_look ? NULL : p->files, series, p->origin_ns,
	                    p->origin_ns + p->show - PT_NS_PER_S / 4, p->origin_ns + p->end, error);
}

/* Whether all of it is AAC of one kind, and whether there is any. */
static bool look_at_sound(Conversion *c, int64_t series, bool *ret_copy, bool *ret_any, GError **error) {
	PtFormat *format = NULL;
	PtFeedItem item;
	int got = -1;
	*ret_copy = true;
	*ret_any = false;
	if (open_sound(c, series, true, error))
		while ((got = pt_feed_next(&c->cut.feed, &item, error)) > 0) {
			if (!wanted_sound(c, &item, 1))
				continue;
			*ret_any = true;
			*ret_copy &= item.format->codec == PT_CODEC_AAC && (!format || pt_format_equal(format, item.format));
			pt_format_unref(format);
			format = pt_format_ref(item.format);
		}
	pt_format_unref(format);
	pt_feed_close(&c->cut.feed);
	return got >= 0;
}

static bool copy_sound(Conversion *c, GError **error) {
	PtExportPlan *p = c->plan;
	PtFeedItem item;
	int got;
	while ((got = pt_feed_next(&c->cut.feed, &item, error)) > 0) {
		/* one packet more in front, where it is not too early: a decoder's first one comes out damped */
		if (!wanted_sound(c, &item, 1))
			continue;
		if (c->last > 0 && gap_too_long(item.dts - c->last, item.format->timescale, INT64_MAX, error))
			return false;
		c->last = item.dts;
		pt_export_track_add(&p->audio, &item, 0, 0);
		if (too_many(pt_mp4_table_samples(p->video.table) + pt_mp4_table_samples(p->audio.table), error))
			return false;
	}
	return got == 0;
}

static bool take_sound(PtExportPlan *p, GError **error) {
	g_autoptr(GError) failed = NULL;
	int64_t series = find_series(p, "audio", &failed);
	if (!series && failed)
		g_propagate_error(error, g_steal_pointer(&failed));
	if (!series)
		return !(error && *error);
	/* never earlier than the first picture, so that the one time the clip states holds for both */
	Conversion c = {.plan = p, .sound = true, .until = p->end, .sound_from = p->first};
	if (p->params->exact)
		c.sound_from = MAX(c.sound_from, p->params->from_ns - p->origin_ns);
	bool copyable, any;
	if (!look_at_sound(&c, series, &copyable, &any, error))
		return false;
	if (!any)
		return true;
	bool ok = open_sound(&c, series, false, error);
	if (ok && copyable)
		ok = copy_sound(&c, error);
	else if (ok)
		ok = convert(&c, &(PtCodecJobParams){.kind = PT_CODEC_JOB_AUDIO, .audio = PT_CODEC_AAC}, pull_sound, error);
	pt_feed_close(&c.cut.feed);
	if (!ok)
		g_prefix_error(error, "the sound of the clip: ");
	return ok;
}

bool pt_export_plan(PtExportPlan *p, GError **error) {
	p->origin_ns = p->params->from_ns - BEFORE_NS;
	p->begin = 0;
	int64_t series = find_series(p, p->params->stream, error);
	if (!series)
		return set_no_footage(p, error);
	if (!look(p, series, error))
		return false;
	pt_export_track_init(&p->video);
	if (!take_pictures(p, series, error))
		return false;
	if (!pt_mp4_table_samples(p->video.table) || p->end <= p->show)
		return set_no_footage(p, error);
	p->first = MIN(p->first, p->show);
	pt_export_track_init(&p->audio);
	return !p->params->sound || take_sound(p, error);
}
