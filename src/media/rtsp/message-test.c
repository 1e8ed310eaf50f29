/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/message.h"
#include "media/rtsp/print.h"
#include "media/rtsp/transport.h"
#include "base/error.h"

static void check_first(const PtRtspMessage *m) {
	g_assert_false(m->request);
	g_assert_cmpuint(m->status, ==, 200);
	g_assert_cmpstr(m->reason, ==, "OK");
	g_assert_cmpstr(pt_rtsp_message_get(m, "cseq"), ==, "2");
	g_assert_cmpstr(pt_rtsp_message_get(m, "Public"), ==, "OPTIONS, DESCRIBE, PLAY");
	g_assert_cmpuint(m->body_size, ==, 5);
	g_assert_cmpstr((const char *)m->body, ==, "v=0\r\n");
	unsigned cursor = 0;
	g_assert_cmpstr(pt_rtsp_message_next(m, "WWW-Authenticate", &cursor), ==, "Basic realm=\"a\"");
	g_assert_cmpstr(pt_rtsp_message_next(m, "WWW-Authenticate", &cursor), ==, "Digest realm=\"a\", nonce=\"b\"");
	g_assert_null(pt_rtsp_message_next(m, "WWW-Authenticate", &cursor));
}

static void check_second(const PtRtspMessage *m) {
	g_assert_true(m->request);
	g_assert_cmpstr(m->method, ==, "OPTIONS");
	g_assert_cmpstr(m->uri, ==, "rtsp://192.0.2.1/a b");
	g_assert_null(m->body);
}

static void check_third(const PtRtspMessage *m) {
	g_assert_cmpuint(m->status, ==, 454);
	g_assert_cmpstr(m->reason, ==, "");
}

/* Every length of piece must give the same three messages, with an interleaved frame between the last two. */
static void test_pieces(void) {
	static const char text[] =
	    "\r\n\r\nRTSP/1.0 200 OK\r\ncseq:2\nPUBLIC: OPTIONS,\r\n  DESCRIBE,\r\n\tPLAY\r\nloose words\r\n"
	    "WWW-Authenticate: Basic realm=\"a\"\r\nwww-authenticate: Digest realm=\"a\", nonce=\"b\"\r\n"
	    "content-length: 5 \r\n\r\nv=0\r\n"
	    "\nOPTIONS rtsp://192.0.2.1/a b RTSP/1.0\nCSeq: 7\n\n"
	    "$RTSP/1.0 454\r\n\r\n";
	size_t size = sizeof text - 1;
	for (size_t piece = 1; piece <= size; piece++) {
		PtRtspParser *p = pt_rtsp_parser_new();
		unsigned seen = 0, dollars = 0;
		for (size_t at = 0; at < size;) {
			g_autoptr(GError) error = NULL;
			const PtRtspMessage *m;
			if (text[at] == '$' && pt_rtsp_parser_idle(p)) {
				dollars++;
				at++;
				continue;
			}
			ssize_t n = pt_rtsp_parser_feed(p, text + at, MIN(piece, size - at), &m, &error);
			g_assert_no_error(error);
			at += (size_t)n;
			static void (*const checks[])(const PtRtspMessage *) = {check_first, check_second, check_third};
			if (m)
				checks[seen++](m);
		}
		g_assert_cmpuint(seen, ==, 3);
		g_assert_cmpuint(dollars, ==, 1);
		pt_rtsp_parser_free(p);
	}
}

static void expect_error(const char *text, size_t n, int code) {
	g_autoptr(GError) error = NULL;
	PtRtspParser *p = pt_rtsp_parser_new();
	const PtRtspMessage *m = NULL;
	ssize_t used = 0;
	for (size_t at = 0; at < n && used >= 0; at += (size_t)MAX(used, 0))
		used = pt_rtsp_parser_feed(p, text + at, MIN(1000, n - at), &m, &error);
	g_assert_error(error, PT_ERROR, code);
	pt_rtsp_parser_free(p);
}

