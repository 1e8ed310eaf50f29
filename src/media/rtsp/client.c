/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/client.h"
#include "media/rtsp/client-session.h"
#include <string.h>

#define REPORT_NS (5 * PT_NS_PER_S)
#define GOOD_NS (30 * PT_NS_PER_S) /* streaming so long makes up for earlier failures */
#define BACKOFF_MIN_NS PT_NS_PER_S
#define BACKOFF_MAX_NS (30 * PT_NS_PER_S)

void pt_rtsp_client_set_state(Client *c, PtStreamState state, const char *reason) {
	pt_stream_set_state(c->stream, state, reason, pt_loop_wall_ns(c->loop));
}

/* ---- one attempt after the other ---- */

static void drop_session(Client *c) {
	pt_rtsp_dialog_close(&c->dialog);
	pt_rtsp_tracks_drop(c);
	c->live = false;
	pt_timer_cancel(&c->again);
	pt_timer_cancel(&c->tick);
}

void pt_rtsp_client_try_again(Client *c, int64_t wait_ns) {
	drop_session(c);
	c->state = WAITING;
	pt_timer_set_in(c->loop, &c->again, wait_ns);
}

static void lost(PtRtspDialog *d, PtErrorCode code, const char *reason) {
	Client *c = CLIENT_OF(d, dialog);
	if (c->state == STREAMING && c->live && now(c) - c->played_at > GOOD_NS)
		c->backoff = BACKOFF_MIN_NS;
	int64_t wait = (int64_t)((double)c->backoff * g_random_double_range(0.75, 1.25));
	c->backoff = MIN(c->backoff * 2, BACKOFF_MAX_NS);
	pt_rtsp_client_set_state(c, PT_STREAM_LOST, reason);
	pt_rtsp_client_try_again(c, wait);
}

static void start_attempt(Client *c) {
	bool known = c->sent_on || pt_rtsp_dialog_go_home(&c->dialog);
	c->state = CONNECTING;
	if (!known)
		pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_INVALID, "camera %s: the source is no rtsp://HOST/PATH",
		                    c->dialog.camera);
	else if (c->dialog.at.tls && c->want_udp && !c->sent_on)
		pt_rtsp_dialog_lose(
		    &c->dialog, PT_ERROR_UNSUPPORTED,
		    "camera %s: over UDP its pictures would not be encrypted: rtsps:// goes with transport tcp",
		    c->dialog.camera);
	else
		pt_rtsp_dialog_open(&c->dialog);
	c->sent_on = false;
}

static void on_again(PtTimer *timer) { start_attempt(CLIENT_OF(timer, again)); }

static void sent_on(PtRtspDialog *d) {
	Client *c = CLIENT_OF(d, dialog);
	c->sent_on = true;
	pt_rtsp_client_try_again(c, 0);
}

/* ---- what the server says ---- */

static void on_tick(PtTimer *timer);

static void on_playing(Client *c) {
	c->state = STREAMING;
	c->played_at = c->packet_at = c->sample_at = now(c);
	c->reported_at = now(c) - REPORT_NS + PT_NS_PER_S;
	c->packets_seen = c->samples_seen = 0;
	c->own_ssrc = g_random_int();
	c->tick.due = on_tick;
	pt_timer_set_in(c->loop, &c->tick, PT_NS_PER_S);
}

static void described(PtRtspDialog *d) {
	Client *c = CLIENT_OF(d, dialog);
	if (pt_rtsp_tracks_choose(c))
		pt_rtsp_tracks_set_up_next(c);
}

static void replied(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *m) {
	Client *c = CLIENT_OF(d, dialog);
	bool good = m->status >= 200 && m->status < 300;
	if (step == PT_RTSP_SETUP && good)
		pt_rtsp_tracks_on_setup(c, m);
	else if (step == PT_RTSP_SETUP)
		pt_rtsp_tracks_on_setup_refused(c, m);
	else if (good)
		on_playing(c);
	else
		pt_rtsp_dialog_refused(d, step, m);
}

static void torn_down(PtRtspDialog *d) {
	if (CLIENT_OF(d, dialog)->state == STREAMING)
		pt_rtsp_dialog_lose(d, PT_ERROR_CLOSED, "camera %s ended the session", d->camera);
}

