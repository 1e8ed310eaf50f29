/* One frame to one JPEG. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

/* Even sizes within the bounds, shape kept, never larger than the source. */
static void fit(int w, int h, int max_w, int max_h, int *ret_w, int *ret_h) {
	double scale = 1;
	if (max_w && max_w < w)
		scale = (double)max_w / w;
	if (max_h && max_h < h * scale)
		scale = (double)max_h / h;
	*ret_w = MAX(2, (int)(w * scale + 0.5) & ~1);
	*ret_h = MAX(2, (int)(h * scale + 0.5) & ~1);
}

static AVFrame *decode(const PtSample *s) {
	AVCodecContext *decoder = pt_open_decoder(s->format, 1);
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	pt_decode_send(decoder, packet, s);
	pt_decode_send(decoder, packet, NULL);
	int e = avcodec_receive_frame(decoder, frame);
	av_packet_free(&packet);
	avcodec_free_context(&decoder);
	if (e < 0 || frame->width < 2 || frame->height < 2)
		pt_io_fail(PT_ERROR_INVALID, "this %s frame cannot be decoded: %s", pt_codec_name(s->format->codec),
		           e < 0 ? av_err2str(e) : "no picture");
	return frame;
}

static AVFrame *scale(AVFrame *in, int width, int height) {
	AVFrame *out = av_frame_alloc();
	out->format = AV_PIX_FMT_YUVJ420P;
	out->width = width;
	out->height = height;
	out->color_range = AVCOL_RANGE_JPEG;
	struct SwsContext *sws = sws_getContext(in->width, in->height, in->format, width, height, AV_PIX_FMT_YUVJ420P,
	                                        SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
	if (!sws || av_frame_get_buffer(out, 0) < 0)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "a picture of %dx%d cannot be scaled to %dx%d", in->width, in->height,
		           width, height);
	int full = in->color_range == AVCOL_RANGE_JPEG || in->format == AV_PIX_FMT_YUVJ420P ||
	           in->format == AV_PIX_FMT_YUVJ422P || in->format == AV_PIX_FMT_YUVJ444P;
	sws_setColorspaceDetails(sws, sws_getCoefficients(SWS_CS_DEFAULT), full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
	                         1 << 16, 1 << 16);
	sws_scale(sws, (const uint8_t *const *)in->data, in->linesize, 0, in->height, out->data, out->linesize);
	sws_freeContext(sws);
	return out;
}

static AVPacket *encode(AVFrame *frame, unsigned quality) {
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
	AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
	AVPacket *packet = av_packet_alloc();
	if (!c)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "this FFmpeg cannot make JPEGs");
	/* FFmpeg's scale: 2 is best, 31 worst */
	int q = (int)(2 + (100 - (quality ? quality : 80)) * 29 / 99);
	c->width = frame->width;
	c->height = frame->height;
	c->pix_fmt = AV_PIX_FMT_YUVJ420P;
	c->time_base = (AVRational){1, 25};
	c->thread_count = 1;
	c->flags |= AV_CODEC_FLAG_QSCALE;
	c->global_quality = FF_QP2LAMBDA * q;
	frame->quality = c->global_quality;
	int e = avcodec_open2(c, codec, NULL);
	if (e >= 0)
		e = avcodec_send_frame(c, frame);
	if (e >= 0)
		e = avcodec_send_frame(c, NULL);
	if (e >= 0)
		e = avcodec_receive_packet(c, packet);
	if (e < 0)
		pt_io_fail(PT_ERROR_FAILED, "making a JPEG of %dx%d: %s", frame->width, frame->height, av_err2str(e));
	avcodec_free_context(&c);
	return packet;
}

void pt_job_jpeg(const PtCodecJobParams *params) {
	PtSample *in = pt_io_next_sample();
	if (!in || pt_codec_kind(in->format->codec) != PT_KIND_VIDEO)
		pt_io_fail(PT_ERROR_INVALID, "a picture was asked for and no video frame came");
	AVFrame *frame = decode(in);
	int width, height;
	fit(frame->width, frame->height, params->width, params->height, &width, &height);
	AVFrame *scaled = scale(frame, width, height);
	AVPacket *packet = encode(scaled, params->quality);
	PtFormat values = {
	    .codec = PT_CODEC_MJPEG, .timescale = 90000, .width = (uint16_t)width, .height = (uint16_t)height};
	PtSample *out = pt_sample_new((size_t)packet->size);
	memcpy(pt_sample_grow(&out, (size_t)packet->size), packet->data, (size_t)packet->size);
	out->key = true;
	out->pts = in->pts;
	out->dts = in->dts;
	out->wall_ns = in->wall_ns;
	out->format = pt_format_new(&values, NULL, 0);
	pt_io_write_sample(out);
	pt_sample_unref(out);
	pt_sample_unref(in);
	av_packet_free(&packet);
	av_frame_free(&scaled);
	av_frame_free(&frame);
}
