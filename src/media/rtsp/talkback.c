/* The back channel of the server (ONVIF Streaming Specification, "Back Channel Connection"): sound that a client sends, for
 * a loudspeaker of ours. G.711 over TCP; one client talks at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/g711.h"
#include "media/rtp/packet.h"
#include "media/rtsp/server-internal.h"
#include <string.h>

#define PACKET_MAX 2048                   /* bytes of one that is looked at */
#define AHEAD_MAX (2 * PT_SPEAKER_RATE)   /* samples that wait for the loudspeaker; what comes beyond is dropped */
#define SILENCE_MAX (PT_SPEAKER_RATE / 5) /* in the place of packets that are missing */

bool pt_talkback_is_offered(const Peer *p, PtStream *stream) {
	const PtRtspServerOps *ops = p->server->ops;
	return ops->talk && ops->may_talk(p->server->data, pt_stream_name(stream), p->user);
}

void pt_talkback_describe(GString *sdp) {
	g_string_append_printf(sdp,
	                       "m=audio 0 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
	                       "a=control:track%d\r\na=sendonly\r\n",
	                       PT_TALKBACK_TRACK);
}

bool pt_talkback_open(Peer *p, const int channels[2], GError **error) {
	PtRtspServer *s = p->server;
	if (!pt_talkback_is_offered(p, p->stream)) {
		pt_error_set(error, NOT_FOUND, "%s has no loudspeaker, or you may not talk", pt_stream_name(p->stream));
		return false;
	}
	for (const Peer *q = s->peers; q; q = q->next)
		if (q != p && !q->dead && q->talk.speaker && q->stream == p->stream) {
			pt_error_set(error, BUSY, "somebody else is talking");
			return false;
		}
	if (!p->talk.speaker)
		p->talk.speaker = s->ops->talk(s->data, pt_stream_name(p->stream), p->user, error);
	p->talk.channels[0] = channels[0];
	p->talk.channels[1] = channels[1];
	return p->talk.speaker != NULL;
}

void pt_talkback_close(Peer *p) {
	pt_speaker_close(p->talk.speaker, false);
	pt_buf_clear(&p->talk.packet);
	memset(&p->talk, 0, sizeof p->talk);
}

bool pt_talkback_wants(const Peer *p, uint8_t channel, size_t size) {
	return p->talk.speaker && p->state == SESSION_PLAYING && channel == p->talk.channels[0] && size <= PACKET_MAX;
}

static void say(Peer *p, const PtRtpPacket *r) {
	static const int16_t silence[SILENCE_MAX];
	int16_t sound[PACKET_MAX];
	if (pt_speaker_waiting(p->talk.speaker) > AHEAD_MAX)
		return;
	if (r->lost)
		pt_speaker_put(p->talk.speaker, silence, MIN((size_t)r->lost * r->size, SILENCE_MAX));
	for (size_t i = 0; i < r->size; i++)
		sound[i] = r->payload_type == 8 ? pt_g711_from_a_law(r->payload[i]) : pt_g711_from_mu_law(r->payload[i]);
	pt_speaker_put(p->talk.speaker, sound, r->size);
}

void pt_talkback_packet(Peer *p) {
	PtRtpPacket r;
	bool anew;
	PtRtpAccept *a = &p->talk.accept;
	if (pt_rtp_parse(p->talk.packet.data, p->talk.packet.size, &r) && (r.payload_type == 0 || r.payload_type == 8)) {
		a->payload_type = r.payload_type; /* it may speak either, and change */
		if (pt_rtp_accept_sender(a, &r, &anew) && pt_rtp_accept_next(a, &r, &anew))
			say(p, &r);
	}
	p->talk.packet.size = 0;
}
