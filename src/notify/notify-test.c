/* Against a real server on threads of its own: plain sockets, so that it can also misbehave. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

typedef struct {
	GSocketService *service;
	int port;
	GMutex lock;
	GString *seen;  /* all requests */
	int fail_first; /* so many are answered 503, or with fail */
	const char *fail;
	char *answer; /* instead of 200 */
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
	const char *answer =
	    s->fail_first-- > 0 ? (s->fail ? s->fail : "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
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

/* A notifier with a queue of its own, and what it said. */
typedef struct {
	PtNotify *notify;
	char *dir, *path;
	PtClock *clock; /* NULL: the system's */
	unsigned queue_max;
	GMutex lock;
	GString *log; /* under lock */
} Place;

static void on_done(void *user, const char *target, const PtQueued *m, const char *reason) {
	Place *p = user;
	g_autofree char *text = pt_queued_text(m);
	g_mutex_lock(&p->lock);
	g_string_append_printf(p->log, "%s: %s after %d%s%s\n", target, text, (int)m->tries, reason ? ": " : "",
	                       reason ? reason : "");
	g_mutex_unlock(&p->lock);
}

static GBytes *picture(void *user, const char *camera, int64_t wall_ns, GCancellable *cancellable, GError **error) {
	g_assert_cmpstr(camera, ==, "gate");
	return g_bytes_new_static("a JPEG of 21 bytes ..", 21);
}

static void place_open(Place *p, unsigned pause_ms) {
	g_autoptr(GError) error = NULL;
	p->notify = pt_notify_new(&(PtNotifySettings){.queue_path = p->path,
	                                              .clock = p->clock ? p->clock : pt_clock_system(),
	                                              .done = on_done,
	                                              .picture = picture,
	                                              .user = p,
	                                              .pause_ms = pause_ms,
	                                              .queue_max = p->queue_max},
	                          &error);
	g_assert_no_error(error);
}

static void place_init(Place *p) {
	*p = (Place){.log = g_string_new(NULL), .dir = g_dir_make_tmp("pt-notify-XXXXXX", NULL)};
	p->path = g_build_filename(p->dir, "notify.db", NULL);
	g_mutex_init(&p->lock);
	place_open(p, 5);
}

static void place_clear(Place *p) {
	pt_notify_free(p->notify);
	g_autoptr(GDir) dir = g_dir_open(p->dir, 0, NULL);
	for (const char *name; (name = g_dir_read_name(dir));) {
		g_autofree char *path = g_build_filename(p->dir, name, NULL);
		g_unlink(path);
	}
	g_rmdir(p->dir);
	g_free(p->dir);
	g_free(p->path);
	g_string_free(p->log, TRUE);
	g_mutex_clear(&p->lock);
}

/* The server takes connections on the main context. */
static void rest(void) {
	while (g_main_context_iteration(NULL, FALSE))
		;
	g_usleep(1000);
}

/* So many outcomes were told. */
static void wait_for(Place *p, uint64_t outcomes) {
	PtNotifyCounters c;
	do {
		rest();
		pt_notify_counters(p->notify, &c);
	} while (c.sent + c.failed < outcomes);
}

static void expect_log(Place *p, const char *text) {
	g_mutex_lock(&p->lock);
	g_assert_cmpstr(p->log->str, ==, text);
	g_string_truncate(p->log, 0);
	g_mutex_unlock(&p->lock);
}

static PtNotifyTarget *add(GPtrArray *targets, PtNotifyKind kind, const char *name, const Server *s, const char *secret) {
	PtNotifyTarget *t = pt_notify_target_new(kind, name);
	t->url = g_strdup_printf("http://127.0.0.1:%d/topic", s->port);
	t->secret = g_strdup(secret);
	g_ptr_array_add(targets, t);
	return t;
}

static GPtrArray *targets_new(void) { return g_ptr_array_new_with_free_func(pt_notify_target_unref); }

static void answer_with(Server *s, const char *answer, int fail_first) {
	g_mutex_lock(&s->lock);
	g_free(s->answer);
	s->answer = g_strdup(answer);
	s->fail_first = fail_first;
	g_string_truncate(s->seen, 0);
	g_mutex_unlock(&s->lock);
}

static void test_delivery(void) {
	Server s;
	Place p;
	server_start(&s);
	place_init(&p);
	g_autoptr(GPtrArray) targets = targets_new();
	add(targets, PT_NOTIFY_WEBHOOK, "hook", &s, "tok");
	add(targets, PT_NOTIFY_NTFY, "phone", &s, NULL);
	PtNotifyTarget *order = add(targets, PT_NOTIFY_ORDER, "order", &s, NULL);
	order->method = g_strdup("PUT");
	pt_notify_set_targets(p.notify, targets);
	PtNotifyMessage m = {.title = "Lager 4 – Süd", .text = "Tür \"auf\"", .actor = "rule/night", .event = "{\"id\":1}"};
	g_assert_cmpuint(pt_notify_send(p.notify, "hook", &m), ==, 1);
	wait_for(&p, 1);
	g_assert_nonnull(strstr(s.seen->str, "POST /topic HTTP/1.1"));
	g_assert_nonnull(strstr(s.seen->str, "Authorization: Bearer tok"));
	g_assert_nonnull(strstr(s.seen->str, "\"text\":\"Tür \\\"auf\\\"\",\"count\":1,\"priority\":3,\"actor\":"
	                                     "\"rule/night\",\"event\":{\"id\":1}}"));
	answer_with(&s, NULL, 0);
	m.priority = 5;
	m.link = "https://hub.example.org/#/time/gate";
	g_assert_cmpuint(pt_notify_send(p.notify, "phone", &m), ==, 1);
	wait_for(&p, 2);
	g_assert_nonnull(strstr(s.seen->str, "Title: =?UTF-8?B?TGFnZXIgNCDigJMgU8O8ZA==?="));
	g_assert_nonnull(strstr(s.seen->str, "Priority: 5"));
	g_assert_nonnull(strstr(s.seen->str, "Click: https://hub.example.org/#/time/gate"));
	g_assert_nonnull(strstr(s.seen->str, "\r\n\r\nTür \"auf\""));
	g_assert_null(strstr(s.seen->str, "Authorization"));
	m.text = "{\"on\":true}";
	g_assert_cmpuint(pt_notify_send(p.notify, "order", &m), ==, 1);
	wait_for(&p, 3);
	g_assert_nonnull(strstr(s.seen->str, "PUT /topic HTTP/1.1"));
	g_assert_nonnull(strstr(s.seen->str, "\r\n\r\n{\"on\":true}"));
	g_assert_cmpuint(pt_notify_send(p.notify, "nobody", &m), ==, 0);
	expect_log(&p, "hook: Tür \"auf\" after 1\nphone: Tür \"auf\" after 1\norder: {\"on\":true} after 1\n");
	place_clear(&p);
	server_stop(&s);
}

/* A picture goes with it to ntfy; without it where it is too large, or where the server takes none. */
static void test_picture(void) {
	static const struct {
		const char *fail, *first, *then;
		uint64_t most;
	} cases[] = {
	    {NULL, "PUT /topic", NULL, 21},
	    {NULL, "POST /topic", NULL, 20},
	    {NULL, "POST /topic", NULL, 0},
	    {"HTTP/1.1 400 No attachments\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "PUT /topic", "POST /topic",
	     21},
	    {"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "PUT /topic", "POST /topic", 21},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		Server s;
		Place p;
		server_start(&s);
		place_init(&p);
		g_autoptr(GPtrArray) targets = targets_new();
		add(targets, PT_NOTIFY_NTFY, "phone", &s, NULL)->attach_bytes = cases[i].most;
		pt_notify_set_targets(p.notify, targets);
		s.fail = cases[i].fail;
		answer_with(&s, NULL, s.fail ? 1 : 0);
		PtNotifyMessage m = {.title = "Yard", .text = "Tür auf", .camera = "gate"};
		pt_notify_send(p.notify, "phone", &m);
		wait_for(&p, 1);
		const char *second = strstr(s.seen->str + 1, "POST /topic");
		g_assert_true(g_str_has_prefix(s.seen->str, cases[i].first));
		g_assert_true(!cases[i].then == !second);
		if (cases[i].first[1] == 'U') {
			g_assert_nonnull(strstr(s.seen->str, "Filename: picture.jpg"));
			g_assert_nonnull(strstr(s.seen->str, "Message: =?UTF-8?B?VMO8ciBhdWY=?="));
			g_assert_nonnull(strstr(s.seen->str, "\r\n\r\na JPEG of 21 bytes .."));
		}
		if (second || cases[i].first[1] == 'O')
			g_assert_nonnull(strstr(s.seen->str, "\r\n\r\nTür auf"));
		expect_log(&p, "phone: Tür auf after 1\n");
		place_clear(&p);
		server_stop(&s);
	}
}

/* What may be better later is tried again, what is refused is not. */
static void test_refusals(void) {
	static const char *const answers[] = {
	    "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	    "HTTP/1.1 302 Moved\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	    "HTTP/1.1 307 Moved\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	};
	Server s;
	Place p;
	server_start(&s);
	place_init(&p);
	g_autoptr(GPtrArray) targets = targets_new();
	PtNotifyTarget *t = add(targets, PT_NOTIFY_WEBHOOK, "hook", &s, "tok");
	pt_notify_set_targets(p.notify, targets);
	PtNotifyMessage m = {.text = "x"};
	answer_with(&s, NULL, 4);
	pt_notify_send(p.notify, "hook", &m);
	wait_for(&p, 1);
	expect_log(&p, "hook: x after 5\n");
	g_ptr_array_set_size(targets, 0);
	t = add(targets, PT_NOTIFY_WEBHOOK, "hook", &s, "tok");
	t->expires_ns = 300 * PT_NS_PER_MS;
	pt_notify_set_targets(p.notify, targets);
	static const char *const wanted[] = {"hook: x after 1: it answered 403\n", ", the last: it answered 302\n",
	                                     "not followed: write the final address\n"};
	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		answer_with(&s, answers[i], 0);
		pt_notify_send(p.notify, "hook", &m);
		wait_for(&p, 2 + i);
		g_mutex_lock(&p.lock);
		g_assert_true(g_str_has_suffix(p.log->str, wanted[i]));
		g_assert_true(!i || strstr(p.log->str, ": expired after "));
		g_assert_null(strstr(p.log->str, "127.0.0.1"));
		g_assert_null(strstr(p.log->str, "tok"));
		g_string_truncate(p.log, 0);
		g_mutex_unlock(&p.lock);
	}
	place_clear(&p);
	server_stop(&s);
}

/* What waits when the program ends goes out when it runs again, once; a target that is gone by then is told of. */
static void test_queue_stays(void) {
	Server s;
	Place p;
	PtNotifyCounters c;
	server_start(&s);
	place_init(&p);
	g_autoptr(GPtrArray) targets = targets_new();
	add(targets, PT_NOTIFY_WEBHOOK, "hook", &s, NULL);
	add(targets, PT_NOTIFY_WEBHOOK, "gone", &s, NULL);
	pt_notify_set_targets(p.notify, targets);
	for (guint i = 0; i < targets->len; i++) { /* nobody is there at first */
		PtNotifyTarget *t = targets->pdata[i];
		g_free(t->url);
		t->url = g_strdup("http://127.0.0.1:1/");
	}
	for (int i = 0; i < 20; i++) {
		g_autofree char *text = g_strdup_printf("m%d", i);
		pt_notify_send(p.notify, i == 19 ? "gone" : "hook", &(PtNotifyMessage){.text = text});
	}
	do {
		rest();
		pt_notify_counters(p.notify, &c);
	} while (c.waiting < 20);
	pt_notify_free(p.notify);
	place_open(&p, 5);
	g_ptr_array_set_size(targets, 0);
	add(targets, PT_NOTIFY_WEBHOOK, "hook", &s, NULL);
	pt_notify_set_targets(p.notify, targets);
	wait_for(&p, 20);
	pt_notify_counters(p.notify, &c);
	g_assert_cmpuint(c.sent, ==, 19);
	g_assert_cmpuint(c.failed, ==, 1);
	g_assert_nonnull(strstr(p.log->str, "the site file names no such target any more"));
	for (int i = 0; i < 19; i++) {
		g_autofree char *text = g_strdup_printf("\"text\":\"m%d\"", i);
		const char *once = strstr(s.seen->str, text);
		g_assert_true(once && !strstr(once + 1, text));
	}
	place_clear(&p);
	server_stop(&s);
}

static void test_damaged_queue(void) {
	Place p;
	place_init(&p);
	pt_notify_free(p.notify);
	g_autofree char *noise = g_strnfill(8192, 'x');
	g_assert_true(g_file_set_contents(p.path, noise, 8192, NULL));
	place_open(&p, 5);
	g_autoptr(GDir) dir = g_dir_open(p.dir, 0, NULL);
	unsigned aside = 0;
	for (const char *name; (name = g_dir_read_name(dir));)
		aside += g_str_has_prefix(name, "notify.db.damaged-");
	g_assert_cmpuint(aside, >=, 1);
	place_clear(&p);
}

/* Twelve of a kind are one message, other things another, and what is urgent waits for nobody. */
static void test_group(void) {
	Server s;
	Place p;
	server_start(&s);
	place_init(&p);
	g_autoptr(GPtrArray) targets = targets_new();
	PtNotifyTarget *t = add(targets, PT_NOTIFY_NTFY, "phone", &s, NULL);
	t->group_ns = PT_NS_PER_S;
	pt_notify_set_targets(p.notify, targets);
	for (int i = 0; i < 12; i++)
		pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "door", .like = "a"});
	pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "gate", .like = "b"});
	pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "fire", .like = "a", .priority = 5});
	wait_for(&p, 3);
	expect_log(&p, "phone: fire after 1\nphone: door (12 times) after 1\nphone: gate after 1\n");
	place_clear(&p);
	server_stop(&s);
}

