/* SPDX-License-Identifier: Apache-2.0 */
#include "web/login.h"
#include "web/server.h"
#include <string.h>

typedef struct {
	PtServer *server;
	PtLogin *login;
	guint16 port;
} Fixture;

/* Runs on a thread of its own: sends text as it is, returns all that comes back until the server closes. */
typedef struct {
	guint16 port;
	GString *send;
	char *reply;
	gint done;
} Exchange;

static gpointer exchange_thread(gpointer data) {
	Exchange *x = data;
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_socket_client_set_timeout(client, 20);
	g_socket_client_set_enable_proxy(client, FALSE);
	g_autoptr(GSocketConnection) c = g_socket_client_connect_to_host(client, "127.0.0.1", x->port, NULL, NULL);
	g_assert_nonnull(c);
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(c));
	GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(c));
	g_output_stream_write_all(out, x->send->str, x->send->len, NULL, NULL,
	                          NULL); /* the server may have had enough of it */
	GString *reply = g_string_new("");
	char buffer[4096];
	gssize n;
	while ((n = g_input_stream_read(in, buffer, sizeof buffer, NULL, NULL)) > 0)
		g_string_append_len(reply, buffer, n);
	x->reply = g_string_free(reply, FALSE);
	g_atomic_int_set(&x->done, 1);
	g_main_context_wakeup(NULL);
	return NULL;
}

static char *exchange_bytes(Fixture *f, GString *send) {
	Exchange x = {.port = f->port, .send = send};
	GThread *thread = g_thread_new("client", exchange_thread, &x);
	while (!g_atomic_int_get(&x.done))
		g_main_context_iteration(NULL, TRUE);
	g_thread_join(thread);
	g_string_free(send, TRUE);
	return x.reply;
}

static char *exchange(Fixture *f, const char *head, const char *body) {
	GString *s = g_string_new(head);
	if (!strstr(head, "Host:"))
		g_string_append(s, "Host: 127.0.0.1\r\n");
	if (body)
		g_string_append_printf(s, "Content-Length: %zu\r\n", strlen(body));
	g_string_append_printf(s, "Connection: close\r\n\r\n%s", body ? body : "");
	return exchange_bytes(f, s);
}

static void assert_status(const char *reply, unsigned status) {
	g_autofree char *want = g_strdup_printf("HTTP/1.1 %u ", status);
	if (!g_str_has_prefix(reply, want))
		g_error("expected %u, got: %.200s", status, reply);
}

static void hello(PtRequest *r, void *data) {
	g_autofree char *text = g_strdup_printf("%s|%s", pt_request_segment(r, 0), pt_request_caller(r)->user);
	pt_request_reply_text(r, 200, "text/plain", text);
}

static gssize read_body(void *user, uint64_t offset, uint8_t *to, size_t size, GError **error) {
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)('a' + (offset + i) % 26);
	return (gssize)MIN(size, 1000);
}

static void big(PtRequest *r, void *data) { pt_request_stream(r, "text/plain", 1000000, read_body, NULL, NULL); }

static void whole(PtRequest *r, void *data) { pt_request_reply_text(r, 200, "text/plain", "abcdefghijklmnopqrstuvwxyz"); }

static void set_up(Fixture *f, gconstpointer unused) {
	f->login = pt_login_new(NULL);
	f->server = pt_server_new(&(PtServerParams){
	    .login = pt_login_hook, .still_in = pt_login_still_in, .user = f->login, .max_connections = 8});
	pt_login_add_routes(f->login, f->server);
	pt_server_route(f->server, "GET", "/hello/*", PT_ROLE_NONE, hello, NULL);
	pt_server_route(f->server, "GET", "/secret/*", PT_ROLE_OPERATOR, hello, NULL);
	pt_server_route(f->server, "GET", "/big", PT_ROLE_NONE, big, NULL);
	pt_server_route(f->server, "GET", "/whole", PT_ROLE_NONE, whole, NULL);
	g_autoptr(GError) error = NULL;
	f->port = pt_server_listen(f->server, "127.0.0.1:0", NULL, &error);
	g_assert_no_error(error);
}

static void tear_down(Fixture *f, gconstpointer unused) {
	pt_server_free(f->server);
	pt_login_free(f->login);
}

