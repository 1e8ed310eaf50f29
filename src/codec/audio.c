/* Sound in, AAC LC or Opus out at 48 kHz, or L16 at 8 kHz for loudspeakers, with the times it came with: a hole in the input
 * is a hole in the output. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include "base/clock.h"
#include <libavutil/audio_fifo.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

typedef struct {
	const PtCodecJobParams *params;
	AVCodecContext *decoder, *encoder;
	int rate; /* of what comes out */
	PtFormat *in_format, *out_format;
	SwrContext *swr;
	int swr_format, swr_rate, swr_channels; /* what it was made for */
	AVAudioFifo *fifo;
	AVPacket *packet;
	AVFrame *in, *out;
	int64_t next_pts;    /* of the first sample in the fifo, at rate */
	int64_t wall_of_pts; /* wall time that pts 0 would have */
	bool anchored;
	uint8_t track;
} Audio;

static void drain_encoder(Audio *a) {
	while (avcodec_receive_packet(a->encoder, a->packet) >= 0) {
		PtSample *s = pt_sample_new((size_t)a->packet->size);
		memcpy(pt_sample_grow(&s, (size_t)a->packet->size), a->packet->data, (size_t)a->packet->size);
		s->track = a->track;
		s->key = true;
		s->pts = s->dts = a->packet->pts;
		s->wall_ns = a->wall_of_pts ? a->wall_of_pts + av_rescale(s->pts, PT_NS_PER_S, a->rate) : 0;
		s->format = pt_format_ref(a->out_format);
		pt_io_write_sample(s);
		pt_sample_unref(s);
		av_packet_unref(a->packet);
	}
}

/* Encodes whole frames; at the end of a stretch also the rest, filled up with silence. */
static void encode(Audio *a, bool rest) {
	int size = a->encoder->frame_size ? a->encoder->frame_size : a->rate / 50;
	while (av_audio_fifo_size(a->fifo) >= size || (rest && av_audio_fifo_size(a->fifo) > 0)) {
		av_frame_unref(a->out);
		a->out->format = a->encoder->sample_fmt;
		a->out->nb_samples = size;
		a->out->sample_rate = a->rate;
		av_channel_layout_copy(&a->out->ch_layout, &a->encoder->ch_layout);
		if (av_frame_get_buffer(a->out, 0) < 0)
			pt_io_fail(PT_ERROR_FAILED, "out of memory");
		int n = av_audio_fifo_read(a->fifo, (void **)a->out->extended_data, size);
		if (n < size)
			av_samples_set_silence(a->out->extended_data, n, size - n, a->out->ch_layout.nb_channels,
			                       a->out->format);
		a->out->pts = a->next_pts;
		a->next_pts += size;
		if (avcodec_send_frame(a->encoder, a->out) >= 0)
			drain_encoder(a);
	}
}

static void open_encoder(Audio *a, int channels) {
	a->encoder = pt_open_audio_encoder(a->params->audio, a->rate, channels, a->params->bitrate);
	a->out_format = pt_audio_format(a->encoder, a->params->audio);
	a->fifo = av_audio_fifo_alloc(a->encoder->sample_fmt, channels, a->rate);
	if (!a->fifo)
		pt_io_fail(PT_ERROR_FAILED, "out of memory");
}

static void take_frame(Audio *a) {
	if (a->in->sample_rate <= 0 || a->in->ch_layout.nb_channels < 1)
		return;
	if (!a->encoder)
		open_encoder(a, a->params->audio == PT_CODEC_L16 ? 1 : MIN(a->in->ch_layout.nb_channels, 2));
	if (a->swr && (a->swr_format != a->in->format || a->swr_rate != a->in->sample_rate ||
	               a->swr_channels != a->in->ch_layout.nb_channels))
		swr_free(&a->swr);
	if (!a->swr) {
		a->swr_format = a->in->format;
		a->swr_rate = a->in->sample_rate;
		a->swr_channels = a->in->ch_layout.nb_channels;
		if (swr_alloc_set_opts2(&a->swr, &a->encoder->ch_layout, a->encoder->sample_fmt, a->rate, &a->in->ch_layout,
		                        a->in->format, a->in->sample_rate, 0, NULL) < 0 ||
		    swr_init(a->swr) < 0)
			pt_io_fail(PT_ERROR_UNSUPPORTED, "this sound cannot be resampled");
	}
	if (a->in->pts != AV_NOPTS_VALUE) {
		int64_t pts = av_rescale(a->in->pts, a->rate, a->in_format->timescale);
		int64_t expected = a->next_pts + av_audio_fifo_size(a->fifo) + swr_get_delay(a->swr, a->rate);
		int64_t most = a->rate / 5; /* that the clocks may disagree before it counts as a hole */
		if (!a->anchored || pts - expected > most || expected - pts > most) {
			if (a->anchored)
				encode(a, true);
			a->next_pts = a->anchored ? MAX(pts, a->next_pts) : pts;
			a->anchored = true;
		}
	}
	int room = swr_get_out_samples(a->swr, a->in->nb_samples);
	uint8_t *planes[AV_NUM_DATA_POINTERS] = {0};
	if (room <= 0 ||
	    av_samples_alloc(planes, NULL, a->encoder->ch_layout.nb_channels, room, a->encoder->sample_fmt, 0) < 0)
		return;
	int n = swr_convert(a->swr, planes, room, (const uint8_t **)a->in->extended_data, a->in->nb_samples);
	if (n > 0)
		av_audio_fifo_write(a->fifo, (void **)planes, n);
	av_freep(&planes[0]);
	encode(a, false);
}

static void drain_decoder(Audio *a) {
	while (avcodec_receive_frame(a->decoder, a->in) >= 0) {
		take_frame(a);
		av_frame_unref(a->in);
	}
}

static void take_format(Audio *a, PtFormat *format) {
	if (a->in_format == format)
		return;
	if (pt_codec_kind(format->codec) != PT_KIND_AUDIO)
		pt_io_fail(PT_ERROR_INVALID, "%s is not sound", pt_codec_name(format->codec));
	avcodec_free_context(&a->decoder);
	swr_free(&a->swr);
	pt_format_unref(a->in_format);
	a->in_format = pt_format_ref(format);
	a->decoder = pt_open_decoder(format, 1);
}

void pt_job_audio(const PtCodecJobParams *params) {
	Audio a = {.params = params,
	           .rate = params->audio == PT_CODEC_L16 ? 8000 : 48000,
	           .packet = av_packet_alloc(),
	           .in = av_frame_alloc(),
	           .out = av_frame_alloc()};
	PtSample *s;
	while ((s = pt_io_next_sample())) {
		take_format(&a, s->format);
		a.track = s->track;
		if (s->wall_ns)
			a.wall_of_pts = s->wall_ns - av_rescale(s->pts, PT_NS_PER_S, s->format->timescale);
		pt_decode_send(a.decoder, a.packet, s);
		drain_decoder(&a);
		pt_sample_unref(s);
	}
	if (a.encoder) {
		encode(&a, true);
		avcodec_send_frame(a.encoder, NULL);
		drain_encoder(&a);
	}
}
