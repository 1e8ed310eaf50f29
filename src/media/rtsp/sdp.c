/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/sdp.h"
#include "base/error.h"
#include "media/rtp/depack.h"
#include <string.h>

static const struct {
	const char *name;
	PtCodec codec;
	uint32_t clock_rate; /* when the rtpmap does not say */
} encodings[] = {
    {"H264", PT_CODEC_H264, 90000},
    {"H265", PT_CODEC_H265, 90000},
    {"HEVC", PT_CODEC_H265, 90000},
    {"JPEG", PT_CODEC_MJPEG, 90000},
    {"MPEG4-GENERIC", PT_CODEC_AAC, 0},
    {"PCMU", PT_CODEC_PCMU, 8000},
    {"PCMA", PT_CODEC_PCMA, 8000},
    {"OPUS", PT_CODEC_OPUS, 48000},
    {"L16", PT_CODEC_L16, 0},
    {"G726-16", PT_CODEC_G726, 8000},
    {"G726-24", PT_CODEC_G726, 8000},
    {"G726-32", PT_CODEC_G726, 8000},
    {"G726-40", PT_CODEC_G726, 8000},
    {"AAL2-G726-16", PT_CODEC_G726, 8000},
    {"AAL2-G726-24", PT_CODEC_G726, 8000},
    {"AAL2-G726-32", PT_CODEC_G726, 8000},
    {"AAL2-G726-40", PT_CODEC_G726, 8000},
    {"VND.ONVIF.METADATA", PT_CODEC_ONVIF_METADATA, 90000},
};

/* RFC 3551 table 4 and 5, as far as anybody meets them; 2 was G.726 in RFC 1890. */
static const struct {
	int payload_type;
	const char *name;
	uint32_t clock_rate;
} statics[] = {{0, "PCMU", 8000},   {2, "G726-32", 8000}, {3, "GSM", 8000},   {4, "G723", 8000},   {8, "PCMA", 8000},
               {9, "G722", 8000},   {10, "L16", 44100},   {11, "L16", 44100}, {14, "MPA", 90000},  {18, "G729", 8000},
               {26, "JPEG", 90000}, {31, "H261", 90000},  {32, "MPV", 90000}, {33, "MP2T", 90000}, {34, "H263", 90000}};

/* One m= block as it is read. */
typedef struct {
	char kind[24];
	int types[32];
	unsigned n_types;
	GPtrArray *attributes; /* of char*, without "a=" */
} Block;

static Block *block_new(const char *line) {
	Block *b = g_new0(Block, 1);
	b->attributes = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) words = g_strsplit_set(line, " \t", 64);
	unsigned field = 0;
	for (char **w = words; *w; w++) {
		char *end;
		if (!**w)
			continue;
		if (field == 0)
			g_strlcpy(b->kind, *w, sizeof b->kind);
		else if (field >= 3 && b->n_types < G_N_ELEMENTS(b->types)) {
			guint64 type = g_ascii_strtoull(*w, &end, 10);
			if (end != *w && !*end && type < 128)
				b->types[b->n_types++] = (int)type;
		}
		field++;
	}
	return b;
}

static void block_free(gpointer data) {
	Block *b = data;
	g_ptr_array_unref(b->attributes);
	g_free(b);
}

/* The value of "name:…" among the attributes, or NULL. type >= 0: of "name:TYPE …", what stands behind. */
static const char *attribute(const GPtrArray *attributes, const char *name, int type) {
	size_t n = strlen(name);
	for (guint i = 0; i < attributes->len; i++) {
		const char *a = attributes->pdata[i];
		if (g_ascii_strncasecmp(a, name, n) || a[n] != ':')
			continue;
		a += n + 1;
		if (type < 0)
			return a + strspn(a, " \t");
		char *end;
		gint64 of = g_ascii_strtoll(a, &end, 10);
		if (end != a && of == type && (*end == ' ' || *end == '\t'))
			return end + strspn(end, " \t");
	}
	return NULL;
}

static bool has_flag(const GPtrArray *attributes, const char *flag) {
	for (guint i = 0; i < attributes->len; i++)
		if (!g_ascii_strcasecmp(attributes->pdata[i], flag))
			return true;
	return false;
}

static bool is_absolute(const char *url) {
	return !g_ascii_strncasecmp(url, "rtsp://", 7) || !g_ascii_strncasecmp(url, "rtsps://", 8);
}

