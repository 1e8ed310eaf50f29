/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/seam.h"
#include "base/bytes.h"
#include <glib.h>

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)
#define H264_LAST_SLICE 5  /* ISO 14496-10 table 7-1: 1 to 5 are coded slices */
#define H265_LAST_SLICE 31 /* ISO 23008-2 table 7-1: 0 to 31 are */

/* Eight bytes at a time: it is for telling frames of one camera apart, not for keeping anybody from making two alike. */
static uint64_t hash_bytes(uint64_t hash, const uint8_t *p, size_t n) {
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof word);
		hash = (hash ^ word) * FNV_PRIME;
		hash ^= hash >> 29;
	}
	for (; n; p++, n--)
		hash = (hash ^ *p) * FNV_PRIME;
	return hash;
}

static bool is_slice(PtCodec codec, uint8_t head) {
	unsigned type = codec == PT_CODEC_H264 ? head & 31 : head >> 1 & 63;
	return codec == PT_CODEC_H264 ? type >= 1 && type <= H264_LAST_SLICE : type <= H265_LAST_SLICE;
}

uint64_t pt_seam_hash(const PtSample *s) {
	PtCodec codec = s->format->codec;
	uint64_t hash = FNV_OFFSET;
	if (codec != PT_CODEC_H264 && codec != PT_CODEC_H265)
		return s->size ? hash_bytes(hash, s->data, s->size) | 1 : 0;
	bool any = false;
	PtBytes b = pt_bytes(s->data, s->size);
	while (b.left > 4) {
		uint32_t size = pt_bytes_u32(&b);
		PtBytes nal = pt_bytes_sub(&b, size);
		if (b.bad)
			break;
		if (!nal.left || !is_slice(codec, *nal.p))
			continue;
		hash = hash_bytes(hash, nal.p, nal.left);
		any = true;
	}
	return any ? hash | 1 : 0;
}

/* How many frames are equal from live[l] and fetched[f] on, in steps of `step`. */
static unsigned run_length(const PtSeamFrame *live, unsigned n_live, const PtSeamFrame *fetched, unsigned n_fetched,
                           unsigned l, unsigned f, int step) {
	unsigned n = 0;
	while (l < n_live && f < n_fetched && live[l].hash && live[l].hash == fetched[f].hash) {
		n++;
		l += (unsigned)step; /* below zero it wraps, and is no index any more */
		f += (unsigned)step;
	}
	return n;
}

int pt_seam_find(const PtSeamFrame *live, unsigned n_live, const PtSeamFrame *fetched, unsigned n_fetched, bool at_end,
                 int64_t expected_ns) {
	unsigned edge = at_end ? n_live - 1 : 0, best_run = 0;
	int best = -1;
	if (!n_live)
		return -1;
	for (unsigned i = 0; i < n_fetched; i++) {
		unsigned run = run_length(live, n_live, fetched, n_fetched, edge, i, at_end ? -1 : 1);
		if (!run || run < best_run)
			continue;
		if (run == best_run && best >= 0 &&
		    ABS(fetched[i].decode_ns - expected_ns) >= ABS(fetched[best].decode_ns - expected_ns))
			continue;
		best_run = run;
		best = (int)i;
	}
	return best;
}
