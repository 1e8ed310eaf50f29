/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/wire.h"
#include <glib.h>
#include <string.h>

#define HEADER 5
#define FORMAT_MAX (64 * 1024)

/* ---- writing ---- */

static size_t begin(PtBuf *out, PtWireType type) {
	size_t at = out->size;
	pt_buf_u32(out, 0);
	pt_buf_u8(out, (uint8_t)type);
	return at;
}

static void end(PtBuf *out, size_t at) { pt_buf_patch_u32(out, at, (uint32_t)(out->size - at - HEADER)); }

void pt_wire_put_job(PtBuf *out, const PtCodecJobParams *p) {
	size_t at = begin(out, PT_WIRE_JOB);
	pt_buf_u8(out, (uint8_t)p->kind);
	pt_buf_u16(out, p->width);
	pt_buf_u16(out, p->height);
	pt_buf_u8(out, p->quality);
	pt_buf_u16(out, p->fps);
	pt_buf_u32(out, p->gop_ms);
	pt_buf_u32(out, p->bitrate);
	pt_buf_u8(out, p->with_audio);
	pt_buf_u8(out, (uint8_t)p->audio);
	pt_buf_u64(out, (uint64_t)p->from_pts);
	end(out, at);
}

static void put_format(PtBuf *out, unsigned track, const PtFormat *f) {
	size_t at = begin(out, PT_WIRE_FORMAT);
	pt_buf_u8(out, (uint8_t)track);
	pt_buf_u8(out, (uint8_t)f->codec);
	pt_buf_u32(out, f->timescale);
	pt_buf_u16(out, f->width);
	pt_buf_u16(out, f->height);
	pt_buf_u32(out, f->sample_rate);
	pt_buf_u8(out, f->channels);
	pt_buf_u8(out, f->reorder);
	pt_buf_put(out, f->rfc6381, sizeof f->rfc6381);
	pt_buf_put(out, f->config, f->config_size);
	end(out, at);
}

void pt_wire_put_sample(PtWireWriter *w, PtBuf *out, PtSample *s) {
	g_assert(s->track < PT_STREAM_TRACKS);
	if (w->formats[s->track] != s->format) {
		put_format(out, s->track, s->format);
		pt_format_unref(w->formats[s->track]);
		w->formats[s->track] = pt_format_ref(s->format);
	}
	size_t at = begin(out, PT_WIRE_SAMPLE);
	pt_buf_u8(out, s->track);
	pt_buf_u8(out, (uint8_t)(s->key | s->broken << 1));
	pt_buf_u32(out, s->lost);
	pt_buf_u64(out, (uint64_t)s->dts);
	pt_buf_u64(out, (uint64_t)s->pts);
	pt_buf_u64(out, (uint64_t)s->wall_ns);
	pt_buf_put(out, s->data, s->size);
	end(out, at);
}

void pt_wire_put_end(PtBuf *out) { end(out, begin(out, PT_WIRE_END)); }

void pt_wire_put_key(PtBuf *out) { end(out, begin(out, PT_WIRE_KEY)); }

void pt_wire_put_texts(PtBuf *out, const PtOsdList *texts) {
	size_t at = begin(out, PT_WIRE_TEXTS);
	pt_buf_u32(out, (uint32_t)texts->utc_offset_s);
	for (unsigned i = 0; i < texts->n; i++) {
		const PtOsd *o = &texts->items[i];
		size_t size = strlen(o->text);
		pt_buf_u16(out, o->x);
		pt_buf_u16(out, o->y);
		pt_buf_u8(out, o->clock);
		pt_buf_u16(out, (uint16_t)size);
		pt_buf_put(out, o->text, size);
	}
	end(out, at);
}

void pt_wire_put_error(PtBuf *out, const GError *error) {
	size_t at = begin(out, PT_WIRE_ERROR);
	pt_buf_u8(out, error->domain == PT_ERROR ? (uint8_t)error->code : PT_ERROR_FAILED);
	pt_buf_put(out, error->message, MIN(strlen(error->message), 900));
	end(out, at);
}

void pt_wire_writer_clear(PtWireWriter *w) {
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		g_clear_pointer(&w->formats[i], pt_format_unref);
}

/* ---- reading ---- */

static bool read_job(PtBytes b, PtCodecJobParams *p) {
	*p = (PtCodecJobParams){.kind = pt_bytes_u8(&b)};
	p->width = pt_bytes_u16(&b);
	p->height = pt_bytes_u16(&b);
	p->quality = pt_bytes_u8(&b);
	p->fps = pt_bytes_u16(&b);
	p->gop_ms = pt_bytes_u32(&b);
	p->bitrate = pt_bytes_u32(&b);
	p->with_audio = pt_bytes_u8(&b) != 0;
	p->audio = pt_bytes_u8(&b);
	p->from_pts = (int64_t)pt_bytes_u64(&b);
	return !b.bad && !b.left && p->kind >= PT_CODEC_JOB_JPEG && p->kind <= PT_CODEC_JOB_GREY &&
	       p->audio < PT_N_CODECS && p->quality <= 100;
}

