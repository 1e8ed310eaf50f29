/* A client of ONVIF's replay (ONVIF Streaming Specification, Playback): one track, over TCP, so that whoever takes it slowly
 * makes the camera send it slowly. What is live and what is recorded have their dialog and their depacketisers in common;
 * times are the camera's here, never those of arrival. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fetch.h"
#include "base/error.h"
#include "media/rtp/accept.h"
#include "media/rtp/depack.h"
#include "media/rtp/replay-time.h"
#include "media/rtp/rtcp.h"
#include "media/rtp/timeline.h"
#include "media/rtsp/errand.h"
#include "media/rtsp/range.h"
#include <string.h>

#define TICK_NS (PT_NS_PER_S / 4)
#define QUIET_NS (2 * PT_NS_PER_S)    /* after the last that was to come: the end, though nothing says so */
#define LULL_NS (5 * PT_NS_PER_S)     /* after bit E: behind it may come more */
#define SILENCE_NS (10 * PT_NS_PER_S) /* before that: it has broken off */
#define SELDOM_NS (60 * PT_NS_PER_S)  /* the same where little comes, or in real time */
#define NEAR_NS PT_NS_PER_S           /* of the span's end */

struct PtFetch {
	PtFetchParams params;

	/* loop's thread only */
	PtRtspErrand errand;
	bool playing;
	bool whole_ms, paced; /* how PLAY is put: cameras that do not take it otherwise */
	PtRtpAccept accept;
	PtDepack *depack;
	PtReplayTime time;
	PtDts dts;
	int64_t last_dts;
	int64_t heard_at;   /* the last packet, or the answer to PLAY */
	int64_t limit_ns;   /* the end of what is to come, as far as is known */
	int64_t reached_ns; /* of the last sample */
	int64_t reached_ticks;
	PtFetchFlags reached;
	bool enough; /* whoever takes the samples, or the span */

	PtFetchStats stats; /* under the errand's lock */
};

#define FETCH_OF(ptr, member) ((PtFetch *)((char *)(ptr)-offsetof(PtFetch, member)))

static int64_t now(const PtFetch *f) { return pt_loop_mono_ns(f->errand.loop); }

/* ---- the end ---- */

static void drop(PtRtspErrand *e) {
	PtFetch *f = FETCH_OF(e, errand);
	g_clear_pointer(&f->depack, pt_depack_free);
	f->accept = (PtRtpAccept){0};
	f->playing = false;
}

static char *clock_text(int64_t ns) {
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(ns / PT_NS_PER_S);
	return t ? g_date_time_format(t, "%Y-%m-%d %H:%M:%SZ") : g_strdup("?");
}

static GError *nothing_there(const PtFetch *f, unsigned status) {
	bool open = f->params.to_ns == INT64_MAX;
	g_autofree char *from = clock_text(f->params.from_ns), *to = open ? g_strdup("now") : clock_text(f->params.to_ns);
	g_autofree char *number = status ? g_strdup_printf("%u ", status) : g_strdup("");
	return g_error_new(PT_ERROR, PT_ERROR_NOT_FOUND, "%scamera %s has nothing recorded between %s and %s", number,
	                   f->errand.dialog.camera, from, to);
}

/* All that came, and that may be nothing. */
static void end_well(PtFetch *f) {
	GError *error = NULL;
	if (!f->stats.samples && f->accept.packets && !f->enough)
		pt_error_set(&error, FAILED,
		             "camera %s sent packets, but no whole frame (are parameter sets or key pictures missing?)",
		             f->errand.dialog.camera);
	else if (!f->stats.samples)
		error = nothing_there(f, 0);
	pt_rtsp_errand_end(&f->errand, error);
}

/* The camera says, by words or by silence, that nothing more comes. */
static void finish(PtFetch *f) {
	if (f->depack && f->depack->ops->flush && !f->enough)
		f->depack->ops->flush(f->depack);
	end_well(f);
}

static bool is_near_end(const PtFetch *f) {
	return f->stats.samples && (f->reached.terminal || f->reached_ns >= f->limit_ns - NEAR_NS);
}

