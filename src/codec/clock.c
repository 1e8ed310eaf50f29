/* The test picture and its tone, in real time. Frames are paced by the monotonic clock from the start, so that nothing
 * drifts; what is burnt in is the wall clock at the instant of drawing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "codec/jobs.h"
#include "codec/picture.h"
#include "codec/text.h"
#include "media/g711.h"
#include <math.h>

#define VIDEO_TRACK 0
#define AUDIO_TRACK 1

typedef struct {
	PtCodec codec;
	AVCodecContext *encoder; /* AAC */
	PtFormat *format;
	AVFrame *frame;
	int rate, size;     /* samples per frame */
	int64_t done;       /* samples made since the start */
	int64_t wall_ahead; /* wall time minus monotonic time, as of now */
	double phase;
} Tone;

static void tone_open(Tone *t, PtCodec codec) {
	t->codec = codec;
	if (codec == PT_CODEC_AAC) {
		t->encoder = pt_open_audio_encoder(PT_CODEC_AAC, 48000, 1, 64000);
		t->format = pt_audio_format(t->encoder, PT_CODEC_AAC);
		t->rate = 48000;
		t->size = t->encoder->frame_size;
		t->frame = av_frame_alloc();
		t->frame->format = t->encoder->sample_fmt;
		t->frame->nb_samples = t->size;
		t->frame->sample_rate = t->rate;
		av_channel_layout_default(&t->frame->ch_layout, 1);
		if (av_frame_get_buffer(t->frame, 0) < 0)
			pt_io_fail(PT_ERROR_FAILED, "out of memory");
	} else if (codec == PT_CODEC_PCMU) {
		PtFormat f = {.codec = PT_CODEC_PCMU, .timescale = 8000, .sample_rate = 8000, .channels = 1};
		t->format = pt_format_new(&f, NULL, 0);
		t->rate = 8000;
		t->size = 160;
	} else {
		pt_io_fail(PT_ERROR_UNSUPPORTED, "the test tone comes as AAC or G.711 µ-law, not as %s",
		           pt_codec_name(codec));
	}
}

/* The tone at a sample: 400 Hz and 50 Hz more per second of the wall clock, modulo 16. */
static double next_value(Tone *t, int64_t wall_ns) {
	double hz = 400 + 50 * (double)(wall_ns / PT_NS_PER_S % 16);
	t->phase = fmod(t->phase + hz / t->rate, 1);
	return 0.25 * sin(2 * G_PI * t->phase);
}

static int64_t tone_wall(const Tone *t, int64_t start, int64_t sample) {
	return start + t->wall_ahead + av_rescale(sample, PT_NS_PER_S, t->rate);
}

static void tone_write(const Tone *t, int64_t start, int64_t pts, const void *data, size_t size) {
	PtSample *s = pt_sample_new(size);
	memcpy(pt_sample_grow(&s, size), data, size);
	s->track = AUDIO_TRACK;
	s->key = true;
	s->pts = s->dts = pts;
	s->wall_ns = tone_wall(t, start, pts);
	s->format = pt_format_ref(t->format);
	pt_io_write_sample(s);
	pt_sample_unref(s);
}

/* Makes what should have sounded by now. start: monotonic. */
static void tone_run(Tone *t, AVPacket *packet, int64_t start, int64_t now) {
	while (start + av_rescale(t->done + t->size, PT_NS_PER_S, t->rate) <= now) {
		if (t->encoder) {
			av_frame_make_writable(t->frame);
			float *f = (float *)(void *)t->frame->data[0];
			for (int i = 0; i < t->size; i++)
				f[i] = (float)next_value(t, tone_wall(t, start, t->done + i));
			t->frame->pts = t->done;
			if (avcodec_send_frame(t->encoder, t->frame) >= 0)
				while (avcodec_receive_packet(t->encoder, packet) >= 0) {
					tone_write(t, start, packet->pts, packet->data, (size_t)packet->size);
					av_packet_unref(packet);
				}
		} else {
			uint8_t octets[160];
			for (int i = 0; i < t->size; i++)
				octets[i] =
				    pt_g711_mu_law((int16_t)(32767 * next_value(t, tone_wall(t, start, t->done + i))));
			tone_write(t, start, t->done, octets, (size_t)t->size);
		}
		t->done += t->size;
	}
}

void pt_job_clock(const PtCodecJobParams *p) {
	if (p->width < 160 || p->height < 90 || p->width > 4096 || p->height > 4096 || p->width % 2 || p->height % 2 ||
	    p->fps < 1 || p->fps > 60)
		pt_io_fail(PT_ERROR_INVALID,
		           "test picture: %ux%u at %u is not between 160x90 and 4096x4096, even, at 1 to 60 a second",
		           p->width, p->height, p->fps);
	PtClock *clock = pt_clock_system();
	unsigned gop = MAX(1, (p->fps * CLAMP(p->gop_ms ? p->gop_ms : 2000, 10, 600000) + 500) / 1000);
	AVCodecContext *encoder = pt_open_x264(p->width, p->height, p->fps, gop, p->bitrate, true, AVCOL_RANGE_MPEG);
	PtFormat *format = pt_x264_format(encoder);
	PtPicture *picture = pt_picture_new(p->width, p->height);
	AVFrame *frame = av_frame_alloc();
	AVPacket *packet = av_packet_alloc();
	frame->format = AV_PIX_FMT_YUV420P;
	frame->width = p->width;
	frame->height = p->height;
	if (av_frame_get_buffer(frame, 0) < 0)
		pt_io_fail(PT_ERROR_FAILED, "out of memory");
	Tone tone = {0};
	if (p->with_audio)
		tone_open(&tone, p->audio);
	int64_t start = pt_mono_ns(clock);
	for (int64_t n = 0;;) {
		pt_io_sleep_until(start + n * PT_NS_PER_S / p->fps);
		int64_t wall = pt_wall_ns(clock), now = pt_mono_ns(clock);
		/* kept back by a slow reader or a busy machine: go on with the picture of now, never late ones in a burst */
		n = MAX(n, (now - start) * p->fps / PT_NS_PER_S);
		av_frame_make_writable(frame);
		pt_picture_draw(picture, wall, n, frame->data, frame->linesize);
		pt_text_draw(pt_io_texts(), wall, p->width, p->height, frame->data, frame->linesize);
		frame->pts = n * 90000 / p->fps;
		frame->pict_type = pt_io_key_wanted() ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
		if (avcodec_send_frame(encoder, frame) >= 0)
			while (avcodec_receive_packet(encoder, packet) >= 0) {
				PtSample *s = pt_x264_sample(packet, format);
				s->track = VIDEO_TRACK;
				s->wall_ns = wall;
				pt_io_write_sample(s);
				pt_sample_unref(s);
				av_packet_unref(packet);
			}
		tone.wall_ahead = wall - now;
		if (p->with_audio)
			tone_run(&tone, packet, start, now);
		n++;
	}
}
