/* Requests of one connection: login, DESCRIBE, SETUP, PLAY and the rest (RFC 2326 §10). A session belongs to the connection
 * it was made on: nobody else's request reaches it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/server-internal.h"
#include <string.h>

#define METHODS "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
#define DESCRIBE_WAIT (5 * PT_NS_PER_S)
#define DESCRIBE_STEP (50 * PT_NS_PER_MS)
#define SETTLE PT_NS_PER_S /* after a stream's start, for its other tracks to show up */
#define FAILURES_MAX 5

/* ---- replies ---- */

static void begin(Peer *p, unsigned status, const char *cseq) {
	pt_rtsp_write_response(&p->out, status, cseq);
	pt_rtsp_write_header(&p->out, "Server", "Pigtail");
	if (p->state != SESSION_NONE && status == 200)
		pt_rtsp_write_header(&p->out, "Session", "%s;timeout=%d", p->session, PT_SESSION_TIMEOUT);
}

static void end(Peer *p) { pt_rtsp_write_end(&p->out, NULL, 0); }

static void reply(Peer *p, unsigned status, const char *cseq) {
	begin(p, status, cseq);
	end(p);
}

/* With the reason for people; clients show the first line alone, logs and packet dumps the rest. */
void pt_session_refuse(Peer *p, unsigned status, const char *cseq, const char *reason) {
	begin(p, status, cseq);
	pt_rtsp_write_header(&p->out, "Content-Type", "text/plain");
	pt_rtsp_write_end(&p->out, reason, strlen(reason));
}

static void refuse_error(Peer *p, const char *cseq, const GError *error) {
	unsigned status = g_error_matches(error, PT_ERROR, PT_ERROR_DENIED) ? 403
	                  : g_error_matches(error, PT_ERROR, PT_ERROR_BUSY) ? 503
	                                                                    : 404;
	pt_session_refuse(p, status, cseq, error->message);
}

/* ---- addresses ---- */

