/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/transport.h"
#include <string.h>

void pt_rtsp_transport_init(PtRtspTransport *transport) {
	*transport =
	    (PtRtspTransport){.rtp_avp = true, .interleaved = {-1, -1}, .client_port = {-1, -1}, .server_port = {-1, -1}};
}

/* "8000-8001" or "8000"; a lone number means the pair that begins there. */
static void parse_pair(const char *value, int min, int max, int ret[2]) {
	char *end;
	guint64 a = g_ascii_strtoull(value, &end, 10);
	if (end == value || (int64_t)a < min || a > (guint64)max)
		return;
	guint64 b = a + 1;
	if (*end == '-' && g_ascii_isdigit(end[1]))
		b = g_ascii_strtoull(end + 1, NULL, 10);
	ret[0] = (int)a;
	ret[1] = b <= (guint64)max ? (int)b : -1;
}

static void parse_profile(char *text, PtRtspTransport *t) {
	g_auto(GStrv) parts = g_strsplit(text, "/", 4);
	unsigned n = g_strv_length(parts);
	t->rtp_avp = n >= 2 && !g_ascii_strcasecmp(parts[0], "RTP") &&
	             (!g_ascii_strcasecmp(parts[1], "AVP") || !g_ascii_strcasecmp(parts[1], "AVPF"));
	t->tcp = n >= 3 && !g_ascii_strcasecmp(parts[2], "TCP");
}

static void parse_param(char *text, PtRtspTransport *t) {
	char *value = strchr(text, '=');
	if (value)
		*value++ = 0;
	g_strstrip(text);
	if (!value) {
		if (!g_ascii_strcasecmp(text, "multicast"))
			t->multicast = true;
		return;
	}
	g_strstrip(value);
	if (*value == '"') {
		value++;
		value[strcspn(value, "\"")] = 0;
	}
	if (!g_ascii_strcasecmp(text, "interleaved"))
		parse_pair(value, 0, 255, t->interleaved);
	else if (!g_ascii_strcasecmp(text, "client_port"))
		parse_pair(value, 1, 65535, t->client_port);
	else if (!g_ascii_strcasecmp(text, "server_port"))
		parse_pair(value, 1, 65535, t->server_port);
	else if (!g_ascii_strcasecmp(text, "source"))
		g_strlcpy(t->source, value, sizeof t->source);
	else if (!g_ascii_strcasecmp(text, "destination"))
		g_strlcpy(t->destination, value, sizeof t->destination);
	else if (!g_ascii_strcasecmp(text, "mode"))
		t->record = !g_ascii_strncasecmp(value, "record", 6);
	else if (!g_ascii_strcasecmp(text, "ssrc")) {
		char *end;
		guint64 ssrc = g_ascii_strtoull(value, &end, 16);
		t->has_ssrc = end != value && !*end && ssrc <= UINT32_MAX;
		t->ssrc = (uint32_t)ssrc;
	}
}

bool pt_rtsp_transport_next(const char **cursor, PtRtspTransport *ret) {
	const char *p = *cursor + strspn(*cursor, " \t,");
	if (!*p)
		return false;
	const char *end = p + strcspn(p, ","); /* no parameter of ours holds a comma */
	g_autofree char *spec = g_strndup(p, (gsize)(end - p));
	*cursor = end;
	pt_rtsp_transport_init(ret);
	g_auto(GStrv) params = g_strsplit(spec, ";", 64);
	for (unsigned i = 0; params[i]; i++) {
		if (i == 0)
			parse_profile(g_strstrip(params[i]), ret);
		else
			parse_param(params[i], ret);
	}
	return true;
}

static void append_pair(GString *s, const char *name, const int pair[2]) {
	if (pair[0] < 0)
		return;
	g_string_append_printf(s, ";%s=%d", name, pair[0]);
	if (pair[1] >= 0)
		g_string_append_printf(s, "-%d", pair[1]);
}

char *pt_rtsp_transport_format(const PtRtspTransport *transport) {
	GString *s = g_string_new(transport->tcp ? "RTP/AVP/TCP" : "RTP/AVP");
	g_string_append(s, transport->multicast ? ";multicast" : ";unicast");
	if (*transport->destination)
		g_string_append_printf(s, ";destination=%s", transport->destination);
	if (*transport->source)
		g_string_append_printf(s, ";source=%s", transport->source);
	append_pair(s, "interleaved", transport->interleaved);
	append_pair(s, "client_port", transport->client_port);
	append_pair(s, "server_port", transport->server_port);
	if (transport->has_ssrc)
		g_string_append_printf(s, ";ssrc=%08X", transport->ssrc);
	if (transport->record)
		g_string_append(s, ";mode=record");
	return g_string_free(s, FALSE);
}
