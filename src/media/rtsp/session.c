/* Requests of one connection (RFC 2326 §10): login, PLAY and what follows it; session-describe.c and session-setup.c are
 * what comes before. A session belongs to the connection it was made on: nobody else's request reaches it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/session-internal.h"
#include <string.h>

#define METHODS "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
#define FAILURES_MAX 5

/* ---- replies ---- */

void pt_session_begin(Peer *p, unsigned status, const char *cseq) {
	pt_rtsp_write_response(&p->out, status, cseq);
	pt_rtsp_write_header(&p->out, "Server", "Pigtail");
	if (p->state != SESSION_NONE && status == 200)
		pt_rtsp_write_header(&p->out, "Session", "%s;timeout=%d", p->session, PT_SESSION_TIMEOUT);
}

void pt_session_end(Peer *p) { pt_rtsp_write_end(&p->out, NULL, 0); }

void pt_session_reply(Peer *p, unsigned status, const char *cseq) {
	pt_session_begin(p, status, cseq);
	pt_session_end(p);
}

/* With the reason for people; clients show the first line alone, logs and packet dumps the rest. */
void pt_session_refuse(Peer *p, unsigned status, const char *cseq, const char *reason) {
	pt_session_begin(p, status, cseq);
	pt_rtsp_write_header(&p->out, "Content-Type", "text/plain");
	pt_rtsp_write_end(&p->out, reason, strlen(reason));
}

void pt_session_refuse_error(Peer *p, const char *cseq, const GError *error) {
	unsigned status = g_error_matches(error, PT_ERROR, PT_ERROR_DENIED) ? 403
	                  : g_error_matches(error, PT_ERROR, PT_ERROR_BUSY) ? 503
	                                                                    : 404;
	pt_session_refuse(p, status, cseq, error->message);
}

/* ---- what requests are about ---- */

char *pt_session_split_uri(const char *uri, int *ret_track) {
	const char *path = uri;
	*ret_track = -1;
	if (!g_ascii_strncasecmp(uri, "rtsp://", 7) || !g_ascii_strncasecmp(uri, "rtsps://", 8)) {
		path = strchr(strchr(uri, '/') + 2, '/');
		if (!path)
			path = "";
	}
	g_autofree char *raw = g_strndup(path, strcspn(path, "?#"));
	char *text = g_uri_unescape_string(raw, NULL);
	if (!text || !g_utf8_validate(text, -1, NULL)) {
		g_free(text);
		return NULL;
	}
	char *start = text;
	while (*start == '/')
		start++;
	memmove(text, start, strlen(start) + 1);
	for (size_t n = strlen(text); n && text[n - 1] == '/'; n--)
		text[n - 1] = 0;
	char *last = strrchr(text, '/');
	if (last && g_str_has_prefix(last, "/track") && g_ascii_isdigit(last[6]) && !last[7]) {
		*ret_track = last[6] - '0';
		*last = 0;
	}
	return text;
}

/* "replay/gate/main"; "replay/main" is a stream of a camera of that name. */
bool pt_session_is_replay(const Peer *p, const char *path) {
	return path && p->server->ops->replay && g_str_has_prefix(path, PT_RTSP_REPLAY) &&
	       strchr(path + strlen(PT_RTSP_REPLAY), '/');
}

bool pt_session_still_busy(Peer *p, const char *cseq) {
	if (!p->describe.stream && !(p->replay && pt_replay_busy(p->replay)))
		return false;
	pt_session_refuse(p, 455, cseq, "the request before is still being answered");
	return true;
}

bool pt_session_wants_to_talk(const PtRtspMessage *m) {
	const char *require = pt_rtsp_message_get(m, "Require");
	return require && !strcmp(require, PT_TALKBACK_FEATURE);
}

/* ---- login ---- */

