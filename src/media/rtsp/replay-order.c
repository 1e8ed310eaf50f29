/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/replay-order.h"
#include "base/clock.h"
#include "media/rtsp/range.h"

#define SCALE_MAX 16.0

/* "all", "predicted" (which may be all), "intra", "intra/4000" */
static bool read_frames(const char *text, PtReplaySpan *span) {
	if (!text)
		return true;
	span->intra = false;
	span->interval = 0;
	if (!g_ascii_strcasecmp(text, "all") || !g_ascii_strcasecmp(text, "predicted"))
		return true;
	if (g_ascii_strncasecmp(text, "intra", 5))
		return false;
	span->intra = true;
	if (!text[5])
		return true;
	char *rest;
	guint64 ms = text[5] == '/' && g_ascii_isdigit(text[6]) ? g_ascii_strtoull(text + 6, &rest, 10) : G_MAXUINT64;
	if (ms > 3600 * 1000 || *rest)
		return false;
	span->interval = (int64_t)ms * PT_NS_PER_MS;
	return true;
}

bool pt_replay_order_read(const PtRtspMessage *m, bool udp, bool standing, PtReplayOrder *o, GError **error) {
	const char *range = pt_rtsp_message_get(m, "Range"), *control = pt_rtsp_message_get(m, "Rate-Control"),
	           *scale = pt_rtsp_message_get(m, "Scale");
	PtRtspRange span = {0};
	char *rest = NULL;
	bool reversed = o->span.reverse;
	double factor = scale ? g_ascii_strtod(scale, &rest) : reversed ? -o->scale : o->scale;
	bool no = control ? !g_ascii_strcasecmp(control, "no") : !o->paced;
	o->paced = !no || udp; /* over UDP nothing else would hold it back */
	o->scale = ABS(factor);
	if (control && !no && g_ascii_strcasecmp(control, "yes")) {
		pt_error_set(error, INVALID, "Rate-Control is yes or no");
	} else if ((scale && *rest) || !(o->scale > 0.01 && o->scale <= SCALE_MAX)) {
		pt_error_set(error, INVALID, "Scale is a number from -%.1f to %.1f, not 0", SCALE_MAX, SCALE_MAX);
	} else if (no && o->scale != 1.0) {
		pt_error_set(error, INVALID, "with Rate-Control: no, Scale is 1.0 or -1.0: the client sets the pace");
	} else if (!read_frames(pt_rtsp_message_get(m, "Frames"), &o->span)) {
		pt_error_set(error, INVALID, "Frames is all, predicted, intra or intra/MILLISECONDS");
	} else if (range && !pt_rtsp_range_parse(range, &span)) {
		pt_error_set(error, UNSUPPORTED, "Range is clock=20261125T120000Z- (UTC, either end may be open) or npt=0-");
	} else if (!range && standing) {
		o->span.reverse = factor < 0;
		if (o->span.reverse != reversed)
			o->span.to_ns = o->span.reverse ? INT64_MIN : INT64_MAX;
		return true;
	} else {
		o->span.reverse = factor < 0;
		o->relative = !span.clock;
		o->span.from_ns = span.from_ns;
		o->from_begin = !span.has_from && !o->span.reverse;
		o->from_end = !span.has_from && o->span.reverse;
		o->span.to_ns = span.has_to ? span.to_ns : o->span.reverse ? INT64_MIN : INT64_MAX;
		if (!span.has_from || !span.has_to || o->span.reverse == (span.to_ns < span.from_ns))
			return true;
		pt_error_set(error, UNSUPPORTED, "the range runs against the direction of Scale");
	}
	return false;
}

bool pt_replay_order_same(const PtReplayOrder *a, const PtReplayOrder *b) {
	return a->paced == b->paced && ABS(a->scale - b->scale) < 1e-6 && a->span.reverse == b->span.reverse &&
	       a->span.intra == b->span.intra && a->span.interval == b->span.interval && a->span.tracks == b->span.tracks;
}
