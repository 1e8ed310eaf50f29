/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/message.h"
#include "base/error.h"
#include <stdarg.h>
#include <string.h>

struct PtRtspParser {
	enum { BETWEEN, HEAD, BODY, DONE } state;
	PtBuf text;      /* head, and behind its terminator the body */
	size_t line;     /* where the line that is being read begins */
	bool first_seen; /* the first line is whole and looks like RTSP */
	size_t body_at, body_left;
	PtRtspMessage message;
};

PtRtspParser *pt_rtsp_parser_new(void) { return g_new0(PtRtspParser, 1); }

void pt_rtsp_parser_free(PtRtspParser *parser) {
	if (!parser)
		return;
	pt_buf_clear(&parser->text);
	g_free(parser);
}

bool pt_rtsp_parser_idle(const PtRtspParser *parser) { return parser->state == BETWEEN || parser->state == DONE; }

static void start_over(PtRtspParser *p) {
	if (p->text.capacity > 16 * 1024)
		pt_buf_clear(&p->text);
	p->text.size = 0;
	p->line = 0;
	p->first_seen = false;
	p->message.n_headers = 0;
	p->message.body = NULL;
	p->message.body_size = 0;
	p->state = BETWEEN;
}

static bool looks_like_rtsp(const char *line, size_t n, GError **error) {
	bool found = false;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < ' ' && line[i] != '\t' && line[i] != '\r')
			goto no;
		if (n - i >= 5 && !g_ascii_strncasecmp(line + i, "RTSP/", 5))
			found = true;
	}
	if (found)
		return true;
	if (n >= 5 && (!memcmp(line, "HTTP/", 5))) {
		pt_error_set(error, INVALID, "an HTTP server answered where RTSP was expected (is the port right?)");
		return false;
	}
no:
	pt_error_set(error, INVALID, "what came is not RTSP (is the port right?)");
	return false;
}

/* Cuts the blanks off both ends, in place. */
static char *trim(char *s) { return g_strstrip(s); }

static bool parse_first_line(PtRtspMessage *m, char *line, GError **error) {
	line = trim(line);
	m->request = g_ascii_strncasecmp(line, "RTSP/", 5) != 0;
	char *blank = strpbrk(line, " \t");
	if (!m->request) {
		char *end = NULL;
		guint64 status = blank ? g_ascii_strtoull(blank, &end, 10) : 0;
		if (!blank || end == blank || status < 100 || status > 999) {
			pt_error_set(error, INVALID, "an RTSP response without a status");
			return false;
		}
		m->status = (unsigned)status;
		m->reason = trim(end);
		return true;
	}
	char *version = blank ? strrchr(line, ' ') : NULL;
	if (!version || version <= blank || g_ascii_strncasecmp(version + 1, "RTSP/", 5)) {
		pt_error_set(error, INVALID, "an RTSP request without method, URL and version");
		return false;
	}
	*blank = *version = 0;
	m->method = line;
	m->uri = trim(blank + 1);
	return true;
}

static bool add_line(PtRtspMessage *m, char *line, char **fold_end, GError **error) {
	if ((*line == ' ' || *line == '\t') && *fold_end) {
		/* folded: pull the text up behind the value before it */
		char *more = trim(line);
		if (*more) {
			**fold_end = ' ';
			memmove(*fold_end + 1, more, strlen(more) + 1);
			*fold_end += 1 + strlen(*fold_end + 1);
		}
		return true;
	}
	char *colon = strchr(line, ':');
	if (!colon)
		return true; /* some cameras write loose text among the headers */
	if (m->n_headers >= PT_RTSP_MAX_HEADERS) {
		pt_error_set(error, TOO_LARGE, "an RTSP message with more than %d headers", PT_RTSP_MAX_HEADERS);
		return false;
	}
	*colon = 0;
	char *value = trim(colon + 1);
	m->headers[m->n_headers].name = trim(line);
	m->headers[m->n_headers++].value = value;
	*fold_end = value + strlen(value);
	return true;
}

