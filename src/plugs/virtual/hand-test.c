/* An edge made by another process through the socket, and the lamp that it sees: the path that bench/rule measures. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/input.h"
#include "plugs/relay.h"
#include "plugs/virtual/virtual.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ROUNDS 400

/* the simplest of rules: the lamp follows the button */
static void follow(PtEvent *event, void *data) {
	PtRelayCommand c = {.order = !strcmp(event->state, "active") ? PT_ORDER_ON : PT_ORDER_OFF,
	                    .issued_ns = event->noticed_ns,
	                    .actor = "rule/follow"};
	pt_relay_command(data, &c, NULL);
}

typedef struct {
	const char *path;
	int64_t took[ROUNDS];
	GMainLoop *loop;
} Outside;

static int64_t ask(int fd, const char *line, char *answer, size_t n) {
	int64_t start = pt_mono_ns(pt_clock_system());
	g_assert_cmpint(send(fd, line, strlen(line), 0), ==, strlen(line));
	ssize_t got = recv(fd, answer, n - 1, 0);
	g_assert_cmpint(got, >, 0);
	answer[got] = 0;
	return pt_mono_ns(pt_clock_system()) - start;
}

static void *outside(void *data) {
	Outside *o = data;
	char answer[200], line[100];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, o->path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
	for (int i = 0; i < ROUNDS; i++) {
		g_snprintf(line, sizeof line, "input 1 %s %" G_GINT64_FORMAT, i % 2 ? "open" : "closed",
		           pt_mono_ns(pt_clock_system()));
		o->took[i] = ask(fd, line, answer, sizeof answer);
		g_assert_true(g_str_has_prefix(answer, i % 2 ? "relay 2 open " : "relay 2 closed "));
	}
	static const char *const bad[] = {
	    "input 0 open", "input 1 ajar", "input 1 open 1", "input", "", "hello", "input 1 open 99999999999999999"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		if (!*bad[i])
			continue;
		ask(fd, bad[i], answer, sizeof answer);
		g_assert_true(g_str_has_prefix(answer, "error "));
	}
	ask(fd, "state", answer, sizeof answer);
	g_assert_cmpstr(answer, ==, "input 1 open 0");
	g_assert_cmpint(recv(fd, answer, sizeof answer, 0), >, 0);
	g_assert_cmpint(recv(fd, answer, sizeof answer, 0), ==, 3);
	close(fd);
	g_main_loop_quit(o->loop);
	return NULL;
}

static int compare(const void *a, const void *b) { return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1; }

static void test_hand(void) {
	g_autofree char *dir = g_dir_make_tmp("pt-hand-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "board.sock", NULL);
	PtBus *bus = pt_bus_new();
	PtPlugEnv env = {.clock = pt_clock_system(), .bus = bus};
	g_autoptr(PtVirtualBoard) board = pt_virtual_board_get(PT_VIRTUAL_BOARD);
	PtPlugSettings *in = pt_plug_settings_new(PT_PLUG_INPUT), *out = pt_plug_settings_new(PT_PLUG_RELAY);
	in->name = g_strdup("button");
	out->name = g_strdup("lamp");
	in->driver = out->driver = &pt_virtual_driver;
	in->channel = 1;
	out->channel = 2;
	PtInput *input = pt_input_new(in, &env);
	PtRelay *relay = pt_relay_new(out, &env, -1);
	PtBusSubscription *rule = pt_bus_subscribe_direct(bus, PT_TOPIC_INPUT, follow, relay);
	g_autoptr(GError) error = NULL;
	PtVirtualHand *hand = pt_virtual_hand_new(board, path, NULL, &error);
	g_assert_no_error(error);
	GStatBuf st;
	g_assert_cmpint(g_stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 0777, ==, 0600);

	Outside o = {.path = path, .loop = g_main_loop_new(NULL, FALSE)};
	GThread *thread = g_thread_new("outside", outside, &o);
	g_main_loop_run(o.loop);
	g_thread_join(thread);
	g_main_loop_unref(o.loop);
	qsort(o.took, ROUNDS, sizeof o.took[0], compare);
	g_test_message("edge to lamp: p50 %d us, p99 %d us", (int)(o.took[ROUNDS / 2] / 1000),
	               (int)(o.took[ROUNDS * 99 / 100] / 1000));

	pt_virtual_hand_free(hand);
	g_assert_cmpint(g_access(path, F_OK), !=, 0);
	pt_bus_unsubscribe(rule);
	pt_input_free(input);
	pt_relay_free(relay);
	pt_plug_settings_free(in);
	pt_plug_settings_free(out);
	pt_bus_free(bus);
	g_rmdir(dir);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/virtual/hand", test_hand);
	return g_test_run();
}
