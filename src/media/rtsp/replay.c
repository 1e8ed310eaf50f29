/* Footage of the past to one client (ONVIF Streaming Specification, Playback): a thread of its own reads and packetises as
 * far as the client takes it; everything that touches the connection runs on the server's loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/replay.h"
#include "media/rtp/rtcp.h"
#include "media/rtsp/range.h"
#include "media/rtsp/replay-order.h"
#include "media/rtsp/server-internal.h"
#include <string.h>

#define AHEAD_MAX (1u * 1024 * 1024)     /* bytes that are read and not yet sent */
#define LOOK_NS (PT_NS_PER_S * 3 / 10)   /* between two looks for what is being recorded */
#define GAP_PLAYED_NS (PT_NS_PER_S / 25) /* what a gap takes when the server keeps the time */

enum { CLEAN = 0x80, END = 0x40, DISCONTINUITY = 0x20, TERMINAL = 0x10 };

struct Replay {
	int refs;             /* atomic: the connection, the thread, each posted answer and block */
	PtRtspServer *server; /* while the thread runs */
	PtLoop *loop;
	PtReplay *recording;
	char *path;
	GMutex lock;
	GCond changed;

	/* under lock */
	bool quit, ask_describe, ask_play, paused;
	bool over;           /* the last run came to its end */
	PtReplayOrder order; /* of the last PLAY; written on the loop */
	unsigned generation; /* of PLAY: what is older is not sent any more */
	size_t posted, queued;
	int64_t first_ns, last_ns;
	PtFormat *formats[PT_STREAM_TRACKS];

	/* loop's thread only */
	Peer *peer;       /* NULL: gone */
	char *cseq, *uri; /* of the request that waits for its answer */
	bool stands;      /* a PLAY was answered, and none refused since */
	int64_t sent_ns;  /* wall time of the last sample that was given to the connection; 0: none */

	/* the replay's thread only */
	PtReplayRun *run;
	PtReplayOrder now;
	unsigned run_generation;
	bool begun; /* the PLAY was answered */
	PtRtpPacker packers[PT_STREAM_TRACKS];
	PtFormat *packed[PT_STREAM_TRACKS]; /* what the packers were made for */
	int64_t due;                        /* monotonic, of the next look or sample */
	int64_t play_ns;                    /* what the server's clock of playback has come to, over all runs */
	int64_t play_begin;                 /* play_ns is then, monotonic */
	int64_t last_decode, group_decode;
	bool last_end;
};

static int64_t mono(void) { return pt_mono_ns(pt_clock_system()); }

static void replay_unref(Replay *r) {
	if (!g_atomic_int_dec_and_test(&r->refs))
		return;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		pt_format_unref(r->formats[i]);
		pt_format_unref(r->packed[i]);
	}
	r->recording->ops->free(r->recording);
	g_mutex_clear(&r->lock);
	g_cond_clear(&r->changed);
	g_free(r->path);
	g_free(r->cseq);
	g_free(r->uri);
	g_free(r);
}

/* ---- to the loop ---- */

/* What the thread has to say. */
typedef struct {
	Replay *replay;
	unsigned generation;
	PtRtpBlock *block; /* or an answer: */
	unsigned status;   /* 200, or why not */
	char *reason;
	bool described;
	char *range, *info; /* info: "TRACK;seq=…;rtptime=…,", one after the other */
	bool paced;
	double scale;
} Word;

static Word *word_new(Replay *r) {
	Word *w = g_new0(Word, 1);
	w->replay = r;
	w->generation = r->run_generation;
	g_atomic_int_inc(&r->refs);
	return w;
}

static void word_free(Word *w) {
	pt_rtp_block_unref(w->block);
	g_free(w->reason);
	g_free(w->range);
	g_free(w->info);
	replay_unref(w->replay);
	g_free(w);
}

static void take_block(Word *w, Peer *p) {
	SessionTrack *t = &p->tracks[w->block->track];
	if (p->state == SESSION_NONE || !t->set)
		return;
	w->replay->sent_ns = w->block->wall_ns;
	t->packets += w->block->n_packets;
	p->server->stats.packets += w->block->n_packets;
	p->server->stats.octets += w->block->octets;
	pt_peer_send_block(p, w->block);
}