/* Nothing says when all has come: what has come does. */
static bool has_all(const PtFetch *f) { return is_near_end(f) || (f->stats.samples && f->reached.end); }

static void lost(PtRtspDialog *d, PtErrorCode code, const char *reason) {
	PtFetch *f = FETCH_OF(d, errand.dialog);
	if (f->playing && code == PT_ERROR_CLOSED && has_all(f))
		finish(f);
	else
		pt_rtsp_errand_end(&f->errand, g_error_new_literal(PT_ERROR, (gint)code, reason));
}

static void torn_down(PtRtspDialog *d) {
	PtFetch *f = FETCH_OF(d, errand.dialog);
	if (f->playing)
		pt_rtsp_dialog_lose(d, PT_ERROR_CLOSED, "camera %s ended the session", d->camera);
}

static void on_tick(PtTimer *timer) {
	PtFetch *f = FETCH_OF(timer, errand.tick);
	int64_t silence = now(f) - f->heard_at;
	bool seldom = f->params.kind == PT_KIND_METADATA || !f->stats.scaled;
	pt_timer_set_in(f->errand.loop, &f->errand.tick, TICK_NS);
	if (silence >= (is_near_end(f) ? QUIET_NS : LULL_NS) && has_all(f)) {
		finish(f);
	} else if (silence >= (seldom ? SELDOM_NS : SILENCE_NS)) {
		g_autofree char *where = f->stats.samples ? clock_text(f->reached_ns) : g_strdup("the beginning");
		pt_rtsp_dialog_lose(&f->errand.dialog, PT_ERROR_TIMEOUT, "camera %s stopped sending what it recorded at %s",
		                    f->errand.dialog.camera, where);
	} else {
		pt_rtsp_dialog_keep_alive(&f->errand.dialog);
	}
}

/* ---- what comes ---- */

static int64_t to_ns(const PtFetch *f, int64_t ticks) {
	int64_t rate = f->time.rate;
	return ticks / rate * PT_NS_PER_S + ticks % rate * PT_NS_PER_S / rate;
}

static void on_sample(PtDepack *d, PtSample *s) {
	PtFetch *f = d->user;
	PtFetchFlags flags;
	int64_t dts = pt_dts_next(&f->dts, s->pts, s->format->reorder, f->time.rate / 25);
	s->dts = MAX(dts, f->last_dts + 1);
	s->wall_ns = pt_replay_time_of(&f->time, s->pts, &flags);
	s->pts = MAX(s->pts, s->dts); /* a camera whose clock runs back a little: files cannot hold that */
	/* in decoding order nothing that comes later is shown before it */
	if (s->wall_ns - to_ns(f, MAX(s->pts - s->dts, 0)) >= f->params.to_ns)
		f->enough = true;
	if (!f->enough) {
		f->last_dts = s->dts;
		f->reached_ticks = s->pts;
		f->reached_ns = s->wall_ns;
		f->reached = flags;
		g_mutex_lock(&f->errand.lock);
		f->stats.samples++;
		f->stats.bytes += s->size;
		f->stats.packets = f->accept.packets;
		f->stats.lost = f->accept.lost;
		f->stats.told_times = f->time.told;
		g_mutex_unlock(&f->errand.lock);
		f->enough = !f->params.sample(f->params.user_data, s, &flags);
	}
	pt_sample_unref(s);
}

static void take_packet(PtFetch *f, const uint8_t *data, size_t n) {
	PtRtpPacket p;
	bool other, restart;
	if (!pt_rtp_parse(data, n, &p) || !pt_rtp_accept_sender(&f->accept, &p, &other) ||
	    !pt_rtp_accept_next(&f->accept, &p, &restart))
		return;
	if (other || restart)
		f->depack->broken = true;
	if (pt_replay_time_packet(&f->time, &p))
		f->dts = (PtDts){0};
	f->depack->ops->packet(f->depack, &p);
	if (f->enough)
		end_well(f);
	else if (f->time.mark.flags.terminal && f->stats.samples && f->reached_ticks >= f->time.mark.ticks)
		finish(f);
}

