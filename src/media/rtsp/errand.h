/* A session that is opened for one purpose, for whoever fetches (fetch.c) or talks (talk.c): one track, over TCP. It ends
 * once: by its owner, by an error, or because it is freed; then whoever frees it waits for its goodbye to the server.
 * Nobody outside of media/rtsp includes this. Loop's thread only, but for start and finish. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtsp/dialog.h"
#include "media/rtsp/transport.h"

typedef struct PtRtspErrand PtRtspErrand;

struct PtRtspErrand {
	PtRtspDialog dialog;
	PtLoop *loop;
	PtTimer tick;            /* the owner's; stopped at the end */
	const PtSdpMedia *media; /* of the dialog's SDP, the owner's choice; NULL: none yet */
	int rtp, rtcp;           /* channels; -1: none yet */
	GMutex lock;
	/* private */
	void (*drop)(PtRtspErrand *);
	void (*done)(void *user_data, const GError *error);
	void *user_data;
	const char *what; /* constant text */
	enum { PT_RTSP_ERRAND_OPEN, PT_RTSP_ERRAND_ENDING, PT_RTSP_ERRAND_OVER } state;
	bool quiet;    /* freed before the end: nothing is told any more */
	GError *error; /* what done() is to be told */
	GCond over;
	bool gone; /* under lock */
};

typedef struct {
	PtLoop *loop;
	const PtRtspDialogOps *ops; /* its left, sent_on and expects are those below */
	const char *camera, *location, *user, *password;
	const PtTrust *trust;
	const char *require;                                /* the dialog's */
	uint64_t rate;                                      /* bytes a second that are read at most; 0: all that comes */
	void (*drop)(PtRtspErrand *errand);                 /* what was made for a track, of one that was sent on too */
	void (*done)(void *user_data, const GError *error); /* NULL: well; not after pt_rtsp_errand_finish() */
	void *user_data;
	const char *what; /* constant text behind the camera's name, when it is nowhere: ": its recording", or "" */
} PtRtspErrandParams;

void pt_rtsp_errand_start(PtRtspErrand *errand, const PtRtspErrandParams *params);
/* From another thread; waits. */
void pt_rtsp_errand_finish(PtRtspErrand *errand);

/* Takes the error; NULL: it is done well. */
void pt_rtsp_errand_end(PtRtspErrand *errand, GError *error);
static inline bool pt_rtsp_errand_ends(const PtRtspErrand *errand) { return errand->state != PT_RTSP_ERRAND_OPEN; }

/* Asks for the track that is the errand's media. require: a feature, where the dialog's is none; or NULL. */
void pt_rtsp_errand_set_up(PtRtspErrand *errand, const char *require);
/* What was answered to that. False: it is lost. */
bool pt_rtsp_errand_is_set_up(PtRtspErrand *errand, const PtRtspMessage *reply, PtRtspTransport *ret);

void pt_rtsp_errand_left(PtRtspDialog *d);
void pt_rtsp_errand_sent_on(PtRtspDialog *d);
bool pt_rtsp_errand_expects(PtRtspDialog *d, uint8_t channel);
