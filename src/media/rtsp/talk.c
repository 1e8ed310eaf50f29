/* SPDX-License-Identifier: Apache-2.0 */
#include "media/talk.h"
#include "base/clock.h"
#include "media/g711.h"
#include "media/rtp/pack.h"
#include "media/rtp/rtcp.h"
#include "media/rtsp/errand.h"
#include <string.h>

#define FEATURE "www.onvif.org/ver20/backchannel"
#define PACKET (PT_TALK_RATE / 50) /* samples: 20 ms, RFC 3551's own */
#define PACKET_NS (PT_NS_PER_S / 50)
#define LATE_NS (5 * PACKET_NS)        /* what we are behind is made up for; beyond, what is left comes later */
#define TAIL_NS (300 * PT_NS_PER_MS)   /* for what the camera holds back before it is heard */
#define REPORT_NS (5 * PT_NS_PER_S)    /* between sender reports */
#define WAITING_MAX (PT_TALK_RATE * 2) /* bytes that wait for the camera to take them */

struct PtTalk {
	PtTalkParams params;

	/* loop's thread only */
	PtRtspErrand errand;
	PtFormat *format;
	PtRtpPacker packer;
	size_t said, n; /* samples */
	uint32_t packets;
	int64_t begun_at, reported_at; /* monotonic; begun_at: when the first sample was due */
};

#define TALK_OF(ptr, member) ((PtTalk *)((char *)(ptr)-offsetof(PtTalk, member)))

static int64_t now(const PtTalk *t) { return pt_loop_mono_ns(t->errand.loop); }

static void drop(PtRtspErrand *e) {
	PtTalk *t = TALK_OF(e, errand);
	g_clear_pointer(&t->format, pt_format_unref);
}

static void lost(PtRtspDialog *d, PtErrorCode code, const char *reason) {
	pt_rtsp_errand_end(&TALK_OF(d, errand.dialog)->errand, g_error_new_literal(PT_ERROR, (gint)code, reason));
}

static void torn_down(PtRtspDialog *d) {
	pt_rtsp_dialog_lose(d, PT_ERROR_CLOSED, "camera %s ended the session before all was said", d->camera);
}

/* ---- what is said ---- */

static void send_block(PtTalk *t, PtRtpBlock *b, int channel) {
	PtRtpBlock *own = pt_rtp_block_with_channel(b, (uint8_t)channel);
	pt_rtsp_connection_send(&t->errand.dialog.connection, own->data.data, own->data.size);
	pt_rtp_block_unref(own);
	pt_rtp_block_unref(b);
}

/* RFC 3550 §6.4 */
static void send_report(PtTalk *t) {
	uint8_t packet[PT_RTCP_MAX];
	uint32_t rtp = (uint32_t)((now(t) - t->begun_at) * PT_TALK_RATE / PT_NS_PER_S) + t->packer.time_offset;
	size_t n = pt_rtcp_write_sender(packet, t->packer.ssrc, pt_loop_wall_ns(t->errand.loop), rtp, t->packets,
	                                (uint32_t)t->said);
	send_block(t, pt_rtp_block_new_raw((uint8_t)t->errand.rtcp, packet, n), t->errand.rtcp);
	t->reported_at = now(t);
}

static void send_packet(PtTalk *t) {
	const int16_t *sound = g_bytes_get_data(t->params.sound, NULL);
	size_t n = MIN(t->n - t->said, PACKET);
	PtSample *s = pt_sample_new(n);
	uint8_t *to = pt_sample_grow(&s, n);
	for (size_t i = 0; i < n; i++)
		to[i] = t->format->codec == PT_CODEC_PCMU ? pt_g711_mu_law(sound[t->said + i])
		                                          : pt_g711_a_law(sound[t->said + i]);
	s->key = true;
	s->pts = s->dts = (int64_t)t->said;
	s->format = pt_format_ref(t->format);
	send_block(t, pt_rtp_pack(&t->packer, s), t->errand.rtp);
	pt_sample_unref(s);
	t->said += n;
	t->packets++;
}

static int64_t due_at(const PtTalk *t) { return t->begun_at + (int64_t)t->said * PT_NS_PER_S / PT_TALK_RATE; }

static void on_tick(PtTimer *timer) {
	PtTalk *t = TALK_OF(timer, errand.tick);
	if (t->said == t->n) {
		pt_rtsp_errand_end(&t->errand, NULL);
		return;
	}
	if (now(t) - due_at(t) > LATE_NS) /* all at once would be more than its buffer holds */
		t->begun_at += now(t) - due_at(t);
	while (t->said < t->n && due_at(t) <= now(t))
		send_packet(t);
	if (now(t) - t->reported_at >= REPORT_NS)
		send_report(t);
	pt_rtsp_dialog_keep_alive(&t->errand.dialog);
	if (pt_rtsp_connection_waiting(&t->errand.dialog.connection) > WAITING_MAX) {
		pt_rtsp_dialog_lose(&t->errand.dialog, PT_ERROR_TIMEOUT,
		                    "camera %s does not take the sound as fast as it is heard", t->errand.dialog.camera);
		return;
	}
	pt_timer_set_at(t->errand.loop, &t->errand.tick, due_at(t) + (t->said < t->n ? 0 : TAIL_NS));
}

