/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sample.h"
#include <glib.h>
#include <string.h>

static const struct {
	const char *name;
	PtKind kind;
} codecs[PT_N_CODECS] = {
    [PT_CODEC_H264] = {"H.264", PT_KIND_VIDEO},       [PT_CODEC_H265] = {"H.265", PT_KIND_VIDEO},
    [PT_CODEC_MJPEG] = {"MJPEG", PT_KIND_VIDEO},      [PT_CODEC_AAC] = {"AAC", PT_KIND_AUDIO},
    [PT_CODEC_PCMU] = {"G.711 µ-law", PT_KIND_AUDIO}, [PT_CODEC_PCMA] = {"G.711 A-law", PT_KIND_AUDIO},
    [PT_CODEC_OPUS] = {"Opus", PT_KIND_AUDIO},        [PT_CODEC_ONVIF_METADATA] = {"ONVIF metadata", PT_KIND_METADATA},
    [PT_CODEC_YUYV] = {"YUYV", PT_KIND_VIDEO},        [PT_CODEC_NV12] = {"NV12", PT_KIND_VIDEO},
    [PT_CODEC_L16] = {"L16", PT_KIND_AUDIO},          [PT_CODEC_G726] = {"G.726", PT_KIND_AUDIO},
    [PT_CODEC_GREY] = {"grey", PT_KIND_VIDEO},
};

const char *pt_codec_name(PtCodec codec) { return (unsigned)codec < PT_N_CODECS ? codecs[codec].name : "unknown"; }
PtKind pt_codec_kind(PtCodec codec) { return codecs[codec].kind; }

PtFormat *pt_format_new(const PtFormat *values, const void *config, size_t config_size) {
	PtFormat *f = g_malloc(sizeof *f + config_size);
	memcpy(f, values, sizeof *f);
	f->refs = 1;
	f->config_size = config_size;
	if (config_size)
		memcpy(f->config, config, config_size);
	return f;
}

PtFormat *pt_format_ref(PtFormat *format) {
	g_atomic_int_inc(&format->refs);
	return format;
}

void pt_format_unref(PtFormat *format) {
	if (format && g_atomic_int_dec_and_test(&format->refs))
		g_free(format);
}

bool pt_format_equal(const PtFormat *a, const PtFormat *b) {
	if (a == b || !a || !b)
		return a == b;
	return a->codec == b->codec && a->timescale == b->timescale && a->width == b->width && a->height == b->height &&
	       a->sample_rate == b->sample_rate && a->channels == b->channels && a->reorder == b->reorder &&
	       a->config_size == b->config_size && !memcmp(a->config, b->config, a->config_size);
}

PtSample *pt_sample_new(size_t capacity) {
	PtSample *s = g_malloc(sizeof *s + capacity);
	memset(s, 0, sizeof *s);
	s->refs = 1;
	s->capacity = capacity;
	return s;
}

uint8_t *pt_sample_grow(PtSample **sample, size_t n) {
	PtSample *s = *sample;
	if (s->capacity - s->size < n) {
		s->capacity = MAX(s->capacity + s->capacity / 2, s->size + n);
		s = *sample = g_realloc(s, sizeof *s + s->capacity);
	}
	uint8_t *p = s->data + s->size;
	s->size += n;
	return p;
}

PtSample *pt_sample_ref(PtSample *sample) {
	g_atomic_int_inc(&sample->refs);
	return sample;
}

void pt_sample_unref(PtSample *sample) {
	if (!sample || !g_atomic_int_dec_and_test(&sample->refs))
		return;
	pt_format_unref(sample->format);
	g_free(sample);
}