static void tell_playing(Word *w, Peer *p, const char *cseq, const char *uri) {
	g_autoptr(GString) info = g_string_new(NULL);
	g_auto(GStrv) tracks = g_strsplit(w->info, ",", -1);
	int base = (int)strlen(uri);
	while (base && uri[base - 1] == '/')
		base--;
	for (char **t = tracks; *t && **t; t++)
		g_string_append_printf(info, "%surl=%.*s/track%s", info->len ? "," : "", base, uri, *t);
	pt_session_playing(p, cseq, w->range, info->str, w->paced, w->scale);
}

static void take_answer(Word *w, Peer *p) {
	Replay *r = w->replay;
	g_autofree char *cseq = g_steal_pointer(&r->cseq), *uri = g_steal_pointer(&r->uri);
	if (!cseq) { /* it broke off after it had been answered */
		pt_peer_kill(p);
		return;
	}
	if (!w->described) {
		r->stands = w->status == 200;
		if (!r->stands)
			p->state = SESSION_READY; /* nothing plays any more, whatever did before */
	}
	if (w->status != 200)
		pt_session_refuse(p, w->status, cseq, w->reason);
	else if (w->described)
		pt_session_described(p, cseq, uri, w->range);
	else
		tell_playing(w, p, cseq, uri);
}

/* On the loop. */
static void hear(void *data) {
	Word *w = data;
	Replay *r = w->replay;
	Peer *p = r->peer;
	g_mutex_lock(&r->lock);
	bool stale = w->generation != r->generation && !w->described;
	if (w->block)
		r->posted -= w->block->data.size;
	g_mutex_unlock(&r->lock);
	if (p && !p->dead && !stale) {
		if (w->block)
			take_block(w, p);
		else
			take_answer(w, p);
		pt_peer_flush(p);
		pt_peer_sweep(p->server);
	}
	word_free(w);
}

static void say(Replay *r, Word *w) { pt_loop_post(r->loop, hear, w); }

static void say_error(Replay *r, unsigned status, const char *reason) {
	Word *w = word_new(r);
	w->status = status;
	w->reason = g_strdup(reason);
	say(r, w);
}

/* ---- on the thread ---- */

static void look_at_recording(Replay *r) {
	PtFormat *formats[PT_STREAM_TRACKS] = {NULL};
	g_autoptr(GError) error = NULL;
	int64_t first = 0, last = 0;
	bool ok = r->recording->ops->describe(r->recording, formats, &first, &last, &error);
	Word *w = word_new(r);
	w->described = true;
	if (ok) {
		g_autofree char *from = pt_rtsp_clock_format(first), *to = pt_rtsp_clock_format(last);
		w->status = 200;
		w->range = g_strdup_printf("clock=%s-%s", from, to);
	} else {
		w->status = g_error_matches(error, PT_ERROR, PT_ERROR_NOT_FOUND) ? 404 : 500;
		w->reason = g_strdup(error->message);
	}
	g_mutex_lock(&r->lock);
	r->first_ns = first;
	r->last_ns = last;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		pt_format_unref(r->formats[i]);
		r->formats[i] = formats[i];
		if (!formats[i] || (r->packed[i] && r->packed[i]->codec == formats[i]->codec))
			continue;
		pt_format_unref(r->packed[i]);
		pt_rtp_packer_init(&r->packers[i], formats[i], i);
		r->packed[i] = pt_format_ref(formats[i]);
	}
	g_mutex_unlock(&r->lock);
	say(r, w);
}

static void end_run(Replay *r) {
	if (r->run)
		r->recording->ops->close(r->run);
	r->run = NULL;
}

static void run_over(Replay *r) {
	end_run(r);
	g_mutex_lock(&r->lock);
	r->over = r->run_generation == r->generation;
	g_mutex_unlock(&r->lock);
}

/* The span in wall time. */
static void resolve(Replay *r, PtReplayOrder *o) {
	g_mutex_lock(&r->lock);
	int64_t first = r->first_ns, last = r->last_ns;
	g_mutex_unlock(&r->lock);
	if (o->relative) {
		if (!o->from_begin && !o->from_end)
			o->span.from_ns += first;
		if (o->span.to_ns != INT64_MAX && o->span.to_ns != INT64_MIN)
			o->span.to_ns += first;
	}
	if (o->from_begin)
		o->span.from_ns = first;
	if (o->from_end)
		o->span.from_ns = MAX(last, pt_wall_ns(pt_clock_system()));
}