/* "rtsp://host:8554/gate/main/track1?x" -> "gate/main" and 1; track -1: none. NULL for what is no path of ours. */
static char *split_uri(const char *uri, int *ret_track) {
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

/* ---- login ---- */

static void challenge(Peer *p, const char *cseq, bool stale) {
	g_auto(GStrv) challenges = pt_digest_server_challenges(p->server->digest, stale);
	begin(p, 401, cseq);
	for (char **c = challenges; *c; c++)
		pt_rtsp_write_header(&p->out, "WWW-Authenticate", "%s", *c);
	end(p);
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

/* ---- DESCRIBE ---- */

static void describe_clear(Peer *p) {
	pt_timer_cancel(&p->wait);
	g_clear_pointer(&p->describe.stream, pt_stream_unref);
	g_clear_pointer(&p->describe.cseq, g_free);
	g_clear_pointer(&p->describe.uri, g_free);
}

/* Sound that the user may not hear is not there for him. */
static bool offers(const Peer *p, PtStream *stream, const PtFormat *format) {
	const PtRtspServerOps *ops = p->server->ops;
	return format && (pt_codec_kind(format->codec) != PT_KIND_AUDIO || !ops->may_hear ||
	                  ops->may_hear(p->server->data, pt_stream_name(stream), p->user));
}

/* Whether all tracks that will come can be taken to be known. */
static bool settled(PtStreamStats *stats) {
	bool any = false;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		any |= stats->tracks[i].format != NULL;
	if (!any || stats->state == PT_STREAM_CONNECTING)
		return false;
	return stats->state != PT_STREAM_LIVE || pt_wall_ns(pt_clock_system()) - stats->since_ns > SETTLE ||
	       pt_wall_ns(pt_clock_system()) < stats->since_ns;
}

static GString *begin_description(const Peer *p, const char *name, const char *range) {
	GString *sdp = g_string_new("v=0\r\n");
	bool v6 = p->address.any.sa_family == AF_INET6;
	g_string_append_printf(sdp, "o=- %" G_GINT64_FORMAT " 1 IN %s\r\n", pt_wall_ns(pt_clock_system()) / PT_NS_PER_S,
	                       v6 ? "IP6 ::1" : "IP4 127.0.0.1");
	g_string_append_printf(sdp, "s=%s\r\nc=IN %s\r\nt=0 0\r\na=range:%s\r\na=control:*\r\n", name,
	                       v6 ? "IP6 ::" : "IP4 0.0.0.0", range);
	return sdp;
}

static void describe_track(GString *sdp, const PtFormat *format, unsigned track) {
	pt_rtp_describe(format, track, sdp);
	g_string_append_printf(sdp, "a=control:track%u\r\n", track);
}

static void send_description(Peer *p, const char *cseq, const char *uri, const GString *sdp) {
	begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Content-Base", "%s%s", uri, g_str_has_suffix(uri, "/") ? "" : "/");
	pt_rtsp_write_header(&p->out, "Content-Type", "application/sdp");
	pt_rtsp_write_end(&p->out, sdp->str, sdp->len);
}

static void describe_stream(Peer *p, const PtStreamStats *stats) {
	g_autoptr(GString) sdp = begin_description(p, pt_stream_name(p->describe.stream), "npt=now-");
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		if (offers(p, p->describe.stream, stats->tracks[i].format))
			describe_track(sdp, stats->tracks[i].format, i);
	if (p->describe.talk && pt_talkback_is_offered(p, p->describe.stream))
		pt_talkback_describe(sdp);
	send_description(p, p->describe.cseq, p->describe.uri, sdp);
}

void pt_session_described(Peer *p, const char *cseq, const char *uri, const char *range) {
	g_autoptr(GString) sdp = begin_description(p, pt_replay_path(p->replay), range);
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		PtFormat *format = pt_replay_format(p->replay, i);
		if (!format)
			continue;
		describe_track(sdp, format, i);
		pt_format_unref(format);
		g_string_append_printf(sdp, "a=x-onvif-track:%s\r\n", pt_replay_track_name(p->replay, i));
	}
	send_description(p, cseq, uri, sdp);
}

void pt_session_describe_again(Peer *p) {
	if (!p->describe.stream)
		return;
	PtStreamStats stats;
	pt_stream_get_stats(p->describe.stream, &stats);
	int64_t now = pt_mono_ns(pt_clock_system());
	bool any = false;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		any |= stats.tracks[i].format != NULL;
	if (settled(&stats) || (any && now >= p->describe.until)) {
		describe_stream(p, &stats);
		describe_clear(p);
	} else if (now >= p->describe.until) {
		g_autofree char *reason = g_strdup_printf("%s has no picture yet%s%s", pt_stream_name(p->describe.stream),
		                                          *stats.reason ? ": " : "", stats.reason);
		pt_session_refuse(p, 503, p->describe.cseq, reason);
		describe_clear(p);
	} else if (p->watch.fd >= 0) {
		pt_timer_set_in(p->server->loop, &p->wait, DESCRIBE_STEP);
	}
	pt_stream_stats_clear(&stats);
}

/* The recording that this connection looks at is another one from now on. */
static void describe_replay(Peer *p, const PtRtspMessage *m, const char *path, const char *cseq) {
	g_autoptr(GError) error = NULL;
	if (p->state != SESSION_NONE) {
		pt_session_refuse(p, 455, cseq, "a recording is being replayed on this connection: TEARDOWN ends that");
		return;
	}
	if (!p->replay || strcmp(pt_replay_path(p->replay), path) || !pt_replay_is_allowed(p->replay, NULL)) {
		pt_session_clear(p);
		p->replay = pt_replay_new(p, path, &error);
	}
	if (p->replay)
		pt_replay_describe(p->replay, m, cseq);
	else
		refuse_error(p, cseq, error);
}

/* "replay/gate/main"; "replay/main" is a stream of a camera of that name. */
static bool is_replay(const Peer *p, const char *path) {
	return path && p->server->ops->replay && g_str_has_prefix(path, PT_RTSP_REPLAY) &&
	       strchr(path + strlen(PT_RTSP_REPLAY), '/');
}

/* One answer at a time: what would change what is being answered is refused. */
static bool still_busy(Peer *p, const char *cseq) {
	if (!p->describe.stream && !(p->replay && pt_replay_busy(p->replay)))
		return false;
	pt_session_refuse(p, 455, cseq, "the request before is still being answered");
	return true;
}

static bool wants_to_talk(const PtRtspMessage *m) {
	const char *require = pt_rtsp_message_get(m, "Require");
	return require && !strcmp(require, PT_TALKBACK_FEATURE);
}

static void do_describe(Peer *p, const PtRtspMessage *m, const char *cseq) {
	int track;
	g_autofree char *path = split_uri(m->uri, &track);
	g_autoptr(GError) error = NULL;
	if (still_busy(p, cseq))
		return;
	if (is_replay(p, path)) {
		describe_replay(p, m, path, cseq);
		return;
	}
	PtStream *stream = path ? p->server->ops->find(p->server->data, path, p->user, &error) : NULL;
	if (!stream) {
		if (error)
			refuse_error(p, cseq, error);
		else
			reply(p, 404, cseq);
		return;
	}
	p->describe.stream = stream;
	p->describe.cseq = g_strdup(cseq);
	p->describe.uri = g_strdup(m->uri);
	p->describe.talk = wants_to_talk(m);
	p->describe.until = pt_mono_ns(pt_clock_system()) + DESCRIBE_WAIT;
	pt_session_describe_again(p);
}

/* ---- SETUP ---- */

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
	describe_clear(p);
}

