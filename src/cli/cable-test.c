/* The cable of the demo: what it carries, and that nothing comes through while it is pulled and nothing is lost by that. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cable.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUB "127.0.0.2"
#define CAMERA "127.0.0.1"

typedef struct {
	PtCable *cable;
	int port, camera; /* the socket that the camera listens at */
} Fixture;

static struct sockaddr_in at(const char *host, int port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, host, &a.sin_addr);
	return a;
}

static void set_up(Fixture *f, gconstpointer data) {
	g_autoptr(GError) error = NULL;
	for (int try = 0; try < 50 && !f->cable; try++) {
		struct sockaddr_in a = at(CAMERA, 0);
		socklen_t size = sizeof a;
		g_clear_error(&error);
		f->camera = socket(AF_INET, SOCK_STREAM, 0);
		g_assert_cmpint(bind(f->camera, (struct sockaddr *)&a, size), ==, 0);
		g_assert_cmpint(listen(f->camera, 8), ==, 0);
		getsockname(f->camera, (struct sockaddr *)&a, &size);
		f->port = ntohs(a.sin_port);
		f->cable = pt_cable_new(HUB, CAMERA, &f->port, 1, &error);
		if (!f->cable)
			close(f->camera);
	}
	g_assert_no_error(error);
}

static void tear_down(Fixture *f, gconstpointer data) {
	pt_cable_free(f->cable);
	close(f->camera);
}

static int call(Fixture *f) {
	struct sockaddr_in a = at(HUB, f->port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&a, sizeof a), ==, 0);
	return fd;
}

static bool comes(int fd, int ms) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, ms) > 0;
}

static int answer(Fixture *f) {
	g_assert_true(comes(f->camera, 5000));
	return accept(f->camera, NULL, NULL);
}

static void say(int fd, const char *text) { g_assert_cmpint(send(fd, text, strlen(text), 0), ==, (ssize_t)strlen(text)); }

static void hear(int fd, const char *text) {
	char got[64] = "";
	size_t n = 0;
	while (n < strlen(text) && comes(fd, 5000)) {
		ssize_t part = recv(fd, got + n, sizeof got - 1 - n, 0);
		g_assert_cmpint(part, >, 0);
		n += (size_t)part;
	}
	g_assert_cmpstr(got, ==, text);
}

static void test_carries(Fixture *f, gconstpointer data) {
	int hub = call(f), camera = answer(f);
	say(hub, "how are you?");
	hear(camera, "how are you?");
	say(camera, "well");
	hear(hub, "well");
	/* one that has said all still hears */
	shutdown(hub, SHUT_WR);
	g_assert_true(comes(camera, 5000));
	char nothing;
	g_assert_cmpint(recv(camera, &nothing, 1, 0), ==, 0);
	say(camera, "goodbye");
	close(camera);
	hear(hub, "goodbye");
	g_assert_true(comes(hub, 5000));
	g_assert_cmpint(recv(hub, &nothing, 1, 0), ==, 0);
	close(hub);
}

static void test_much(Fixture *f, gconstpointer data) {
	enum { MUCH = 4 << 20 };
	int hub = call(f), camera = answer(f);
	g_autofree uint8_t *sent = g_malloc(MUCH), *got = g_malloc(MUCH);
	for (size_t i = 0; i < MUCH; i++)
		sent[i] = (uint8_t)(i * 2654435761U >> 13);
	for (size_t out = 0, in = 0; in < MUCH;) {
		ssize_t n = out < MUCH ? send(camera, sent + out, MIN(MUCH - out, 100000), MSG_DONTWAIT) : 0;
		out += n > 0 ? (size_t)n : 0;
		if (comes(hub, out < MUCH ? 0 : 5000)) {
			n = recv(hub, got + in, MUCH - in, 0);
			g_assert_cmpint(n, >, 0);
			in += (size_t)n;
		}
	}
	g_assert_true(!memcmp(sent, got, MUCH));
	close(hub);
	close(camera);
}

static void test_pulled(Fixture *f, gconstpointer data) {
	int hub = call(f), camera = answer(f);
	say(hub, "before");
	hear(camera, "before");
	pt_cable_pull(f->cable, true);
	g_usleep(20000);
	say(hub, "meanwhile");
	say(camera, "likewise");
	int patient = call(f), hasty = call(f); /* the kernel takes calls; the camera does not hear of them */
	say(patient, "let me in");
	say(hasty, "let me in");
	close(hasty);
	g_assert_false(comes(camera, 100) || comes(hub, 0) || comes(f->camera, 0) || comes(patient, 0));
	/* back: what was sent comes, those who still wait are let in, who hung up is not */
	pt_cable_pull(f->cable, false);
	hear(camera, "meanwhile");
	hear(hub, "likewise");
	int late = answer(f);
	hear(late, "let me in");
	g_assert_false(comes(f->camera, 100));
	close(hub);
	close(camera);
	close(patient);
	close(late);
}

static void test_nobody_there(Fixture *f, gconstpointer data) {
	close(f->camera);
	f->camera = -1;
	int hub = call(f);
	char nothing;
	g_assert_true(comes(hub, 5000));
	g_assert_cmpint(recv(hub, &nothing, 1, 0), <=, 0);
	close(hub);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add("/cable/carries", Fixture, NULL, set_up, test_carries, tear_down);
	g_test_add("/cable/much", Fixture, NULL, set_up, test_much, tear_down);
	g_test_add("/cable/pulled", Fixture, NULL, set_up, test_pulled, tear_down);
	g_test_add("/cable/nobody-there", Fixture, NULL, set_up, test_nobody_there, tear_down);
	return g_test_run();
}
