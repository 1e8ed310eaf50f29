/* Sample entries (ISO 14496-12 §8.5.2, 14496-14, 14496-15, QuickTime) to formats. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/aac.h"
#include "media/fmp4/read-internal.h"
#include "media/h264.h"
#include "media/h265.h"
#include <glib.h>

#define T PT_MP4_TYPE

static void set_config(PtMp4Work *t, PtBytes b) {
	t->config.size = 0;
	pt_buf_put(&t->config, b.p, b.left);
}

/* AVCDecoderConfigurationRecord, ISO 14496-15 §5.3.3.1 */
static void read_avcc(PtMp4Work *t, PtBytes b) {
	if (b.left < 7 || b.p[0] != 1)
		return;
	set_config(t, b);
	t->nal_size = (uint8_t)((b.p[4] & 3) + 1);
	t->config.data[4] |= 3; /* our samples have lengths of four bytes */
	g_snprintf(t->values->rfc6381, sizeof t->values->rfc6381, "avc1.%02x%02x%02x", b.p[1], b.p[2], b.p[3]);
	t->usable = true;
}

/* HEVCDecoderConfigurationRecord, ISO 14496-15 §8.3.3.1; the string: annex E.3 */
static void read_hvcc(PtMp4Work *t, PtBytes b) {
	static const char *const spaces[4] = {"", "A", "B", "C"};
	if (b.left < 23)
		return;
	set_config(t, b);
	t->nal_size = (uint8_t)((b.p[21] & 3) + 1);
	t->config.data[21] |= 3;
	uint32_t flags = (uint32_t)b.p[2] << 24 | (uint32_t)b.p[3] << 16 | (uint32_t)b.p[4] << 8 | b.p[5], reversed = 0;
	for (unsigned i = 0; i < 32; i++)
		reversed |= (flags >> i & 1) << (31 - i);
	char *out = t->values->rfc6381;
	size_t room = sizeof t->values->rfc6381;
	int n = g_snprintf(out, room, "hvc1.%s%d.%X.%c%d", spaces[b.p[1] >> 6], b.p[1] & 31, reversed,
	                   b.p[1] & 32 ? 'H' : 'L', b.p[12]);
	unsigned last = 6; /* of the constraint bytes; trailing zeros are left out */
	while (last > 0 && !b.p[5 + last])
		last--;
	for (unsigned i = 1; i <= last; i++)
		n += g_snprintf(out + n, room - (size_t)n, ".%X", b.p[5 + i]);
	t->usable = true;
}

static uint32_t descriptor(PtBytes *b, PtBytes *ret_body) {
	uint8_t tag = pt_bytes_u8(b), byte;
	uint32_t size = 0;
	unsigned n = 0;
	do {
		byte = pt_bytes_u8(b);
		size = size << 7 | (byte & 0x7f);
	} while (byte & 0x80 && ++n < 4);
	/* some muxers count more than is there: take what is */
	*ret_body = pt_bytes_sub(b, MIN(size, b->left));
	return tag;
}

static void read_asc(PtMp4Work *t, PtBytes asc) {
	PtAacConfig c;
	if (asc.left > 64 || !pt_aac_parse_config(asc.p, asc.left, &c))
		return;
	set_config(t, asc);
	t->values->codec = PT_CODEC_AAC;
	t->values->sample_rate = c.sample_rate;
	t->values->channels = c.channels;
	g_snprintf(t->values->rfc6381, sizeof t->values->rfc6381, "mp4a.40.%u", c.object_type);
	t->usable = true;
}

/* ES_Descriptor, ISO 14496-1 §7.2.6.5 */
static void read_esds(PtMp4Work *t, PtBytes b, bool video) {
	pt_bytes_u32(&b);
	PtBytes es, config, info;
	if (descriptor(&b, &es) != 3)
		return;
	pt_bytes_u16(&es);
	uint8_t flags = pt_bytes_u8(&es);
	if (flags & 0x80)
		pt_bytes_u16(&es);
	if (flags & 0x40)
		pt_bytes_take(&es, pt_bytes_u8(&es));
	if (flags & 0x20)
		pt_bytes_u16(&es);
	if (descriptor(&es, &config) != 4)
		return;
	uint8_t object = pt_bytes_u8(&config);
	pt_bytes_take(&config, 12);
	if (config.bad)
		return;
	if (video && object == 0x6c) {
		t->values->codec = PT_CODEC_MJPEG;
		t->usable = true;
	} else if (!video && (object == 0x40 || (object >= 0x66 && object <= 0x68)) && descriptor(&config, &info) == 5) {
		read_asc(t, info);
	}
}