/* The first way that both can go. */
static bool choose_transport(Peer *p, const char *header, PtRtspTransport *ret) {
	while (header && pt_rtsp_transport_next(&header, ret)) {
		if (!ret->rtp_avp || ret->multicast || ret->record)
			continue;
		/* beside TLS, UDP would carry the pictures for all to see */
		if (ret->tcp || (p->server->udp_port && ret->client_port[0] > 0 && !p->tls))
			return true;
	}
	return false;
}

static bool channel_taken(const Peer *p, unsigned track, int channel) {
	if (track != PT_TALKBACK_TRACK && p->talk.speaker &&
	    (p->talk.channels[0] == channel || p->talk.channels[1] == channel))
		return true;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		if (i != track && p->tracks[i].set && p->tracks[i].tcp &&
		    (p->tracks[i].channels[0] == channel || p->tracks[i].channels[1] == channel))
			return true;
	return false;
}

static void set_port(Address *a, unsigned port) {
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = htons((uint16_t)port);
	else
		a->v4.sin_port = htons((uint16_t)port);
}

/* Fills what is not stated. False: they cannot be. */
static bool choose_channels(const Peer *p, unsigned track, PtRtspTransport *t) {
	if (t->interleaved[0] < 0)
		t->interleaved[0] = (int)track * 2;
	if (t->interleaved[1] < 0)
		t->interleaved[1] = t->interleaved[0] + 1;
	return t->interleaved[1] <= 255 && t->interleaved[0] != t->interleaved[1] &&
	       !channel_taken(p, track, t->interleaved[0]) && !channel_taken(p, track, t->interleaved[1]);
}

/* Fills the track and what the reply says. False: channels that cannot be. */
static bool apply_transport(Peer *p, unsigned track, PtRtspTransport *t) {
	SessionTrack *s = &p->tracks[track];
	SessionTrack new = {.set = true, .tcp = t->tcp};
	if (t->tcp) {
		if (!choose_channels(p, track, t))
			return false;
		new.channels[0] = (uint8_t)t->interleaved[0];
		new.channels[1] = (uint8_t)t->interleaved[1];
	} else {
		/* always to where the connection comes from: nobody has packets sent to somebody else */
		if (t->client_port[1] < 0)
			t->client_port[1] = t->client_port[0] == 65535 ? 65534 : t->client_port[0] + 1;
		new.rtp = new.rtcp = p->address;
		set_port(&new.rtp, (unsigned)t->client_port[0]);
		set_port(&new.rtcp, (unsigned)t->client_port[1]);
		t->server_port[0] = (int)p->server->udp_port;
		t->server_port[1] = (int)p->server->udp_port + 1;
	}
	*t->destination = *t->source = 0;
	*s = new;
	return true;
}