static void on_frame(PtRtspDialog *d, uint8_t channel, const uint8_t *data, size_t n) {
	PtFetch *f = FETCH_OF(d, errand.dialog);
	PtRtcpInfo info;
	if (!f->depack || pt_rtsp_errand_ends(&f->errand))
		return;
	if (channel == f->errand.rtp) {
		f->heard_at = now(f);
		take_packet(f, data, n);
	} else if (channel == f->errand.rtcp && pt_rtcp_parse(data, n, &info) && info.bye && f->playing &&
	           (!f->accept.has_ssrc || info.ssrc == f->accept.ssrc)) {
		finish(f);
	}
}

/* ---- what is asked ---- */

static const char *const kinds[] = {"video", "audio", "metadata"};

static void described(PtRtspDialog *d) {
	PtFetch *f = FETCH_OF(d, errand.dialog);
	const PtSdpMedia *unknown = NULL;
	for (unsigned i = 0; i < d->sdp->n_media && !f->errand.media; i++) {
		const PtSdpMedia *m = &d->sdp->media[i];
		if (m->known && !m->backchannel && pt_codec_kind(m->codec) == f->params.kind)
			f->errand.media = m;
		else if (!m->known && !strcmp(m->kind, kinds[f->params.kind]))
			unknown = m;
	}
	if (f->errand.media) {
		pt_rtsp_errand_set_up(&f->errand, "onvif-replay");
	} else if (unknown) {
		pt_rtsp_dialog_lose(d, PT_ERROR_UNSUPPORTED,
		                    "camera %s recorded %s in a codec that pigtail does not know (%s)", d->camera,
		                    unknown->kind, unknown->encoding);
	} else {
		pt_rtsp_dialog_lose(d, PT_ERROR_NOT_FOUND, "camera %s has no %s in this recording", d->camera,
		                    kinds[f->params.kind]);
	}
}

/* Some read no more than milliseconds. */
static char *clock_of(const PtFetch *f, int64_t ns, bool up) {
	char *text = pt_rtsp_clock_format(MAX(ns, 0) + (f->whole_ms && up ? PT_NS_PER_MS - 1 : 0));
	if (f->whole_ms)
		strcpy(text + strlen(text) - strlen("000Z"), "Z");
	return text;
}

static void play(PtFetch *f) {
	g_autofree char *from = clock_of(f, f->params.from_ns, false);
	g_autofree char *to = f->params.to_ns == INT64_MAX ? g_strdup("") : clock_of(f, f->params.to_ns, true);
	PtBuf headers = {0};
	pt_rtsp_write_header(&headers, "Require", "onvif-replay");
	pt_rtsp_write_header(&headers, "Range", "clock=%s-%s", from, to);
	if (!f->paced) {
		pt_rtsp_write_header(&headers, "Rate-Control", "no");
		pt_rtsp_write_header(&headers, "Immediate", "yes");
	}
	pt_rtsp_dialog_ask(&f->errand.dialog, PT_RTSP_PLAY, f->errand.dialog.sdp->control, &headers);
	pt_buf_clear(&headers);
}

static void on_setup(PtFetch *f, const PtRtspMessage *m) {
	const PtSdpMedia *media = f->errand.media;
	PtRtspTransport answer;
	if (!pt_rtsp_errand_is_set_up(&f->errand, m, &answer))
		return;
	PtDepackParams params = {media->clock_rate, media->channels, media->fmtp, media->encoding};
	f->accept.payload_type = (uint8_t)media->payload_type;
	f->accept.has_ssrc = answer.has_ssrc && answer.ssrc; /* some state 0 and mean nothing by it */
	f->accept.ssrc = answer.ssrc;
	f->depack = pt_depack_new(media->codec, &params, on_sample, f);
	pt_replay_time_init(&f->time, media->clock_rate, f->params.from_ns);
	f->last_dts = INT64_MIN;
	f->limit_ns = f->params.to_ns;
	f->dts = (PtDts){0};
	play(f);
}

