/* Video samples in, H.264 samples out, with the times they came with. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include "base/clock.h"
#include "codec/text.h"
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

typedef struct {
	const PtCodecJobParams *params;
	AVCodecContext *decoder, *encoder;
	PtFormat *in_format, *out_format;
	AVPacket *packet;
	AVFrame *frame, *converted;
	struct SwsContext *sws;
	int64_t wall_of_pts; /* the wall time that pts 0 would have: one line through all times */
	int64_t last_pts, last_key_pts;
	uint8_t track;
	bool any;
} Video;

static void drain_encoder(Video *v) {
	while (avcodec_receive_packet(v->encoder, v->packet) >= 0) {
		PtSample *s = pt_x264_sample(v->packet, v->out_format);
		s->track = v->track;
		s->wall_ns = v->wall_of_pts ? v->wall_of_pts + av_rescale(s->pts, PT_NS_PER_S, 90000) : 0;
		pt_io_write_sample(s);
		pt_sample_unref(s);
		av_packet_unref(v->packet);
	}
}

static void open_encoder(Video *v) {
	if (v->encoder && v->encoder->width == (v->frame->width & ~1) && v->encoder->height == (v->frame->height & ~1))
		return;
	if (v->encoder) {
		avcodec_send_frame(v->encoder, NULL);
		drain_encoder(v);
		avcodec_free_context(&v->encoder);
		pt_format_unref(v->out_format);
	}
	int w = v->frame->width & ~1, h = v->frame->height & ~1;
	unsigned fps = v->params->fps;
	v->encoder = pt_open_x264(w, h, fps ? (int)fps : 25, 1000, v->params->bitrate, fps != 0, AVCOL_RANGE_MPEG);
	v->out_format = pt_x264_format(v->encoder);
	av_frame_free(&v->converted);
	v->converted = av_frame_alloc();
	v->converted->format = AV_PIX_FMT_YUV420P;
	v->converted->width = w;
	v->converted->height = h;
	if (av_frame_get_buffer(v->converted, 0) < 0)
		pt_io_fail(PT_ERROR_FAILED, "out of memory");
	v->last_key_pts = INT64_MIN;
}

static void encode_frame(Video *v) {
	int64_t pts = v->frame->pts != AV_NOPTS_VALUE ? v->frame->pts : v->frame->best_effort_timestamp;
	if (pts == AV_NOPTS_VALUE || pts < v->params->from_pts || (v->any && pts <= v->last_pts))
		return;
	if (v->frame->width < 2 || v->frame->height < 2)
		return;
	open_encoder(v);
	bool full = v->frame->color_range == AVCOL_RANGE_JPEG;
	v->sws = sws_getCachedContext(v->sws, v->frame->width, v->frame->height, v->frame->format, v->converted->width,
	                              v->converted->height, AV_PIX_FMT_YUV420P, SWS_BICUBIC, NULL, NULL, NULL);
	if (!v->sws || av_frame_make_writable(v->converted) < 0)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "pictures of this kind cannot be converted");
	sws_setColorspaceDetails(v->sws, sws_getCoefficients(SWS_CS_DEFAULT), full, sws_getCoefficients(SWS_CS_DEFAULT), 0,
	                         0, 1 << 16, 1 << 16);
	sws_scale(v->sws, (const uint8_t *const *)v->frame->data, v->frame->linesize, 0, v->frame->height,
	          v->converted->data, v->converted->linesize);
	pt_text_draw(pt_io_texts(), v->wall_of_pts + av_rescale(pts, PT_NS_PER_S, 90000), v->converted->width,
	             v->converted->height, v->converted->data, v->converted->linesize);
	int64_t gop = (int64_t)(v->params->gop_ms ? v->params->gop_ms : 2000) * 90;
	gop -= v->params->fps ? 45000 / v->params->fps : 0; /* frames of a device are not on the tick */
	bool key = pt_io_key_wanted() || v->last_key_pts == INT64_MIN || pts - v->last_key_pts >= gop;
	v->converted->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	v->converted->pts = pts;
	if (key)
		v->last_key_pts = pts;
	v->last_pts = pts;
	v->any = true;
	if (avcodec_send_frame(v->encoder, v->converted) >= 0)
		drain_encoder(v);
}

static void drain_decoder(Video *v) {
	while (v->decoder && avcodec_receive_frame(v->decoder, v->frame) >= 0) {
		encode_frame(v);
		av_frame_unref(v->frame);
	}
}

static void take_format(Video *v, PtFormat *format) {
	if (v->in_format == format)
		return;
	if (pt_codec_kind(format->codec) != PT_KIND_VIDEO)
		pt_io_fail(PT_ERROR_INVALID, "%s is not video", pt_codec_name(format->codec));
	if (v->decoder) {
		pt_decode_send(v->decoder, v->packet, NULL);
		drain_decoder(v);
		avcodec_free_context(&v->decoder);
	}
	pt_format_unref(v->in_format);
	v->in_format = pt_format_ref(format);
	v->decoder = pt_open_decoder(format, 2);
	v->decoder->thread_type = FF_THREAD_SLICE;
}

void pt_job_video(const PtCodecJobParams *params) {
	Video v = {.params = params, .packet = av_packet_alloc(), .frame = av_frame_alloc()};
	PtSample *s;
	while ((s = pt_io_next_sample())) {
		take_format(&v, s->format);
		v.track = s->track;
		if (s->wall_ns)
			v.wall_of_pts = s->wall_ns - av_rescale(s->pts, PT_NS_PER_S, 90000);
		pt_decode_send(v.decoder, v.packet, s);
		drain_decoder(&v);
		pt_sample_unref(s);
	}
	if (v.decoder) {
		pt_decode_send(v.decoder, v.packet, NULL);
		drain_decoder(&v);
	}
	if (v.encoder) {
		avcodec_send_frame(v.encoder, NULL);
		drain_encoder(&v);
	}
}
