/* Video samples in, small grey pictures out, for whoever looks for motion. What is not needed for that is not decoded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include "base/clock.h"
#include <libswscale/swscale.h>

#define STEP 8                        /* sizes are multiples of it */
#define JITTER_NS (10 * PT_NS_PER_MS) /* pictures that come a little early count */
#define TRIAL_NS (3 * PT_NS_PER_S)    /* so long it is tried without frames that nobody refers to */
#define MJPEG_REDUCED 2               /* JPEGs are decoded at a quarter of their size, … */
#define MJPEG_REDUCED_FROM (4 * 160)  /* … from this width on */

typedef struct {
	const PtCodecJobParams *params;
	AVCodecContext *decoder;
	PtFormat *in_format, *out_format;
	AVPacket *packet;
	AVFrame *frame;
	struct SwsContext *sws;
	uint8_t track;
	int64_t wall_of_pts;   /* the wall time that pts 0 would have */
	int64_t next_ns;       /* pictures before it are not wanted; of pts */
	int64_t first_ns;      /* pts when the trial began */
	unsigned taken, given; /* samples and pictures since then */
} Grey;

static int64_t to_ns(int64_t pts, const PtFormat *f) { return av_rescale(pts, PT_NS_PER_S, f->timescale); }

static void fit(const PtCodecJobParams *p, const AVFrame *in, uint16_t *ret_w, uint16_t *ret_h) {
	int w = MAX(p->width / STEP, 1) * STEP, most = MAX(p->height / STEP, 1) * STEP;
	*ret_w = (uint16_t)w;
	*ret_h = (uint16_t)CLAMP((int)(av_rescale(w, in->height, in->width) + STEP / 2) / STEP * STEP, STEP, most);
}

static void give(Grey *g, int64_t pts) {
	uint16_t w, h;
	fit(g->params, g->frame, &w, &h);
	if (!g->out_format || g->out_format->width != w || g->out_format->height != h) {
		pt_format_unref(g->out_format);
		g->out_format = pt_format_new(
		    &(PtFormat){.codec = PT_CODEC_GREY, .timescale = g->in_format->timescale, .width = w, .height = h}, NULL,
		    0);
	}
	g->sws = sws_getCachedContext(g->sws, g->frame->width, g->frame->height, g->frame->format, w, h, AV_PIX_FMT_GRAY8,
	                              SWS_AREA, NULL, NULL, NULL);
	if (!g->sws)
		pt_io_fail(PT_ERROR_UNSUPPORTED, "pictures of this kind cannot be made grey");
	PtSample *s = pt_sample_new((size_t)w * h + 64);
	uint8_t *planes[4] = {pt_sample_grow(&s, (size_t)w * h)};
	int strides[4] = {w};
	sws_scale(g->sws, (const uint8_t *const *)g->frame->data, g->frame->linesize, 0, g->frame->height, planes, strides);
	s->track = g->track;
	s->key = true;
	s->pts = s->dts = pts;
	s->wall_ns = g->wall_of_pts ? g->wall_of_pts + to_ns(pts, g->in_format) : 0;
	s->format = pt_format_ref(g->out_format);
	pt_io_write_sample(s);
	pt_sample_unref(s);
	g->given++;
}

static void drain(Grey *g) {
	while (g->decoder && avcodec_receive_frame(g->decoder, g->frame) >= 0) {
		int64_t pts = g->frame->pts != AV_NOPTS_VALUE ? g->frame->pts : g->frame->best_effort_timestamp;
		int64_t period = PT_NS_PER_S / MAX(g->params->fps, 1), now = to_ns(pts, g->in_format);
		bool damaged = g->frame->flags & AV_FRAME_FLAG_CORRUPT;
		if (now < g->next_ns - 2 * period) /* times that went back begin anew */
			g->next_ns = now;
		if (pts != AV_NOPTS_VALUE && !damaged && g->frame->width > 1 && g->frame->height > 1 &&
		    now >= g->next_ns - JITTER_NS) {
			give(g, pts);
			g->next_ns = now - g->next_ns > period ? now + period : g->next_ns + period;
		}
		av_frame_unref(g->frame);
	}
}

static void take_format(Grey *g, PtFormat *format) {
	if (g->in_format == format)
		return;
	if (pt_codec_kind(format->codec) != PT_KIND_VIDEO)
		pt_io_fail(PT_ERROR_INVALID, "%s is not video", pt_codec_name(format->codec));
	avcodec_free_context(&g->decoder);
	if (g->in_format && g->in_format->timescale != format->timescale)
		g_clear_pointer(&g->out_format, pt_format_unref);
	pt_format_unref(g->in_format);
	g->in_format = pt_format_ref(format);
	g->decoder = pt_open_decoder(format, 1);
	if (format->codec == PT_CODEC_MJPEG && format->width >= MJPEG_REDUCED_FROM)
		g->decoder->lowres = MJPEG_REDUCED;
	g->decoder->skip_frame = AVDISCARD_NONREF;
	g->next_ns = INT64_MIN / 2;
	g->taken = 0;
}

/* Frames that nobody refers to are skipped as long as the others are enough. */
static void count(Grey *g, const PtSample *s) {
	int64_t now = to_ns(s->dts, s->format);
	if (!g->taken++ || now < g->first_ns) {
		g->first_ns = now;
		g->given = 0;
	}
	if (now - g->first_ns < TRIAL_NS)
		return;
	if (g->given * PT_NS_PER_S < (now - g->first_ns) * g->params->fps * 3 / 5 && g->given < g->taken)
		g->decoder->skip_frame = AVDISCARD_DEFAULT;
	g->taken = 0;
}

void pt_job_grey(const PtCodecJobParams *params) {
	Grey g = {.params = params, .packet = av_packet_alloc(), .frame = av_frame_alloc()};
	PtSample *s;
	while ((s = pt_io_next_sample())) {
		take_format(&g, s->format);
		g.track = s->track;
		if (s->wall_ns)
			g.wall_of_pts = s->wall_ns - to_ns(s->pts, s->format);
		pt_decode_send(g.decoder, g.packet, s);
		drain(&g);
		count(&g, s);
		pt_sample_unref(s);
	}
	if (g.decoder) {
		pt_decode_send(g.decoder, g.packet, NULL);
		drain(&g);
	}
}
