/* Opening decoders and encoders, and the two shapes of H.264. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include "media/g726.h"
#include "media/h264.h"
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

static const enum AVCodecID ids[PT_N_CODECS] = {
    [PT_CODEC_H264] = AV_CODEC_ID_H264,       [PT_CODEC_H265] = AV_CODEC_ID_HEVC,
    [PT_CODEC_MJPEG] = AV_CODEC_ID_MJPEG,     [PT_CODEC_AAC] = AV_CODEC_ID_AAC,
    [PT_CODEC_PCMU] = AV_CODEC_ID_PCM_MULAW,  [PT_CODEC_PCMA] = AV_CODEC_ID_PCM_ALAW,
    [PT_CODEC_OPUS] = AV_CODEC_ID_OPUS,       [PT_CODEC_L16] = AV_CODEC_ID_PCM_S16BE,
    [PT_CODEC_G726] = AV_CODEC_ID_ADPCM_G726, [PT_CODEC_YUYV] = AV_CODEC_ID_RAWVIDEO,
    [PT_CODEC_NV12] = AV_CODEC_ID_RAWVIDEO,
};

AVCodecContext *pt_open_decoder(const PtFormat *f, int threads) {
	const AVCodec *codec = ids[f->codec] ? avcodec_find_decoder(ids[f->codec]) : NULL;
	AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
	if (!c)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "%s cannot be decoded here", pt_codec_name(f->codec));
	c->pkt_timebase = (AVRational){1, (int)MIN(f->timescale, INT32_MAX)};
	c->thread_count = threads;
	c->max_pixels = INT64_C(8192) * 8192;
	if (pt_codec_kind(f->codec) == PT_KIND_AUDIO) {
		c->sample_rate = (int)MIN(f->sample_rate, 192000);
		av_channel_layout_default(&c->ch_layout, CLAMP(f->channels, 1, 8));
	}
	if (f->codec == PT_CODEC_YUYV || f->codec == PT_CODEC_NV12) {
		c->width = f->width;
		c->height = f->height;
		c->pix_fmt = f->codec == PT_CODEC_YUYV ? AV_PIX_FMT_YUYV422 : AV_PIX_FMT_NV12;
	}
	if (f->codec == PT_CODEC_G726)
		c->bits_per_coded_sample = (int)pt_g726_bits(f);
	else if (f->config_size && f->config_size < 1 << 20) {
		c->extradata = av_mallocz(f->config_size + AV_INPUT_BUFFER_PADDING_SIZE);
		memcpy(c->extradata, f->config, f->config_size);
		c->extradata_size = (int)f->config_size;
	}
	int e = avcodec_open2(c, codec, NULL);
	if (e < 0)
		pt_io_fail(PT_ERROR_INVALID, "%s: the decoder refuses the stream's parameters: %s", pt_codec_name(f->codec),
		           av_err2str(e));
	return c;
}

bool pt_decode_send(AVCodecContext *decoder, AVPacket *packet, const PtSample *s) {
	if (!s)
		return avcodec_send_packet(decoder, NULL) >= 0;
	if (av_new_packet(packet, (int)s->size) < 0)
		pt_io_fail(PT_ERROR_FAILED, "out of memory");
	memcpy(packet->data, s->data, s->size);
	packet->pts = s->pts;
	packet->dts = s->dts;
	packet->flags = s->key ? AV_PKT_FLAG_KEY : 0;
	int e = avcodec_send_packet(decoder, packet);
	av_packet_unref(packet);
	return e >= 0;
}

AVCodecContext *pt_open_x264(int width, int height, int fps, unsigned gop, uint32_t bitrate, bool realtime,
                             enum AVColorRange range) {
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	if (!codec)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "this FFmpeg has no libx264: H.264 cannot be made here");
	AVCodecContext *c = avcodec_alloc_context3(codec);
	c->width = width;
	c->height = height;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->color_range = range;
	c->time_base = (AVRational){1, 90000};
	c->framerate = (AVRational){fps, 1};
	c->gop_size = (int)gop;
	c->max_b_frames = 0;
	c->thread_count = realtime ? 1 : 2;
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	if (bitrate) {
		c->bit_rate = bitrate;
		c->rc_max_rate = bitrate;
		c->rc_buffer_size = (int)MIN(bitrate, INT32_MAX);
	} else {
		av_opt_set(c->priv_data, "crf", "20", 0);
	}
	av_opt_set(c->priv_data, "preset", realtime ? "superfast" : "veryfast", 0);
	av_opt_set(c->priv_data, "tune", realtime ? "zerolatency" : "fastdecode", 0);
	av_opt_set(c->priv_data, "forced-idr", "1", 0);
	av_opt_set(c->priv_data, "x264-params", "scenecut=0:open-gop=0", 0);
	int e = avcodec_open2(c, codec, NULL);
	if (e < 0)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "H.264 encoder for %dx%d: %s", width, height, av_err2str(e));
	return c;
}

PtFormat *pt_x264_format(const AVCodecContext *c) {
	PtBytes b = pt_bytes(c->extradata, (size_t)c->extradata_size);
	PtParamSets sets = {0};
	PtNal nal;
	while (pt_annexb_next(&b, &nal))
		pt_h264_put(&sets, nal.data, nal.size);
	PtFormat *format = pt_h264_format(&sets);
	pt_param_sets_clear(&sets);
	if (!format)
		pt_io_fail(PT_ERROR_FAILED, "the H.264 encoder gave no parameter sets");
	return format;
}

PtSample *pt_x264_sample(const AVPacket *packet, PtFormat *format) {
	PtSample *s = pt_sample_new((size_t)packet->size + 64);
	PtBytes b = pt_bytes(packet->data, (size_t)packet->size);
	PtNal nal;
	while (pt_annexb_next(&b, &nal)) {
		unsigned type = nal.data[0] & 31;
		if (type == PT_H264_SPS || type == PT_H264_PPS || type == PT_H264_AUD)
			continue;
		uint8_t *p = pt_sample_grow(&s, 4 + nal.size);
		pt_put_u32(p, (uint32_t)nal.size);
		memcpy(p + 4, nal.data, nal.size);
	}
	s->key = packet->flags & AV_PKT_FLAG_KEY;
	s->pts = packet->pts;
	s->dts = packet->dts;
	s->format = pt_format_ref(format);
	return s;
}

AVCodecContext *pt_open_audio_encoder(PtCodec codec, int rate, int channels, uint32_t bitrate) {
	const AVCodec *encoder = codec == PT_CODEC_AAC    ? avcodec_find_encoder(AV_CODEC_ID_AAC)
	                         : codec == PT_CODEC_OPUS ? avcodec_find_encoder_by_name("libopus")
	                         : codec == PT_CODEC_L16  ? avcodec_find_encoder(AV_CODEC_ID_PCM_S16BE)
	                                                  : NULL;
	if (!encoder)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "%s cannot be encoded here", pt_codec_name(codec));
	AVCodecContext *c = avcodec_alloc_context3(encoder);
	c->sample_rate = rate;
	c->sample_fmt = encoder->sample_fmts[0];
	c->time_base = (AVRational){1, rate};
	c->bit_rate = bitrate ? bitrate : 64000 * channels;
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	av_channel_layout_default(&c->ch_layout, channels);
	int e = avcodec_open2(c, encoder, NULL);
	if (e < 0)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "%s encoder for %d Hz: %s", pt_codec_name(codec), rate, av_err2str(e));
	return c;
}

PtFormat *pt_audio_format(const AVCodecContext *c, PtCodec codec) {
	PtFormat f = {.codec = codec,
	              .timescale = (uint32_t)c->sample_rate,
	              .sample_rate = (uint32_t)c->sample_rate,
	              .channels = (uint8_t)c->ch_layout.nb_channels};
	bool aac = codec == PT_CODEC_AAC;
	if (codec == PT_CODEC_AAC || codec == PT_CODEC_OPUS)
		g_strlcpy(f.rfc6381, aac ? "mp4a.40.2" : "opus", sizeof f.rfc6381);
	return pt_format_new(&f, c->extradata, aac ? (size_t)c->extradata_size : 0);
}
