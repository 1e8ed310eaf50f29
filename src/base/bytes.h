/* The bounds-checked cursor through which every length from the network or a file passes, its bit reader for codec
 * headers, and the growing buffer that boxes and packets are written to. All integers are big-endian. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reading past the end gives zeros and sets `bad`; check it once after a run of reads. */
typedef struct {
	const uint8_t *p;
	size_t left;
	bool bad;
} PtBytes;

static inline PtBytes pt_bytes(const void *p, size_t n) { return (PtBytes){p, n, false}; }

/* The next n bytes, or NULL (and bad) when there are fewer. */
static inline const uint8_t *pt_bytes_take(PtBytes *b, size_t n) {
	if (b->bad || b->left < n) {
		b->bad = true;
		b->left = 0;
		return NULL;
	}
	const uint8_t *p = b->p;
	b->p += n;
	b->left -= n;
	return p;
}

static inline PtBytes pt_bytes_sub(PtBytes *b, size_t n) {
	const uint8_t *p = pt_bytes_take(b, n);
	return (PtBytes){p, p ? n : 0, !p};
}

static inline uint8_t pt_bytes_u8(PtBytes *b) {
	const uint8_t *p = pt_bytes_take(b, 1);
	return p ? p[0] : 0;
}

static inline uint16_t pt_bytes_u16(PtBytes *b) {
	const uint8_t *p = pt_bytes_take(b, 2);
	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t pt_bytes_u24(PtBytes *b) {
	const uint8_t *p = pt_bytes_take(b, 3);
	return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t pt_bytes_u32(PtBytes *b) {
	const uint8_t *p = pt_bytes_take(b, 4);
	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t pt_bytes_u64(PtBytes *b) {
	uint64_t hi = pt_bytes_u32(b);
	return hi << 32 | pt_bytes_u32(b);
}

/* Bits, most significant first. With `rbsp` the emulation prevention bytes of H.264/H.265 (00 00 03) are skipped. */
typedef struct {
	PtBytes bytes;
	bool rbsp;
	bool bad;
	uint8_t current, bits_left, zeros;
} PtBits;

PtBits pt_bits(const void *p, size_t n, bool rbsp);
uint32_t pt_bits_get(PtBits *b, unsigned n); /* n: 0..32 */
uint32_t pt_bits_ue(PtBits *b);              /* Exp-Golomb, H.264 §9.1 */
int32_t pt_bits_se(PtBits *b);
void pt_bits_skip(PtBits *b, unsigned n);

/* A growing byte buffer. Zero-initialise; freed with pt_buf_clear. Running out of memory aborts, as in GLib. */
typedef struct {
	uint8_t *data;
	size_t size, capacity;
} PtBuf;

void pt_buf_clear(PtBuf *b);
uint8_t *pt_buf_grow(PtBuf *b, size_t n); /* appends n uninitialised bytes and returns them */
void pt_buf_put(PtBuf *b, const void *p, size_t n);
void pt_buf_u8(PtBuf *b, uint8_t v);
void pt_buf_u16(PtBuf *b, uint16_t v);
void pt_buf_u24(PtBuf *b, uint32_t v);
void pt_buf_u32(PtBuf *b, uint32_t v);
void pt_buf_u64(PtBuf *b, uint64_t v);
void pt_buf_zero(PtBuf *b, size_t n);
void pt_buf_str(PtBuf *b, const char *text); /* without the terminator */
/* Overwrites four bytes already written at offset. */
void pt_buf_patch_u32(PtBuf *b, size_t offset, uint32_t v);

static inline void pt_put_u16(uint8_t *p, uint16_t v) {
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void pt_put_u32(uint8_t *p, uint32_t v) {
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}
