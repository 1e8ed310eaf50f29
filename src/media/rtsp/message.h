/* RTSP 1.0 messages (RFC 2326): an incremental, bounded, tolerant parser for requests and responses, for both ends, and a
 * small writer. Interleaved '$' frames are not its business: the connection's reader takes them when the parser is idle. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/bytes.h"

#define PT_RTSP_MAX_HEAD (64 * 1024)
#define PT_RTSP_MAX_BODY (1024 * 1024)
#define PT_RTSP_MAX_HEADERS 200

typedef struct {
	bool request;
	const char *method, *uri; /* request */
	unsigned status;          /* response */
	const char *reason;       /* response; "" when the peer gave none */
	unsigned n_headers;
	struct {
		const char *name, *value; /* as written; value without blanks around it, folded lines joined by one blank */
	} headers[PT_RTSP_MAX_HEADERS];
	const uint8_t *body; /* NULL when empty; a zero byte stands behind it */
	size_t body_size;
} PtRtspMessage;

typedef struct PtRtspParser PtRtspParser;

PtRtspParser *pt_rtsp_parser_new(void);
void pt_rtsp_parser_free(PtRtspParser *parser); /* takes NULL */
/* Takes up to n bytes and returns how many: it stops behind a whole message, and before what is none of its business while
 * idle (a '$'). *ret_message is that message, valid until the next call, or NULL when more is needed. -1 and an error when
 * this is not RTSP or over a bound: the connection is then beyond use. */
ssize_t pt_rtsp_parser_feed(PtRtspParser *parser, const void *data, size_t n, const PtRtspMessage **ret_message,
                            GError **error);
/* Between two messages: a '$' that comes now begins an interleaved frame. */
bool pt_rtsp_parser_idle(const PtRtspParser *parser);

/* The first header of that name in any case, or NULL. */
const char *pt_rtsp_message_get(const PtRtspMessage *message, const char *name);
/* All of them in order: start with *cursor = 0. */
const char *pt_rtsp_message_next(const PtRtspMessage *message, const char *name, unsigned *cursor);
/* The id alone, without ";timeout=…" and blanks, and the timeout in seconds (60 when none is stated). False without a
 * Session. */
bool pt_rtsp_message_session(const PtRtspMessage *message, char *ret_id, size_t size, unsigned *ret_timeout);

/* Writing: a first line, headers, an end. Line breaks inside a value become blanks, so that nobody's text makes a header. */
void pt_rtsp_write_request(PtBuf *out, const char *method, const char *uri, unsigned cseq);
/* cseq: the value of the request's CSeq header, NULL: none came. */
void pt_rtsp_write_response(PtBuf *out, unsigned status, const char *cseq);
void pt_rtsp_write_header(PtBuf *out, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
void pt_rtsp_write_end(PtBuf *out, const void *body, size_t body_size); /* with Content-Length when there is a body */
const char *pt_rtsp_reason(unsigned status);                            /* "Not Found" */
