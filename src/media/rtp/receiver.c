/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/receiver.h"
#include "media/rtp/accept.h"
#include "media/rtp/reorder.h"
#include "media/rtp/timeline.h"
#include "base/clock.h"
#include <glib.h>

#define APART_NS (2 * PT_NS_PER_S) /* tracks whose reports differ by more do not share a clock */
#define STILL_NS (PT_NS_PER_S / 2) /* a frame later than that with the time of the one before: no packet of that one */

struct PtRtpReceiver {
	PtStream *stream;
	unsigned track;
	PtDepack *depack;
	PtReorder *reorder; /* NULL: the transport keeps the order */
	PtTimeline time;
	PtRtpClocks *clocks;
	PtDts dts;
	int64_t frame_ticks; /* a frame's duration, roughly */
	void (*first)(void *user);
	void *user;

	PtRtpAccept accept;
	bool bye;
	bool marked; /* the last packet ended a frame */
	uint64_t samples, refused;
	uint64_t counted_packets, counted_lost, counted_refused; /* what the stream knows */

	int64_t now, offset; /* of the packet being handled */
	uint32_t sr_middle;
	int64_t sr_arrival;
	uint64_t reported_packets, reported_lost;
	int64_t transit;
	uint32_t jitter16; /* times 16 */
};

static void count(PtRtpReceiver *r) {
	uint64_t packets = r->accept.packets - r->counted_packets, lost = r->accept.lost - r->counted_lost;
	if (!packets && !lost && !r->depack->dropped)
		return;
	pt_stream_count(r->stream, r->track, packets, lost, r->depack->dropped);
	r->depack->dropped = 0;
	r->counted_packets = r->accept.packets;
	r->counted_lost = r->accept.lost;
}

static void count_refused(PtRtpReceiver *r) {
	r->refused += r->depack->bad;
	r->depack->bad = 0;
	if (r->refused != r->counted_refused)
		pt_stream_count_refused(r->stream, r->refused - r->counted_refused);
	r->counted_refused = r->refused;
}

static void on_sample(PtDepack *d, PtSample *sample) {
	PtRtpReceiver *r = d->user;
	sample->track = (uint8_t)r->track;
	sample->dts = pt_dts_next(&r->dts, sample->pts, sample->format->reorder, r->frame_ticks);
	sample->wall_ns = pt_timeline_wall(&r->time, sample->pts, r->offset);
	if (!r->samples++)
		r->first(r->user);
	count(r);
	pt_stream_push(r->stream, sample);
	pt_sample_unref(sample);
}

static void deliver(void *data, const uint8_t *packet, size_t size);

PtRtpReceiver *pt_rtp_receiver_new(const PtRtpReceiverParams *params) {
	PtRtpReceiver *r = g_new0(PtRtpReceiver, 1);
	r->stream = params->stream;
	r->track = params->track;
	r->clocks = params->clocks;
	r->first = params->first;
	r->user = params->user;
	r->accept.payload_type = params->payload_type;
	r->accept.has_ssrc = params->has_ssrc;
	r->accept.ssrc = params->ssrc;
	r->frame_ticks = params->depack.clock_rate / 25;
	pt_timeline_init(&r->time, params->depack.clock_rate);
	r->depack = pt_depack_new(params->codec, &params->depack, on_sample, r);
	if (params->unordered)
		r->reorder = pt_reorder_new(deliver, r);
	pt_stream_set_format(r->stream, r->track, r->depack->format);
	return r;
}

void pt_rtp_receiver_free(PtRtpReceiver *r) {
	if (!r)
		return;
	count(r);
	count_refused(r);
	pt_depack_free(r->depack);
	pt_reorder_free(r->reorder);
	g_free(r);
}

/* The stream begins anew from another source or sequence: what was there is not continued. */
static bool is_ours(PtRtpReceiver *r, const PtRtpPacket *p) {
	bool anew, ours = pt_rtp_accept_sender(&r->accept, p, &anew);
	if (anew) {
		r->depack->broken = true;
		pt_timeline_restart(&r->time);
	}
	return ours;
}

/* RFC 3550 §A.8, per timestamp: the packets of one picture leave in a burst, that is no jitter */
static void note_jitter(PtRtpReceiver *r, uint32_t timestamp) {
	int64_t rate = r->time.rate;
	int64_t ticks = r->now / PT_NS_PER_S * rate + r->now % PT_NS_PER_S * rate / PT_NS_PER_S;
	int64_t transit = (int32_t)((uint32_t)ticks - timestamp);
	if (r->accept.packets > 1) {
		uint32_t d = (uint32_t)MIN(ABS(transit - r->transit), rate * 10);
		r->jitter16 += d - ((r->jitter16 + 8) >> 4);
	}
	r->transit = transit;
}

