/* MJPEG in RTP (RFC 2435): the packets carry a scan alone, the headers of the JPEG are made here. Pictures larger than
 * 2040 x 2040 state 0 and carry their size in ONVIF's header extension (ONVIF Streaming §5.1.3.2.2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include "media/rtp/jpeg-tables.h"
#include <glib.h>
#include <string.h>

#define ONVIF_JPEG 0xffd8

typedef struct {
	PtDepack base;
	PtSample *sample;
	int64_t ticks;
	bool damaged;
	size_t head;           /* bytes of the sample that are headers */
	size_t last;           /* size of the picture before */
	uint8_t tables_q;      /* .tables are those sent with this Q; 0: none */
	uint8_t tables[2][64]; /* luma, chroma, zigzag order */
} Mjpeg;

/* Appendix A: the tables of Annex K, in zigzag order. */
static const uint8_t luma_base[64] = {16, 11, 12,  14,  12,  10, 16, 14,  13,  14,  18,  17,  16, 19,  24,  40,
                                      26, 24, 22,  22,  24,  49, 35, 37,  29,  40,  58,  51,  61, 60,  57,  51,
                                      56, 55, 64,  72,  92,  78, 64, 68,  87,  69,  55,  56,  80, 109, 81,  87,
                                      95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99};
static const uint8_t chroma_base[64] = {17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
                                        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

static void scale_table(const uint8_t base[64], unsigned q, uint8_t ret[64]) {
	unsigned factor = q < 50 ? 5000 / q : 200 - q * 2;
	for (int i = 0; i < 64; i++)
		ret[i] = (uint8_t)CLAMP((base[i] * factor + 50) / 100, 1, 255);
}

static void put_segment(PtBuf *b, uint8_t marker, size_t size) {
	pt_buf_u8(b, 0xff);
	pt_buf_u8(b, marker);
	pt_buf_u16(b, (uint16_t)(size + 2));
}

static void put_dht(PtBuf *b, const PtJpegTable *table) {
	put_segment(b, 0xc4, table->size);
	pt_buf_put(b, table->data, table->size);
}

static void put_head(PtBuf *b, const Mjpeg *m, unsigned type, unsigned width, unsigned height, unsigned restart) {
	static const uint8_t scan[] = {3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0};
	pt_buf_u16(b, 0xffd8);
	for (uint8_t i = 0; i < 2; i++) {
		put_segment(b, 0xdb, 65);
		pt_buf_u8(b, i);
		pt_buf_put(b, m->tables[i], 64);
	}
	if (restart) {
		put_segment(b, 0xdd, 2);
		pt_buf_u16(b, (uint16_t)restart);
	}
	put_segment(b, 0xc0, 15);
	pt_buf_u8(b, 8);
	pt_buf_u16(b, (uint16_t)height);
	pt_buf_u16(b, (uint16_t)width);
	const uint8_t components[] = {3, 1, type & 1 ? 0x22 : 0x21, 0, 2, 0x11, 1, 3, 0x11, 1};
	pt_buf_put(b, components, sizeof components);
	for (unsigned i = 0; i < 4; i++)
		put_dht(b, &pt_jpeg_huffman[i]);
	put_segment(b, 0xda, sizeof scan);
	pt_buf_put(b, scan, sizeof scan);
}

/* Quantisation tables for Q, from the packet (128..255) or computed. */
static bool find_tables(Mjpeg *m, uint8_t q, PtBytes *b) {
	if (q == 0 || (q >= 100 && q < 128))
		return false;
	if (q < 100) {
		scale_table(luma_base, q, m->tables[0]);
		scale_table(chroma_base, q, m->tables[1]);
		m->tables_q = q;
		return true;
	}
	pt_bytes_u8(b);
	uint8_t precision = pt_bytes_u8(b);
	size_t size = pt_bytes_u16(b);
	const uint8_t *p = pt_bytes_take(b, size);
	if (!p || (precision & 3) || (size && size < 64))
		return false; /* tables of 16 bits are not baseline */
	if (!size)
		return q != 255 && m->tables_q == q; /* as sent before */
	memcpy(m->tables[0], p, 64);
	memcpy(m->tables[1], size >= 128 ? p + 64 : p, 64);
	m->tables_q = q;
	return true;
}

/* ONVIF carries the original JPEG headers in the extension: its frame header tells the true size. */
static void size_from_extension(const PtRtpPacket *packet, unsigned *width, unsigned *height) {
	PtBytes b = pt_bytes(packet->ext, packet->ext ? packet->ext_size : 0);
	while (b.left >= 4) {
		unsigned marker = pt_bytes_u16(&b);
		if (marker == 0xffd8 || marker == 0xffff)
			continue;
		size_t size = pt_bytes_u16(&b);
		PtBytes body = pt_bytes_sub(&b, size < 2 ? 0 : size - 2);
		if (marker >> 8 != 0xff || b.bad)
			return;
		if (marker == 0xffc0) {
			pt_bytes_u8(&body);
			unsigned h = pt_bytes_u16(&body), w = pt_bytes_u16(&body);
			if (!body.bad && w && h) {
				*width = w;
				*height = h;
			}
			return;
		}
	}
}

static void set_format(Mjpeg *m, unsigned width, unsigned height) {
	PtFormat *f = m->base.format;
	if (f && f->width == width && f->height == height)
		return;
	PtFormat values = {
	    .codec = PT_CODEC_MJPEG, .timescale = 90000, .width = (uint16_t)width, .height = (uint16_t)height};
	m->base.format = pt_format_new(&values, NULL, 0);
	pt_format_unref(f);
}

static void init(PtDepack *d, const PtDepackParams *params) { set_format((Mjpeg *)d, 0, 0); }

static void drop(Mjpeg *m) {
	if (m->sample || m->damaged) {
		m->base.dropped++;
		m->base.broken = true;
	}
	pt_sample_unref(m->sample);
	m->sample = NULL;
}

static void emit(Mjpeg *m) {
	PtSample *s = m->sample;
	if (m->damaged || !s || s->size == m->head) {
		drop(m);
		m->damaged = false;
		return;
	}
	if (s->data[s->size - 2] != 0xff || s->data[s->size - 1] != 0xd9) {
		memcpy(pt_sample_grow(&s, 2), "\xff\xd9", 2);
	}
	m->last = s->size;
	m->sample = NULL;
	pt_depack_emit(&m->base, s, m->ticks, true);
}

/* The first piece of a picture: everything for its headers. */
static bool start(Mjpeg *m, const PtRtpPacket *packet, unsigned type, uint8_t q, unsigned width, unsigned height,
                  unsigned restart, PtBytes *b) {
	if (!find_tables(m, q, b))
		return false;
	if (packet->ext_profile == ONVIF_JPEG || !width || !height)
		size_from_extension(packet, &width, &height);
	if ((type & 0x3f) > 1 || !width || !height)
		return false;
	set_format(m, width, height);
	PtBuf head = {0};
	put_head(&head, m, type, width, height, restart);
	m->sample = pt_sample_new(head.size + m->last + m->last / 8 + 4096);
	memcpy(pt_sample_grow(&m->sample, head.size), head.data, head.size);
	m->head = head.size;
	pt_buf_clear(&head);
	return true;
}

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	Mjpeg *m = (Mjpeg *)d;
	PtBytes b = pt_bytes(packet->payload, packet->size);
	pt_depack_note_loss(d, packet);
	if (packet->lost && m->sample)
		m->damaged = true;
	if (m->sample && m->ticks != packet->ticks)
		emit(m);
	m->ticks = packet->ticks;
	pt_bytes_u8(&b);
	size_t offset = pt_bytes_u24(&b);
	unsigned type = pt_bytes_u8(&b);
	uint8_t q = pt_bytes_u8(&b);
	unsigned width = 8u * pt_bytes_u8(&b), height = 8u * pt_bytes_u8(&b), restart = 0;
	if (type >= 64 && type < 128) { /* §3.1.7 */
		restart = pt_bytes_u16(&b);
		pt_bytes_u16(&b);
	}
	if (b.bad) {
		d->bad += packet->size > 0;
		return;
	}
	if (!offset) {
		if (m->sample) /* one that never ended, at the same time */
			drop(m);
		m->damaged = !start(m, packet, type, q, width, height, restart, &b);
		d->bad += m->damaged;
	} else if (m->sample && offset != m->sample->size - m->head) {
		m->damaged = true;
	}
	if (m->sample && !m->damaged && m->sample->size + b.left <= PT_SAMPLE_MAX) {
		if (b.left)
			memcpy(pt_sample_grow(&m->sample, b.left), b.p, b.left);
	} else {
		m->damaged = true;
	}
	if (packet->marker)
		emit(m);
}

static void finish(PtDepack *d) { pt_sample_unref(((Mjpeg *)d)->sample); }

static void flush(PtDepack *d) {
	if (((Mjpeg *)d)->sample)
		emit((Mjpeg *)d);
}

const PtDepackOps pt_depack_mjpeg = {PT_CODEC_MJPEG, sizeof(Mjpeg), init, packet, finish, flush};