static void test_refusals(Fixture *f, gconstpointer unused) {
	static const struct {
		const char *head;
		unsigned status;
	} cases[] = {
	    {"GET /hello/you HTTP/1.1\r\n", 200},
	    {"GET /hello/you HTTP/1.1\r\nHost: evil.example\r\n", 421},
	    {"GET /hello/you HTTP/1.1\r\nHost: 127.0.0.1:80\r\nOrigin: http://evil.example\r\n", 403},
	    {"GET /hello/you HTTP/1.1\r\nHost: 127.0.0.1:80\r\nOrigin: http://127.0.0.1:80\r\n", 200},
	    {"GET /hello/%2e%2e/x HTTP/1.1\r\n", 404}, /* it never leaves the root */
	    {"GET /hello/%2e%2e HTTP/1.1\r\n", 404},
	    {"GET /hello/a%00b HTTP/1.1\r\n", 400},
	    {"GET /hello/a%0ab HTTP/1.1\r\n", 400},
	    {"GET /nothing HTTP/1.1\r\n", 404},
	    {"PUT /hello/you HTTP/1.1\r\n", 405},
	    {"GET /secret/you HTTP/1.1\r\n", 401},
	    {"GET /secret/you HTTP/1.1\r\nCookie: pigtail=made-up\r\n", 401},
	    {"POST /api/login HTTP/1.1\r\nContent-Length: 300000000\r\n", 413},
	    {"POST /api/login HTTP/1.1\r\n", 400},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].head);
		g_autofree char *reply = exchange(f, cases[i].head, NULL);
		assert_status(reply, cases[i].status);
	}
}

static void test_bodies(Fixture *f, gconstpointer unused) {
	GString *flood = g_string_new("POST /api/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3000; i++) {
		g_string_append(flood, "400\r\n");
		for (int k = 0; k < 16; k++)
			g_string_append(flood, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
		g_string_append(flood, "\r\n");
	}
	g_free(exchange_bytes(f, flood));
	PtServerStats stats;
	pt_server_get_stats(f->server, &stats);
	g_assert_cmpuint(stats.too_large, ==, 1);
	GString *endless = g_string_new("GET / HTTP/1.1\r\n");
	for (int i = 0; i < 20000; i++)
		g_string_append(endless, "X-Filler: yes, and yes again\r\n");
	g_free(exchange_bytes(f, endless));
	g_autofree char *whole = exchange(f, "GET /big HTTP/1.1\r\n", NULL);
	assert_status(whole, 200);
	const char *body = strstr(whole, "\r\n\r\n") + 4;
	g_assert_cmpuint(strlen(body), ==, 1000000);
	g_assert_cmpint(body[999999], ==, 'a' + 999999 % 26);
	g_autofree char *part = exchange(f, "GET /big HTTP/1.1\r\nRange: bytes=999990-\r\n", NULL);
	assert_status(part, 206);
	g_assert_cmpuint(strlen(strstr(part, "\r\n\r\n") + 4), ==, 10);
}

/* Ranges of a body that comes piece by piece (/big, of a million) and of one that is there (/whole, of 26). */
static void test_ranges(Fixture *f, gconstpointer unused) {
	static const struct {
		const char *path, *range;
		unsigned status;
		const char *header; /* NULL: any */
	} cases[] = {
	    {"/big", "bytes=5-9", 206, "Content-Range: bytes 5-9/1000000\r\n"},
	    {"/big", "bytes=-5", 206, "Content-Range: bytes 999995-999999/1000000\r\n"},
	    {"/big", "bytes=999999-2000000", 206, "Content-Range: bytes 999999-999999/1000000\r\n"},
	    {"/big", "bytes=1000000-", 416, "Content-Range: bytes */1000000\r\n"},
	    {"/big", "bytes=999999999-", 416, "Content-Length: 0\r\n"},
	    {"/big", "bytes=-0", 416, "Content-Length: 0\r\n"},
	    {"/big", "bytes=99999999999999999999-", 200, "Content-Length: 1000000\r\n"},
	    {"/big", "bytes=-99999999999999999999", 200, "Content-Length: 1000000\r\n"},
	    {"/big", "bytes=5-2", 200, "Content-Length: 1000000\r\n"},
	    {"/big", "bytes=0-1,5-6", 200, "Content-Length: 1000000\r\n"},
	    {"/big", "lines=5-9", 200, "Content-Length: 1000000\r\n"},
	    {"/whole", "bytes=5-9", 206, "Content-Range: bytes 5-9/26\r\n"},
	    {"/whole", "bytes=26-", 416, NULL},
	    {"/whole", "bytes=99999999999999999999-", 200, "Content-Length: 26\r\n"},
	    {"/whole", "bytes=0-,0-,0-", 200, "Content-Length: 26\r\n"},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *head = g_strdup_printf("GET %s HTTP/1.1\r\nRange: %s\r\n", cases[i].path, cases[i].range);
		g_test_message("%s", head);
		g_autofree char *reply = exchange(f, head, NULL);
		assert_status(reply, cases[i].status);
		if (cases[i].header && !strstr(reply, cases[i].header))
			g_error("%s: expected %s in: %.500s", cases[i].range, cases[i].header, reply);
	}
}

/* Two requests on one connection get two answers. */
static void test_kept_alive(Fixture *f, gconstpointer unused) {
	g_autofree char *reply =
	    exchange_bytes(f, g_string_new("GET /hello/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
	                                   "GET /hello/b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"));
	assert_status(reply, 200);
	g_assert_nonnull(strstr(reply, "a|"));
	g_assert_nonnull(strstr(reply, "b|"));
}

/* What the peer ends, before, between and in the middle of requests, is let go at once: eight are allowed, fifty come. */
static void test_let_go(Fixture *f, gconstpointer unused) {
	static const char *const ends[] = {
	    "",
	    "GET /hel",
	    "GET /hello/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	    "POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
	    "GET /hello/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	};
	for (unsigned i = 0; i < 50; i++) {
		const char *send = ends[i % G_N_ELEMENTS(ends)];
		g_autoptr(GSocketClient) client = g_socket_client_new();
		g_socket_client_set_enable_proxy(client, FALSE);
		GSocketConnection *c = g_socket_client_connect_to_host(client, "127.0.0.1", f->port, NULL, NULL);
		g_assert_nonnull(c);
		g_assert_true(g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(c)), send, strlen(send),
		                                        NULL, NULL, NULL));
		for (int k = 0; k < 20; k++) {
			g_main_context_iteration(NULL, FALSE);
			g_usleep(100);
		}
		g_object_unref(c);
		gint64 until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
		PtServerStats stats;
		do {
			g_main_context_iteration(NULL, FALSE);
			pt_server_get_stats(f->server, &stats);
			g_assert_cmpint(g_get_monotonic_time(), <, until);
		} while (stats.connections);
		g_assert_cmpuint(stats.refused, ==, 0);
	}
}

