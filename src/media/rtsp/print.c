/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/print.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/rtp/packet.h"
#include "media/rtp/rtcp.h"
#include "media/rtsp/message.h"
#include "media/rtsp/sdp.h"

/* Bytes of a stranger on somebody's terminal: nothing but what can be seen. */
static void print_text(const char *text, FILE *out) {
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		if (g_unichar_isprint(g_utf8_get_char(p)))
			fwrite(p, 1, (size_t)(g_utf8_next_char(p) - p), out);
		else
			fputc('.', out);
	}
}

void pt_rtp_print(const void *data, size_t n, FILE *out) {
	PtBytes b = pt_bytes(data, n);
	pt_bytes_u8(&b);
	uint8_t type = pt_bytes_u8(&b);
	PtRtpPacket p;
	PtRtcpInfo info;
	if (type >= 192 && type <= 223) {
		if (!pt_rtcp_parse(data, n, &info)) {
			fprintf(out, "RTCP %u, %zu bytes\n", type, n);
			return;
		}
		fprintf(out, "RTCP %u, ssrc %08x", type, info.ssrc);
		if (info.has_report && info.ntp_wall_ns != INT64_MIN) {
			g_autofree char *time = pt_time_format(info.ntp_wall_ns);
			fprintf(out, ", time %s is RTP %u", time, info.rtp);
		}
		fprintf(out, "%s\n", info.bye ? ", goodbye" : "");
	} else if (pt_rtp_parse(data, n, &p)) {
		fprintf(out, "RTP type %u, seq %u, time %u, ssrc %08x%s, %zu bytes", p.payload_type, p.seq, p.timestamp,
		        p.ssrc, p.marker ? ", marker" : "", p.size);
		PtBytes payload = pt_bytes(p.payload, p.size);
		for (int i = 0; i < 8 && payload.left; i++)
			fprintf(out, "%s%02x", i ? " " : ": ", pt_bytes_u8(&payload));
		fprintf(out, "%s\n", payload.left ? " …" : "");
	} else {
		fprintf(out, "neither RTP nor RTCP, %zu bytes\n", n);
	}
}

static void print_message(const PtRtspMessage *m, FILE *out) {
	if (m->request) {
		print_text(m->method, out);
		fputc(' ', out);
		print_text(m->uri, out);
	} else {
		fprintf(out, "%u ", m->status);
		print_text(m->reason, out);
	}
	fputc('\n', out);
	for (unsigned i = 0; i < m->n_headers; i++) {
		bool secret = !g_ascii_strcasecmp(m->headers[i].name, "Authorization");
		fputs("  ", out);
		print_text(m->headers[i].name, out);
		fputs(": ", out);
		print_text(secret ? "(a login, not shown)" : m->headers[i].value, out);
		fputc('\n', out);
	}
	if (!m->body)
		return;
	g_autoptr(PtSdp) sdp = pt_sdp_parse((const char *)m->body, m->body_size, "rtsp://camera/",
	                                    pt_rtsp_message_get(m, "Content-Base"), NULL, NULL);
	if (sdp)
		pt_sdp_print(sdp, out);
	else
		fprintf(out, "body of %zu bytes\n", m->body_size);
}

gboolean pt_rtsp_print(const void *data, size_t n, FILE *out, GError **error) {
	PtRtspParser *parser = pt_rtsp_parser_new();
	PtBytes b = pt_bytes(data, n);
	gboolean good = TRUE;
	while (good && b.left) {
		const PtRtspMessage *m = NULL;
		if (pt_rtsp_parser_idle(parser) && *b.p == '$') {
			pt_bytes_u8(&b);
			unsigned channel = pt_bytes_u8(&b);
			PtBytes frame = pt_bytes_sub(&b, pt_bytes_u16(&b));
			if (b.bad) {
				pt_error_set(error, INVALID, "the last interleaved frame is cut short");
				good = FALSE;
				break;
			}
			fprintf(out, "channel %u: ", channel);
			pt_rtp_print(frame.p, frame.left, out);
			continue;
		}
		ssize_t used = pt_rtsp_parser_feed(parser, b.p, b.left, &m, error);
		if (used < 0)
			good = FALSE;
		else
			pt_bytes_take(&b, (size_t)used);
		if (m)
			print_message(m, out);
	}
	if (good && !pt_rtsp_parser_idle(parser)) {
		pt_error_set(error, INVALID, "the last message is cut short");
		good = FALSE;
	}
	pt_rtsp_parser_free(parser);
	return good;
}