static void begin_run(Replay *r) {
	g_autoptr(GError) error = NULL;
	end_run(r);
	resolve(r, &r->now);
	r->begun = false;
	r->due = 0;
	r->run = r->recording->ops->open(r->recording, &r->now.span, &error);
	if (!r->run)
		say_error(r, 500, error->message);
}

static int64_t scaled(const Replay *r, int64_t ns) { return (int64_t)((double)ns / r->now.scale); }

/* Playback's clock at the next sample of a run in which the server keeps the time. Forward it goes on as the footage does,
 * gaps passed over. In reverse a group of pictures is shown from its end to its beginning: it is sent when the one before
 * has been shown. */
static void keep_time(Replay *r, const PtReplayItem *item) {
	bool reverse = r->now.span.reverse;
	int64_t on = reverse ? r->group_decode - item->decode_ns : item->decode_ns - r->last_decode;
	if (!r->begun) {
		r->play_begin = mono() - r->play_ns;
		r->group_decode = item->decode_ns;
		on = 0;
	} else if (reverse && !item->discontinuity) {
		on = 0;
	} else if (r->last_end) {
		on = GAP_PLAYED_NS;
	}
	if (reverse && item->discontinuity)
		r->group_decode = item->decode_ns;
	r->last_decode = item->decode_ns;
	r->last_end = item->end;
	r->play_ns += MAX(scaled(r, on), 0);
}

/* When a sample is to be shown, on the axis that RTP times count. */
static int64_t shown_ns(const Replay *r, const PtReplayItem *item) {
	int64_t wall = item->sample->wall_ns;
	if (!r->now.paced)
		return wall;
	if (r->now.span.reverse)
		return r->play_ns - scaled(r, wall - r->group_decode);
	return r->play_ns + scaled(r, wall - item->decode_ns);
}

static int64_t to_ticks(int64_t ns, uint32_t rate) {
	return ns / PT_NS_PER_S * rate + ns % PT_NS_PER_S * rate / PT_NS_PER_S;
}

/* The answer to PLAY, when the first sample is there: where it really begins, and the packets that begin it. */
static void answer_play(Replay *r, const PtReplayItem *item, int64_t shown) {
	g_autofree char *from = pt_rtsp_clock_format(item ? item->sample->wall_ns : r->now.span.from_ns);
	bool open = r->now.span.to_ns == INT64_MAX || r->now.span.to_ns == INT64_MIN;
	g_autofree char *to = open ? g_strdup("") : pt_rtsp_clock_format(r->now.span.to_ns);
	GString *info = g_string_new(NULL);
	for (unsigned i = 0; i < PT_STREAM_TRACKS && item; i++)
		if (r->packed[i] && r->now.span.tracks >> i & 1)
			g_string_append_printf(info, "%u;seq=%u;rtptime=%u,", i, r->packers[i].seq,
			                       (uint32_t)((uint64_t)to_ticks(shown, pt_rtp_clock_rate(r->packed[i])) +
			                                  r->packers[i].time_offset));
	Word *w = word_new(r);
	w->status = 200;
	w->range = g_strdup_printf("clock=%s-%s", from, to);
	w->info = g_string_free(info, FALSE);
	w->paced = r->now.paced;
	w->scale = r->now.span.reverse ? -r->now.scale : r->now.scale;
	r->begun = true;
	say(r, w);
}

static void send_sample(Replay *r, const PtReplayItem *item) {
	PtSample *s = item->sample;
	unsigned t = s->track;
	PtRtpPacker *packer = &r->packers[t];
	if (r->now.paced)
		keep_time(r, item);
	int64_t shown = shown_ns(r, item);
	if (!r->begun)
		answer_play(r, item, shown);
	if (!r->packed[t] || r->packed[t]->codec != s->format->codec) {
		packer->seq++; /* it began with another codec: who wants this has to ask anew, and sees that it is missing */
		return;
	}
	s->pts = to_ticks(shown, s->format->timescale);
	uint8_t *e = packer->extension;
	pt_put_u16(e, 0xABAC);
	pt_put_u16(e + 2, 3);
	pt_ntp_write(e + 4, s->wall_ns);
	e[12] = (uint8_t)((s->key ? CLEAN : 0) | (item->end ? END : 0) | (item->discontinuity ? DISCONTINUITY : 0) |
	                  (item->terminal ? TERMINAL : 0));
	e[13] = r->now.cseq;
	pt_put_u16(e + 14, 0);
	packer->extension_size = 16;
	PtRtpBlock *block = pt_rtp_pack(packer, s);
	if (!block)
		return;
	Word *w = word_new(r);
	w->block = block;
	g_mutex_lock(&r->lock);
	r->posted += block->data.size;
	g_mutex_unlock(&r->lock);
	if (r->now.paced)
		r->due = r->play_begin + r->play_ns;
	say(r, w);
}