static bool open_session(Peer *p, char **path, const char *cseq) {
	g_autoptr(GError) error = NULL;
	if (p->path) {
		if (!strcmp(p->path, *path))
			return true;
		pt_session_refuse(p, 459, cseq, "one session holds the tracks of one stream");
		return false;
	}
	if (is_replay(p, *path)) {
		if (!p->replay || strcmp(pt_replay_path(p->replay), *path)) {
			pt_session_refuse(p, 455, cseq,
			                  "a recording wants to be described on this connection before it is set up");
			return false;
		}
	} else {
		g_clear_pointer(&p->replay, pt_replay_free);
		p->stream = p->server->ops->find(p->server->data, *path, p->user, &error);
		if (!p->stream) {
			if (error)
				refuse_error(p, cseq, error);
			else
				reply(p, 404, cseq);
			return false;
		}
	}
	p->path = g_steal_pointer(path);
	/* it need not be a secret: a session is reached over its own connection only */
	g_snprintf(p->session, sizeof p->session, "%08X%08X", g_random_int(), g_random_int());
	return true;
}

/* A reference to a track's format, or NULL when it is not offered. */
static PtFormat *offered_format(const Peer *p, unsigned track) {
	if (p->replay)
		return pt_replay_format(p->replay, track);
	PtFormat *format = pt_stream_get_format(p->stream, track);
	if (offers(p, p->stream, format))
		return format;
	pt_format_unref(format);
	return NULL;
}

static void reply_transport(Peer *p, const PtRtspTransport *t, const char *cseq) {
	g_autofree char *transport = pt_rtsp_transport_format(t);
	begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Transport", "%s", transport);
	end(p);
}

/* What was opened for a track that then could not be. */
static void forget_unused(Peer *p) {
	if (p->state != SESSION_NONE)
		return;
	g_clear_pointer(&p->stream, pt_stream_unref);
	g_clear_pointer(&p->path, g_free);
}

static void set_up_talk(Peer *p, PtRtspTransport *t, const char *cseq) {
	g_autoptr(GError) error = NULL;
	if (!p->stream)
		pt_error_set(&error, NOT_FOUND, "nobody talks to a recording");
	else if (!t->tcp)
		pt_session_refuse(p, 461, cseq, "sound is taken over TCP (interleaved)");
	else if (!choose_channels(p, PT_TALKBACK_TRACK, t))
		reply(p, 400, cseq);
	else if (pt_talkback_open(p, t->interleaved, &error)) {
		p->state = SESSION_READY;
		reply_transport(p, t, cseq);
		return;
	}
	if (error)
		refuse_error(p, cseq, error);
	forget_unused(p);
}

static void do_setup(Peer *p, const PtRtspMessage *m, const char *cseq) {
	int track;
	g_autofree char *path = split_uri(m->uri, &track);
	PtRtspTransport t;
	if (p->state == SESSION_PLAYING) {
		reply(p, 455, cseq);
		return;
	}
	if (!path || track < 0 || track > PT_TALKBACK_TRACK) {
		pt_session_refuse(p, 404, cseq, "SETUP wants a track: the control address of the description");
		return;
	}
	if (!choose_transport(p, pt_rtsp_message_get(m, "Transport"), &t)) {
		pt_session_refuse(
		    p, 461, cseq,
		    p->tls ? "over rtsps, RTP/AVP over TCP (interleaved) is offered: over UDP it would not be encrypted"
		           : "RTP/AVP over TCP (interleaved) and UDP unicast are offered");
		return;
	}
	if (!open_session(p, &path, cseq))
		return;
	if (track == PT_TALKBACK_TRACK) {
		set_up_talk(p, &t, cseq);
		return;
	}
	PtFormat *format = offered_format(p, (unsigned)track);
	if (!format || !apply_transport(p, (unsigned)track, &t)) {
		unsigned status = format ? 400 : 404;
		pt_format_unref(format);
		forget_unused(p);
		reply(p, status, cseq);
		return;
	}
	p->tracks[track].clock_rate = pt_rtp_clock_rate(format);
	p->has_video |= pt_codec_kind(format->codec) == PT_KIND_VIDEO;
	pt_format_unref(format);
	p->state = SESSION_READY;
	if (p->stream)
		pt_feed_join(pt_feed_get(p->server, p->stream), p);
	reply_transport(p, &t, cseq);
}