/* What comes back are its reports. */
static void on_frame(PtRtspDialog *d, uint8_t channel, const uint8_t *data, size_t n) {}

/* ---- what is asked ---- */

static bool is_spoken(const PtSdpMedia *m) {
	return m->known && (m->codec == PT_CODEC_PCMU || m->codec == PT_CODEC_PCMA) && m->clock_rate == PT_TALK_RATE &&
	       m->channels <= 1;
}

static void described(PtRtspDialog *d) {
	PtTalk *t = TALK_OF(d, errand.dialog);
	const PtSdpMedia *other = NULL;
	for (unsigned i = 0; i < d->sdp->n_media && !t->errand.media; i++) {
		const PtSdpMedia *m = &d->sdp->media[i];
		if (m->backchannel && is_spoken(m))
			t->errand.media = m;
		else if (m->backchannel)
			other = m;
	}
	if (t->errand.media) {
		pt_rtsp_errand_set_up(&t->errand, NULL);
	} else if (other) {
		pt_rtsp_dialog_lose(d, PT_ERROR_UNSUPPORTED,
		                    "camera %s takes sound as %s at %u Hz alone, and pigtail talks G.711 at %d Hz",
		                    d->camera, other->encoding, other->clock_rate, PT_TALK_RATE);
	} else {
		pt_rtsp_dialog_lose(d, PT_ERROR_NOT_FOUND,
		                    "camera %s cannot be talked to: it offers no back channel (a=sendonly) for its speaker",
		                    d->camera);
	}
}

static void on_setup(PtTalk *t, const PtRtspMessage *m) {
	PtRtspTransport answer;
	if (!pt_rtsp_errand_is_set_up(&t->errand, m, &answer))
		return;
	t->format = pt_format_new(
	    &(PtFormat){
	        .codec = t->errand.media->codec, .timescale = PT_TALK_RATE, .sample_rate = PT_TALK_RATE, .channels = 1},
	    NULL, 0);
	pt_rtp_packer_init(&t->packer, t->format, 0);
	t->packer.payload_type = (uint8_t)t->errand.media->payload_type;
	pt_rtsp_dialog_ask(&t->errand.dialog, PT_RTSP_PLAY, t->errand.dialog.sdp->control, NULL);
}

static void on_playing(PtTalk *t) {
	t->begun_at = now(t);
	send_report(t);
	pt_timer_set_at(t->errand.loop, &t->errand.tick, t->begun_at);
	t->params.started(t->params.user_data);
}

static void replied(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *m) {
	PtTalk *t = TALK_OF(d, errand.dialog);
	bool good = m->status >= 200 && m->status < 300;
	if (good && step == PT_RTSP_SETUP)
		on_setup(t, m);
	else if (good)
		on_playing(t);
	else if (m->status == 403)
		pt_rtsp_dialog_lose(d, PT_ERROR_AUTH, "403 camera %s does not allow this login to talk", d->camera);
	else if (m->status == 453 || m->status == 503)
		pt_rtsp_dialog_lose(d, PT_ERROR_BUSY, "%u camera %s has no room: somebody else may be talking", m->status,
		                    d->camera);
	else
		pt_rtsp_dialog_refused(d, step, m);
}

static const PtRtspDialogOps ops = {
    described, replied, on_frame, pt_rtsp_errand_expects, torn_down, pt_rtsp_errand_sent_on, lost, pt_rtsp_errand_left};

/* ---- life ---- */

PtTalk *pt_talk_start(const PtTalkParams *p) {
	PtTalk *t = g_new0(PtTalk, 1);
	t->params = *p;
	t->params.camera = t->params.location = t->params.user = t->params.password = NULL; /* the dialog has them */
	t->params.sound = g_bytes_ref(p->sound);
	t->n = g_bytes_get_size(p->sound) / sizeof(int16_t);
	t->errand.tick.due = on_tick;
	pt_rtsp_errand_start(&t->errand, &(PtRtspErrandParams){.loop = p->loop,
	                                                       .ops = &ops,
	                                                       .camera = p->camera,
	                                                       .location = p->location,
	                                                       .user = p->user,
	                                                       .password = p->password,
	                                                       .trust = &p->trust,
	                                                       .require = FEATURE,
	                                                       .drop = drop,
	                                                       .done = p->done,
	                                                       .user_data = p->user_data,
	                                                       .what = ""});
	return t;
}

void pt_talk_free(PtTalk *t) {
	if (!t)
		return;
	pt_rtsp_errand_finish(&t->errand);
	g_bytes_unref(t->params.sound);
	g_free(t);
}
