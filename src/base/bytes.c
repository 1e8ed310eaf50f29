/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include <glib.h>

PtBits pt_bits(const void *p, size_t n, bool rbsp) { return (PtBits){.bytes = pt_bytes(p, n), .rbsp = rbsp}; }

static unsigned next_bit(PtBits *b) {
	if (!b->bits_left) {
		uint8_t byte = pt_bytes_u8(&b->bytes);
		if (b->rbsp && b->zeros >= 2 && byte == 3) {
			b->zeros = 0;
			byte = pt_bytes_u8(&b->bytes);
		}
		if (b->bytes.bad) {
			b->bad = true;
			return 0;
		}
		b->zeros = byte ? 0 : (uint8_t)MIN(b->zeros + 1, 2);
		b->current = byte;
		b->bits_left = 8;
	}
	return (b->current >> --b->bits_left) & 1u;
}

uint32_t pt_bits_get(PtBits *b, unsigned n) {
	uint32_t v = 0;
	while (n--)
		v = v << 1 | next_bit(b);
	return v;
}

void pt_bits_skip(PtBits *b, unsigned n) {
	while (n-- && !b->bad)
		next_bit(b);
}

uint32_t pt_bits_ue(PtBits *b) {
	unsigned zeros = 0;
	while (!next_bit(b)) {
		if (b->bad || ++zeros > 31) {
			b->bad = true;
			return 0;
		}
	}
	return (1u << zeros) - 1 + pt_bits_get(b, zeros);
}

int32_t pt_bits_se(PtBits *b) {
	uint32_t v = pt_bits_ue(b);
	return v & 1 ? (int32_t)(v / 2 + 1) : -(int32_t)(v / 2);
}

void pt_buf_clear(PtBuf *b) {
	g_free(b->data);
	*b = (PtBuf){0};
}

uint8_t *pt_buf_grow(PtBuf *b, size_t n) {
	if (b->capacity - b->size < n) {
		size_t capacity = MAX(b->capacity * 2, b->size + n);
		b->data = g_realloc(b->data, MAX(capacity, 64));
		b->capacity = MAX(capacity, 64);
	}
	uint8_t *p = b->data + b->size;
	b->size += n;
	return p;
}

void pt_buf_put(PtBuf *b, const void *p, size_t n) {
	if (n)
		memcpy(pt_buf_grow(b, n), p, n);
}

void pt_buf_u8(PtBuf *b, uint8_t v) { *pt_buf_grow(b, 1) = v; }
void pt_buf_u16(PtBuf *b, uint16_t v) { pt_put_u16(pt_buf_grow(b, 2), v); }

void pt_buf_u24(PtBuf *b, uint32_t v) {
	pt_buf_u8(b, (uint8_t)(v >> 16));
	pt_buf_u16(b, (uint16_t)v);
}

void pt_buf_u32(PtBuf *b, uint32_t v) { pt_put_u32(pt_buf_grow(b, 4), v); }

void pt_buf_u64(PtBuf *b, uint64_t v) {
	pt_buf_u32(b, (uint32_t)(v >> 32));
	pt_buf_u32(b, (uint32_t)v);
}

void pt_buf_zero(PtBuf *b, size_t n) {
	if (n)
		memset(pt_buf_grow(b, n), 0, n);
}

void pt_buf_str(PtBuf *b, const char *text) { pt_buf_put(b, text, strlen(text)); }

void pt_buf_patch_u32(PtBuf *b, size_t offset, uint32_t v) {
	g_assert(b->size >= 4 && offset <= b->size - 4);
	pt_put_u32(b->data + offset, v);
}
