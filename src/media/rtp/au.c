/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/au.h"
#include <glib.h>
#include <string.h>

#define SCAN_FIRST 10            /* access units that are searched for start codes before a camera is trusted */
#define NO_KEY_TICKS (5 * 90000) /* without a key picture for so long, I slices are taken for one */
#define SLACK (16 * 1024)        /* unused capacity that is not worth giving back */

void pt_au_init(PtAu *au) { au->scan = SCAN_FIRST; }

void pt_au_finish(PtAu *au) {
	pt_param_sets_clear(&au->sets);
	pt_sample_unref(au->sample);
}

void pt_au_update_format(PtAu *au) {
	if (!au->sets.changed)
		return;
	au->sets.changed = false;
	PtFormat *format = au->make_format(&au->sets);
	if (format && !pt_format_equal(format, au->base.format)) {
		pt_format_unref(au->base.format);
		au->base.format = format;
	} else {
		pt_format_unref(format);
	}
}

static void add_set(PtAu *au, const uint8_t *nal, size_t n) {
	while (n > 1 && !nal[n - 1])
		n--; /* some cameras leave zeros behind a parameter set */
	if (!au->put_set(&au->sets, nal, n))
		au->base.bad++;
}

void pt_au_put_base64(PtAu *au, const char *list) {
	g_auto(GStrv) parts = g_strsplit(list ? list : "", ",", PT_PARAM_SETS);
	for (char **part = parts; *part; part++) {
		gsize n = 0;
		g_autofree guchar *data = g_base64_decode(*part, &n);
		size_t skip = pt_find_start_code(data, n) + 3; /* some put start codes in here, too */
		if (skip > n || skip > 4)
			skip = 0;
		if (n > skip)
			add_set(au, data + skip, n - skip);
	}
}

static void drop(PtAu *au) {
	/* what comes before the first key picture is nobody's loss */
	if (au->started && (au->has_slice || au->damaged)) {
		au->base.dropped++;
		au->base.broken = true;
	}
	pt_sample_unref(au->sample);
	au->sample = NULL;
}

static bool can_start(PtAu *au) {
	if (!au->key && au->intra && au->intra_keys)
		au->key = true;
	if (au->key) {
		au->waiting = false;
		return au->started = true;
	}
	if (au->started)
		return true;
	if (!au->waiting) {
		au->waiting = true;
		au->waiting_since = au->ticks;
	} else if (au->ticks - au->waiting_since > NO_KEY_TICKS && au->intra) {
		return au->intra_keys = au->key = au->started = true;
	}
	return false;
}

static void end_nal(PtAu *au);

static void emit(PtAu *au) {
	if (!au->sample)
		return;
	if (au->open)
		end_nal(au); /* some cameras never say so; if something was lost, it is damaged anyway */
	PtSample *s = au->sample;
	if (au->damaged || !au->has_slice) {
		drop(au);
		return;
	}
	pt_au_update_format(au);
	if (!au->base.format || !can_start(au)) {
		pt_sample_unref(s);
		au->sample = NULL;
		return;
	}
	*(au->key ? &au->last_key : &au->last_other) = s->size;
	if (s->capacity - s->size > SLACK + s->size / 4) {
		s->capacity = s->size;
		s = g_realloc(s, sizeof *s + s->capacity);
	}
	if (au->scan)
		au->scan--;
	au->sample = NULL;
	pt_depack_emit(&au->base, s, au->ticks, au->key);
}

static void begin_unit(PtAu *au, int64_t ticks, size_t hint) {
	size_t guess = MAX(hint, au->last_other + au->last_other / 2 + 1024);
	au->sample = pt_sample_new(guess);
	au->ticks = ticks;
	au->open = au->has_slice = au->key = au->intra = au->damaged = false;
}

void pt_au_packet(PtAu *au, const PtRtpPacket *packet) {
	if (packet->lost) {
		au->base.lost += packet->lost;
		au->base.broken = true;
		au->after_loss = true;
		if (au->sample) /* its middle, or its end and the marker, are gone */
			au->damaged = true;
	}
	if (au->sample && au->ticks != packet->ticks)
		emit(au); /* no marker came: the new time ends it */
	if (!au->sample) {
		bool again = au->took_marker && au->ticks == packet->ticks;
		begin_unit(au, packet->ticks, packet->size + 64);
		au->took_marker = again;
	}
}

static bool room(PtAu *au, size_t n) {
	if (au->sample->size + n + 4 <= PT_SAMPLE_MAX)
		return true;
	if (!au->damaged)
		au->base.bad++;
	au->damaged = true;
	return false;
}

static void make_room_for_key(PtAu *au) {
	PtSample *s = au->sample;
	size_t want = au->last_key + au->last_key / 8 + 1024;
	if (au->last_key && want > s->capacity && want <= PT_SAMPLE_MAX) {
		s->capacity = want;
		au->sample = g_realloc(s, sizeof *s + want);
	}
}