static void go_on(Replay *r) {
	PtReplayItem item = {0};
	g_autoptr(GError) error = NULL;
	switch (r->recording->ops->next(r->run, &item, &error)) {
	case PT_REPLAY_SAMPLE:
		send_sample(r, &item);
		pt_sample_unref(item.sample);
		break;
	case PT_REPLAY_LATER:
		if (!r->begun)
			answer_play(r, NULL, 0);
		r->due = mono() + LOOK_NS;
		break;
	case PT_REPLAY_OVER:
		if (!r->begun)
			say_error(r, 457, "there is no footage in this range");
		run_over(r);
		break;
	case PT_REPLAY_FAILED:
		say_error(r, 500, error->message);
		run_over(r);
		break;
	}
}

static void *work(void *data) {
	Replay *r = data;
	PtRtspServer *server = r->server;
	g_mutex_lock(&r->lock);
	while (!r->quit) {
		bool may = r->run && !r->paused && r->posted + r->queued < AHEAD_MAX;
		int64_t wait = may ? r->due - mono() : 0;
		if (r->ask_describe) {
			r->ask_describe = false;
			g_mutex_unlock(&r->lock);
			look_at_recording(r);
			g_mutex_lock(&r->lock);
		} else if (r->ask_play) {
			r->ask_play = false;
			r->now = r->order;
			r->run_generation = r->generation;
			g_mutex_unlock(&r->lock);
			begin_run(r);
			g_mutex_lock(&r->lock);
		} else if (!may) {
			bool stood = r->paused;
			g_cond_wait(&r->changed, &r->lock);
			if (stood && !r->paused)
				r->play_begin = mono() - r->play_ns;
		} else if (wait > 0) {
			g_cond_wait_until(&r->changed, &r->lock, g_get_monotonic_time() + wait / 1000 + 1);
		} else {
			g_mutex_unlock(&r->lock);
			go_on(r);
			g_mutex_lock(&r->lock);
		}
	}
	g_mutex_unlock(&r->lock);
	end_run(r);
	replay_unref(r);
	g_mutex_lock(&server->lock);
	server->replay_threads--;
	g_cond_signal(&server->ended);
	g_mutex_unlock(&server->lock);
	return NULL;
}

/* ---- on the loop ---- */

Replay *pt_replay_new(Peer *peer, const char *path, GError **error) {
	PtRtspServer *server = peer->server;
	g_mutex_lock(&server->lock);
	bool room = server->replay_threads < PT_RTSP_SERVER_REPLAYS;
	server->replay_threads += room;
	g_mutex_unlock(&server->lock);
	PtReplay *recording = room ? server->ops->replay(server->data, path, peer->user, error) : NULL;
	Replay *r = NULL;
	GThread *thread = NULL;
	if (recording) {
		r = g_new0(Replay, 1);
		r->refs = 2;
		r->server = server;
		r->loop = server->loop;
		r->recording = recording;
		r->path = g_strdup(path);
		r->peer = peer;
		g_mutex_init(&r->lock);
		g_cond_init(&r->changed);
		thread = g_thread_try_new("replay", work, r, error);
	} else if (!room) {
		pt_error_set(error, BUSY, "%u recordings are being replayed, which is all at a time",
		             PT_RTSP_SERVER_REPLAYS);
	}
	if (thread) {
		g_thread_unref(thread);
		return r;
	}
	if (r) {
		r->refs = 1;
		replay_unref(r);
	}
	g_mutex_lock(&server->lock);
	server->replay_threads -= room;
	g_mutex_unlock(&server->lock);
	return NULL;
}

void pt_replay_free(Replay *r) {
	if (!r)
		return;
	r->peer = NULL;
	g_mutex_lock(&r->lock);
	r->quit = true;
	g_cond_signal(&r->changed);
	g_mutex_unlock(&r->lock);
	replay_unref(r);
}