static bool read_format(PtWireReader *r, PtBytes b) {
	PtFormat f = {0};
	unsigned track = pt_bytes_u8(&b), codec = pt_bytes_u8(&b);
	f.timescale = pt_bytes_u32(&b);
	f.width = pt_bytes_u16(&b);
	f.height = pt_bytes_u16(&b);
	f.sample_rate = pt_bytes_u32(&b);
	f.channels = pt_bytes_u8(&b);
	f.reorder = pt_bytes_u8(&b);
	const uint8_t *name = pt_bytes_take(&b, sizeof f.rfc6381);
	if (!name || track >= PT_STREAM_TRACKS || codec >= PT_N_CODECS || !f.timescale || name[sizeof f.rfc6381 - 1])
		return false;
	f.codec = codec;
	memcpy(f.rfc6381, name, sizeof f.rfc6381);
	pt_format_unref(r->formats[track]);
	r->formats[track] = pt_format_new(&f, b.p, b.left);
	return true;
}

static PtSample *read_sample(PtWireReader *r, PtBytes b) {
	unsigned track = pt_bytes_u8(&b), flags = pt_bytes_u8(&b);
	uint32_t lost = pt_bytes_u32(&b);
	int64_t dts = (int64_t)pt_bytes_u64(&b), pts = (int64_t)pt_bytes_u64(&b), wall = (int64_t)pt_bytes_u64(&b);
	if (b.bad || track >= PT_STREAM_TRACKS || !r->formats[track] || flags > 3 || b.left > PT_SAMPLE_MAX)
		return NULL;
	PtSample *s = pt_sample_new(b.left);
	if (b.left)
		memcpy(pt_sample_grow(&s, b.left), b.p, b.left);
	s->track = (uint8_t)track;
	s->key = flags & 1;
	s->broken = flags & 2;
	s->lost = lost;
	s->dts = dts;
	s->pts = pts;
	s->wall_ns = wall;
	s->format = pt_format_ref(r->formats[track]);
	return s;
}

static bool read_texts(PtBytes b, PtOsdList *ret) {
	ret->utc_offset_s = (int32_t)pt_bytes_u32(&b);
	while (b.left && ret->n < PT_OSD_MAX) {
		PtOsd *o = &ret->items[ret->n++];
		o->x = pt_bytes_u16(&b);
		o->y = pt_bytes_u16(&b);
		o->clock = pt_bytes_u8(&b) != 0;
		size_t size = pt_bytes_u16(&b);
		const uint8_t *text = pt_bytes_take(&b, size);
		if (!text || size >= sizeof o->text || o->x > 1000 || o->y > 1000 ||
		    !g_utf8_validate((const char *)text, (gssize)size, NULL))
			return false;
		memcpy(o->text, text, size);
	}
	return !b.bad && !b.left;
}

static GError *read_error(PtBytes b) {
	unsigned code = pt_bytes_u8(&b);
	g_autofree char *raw = g_strndup((const char *)b.p, b.left), *text = g_utf8_make_valid(raw, -1);
	return g_error_new_literal(PT_ERROR, code <= PT_ERROR_BUSY ? (int)code : PT_ERROR_FAILED, text);
}

static bool take(PtWireReader *r, unsigned type, PtBytes body, PtWireMessage *ret) {
	switch (type) {
	case PT_WIRE_JOB:
		ret->type = PT_WIRE_JOB;
		return read_job(body, &ret->job);
	case PT_WIRE_FORMAT:
		return body.left <= FORMAT_MAX && read_format(r, body);
	case PT_WIRE_SAMPLE:
		ret->type = PT_WIRE_SAMPLE;
		return (ret->sample = read_sample(r, body)) != NULL;
	case PT_WIRE_END:
		ret->type = PT_WIRE_END;
		return !body.left;
	case PT_WIRE_KEY:
		ret->type = PT_WIRE_KEY;
		return !body.left;
	case PT_WIRE_TEXTS:
		ret->type = PT_WIRE_TEXTS;
		return read_texts(body, &ret->texts);
	case PT_WIRE_ERROR:
		ret->type = PT_WIRE_ERROR;
		if (!body.left || body.left > 1024)
			return false;
		ret->error = read_error(body);
		return true;
	default:
		return false;
	}
}

bool pt_wire_reader_next(PtWireReader *r, PtWireMessage *ret, GError **error) {
	*ret = (PtWireMessage){0};
	while (ret->type == PT_WIRE_NONE) {
		if (r->in.size - r->taken < HEADER)
			break;
		PtBytes b = pt_bytes(r->in.data + r->taken, r->in.size - r->taken);
		uint32_t size = pt_bytes_u32(&b);
		unsigned type = pt_bytes_u8(&b);
		if (size > PT_WIRE_MAX || type == PT_WIRE_NONE || type > PT_WIRE_TEXTS) {
			pt_error_set(error, INVALID,
			             "codec process: a message of type %u and %u bytes is not in the protocol", type, size);
			return false;
		}
		if (b.left < size)
			break;
		r->taken += HEADER + size;
		if (!take(r, type, pt_bytes_sub(&b, size), ret)) {
			*ret = (PtWireMessage){0};
			pt_error_set(error, INVALID, "codec process: a message of type %u breaks its format", type);
			return false;
		}
	}
	return true;
}

void pt_wire_reader_feed(PtWireReader *r, const void *data, size_t n) {
	if (r->taken) {
		memmove(r->in.data, r->in.data + r->taken, r->in.size - r->taken);
		r->in.size -= r->taken;
		r->taken = 0;
	}
	pt_buf_put(&r->in, data, n);
}

void pt_wire_reader_clear(PtWireReader *r) {
	pt_buf_clear(&r->in);
	r->taken = 0;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		g_clear_pointer(&r->formats[i], pt_format_unref);
}
