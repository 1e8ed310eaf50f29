/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/errand.h"

#define ERRAND_OF(d) ((PtRtspErrand *)((char *)(d)-offsetof(PtRtspErrand, dialog)))

static void drop_track(PtRtspErrand *e) {
	pt_timer_cancel(&e->tick);
	e->drop(e);
	e->media = NULL;
	e->rtp = e->rtcp = -1;
}

/* ---- the end ---- */

void pt_rtsp_errand_end(PtRtspErrand *e, GError *error) {
	if (pt_rtsp_errand_ends(e)) {
		g_clear_error(&error);
		return;
	}
	e->error = error;
	e->state = PT_RTSP_ERRAND_ENDING;
	pt_timer_cancel(&e->tick);
	pt_rtsp_dialog_leave(&e->dialog);
}

void pt_rtsp_errand_left(PtRtspDialog *d) {
	PtRtspErrand *e = ERRAND_OF(d);
	drop_track(e);
	e->state = PT_RTSP_ERRAND_OVER;
	if (!e->quiet)
		e->done(e->user_data, e->error);
	g_mutex_lock(&e->lock);
	e->gone = true;
	g_cond_signal(&e->over);
	g_mutex_unlock(&e->lock);
}

/* ---- the track ---- */

void pt_rtsp_errand_set_up(PtRtspErrand *e, const char *require) {
	PtBuf headers = {0};
	pt_rtsp_write_header(&headers, "Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");
	if (require)
		pt_rtsp_write_header(&headers, "Require", "%s", require);
	pt_rtsp_dialog_ask(&e->dialog, PT_RTSP_SETUP, e->media->control, &headers);
	pt_buf_clear(&headers);
}

bool pt_rtsp_errand_is_set_up(PtRtspErrand *e, const PtRtspMessage *m, PtRtspTransport *ret) {
	const char *header = pt_rtsp_message_get(m, "Transport");
	pt_rtsp_transport_init(ret);
	if (header && pt_rtsp_transport_next(&header, ret) && !ret->tcp && ret->interleaved[0] < 0) {
		pt_rtsp_dialog_lose(&e->dialog, PT_ERROR_UNSUPPORTED, "camera %s was asked for TCP and answered with UDP",
		                    e->dialog.camera);
		return false;
	}
	if (!e->dialog.session[0]) {
		pt_rtsp_dialog_lose(&e->dialog, PT_ERROR_INVALID, "camera %s answered SETUP without a session",
		                    e->dialog.camera);
		return false;
	}
	e->rtp = ret->interleaved[0] >= 0 ? ret->interleaved[0] : 0;
	e->rtcp = ret->interleaved[1] >= 0 ? ret->interleaved[1] : (e->rtp + 1) & 255;
	return true;
}

bool pt_rtsp_errand_expects(PtRtspDialog *d, uint8_t channel) {
	const PtRtspErrand *e = ERRAND_OF(d);
	return channel == e->rtp || channel == e->rtcp;
}

void pt_rtsp_errand_sent_on(PtRtspDialog *d) {
	pt_rtsp_dialog_close(d);
	drop_track(ERRAND_OF(d));
	pt_rtsp_dialog_open(d);
}

/* ---- life ---- */

static void begin(void *data) {
	PtRtspErrand *e = data;
	if (pt_rtsp_dialog_go_home(&e->dialog))
		pt_rtsp_dialog_open(&e->dialog);
	else
		pt_rtsp_dialog_lose(&e->dialog, PT_ERROR_INVALID, "camera %s%s is at no rtsp://HOST/PATH", e->dialog.camera,
		                    e->what);
}

void pt_rtsp_errand_start(PtRtspErrand *e, const PtRtspErrandParams *p) {
	e->loop = p->loop;
	e->drop = p->drop;
	e->done = p->done;
	e->user_data = p->user_data;
	e->what = p->what;
	e->rtp = e->rtcp = -1;
	g_mutex_init(&e->lock);
	g_cond_init(&e->over);
	pt_rtsp_dialog_init(&e->dialog, e->loop, p->ops, p->camera, p->location, p->user, p->password, p->trust);
	e->dialog.require = p->require;
	e->dialog.connection.rate = p->rate;
	pt_loop_post(e->loop, begin, e);
}

static void begin_leaving(void *data) {
	PtRtspErrand *e = data;
	e->quiet = true;
	if (e->state != PT_RTSP_ERRAND_OVER)
		pt_rtsp_errand_end(e, NULL);
}

static void nothing(void *data) {}

void pt_rtsp_errand_finish(PtRtspErrand *e) {
	g_assert(!pt_loop_is_current(e->loop));
	pt_loop_post(e->loop, begin_leaving, e);
	g_mutex_lock(&e->lock);
	while (!e->gone)
		g_cond_wait(&e->over, &e->lock);
	g_mutex_unlock(&e->lock);
	pt_loop_call(e->loop, nothing, NULL); /* the callback that said so has returned */
	pt_rtsp_dialog_finish(&e->dialog);
	g_clear_error(&e->error);
	g_mutex_clear(&e->lock);
	g_cond_clear(&e->over);
}