bool pt_replay_is_allowed(const Replay *r, GError **error) {
	PtRtspServer *server = r->peer->server;
	PtReplay *now = server->ops->replay(server->data, r->path, r->peer->user, error);
	if (!now)
		return false;
	bool all = true;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		all &= now->tracks[i] || !r->recording->tracks[i];
	now->ops->free(now);
	if (!all)
		pt_error_set(error, DENIED, "the sound of %s is not for everybody any more: describe it anew", r->path);
	return all;
}

const char *pt_replay_path(const Replay *r) { return r->path; }
bool pt_replay_busy(const Replay *r) { return r->cseq != NULL; }
const char *pt_replay_track_name(const Replay *r, unsigned track) { return r->recording->tracks[track]; }

PtFormat *pt_replay_format(const Replay *r, unsigned track) {
	Replay *own = (Replay *)r;
	g_mutex_lock(&own->lock);
	PtFormat *format = r->formats[track] ? pt_format_ref(r->formats[track]) : NULL;
	g_mutex_unlock(&own->lock);
	return format;
}

static void remember(Replay *r, const PtRtspMessage *m, const char *cseq) {
	r->cseq = g_strdup(cseq);
	r->uri = g_strdup(m->uri);
}

void pt_replay_describe(Replay *r, const PtRtspMessage *m, const char *cseq) {
	remember(r, m, cseq);
	g_mutex_lock(&r->lock);
	r->ask_describe = true;
	g_cond_signal(&r->changed);
	g_mutex_unlock(&r->lock);
}

/* Whether there is a place to go on from. */
static bool stands(Replay *r) {
	g_mutex_lock(&r->lock);
	bool ended = r->over && !r->paused && !r->posted;
	g_mutex_unlock(&r->lock);
	return r->stands && (!ended || r->peer->queue_bytes);
}

/* What comes next: what waits for the connection, or else what follows the last that it was given. */
static void go_on_from(const Replay *r, PtReplayOrder *o, int64_t first_ns) {
	const PtRtpBlock *waiting = r->peer->queue.head ? r->peer->queue.head->data : NULL;
	int64_t at = waiting ? waiting->wall_ns : r->sent_ns;
	if (!at)
		return;
	o->span.from_ns = at - (o->relative ? first_ns : 0);
	o->from_begin = o->from_end = false;
}

PtReplayPlay pt_replay_play(Replay *r, const PtRtspMessage *m, const char *cseq, GError **error) {
	PtReplayOrder order = {.paced = true, .scale = 1};
	bool udp = false, standing = !pt_rtsp_message_get(m, "Range") && stands(r);
	if (standing)
		order = r->order;
	order.cseq = (uint8_t)g_ascii_strtoull(cseq, NULL, 10);
	order.span.tracks = 0;
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		order.span.tracks |= (unsigned)r->peer->tracks[i].set << i;
		udp |= r->peer->tracks[i].set && !r->peer->tracks[i].tcp;
	}
	if (!pt_replay_order_read(m, udp, standing, &order, error))
		return PT_REPLAY_PLAY_REFUSED;
	bool on = standing && pt_replay_order_same(&order, &r->order);
	if (!on)
		remember(r, m, cseq);
	g_mutex_lock(&r->lock);
	if (standing && !on)
		go_on_from(r, &order, r->first_ns);
	if (!on) {
		r->order = order;
		r->generation++;
		r->ask_play = true;
		r->over = false;
	}
	r->paused = false;
	g_cond_signal(&r->changed);
	g_mutex_unlock(&r->lock);
	if (!on) {
		pt_peer_drop_queue(r->peer);
		r->sent_ns = 0;
	}
	return on ? PT_REPLAY_PLAY_ON : PT_REPLAY_PLAY_ASKED;
}

void pt_replay_pause(Replay *r) {
	g_mutex_lock(&r->lock);
	r->paused = true;
	g_cond_signal(&r->changed);
	g_mutex_unlock(&r->lock);
}

void pt_replay_drained(Replay *r, size_t queue_bytes) {
	g_mutex_lock(&r->lock);
	r->queued = queue_bytes;
	g_cond_signal(&r->changed);
	g_mutex_unlock(&r->lock);
}