static void read_visual(PtMp4Work *t, uint32_t type, PtBytes b) {
	pt_bytes_take(&b, 24);
	t->values->width = pt_bytes_u16(&b);
	t->values->height = pt_bytes_u16(&b);
	pt_bytes_take(&b, 50);
	if (b.bad)
		return;
	PtBytes body;
	t->values->timescale = 90000;
	if (type == T('j', 'p', 'e', 'g') || type == T('m', 'j', 'p', 'a')) {
		t->values->codec = PT_CODEC_MJPEG;
		t->usable = type == T('j', 'p', 'e', 'g');
	} else if (type == T('m', 'p', '4', 'v') && pt_mp4_find_box(b, T('e', 's', 'd', 's'), &body)) {
		read_esds(t, body, true);
	} else if ((type == T('a', 'v', 'c', '1') || type == T('a', 'v', 'c', '3')) &&
	           pt_mp4_find_box(b, T('a', 'v', 'c', 'C'), &body)) {
		t->values->codec = PT_CODEC_H264;
		read_avcc(t, body);
	} else if ((type == T('h', 'v', 'c', '1') || type == T('h', 'e', 'v', '1')) &&
	           pt_mp4_find_box(b, T('h', 'v', 'c', 'C'), &body)) {
		t->values->codec = PT_CODEC_H265;
		read_hvcc(t, body);
	}
}

static void read_audio(PtMp4Work *t, uint32_t type, PtBytes b) {
	pt_bytes_take(&b, 8);
	uint16_t version = pt_bytes_u16(&b); /* QuickTime's; 0 in ISO files */
	pt_bytes_take(&b, 6);
	uint16_t channels = pt_bytes_u16(&b), bits = pt_bytes_u16(&b);
	pt_bytes_take(&b, 4);
	uint32_t rate = pt_bytes_u32(&b) >> 16;
	pt_bytes_take(&b, version == 1 ? 16 : version == 2 ? 36 : 0);
	if (b.bad)
		return;
	t->values->channels = (uint8_t)MIN(channels, 255);
	t->values->sample_rate = rate;
	PtBytes body, wave;
	if (type == T('u', 'l', 'a', 'w') || type == T('a', 'l', 'a', 'w')) {
		t->values->codec = type == T('u', 'l', 'a', 'w') ? PT_CODEC_PCMU : PT_CODEC_PCMA;
		t->usable = rate && channels && channels <= 8;
	} else if (type == T('t', 'w', 'o', 's')) {
		t->values->codec = PT_CODEC_L16;
		t->usable = rate && channels && channels <= 8 && bits == 16;
	} else if (type == T('m', 's', 0, 0x45)) {
		uint8_t config = (uint8_t)bits;
		t->values->codec = PT_CODEC_G726;
		set_config(t, pt_bytes(&config, 1));
		t->usable = rate && channels == 1 && bits >= 2 && bits <= 5;
	} else if (type == T('O', 'p', 'u', 's')) {
		t->values->codec = PT_CODEC_OPUS;
		t->values->sample_rate = 48000; /* whatever the input's was: RFC 7845 §5.1 */
		g_strlcpy(t->values->rfc6381, "opus", sizeof t->values->rfc6381);
		t->usable = channels > 0;
	} else if (type == T('m', 'p', '4', 'a')) {
		if (pt_mp4_find_box(b, T('e', 's', 'd', 's'), &body) ||
		    (pt_mp4_find_box(b, T('w', 'a', 'v', 'e'), &wave) &&
		     pt_mp4_find_box(wave, T('e', 's', 'd', 's'), &body)))
			read_esds(t, body, false);
	}
	t->values->timescale = t->values->sample_rate;
}

void pt_mp4_read_entries(PtMp4Work *t, PtBytes stsd) {
	uint32_t type;
	PtBytes body;
	pt_bytes_take(&stsd, 8);
	if (!pt_mp4_next_box(&stsd, &type, &body))
		return;
	switch (type) {
	case T('m', 'e', 't', 'x'):
	case T('m', 'e', 't', 't'):
		t->values->codec = PT_CODEC_ONVIF_METADATA;
		t->values->timescale = 90000;
		t->usable = true;
		break;
	case T('u', 'l', 'a', 'w'):
	case T('a', 'l', 'a', 'w'):
	case T('t', 'w', 'o', 's'):
	case T('m', 's', 0, 0x45):
	case T('O', 'p', 'u', 's'):
	case T('m', 'p', '4', 'a'):
		read_audio(t, type, body);
		break;
	default:
		read_visual(t, type, body);
	}
}

int pt_mp4_refine_format(PtFormat *format) {
	PtNal sets[PT_PARAM_SETS];
	unsigned n = pt_format_parameter_sets(format, sets, PT_PARAM_SETS);
	for (unsigned i = 0; i < n; i++) {
		PtH264Sps h264;
		PtH265Sps h265;
		if (format->codec == PT_CODEC_H264 && sets[i].size && (sets[i].data[0] & 31) == PT_H264_SPS &&
		    pt_h264_parse_sps(sets[i].data, sets[i].size, &h264)) {
			format->width = h264.width;
			format->height = h264.height;
			return h264.reorder;
		}
		if (format->codec == PT_CODEC_H265 && sets[i].size && (sets[i].data[0] >> 1 & 63) == PT_H265_SPS &&
		    pt_h265_parse_sps(sets[i].data, sets[i].size, &h265)) {
			format->width = h265.width;
			format->height = h265.height;
			return h265.reorder;
		}
	}
	return -1;
}
