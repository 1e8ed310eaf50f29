/* What an RTSP client says to one server, for whoever plays (client.c: live; fetch.c: what was recorded) or talks (talk.c):
 * the connection, requests and their replies, the login, where servers send it on to, the session and what keeps it alive.
 * What is set up and played is its owner's business. Nobody outside of media/rtsp includes this. Loop's thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/digest.h"
#include "base/error.h"
#include "media/rtsp/connection.h"
#include "media/rtsp/sdp.h"

#define PT_RTSP_PENDING 8   /* requests without reply */
#define PT_RTSP_REDIRECTS 3 /* followed in one attempt */

typedef struct {
	char *url;  /* as it is asked for: without user and password */
	char *host; /* where to connect to; a proxy's differs from the URL's */
	uint16_t port;
	bool tls;
} PtRtspAddress;

typedef enum {
	PT_RTSP_OPTIONS,
	PT_RTSP_DESCRIBE,
	PT_RTSP_SETUP,
	PT_RTSP_PLAY,
	PT_RTSP_KEEP_ALIVE,
	PT_RTSP_TEARDOWN
} PtRtspStep;

typedef struct PtRtspDialog PtRtspDialog;

/* Each may close the dialog. */
typedef struct {
	void (*described)(PtRtspDialog *d); /* d->sdp stands */
	/* To SETUP and PLAY, good or not; a login that was asked for has been given. */
	void (*replied)(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *reply);
	void (*frame)(PtRtspDialog *d, uint8_t channel, const uint8_t *data, size_t n);
	bool (*expects)(PtRtspDialog *d, uint8_t channel); /* was set up */
	void (*torn_down)(PtRtspDialog *d);                /* by the server */
	/* A server sent us on, d->at is where: to be opened anew. */
	void (*sent_on)(PtRtspDialog *d);
	void (*lost)(PtRtspDialog *d, PtErrorCode code, const char *reason); /* to be closed; one sentence for people */
	void (*left)(PtRtspDialog *d);                                       /* the end of leaving; it is closed */
} PtRtspDialogOps;

typedef struct {
	PtRtspStep step;
	char *url;
	PtBuf headers;
} PtRtspAsked;

struct PtRtspDialog {
	const PtRtspDialogOps *ops;
	PtLoop *loop;
	char *camera, *location; /* location: the first one */
	PtTrust trust;
	PtRtspConnection connection;
	PtRtspAddress at;
	PtSdp *sdp;
	char session[256];
	const char *require; /* constant text, the owner's to set before it is opened: a feature without which nothing is
	                        described, set up and played; NULL: none */
	/* private */
	char *visited[PT_RTSP_REDIRECTS + 2]; /* in this attempt, the present one is the last */
	unsigned n_visited;
	PtDigestClient *own_login, *elsewhere, *login; /* login: the one of the two that counts */
	PtTimer deadline;                              /* for the reply */
	bool leaving;
	unsigned cseq, tries;
	PtRtspAsked pending[PT_RTSP_PENDING];
	unsigned n_pending;
	unsigned timeout;       /* of the session, s */
	const char *keep_alive; /* method */
	int64_t kept_alive_at;
};

/* Copies. user NULL: no login is known. */
void pt_rtsp_dialog_init(PtRtspDialog *d, PtLoop *loop, const PtRtspDialogOps *ops, const char *camera, const char *location,
                         const char *user, const char *password, const PtTrust *trust);
void pt_rtsp_dialog_finish(PtRtspDialog *d); /* it is closed */

/* To d->at: connects, and asks for OPTIONS and DESCRIBE. */
void pt_rtsp_dialog_open(PtRtspDialog *d);
/* Says goodbye where there is a session, and waits for nothing; harmless when closed. */
void pt_rtsp_dialog_close(PtRtspDialog *d);
/* Says goodbye, waits a moment for the reply, and calls left(), maybe at once. Nothing else is called any more. */
void pt_rtsp_dialog_leave(PtRtspDialog *d);

/* headers: by pt_rtsp_write_header(); copied; NULL: none. */
void pt_rtsp_dialog_ask(PtRtspDialog *d, PtRtspStep step, const char *url, const PtBuf *headers);
/* Once a second while it plays. */
void pt_rtsp_dialog_keep_alive(PtRtspDialog *d);
/* Both call lost(); what the peer said is made fit to be shown. */
void pt_rtsp_dialog_lose(PtRtspDialog *d, PtErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);
void pt_rtsp_dialog_refused(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *reply);
/* The path that is asked for, without the query: some cameras want logins in it. Caller frees. */
char *pt_rtsp_dialog_path(const PtRtspDialog *d);

/* dialog-address.c */
bool pt_rtsp_address_parse(PtRtspAddress *ret, const char *text); /* false: no rtsp:// or rtsps:// address */
void pt_rtsp_address_clear(PtRtspAddress *address);
/* To the first location. False: it is no rtsp://HOST/PATH. */
bool pt_rtsp_dialog_go_home(PtRtspDialog *d);
void pt_rtsp_dialog_forget_way(PtRtspDialog *d);
/* Follows a 301, 302, 303 or 305, or says why not. False: it is none of them. */
bool pt_rtsp_dialog_redirected(PtRtspDialog *d, const PtRtspMessage *m);
