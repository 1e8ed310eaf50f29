/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/units.h"
#include "media/v4l2/v4l2.h"
#include <glib.h>
#include <string.h>

static const char *const froms[] = {
    [PT_V4L2_FROM_ANY] = "any", [PT_V4L2_FROM_RAW] = "raw", [PT_V4L2_FROM_MJPEG] = "mjpeg", [PT_V4L2_FROM_H264] = "h264"};

static bool number(const char *text, const char *end, uint64_t least, uint64_t most, uint64_t *ret) {
	char *stop;
	guint64 n = g_ascii_strtoull(text, &stop, 10);
	if (!g_ascii_isdigit(*text))
		return false;
	if (most > UINT16_MAX && (*stop == 'k' || *stop == 'M') && n <= most)
		n *= *stop++ == 'k' ? 1000 : 1000000;
	*ret = n;
	return stop == end && n >= least && n <= most;
}

static bool parameter(const char *text, PtV4l2Location *l) {
	const char *value = strchr(text, '='), *end = text + strlen(text);
	if (!value)
		return false;
	value++;
	const char *x = strchr(value, 'x');
	uint64_t n, m;
	int64_t ns;
	if (g_str_has_prefix(text, "size=") && x && number(value, x, 16, 8192, &n) && number(x + 1, end, 16, 8192, &m)) {
		l->width = (uint16_t)n;
		l->height = (uint16_t)m;
	} else if (g_str_has_prefix(text, "fps=") && number(value, end, 1, 120, &n)) {
		l->fps = (uint16_t)n;
	} else if (g_str_has_prefix(text, "gop=") && pt_units_parse_duration(value, &ns, NULL) && ns >= PT_NS_PER_S / 100 &&
	           ns <= 600 * PT_NS_PER_S) {
		l->gop_ms = (uint32_t)(ns / PT_NS_PER_MS);
	} else if (g_str_has_prefix(text, "bitrate=") && number(value, end, 1000, 100000000, &n)) {
		l->bitrate = (uint32_t)n;
	} else if (!strcmp(text, "codec=h264") || !strcmp(text, "codec=mjpeg")) {
		l->mjpeg = *value == 'm';
	} else if (g_str_has_prefix(text, "from=")) {
		for (int i = 0; i < (int)G_N_ELEMENTS(froms); i++)
			if (!strcmp(froms[i], value)) {
				l->from = (PtV4l2From)i;
				return true;
			}
		return false;
	} else {
		return false;
	}
	return true;
}

bool pt_v4l2_parse(const char *location, PtV4l2Location *ret, GError **error) {
	PtV4l2Location l = {.width = 1280, .height = 720, .fps = 15, .gop_ms = 2000, .bitrate = 2000000};
	const char *device = location + strlen("v4l2:"), *query = strchr(device, '?');
	size_t n = query ? (size_t)(query - device) : strlen(device);
	if (strncmp(device, "/dev/", 5) || n >= sizeof l.device || g_strstr_len(device, (gssize)n, "..")) {
		pt_error_set(error, INVALID, "%.200s is not v4l2:/dev/videoN", location);
		return false;
	}
	memcpy(l.device, device, n);
	g_auto(GStrv) parts = g_strsplit(query ? query + 1 : "", "&", 16);
	for (char **p = parts; *p; p++)
		if (**p && !parameter(*p, &l)) {
			pt_error_set(
			    error, INVALID,
			    "v4l2: '%.60s' is not understood (size=1280x720, fps=1..120, gop=10ms..600s, bitrate=2M, "
			    "codec=h264|mjpeg, from=raw|mjpeg|h264)",
			    *p);
			return false;
		}
	if (l.mjpeg && l.from != PT_V4L2_FROM_ANY && l.from != PT_V4L2_FROM_MJPEG) {
		pt_error_set(error, INVALID, "v4l2: a stream of MJPEG comes from MJPEG alone: leave 'from' out");
		return false;
	}
	*ret = l;
	return true;
}

char *pt_v4l2_location(const PtV4l2Location *l) {
	return g_strdup_printf("v4l2:%s?size=%ux%u&fps=%u&gop=%ums&bitrate=%u&codec=%s&from=%s", l->device, l->width,
	                       l->height, l->fps, l->gop_ms, l->bitrate, l->mjpeg ? "mjpeg" : "h264", froms[l->from]);
}