/* Cameras do not follow RFC 3986 here: the control is put behind the base, whatever the base ends with, queries included. */
static char *join(const char *base, const char *control) {
	if (!control || !*control || !strcmp(control, "*"))
		return g_strdup(base);
	if (is_absolute(control))
		return g_strdup(control);
	bool slash = g_str_has_suffix(base, "/");
	if (*control == '/')
		return g_strconcat(base, control + slash, NULL);
	return g_strconcat(base, slash || *control == '?' ? "" : "/", control, NULL);
}

static char *find_base(const char *request_url, const char *content_base, const char *content_location) {
	const char *base = content_base && *content_base ? content_base : content_location;
	if (!base || !*base || !strcmp(base, "*"))
		return g_strdup(request_url);
	if (is_absolute(base))
		return g_strdup(base);
	const char *scheme = g_ascii_strncasecmp(request_url, "rtsps:", 6) ? "rtsp" : "rtsps";
	if (g_str_has_prefix(base, "//"))
		return g_strconcat(scheme, ":", base, NULL);
	if (*base == '/') {
		const char *host = strstr(request_url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
		return path ? g_strdup_printf("%.*s%s", (int)(path - request_url), request_url, base)
		            : g_strconcat(request_url, base, NULL);
	}
	return g_strconcat(scheme, "://", base, NULL);
}

static void set_encoding(PtSdpMedia *m, const char *name, size_t n) {
	g_strlcpy(m->encoding, name, MIN(n + 1, sizeof m->encoding));
	for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++)
		if (!g_ascii_strcasecmp(m->encoding, encodings[i].name)) {
			m->known = true;
			m->codec = encodings[i].codec;
			if (!m->clock_rate)
				m->clock_rate = encodings[i].clock_rate;
		}
}

static void read_type(PtSdpMedia *m, const Block *b, int type) {
	m->payload_type = type;
	m->known = false;
	m->clock_rate = 0;
	m->channels = 0;
	const char *map = attribute(b->attributes, "rtpmap", type); /* NAME/RATE[/CHANNELS] */
	if (map) {
		size_t n = strcspn(map, "/ \t");
		if (map[n] == '/') {
			char *end;
			guint64 rate = g_ascii_strtoull(map + n + 1, &end, 10);
			m->clock_rate = rate <= 1000000 ? (uint32_t)rate : 0;
			if (*end == '/')
				m->channels = (uint8_t)MIN(g_ascii_strtoull(end + 1, NULL, 10), 8);
		}
		set_encoding(m, map, n);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(statics); i++)
		if (statics[i].payload_type == type) {
			m->clock_rate = statics[i].clock_rate;
			m->channels = type == 10 ? 2 : 0; /* 11 is L16 of one */
			set_encoding(m, statics[i].name, strlen(statics[i].name));
			return;
		}
	g_snprintf(m->encoding, sizeof m->encoding, "payload type %d", type);
}

/* Parameters that make the track usable or not, and its format when they suffice. */
static void prepare(PtSdpMedia *m) {
	if (!m->known)
		return;
	if (m->codec == PT_CODEC_AAC) {
		g_autofree char *mode = pt_fmtp_get(m->fmtp, "mode");
		if (mode && g_ascii_strncasecmp(mode, "AAC-", 4)) {
			m->known = false;
			return;
		}
	}
	PtDepackParams params = {m->clock_rate, m->channels, m->fmtp, m->encoding};
	PtDepack *d = pt_depack_new(m->codec, &params, NULL, NULL);
	m->format = d->format ? pt_format_ref(d->format) : NULL;
	pt_depack_free(d);
	if (m->codec == PT_CODEC_L16)
		m->known = m->format != NULL;
	if (m->codec == PT_CODEC_AAC) {
		m->known = m->format != NULL; /* its config comes nowhere but here */
		if (m->format && !m->clock_rate)
			m->clock_rate = m->format->timescale;
	}
}