static bool parse_head(PtRtspParser *p, GError **error) {
	PtRtspMessage *m = &p->message;
	char *text = (char *)p->text.data, *end = text + p->text.size, *fold_end = NULL;
	m->n_headers = 0;
	m->method = m->uri = m->reason = "";
	m->status = 0;
	for (char *line = text, *next; line < end; line = next) {
		char *nl = memchr(line, '\n', (size_t)(end - line));
		next = nl ? nl + 1 : end;
		if (nl)
			*nl = 0;
		if (line == text ? !parse_first_line(m, line, error) : !add_line(m, line, &fold_end, error))
			return false;
	}
	const char *length = pt_rtsp_message_get(m, "Content-Length");
	p->body_left = 0;
	if (length && *length) {
		char *stop;
		guint64 n = g_ascii_strtoull(length, &stop, 10);
		if (!g_ascii_isdigit(*length) || (*stop && !g_ascii_isspace(*stop) && *stop != ',' && *stop != ';')) {
			pt_error_set(error, INVALID, "an RTSP message with a bad Content-Length");
			return false;
		}
		if (n > PT_RTSP_MAX_BODY) {
			pt_error_set(error, TOO_LARGE,
			             "an RTSP message with a body of %" G_GUINT64_FORMAT " bytes (at most %d are taken)", n,
			             PT_RTSP_MAX_BODY);
			return false;
		}
		p->body_left = (size_t)n;
	}
	return true;
}

/* Takes bytes of the head; true when it is whole. Zero bytes would hide text from the string functions: blanks instead. */
static bool feed_head(PtRtspParser *p, const uint8_t *data, size_t n, size_t *ret_taken, GError **error) {
	size_t taken = 0;
	while (taken < n) {
		const uint8_t *nl = memchr(data + taken, '\n', n - taken);
		size_t piece = nl ? (size_t)(nl - data) + 1 - taken : n - taken;
		if (p->text.size + piece > PT_RTSP_MAX_HEAD) {
			pt_error_set(error, TOO_LARGE, "an RTSP message with a head of more than %d KiB",
			             PT_RTSP_MAX_HEAD / 1024);
			return false;
		}
		uint8_t *to = pt_buf_grow(&p->text, piece);
		for (size_t i = 0; i < piece; i++)
			to[i] = data[taken + i] ? data[taken + i] : ' ';
		taken += piece;
		if (!nl)
			break;
		const char *line = (const char *)p->text.data + p->line;
		size_t length = p->text.size - 1 - p->line;
		if (length && line[length - 1] == '\r')
			length--;
		if (!p->first_seen && !looks_like_rtsp(line, length, error))
			return false;
		p->first_seen = true;
		p->line = p->text.size;
		if (!length) {
			*ret_taken = taken;
			return true;
		}
	}
	*ret_taken = taken;
	return false;
}

ssize_t pt_rtsp_parser_feed(PtRtspParser *parser, const void *data, size_t n, const PtRtspMessage **ret_message,
                            GError **error) {
	const uint8_t *in = data;
	size_t taken = 0;
	*ret_message = NULL;
	if (parser->state == DONE)
		start_over(parser);
	if (parser->state == BETWEEN) {
		while (taken < n && (in[taken] == '\r' || in[taken] == '\n' || in[taken] == ' ' || in[taken] == '\t'))
			taken++;
		if (taken == n || in[taken] == '$')
			return (ssize_t)taken;
		parser->state = HEAD;
	}
	if (parser->state == HEAD) {
		size_t used = 0;
		GError *failure = NULL;
		bool whole = feed_head(parser, in + taken, n - taken, &used, &failure);
		if (failure || (whole && !parse_head(parser, &failure))) {
			g_propagate_error(error, failure);
			return -1;
		}
		taken += used;
		if (!whole)
			return (ssize_t)taken;
		/* the strings point into the text: it must not move when the body comes */
		parser->body_at = parser->text.size;
		parser->message.body_size = parser->body_left;
		parser->state = BODY;
		if (parser->body_left) {
			const uint8_t *before = parser->text.data;
			pt_buf_grow(&parser->text, parser->body_left + 1);
			parser->text.data[parser->text.size - 1] = 0;
			ptrdiff_t moved = parser->text.data - before;
			if (moved) {
				PtRtspMessage *m = &parser->message;
				for (unsigned i = 0; i < m->n_headers; i++) {
					m->headers[i].name += moved;
					m->headers[i].value += moved;
				}
				if (m->request) {
					m->method += moved;
					m->uri += moved;
				} else {
					m->reason += moved;
				}
			}
		}
	}
	size_t piece = MIN(parser->body_left, n - taken);
	if (piece)
		memcpy(parser->text.data + parser->body_at + parser->message.body_size - parser->body_left, in + taken,
		       piece);
	taken += piece;
	parser->body_left -= piece;
	if (!parser->body_left) {
		parser->message.body = parser->message.body_size ? parser->text.data + parser->body_at : NULL;
		parser->state = DONE;
		*ret_message = &parser->message;
	}
	return (ssize_t)taken;
}

