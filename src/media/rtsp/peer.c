/* One connection: bytes in to requests, replies and packets out, deadlines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/rtcp.h"
#include "media/rtsp/server-internal.h"
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define IOV 64

static int64_t mono(void) { return pt_mono_ns(pt_clock_system()); }

/* ---- a narrow link: the lesser stream goes first ---- */

static bool same_host(const Address *a, const Address *b) {
	if (a->any.sa_family != b->any.sa_family)
		return false;
	return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
	                                   : !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
}

/* Another one to the same host is behind, takes what it gets and needs at most half as much: the sub stream stays live
 * while the main one has gaps. Footage of the past waits for all that is live. */
static bool gives_way(const Peer *p) {
	int64_t now = mono();
	for (const Peer *q = p->server->peers; q; q = q->next)
		if (q != p && q->feed && !q->dead && q->last_write && now - q->last_write < PT_PEER_TAKING_NS &&
		    (p->replay || (p->feed && 2 * q->feed->rate <= p->feed->rate && p->feed->rate > 0)) &&
		    same_host(&p->address, &q->address))
			return true;
	return false;
}

/* Those that gave way to one that is not behind any more. */
static void let_others_go_on(const Peer *p) {
	for (Peer *q = p->server->peers; q; q = q->next)
		if (q != p && q->yielding && !q->dead && same_host(&p->address, &q->address))
			pt_peer_flush(q);
}

/* ---- out ---- */

/* A replay that is paused: what was read ahead waits. */
static bool held(const Peer *p) { return p->replay && p->state != SESSION_PLAYING; }

void pt_peer_drop_queue(Peer *p) {
	GList *l = p->sent ? p->queue.head->next : p->queue.head;
	while (l) {
		GList *next = l->next;
		PtRtpBlock *b = l->data;
		p->queue_bytes -= b->data.size;
		pt_rtp_block_unref(b);
		g_queue_delete_link(&p->queue, l);
		l = next;
	}
}

static void drop_queue(Peer *p) {
	PtRtpBlock *b;
	while ((b = g_queue_pop_head(&p->queue)))
		pt_rtp_block_unref(b);
	p->queue_bytes = p->sent = 0;
}

/* What is to be written: the rest of a block that was begun, then replies, then blocks. */
static int gather(const Peer *p, struct iovec *iov) {
	int n = 0;
	const GList *l = p->queue.head;
	if (p->yielding && !p->out.size)
		return 0;
	if (l && p->sent) {
		const PtRtpBlock *b = l->data;
		iov[n++] = (struct iovec){b->data.data + p->sent, b->data.size - p->sent};
		l = l->next;
	}
	if (p->out.size)
		iov[n++] = (struct iovec){p->out.data, p->out.size};
	for (; l && n < IOV && !held(p) && !p->yielding; l = l->next) {
		const PtRtpBlock *b = l->data;
		iov[n++] = (struct iovec){b->data.data, b->data.size};
	}
	return n;
}

static void consume_block(Peer *p, size_t *n) {
	PtRtpBlock *b = p->queue.head->data;
	size_t left = b->data.size - p->sent, took = MIN(left, *n);
	*n -= took;
	p->sent += took;
	p->queue_bytes -= took;
	if (took == left) {
		g_queue_pop_head(&p->queue);
		pt_rtp_block_unref(b);
		p->sent = 0;
	}
}

static void consume(Peer *p, size_t n) {
	if (p->sent)
		consume_block(p, &n);
	size_t replies = MIN(n, p->out.size);
	if (replies) {
		memmove(p->out.data, p->out.data + replies, p->out.size - replies);
		p->out.size -= replies;
		n -= replies;
	}
	while (n)
		consume_block(p, &n);
}