static void test_hostile(void) {
	static const char *const bad[] = {"HTTP/1.1 200 OK\r\n\r\n",
	                                  "SSH-2.0-x\r\n\r\n",
	                                  "RTSP/1.0\r\n\r\n",
	                                  "RTSP/1.0 9\r\n\r\n",
	                                  "RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n",
	                                  "OPTIONS RTSP/1.0\r\n\r\n",
	                                  "RTSP/1.0 200 OK\r\nContent-Length: 12x\r\n\r\n",
	                                  "\x01\x02RTSP/1.0 200 OK\r\n\r\n"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		expect_error(bad[i], strlen(bad[i]), PT_ERROR_INVALID);
	static const char huge[] = "RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
	expect_error(huge, sizeof huge - 1, PT_ERROR_TOO_LARGE);
	GString *endless = g_string_new("RTSP/1.0 200 OK\r\n");
	while (endless->len <= PT_RTSP_MAX_HEAD)
		g_string_append(endless,
		                "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
	expect_error(endless->str, endless->len, PT_ERROR_TOO_LARGE);
	g_string_assign(endless, "RTSP/1.0 200 OK\r\n");
	for (int i = 0; i <= PT_RTSP_MAX_HEADERS; i++)
		g_string_append(endless, "X: a\r\n");
	g_string_append(endless, "\r\n");
	expect_error(endless->str, endless->len, PT_ERROR_TOO_LARGE);
	g_string_free(endless, TRUE);
}

static void test_session(void) {
	static const struct {
		const char *header, *id;
		unsigned timeout;
	} cases[] = {{"Session: 12345678;timeout=30", "12345678", 30},
	             {"Session:   ab-c_$ ; timeout = 65 ", "ab-c_$", 65},
	             {"Session: 7", "7", 60},
	             {"Session: 7;timeout=0", "7", 60},
	             {"Session: ;timeout=5", NULL, 0},
	             {"Other: x", NULL, 0},
	             {"Session: 9;foo=1;timeout=99999999999", "9", 86400}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtRtspParser *p = pt_rtsp_parser_new();
		const PtRtspMessage *m;
		g_autofree char *text = g_strdup_printf("RTSP/1.0 200 OK\r\n%s\r\n\r\n", cases[i].header);
		pt_rtsp_parser_feed(p, text, strlen(text), &m, NULL);
		g_assert_nonnull(m);
		char id[64];
		unsigned timeout = 0;
		bool found = pt_rtsp_message_session(m, id, sizeof id, &timeout);
		g_assert_true(found == (cases[i].id != NULL));
		if (found)
			g_assert_cmpstr(id, ==, cases[i].id);
		g_assert_cmpuint(timeout, ==, cases[i].timeout);
		pt_rtsp_parser_free(p);
	}
}

static void test_write(void) {
	PtBuf b = {0};
	pt_rtsp_write_request(&b, "SETUP", "rtsp://h/a\r\nX: y", 3);
	pt_rtsp_write_header(&b, "Session", "%s", "1\n2");
	pt_rtsp_write_end(&b, "hi", 2);
	pt_rtsp_write_response(&b, 461, "9");
	pt_rtsp_write_end(&b, NULL, 0);
	pt_buf_u8(&b, 0);
	g_assert_cmpstr((char *)b.data, ==,
	                "SETUP rtsp://h/a  X: y RTSP/1.0\r\nCSeq: 3\r\nSession: 1 2\r\nContent-Length: 2\r\n\r\nhi"
	                "RTSP/1.0 461 Unsupported Transport\r\nCSeq: 9\r\n\r\n");
	pt_buf_clear(&b);
}

static void test_transport(void) {
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1A2B3C4D;mode=\"PLAY\"",
	     "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1A2B3C4D"},
	    {"RTP/AVP;unicast;client_port=8000-8001;server_port=9000-9001;source=192.0.2.1",
	     "RTP/AVP;unicast;source=192.0.2.1;client_port=8000-8001;server_port=9000-9001"},
	    {"rtp/avp/udp; unicast; client_port = 8000", "RTP/AVP;unicast;client_port=8000-8001"},
	    {"RTP/AVP;multicast;destination=239.1.1.1;client_port=99999", "RTP/AVP;multicast;destination=239.1.1.1"},
	    {"RTP/AVP/TCP;interleaved=255-256;ssrc=zz;mode=record", "RTP/AVP/TCP;unicast;interleaved=255;mode=record"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *cursor = cases[i].in;
		PtRtspTransport t;
		g_assert_true(pt_rtsp_transport_next(&cursor, &t));
		g_assert_true(t.rtp_avp);
		g_autofree char *out = pt_rtsp_transport_format(&t);
		g_assert_cmpstr(out, ==, cases[i].out);
		g_assert_false(pt_rtsp_transport_next(&cursor, &t));
	}
	const char *cursor = "RTP/SAVP;unicast, RTP/AVP/TCP;unicast;interleaved=0-1";
	PtRtspTransport t;
	g_assert_true(pt_rtsp_transport_next(&cursor, &t));
	g_assert_false(t.rtp_avp);
	g_assert_true(pt_rtsp_transport_next(&cursor, &t));
	g_assert_true(t.rtp_avp && t.tcp);
}

static void test_print(void) {
	static const char in[] =
	    "RTSP/1.0 200 OK\r\nCSeq: 1\r\nAuthorization: Basic c2VjcmV0\r\nContent-Length: 23\r\n\r\n"
	    "m=video 0 RTP/AVP 26\r\n\r\n"
	    "$\0\0\x0e\x80\xe0\0\1\0\0\0\2\0\0\0\3\xaa\xbb$\1\0\x08\x81\xcb\0\1\0\0\0\3OPT\033IONS * RTSP/1.0\r\n\r\n";
	g_autofree char *text = NULL;
	size_t size;
	g_autoptr(GError) error = NULL;
	FILE *out = open_memstream(&text, &size);
	g_assert_false(pt_rtsp_print(in, sizeof in - 1, out, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
	fclose(out);
	g_assert_cmpstr(text, ==,
	                "200 OK\n  CSeq: 1\n  Authorization: (a login, not shown)\n  Content-Length: 23\n"
	                "session \"\", play rtsp://camera/\nvideo: MJPEG, payload type 26, 90000 Hz, setup rtsp://camera/\n"
	                "channel 0: RTP type 96, seq 1, time 2, ssrc 00000003, marker, 2 bytes: aa bb\n"
	                "channel 1: RTCP 203, ssrc 00000003, goodbye\n");
	free(g_steal_pointer(&text));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rtsp/message/pieces", test_pieces);
	g_test_add_func("/rtsp/message/hostile", test_hostile);
	g_test_add_func("/rtsp/message/session", test_session);
	g_test_add_func("/rtsp/message/write", test_write);
	g_test_add_func("/rtsp/print", test_print);
	g_test_add_func("/rtsp/transport", test_transport);
	return g_test_run();
}