/* Looks at a NAL unit whose first bytes (or all of it) are there; false when it is not to be kept. */
static bool classify(PtAu *au, const uint8_t *nal, size_t n) {
	PtNalInfo info = {0};
	au->look(nal, n, &info);
	if (info.use == PT_NAL_BAD)
		au->base.bad++;
	if (info.use <= PT_NAL_STRIP)
		return false;
	if (info.use == PT_NAL_SLICE) {
		if (!au->has_slice && !info.first && au->took_marker) {
			/* the picture goes on behind a marker: what was emitted was half of it */
			au->ignore_markers = true;
			au->damaged = true;
		}
		if (!au->has_slice && !info.first && au->after_loss)
			au->damaged = true;
		if (!au->has_slice)
			au->intra = true;
		au->intra &= info.intra;
		au->has_slice = true;
		au->after_loss = au->took_marker = false;
	}
	if (info.key && !au->key) {
		au->key = true;
		make_room_for_key(au);
	}
	return true;
}

static void put_nal(PtAu *au, const uint8_t *nal, size_t n) {
	if (!room(au, n))
		return;
	uint8_t *p = pt_sample_grow(&au->sample, n + 4);
	pt_put_u32(p, (uint32_t)n);
	memcpy(p + 4, nal, n);
}

static bool is_set(PtAu *au, const uint8_t *nal, size_t n) {
	PtNalInfo info = {0};
	au->look(nal, n, &info);
	return info.use == PT_NAL_SET;
}

static void add_one(PtAu *au, const uint8_t *nal, size_t n) {
	if (!n) {
		au->base.bad++;
	} else if (is_set(au, nal, n)) {
		add_set(au, nal, n);
	} else if (classify(au, nal, n)) {
		/* classify may have moved the sample, never the packet */
		put_nal(au, nal, n);
	}
}

/* Annex B inside RTP: what stands between start codes are NAL units of their own. */
static void add_split(PtAu *au, const uint8_t *data, size_t n) {
	while (n) {
		size_t at = pt_find_start_code(data, n), end = at;
		if (at < n) {
			au->scan = SCAN_FIRST; /* this camera does such things */
			while (end && !data[end - 1])
				end--; /* a start code of four bytes, trailing zeros */
		}
		if (end)
			add_one(au, data, end);
		size_t used = at < n ? at + 3 : n;
		data += used;
		n -= used;
	}
}

/* Slices are the bulk and rarely hold start codes: they are searched at the beginning, and for good once any was found. */
static bool must_search(const PtAu *au, const PtNalInfo *info) { return au->scan || info->use != PT_NAL_SLICE; }

void pt_au_nal(PtAu *au, const uint8_t *nal, size_t n) {
	PtNalInfo info = {0};
	if (!n) {
		au->base.bad++;
		return;
	}
	if (au->open)
		end_nal(au);
	au->look(nal, n, &info);
	if (must_search(au, &info))
		add_split(au, nal, n);
	else
		add_one(au, nal, n);
}

void pt_au_begin(PtAu *au, const uint8_t *header, size_t n, bool key) {
	if (key && !au->has_slice)
		make_room_for_key(au);
	if (au->open)
		end_nal(au);
	if (!room(au, n))
		return;
	au->nal_at = au->sample->size;
	memcpy(pt_sample_grow(&au->sample, n + 4) + 4, header, n);
	au->open = true;
}

/* The whole NAL unit stands at the end of the sample. */
static void end_nal(PtAu *au) {
	size_t n = au->sample->size - au->nal_at - 4;
	uint8_t *nal = au->sample->data + au->nal_at + 4;
	PtNalInfo info = {0};
	au->open = false;
	au->look(nal, n, &info);
	if (info.use == PT_NAL_SLICE && (!au->scan || pt_find_start_code(nal, n) == n)) {
		pt_put_u32(nal - 4, (uint32_t)n);
		if (!classify(au, nal, n))
			au->sample->size = au->nal_at;
		return;
	}
	/* rare: parameter sets in pieces, start codes inside */
	g_autofree uint8_t *copy = g_memdup2(nal, n);
	au->sample->size = au->nal_at;
	add_split(au, copy, n);
}

void pt_au_piece(PtAu *au, const uint8_t *data, size_t n, bool end) {
	if (!au->open) {
		if (!au->damaged && au->started)
			au->base.bad++;
		au->damaged = true;
		return;
	}
	if (!room(au, n)) {
		au->open = false;
		return;
	}
	memcpy(pt_sample_grow(&au->sample, n), data, n);
	if (end)
		end_nal(au);
}

void pt_au_done(PtAu *au, const PtRtpPacket *packet) {
	/* a marker behind parameter sets or messages alone ends nothing */
	if (!packet->marker || au->ignore_markers)
		return;
	if (au->open)
		end_nal(au);
	if (!au->has_slice && !au->damaged)
		return;
	au->took_marker = !au->damaged;
	emit(au);
}

/* Without a marker nothing says that it is whole but that no piece of it stands open. */
void pt_au_flush(PtAu *au) {
	if (!au->open)
		emit(au);
}
