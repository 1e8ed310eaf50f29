/* The RTSP parser, fed in pieces whose length the first byte gives: strings must be whole, bounds kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/message.h"
#include "media/rtsp/range.h"
#include "media/rtsp/replay-order.h"
#include "media/rtsp/transport.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	PtRtspParser *p = pt_rtsp_parser_new();
	size_t piece = size ? 1 + data[0] : 1;
	for (size_t at = 1; at < size;) {
		const PtRtspMessage *m;
		size_t n = MIN(piece, size - at);
		ssize_t used = pt_rtsp_parser_feed(p, data + at, n, &m, NULL);
		if (used < 0)
			break;
		g_assert((size_t)used <= n);
		at += (size_t)used;
		if (used == 0 && !m)
			at++; /* a frame of somebody else's */
		if (!m)
			continue;
		g_assert(m->n_headers <= PT_RTSP_MAX_HEADERS && m->body_size <= PT_RTSP_MAX_BODY);
		for (unsigned i = 0; i < m->n_headers; i++)
			g_assert(strlen(m->headers[i].name) + strlen(m->headers[i].value) < PT_RTSP_MAX_HEAD);
		char id[64];
		unsigned timeout = 0;
		pt_rtsp_message_session(m, id, sizeof id, &timeout);
		const char *transport = pt_rtsp_message_get(m, "Transport");
		PtRtspTransport t;
		while (transport && pt_rtsp_transport_next(&transport, &t))
			g_free(pt_rtsp_transport_format(&t));
		PtRtspRange range;
		const char *text = pt_rtsp_message_get(m, "Range");
		if (text && pt_rtsp_range_parse(text, &range) && range.clock && range.has_from)
			g_free(pt_rtsp_clock_format(range.from_ns));
		PtReplayOrder order = {.paced = true, .scale = 1};
		if (pt_replay_order_read(m, timeout & 1, timeout & 2, &order, NULL))
			g_assert(order.scale > 0 && order.scale <= 16);
	}
	pt_rtsp_parser_free(p);
	return 0;
}
