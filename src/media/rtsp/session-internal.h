/* What the parts of a session share: session.c (login, PLAY and the rest), session-describe.c, session-setup.c. Nobody else
 * includes this. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtsp/server-internal.h"

/* ---- replies ---- */
void pt_session_begin(Peer *p, unsigned status, const char *cseq);
void pt_session_end(Peer *p);
void pt_session_reply(Peer *p, unsigned status, const char *cseq); /* both */
void pt_session_refuse_error(Peer *p, const char *cseq, const GError *error);

/* ---- what requests are about ---- */
/* "rtsp://host:8554/gate/main/track1?x" -> "gate/main" and 1; track -1: none. NULL for what is no path of ours. Caller
 * frees. */
char *pt_session_split_uri(const char *uri, int *ret_track);
bool pt_session_is_replay(const Peer *p, const char *path);
bool pt_session_wants_to_talk(const PtRtspMessage *m);
/* One answer at a time: what would change what is being answered is refused, and true. */
bool pt_session_still_busy(Peer *p, const char *cseq);

/* ---- session-describe.c, session-setup.c ---- */
void pt_session_describe(Peer *p, const PtRtspMessage *m, const char *cseq);
void pt_session_describe_clear(Peer *p);
/* Sound that the user may not hear is not there for him. */
bool pt_session_offers(const Peer *p, PtStream *stream, const PtFormat *format);
void pt_session_set_up(Peer *p, const PtRtspMessage *m, const char *cseq);