/* In quiet hours only what is urgent goes out. */
static void test_quiet(void) {
	Server s;
	Place p;
	PtNotifyCounters c;
	server_start(&s);
	place_init(&p);
	g_autoptr(GPtrArray) targets = targets_new();
	PtNotifyTarget *t = add(targets, PT_NOTIFY_NTFY, "phone", &s, NULL);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	int minute = g_date_time_get_hour(now) * 60 + g_date_time_get_minute(now);
	t->quiet_from_min = (minute + 1439) % 1440;
	t->quiet_to_min = (minute + 60) % 1440;
	pt_notify_set_targets(p.notify, targets);
	pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "door"});
	pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "fire", .priority = 5});
	wait_for(&p, 1);
	expect_log(&p, "phone: fire after 1\n");
	pt_notify_counters(p.notify, &c);
	g_assert_cmpint(c.waiting, ==, 1);
	place_clear(&p);
	server_stop(&s);
}

/* So many requests came. */
static void wait_seen(Server *s, int requests) {
	int n;
	do {
		rest();
		g_mutex_lock(&s->lock);
		n = 0;
		for (const char *at = s->seen->str; (at = strstr(at, "\n--\n")); at++)
			n++;
		g_mutex_unlock(&s->lock);
	} while (n < requests);
}

