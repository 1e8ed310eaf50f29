/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/client-session.h"
#include "media/rtsp/transport.h"
#include <string.h>

#define SILENCE_NS (10 * PT_NS_PER_S) /* without any packet: lost */
#define NOTHING_NS (30 * PT_NS_PER_S) /* packets, but no sample */
#define NO_UDP_NS (5 * PT_NS_PER_S)   /* nothing over UDP: TCP it is */

static void on_first_sample(void *user) {
	Track *t = user;
	Client *c = t->client;
	if (c->live)
		return;
	c->live = true;
	pt_rtsp_client_set_state(c, PT_STREAM_LIVE, NULL);
}

static void take_rtp(Client *c, Track *t, bool rtcp, const uint8_t *data, size_t n) {
	if (c->state != STREAMING && c->state != CONNECTING)
		return;
	int64_t mono = now(c), offset = pt_loop_wall_ns(c->loop) - mono;
	if (rtcp)
		pt_rtp_receiver_rtcp(t->receiver, data, n, mono, offset);
	else
		pt_rtp_receiver_rtp(t->receiver, data, n, mono, offset);
}

static void on_datagram(PtUdpPair *pair, bool rtcp, const uint8_t *data, size_t n) {
	Track *t = pair->user;
	if (t->set_up)
		take_rtp(t->client, t, rtcp, data, n);
}

static bool wanted(const Client *c, const PtSdpMedia *m) {
	switch (pt_codec_kind(m->codec)) {
	case PT_KIND_VIDEO:
		return c->video;
	case PT_KIND_AUDIO:
		return c->audio;
	default:
		return c->metadata;
	}
}

/* The first of each kind that is wanted, in the order video, sound, metadata. False and lost() when none is left. */
bool pt_rtsp_tracks_choose(Client *c) {
	for (PtKind kind = PT_KIND_VIDEO; kind <= PT_KIND_METADATA; kind++)
		for (unsigned i = 0; i < c->dialog.sdp->n_media; i++) {
			const PtSdpMedia *m = &c->dialog.sdp->media[i];
			if (!m->known || m->backchannel || pt_codec_kind(m->codec) != kind || !wanted(c, m))
				continue;
			c->tracks[c->n_tracks++] = (Track){.client = c, .media = i, .channel = -1};
			break;
		}
	for (unsigned i = c->n_tracks; i < PT_STREAM_TRACKS; i++)
		pt_stream_set_format(c->stream, i, NULL); /* tracks it had before and has no more */
	if (c->n_tracks)
		return true;
	GString *list = g_string_new(NULL);
	for (unsigned i = 0; i < c->dialog.sdp->n_media; i++)
		g_string_append_printf(list, "%s%s: %s", i ? ", " : "", c->dialog.sdp->media[i].kind,
		                       c->dialog.sdp->media[i].encoding);
	pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_UNSUPPORTED,
	                    "camera %s speaks no codec that pigtail knows and is to take (%s)", c->dialog.camera, list->str);
	g_string_free(list, TRUE);
	return false;
}

void pt_rtsp_tracks_set_up_next(Client *c) {
	if (c->next_track == c->n_tracks) {
		PtBuf headers = {0};
		pt_rtsp_write_header(&headers, "Range", "npt=0.000-");
		pt_rtsp_dialog_ask(&c->dialog, PT_RTSP_PLAY, c->dialog.sdp->control, &headers);
		pt_buf_clear(&headers);
		return;
	}
	Track *t = &c->tracks[c->next_track];
	PtRtspTransport transport;
	pt_rtsp_transport_init(&transport);
	if (c->want_udp && !c->over_tcp && !c->dialog.at.tls) { /* over UDP it would not be encrypted */
		t->udp.packet = on_datagram;
		t->udp.user = t;
		int e = pt_udp_pair_open(&t->udp, c->loop, &c->dialog.connection.address);
		if (e) {
			pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_BUSY, "no pair of UDP ports is free here: %s",
			                    g_strerror(-e));
			return;
		}
		transport.client_port[0] = t->udp.port;
		transport.client_port[1] = t->udp.port + 1;
	} else {
		transport.tcp = true;
		transport.interleaved[0] = (int)c->next_track * 2;
		transport.interleaved[1] = (int)c->next_track * 2 + 1;
	}
	g_autofree char *text = pt_rtsp_transport_format(&transport);
	PtBuf headers = {0};
	pt_rtsp_write_header(&headers, "Transport", "%s", text);
	pt_rtsp_dialog_ask(&c->dialog, PT_RTSP_SETUP, c->dialog.sdp->media[t->media].control, &headers);
	pt_buf_clear(&headers);
}

