/* The jobs of pigtail-codec and what they share. Each runs to its end or ends the program with an error. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "codec/io.h"
#include <libavcodec/avcodec.h>

void pt_job_jpeg(const PtCodecJobParams *params);
void pt_job_clock(const PtCodecJobParams *params);
void pt_job_audio(const PtCodecJobParams *params);
void pt_job_video(const PtCodecJobParams *params);
void pt_job_grey(const PtCodecJobParams *params);

/* ---- util.c ---- */

/* A decoder for what the format says, with its limits set. */
AVCodecContext *pt_open_decoder(const PtFormat *format, int threads);
/* Gives a sample to a decoder (NULL: no more). False when the decoder does not want it (it is damaged). */
bool pt_decode_send(AVCodecContext *decoder, AVPacket *packet, const PtSample *sample);

/* H.264 by libx264, no B-frames. */
AVCodecContext *pt_open_x264(int width, int height, int fps, unsigned gop, uint32_t bitrate, bool realtime,
                             enum AVColorRange range);
/* The format of an open H.264 encoder; the caller's reference. */
PtFormat *pt_x264_format(const AVCodecContext *encoder);
/* A packet of Annex B as a sample with lengths. */
PtSample *pt_x264_sample(const AVPacket *packet, PtFormat *format);

/* AAC, Opus or L16. */
AVCodecContext *pt_open_audio_encoder(PtCodec codec, int rate, int channels, uint32_t bitrate);
PtFormat *pt_audio_format(const AVCodecContext *encoder, PtCodec codec);

/* ---- sandbox.c ---- */

/* Gives up what the job does not need: privileges, other descriptors, files, network, new programs. cpu_s 0: no limit. */
void pt_sandbox_enter(unsigned cpu_s);
