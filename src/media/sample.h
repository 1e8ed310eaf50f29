/* What flows through the house: a sample is one access unit of one track, immutable and reference-counted, carrying the
 * format it was made with. Sources make samples; archive, viewers, restream and codec take references to them. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { PT_KIND_VIDEO, PT_KIND_AUDIO, PT_KIND_METADATA } PtKind;

typedef enum {
	PT_CODEC_H264,
	PT_CODEC_H265,
	PT_CODEC_MJPEG,
	PT_CODEC_AAC,
	PT_CODEC_PCMU,
	PT_CODEC_PCMA,
	PT_CODEC_OPUS,
	PT_CODEC_ONVIF_METADATA,
	PT_CODEC_L16,
	PT_CODEC_G726,
	PT_CODEC_YUYV, /* raw pictures: on the way from a device to the encoder alone */
	PT_CODEC_NV12,
	PT_CODEC_GREY, /* raw, a byte for each pixel: on the way to the detector of motion alone */
	PT_N_CODECS
} PtCodec;

const char *pt_codec_name(PtCodec codec); /* "H.264", as people write it */
PtKind pt_codec_kind(PtCodec codec);

/* How a track's samples are to be understood. Immutable; a change of parameter sets is a new format. */
typedef struct {
	int refs; /* atomic */
	PtCodec codec;
	uint32_t timescale; /* ticks per second of dts and pts: 90000 for video and metadata, the sampling rate for audio */
	uint16_t width,
	    height; /* luma samples as displayed (cropped); 0 when not known yet (MJPEG before its first picture) */
	uint32_t sample_rate; /* Hz; audio */
	uint8_t channels;     /* audio */
	uint8_t
	    reorder; /* video: how many frames may stand before an earlier-shown one in decoding order; 0 = no B-frames */
	char rfc6381[40]; /* "avc1.64001e", "hvc1.1.6.L93.B0", "mp4a.40.2", "opus"; "" where there is none */
	size_t config_size;
	uint8_t config[]; /* H.264: AVCDecoderConfigurationRecord, H.265: HEVCDecoderConfigurationRecord (ISO 14496-15);
	                     AAC: AudioSpecificConfig (ISO 14496-3); G.726: the bits of a code in one byte; else empty */
} PtFormat;

/* A copy of *values with config behind it, refs 1. */
PtFormat *pt_format_new(const PtFormat *values, const void *config, size_t config_size);
PtFormat *pt_format_ref(PtFormat *format);
void pt_format_unref(PtFormat *format);                     /* takes NULL */
bool pt_format_equal(const PtFormat *a, const PtFormat *b); /* NULL equals only NULL */

/* H.264 and H.265: NAL units, each behind its length in four bytes (ISO 14496-15), without start codes, without the
 * parameter sets that stand in format->config. MJPEG: one whole JPEG. AAC: one raw_data_block without ADTS.
 * G.711: the octets of one packet. L16: its samples of 16 bits, the high byte first, one channel after the other. G.726: its
 * codes, from the most significant bit (media/g726.h). Opus: one packet. Metadata: the bytes as they came, one XML document.
 */
typedef struct PtSample {
	int refs;         /* atomic */
	uint8_t track;    /* index within its stream */
	bool key;         /* decoding can start here; true for all audio and metadata */
	bool broken;      /* something is missing before it: packets were lost since the sample before */
	uint32_t lost;    /* packets lost since the sample before; 0 when nothing is known to be missing */
	int64_t dts;      /* ticks; strictly rising within one track and one connection */
	int64_t pts;      /* ticks */
	int64_t wall_ns;  /* the hub's estimate of when it was captured (its pts), ns UTC; rising with pts */
	PtFormat *format; /* a reference */
	size_t size, capacity;
	uint8_t data[];
} PtSample;

PtSample *pt_sample_new(size_t capacity); /* zeroed header, refs 1, size 0 */
/* Appends n uninitialised bytes while the sample has one reference. May move it; returns where they are. */
uint8_t *pt_sample_grow(PtSample **sample, size_t n);
PtSample *pt_sample_ref(PtSample *sample);
void pt_sample_unref(PtSample *sample); /* takes NULL */

/* The largest sample that is accepted; a longer one is dropped and counted. */
#define PT_SAMPLE_MAX (8u * 1024 * 1024)