/* ---- the rest ---- */

static bool own_session(Peer *p, const PtRtspMessage *m, const char *cseq) {
	char id[64];
	unsigned timeout;
	if (p->state != SESSION_NONE && pt_rtsp_message_session(m, id, sizeof id, &timeout) && !strcmp(id, p->session))
		return true;
	reply(p, 454, cseq);
	return false;
}

void pt_session_playing(Peer *p, const char *cseq, const char *range, const char *rtp_info, bool paced, double scale) {
	begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Range", "%s", range);
	if (*rtp_info)
		pt_rtsp_write_header(&p->out, "RTP-Info", "%s", rtp_info);
	pt_rtsp_write_header(&p->out, "Rate-Control", paced ? "yes" : "no");
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	pt_rtsp_write_header(&p->out, "Scale", "%s", g_ascii_formatd(text, sizeof text, "%g", scale));
	end(p);
}

static void play_replay(Peer *p, const PtRtspMessage *m, const char *cseq) {
	g_autoptr(GError) error = NULL;
	if (still_busy(p, cseq))
		return;
	if (!pt_replay_is_allowed(p->replay, &error)) {
		pt_session_clear(p);
		refuse_error(p, cseq, error);
		return;
	}
	switch (pt_replay_play(p->replay, m, cseq, &error)) {
	case PT_REPLAY_PLAY_REFUSED:
		pt_session_refuse(p, g_error_matches(error, PT_ERROR, PT_ERROR_UNSUPPORTED) ? 457 : 400, cseq,
		                  error->message);
		return;
	case PT_REPLAY_PLAY_ON:
		reply(p, 200, cseq);
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
	begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Range", "npt=now-");
	if (info->len)
		pt_rtsp_write_header(&p->out, "RTP-Info", "%s", info->str);
	end(p);
}

static void do_pause(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (!own_session(p, m, cseq) || (p->replay && still_busy(p, cseq)))
		return;
	stop_playing(p);
	p->state = SESSION_READY;
	if (p->replay)
		pt_replay_pause(p->replay);
	reply(p, 200, cseq);
}

static void do_teardown(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (!own_session(p, m, cseq))
		return;
	pt_session_clear(p);
	reply(p, 200, cseq);
}

/* Keep-alives; there are no parameters. */
static void do_parameter(Peer *p, const PtRtspMessage *m, const char *cseq) {
	if (pt_rtsp_message_get(m, "Session") && !own_session(p, m, cseq))
		return;
	reply(p, m->body_size ? 451 : 200, cseq);
}

static void do_options(Peer *p, const PtRtspMessage *m, const char *cseq) {
	begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Public", METHODS);
	end(p);
}

static const struct {
	const char *method;
	void (*run)(Peer *, const PtRtspMessage *, const char *cseq);
	bool open; /* before login */
} methods[] = {
    {"OPTIONS", do_options, true},
    {"DESCRIBE", do_describe, false},
    {"SETUP", do_setup, false},
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
		reply(p, 400, NULL);
		p->closing = true;
		return;
	}
	bool known = !require || (p->server->ops->replay && !strcmp(require, "onvif-replay")) ||
	             (p->server->ops->talk && wants_to_talk(m));
	if (!known) {
		begin(p, 551, cseq);
		pt_rtsp_write_header(&p->out, "Unsupported", "%s", require);
		end(p);
		return;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++)
		if (!strcmp(m->method, methods[i].method)) {
			if (methods[i].open || login(p, m, cseq))
				methods[i].run(p, m, cseq);
			return;
		}
	begin(p, 405, cseq);
	pt_rtsp_write_header(&p->out, "Allow", METHODS);
	end(p);
}
