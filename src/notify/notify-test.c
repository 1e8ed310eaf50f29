/* Against a real server on a thread of its own: plain sockets, so that it can also misbehave. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify.h"
#include <gio/gio.h>
#include <string.h>

typedef struct {
	GSocketService *service;
	int port;
	GMutex lock;
	GString *seen;  /* all requests */
	int fail_first; /* so many are answered 503 */
	char *answer;   /* instead of 200 */
} Server;

static gboolean serve(GThreadedSocketService *service, GSocketConnection *connection, GObject *source, void *data) {
	Server *s = data;
	char buffer[8192];
	gsize have = 0;
	GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
	char *end = NULL;
	while (have < sizeof buffer - 1) { /* headers, then Content-Length bytes */
		gssize n = g_input_stream_read(in, buffer + have, sizeof buffer - 1 - have, NULL, NULL);
		if (n <= 0)
			break;
		have += (gsize)n;
		buffer[have] = 0;
		end = strstr(buffer, "\r\n\r\n");
		const char *length = end ? strstr(buffer, "Content-Length: ") : NULL;
		if (end && (!length || have >= (gsize)(end + 4 - buffer) + (gsize)atoi(length + 16)))
			break;
	}
	g_mutex_lock(&s->lock);
	g_string_append_len(s->seen, buffer, (gssize)have);
	g_string_append(s->seen, "\n--\n");
	const char *answer = s->fail_first-- > 0 ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	                     : s->answer         ? s->answer
	                                         : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
	g_autofree char *copy = g_strdup(answer);
	g_mutex_unlock(&s->lock);
	g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(connection)), copy, strlen(copy), NULL, NULL,
	                          NULL);
	return TRUE;
}

static void server_start(Server *s) {
	g_autoptr(GError) error = NULL;
	*s = (Server){.service = g_threaded_socket_service_new(4), .seen = g_string_new(NULL)};
	g_mutex_init(&s->lock);
	g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
	g_autoptr(GSocketAddress) address = g_inet_socket_address_new(loopback, 0), bound = NULL;
	g_assert_true(g_socket_listener_add_address(G_SOCKET_LISTENER(s->service), address, G_SOCKET_TYPE_STREAM,
	                                            G_SOCKET_PROTOCOL_TCP, NULL, &bound, &error));
	s->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
	g_signal_connect(s->service, "run", G_CALLBACK(serve), s);
	g_socket_service_start(s->service);
}

static void server_stop(Server *s) {
	g_socket_service_stop(s->service);
	g_socket_listener_close(G_SOCKET_LISTENER(s->service));
	g_usleep(50000); /* the last of its threads says goodbye */
	g_object_unref(s->service);
	g_string_free(s->seen, TRUE);
	g_mutex_clear(&s->lock);
	g_free(s->answer);
}

static void on_done(void *user, const char *target, const PtNotifyMessage *m, int tries, const char *reason) {
	g_string_append_printf(user, "%s: %s after %d%s%s\n", target, m->text, tries, reason ? ": " : "",
	                       reason ? reason : "");
}

static void wait_for(PtNotify *n) {
	PtNotifyCounters c;
	do {
		g_main_context_iteration(NULL, TRUE);
		pt_notify_counters(n, &c);
	} while (c.waiting);
}

static void test_delivery(void) {
	Server s;
	server_start(&s);
	g_autoptr(GString) log = g_string_new(NULL);
	PtNotify *n = pt_notify_new(on_done, log);
	g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/topic", s.port);
	PtNotifyTarget targets[] = {{.name = "hook", .url = url, .secret = "tok"},
	                            {.name = "phone", .url = url, .ntfy = true}};
	pt_notify_set_targets(n, targets, 2);
	pt_notify_set_pause(n, 5);
	g_autoptr(PtEvent) event = pt_event_now(pt_clock_system(), "input/door", PT_TOPIC_INPUT, "active", NULL, NULL);
	PtNotifyMessage m = {.title = "Lager 4 – Süd", .text = "Tür \"auf\"", .actor = "rule/night", .event = event};
	g_assert_cmpuint(pt_notify_send(n, "hook", &m), ==, 1);
	wait_for(n);
	g_assert_nonnull(strstr(s.seen->str, "POST /topic HTTP/1.1"));
	g_assert_nonnull(strstr(s.seen->str, "Authorization: Bearer tok"));
	g_assert_nonnull(
	    strstr(s.seen->str, "\"text\":\"Tür \\\"auf\\\"\",\"priority\":3,\"actor\":\"rule/night\",\"event\":{\"id\":"));
	g_string_truncate(s.seen, 0);
	m.priority = 5;
	g_assert_cmpuint(pt_notify_send(n, "phone", &m), ==, 1);
	wait_for(n);
	g_assert_nonnull(strstr(s.seen->str, "Title: =?UTF-8?B?TGFnZXIgNCDigJMgU8O8ZA==?="));
	g_assert_nonnull(strstr(s.seen->str, "Priority: 5"));
	g_assert_nonnull(strstr(s.seen->str, "\r\n\r\nTür \"auf\""));
	g_assert_null(strstr(s.seen->str, "Authorization"));
	g_assert_cmpuint(pt_notify_send(n, "nobody", &m), ==, 0);
	g_assert_cmpstr(log->str, ==, "hook: Tür \"auf\" after 1\nphone: Tür \"auf\" after 1\n");

	g_string_truncate(log, 0);
	m.text = "x";
	s.fail_first = 2;
	pt_notify_send(n, "hook", &m);
	wait_for(n);
	s.fail_first = 100;
	pt_notify_send(n, "hook", &m);
	wait_for(n);
	s.fail_first = 0;
	static const char *const answers[] = {
	    "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	    "HTTP/1.1 302 Moved\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	    "HTTP/1.1 307 Moved\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		g_free(s.answer);
		s.answer = g_strdup(answers[i]);
		pt_notify_send(n, "hook", &m);
		wait_for(n);
	}
	g_autofree char *huge = g_strnfill(100000, 'x');
	g_free(s.answer);
	s.answer = g_strconcat("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n", huge, NULL);
	pt_notify_send(n, "hook", &m);
	wait_for(n);
	g_assert_cmpstr(
	    log->str, ==,
	    "hook: x after 3\n"
	    "hook: x after 4: it answered 503\n"
	    "hook: x after 1: it answered 403\n"
	    "hook: x after 4: it answered 302\n"
	    "hook: x after 4: it answered with a redirect to another place, which is not followed: write the final "
	    "address\n"
	    "hook: x after 4: the answer is larger than 64 KiB\n");
	PtNotifyCounters c;
	pt_notify_counters(n, &c);
	g_assert_cmpuint(c.sent, ==, 3);
	g_assert_cmpuint(c.failed, ==, 5);
	g_assert_cmpuint(c.refused, ==, 1);
	server_stop(&s);

	/* nobody there; the end while tries are left */
	pt_notify_set_pause(n, 60000);
	g_string_truncate(log, 0);
	for (int i = 0; i < PT_NOTIFY_QUEUE_MAX + 10; i++)
		pt_notify_send(n, "hook", &m);
	pt_notify_counters(n, &c);
	g_assert_cmpuint(c.waiting, ==, PT_NOTIFY_QUEUE_MAX);
	g_assert_cmpuint(c.refused, ==, 11);
	pt_notify_free(n);
	g_assert_null(strstr(log->str, "127.0.0.1"));
	g_assert_null(strstr(log->str, "tok"));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notify/delivery", test_delivery);
	return g_test_run();
}
