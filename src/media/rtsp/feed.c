/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/server-internal.h"

#define WAITING_MAX 512           /* blocks; the loop is stuck when so many wait */
#define RATE_NS (2 * PT_NS_PER_S) /* between two looks at what a stream needs */

typedef struct {
	Feed *feed;
	PtRtpBlock *block;
	uint32_t ssrc;
} Parcel;

static void feed_unref(Feed *f) {
	if (!g_atomic_int_dec_and_test(&f->refs))
		return;
	pt_stream_unref(f->stream);
	g_free(f);
}

static void look_at_rate(Feed *f) {
	int64_t now = pt_mono_ns(pt_clock_system());
	PtStreamStats stats;
	if (f->looked_ns && now - f->looked_ns < RATE_NS)
		return;
	f->looked_ns = now;
	f->rate = 0;
	pt_stream_get_stats(f->stream, &stats);
	for (unsigned t = 0; t < PT_STREAM_TRACKS; t++)
		f->rate += stats.tracks[t].bitrate;
	pt_stream_stats_clear(&stats);
}

/* On the loop. */
static void arrive(void *data) {
	Parcel *p = data;
	Feed *f = p->feed;
	g_atomic_int_dec_and_test(&f->waiting);
	look_at_rate(f);
	f->ssrcs[p->block->track] = p->ssrc;
	for (Peer *peer = f->members, *next; peer; peer = next) {
		next = peer->feed_next;
		if (g_atomic_int_get(&f->changed))
			pt_peer_kill(peer);
		else
			pt_peer_deliver(peer, p->block, p->ssrc);
	}
	if (f->members) { /* the server may be gone otherwise */
		f->server->stats.unsendable += (unsigned)g_atomic_int_and((guint *)&f->unsendable, 0);
		f->server->stats.dropped_samples += (unsigned)g_atomic_int_and((guint *)&f->overrun, 0);
		pt_peer_sweep(f->server);
	}
	pt_rtp_block_unref(p->block);
	feed_unref(f);
	g_free(p);
}

/* On the stream's pushing thread. */
static void take(PtSink *sink, PtSample *s) {
	Feed *f = (Feed *)sink;
	unsigned t = s->track;
	if (!(g_atomic_int_get(&f->wanted) >> t & 1))
		return;
	if (!f->packing[t]) {
		pt_rtp_packer_init(&f->packers[t], s->format, t);
		f->codecs[t] = s->format->codec;
		f->packing[t] = true;
	}
	if (f->codecs[t] != s->format->codec)
		g_atomic_int_set(&f->changed, 1);
	bool video = pt_codec_kind(s->format->codec) == PT_KIND_VIDEO;
	if (g_atomic_int_get(&f->waiting) >= WAITING_MAX)
		f->skipping = true;
	else if (s->key && video && g_atomic_int_get(&f->waiting) < WAITING_MAX / 2)
		f->skipping = false;
	else if (!video && f->skipping && g_atomic_int_get(&f->waiting) < WAITING_MAX / 4)
		f->skipping = false; /* a stream without pictures */
	/* what is left out is numbered all the same: by that receivers know of it */
	PtRtpBlock *block = pt_rtp_pack(&f->packers[t], s);
	if (!block) {
		g_atomic_int_inc(&f->unsendable);
		return;
	}
	if (f->skipping) {
		g_atomic_int_inc(&f->overrun);
		pt_rtp_block_unref(block);
		return;
	}
	block->mono_ns = pt_mono_ns(pt_clock_system());
	Parcel *p = g_new(Parcel, 1);
	*p = (Parcel){f, block, f->packers[t].ssrc};
	g_atomic_int_inc(&f->refs);
	g_atomic_int_inc(&f->waiting);
	pt_loop_post(f->server->loop, arrive, p);
}

/* On the loop. */
static void let_members_go(void *data) {
	Feed *f = data;
	bool any = f->members != NULL; /* the server may be gone otherwise */
	for (Peer *peer = f->members, *next; peer; peer = next) {
		next = peer->feed_next;
		pt_peer_kill(peer);
	}
	if (any)
		pt_peer_sweep(f->server);
	feed_unref(f);
}

/* A stream that is stopped (its camera is gone or is another one now) ends for its clients too: they had better ask anew
 * than wait for what does not come. One that is merely lost comes back. */
static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	Feed *f = (Feed *)sink;
	if (state != PT_STREAM_IDLE)
		return;
	g_atomic_int_inc(&f->refs);
	pt_loop_post(f->server->loop, let_members_go, f);
}

static const PtSinkOps ops = {.name = "rtsp", .sample = take, .state = on_state};

Feed *pt_feed_get(PtRtspServer *server, PtStream *stream) {
	for (Feed *f = server->feeds; f; f = f->next)
		if (f->stream == stream)
			return f;
	Feed *f = g_new0(Feed, 1);
	f->sink.ops = &ops;
	f->refs = 1;
	f->server = server;
	f->stream = pt_stream_ref(stream);
	f->next = server->feeds;
	server->feeds = f;
	pt_stream_add_sink(stream, &f->sink);
	return f;
}

static void update_wanted(Feed *f) {
	int wanted = 0;
	for (Peer *p = f->members; p; p = p->feed_next)
		for (unsigned t = 0; t < PT_STREAM_TRACKS; t++)
			wanted |= p->tracks[t].set << t;
	g_atomic_int_set(&f->wanted, wanted);
}

void pt_feed_join(Feed *f, Peer *peer) {
	if (!peer->feed) {
		peer->feed = f;
		peer->feed_next = f->members;
		f->members = peer;
	}
	update_wanted(f);
}

void pt_feed_leave(Peer *peer) {
	Feed *f = peer->feed;
	if (!f)
		return;
	for (Peer **p = &f->members; *p; p = &(*p)->feed_next)
		if (*p == peer) {
			*p = peer->feed_next;
			break;
		}
	peer->feed = NULL;
	peer->feed_next = NULL;
	if (f->members) {
		update_wanted(f);
		return;
	}
	pt_stream_remove_sink(&f->sink);
	for (Feed **p = &f->server->feeds; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	feed_unref(f);
}
