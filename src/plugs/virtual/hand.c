/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "plugs/virtual/virtual.h"
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 16
#define LINE_MAX_LEN 128

typedef struct {
	PtVirtualHand *hand;
	int fd; /* -1: free */
	GSource *source;
} Client;

struct PtVirtualHand {
	PtVirtualBoard *board;
	GMainContext *context;
	char *path;
	int fd;
	GSource *source;
	Client clients[CLIENTS_MAX];
};

static void client_close(Client *client) {
	if (client->fd < 0)
		return;
	g_source_destroy(client->source);
	g_source_unref(client->source);
	close(client->fd);
	client->fd = -1;
}

/* Never waits: somebody who does not read loses lines, not the board's time. */
static void say(Client *client, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(Client *client, const char *format, ...) {
	char line[LINE_MAX_LEN];
	va_list args;
	va_start(args, format);
	int n = g_vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (send(client->fd, line, (size_t)MIN(n, LINE_MAX_LEN - 1), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
		shutdown(client->fd, SHUT_RDWR);
}

static void lamp_changed(void *user, int channel, bool closed, int64_t mono_ns) {
	PtVirtualHand *hand = user;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (hand->clients[i].fd >= 0)
			say(&hand->clients[i], "relay %d %s %" G_GINT64_FORMAT, channel, closed ? "closed" : "open",
			    mono_ns);
}

static void say_state(void *user, bool relay, int channel, bool closed) {
	say(user, "%s %d %s 0", relay ? "relay" : "input", channel, closed ? "closed" : "open");
}

static bool do_input(Client *client, char **words, guint n) {
	gint64 channel, stamp = 0, now = pt_mono_ns(pt_clock_system());
	if (n < 3 || n > 4 || !g_ascii_string_to_signed(words[1], 10, 1, PT_VIRTUAL_CHANNELS, &channel, NULL))
		return false;
	bool closed = !strcmp(words[2], "closed");
	if (!closed && strcmp(words[2], "open"))
		return false;
	/* a stamp from the future, or from another boot, would make nonsense of every latency */
	if (n == 4 &&
	    !g_ascii_string_to_signed(words[3], 10, MAX(1, now - 60 * PT_NS_PER_S), now + PT_NS_PER_MS, &stamp, NULL))
		return false;
	return pt_virtual_board_set_input(client->hand->board, (int)channel, closed, stamp);
}

static bool obey(Client *client, const char *line) {
	g_auto(GStrv) words = g_strsplit(line, " ", 6);
	guint n = g_strv_length(words);
	PtVirtualBoard *board = client->hand->board;
	gint64 channel;
	if (!n)
		return false;
	if (!strcmp(words[0], "input"))
		return do_input(client, words, n);
	if (!strcmp(words[0], "state")) {
		pt_virtual_board_each(board, say_state, client);
		say(client, "end");
		return true;
	}
	if (!strcmp(words[0], "unreachable") || !strcmp(words[0], "reachable")) {
		pt_virtual_board_set_reachable(board, *words[0] == 'r', false);
		return true;
	}
	if (!strcmp(words[0], "stuck") && n == 3 &&
	    g_ascii_string_to_signed(words[1], 10, 1, PT_VIRTUAL_CHANNELS, &channel, NULL)) {
		pt_virtual_board_set_stuck(board, (int)channel, pt_node_switch_of(words[2]) == 1);
		return true;
	}
	return false;
}

static gboolean client_ready(int fd, GIOCondition condition, void *data) {
	Client *client = data;
	char line[LINE_MAX_LEN];
	ssize_t n = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		client_close(client);
		return G_SOURCE_REMOVE;
	}
	line[n] = 0;
	g_strchomp(line);
	if (!obey(client, line))
		say(client, "error '%.40s' is not understood", line);
	return G_SOURCE_CONTINUE;
}

static GSource *watch_fd(PtVirtualHand *hand, int fd, GUnixFDSourceFunc fn, void *data) {
	GSource *source = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
	g_source_set_priority(source, PT_PLUG_PRIORITY);
	g_source_set_callback(source, G_SOURCE_FUNC(fn), data, NULL);
	g_source_attach(source, hand->context);
	return source;
}

static gboolean accept_ready(int fd, GIOCondition condition, void *data) {
	PtVirtualHand *hand = data;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (peer < 0)
		return G_SOURCE_CONTINUE;
	for (int i = 0; i < CLIENTS_MAX; i++) {
		Client *client = &hand->clients[i];
		if (client->fd >= 0)
			continue;
		client->fd = peer;
		client->source = watch_fd(hand, peer, client_ready, client);
		return G_SOURCE_CONTINUE;
	}
	close(peer);
	return G_SOURCE_CONTINUE;
}

static int listen_at(const char *path, GError **error) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path) {
		pt_error_set(error, INVALID, "%s: too long for a socket's name", path);
		return -1;
	}
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	/* the mode is set before anybody can connect: fchmod on the socket counts for the name made by bind */
	if (fd < 0 || fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8)) {
		pt_error_set(error, FAILED, "%s: cannot listen: %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

PtVirtualHand *pt_virtual_hand_new(PtVirtualBoard *board, const char *path, GMainContext *context, GError **error) {
	int fd = listen_at(path, error);
	if (fd < 0)
		return NULL;
	PtVirtualHand *hand = g_new0(PtVirtualHand, 1);
	hand->board = pt_virtual_board_ref(board);
	hand->context = context;
	hand->path = g_strdup(path);
	hand->fd = fd;
	for (int i = 0; i < CLIENTS_MAX; i++)
		hand->clients[i] = (Client){.hand = hand, .fd = -1};
	hand->source = watch_fd(hand, fd, accept_ready, hand);
	pt_virtual_board_watch(board, lamp_changed, hand);
	return hand;
}

void pt_virtual_hand_free(PtVirtualHand *hand) {
	if (!hand)
		return;
	pt_virtual_board_unwatch(hand->board, lamp_changed, hand);
	for (int i = 0; i < CLIENTS_MAX; i++)
		client_close(&hand->clients[i]);
	g_source_destroy(hand->source);
	g_source_unref(hand->source);
	close(hand->fd);
	unlink(hand->path);
	pt_virtual_board_unref(hand->board);
	g_free(hand->path);
	g_free(hand);
}
