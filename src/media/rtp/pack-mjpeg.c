/* MJPEG (RFC 2435): the scan and the quantisation tables go, the rest of the headers is implied. So only baseline JPEGs of
 * 4:2:0 or 4:2:2 with the standard Huffman tables, up to 2040 x 2040, can be sent; others are left out and counted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/jpeg-tables.h"
#include "media/rtp/pack-internal.h"

typedef struct {
	uint8_t quant[4][64];
	unsigned have_quant; /* bits */
	unsigned width, height, type, restart;
	uint8_t luma, chroma; /* quantisation tables */
	bool have_frame;
	PtBytes scan;
} Jpeg;

static bool read_dqt(Jpeg *j, PtBytes b) {
	while (b.left) {
		uint8_t head = pt_bytes_u8(&b);
		const uint8_t *p = pt_bytes_take(&b, 64);
		if (!p || head >> 4 || (head & 15) > 3)
			return false; /* tables of 16 bits are not baseline */
		memcpy(j->quant[head & 15], p, 64);
		j->have_quant |= 1u << (head & 15);
	}
	return true;
}

static bool read_frame(Jpeg *j, PtBytes b) {
	uint8_t depth = pt_bytes_u8(&b);
	j->height = pt_bytes_u16(&b);
	j->width = pt_bytes_u16(&b);
	const uint8_t *c = pt_bytes_u8(&b) == 3 ? pt_bytes_take(&b, 9) : NULL;
	if (depth != 8 || !c || c[4] != 0x11 || c[7] != 0x11 || (c[1] != 0x22 && c[1] != 0x21) || c[5] != c[8] || c[2] > 3 ||
	    c[5] > 3)
		return false;
	j->type = c[1] == 0x22;
	j->luma = c[2];
	j->chroma = c[5];
	j->have_frame = true;
	return j->width && j->height && j->width <= 2040 && j->height <= 2040;
}

/* Whether each table of a DHT is the standard one of its class and id. */
static bool standard_tables(PtBytes b) {
	while (b.left) {
		bool known = false;
		for (unsigned i = 0; i < 4 && !known; i++) {
			const PtJpegTable *t = &pt_jpeg_huffman[i];
			if (b.left >= t->size && !memcmp(b.p, t->data, t->size)) {
				pt_bytes_take(&b, t->size);
				known = true;
			}
		}
		if (!known)
			return false;
	}
	return true;
}

static bool parse(Jpeg *j, PtBytes b) {
	if (pt_bytes_u16(&b) != 0xffd8)
		return false;
	while (!b.bad) {
		unsigned marker = pt_bytes_u16(&b);
		if (marker == 0xffff) { /* fill bytes */
			b.p--;
			b.left++;
			continue;
		}
		size_t size = pt_bytes_u16(&b);
		PtBytes body = pt_bytes_sub(&b, size < 2 ? 0 : size - 2);
		if (b.bad || marker >> 8 != 0xff || size < 2)
			return false;
		switch (marker) {
		case 0xffdb:
			if (!read_dqt(j, body))
				return false;
			break;
		case 0xffc0:
			if (!read_frame(j, body))
				return false;
			break;
		case 0xffc4:
			if (!standard_tables(body))
				return false;
			break;
		case 0xffdd:
			j->restart = pt_bytes_u16(&body);
			break;
		case 0xffda:
			j->scan = b;
			return j->have_frame;
		default:
			if (marker > 0xffc0 && marker <= 0xffcf)
				return false; /* progressive and other kinds */
		}
	}
	return false;
}

bool pt_pack_mjpeg(PtPacking *p, const PtSample *s) {
	Jpeg j = {0};
	if (!parse(&j, pt_bytes(s->data, s->size)) || !(j.have_quant >> j.luma & 1) || !(j.have_quant >> j.chroma & 1))
		return false;
	size_t size = j.scan.left;
	if (size >= 2 && j.scan.p[size - 2] == 0xff && j.scan.p[size - 1] == 0xd9)
		size -= 2;
	if (!size || size >= 1u << 24)
		return false;
	for (size_t at = 0; at < size;) {
		size_t head = 8 + (j.restart ? 4 : 0) + (at ? 0 : 4 + 128), n = MIN(size - at, PT_RTP_PAYLOAD - head);
		uint8_t *d = pt_packing_packet(p, head + n, at + n == size);
		pt_put_u32(d, (uint32_t)at); /* type-specific 0, offset */
		d[4] = (uint8_t)(j.type | (j.restart ? 64 : 0));
		d[5] = 255; /* the tables come with every picture */
		d[6] = (uint8_t)((j.width + 7) / 8);
		d[7] = (uint8_t)((j.height + 7) / 8);
		d += 8;
		if (j.restart) {
			pt_put_u16(d, (uint16_t)j.restart);
			pt_put_u16(d + 2, 0xffff);
			d += 4;
		}
		if (!at) {
			pt_put_u32(d, 128);
			memcpy(d + 4, j.quant[j.luma], 64);
			memcpy(d + 68, j.quant[j.chroma], 64);
			d += 132;
		}
		memcpy(d, j.scan.p + at, n);
		at += n;
	}
	return true;
}
