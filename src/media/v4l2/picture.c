/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/picture.h"
#include "base/bytes.h"
#include "media/h264.h"
#include "media/rtp/jpeg-tables.h"
#include <glib.h>

void pt_v4l2_pictures_clear(PtV4l2Pictures *p) {
	g_clear_pointer(&p->format, pt_format_unref);
	pt_param_sets_clear(&p->sets);
}

/* ---- H.264 ---- */

static PtSample *take_h264(PtV4l2Pictures *p, const void *data, size_t size) {
	PtBytes b = pt_bytes(data, size);
	PtSample *s = pt_sample_new(size + 64);
	PtNal nal;
	while (pt_annexb_next(&b, &nal)) {
		unsigned type = nal.data[0] & 31;
		if (type == PT_H264_SPS || type == PT_H264_PPS)
			pt_h264_put(&p->sets, nal.data, nal.size);
		if (type == PT_H264_SPS || type == PT_H264_PPS || type == PT_H264_AUD || type == PT_H264_FILLER)
			continue;
		s->key |= type == PT_H264_IDR;
		uint8_t *at = pt_sample_grow(&s, 4 + nal.size);
		pt_put_u32(at, (uint32_t)nal.size);
		memcpy(at + 4, nal.data, nal.size);
	}
	if (p->sets.changed) {
		PtFormat *f = pt_h264_format(&p->sets);
		if (f) {
			pt_format_unref(p->format);
			p->format = f;
			p->sets.changed = false;
		}
	}
	if (s->size && p->format && s->size <= PT_SAMPLE_MAX) {
		s->format = pt_format_ref(p->format);
		return s;
	}
	pt_sample_unref(s);
	return NULL;
}

/* ---- MJPEG ---- */

typedef struct {
	unsigned width, height; /* 0: no frame header */
	bool huffman;           /* it has tables */
	size_t scan;            /* where its scan begins; 0: nowhere */
} Head;

static Head read_head(PtBytes b) {
	Head h = {0};
	size_t all = b.left;
	if (pt_bytes_u16(&b) != 0xffd8)
		return h;
	while (b.left >= 4) {
		size_t at = all - b.left;
		unsigned marker = pt_bytes_u16(&b), size = pt_bytes_u16(&b);
		PtBytes body = pt_bytes_sub(&b, size < 2 ? 0 : size - 2);
		if (marker >> 8 != 0xff || size < 2 || b.bad)
			break;
		if (marker == 0xffda) {
			h.scan = at;
			break;
		}
		h.huffman |= marker == 0xffc4;
		if (marker == 0xffc0 || marker == 0xffc1 || marker == 0xffc2) {
			pt_bytes_u8(&body);
			h.height = pt_bytes_u16(&body);
			h.width = pt_bytes_u16(&body);
		}
	}
	return h;
}

/* Cameras leave the Huffman tables out that everybody is to know; a file of JPEG has them. */
static void put_huffman(PtSample **s) {
	for (unsigned i = 0; i < G_N_ELEMENTS(pt_jpeg_huffman); i++) {
		const PtJpegTable *t = &pt_jpeg_huffman[i];
		uint8_t *at = pt_sample_grow(s, 4 + t->size);
		pt_put_u32(at, 0xffc40000u | (uint32_t)(t->size + 2));
		memcpy(at + 4, t->data, t->size);
	}
}

static PtSample *take_mjpeg(PtV4l2Pictures *p, const uint8_t *data, size_t size) {
	Head h = read_head(pt_bytes(data, size));
	while (size && !data[size - 1]) /* buffers are filled up with zeros */
		size--;
	if (!h.scan || !h.width || !h.height || size > PT_SAMPLE_MAX - 1024 || size < h.scan + 2 || data[size - 2] != 0xff ||
	    data[size - 1] != 0xd9)
		return NULL;
	if (!p->format || p->format->width != h.width || p->format->height != h.height) {
		PtFormat f = {
		    .codec = PT_CODEC_MJPEG, .timescale = 90000, .width = (uint16_t)h.width, .height = (uint16_t)h.height};
		pt_format_unref(p->format);
		p->format = pt_format_new(&f, NULL, 0);
	}
	PtSample *s = pt_sample_new(size + 1024);
	memcpy(pt_sample_grow(&s, h.scan), data, h.scan);
	if (!h.huffman)
		put_huffman(&s);
	memcpy(pt_sample_grow(&s, size - h.scan), data + h.scan, size - h.scan);
	s->key = true;
	s->format = pt_format_ref(p->format);
	return s;
}

PtSample *pt_v4l2_picture(PtV4l2Pictures *p, const void *data, size_t size) {
	if (!size || size > PT_SAMPLE_MAX)
		return NULL;
	return p->codec == PT_CODEC_MJPEG ? take_mjpeg(p, data, size) : take_h264(p, data, size);
}
