/* What the house and pigtail-codec say to each other over their socket: a job, then samples there and samples back, then an
 * end or an error. Each message is a length (4 bytes, of what follows the type), a type (1 byte) and its body; both sides
 * take nothing from the other on trust. doc/ref/codec-protocol.md has the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/error.h"
#include "media/codec/osd.h"
#include "media/sample.h"
#include "media/stream.h"

typedef enum {
	PT_CODEC_JOB_JPEG = 1, /* one key sample of H.264, H.265 or MJPEG in, one JPEG out (a sample of format MJPEG) */
	PT_CODEC_JOB_CLOCK,    /* nothing in; the test picture and tone out, in real time, until the socket closes */
	PT_CODEC_JOB_AUDIO,    /* any audio in; AAC LC or Opus out, or L16 of one channel at 8 kHz, for loudspeakers */
	PT_CODEC_JOB_VIDEO,    /* H.264, H.265, MJPEG or raw pictures in, H.264 without B-frames out, from from_pts on */
	PT_CODEC_JOB_GREY,     /* H.264, H.265, MJPEG in, small grey pictures out, not more often than asked for */
} PtCodecJobKind;

typedef struct {
	PtCodecJobKind kind;
	/* JPEG: the largest size wanted, the shape is kept; 0: as it is, never larger than the source. CLOCK: the size,
	 * even. VIDEO: unused, the size stays. GREY: the width, and the largest height, of multiples of 8. */
	uint16_t width, height;
	uint8_t quality;  /* JPEG: 1..100; 0: 80 */
	uint16_t fps;     /* CLOCK: 1..60; VIDEO: 0, or as they come in real time: nothing is kept back; GREY: at most */
	uint32_t gop_ms;  /* CLOCK: between key frames; VIDEO: the longest; 0: 2000 */
	uint32_t bitrate; /* CLOCK, VIDEO: bit/s; VIDEO 0: by quality. AUDIO: 0: 64000 per channel */
	bool with_audio;  /* CLOCK */
	PtCodec audio;    /* CLOCK: AAC or PCMU; AUDIO: AAC, OPUS, L16 */
	int64_t from_pts; /* VIDEO: frames before it are decoded and not given */
} PtCodecJobParams;

/* A bound on one message: the largest sample and its header. */
#define PT_WIRE_MAX (PT_SAMPLE_MAX + 64)

typedef enum {
	PT_WIRE_NONE,
	PT_WIRE_JOB,
	PT_WIRE_FORMAT,
	PT_WIRE_SAMPLE,
	PT_WIRE_END,
	PT_WIRE_ERROR,
	PT_WIRE_KEY,
	PT_WIRE_TEXTS
} PtWireType;

/* ---- writing ---- */

/* Remembers which formats were said. Zero-initialise. */
typedef struct {
	PtFormat *formats[PT_STREAM_TRACKS];
} PtWireWriter;

void pt_wire_writer_clear(PtWireWriter *writer);
void pt_wire_put_job(PtBuf *out, const PtCodecJobParams *params);
/* With its format before it when that is new. */
void pt_wire_put_sample(PtWireWriter *writer, PtBuf *out, PtSample *sample);
void pt_wire_put_end(PtBuf *out);
/* The next picture is to be a key frame. */
void pt_wire_put_key(PtBuf *out);
/* What is burnt into pictures from now on. */
void pt_wire_put_texts(PtBuf *out, const PtOsdList *texts);
void pt_wire_put_error(PtBuf *out, const GError *error);

/* ---- reading ---- */

/* Zero-initialise. */
typedef struct {
	PtBuf in;
	size_t taken;
	PtFormat *formats[PT_STREAM_TRACKS];
} PtWireReader;

typedef struct {
	PtWireType type;      /* NONE: more bytes are needed */
	PtCodecJobParams job; /* JOB */
	PtSample *sample;     /* SAMPLE: a reference the caller drops */
	PtOsdList texts;      /* TEXTS */
	GError *error;        /* ERROR: what the other side says; caller frees */
} PtWireMessage;

void pt_wire_reader_clear(PtWireReader *reader);
void pt_wire_reader_feed(PtWireReader *reader, const void *data, size_t n);
/* The next message; formats are kept to themselves. False and an error when this is not our protocol: the peer is then
 * beyond use. */
bool pt_wire_reader_next(PtWireReader *reader, PtWireMessage *ret, GError **error);