static void test_login(Fixture *f, gconstpointer unused) {
	g_autofree char *hash = pt_login_hash_password("correct horse", NULL);
	PtLoginUser users[] = {{.name = "anna", .role = PT_ROLE_OPERATOR, .password = hash}};
	pt_login_set_users(f->login, users, 1);
	g_autofree char *good =
	    exchange(f, "POST /api/login HTTP/1.1\r\n", "{\"user\":\"anna\",\"password\":\"correct horse\"}");
	assert_status(good, 200);
	const char *cookie = strstr(good, "pigtail=");
	g_assert_nonnull(cookie);
	g_assert_nonnull(strstr(good, "HttpOnly"));
	g_autofree char *value = g_strndup(cookie, strcspn(cookie, ";"));
	g_autofree char *head = g_strdup_printf("GET /secret/x HTTP/1.1\r\nCookie: a=b; %s\r\n", value);
	g_autofree char *inside = exchange(f, head, NULL);
	assert_status(inside, 200);
	g_assert_nonnull(strstr(inside, "x|anna"));
	for (int i = 0; i < 4; i++) {
		g_autofree char *bad =
		    exchange(f, "POST /api/login HTTP/1.1\r\n", "{\"user\":\"anna\",\"password\":\"wrong\"}");
		assert_status(bad, i < 3 ? 401 : 429);
	}
	/* a changed password ends the session */
	g_autofree char *other = pt_login_hash_password("another one", NULL);
	users[0].password = other;
	pt_login_set_users(f->login, users, 1);
	g_autofree char *outside = exchange(f, head, NULL);
	assert_status(outside, 401);
}

static void test_link(Fixture *f, gconstpointer unused) {
	g_autofree char *token = pt_login_make_link_token(f->login);
	g_autofree char *body = g_strdup_printf("{\"token\":\"%s\"}", token);
	g_autofree char *first = exchange(f, "POST /api/login HTTP/1.1\r\n", body);
	assert_status(first, 200);
	g_autofree char *second = exchange(f, "POST /api/login HTTP/1.1\r\n", body);
	assert_status(second, 401);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/web/" name, Fixture, NULL, set_up, fn, tear_down)
	ADD("refusals", test_refusals);
	ADD("bodies", test_bodies);
	ADD("ranges", test_ranges);
	ADD("kept-alive", test_kept_alive);
	ADD("let-go", test_let_go);
	ADD("login", test_login);
	ADD("link", test_link);
	return g_test_run();
}