static void make_receiver(Client *c, Track *t) {
	const PtSdpMedia *m = &c->dialog.sdp->media[t->media];
	PtRtpReceiverParams params = {
	    .stream = c->stream,
	    .track = (unsigned)(t - c->tracks),
	    .codec = m->codec,
	    .depack = {m->clock_rate, m->channels, m->fmtp, m->encoding},
	    .payload_type = (uint8_t)m->payload_type,
	    .unordered = t->udp.open,
	    .has_ssrc = t->has_ssrc,
	    .ssrc = t->ssrc,
	    .first = on_first_sample,
	    .user = t,
	};
	t->receiver = pt_rtp_receiver_new(&params);
	t->set_up = true;
}

static void open_firewall(Track *t, const PtRtspTransport *answer) {
	static const uint8_t empty[12] = {0x80};
	if (answer->server_port[0] < 0)
		return;
	int rtcp = answer->server_port[1] < 0 ? answer->server_port[0] + 1 : answer->server_port[1];
	pt_udp_pair_set_ports(&t->udp, (uint16_t)answer->server_port[0], (uint16_t)rtcp);
	pt_udp_pair_send(&t->udp, false, empty, sizeof empty);
}

void pt_rtsp_tracks_on_setup(Client *c, const PtRtspMessage *m) {
	Track *t = &c->tracks[c->next_track];
	const char *header = pt_rtsp_message_get(m, "Transport");
	PtRtspTransport answer;
	pt_rtsp_transport_init(&answer);
	if (header && !pt_rtsp_transport_next(&header, &answer))
		header = NULL;
	if (!c->dialog.session[0]) {
		pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_INVALID, "camera %s answered SETUP without a session",
		                    c->dialog.camera);
		return;
	}
	if (t->udp.open && header && answer.tcp) {
		pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_UNSUPPORTED, "camera %s was asked for UDP and answered with TCP",
		                    c->dialog.camera);
		return;
	}
	if (!t->udp.open && header && !answer.tcp && answer.interleaved[0] < 0) {
		pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_UNSUPPORTED, "camera %s was asked for TCP and answered with UDP",
		                    c->dialog.camera);
		return;
	}
	t->has_ssrc = answer.has_ssrc && answer.ssrc; /* some state 0 and mean nothing by it */
	t->ssrc = answer.ssrc;
	make_receiver(c, t);
	if (t->udp.open) {
		open_firewall(t, &answer);
	} else {
		int rtp = answer.interleaved[0] >= 0 ? answer.interleaved[0] : (int)c->next_track * 2;
		int rtcp = answer.interleaved[1] >= 0 ? answer.interleaved[1] : rtp + 1;
		if (c->channels[rtp]) { /* it gave one channel to two tracks: believe in what was asked for */
			rtp = (int)c->next_track * 2;
			rtcp = rtp + 1;
		}
		t->channel = rtp;
		c->channels[rtp] = (uint8_t)(1 + 2 * c->next_track);
		if (rtcp <= 255 && rtcp != rtp)
			c->channels[rtcp] = (uint8_t)(2 + 2 * c->next_track);
	}
	c->next_track++;
	pt_rtsp_tracks_set_up_next(c);
}

/* A track that is refused alone costs that track; when nothing is left, or the first one is refused, the stream. */
void pt_rtsp_tracks_on_setup_refused(Client *c, const PtRtspMessage *m) {
	if (m->status == 461 && c->tracks[c->next_track].udp.open) {
		c->over_tcp = true;
		pt_rtsp_client_try_again(c, 0);
		return;
	}
	if (c->next_track == 0) {
		pt_rtsp_dialog_refused(&c->dialog, PT_RTSP_SETUP, m);
		return;
	}
	pt_udp_pair_close(&c->tracks[c->next_track].udp);
	memmove(&c->tracks[c->next_track], &c->tracks[c->next_track + 1],
	        (c->n_tracks - c->next_track - 1) * sizeof *c->tracks);
	c->n_tracks--;
	pt_rtsp_tracks_set_up_next(c);
}