const char *pt_rtsp_message_next(const PtRtspMessage *message, const char *name, unsigned *cursor) {
	while (*cursor < message->n_headers) {
		unsigned i = (*cursor)++;
		if (!g_ascii_strcasecmp(message->headers[i].name, name))
			return message->headers[i].value;
	}
	return NULL;
}

const char *pt_rtsp_message_get(const PtRtspMessage *message, const char *name) {
	unsigned cursor = 0;
	return pt_rtsp_message_next(message, name, &cursor);
}

bool pt_rtsp_message_session(const PtRtspMessage *message, char *ret_id, size_t size, unsigned *ret_timeout) {
	const char *value = pt_rtsp_message_get(message, "Session");
	if (!value || !*value)
		return false;
	size_t n = strcspn(value, "; \t");
	if (!n || n >= size)
		return false;
	memcpy(ret_id, value, n);
	ret_id[n] = 0;
	unsigned timeout = 60; /* RFC 2326 §12.37 */
	for (const char *p = value + n; (p = strpbrk(p, "; \t")); p++) {
		const char *word = p + 1;
		if (g_ascii_strncasecmp(word, "timeout", 7))
			continue;
		word += 7 + strspn(word + 7, " \t=");
		guint64 seconds = g_ascii_isdigit(*word) ? g_ascii_strtoull(word, NULL, 10) : 0;
		if (seconds)
			timeout = (unsigned)MIN(seconds, 86400);
	}
	*ret_timeout = timeout;
	return true;
}

/* ---- writing ---- */

static void put_text(PtBuf *out, const char *text) {
	for (; *text; text++)
		pt_buf_u8(out, *text == '\r' || *text == '\n' ? ' ' : (uint8_t)*text);
}

void pt_rtsp_write_request(PtBuf *out, const char *method, const char *uri, unsigned cseq) {
	put_text(out, method);
	pt_buf_u8(out, ' ');
	put_text(out, uri);
	pt_buf_str(out, " RTSP/1.0\r\n");
	pt_rtsp_write_header(out, "CSeq", "%u", cseq);
}

const char *pt_rtsp_reason(unsigned status) {
	static const struct {
		unsigned status;
		const char *reason;
	} known[] = {{100, "Continue"},
	             {200, "OK"},
	             {301, "Moved Permanently"},
	             {302, "Found"},
	             {400, "Bad Request"},
	             {401, "Unauthorized"},
	             {403, "Forbidden"},
	             {404, "Not Found"},
	             {405, "Method Not Allowed"},
	             {408, "Request Timeout"},
	             {413, "Request Entity Too Large"},
	             {414, "Request-URI Too Large"},
	             {415, "Unsupported Media Type"},
	             {429, "Too Many Requests"},
	             {451, "Parameter Not Understood"},
	             {453, "Not Enough Bandwidth"},
	             {454, "Session Not Found"},
	             {455, "Method Not Valid in This State"},
	             {456, "Header Field Not Valid for Resource"},
	             {457, "Invalid Range"},
	             {459, "Aggregate Operation Not Allowed"},
	             {460, "Only Aggregate Operation Allowed"},
	             {461, "Unsupported Transport"},
	             {500, "Internal Server Error"},
	             {501, "Not Implemented"},
	             {503, "Service Unavailable"},
	             {505, "RTSP Version Not Supported"},
	             {551, "Option not supported"}};
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (known[i].status == status)
			return known[i].reason;
	return "Unknown";
}

void pt_rtsp_write_response(PtBuf *out, unsigned status, const char *cseq) {
	char line[128];
	g_snprintf(line, sizeof line, "RTSP/1.0 %u %s\r\n", status, pt_rtsp_reason(status));
	pt_buf_str(out, line);
	if (cseq)
		pt_rtsp_write_header(out, "CSeq", "%s", cseq);
}

void pt_rtsp_write_header(PtBuf *out, const char *name, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *value = g_strdup_vprintf(format, args);
	va_end(args);
	put_text(out, name);
	pt_buf_str(out, ": ");
	put_text(out, value);
	pt_buf_str(out, "\r\n");
}

void pt_rtsp_write_end(PtBuf *out, const void *body, size_t body_size) {
	if (body_size)
		pt_rtsp_write_header(out, "Content-Length", "%zu", body_size);
	pt_buf_str(out, "\r\n");
	pt_buf_put(out, body, body_size);
}