static void in_order(PtRtpReceiver *r, PtRtpPacket *p) {
	bool anew;
	if (!pt_rtp_accept_next(&r->accept, p, &anew)) {
		r->refused++; /* twice */
		return;
	}
	if (anew)
		r->depack->broken = true;
	if (!r->time.started || p->timestamp != r->time.last_rtp)
		note_jitter(r, p->timestamp);
	else if (r->marked && r->now - r->time.last_arrival > STILL_NS)
		pt_timeline_restart(&r->time); /* frame after frame, and the camera's clock stands still: ours goes on */
	r->marked = p->marker;
	p->ticks = pt_timeline_ticks(&r->time, p->timestamp, r->now);
	r->depack->ops->packet(r->depack, p);
}

static void deliver(void *data, const uint8_t *packet, size_t size) {
	PtRtpPacket p;
	if (pt_rtp_parse(packet, size, &p))
		in_order(data, &p);
}

void pt_rtp_receiver_rtp(PtRtpReceiver *r, const uint8_t *data, size_t n, int64_t mono_ns, int64_t wall_minus_mono_ns) {
	PtRtpPacket p;
	r->now = mono_ns;
	r->offset = wall_minus_mono_ns;
	if (!pt_rtp_parse(data, n, &p) || !is_ours(r, &p))
		r->refused++;
	else if (!r->reorder)
		in_order(r, &p);
	else if (!pt_reorder_put(r->reorder, p.seq, data, n, mono_ns))
		r->refused++;
}

/* By the camera's own clock picture and sound belong together; whichever takes longer on the way is moved back. */
static void keep_together(PtRtpReceiver *r, const PtRtcpInfo *info) {
	PtRtpClocks *c = r->clocks;
	if (!c || !pt_timeline_camera_offset(&r->time, info->rtp, info->ntp_wall_ns, &c->offset[r->track]))
		return;
	c->known[r->track] = true;
	int64_t most = c->offset[r->track];
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		if (c->known[i] && ABS(c->offset[i] - c->offset[r->track]) < APART_NS)
			most = MAX(most, c->offset[i]);
	r->time.correction = c->offset[r->track] - most;
}

void pt_rtp_receiver_rtcp(PtRtpReceiver *r, const uint8_t *data, size_t n, int64_t mono_ns, int64_t wall_minus_mono_ns) {
	PtRtcpInfo info;
	if (!pt_rtcp_parse(data, n, &info) || (r->accept.has_ssrc && info.ssrc != r->accept.ssrc))
		return;
	if (info.bye)
		r->bye = true;
	if (!info.has_report)
		return;
	r->sr_middle = info.ntp_middle;
	r->sr_arrival = mono_ns;
	if (info.ntp_wall_ns == INT64_MIN)
		return;
	pt_timeline_report(&r->time, info.rtp, info.ntp_wall_ns);
	keep_together(r, &info);
	pt_stream_set_clock_offset(r->stream, info.ntp_wall_ns - (mono_ns + wall_minus_mono_ns));
}

void pt_rtp_receiver_tick(PtRtpReceiver *r, int64_t mono_ns) {
	if (r->reorder) {
		r->now = mono_ns;
		pt_reorder_expire(r->reorder, mono_ns);
	}
	count(r);
	count_refused(r);
}

size_t pt_rtp_receiver_report(PtRtpReceiver *r, uint8_t *out, uint32_t own_ssrc, int64_t mono_ns) {
	if (!r->accept.packets)
		return 0;
	uint64_t lost = r->accept.lost - r->reported_lost, expected = lost + r->accept.packets - r->reported_packets;
	r->reported_lost = r->accept.lost;
	r->reported_packets = r->accept.packets;
	PtRtcpReceiverReport report = {
	    .ssrc = own_ssrc,
	    .sender = r->accept.ssrc,
	    .fraction_lost = expected ? (uint8_t)MIN(lost * 256 / expected, 255) : 0,
	    .lost = (uint32_t)MIN(r->accept.lost, 0x7fffff),
	    .highest_seq = r->accept.cycles + (uint16_t)(r->accept.next_seq - 1),
	    .jitter = r->jitter16 >> 4,
	    .lsr = r->sr_middle,
	    .dlsr = r->sr_middle ? (uint32_t)((mono_ns - r->sr_arrival) / 1000 * 65536 / 1000000) : 0,
	};
	return pt_rtcp_write_receiver(out, &report);
}

void pt_rtp_receiver_expect_ssrc(PtRtpReceiver *r, uint32_t ssrc) {
	r->accept.has_ssrc = true;
	r->accept.ssrc = ssrc;
}

uint64_t pt_rtp_receiver_packets(const PtRtpReceiver *r) { return r->accept.packets; }
uint64_t pt_rtp_receiver_samples(const PtRtpReceiver *r) { return r->samples; }
uint64_t pt_rtp_receiver_refused(const PtRtpReceiver *r) { return r->refused; }
bool pt_rtp_receiver_said_bye(const PtRtpReceiver *r) { return r->bye; }
