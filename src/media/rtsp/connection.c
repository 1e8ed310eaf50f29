/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/connection.h"
#include "base/clock.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_NS (10 * PT_NS_PER_S)
#define RESOLVE_NS (15 * PT_NS_PER_S)
#define ENCRYPTED_ONCE (64 * 1024)   /* of PT_LOOP_SCRATCH, for what is not decrypted yet */
#define MAX_OUT (256 * 1024)         /* a peer that takes nothing any more */
#define MAX_GARBAGE (256 * 1024)     /* in a row: it will not become RTSP again */
#define SHARE_NS (20 * PT_NS_PER_MS) /* of a limited rate, taken at once */
#define SHARE_MIN 4096

void pt_rtsp_connection_init(PtRtspConnection *c, PtLoop *loop, const PtRtspConnectionOps *ops) {
	*c = (PtRtspConnection){.ops = ops, .loop = loop};
}

bool pt_rtsp_connection_is_open(const PtRtspConnection *c) { return c->open && !c->connecting; }

static void fail(PtRtspConnection *c, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void fail(PtRtspConnection *c, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *reason = g_strdup_vprintf(format, args);
	va_end(args);
	pt_rtsp_connection_close(c);
	c->ops->failed(c, reason);
}

/* ---- resolve: on a thread of its own, for names alone ---- */

struct Resolve {
	int refs; /* atomic: the thread, the posted result, the connection */
	char *host, port[8];
	struct addrinfo *result;
	int error;
	PtRtspConnection *connection; /* loop's thread; NULL: nobody waits any more */
	GMutex lock;
	PtLoop *loop; /* under lock; NULL: the connection was closed */
};

static void resolve_unref(struct Resolve *r) {
	if (!g_atomic_int_dec_and_test(&r->refs))
		return;
	if (r->result)
		freeaddrinfo(r->result);
	g_mutex_clear(&r->lock);
	g_free(r->host);
	g_free(r);
}

static void connect_next(PtRtspConnection *c);

static void resolved(void *data) {
	struct Resolve *r = data;
	PtRtspConnection *c = r->connection;
	if (c) {
		c->resolve = NULL;
		resolve_unref(r); /* the connection's */
		if (r->error) {
			fail(c, "no address is known for %s (%s)", r->host, gai_strerror(r->error));
		} else {
			c->addresses = c->next_address = r->result;
			r->result = NULL;
			connect_next(c);
		}
	}
	resolve_unref(r);
}

static int look_up(struct Resolve *r, int flags) {
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
	return getaddrinfo(r->host, r->port, &hints, &r->result);
}

static void *resolve_thread(void *data) {
	struct Resolve *r = data;
	r->error = look_up(r, AI_ADDRCONFIG);
	g_mutex_lock(&r->lock);
	if (r->loop) {
		g_atomic_int_inc(&r->refs); /* its own: it may be done before the lock is given back here */
		pt_loop_post(r->loop, resolved, r);
	}
	g_mutex_unlock(&r->lock);
	resolve_unref(r);
	return NULL;
}

static void forget_resolve(PtRtspConnection *c) {
	struct Resolve *r = c->resolve;
	if (!r)
		return;
	c->resolve = NULL;
	r->connection = NULL;
	g_mutex_lock(&r->lock);
	r->loop = NULL;
	g_mutex_unlock(&r->lock);
	resolve_unref(r);
}

static void too_late(PtTimer *timer) {
	PtRtspConnection *c = (PtRtspConnection *)((char *)timer - offsetof(PtRtspConnection, timer));
	if (c->resolve) {
		fail(c, "the address of %s could not be found in time", c->resolve->host);
	} else if (c->next_address && !c->tls) {
		connect_next(c);
	} else {
		g_autofree char *peer = g_strdup(c->peer);
		fail(c, c->tls ? "%s does not come to terms about TLS within 10 s" : "no answer from %s", peer);
	}
}

void pt_rtsp_connection_open(PtRtspConnection *c, const char *host, uint16_t port, const PtTrust *trust) {
	pt_rtsp_connection_close(c);
	c->over_tls = trust != NULL;
	if (trust) {
		c->trust = *trust;
		c->host = g_strdup(host);
	}
	struct Resolve *r = g_new0(struct Resolve, 1);
	r->refs = 1;
	r->host = g_strdup(host);
	g_snprintf(r->port, sizeof r->port, "%u", port);
	g_mutex_init(&r->lock);
	r->connection = c;
	c->resolve = r;
	c->timer.due = too_late;
	if (!look_up(r, AI_NUMERICHOST)) {
		g_atomic_int_inc(&r->refs);
		resolved(r);
		return;
	}
	r->loop = c->loop;
	pt_timer_set_in(c->loop, &c->timer, RESOLVE_NS);
	g_atomic_int_inc(&r->refs);
	GThread *thread = g_thread_try_new("resolve", resolve_thread, r, NULL);
	if (thread) {
		g_thread_unref(thread);
	} else {
		resolve_unref(r);
		fail(c, "no thread could be started to look up %s", host);
	}
}

/* ---- connect ---- */

static void ready(PtWatch *watch, uint32_t events);
static void flush(PtRtspConnection *c);

static void close_socket(PtRtspConnection *c) {
	if (!c->open)
		return;
	int fd = c->watch.fd;
	pt_watch_remove(&c->watch);
	close(fd);
	c->open = c->connecting = c->resting = false;
}

static void set_peer(PtRtspConnection *c, const struct addrinfo *a) {
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
	getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	g_free(c->peer);
	c->peer = g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	memcpy(&c->address, a->ai_addr, MIN(a->ai_addrlen, sizeof c->address));
}

static void not_connected(PtRtspConnection *c, int error) {
	g_autofree char *peer = g_strdup(c->peer);
	if (c->next_address) {
		connect_next(c);
		return;
	}
	switch (error) {
	case ECONNREFUSED:
		fail(c, "connection refused by %s", peer);
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
		fail(c, "%s cannot be reached from here (%s)", peer, g_strerror(error));
		break;
	case ETIMEDOUT:
		fail(c, "no answer from %s", peer);
		break;
	default:
		fail(c, "connecting to %s failed: %s", peer, g_strerror(error));
	}
}

static void connect_next(PtRtspConnection *c) {
	const struct addrinfo *a = c->next_address;
	close_socket(c);
	c->next_address = a->ai_next;
	set_peer(c, a);
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	if (fd < 0) {
		not_connected(c, errno);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (c->rate) { /* what the kernel takes in beyond it counts on the way as well */
		int room = (int)CLAMP(c->rate / 8, 32 * 1024, 1024 * 1024);
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	}
	if (connect(fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS) {
		int error = errno;
		close(fd);
		not_connected(c, error);
		return;
	}
	c->watch = (PtWatch){.ready = ready};
	if (pt_watch_add(c->loop, &c->watch, fd, EPOLLOUT)) {
		close(fd);
		not_connected(c, ENOMEM);
		return;
	}
	c->open = c->connecting = true;
	pt_timer_set_in(c->loop, &c->timer, CONNECT_NS);
}

void pt_rtsp_connection_close(PtRtspConnection *c) {
	c->generation++;
	if (c->tls && pt_rtsp_connection_is_open(c)) {
		pt_tls_bye(c->tls);
		flush(c);
	}
	g_clear_pointer(&c->tls, pt_tls_free);
	g_clear_pointer(&c->host, g_free);
	forget_resolve(c);
	pt_timer_cancel(&c->timer);
	close_socket(c);
	if (c->addresses)
		freeaddrinfo(c->addresses);
	c->addresses = c->next_address = NULL;
	g_clear_pointer(&c->parser, pt_rtsp_parser_free);
	g_clear_pointer(&c->peer, g_free);
	pt_buf_clear(&c->out);
	pt_buf_clear(&c->tail);
	c->out_sent = 0;
	c->garbage = 0;
	c->framed = false;
}

/* ---- send ---- */

static void flush(PtRtspConnection *c) {
	while (c->out_sent < c->out.size) {
		ssize_t n =
		    send(c->watch.fd, c->out.data + c->out_sent, c->out.size - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			break; /* not now; what is worse shows in reading */
		c->out_sent += (size_t)n;
	}
	if (c->out_sent == c->out.size) {
		c->out.size = c->out_sent = 0;
		pt_watch_set(&c->watch, c->resting ? 0 : EPOLLIN);
	} else {
		pt_watch_set(&c->watch, (c->resting ? 0 : EPOLLIN) | EPOLLOUT);
	}
}

void pt_rtsp_connection_send(PtRtspConnection *c, const void *data, size_t n) {
	if (!pt_rtsp_connection_is_open(c) || c->out.size - c->out_sent + n > MAX_OUT)
		return;
	if (c->out_sent) {
		memmove(c->out.data, c->out.data + c->out_sent, c->out.size - c->out_sent);
		c->out.size -= c->out_sent;
		c->out_sent = 0;
	}
	if (c->tls)
		pt_tls_put(c->tls, data, n);
	else
		pt_buf_put(&c->out, data, n);
	flush(c);
}

size_t pt_rtsp_connection_waiting(const PtRtspConnection *c) { return c->out.size - c->out_sent; }

/* ---- receive ---- */

/* A response, or a request: a method in capitals. n may end in the middle of it. */
static bool may_begin(const uint8_t *p, size_t n) {
	static const char version[] = "RTSP/";
	if (g_ascii_isspace(*p) || !memcmp(p, version, MIN(n, strlen(version))))
		return true;
	size_t i = 0;
	while (i < n && i < 20 && (g_ascii_isupper(p[i]) || p[i] == '_'))
		i++;
	return i == n || (i > 2 && p[i] == ' ');
}

/* After a length that lied: a '$' alone stands in every tenth packet by chance, so more must fit. */
static bool looks_like_frame(PtRtspConnection *c, const uint8_t *p, size_t n) {
	PtBytes b = pt_bytes(p, n);
	pt_bytes_u8(&b);
	uint8_t channel = pt_bytes_u8(&b);
	size_t size = pt_bytes_u16(&b);
	if (b.bad || !c->ops->expects(c, channel) || size < 8)
		return false;
	if (b.left && b.p[0] >> 6 != 2) /* the version of RTP and RTCP */
		return false;
	return b.left <= size || b.p[size] == '$' || b.p[size] == 'R';
}

/* Neither a frame nor a message begins here: the bytes to skip to where one may. */
static size_t skip_garbage(PtRtspConnection *c, const uint8_t *p, size_t n) {
	for (size_t i = 1; i < n; i++)
		if ((p[i] == '$' && (n - i < 5 || looks_like_frame(c, p + i, n - i))) ||
		    (p[i] == 'R' && !memcmp(p + i, "RTSP/", MIN(5, n - i))))
			return i;
	return n;
}

/* Takes apart what stands in [p, p+n); the bytes used, or -1 when the connection was closed meanwhile. */
static ssize_t walk(PtRtspConnection *c, const uint8_t *p, size_t n) {
	unsigned generation = c->generation;
	size_t at = 0;
	while (at < n) {
		if (c->garbage && p[at] == '$' && n - at < 5)
			break; /* too little to tell */
		if (pt_rtsp_parser_idle(c->parser) && p[at] == '$' && (!c->garbage || looks_like_frame(c, p + at, n - at))) {
			PtBytes b = pt_bytes(p + at, n - at);
			pt_bytes_u8(&b);
			uint8_t channel = pt_bytes_u8(&b);
			size_t size = pt_bytes_u16(&b);
			const uint8_t *data = pt_bytes_take(&b, size);
			if (!data)
				break;
			at += 4 + size;
			c->garbage = 0;
			c->framed = true;
			c->ops->frame(c, channel, data, size);
		} else if (c->framed && pt_rtsp_parser_idle(c->parser) &&
		           (c->garbage ? memcmp(p + at, "RTSP/", MIN(5, n - at)) != 0 : !may_begin(p + at, n - at))) {
			size_t skipped = skip_garbage(c, p + at, n - at);
			at += skipped;
			c->skipped += !c->garbage;
			c->garbage += skipped;
			if (c->garbage > MAX_GARBAGE)
				fail(c, "what it sends is not RTSP any more");
		} else {
			const PtRtspMessage *message;
			g_autoptr(GError) error = NULL;
			ssize_t used = pt_rtsp_parser_feed(c->parser, p + at, n - at, &message, &error);
			if (used < 0) {
				fail(c, "%s", error->message);
				return -1;
			}
			at += (size_t)used;
			if (message) {
				c->garbage = 0;
				c->ops->message(c, message);
			}
		}
		if (c->generation != generation)
			return -1;
	}
	return (ssize_t)at;
}

/* ---- no faster than it may ---- */

static void rested(PtTimer *timer) {
	PtRtspConnection *c = (PtRtspConnection *)((char *)timer - offsetof(PtRtspConnection, timer));
	c->resting = false;
	flush(c);
}

/* How much may be read now. */
static size_t share(const PtRtspConnection *c, size_t room) {
	uint64_t n = c->rate / (uint64_t)(PT_NS_PER_S / SHARE_NS);
	return c->rate && !c->connecting ? MIN(MAX(n, SHARE_MIN), room) : room;
}

static void rest(PtRtspConnection *c, size_t n) {
	if (!c->rate || c->connecting)
		return;
	int64_t now = pt_loop_mono_ns(c->loop);
	c->next_share = MAX(c->next_share, now - SHARE_NS) + (int64_t)(n * (uint64_t)PT_NS_PER_S / c->rate);
	if (c->next_share <= now)
		return;
	c->resting = true;
	c->timer.due = rested;
	pt_timer_set_at(c->loop, &c->timer, c->next_share);
	flush(c);
}

/* ---- what comes ---- */

static void connected(PtRtspConnection *c) {
	c->connecting = false;
	pt_timer_cancel(&c->timer);
	c->parser = pt_rtsp_parser_new();
	c->ops->connected(c);
}

/* What came and was encrypted, plain; 0: nothing yet; -1: failed. */
static ssize_t decrypt(PtRtspConnection *c, const uint8_t *data, size_t n, uint8_t *plain, size_t room) {
	g_autoptr(GError) error = NULL;
	unsigned generation = c->generation;
	ssize_t got = pt_tls_take(c->tls, data, n, plain, room, &error);
	flush(c); /* its part of the handshake, or why it broke off */
	if (got < 0) {
		fail(c, "%s", error->message);
		return -1;
	}
	if (c->out.size - c->out_sent > MAX_OUT) {
		fail(c, "it wants to be answered and does not listen");
		return -1;
	}
	if (c->connecting && pt_tls_is_up(c->tls))
		connected(c);
	return c->generation == generation ? got : -1;
}

static void receive(PtRtspConnection *c) {
	uint8_t *scratch = pt_loop_scratch(c->loop);
	size_t kept = c->tail.size, room = PT_LOOP_SCRATCH - kept - (c->tls ? ENCRYPTED_ONCE : 0);
	uint8_t *to = c->tls ? scratch + PT_LOOP_SCRATCH - ENCRYPTED_ONCE : scratch + kept;
	ssize_t n = recv(c->watch.fd, to, share(c, c->tls ? ENCRYPTED_ONCE : room), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0) {
		fail(c, "it closed the connection");
		return;
	}
	if (n < 0) {
		fail(c, "the connection broke: %s", g_strerror(errno));
		return;
	}
	rest(c, (size_t)n);
	if (c->tls)
		n = decrypt(c, to, (size_t)n, scratch + kept, room);
	if (n <= 0)
		return;
	if (kept)
		memcpy(scratch, c->tail.data, kept);
	size_t all = kept + (size_t)n;
	ssize_t used = walk(c, scratch, all);
	if (used < 0)
		return;
	c->tail.size = 0;
	if ((size_t)used < all)
		pt_buf_put(&c->tail, scratch + used, all - (size_t)used);
	else if (c->tail.capacity > 4096)
		pt_buf_clear(&c->tail);
}

static void ready(PtWatch *watch, uint32_t events) {
	PtRtspConnection *c = (PtRtspConnection *)((char *)watch - offsetof(PtRtspConnection, watch));
	if (c->connecting && !c->tls) {
		int error = 0;
		socklen_t size = sizeof error;
		getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error) {
			not_connected(c, error);
			return;
		}
		if (c->over_tls) {
			c->tls = pt_tls_connect(&c->trust, c->host, &c->out);
			pt_timer_set_in(c->loop, &c->timer, CONNECT_NS);
			flush(c);
			return;
		}
		pt_watch_set(&c->watch, EPOLLIN);
		connected(c);
		return;
	}
	if (events & EPOLLOUT)
		flush(c);
	if (events & (EPOLLERR | EPOLLHUP) || (events & EPOLLIN && !c->resting))
		receive(c);
}
