/* DESCRIBE: what a stream, or a recording, consists of. A stream that has just begun is waited for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/session-internal.h"
#include <string.h>

#define DESCRIBE_WAIT (5 * PT_NS_PER_S)
#define DESCRIBE_STEP (50 * PT_NS_PER_MS)
#define SETTLE PT_NS_PER_S /* after a stream's start, for its other tracks to show up */

void pt_session_describe_clear(Peer *p) {
	pt_timer_cancel(&p->wait);
	g_clear_pointer(&p->describe.stream, pt_stream_unref);
	g_clear_pointer(&p->describe.cseq, g_free);
	g_clear_pointer(&p->describe.uri, g_free);
}

bool pt_session_offers(const Peer *p, PtStream *stream, const PtFormat *format) {
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
	pt_session_begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Content-Base", "%s%s", uri, g_str_has_suffix(uri, "/") ? "" : "/");
	pt_rtsp_write_header(&p->out, "Content-Type", "application/sdp");
	pt_rtsp_write_end(&p->out, sdp->str, sdp->len);
}

static void describe_stream(Peer *p, const PtStreamStats *stats) {
	g_autoptr(GString) sdp = begin_description(p, pt_stream_name(p->describe.stream), "npt=now-");
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		if (pt_session_offers(p, p->describe.stream, stats->tracks[i].format))
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
		pt_session_describe_clear(p);
	} else if (now >= p->describe.until) {
		g_autofree char *reason = g_strdup_printf("%s has no picture yet%s%s", pt_stream_name(p->describe.stream),
		                                          *stats.reason ? ": " : "", stats.reason);
		pt_session_refuse(p, 503, p->describe.cseq, reason);
		pt_session_describe_clear(p);
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
		pt_session_refuse_error(p, cseq, error);
}

void pt_session_describe(Peer *p, const PtRtspMessage *m, const char *cseq) {
	int track;
	g_autofree char *path = pt_session_split_uri(m->uri, &track);
	g_autoptr(GError) error = NULL;
	if (pt_session_still_busy(p, cseq))
		return;
	if (pt_session_is_replay(p, path)) {
		describe_replay(p, m, path, cseq);
		return;
	}
	PtStream *stream = path ? p->server->ops->find(p->server->data, path, p->user, &error) : NULL;
	if (!stream) {
		if (error)
			pt_session_refuse_error(p, cseq, error);
		else
			pt_session_reply(p, 404, cseq);
		return;
	}
	p->describe.stream = stream;
	p->describe.cseq = g_strdup(cseq);
	p->describe.uri = g_strdup(m->uri);
	p->describe.talk = pt_session_wants_to_talk(m);
	p->describe.until = pt_mono_ns(pt_clock_system()) + DESCRIBE_WAIT;
	pt_session_describe_again(p);
}