static void challenge(Peer *p, const char *cseq, bool stale) {
	g_auto(GStrv) challenges = pt_digest_server_challenges(p->server->digest, stale);
	pt_session_begin(p, 401, cseq);
	for (char **c = challenges; *c; c++)
		pt_rtsp_write_header(&p->out, "WWW-Authenticate", "%s", *c);
	pt_session_end(p);
}

/* Whoever logged in on this connection stays so; a login that comes with a request is checked all the same. */
static bool login(Peer *p, const PtRtspMessage *m, const char *cseq) {
	const char *authorization = pt_rtsp_message_get(m, "Authorization");
	char *user = NULL;
	if (!p->server->ops->password || (!authorization && p->user))
		return true;
	PtDigestVerdict verdict = pt_digest_server_verify(p->server->digest, authorization, m->method, m->uri,
	                                                  p->server->ops->password, p->server->data, &user);
	if (verdict == PT_DIGEST_OK) {
		if (p->user && strcmp(p->user, user)) {
			/* another user may see less: what stands goes */
			pt_session_clear(p);
			g_clear_pointer(&p->user, g_free);
		}
		if (p->user)
			g_free(user);
		else
			p->user = user;
		return true;
	}
	if (verdict == PT_DIGEST_REFUSED || verdict == PT_DIGEST_INVALID) {
		p->server->stats.failed_logins++;
		p->closing = ++p->failures >= FAILURES_MAX;
	}
	challenge(p, cseq, verdict == PT_DIGEST_STALE);
	return false;
}

/* ---- life ---- */

/* What it would have been sent from here on, and what was on its way, it may never have. */
static void stop_playing(Peer *p) {
	if (p->state == SESSION_PLAYING && p->feed)
		pt_stream_note_missed(p->stream, pt_mono_ns(pt_clock_system()));
	p->state = SESSION_NONE;
}

void pt_session_clear(Peer *p) {
	stop_playing(p);
	pt_talkback_close(p);
	pt_feed_leave(p);
	memset(p->tracks, 0, sizeof p->tracks);
	g_clear_pointer(&p->stream, pt_stream_unref);
	g_clear_pointer(&p->path, g_free);
	g_clear_pointer(&p->replay, pt_replay_free);
	p->has_video = p->waiting_key = false;
	pt_session_describe_clear(p);
}

/* ---- the rest ---- */

static bool own_session(Peer *p, const PtRtspMessage *m, const char *cseq) {
	char id[64];
	unsigned timeout;
	if (p->state != SESSION_NONE && pt_rtsp_message_session(m, id, sizeof id, &timeout) && !strcmp(id, p->session))
		return true;
	pt_session_reply(p, 454, cseq);
	return false;
}

void pt_session_playing(Peer *p, const char *cseq, const char *range, const char *rtp_info, bool paced, double scale) {
	pt_session_begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Range", "%s", range);
	if (*rtp_info)
		pt_rtsp_write_header(&p->out, "RTP-Info", "%s", rtp_info);
	pt_rtsp_write_header(&p->out, "Rate-Control", paced ? "yes" : "no");
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	pt_rtsp_write_header(&p->out, "Scale", "%s", g_ascii_formatd(text, sizeof text, "%g", scale));
	pt_session_end(p);
}

static void play_replay(Peer *p, const PtRtspMessage *m, const char *cseq) {
	g_autoptr(GError) error = NULL;
	if (pt_session_still_busy(p, cseq))
		return;
	if (!pt_replay_is_allowed(p->replay, &error)) {
		pt_session_clear(p);
		pt_session_refuse_error(p, cseq, error);
		return;
	}
	switch (pt_replay_play(p->replay, m, cseq, &error)) {
	case PT_REPLAY_PLAY_REFUSED:
		pt_session_refuse(p, g_error_matches(error, PT_ERROR, PT_ERROR_UNSUPPORTED) ? 457 : 400, cseq,
		                  error->message);
		return;
	case PT_REPLAY_PLAY_ON:
		pt_session_reply(p, 200, cseq);
		break;
	case PT_REPLAY_PLAY_ASKED:
		break;
	}
	p->state = SESSION_PLAYING;
}