static void wait_waiting(Place *p, int64_t waiting) {
	PtNotifyCounters c;
	do {
		rest();
		pt_notify_counters(p->notify, &c);
	} while (c.waiting != waiting);
}

/* A board whose clock is set once the network is there: what waits for that expires by the time that passed. */
static void test_clock_set(void) {
	Server s;
	Place p;
	server_start(&s);
	place_init(&p);
	pt_notify_free(p.notify);
	p.clock = pt_clock_virtual_new(INT64_C(1700000000) * PT_NS_PER_S, PT_NS_PER_S);
	place_open(&p, 5);
	g_autoptr(GPtrArray) targets = targets_new();
	add(targets, PT_NOTIFY_WEBHOOK, "hook", &s, NULL)->expires_ns = 3600 * PT_NS_PER_S;
	pt_notify_set_targets(p.notify, targets);
	for (int i = 0; i < 2; i++) {
		int64_t step = (i ? -400 : 400) * 86400 * PT_NS_PER_S;
		answer_with(&s, NULL, 1);
		pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "waits"});
		wait_seen(&s, 1);
		wait_waiting(&p, 1);
		pt_clock_virtual_step(p.clock, step);
		pt_clock_virtual_advance(p.clock, 60 * PT_NS_PER_S);
		wait_for(&p, (uint64_t)i + 1);
		expect_log(&p, "hook: waits after 2\n");
	}
	/* what was written down before the program ended was written by a clock that was right */
	answer_with(&s, NULL, 1);
	pt_notify_send(p.notify, NULL, &(PtNotifyMessage){.text = "old"});
	wait_seen(&s, 1);
	pt_notify_free(p.notify);
	place_open(&p, 5);
	pt_clock_virtual_step(p.clock, 400 * 86400 * PT_NS_PER_S);
	pt_notify_set_targets(p.notify, targets);
	wait_for(&p, 1);
	g_assert_true(g_str_has_prefix(p.log->str, "hook: old after 1: expired after 1 tries"));
	place_clear(&p);
	pt_clock_virtual_free(p.clock);
	server_stop(&s);
}