/* What was encrypted goes first. False and errno when not all of it did. */
static bool send_wire(Peer *p) {
	while (p->wire_sent < p->wire.size) {
		ssize_t n =
		    send(p->watch.fd, p->wire.data + p->wire_sent, p->wire.size - p->wire_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		p->wire_sent += (size_t)n;
		p->written += (size_t)n;
		p->last_write = mono();
	}
	p->wire.size = p->wire_sent = 0;
	return true;
}

/* As sendmsg() does it: the bytes taken, or -1 and errno. */
static ssize_t send_encrypted(Peer *p, const struct iovec *iov, int n) {
	size_t total = 0;
	if (!send_wire(p))
		return -1;
	for (int i = 0; i < n && total < PT_PEER_WIRE; i++) {
		size_t piece = MIN(iov[i].iov_len, PT_PEER_WIRE - total);
		pt_tls_put(p->tls, iov[i].iov_base, piece);
		total += piece;
	}
	send_wire(p);
	return (ssize_t)total;
}

/* In the handshake there is nothing else to be sent. */
static bool may_send(Peer *p) {
	if (!p->tls || pt_tls_is_up(p->tls))
		return true;
	if (!send_wire(p) && errno != EAGAIN)
		pt_peer_kill(p);
	return false;
}

void pt_peer_flush(Peer *p) {
	struct iovec iov[IOV];
	int n;
	if (p->watch.fd < 0) {
		p->out.size = 0;
		drop_queue(p);
		return;
	}
	while (!p->dead && may_send(p)) {
		p->yielding = p->queue_bytes && gives_way(p);
		p->gave_way |= p->yielding;
		if (!(n = gather(p, iov)))
			break;
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
		ssize_t sent = p->tls ? send_encrypted(p, iov, n) : sendmsg(p->watch.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			pt_peer_kill(p);
		if (sent < 0)
			break;
		p->last_write = mono();
		if (!p->tls)
			p->written += (size_t)sent;
		consume(p, (size_t)sent);
	}
	if (p->wire.size && !p->dead && !send_wire(p) && errno != EAGAIN)
		pt_peer_kill(p);
	bool more = p->out.size || (p->queue_bytes && (p->sent || !held(p))) || p->wire.size;
	bool waits = p->yielding && !p->out.size && !p->wire.size;
	bool was_behind = p->last_write != 0;
	p->gave_way &= more;
	if (!more)
		p->last_write = 0;
	else if (!p->last_write || waits) /* who gives way is not stuck */
		p->last_write = mono();
	if (!more && p->closing)
		pt_peer_kill(p);
	if (!p->dead)
		pt_watch_set(&p->watch, EPOLLIN | (more && !waits ? EPOLLOUT : 0u));
	if (was_behind && !more)
		let_others_go_on(p);
	if (p->replay)
		pt_replay_drained(p->replay, p->queue_bytes);
}

/* ---- delivery ---- */

/* So many samples are left out: a hub that takes the stream has missed something. */
static void count_dropped(Peer *p, unsigned n) {
	p->dropped += n;
	p->server->stats.dropped_samples += n;
	if (n && p->stream)
		pt_stream_note_missed(p->stream, mono());
}

static void drop(Peer *p, unsigned n) {
	p->waiting_key = p->has_video;
	count_dropped(p, n);
}

static void send_udp(Peer *p, const SessionTrack *t, const PtRtpBlock *b) {
	struct mmsghdr m[IOV];
	struct iovec iov[IOV];
	int fd = p->server->rtp.fd;
	for (unsigned i = 0; i < b->n_packets;) {
		unsigned n = MIN(b->n_packets - i, IOV);
		for (unsigned k = 0; k < n; k++) {
			uint32_t at = b->offsets[i + k] + PT_RTP_INTERLEAVED;
			iov[k] = (struct iovec){b->data.data + at, b->offsets[i + k + 1] - at};
			m[k] = (struct mmsghdr){.msg_hdr = {.msg_name = (void *)&t->rtp,
			                                    .msg_namelen = p->address_size,
			                                    .msg_iov = &iov[k],
			                                    .msg_iovlen = 1}};
		}
		int sent = sendmmsg(fd, m, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent <= 0) {
			/* the socket's buffer is full: what does not go now is lost, as on any network */
			count_dropped(p, 1);
			return;
		}
		i += (unsigned)sent;
	}
}

static void push(Peer *p, PtRtpBlock *block) {
	g_queue_push_tail(&p->queue, pt_rtp_block_ref(block));
	p->queue_bytes += block->data.size;
}

/* False: over the bound. */
static bool enqueue(Peer *p, PtRtpBlock *block) {
	if (p->queue_bytes && p->queue_bytes + block->data.size > PT_PEER_QUEUE_MAX)
		return false;
	push(p, block);
	return true;
}

/* The block with the channel that the client chose; a reference. */
static PtRtpBlock *on_channel(const SessionTrack *t, PtRtpBlock *b) {
	return t->channels[0] == b->track * 2 ? pt_rtp_block_ref(b) : pt_rtp_block_with_channel(b, t->channels[0]);
}

static bool send_tcp(Peer *p, const SessionTrack *t, PtRtpBlock *b) {
	PtRtpBlock *own = on_channel(t, b);
	bool ok = enqueue(p, own);
	pt_rtp_block_unref(own);
	return ok;
}

void pt_peer_send_block(Peer *p, PtRtpBlock *b) {
	const SessionTrack *t = &p->tracks[b->track];
	if (!t->tcp) {
		send_udp(p, t, b);
		return;
	}
	PtRtpBlock *own = on_channel(t, b);
	push(p, own);
	pt_rtp_block_unref(own);
}

/* RFC 3550 §6.4.1: by it clients put sound and picture on one time line. */
static void report(Peer *p, SessionTrack *t, const PtRtpBlock *b, uint32_t ssrc) {
	uint8_t packet[PT_RTCP_MAX];
	int64_t now = pt_wall_ns(pt_clock_system());
	uint32_t rtp = b->rtp_time + (uint32_t)(int64_t)((__int128)(now - b->wall_ns) * t->clock_rate / PT_NS_PER_S);
	size_t n = pt_rtcp_write_sender(packet, ssrc, now, rtp, t->packets, t->octets);
	if (t->tcp) {
		PtRtpBlock *raw = pt_rtp_block_new_raw(t->channels[1], packet, n);
		enqueue(p, raw);
		pt_rtp_block_unref(raw);
	} else {
		sendto(p->server->rtcp.fd, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL, &t->rtcp.any, p->address_size);
	}
}

/* What gave way too long goes: the next key frame is as live as the link lets it be. */
static void forget_late(Peer *p) {
	const GList *l = p->sent ? p->queue.head->next : p->queue.head;
	const PtRtpBlock *oldest = l ? l->data : NULL;
	if (!p->gave_way || !oldest || !oldest->mono_ns || mono() - oldest->mono_ns < PT_PEER_LATE_NS)
		return;
	unsigned n = p->queue.length;
	pt_peer_drop_queue(p);
	drop(p, n - p->queue.length);
}

void pt_peer_deliver(Peer *p, PtRtpBlock *b, uint32_t ssrc) {
	SessionTrack *t = &p->tracks[b->track];
	if (p->dead || p->state != SESSION_PLAYING || !t->set)
		return;
	forget_late(p);
	if (p->waiting_key && !(b->key && b->video)) {
		drop(p, t->reported);
		return;
	}
	int64_t now = mono();
	bool due = now >= t->next_report;
	if (due && !t->reported) /* at the start before the first packet, so that nothing is shown out of sync */
		report(p, t, b, ssrc);
	bool sent = true;
	if (t->tcp)
		sent = send_tcp(p, t, b);
	else
		send_udp(p, t, b);
	if (!sent) {
		drop(p, 1);
		return;
	}
	p->waiting_key = false;
	t->packets += b->n_packets;
	t->octets += b->octets;
	p->server->stats.packets += b->n_packets;
	p->server->stats.octets += b->octets;
	if (due && t->reported)
		report(p, t, b, ssrc);
	if (due)
		t->next_report = now + PT_REPORT_NS;
	t->reported = true;
	if (t->tcp && p->watch.events & EPOLLOUT)
		return; /* it is full: the next ready event goes on */
	if (t->tcp)
		pt_peer_flush(p);
}

/* ---- in ---- */

static void garbage(Peer *p) {
	p->server->stats.bad_requests++;
	pt_rtsp_write_response(&p->out, 400, NULL);
	pt_rtsp_write_end(&p->out, NULL, 0);
	p->closing = true;
}

/* The interleaved frames of a client are its receiver reports, a sign of life and nothing else, or what it says. */
static size_t take_frame(Peer *p, const uint8_t *data, size_t n) {
	if (p->skip) {
		size_t took = MIN(n, p->skip);
		p->skip -= took;
		if (p->talk.hears)
			pt_buf_put(&p->talk.packet, data, took);
		if (p->talk.hears && !p->skip)
			pt_talkback_packet(p);
		return took;
	}
	p->frame_head[p->n_frame_head++] = data[0];
	if (p->n_frame_head == 4) {
		p->skip = (size_t)p->frame_head[2] << 8 | p->frame_head[3];
		p->n_frame_head = 0;
		p->talk.hears = pt_talkback_wants(p, p->frame_head[1], p->skip);
		p->last_sign = mono();
	}
	return 1;
}

void pt_peer_input(Peer *p, const uint8_t *data, size_t n) {
	while (n && !p->dead && !p->closing) {
		size_t took;
		if (p->skip || p->n_frame_head || (pt_rtsp_parser_idle(p->parser) && data[0] == '$')) {
			took = take_frame(p, data, n);
		} else {
			const PtRtspMessage *m;
			ssize_t fed = pt_rtsp_parser_feed(p->parser, data, n, &m, NULL);
			if (fed < 0) {
				garbage(p);
				break;
			}
			took = (size_t)fed;
			if (m) {
				p->message_since = 0;
				p->any_request = true;
				p->last_sign = mono();
				if (m->request)
					pt_session_request(p, m);
				else
					p->server->stats.bad_requests++; /* we asked nothing */
			} else if (!pt_rtsp_parser_idle(p->parser) && !p->message_since) {
				p->message_since = mono();
			}
			if (!m && !took)
				break;
		}
		data += took;
		n -= took;
		if (p->out.size > PT_PEER_REPLY_MAX)
			pt_peer_kill(p); /* it asks and does not read */
	}
}

void pt_peer_receive(Peer *p, const uint8_t *data, size_t n) {
	uint8_t plain[PT_PEER_TAKE];
	g_assert(n <= sizeof plain);
	if (!p->tls) {
		pt_peer_input(p, data, n);
		return;
	}
	g_autoptr(GError) error = NULL;
	ssize_t got = pt_tls_take(p->tls, data, n, plain, sizeof plain, &error);
	if (got > 0)
		pt_peer_input(p, plain, (size_t)got);
	if (got >= 0 && p->wire.size - p->wire_sent <= PT_PEER_WIRE + PT_PEER_REPLY_MAX)
		return;
	if (got < 0 && p->watch.fd >= 0)
		send_wire(p); /* the alert; whether it goes or not */
	p->server->stats.failed_tls += got < 0 && !g_error_matches(error, PT_ERROR, PT_ERROR_CLOSED);
	pt_peer_kill(p);
}

static void ready(PtWatch *watch, uint32_t events) {
	Peer *p = (Peer *)((char *)watch - offsetof(Peer, watch));
	PtRtspServer *server = p->server;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		uint8_t *scratch = pt_loop_scratch(server->loop);
		ssize_t n = recv(watch->fd, scratch, PT_PEER_TAKE, MSG_DONTWAIT);
		if (n > 0)
			pt_peer_receive(p, scratch, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			pt_peer_kill(p);
	}
	if (!p->dead)
		pt_peer_flush(p);
	pt_peer_sweep(server);
}

/* ---- deadlines ---- */

static bool is_udp(const Peer *p) {
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		if (p->tracks[i].set && !p->tracks[i].tcp)
			return true;
	return false;
}

/* Whether a player of pictures has what was sent. A cable that was cut shows by bytes that nobody acknowledges, long before
 * the socket dies; over UDP there are only the player's reports, each good until the next one is due. */
static void note_taken(Peer *p, int64_t now) {
	int waiting = 0;
	if (p->state != SESSION_PLAYING || !p->stream || !p->has_video || p->watch.fd < 0)
		return;
	if (is_udp(p)) {
		pt_stream_note_taken(p->stream, MIN(p->last_sign + PT_REPORT_NS, now));
		return;
	}
	if (ioctl(p->watch.fd, SIOCOUTQ, &waiting))
		return;
	uint64_t arrived = p->written - (uint64_t)waiting;
	if (arrived != p->arrived || !(waiting || p->queue_bytes || p->wire.size))
		pt_stream_note_taken(p->stream, now);
	p->arrived = arrived;
}

static void check_deadlines(PtTimer *timer) {
	Peer *p = (Peer *)((char *)timer - offsetof(Peer, timer));
	PtRtspServer *server = p->server;
	int64_t now = mono();
	bool udp = is_udp(p);
	note_taken(p, now);
	/* who plays over TCP shows that it lives by taking what is sent, who talks by talking; footage of the past comes to
	 * an end, and who looks at it may let it wait */
	bool silent = now - p->last_sign > PT_PEER_IDLE_NS;
	bool quiet = (p->state != SESSION_PLAYING || udp || p->talk.speaker || (p->replay && !p->last_write)) && silent;
	bool late = (p->message_since && now - p->message_since > PT_PEER_HEAD_NS) ||
	            (!p->any_request && now - p->last_sign > PT_PEER_HEAD_NS);
	bool stuck = p->last_write && now - p->last_write > PT_PEER_STUCK_NS && (!p->replay || silent);
	if (quiet || late || stuck || (p->closing && now - p->last_sign > PT_PEER_HEAD_NS)) {
		server->stats.timeouts++;
		pt_peer_kill(p);
		pt_peer_sweep(server);
		return;
	}
	if (p->yielding)
		pt_peer_flush(p);
	pt_timer_set_in(server->loop, &p->timer, PT_NS_PER_S);
}

static void describe_again(PtTimer *timer) {
	Peer *p = (Peer *)((char *)timer - offsetof(Peer, wait));
	PtRtspServer *server = p->server;
	pt_session_describe_again(p);
	pt_peer_flush(p);
	pt_peer_sweep(server);
}

/* ---- life ---- */

Peer *pt_peer_new(PtRtspServer *server, int fd, const PtTlsIdentity *identity, const Address *address, socklen_t size) {
	Peer *p = g_new0(Peer, 1);
	p->server = server;
	p->watch.ready = ready;
	p->watch.fd = fd;
	p->timer.due = check_deadlines;
	p->wait.due = describe_again;
	p->parser = pt_rtsp_parser_new();
	p->tls = identity ? pt_tls_accept(identity, &p->wire) : NULL;
	p->last_sign = mono();
	if (address)
		p->address = *address;
	p->address_size = size;
	g_queue_init(&p->queue);
	p->next = server->peers;
	server->peers = p;
	server->stats.connections++;
	if (fd >= 0) {
		pt_watch_add(server->loop, &p->watch, fd, EPOLLIN);
		pt_timer_set_in(server->loop, &p->timer, PT_NS_PER_S);
	}
	return p;
}

void pt_peer_kill(Peer *p) { p->dead = true; }

static void peer_free(Peer *p) {
	pt_session_clear(p);
	pt_timer_cancel(&p->timer);
	pt_timer_cancel(&p->wait);
	pt_watch_remove(&p->watch);
	if (p->tls && p->watch.fd >= 0 && !p->wire.size) {
		pt_tls_bye(p->tls);
		send_wire(p);
	}
	if (p->watch.fd >= 0)
		close(p->watch.fd);
	pt_rtsp_parser_free(p->parser);
	pt_tls_free(p->tls);
	pt_buf_clear(&p->wire);
	pt_buf_clear(&p->out);
	drop_queue(p);
	pt_stream_unref(p->describe.stream);
	g_free(p->describe.cseq);
	g_free(p->describe.uri);
	g_free(p->user);
	p->server->stats.connections--;
	g_free(p);
}

void pt_peer_sweep(PtRtspServer *server) {
	for (Peer **at = &server->peers; *at;) {
		Peer *p = *at;
		if (!p->dead) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		peer_free(p);
	}
}
