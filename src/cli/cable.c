/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cable.h"
#include "base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 4
#define LINKS_MAX 64 /* more than a hub and a person's tools open to one camera */
#define PIPE_BYTES 65536

/* What has been read at one end and not yet written at the other. */
typedef struct {
	uint8_t data[PIPE_BYTES];
	size_t begin, end;
	bool ended, told; /* the reading end has said all; and the writing end knows */
} Pipe;

typedef struct {
	int fd[2];    /* the hub's side, the camera's */
	Pipe pipe[2]; /* from fd[i] to fd[!i] */
} Link;

struct PtCable {
	GThread *thread;
	int wake;         /* eventfd: pulled or stop has changed */
	int pulled, stop; /* atomic */
	struct in_addr camera_end;
	unsigned n_ports;
	int ports[PORTS_MAX], listeners[PORTS_MAX];
	/* the cable's thread */
	GPtrArray *links; /* of Link */
};

static void link_free(void *data) {
	Link *l = data;
	for (int i = 0; i < 2; i++)
		if (l->fd[i] >= 0)
			close(l->fd[i]);
	g_free(l);
}

static int new_socket(int flags) { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0); }

static struct sockaddr_in address_of(struct in_addr host, int port) {
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host};
}

/* Whoever called while the cable was pulled and has hung up again would not have got through. */
static bool has_hung_up(int fd) {
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void let_in(PtCable *c, unsigned which) {
	Link *l = g_new0(Link, 1);
	struct sockaddr_in to = address_of(c->camera_end, c->ports[which]);
	l->fd[0] = accept4(c->listeners[which], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	l->fd[1] = new_socket(SOCK_NONBLOCK);
	/* a connection on this machine is there at once, or it is refused */
	if (l->fd[0] < 0 || l->fd[1] < 0 || c->links->len >= LINKS_MAX || has_hung_up(l->fd[0]) ||
	    (connect(l->fd[1], (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS))
		link_free(l);
	else
		g_ptr_array_add(c->links, l);
}

static short wanted(const Link *l, int i) {
	const Pipe *in = &l->pipe[i], *out = &l->pipe[!i];
	bool room = !in->ended && in->end < PIPE_BYTES, due = out->begin < out->end || (out->ended && !out->told);
	return (short)((room ? POLLIN : 0) | (due ? POLLOUT : 0));
}

static bool take(Pipe *p, int fd) {
	ssize_t n = recv(fd, p->data + p->end, PIPE_BYTES - p->end, 0);
	if (n > 0)
		p->end += (size_t)n;
	p->ended = n == 0;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool give(Pipe *p, int fd) {
	ssize_t n = p->begin < p->end ? send(fd, p->data + p->begin, p->end - p->begin, MSG_NOSIGNAL) : 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->begin += (size_t)n;
	if (p->begin == p->end)
		p->begin = p->end = 0;
	if (p->ended && !p->told && !p->end) {
		p->told = true;
		shutdown(fd, SHUT_WR);
	}
	return true;
}

/* False: it is over. */
static bool carry(Link *l, const struct pollfd polled[2]) {
	for (int i = 0; i < 2; i++) {
		if (polled[i].revents & POLLERR)
			return false;
		if ((polled[i].revents & (POLLIN | POLLHUP)) && (polled[i].events & POLLIN) && !take(&l->pipe[i], l->fd[i]))
			return false;
	}
	for (int i = 0; i < 2; i++)
		if ((polled[i].revents & POLLOUT) && !give(&l->pipe[!i], l->fd[i]))
			return false;
	return !(l->pipe[0].told && l->pipe[1].told);
}

static void *run(void *data) {
	PtCable *c = data;
	struct pollfd p[1 + PORTS_MAX + 2 * LINKS_MAX];
	while (!g_atomic_int_get(&c->stop)) {
		/* pulled, it looks at nothing: what is sent waits at both ends, as it does for what is not acknowledged */
		bool pulled = g_atomic_int_get(&c->pulled);
		unsigned n = 1, n_links = pulled ? 0 : c->links->len;
		p[0] = (struct pollfd){.fd = c->wake, .events = POLLIN};
		for (unsigned i = 0; i < c->n_ports && !pulled; i++)
			p[n++] = (struct pollfd){.fd = c->listeners[i], .events = POLLIN};
		for (unsigned i = 0; i < n_links; i++)
			for (int k = 0; k < 2; k++) {
				const Link *l = g_ptr_array_index(c->links, i);
				short events = wanted(l, k);
				p[n++] = (struct pollfd){.fd = events ? l->fd[k] : -1, .events = events};
			}
		if (poll(p, n, -1) < 0)
			continue;
		if (p[0].revents) { /* it may have been pulled */
			eventfd_read(c->wake, &(eventfd_t){0});
			continue;
		}
		for (unsigned i = n_links; i-- > 0;)
			if (!carry(g_ptr_array_index(c->links, i), p + 1 + c->n_ports + 2 * i))
				g_ptr_array_remove_index_fast(c->links, i);
		for (unsigned i = 0; i < c->n_ports && !pulled; i++)
			if (p[1 + i].revents)
				let_in(c, i);
	}
	return NULL;
}

static bool listen_at(PtCable *c, struct in_addr host, int port, GError **error) {
	struct sockaddr_in at = address_of(host, port);
	int fd = new_socket(SOCK_NONBLOCK), one = 1;
	if (fd >= 0)
		c->listeners[c->n_ports] = fd, c->ports[c->n_ports++] = port;
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) &&
	    !bind(fd, (struct sockaddr *)&at, sizeof at) && !listen(fd, 16))
		return true;
	pt_error_set(error, FAILED, "port %d of the cable: %s", port, g_strerror(errno));
	return false;
}

PtCable *pt_cable_new(const char *hub_end, const char *camera_end, const int *ports, unsigned n_ports, GError **error) {
	PtCable *c = g_new0(PtCable, 1);
	struct in_addr host;
	g_assert(n_ports <= PORTS_MAX && inet_pton(AF_INET, hub_end, &host) == 1 &&
	         inet_pton(AF_INET, camera_end, &c->camera_end) == 1);
	c->links = g_ptr_array_new_with_free_func(link_free);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (unsigned i = 0; i < n_ports; i++)
		if (!listen_at(c, host, ports[i], error)) {
			pt_cable_free(c);
			return NULL;
		}
	c->thread = g_thread_new("pt-cable", run, c);
	return c;
}

void pt_cable_pull(PtCable *c, bool pulled) {
	g_atomic_int_set(&c->pulled, pulled);
	eventfd_write(c->wake, 1);
}

void pt_cable_free(PtCable *c) {
	if (!c)
		return;
	g_atomic_int_set(&c->stop, true);
	eventfd_write(c->wake, 1);
	if (c->thread)
		g_thread_join(c->thread);
	g_ptr_array_unref(c->links);
	for (unsigned i = 0; i < c->n_ports; i++)
		close(c->listeners[i]);
	close(c->wake);
	g_free(c);
}