static void on_frame(PtRtspDialog *d, uint8_t channel, const uint8_t *data, size_t n) {
	pt_rtsp_tracks_on_frame(CLIENT_OF(d, dialog), channel, data, n);
}

static bool expects(PtRtspDialog *d, uint8_t channel) { return CLIENT_OF(d, dialog)->channels[channel] != 0; }

/* Nothing is left of it on the loop. */
static void left(PtRtspDialog *d) {
	Client *c = CLIENT_OF(d, dialog);
	drop_session(c);
	pt_rtsp_client_set_state(c, PT_STREAM_IDLE, NULL);
	g_mutex_lock(&c->lock);
	c->gone = true;
	g_cond_signal(&c->gone_cond);
	g_mutex_unlock(&c->lock);
}

static const PtRtspDialogOps dialog_ops = {described, replied, on_frame, expects, torn_down, sent_on, lost, left};

/* ---- once a second while it plays ---- */

static void on_tick(PtTimer *timer) {
	Client *c = CLIENT_OF(timer, tick);
	pt_timer_set_in(c->loop, &c->tick, PT_NS_PER_S);
	for (unsigned i = 0; i < c->n_tracks; i++)
		pt_rtp_receiver_tick(c->tracks[i].receiver, now(c));
	for (unsigned i = 0; i < c->n_tracks; i++)
		if (pt_rtp_receiver_said_bye(c->tracks[i].receiver) && now(c) - c->packet_at >= 2 * PT_NS_PER_S) {
			pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_CLOSED, "camera %s ended the stream", c->dialog.camera);
			return;
		}
	if (!pt_rtsp_tracks_check_flow(c))
		return;
	if (c->backoff != BACKOFF_MIN_NS && c->live && now(c) - c->played_at > GOOD_NS)
		c->backoff = BACKOFF_MIN_NS;
	if (now(c) - c->reported_at >= REPORT_NS)
		pt_rtsp_tracks_send_reports(c);
	pt_rtsp_dialog_keep_alive(&c->dialog);
}

/* ---- start and stop ---- */

static void begin(void *data) {
	Client *c = data;
	pt_rtsp_client_set_state(c, PT_STREAM_CONNECTING, NULL);
	start_attempt(c);
}

static PtSource *start(const PtSourceParams *params) {
	Client *c = g_new0(Client, 1);
	c->base.ops = &pt_rtsp_source_ops;
	c->video = params->video;
	c->audio = params->audio;
	c->metadata = params->metadata;
	c->want_udp = params->transport == PT_TRANSPORT_UDP;
	c->loop = params->loop;
	c->stream = pt_stream_ref(params->stream);
	c->backoff = BACKOFF_MIN_NS;
	c->again.due = on_again;
	g_mutex_init(&c->lock);
	g_cond_init(&c->gone_cond);
	pt_rtsp_dialog_init(&c->dialog, c->loop, &dialog_ops, params->camera, params->location, params->user,
	                    params->password, &params->trust);
	pt_loop_post(c->loop, begin, c);
	return &c->base;
}

static void begin_leaving(void *data) {
	Client *c = data;
	c->state = LEAVING;
	pt_timer_cancel(&c->again);
	pt_timer_cancel(&c->tick);
	pt_rtsp_dialog_leave(&c->dialog);
}

static void nothing(void *data) {}

static void stop(PtSource *source) {
	Client *c = (Client *)source;
	g_assert(!pt_loop_is_current(c->loop));
	pt_loop_post(c->loop, begin_leaving, c);
	g_mutex_lock(&c->lock);
	while (!c->gone)
		g_cond_wait(&c->gone_cond, &c->lock);
	g_mutex_unlock(&c->lock);
	pt_loop_call(c->loop, nothing, NULL); /* the callback that said so has returned */
	pt_rtsp_dialog_finish(&c->dialog);
	pt_stream_unref(c->stream);
	g_mutex_clear(&c->lock);
	g_cond_clear(&c->gone_cond);
	g_free(c);
}

const PtSourceOps pt_rtsp_source_ops = {"rtsp", start, stop}, pt_rtsps_source_ops = {"rtsps", start, stop};