/* A target that is away fills its own queue alone, and that of an alarm last of all. */
static void test_full(void) {
	Server s;
	Place p;
	server_start(&s);
	place_init(&p);
	pt_notify_free(p.notify);
	p.queue_max = 5;
	place_open(&p, 3600000);
	g_autoptr(GPtrArray) targets = targets_new();
	PtNotifyTarget *away = add(targets, PT_NOTIFY_WEBHOOK, "away", &s, NULL);
	g_free(away->url);
	away->url = g_strdup("http://127.0.0.1:1/");
	add(targets, PT_NOTIFY_WEBHOOK, "here", &s, NULL);
	pt_notify_set_targets(p.notify, targets);
	for (int i = 0; i < 5; i++) {
		g_autofree char *text = g_strdup_printf("m%d", i);
		pt_notify_send(p.notify, "away", &(PtNotifyMessage){.text = text});
	}
	wait_waiting(&p, 5);
	pt_notify_send(p.notify, "away", &(PtNotifyMessage){.text = "late"});
	wait_for(&p, 1);
	expect_log(&p, "away: late after 0: too many messages wait already\n");
	pt_notify_send(p.notify, "here", &(PtNotifyMessage){.text = "through"});
	wait_for(&p, 2);
	expect_log(&p, "here: through after 1\n");
	pt_notify_send(p.notify, "away", &(PtNotifyMessage){.text = "alarm", .priority = 5});
	wait_for(&p, 3);
	g_assert_nonnull(strstr(p.log->str, "too many messages wait, and it made room for one of priority 5"));
	wait_waiting(&p, 5);
	place_clear(&p);
	server_stop(&s);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notify/delivery", test_delivery);
	g_test_add_func("/notify/picture", test_picture);
	g_test_add_func("/notify/refusals", test_refusals);
	g_test_add_func("/notify/queue-stays", test_queue_stays);
	g_test_add_func("/notify/damaged-queue", test_damaged_queue);
	g_test_add_func("/notify/group", test_group);
	g_test_add_func("/notify/quiet", test_quiet);
	g_test_add_func("/notify/clock-set", test_clock_set);
	g_test_add_func("/notify/full", test_full);
	return g_test_run();
}