static void do_play(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (!own_session(p, m, cseq))
		return;
	if (p->replay) {
		play_replay(p, m, cseq);
		return;
	}
	if (p->state != SESSION_PLAYING) {
		p->state = SESSION_PLAYING;
		if (p->feed)
			pt_stream_note_taken(p->stream, pt_mono_ns(pt_clock_system()));
		p->waiting_key = p->has_video;
		for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
			p->tracks[i].reported = false;
			p->tracks[i].next_report = 0;
		}
	}
	/* which packet comes first is known when the next key frame does: only the addresses are stated (RFC 2326 §12.33) */
	g_autoptr(GString) info = g_string_new(NULL);
	g_autofree char *base = g_strdup(m->uri);
	for (size_t n = strlen(base); n && base[n - 1] == '/'; n--)
		base[n - 1] = 0;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		if (p->tracks[i].set)
			g_string_append_printf(info, "%surl=%s/track%u", info->len ? "," : "", base, i);
	pt_session_begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Range", "npt=now-");
	if (info->len)
		pt_rtsp_write_header(&p->out, "RTP-Info", "%s", info->str);
	pt_session_end(p);
}

static void do_pause(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (!own_session(p, m, cseq) || (p->replay && pt_session_still_busy(p, cseq)))
		return;
	stop_playing(p);
	p->state = SESSION_READY;
	if (p->replay)
		pt_replay_pause(p->replay);
	pt_session_reply(p, 200, cseq);
}

static void do_teardown(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (!own_session(p, m, cseq))
		return;
	pt_session_clear(p);
	pt_session_reply(p, 200, cseq);
}

/* Keep-alives; there are no parameters. */
static void do_parameter(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (pt_rtsp_message_get(m, "Session") && !own_session(p, m, cseq))
		return;
	pt_session_reply(p, m->body_size ? 451 : 200, cseq);
}

static void do_options(Peer *p, const PtRtspMessage *m, const char *cseq) {
	pt_session_begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Public", METHODS);
	pt_session_end(p);
}

static const struct {
	const char *method;
	void (*run)(Peer *, const PtRtspMessage *, const char *cseq);
	bool open; /* before login */
} methods[] = {
    {"OPTIONS", do_options, true},
    {"DESCRIBE", pt_session_describe, false},
    {"SETUP", pt_session_set_up, false},
    {"PLAY", do_play, false},
    {"PAUSE", do_pause, false},
    {"GET_PARAMETER", do_parameter, false},
    {"SET_PARAMETER", do_parameter, false},
    {"TEARDOWN", do_teardown, false},
};

void pt_session_request(Peer *p, const PtRtspMessage *m) {
	const char *cseq = pt_rtsp_message_get(m, "CSeq"), *require = pt_rtsp_message_get(m, "Require");
	if (!cseq || strlen(cseq) > 32 || strlen(m->uri) > 2048) {
		p->server->stats.bad_requests++;
		pt_session_reply(p, 400, NULL);
		p->closing = true;
		return;
	}
	bool known = !require || (p->server->ops->replay && !strcmp(require, "onvif-replay")) ||
	             (p->server->ops->talk && pt_session_wants_to_talk(m));
	if (!known) {
		pt_session_begin(p, 551, cseq);
		pt_rtsp_write_header(&p->out, "Unsupported", "%s", require);
		pt_session_end(p);
		return;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++)
		if (!strcmp(m->method, methods[i].method)) {
			if (methods[i].open || login(p, m, cseq))
				methods[i].run(p, m, cseq);
			return;
		}
	pt_session_begin(p, 405, cseq);
	pt_rtsp_write_header(&p->out, "Allow", METHODS);
	pt_session_end(p);
}