void pt_rtsp_tracks_on_frame(Client *c, uint8_t channel, const uint8_t *data, size_t n) {
	unsigned code = c->channels[channel];
	if (!code) {
		c->strangers++;
		return;
	}
	Track *t = &c->tracks[(code - 1) / 2];
	if (t->receiver)
		take_rtp(c, t, !(code & 1), data, n);
}

static void count_strangers(Client *c) {
	uint64_t n = c->strangers + c->dialog.connection.skipped;
	for (unsigned i = 0; i < c->n_tracks; i++) {
		n += c->tracks[i].udp.refused;
		c->tracks[i].udp.refused = 0;
	}
	c->strangers = c->dialog.connection.skipped = 0;
	if (n)
		pt_stream_count_refused(c->stream, n);
}

void pt_rtsp_tracks_drop(Client *c) {
	count_strangers(c);
	for (unsigned i = 0; i < c->n_tracks; i++) {
		pt_rtp_receiver_free(c->tracks[i].receiver);
		pt_udp_pair_close(&c->tracks[i].udp);
	}
	memset(c->tracks, 0, sizeof c->tracks);
	memset(c->channels, 0, sizeof c->channels);
	c->clocks = (PtRtpClocks){0};
	c->n_tracks = c->next_track = 0;
}

/* ---- once a second while it plays ---- */

void pt_rtsp_tracks_send_reports(Client *c) {
	for (unsigned i = 0; i < c->n_tracks; i++) {
		Track *t = &c->tracks[i];
		uint8_t report[4 + PT_RTCP_MAX];
		size_t n = pt_rtp_receiver_report(t->receiver, report + 4, c->own_ssrc, now(c));
		if (!n)
			continue;
		if (t->udp.open) {
			pt_udp_pair_send(&t->udp, true, report + 4, n);
		} else if (t->channel >= 0 && t->channel < 255) {
			report[0] = '$';
			report[1] = (uint8_t)(t->channel + 1);
			pt_put_u16(report + 2, (uint16_t)n);
			pt_rtsp_connection_send(&c->dialog.connection, report, n + 4);
		}
	}
	c->reported_at = now(c);
}

/* True while all is well. Metadata alone may be silent for hours. */
bool pt_rtsp_tracks_check_flow(Client *c) {
	uint64_t packets = 0, samples = 0;
	count_strangers(c);
	bool steady = false;
	for (unsigned i = 0; i < c->n_tracks; i++) {
		packets += pt_rtp_receiver_packets(c->tracks[i].receiver);
		samples += pt_rtp_receiver_samples(c->tracks[i].receiver);
		steady |= pt_codec_kind(c->dialog.sdp->media[c->tracks[i].media].codec) != PT_KIND_METADATA;
	}
	if (packets != c->packets_seen)
		c->packet_at = now(c);
	if (samples != c->samples_seen)
		c->sample_at = now(c);
	c->packets_seen = packets;
	c->samples_seen = samples;
	if (!steady)
		return true;
	if (c->tracks[0].udp.open && !packets && now(c) - c->played_at >= NO_UDP_NS) {
		c->over_tcp = true;
		pt_rtsp_client_set_state(c, PT_STREAM_CONNECTING, "nothing came over UDP, trying TCP");
		pt_rtsp_client_try_again(c, 0);
		return false;
	}
	if (now(c) - c->packet_at >= SILENCE_NS) {
		pt_rtsp_dialog_lose(&c->dialog, PT_ERROR_TIMEOUT, "camera %s: no data for 10 s", c->dialog.camera);
		return false;
	}
	if (now(c) - c->sample_at >= NOTHING_NS) {
		pt_rtsp_dialog_lose(
		    &c->dialog, PT_ERROR_TIMEOUT,
		    "camera %s sends packets, but no whole frame for 30 s (are parameter sets or key pictures missing?)",
		    c->dialog.camera);
		return false;
	}
	return true;
}
