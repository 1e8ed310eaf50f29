/* Opus in Ogg (RFC 3533, RFC 7845): the first stream of it. Checksums are left to whoever carried the file here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sound/sound.h"

#define RATE 48000 /* of Opus, whatever it was made of */
#define PACKET_MAX 65025

typedef struct {
	GPtrArray *ret;
	PtFormat *format; /* NULL: its head has not come */
	bool tags;        /* have come */
	int64_t pts;
	PtBuf packet; /* of which more may come on the next page */
} Ogg;

/* Ticks of a packet (RFC 6716 §3.1); 0: it is none. */
static unsigned duration(const uint8_t *p, size_t n) {
	static const uint16_t silk[] = {480, 960, 1920, 2880}, hybrid[] = {480, 960}, celt[] = {120, 240, 480, 960};
	if (!n)
		return 0;
	unsigned config = p[0] >> 3, code = p[0] & 3;
	unsigned frame = config < 12 ? silk[config & 3] : config < 16 ? hybrid[config & 1] : celt[config & 3];
	unsigned frames = code == 0 ? 1 : code < 3 ? 2 : n > 1 ? p[1] & 63 : 0;
	return frame * frames <= 5760 ? frame * frames : 0;
}

static bool take_packet(Ogg *o, GError **error) {
	const uint8_t *p = o->packet.data;
	size_t n = o->packet.size;
	if (!o->format) {
		if (n < 19 || memcmp(p, "OpusHead", 8) || p[8] >> 4 || p[9] < 1 || p[9] > 2) {
			pt_error_set(error, UNSUPPORTED,
			             "this Ogg begins with something else than Opus of one or two channels");
			return false;
		}
		o->format = pt_format_new(
		    &(PtFormat){.codec = PT_CODEC_OPUS, .timescale = RATE, .sample_rate = RATE, .channels = p[9]}, NULL, 0);
	} else if (!o->tags) {
		o->tags = true;
	} else if (duration(p, n)) {
		PtSample *s = pt_sample_new(n);
		memcpy(pt_sample_grow(&s, n), p, n);
		s->key = true;
		s->pts = s->dts = o->pts;
		s->format = pt_format_ref(o->format);
		o->pts += duration(p, n);
		g_ptr_array_add(o->ret, s);
	}
	return true;
}

/* One page; false: that was all, or an error. */
static bool take_page(Ogg *o, PtBytes *b, bool *first, uint32_t *serial, GError **error) {
	const uint8_t *mark = pt_bytes_take(b, 4);
	pt_bytes_take(b, 1 + 1 + 8); /* version, flags, granule position */
	uint32_t its = pt_bytes_u32(b);
	pt_bytes_take(b, 4 + 4); /* number, checksum */
	unsigned n = pt_bytes_u8(b);
	const uint8_t *lacing = pt_bytes_take(b, n);
	if (b->bad || memcmp(mark, "OggS", 4))
		return false;
	if (*first)
		*serial = its;
	*first = false;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *piece = pt_bytes_take(b, lacing[i]);
		if (!piece)
			return false;
		if (its != *serial)
			continue;
		pt_buf_put(&o->packet, piece, lacing[i]);
		if (o->packet.size > PACKET_MAX)
			return false;
		if (lacing[i] == 255)
			continue;
		if (!take_packet(o, error))
			return false;
		o->packet.size = 0;
	}
	return true;
}

gboolean pt_ogg_read(PtBytes b, GPtrArray *ret, GError **error) {
	Ogg o = {.ret = ret};
	g_autoptr(GError) failed = NULL;
	bool first = true;
	uint32_t serial = 0;
	while (b.left && take_page(&o, &b, &first, &serial, &failed))
		continue;
	pt_format_unref(o.format);
	pt_buf_clear(&o.packet);
	if (failed)
		g_propagate_error(error, g_steal_pointer(&failed));
	else if (!ret->len)
		pt_error_set(error, INVALID, "there is no sound in this Ogg");
	return ret->len > 0;
}