static void read_media(PtSdpMedia *m, const Block *b, const char *base) {
	g_strlcpy(m->kind, b->kind, sizeof m->kind);
	m->payload_type = -1;
	g_strlcpy(m->encoding, "no payload type", sizeof m->encoding);
	m->backchannel = !g_ascii_strcasecmp(m->kind, "audio") && has_flag(b->attributes, "sendonly");
	for (unsigned i = 0; i < b->n_types && !m->known; i++) {
		read_type(m, b, b->types[i]);
		/* of what it takes, what it is sent */
		m->known &= !m->backchannel || m->codec == PT_CODEC_PCMU || m->codec == PT_CODEC_PCMA;
	}
	for (unsigned i = 0; i < b->n_types && !m->known; i++)
		read_type(m, b, b->types[i]);
	if (!m->known && b->n_types)
		read_type(m, b, b->types[0]);
	m->fmtp = g_strdup(m->payload_type >= 0 ? attribute(b->attributes, "fmtp", m->payload_type) : NULL);
	m->control = join(base, attribute(b->attributes, "control", -1));
	prepare(m);
}

PtSdp *pt_sdp_parse(const char *text, size_t size, const char *request_url, const char *content_base,
                    const char *content_location, GError **error) {
	g_autoptr(GPtrArray) session = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) blocks = g_ptr_array_new_with_free_func(block_free);
	PtSdp *sdp = g_new0(PtSdp, 1);
	if (!size) /* an answer without a body */
		text = "";
	for (const char *p = text, *end = text + size, *next; p < end; p = next) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		next = nl ? nl + 1 : end;
		g_autofree char *line = g_strstrip(g_strndup(p, (gsize)((nl ? nl : end) - p)));
		if (!*line || line[1] != '=')
			continue;
		g_strdelimit(line, "\t", ' ');
		for (char *c = line; *c; c++) /* it ends up in messages and on terminals */
			if (g_ascii_iscntrl(*c))
				*c = '.';
		char *value = g_strchug(line + 2);
		if (*line == 'm' && blocks->len < PT_SDP_MEDIA)
			g_ptr_array_add(blocks, block_new(value));
		else if (*line == 'a')
			g_ptr_array_add(blocks->len ? ((Block *)blocks->pdata[blocks->len - 1])->attributes : session,
			                g_strdup(value));
		else if (*line == 's' && !sdp->name)
			sdp->name = g_strdup(value);
	}
	if (!blocks->len) {
		pt_error_set(error, INVALID, "the description names no media");
		pt_sdp_free(sdp);
		return NULL;
	}
	g_autofree char *base = find_base(request_url, content_base, content_location);
	sdp->control = join(base, attribute(session, "control", -1));
	if (!sdp->name)
		sdp->name = g_strdup("");
	for (sdp->n_media = 0; sdp->n_media < blocks->len; sdp->n_media++)
		read_media(&sdp->media[sdp->n_media], blocks->pdata[sdp->n_media], base);
	/* who marks all that it sends as sendonly speaks of itself: then sound is sound */
	bool all = true;
	for (guint i = 0; i < blocks->len; i++)
		all &= has_flag(((Block *)blocks->pdata[i])->attributes, "sendonly");
	for (unsigned i = 0; all && blocks->len > 1 && i < sdp->n_media; i++)
		sdp->media[i].backchannel = false;
	return sdp;
}

void pt_sdp_free(PtSdp *sdp) {
	if (!sdp)
		return;
	for (unsigned i = 0; i < sdp->n_media; i++) {
		g_free(sdp->media[i].fmtp);
		g_free(sdp->media[i].control);
		pt_format_unref(sdp->media[i].format);
	}
	g_free(sdp->control);
	g_free(sdp->name);
	g_free(sdp);
}

void pt_sdp_print(const PtSdp *sdp, FILE *out) {
	fprintf(out, "session \"%s\", play %s\n", sdp->name, sdp->control);
	for (unsigned i = 0; i < sdp->n_media; i++) {
		const PtSdpMedia *m = &sdp->media[i];
		fprintf(out, "%s: %s", m->kind, m->known ? pt_codec_name(m->codec) : m->encoding);
		if (!m->known)
			fprintf(out, " (not a codec that is known here)");
		if (m->backchannel)
			fprintf(out, " (backchannel)");
		if (m->payload_type >= 0)
			fprintf(out, ", payload type %d, %u Hz", m->payload_type, m->clock_rate);
		if (m->format && m->format->width)
			fprintf(out, ", %ux%u", m->format->width, m->format->height);
		if (m->format && m->format->rfc6381[0])
			fprintf(out, ", %s", m->format->rfc6381);
		if (m->format && m->format->channels)
			fprintf(out, ", %u channel%s", m->format->channels, m->format->channels > 1 ? "s" : "");
		fprintf(out, ", setup %s\n", m->control);
	}
}
