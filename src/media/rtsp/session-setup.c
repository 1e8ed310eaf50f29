/* SETUP: one track after the other, and the way that its packets go. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/session-internal.h"
#include <string.h>

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
	if (pt_session_is_replay(p, *path)) {
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
				pt_session_refuse_error(p, cseq, error);
			else
				pt_session_reply(p, 404, cseq);
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
	if (pt_session_offers(p, p->stream, format))
		return format;
	pt_format_unref(format);
	return NULL;
}

static void reply_transport(Peer *p, const PtRtspTransport *t, const char *cseq) {
	g_autofree char *transport = pt_rtsp_transport_format(t);
	pt_session_begin(p, 200, cseq);
	pt_rtsp_write_header(&p->out, "Transport", "%s", transport);
	pt_session_end(p);
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
		pt_session_reply(p, 400, cseq);
	else if (pt_talkback_open(p, t->interleaved, &error)) {
		p->state = SESSION_READY;
		reply_transport(p, t, cseq);
		return;
	}
	if (error)
		pt_session_refuse_error(p, cseq, error);
	forget_unused(p);
}

void pt_session_set_up(Peer *p, const PtRtspMessage *m, const char *cseq) {
	int track;
	g_autofree char *path = pt_session_split_uri(m->uri, &track);
	PtRtspTransport t;
	if (p->state == SESSION_PLAYING) {
		pt_session_reply(p, 455, cseq);
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
		pt_session_reply(p, status, cseq);
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