/* Where it really begins and ends, when it says so. */
static void on_playing(PtFetch *f, const PtRtspMessage *m) {
	const char *range = pt_rtsp_message_get(m, "Range"), *control = pt_rtsp_message_get(m, "Rate-Control");
	PtRtspRange span;
	f->playing = true;
	f->heard_at = now(f);
	f->limit_ns = f->params.to_ns;
	if (range && pt_rtsp_range_parse(range, &span) && span.clock) {
		if (span.has_to && span.to_ns > f->params.from_ns)
			f->limit_ns = MIN(f->limit_ns, span.to_ns);
		if (span.has_from && !f->time.started)
			f->time.near_ns = span.from_ns;
	}
	g_mutex_lock(&f->errand.lock);
	f->stats.scaled = !f->paced && (!control || g_ascii_strcasecmp(control, "yes"));
	g_mutex_unlock(&f->errand.lock);
	pt_timer_set_in(f->errand.loop, &f->errand.tick, TICK_NS);
}

/* A range in another form, or without wishes about the pace, may please it. */
static void on_play_refused(PtFetch *f, const PtRtspMessage *m) {
	static const unsigned form[] = {400, 451, 456, 457, 501, 551};
	g_autofree char *path = pt_rtsp_dialog_path(&f->errand.dialog);
	bool about_form = false;
	for (size_t i = 0; i < G_N_ELEMENTS(form); i++)
		about_form |= m->status == form[i];
	if (about_form && !f->whole_ms) {
		f->whole_ms = true;
		play(f);
	} else if (m->status == 457) {
		pt_rtsp_errand_end(&f->errand, nothing_there(f, 457));
	} else if (about_form && !f->paced) {
		f->paced = true;
		play(f);
	} else if (about_form) {
		pt_rtsp_dialog_lose(&f->errand.dialog, PT_ERROR_UNSUPPORTED,
		                    "%u camera %s does not replay %s from a time of day on: it refused PLAY (%s)", m->status,
		                    f->errand.dialog.camera, path, *m->reason ? m->reason : pt_rtsp_reason(m->status));
	} else {
		pt_rtsp_dialog_refused(&f->errand.dialog, PT_RTSP_PLAY, m);
	}
}

static void replied(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *m) {
	PtFetch *f = FETCH_OF(d, errand.dialog);
	bool good = m->status >= 200 && m->status < 300;
	if (good && step == PT_RTSP_SETUP)
		on_setup(f, m);
	else if (good)
		on_playing(f, m);
	else if (step == PT_RTSP_PLAY)
		on_play_refused(f, m);
	else if (m->status == 551)
		pt_rtsp_dialog_lose(d, PT_ERROR_UNSUPPORTED,
		                    "551 camera %s does not know ONVIF's replay (it refused Require: onvif-replay)",
		                    d->camera);
	else
		pt_rtsp_dialog_refused(d, step, m);
}

static const PtRtspDialogOps ops = {
    described, replied, on_frame, pt_rtsp_errand_expects, torn_down, pt_rtsp_errand_sent_on, lost, pt_rtsp_errand_left};

/* ---- life ---- */

PtFetch *pt_fetch_start(const PtFetchParams *p) {
	PtFetch *f = g_new0(PtFetch, 1);
	f->params = *p;
	f->params.camera = f->params.location = f->params.user = f->params.password = NULL; /* the dialog has them */
	f->paced = p->real_time;
	f->errand.tick.due = on_tick;
	pt_rtsp_errand_start(&f->errand, &(PtRtspErrandParams){.loop = p->loop,
	                                                       .ops = &ops,
	                                                       .camera = p->camera,
	                                                       .location = p->location,
	                                                       .user = p->user,
	                                                       .password = p->password,
	                                                       .trust = &p->trust,
	                                                       .rate = p->rate ? MAX(p->rate / 8, 1) : 0,
	                                                       .drop = drop,
	                                                       .done = p->done,
	                                                       .user_data = p->user_data,
	                                                       .what = ": its recording"});
	return f;
}

void pt_fetch_get_stats(PtFetch *f, PtFetchStats *ret) {
	g_mutex_lock(&f->errand.lock);
	*ret = f->stats;
	g_mutex_unlock(&f->errand.lock);
}

void pt_fetch_free(PtFetch *f) {
	if (!f)
		return;
	pt_rtsp_errand_finish(&f->errand);
	g_free(f);
}
