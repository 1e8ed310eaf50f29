/* RIFF WAVE (Multimedia Programming Interface and Data Specifications 1.0, and its extensible form). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sound/sound.h"
#include <math.h>

enum { PCM = 1, FLOAT = 3, A_LAW = 6, MU_LAW = 7, EXTENSIBLE = 0xfffe };

typedef struct {
	unsigned tag, channels, rate, bits;
} Wave;

static uint16_t le16(PtBytes *b) { return __builtin_bswap16(pt_bytes_u16(b)); }
static uint32_t le32(PtBytes *b) { return __builtin_bswap32(pt_bytes_u32(b)); }

static void read_form(PtBytes b, Wave *w) {
	w->tag = le16(&b);
	w->channels = le16(&b);
	w->rate = le32(&b);
	pt_bytes_take(&b, 6); /* octets per second, and per sample of all channels */
	w->bits = le16(&b);
	if (w->tag == EXTENSIBLE) {
		pt_bytes_take(&b, 8); /* valid bits, which loudspeaker is which */
		w->tag = le16(&b);
	}
	if (b.bad)
		w->channels = 0;
}

static bool is_known(const Wave *w) {
	bool pcm = w->tag == PCM && (w->bits == 8 || w->bits == 16 || w->bits == 24 || w->bits == 32);
	bool law = (w->tag == A_LAW || w->tag == MU_LAW) && w->bits == 8;
	return (pcm || law || (w->tag == FLOAT && w->bits == 32)) && w->channels >= 1 && w->channels <= 8 &&
	       w->rate >= 4000 && w->rate <= 192000;
}

/* The 16 bits that are heard. */
static uint16_t one(PtBytes *b, const Wave *w) {
	union {
		uint32_t bits;
		float value;
	} f;
	switch (w->bits) {
	case 8:
		return (uint16_t)((pt_bytes_u8(b) ^ 0x80) << 8);
	case 24:
		pt_bytes_u8(b);
		break;
	case 32:
		if (w->tag == FLOAT) {
			f.bits = le32(b);
			return isnan(f.value) ? 0 : (uint16_t)(int16_t)(CLAMP(f.value, -1, 1) * 32767);
		}
		pt_bytes_u16(b);
		break;
	}
	return le16(b);
}

/* Blocks of a tenth of a second. */
static void read_data(PtBytes data, const Wave *w, GPtrArray *ret) {
	bool law = w->tag == A_LAW || w->tag == MU_LAW;
	unsigned frame = w->channels * w->bits / 8;
	PtFormat *format = pt_format_new(&(PtFormat){.codec = w->tag == A_LAW    ? PT_CODEC_PCMA
	                                                      : w->tag == MU_LAW ? PT_CODEC_PCMU
	                                                                         : PT_CODEC_L16,
	                                             .timescale = w->rate,
	                                             .sample_rate = w->rate,
	                                             .channels = (uint8_t)w->channels},
	                                 NULL, 0);
	for (int64_t pts = 0; data.left >= frame;) {
		size_t n = MIN(data.left / frame, w->rate / 10), values = n * w->channels;
		PtSample *s = pt_sample_new(values * (law ? 1 : 2));
		uint8_t *to = pt_sample_grow(&s, values * (law ? 1 : 2));
		for (size_t i = 0; i < values; i++)
			if (law)
				to[i] = pt_bytes_u8(&data);
			else
				pt_put_u16(to + 2 * i, one(&data, w));
		s->key = true;
		s->pts = s->dts = pts;
		s->format = pt_format_ref(format);
		pts += (int64_t)n;
		g_ptr_array_add(ret, s);
	}
	pt_format_unref(format);
}

gboolean pt_wav_read(PtBytes b, GPtrArray *ret, GError **error) {
	Wave w = {0};
	pt_bytes_take(&b, 12); /* "RIFF", its length, "WAVE" */
	while (!b.bad && b.left >= 8) {
		const uint8_t *id = pt_bytes_take(&b, 4);
		uint32_t size = le32(&b);
		/* whoever writes into a pipe does not know the length yet, and states any */
		size_t n = MIN(size, b.left);
		if (!memcmp(id, "fmt ", 4)) {
			read_form(pt_bytes_sub(&b, n), &w);
		} else if (!memcmp(id, "data", 4)) {
			if (!is_known(&w)) {
				pt_error_set(
				    error, UNSUPPORTED,
				    "WAV of %u channels, %u bits, %u Hz, coding %u is not understood (PCM, float and "
				    "G.711 are)",
				    w.channels, w.bits, w.rate, w.tag);
				return FALSE;
			}
			read_data(pt_bytes_sub(&b, size ? n : b.left), &w, ret);
			break;
		} else {
			pt_bytes_take(&b, n);
		}
		if (n & 1 && b.left)
			pt_bytes_take(&b, 1);
	}
	if (!ret->len)
		pt_error_set(error, INVALID, "there is no sound in this WAV");
	return ret->len > 0;
}
