/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/pack.h"
#include "media/g726.h"
#include "media/nal.h"
#include "media/rtp/pack-internal.h"

/* ---- blocks ---- */

PtRtpBlock *pt_rtp_block_ref(PtRtpBlock *block) {
	g_atomic_int_inc(&block->refs);
	return block;
}

void pt_rtp_block_unref(PtRtpBlock *block) {
	if (!block || !g_atomic_int_dec_and_test(&block->refs))
		return;
	pt_buf_clear(&block->data);
	g_free(block->offsets);
	g_free(block);
}

static PtRtpBlock *block_new(unsigned capacity) {
	PtRtpBlock *b = g_new0(PtRtpBlock, 1);
	b->refs = 1;
	b->offsets = g_new(uint32_t, capacity + 1);
	b->offsets[0] = 0;
	return b;
}

PtRtpBlock *pt_rtp_block_new_raw(uint8_t channel, const void *packet, size_t size) {
	PtRtpBlock *b = block_new(1);
	pt_buf_u8(&b->data, '$');
	pt_buf_u8(&b->data, channel);
	pt_buf_u16(&b->data, (uint16_t)size);
	pt_buf_put(&b->data, packet, size);
	b->n_packets = 1;
	b->offsets[1] = (uint32_t)b->data.size;
	return b;
}

PtRtpBlock *pt_rtp_block_with_channel(const PtRtpBlock *block, uint8_t channel) {
	PtRtpBlock *b = block_new(block->n_packets);
	PtBuf data = b->data;
	uint32_t *offsets = b->offsets;
	*b = *block;
	b->refs = 1;
	b->data = data;
	b->offsets = offsets;
	memcpy(offsets, block->offsets, (block->n_packets + 1) * sizeof *offsets);
	pt_buf_put(&b->data, block->data.data, block->data.size);
	for (unsigned i = 0; i < b->n_packets; i++)
		b->data.data[offsets[i] + 1] = channel;
	return b;
}

uint8_t *pt_packing_packet(PtPacking *p, size_t n, bool marker) {
	PtRtpBlock *b = p->block;
	g_assert(n && n <= PT_RTP_PAYLOAD);
	if (b->n_packets == p->capacity) {
		p->capacity *= 2;
		b->offsets = g_renew(uint32_t, b->offsets, p->capacity + 1);
	}
	size_t extension = b->n_packets ? 0 : p->packer->extension_size, head = 12 + extension;
	uint8_t *d = pt_buf_grow(&b->data, PT_RTP_INTERLEAVED + head + n);
	d[0] = '$';
	d[1] = (uint8_t)(b->track * 2);
	pt_put_u16(d + 2, (uint16_t)(head + n));
	d[4] = extension ? 0x90 : 0x80;
	d[5] = (uint8_t)(marker << 7 | p->packer->payload_type);
	pt_put_u16(d + 6, p->packer->seq++);
	pt_put_u32(d + 8, p->rtp_time);
	pt_put_u32(d + 12, p->packer->ssrc);
	memcpy(d + 16, p->packer->extension, extension);
	b->offsets[++b->n_packets] = (uint32_t)b->data.size;
	b->octets += (uint32_t)n;
	return d + PT_RTP_INTERLEAVED + head;
}

/* ---- packing ---- */

uint8_t pt_rtp_payload_type(const PtFormat *f, unsigned track) {
	bool plain = f->sample_rate == 8000 && f->channels == 1; /* RFC 3551 §6 */
	if (f->codec == PT_CODEC_PCMU && plain)
		return 0;
	if (f->codec == PT_CODEC_PCMA && plain)
		return 8;
	if (f->codec == PT_CODEC_MJPEG)
		return 26;
	if (f->codec == PT_CODEC_L16 && f->sample_rate == 44100 && (f->channels == 1 || f->channels == 2))
		return f->channels == 2 ? 10 : 11;
	return (uint8_t)(96 + track);
}

uint32_t pt_rtp_clock_rate(const PtFormat *f) {
	if (pt_codec_kind(f->codec) != PT_KIND_AUDIO)
		return 90000;
	return f->codec == PT_CODEC_OPUS ? 48000 : f->sample_rate;
}

void pt_rtp_packer_init(PtRtpPacker *p, const PtFormat *format, unsigned track) {
	*p = (PtRtpPacker){.payload_type = pt_rtp_payload_type(format, track),
	                   .seq = (uint16_t)g_random_int(),
	                   .ssrc = g_random_int(),
	                   .time_offset = g_random_int()};
}

static bool (*const packers[PT_N_CODECS])(PtPacking *, const PtSample *) = {
    [PT_CODEC_H264] = pt_pack_h264,   [PT_CODEC_H265] = pt_pack_h265,
    [PT_CODEC_MJPEG] = pt_pack_mjpeg, [PT_CODEC_AAC] = pt_pack_aac,
    [PT_CODEC_PCMU] = pt_pack_octets, [PT_CODEC_PCMA] = pt_pack_octets,
    [PT_CODEC_OPUS] = pt_pack_opus,   [PT_CODEC_ONVIF_METADATA] = pt_pack_metadata,
    [PT_CODEC_L16] = pt_pack_l16,     [PT_CODEC_G726] = pt_pack_g726,
};

PtRtpBlock *pt_rtp_pack(PtRtpPacker *packer, const PtSample *s) {
	const PtFormat *f = s->format;
	unsigned guess = (unsigned)(s->size / (PT_RTP_PAYLOAD - 40) + 8);
	int64_t ticks = s->pts;
	if (pt_rtp_clock_rate(f) != f->timescale)
		ticks = (int64_t)((__int128)ticks * pt_rtp_clock_rate(f) / f->timescale);
	PtPacking p = {.packer = packer,
	               .block = block_new(guess),
	               .capacity = guess,
	               .rtp_time = (uint32_t)((uint64_t)ticks + packer->time_offset)};
	PtRtpBlock *b = p.block;
	b->track = s->track;
	b->key = s->key;
	b->video = pt_codec_kind(f->codec) == PT_KIND_VIDEO;
	b->rtp_time = p.rtp_time;
	b->wall_ns = s->wall_ns;
	/* room for everything at once; what remains is given back with the block */
	pt_buf_grow(&b->data, s->size + s->size / 32 + 1024);
	b->data.size = 0;
	uint16_t seq = packer->seq;
	if (packers[f->codec] && packers[f->codec](&p, s) && b->n_packets)
		return b;
	packer->seq = (uint16_t)(seq + 1); /* receivers see that something is missing */
	pt_rtp_block_unref(b);
	return NULL;
}

/* ---- SDP ---- */

static void describe_h264(const PtFormat *f, unsigned pt, GString *sdp) {
	PtNal sets[8];
	unsigned n = pt_format_parameter_sets(f, sets, G_N_ELEMENTS(sets));
	g_string_append_printf(sdp, "a=fmtp:%u packetization-mode=1", pt); /* RFC 6184 §8.1 */
	if (f->config_size >= 4)
		g_string_append_printf(sdp, ";profile-level-id=%02X%02X%02X", f->config[1], f->config[2], f->config[3]);
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *text = g_base64_encode(sets[i].data, sets[i].size);
		g_string_append_printf(sdp, "%s%s", i ? "," : ";sprop-parameter-sets=", text);
	}
	g_string_append(sdp, "\r\n");
}

static void describe_h265(const PtFormat *f, unsigned pt, GString *sdp) {
	static const char *const names[] = {"sprop-vps", "sprop-sps", "sprop-pps"}; /* RFC 7798 §7.1 */
	PtNal sets[8];
	unsigned n = pt_format_parameter_sets(f, sets, G_N_ELEMENTS(sets));
	const char *separator = " ";
	if (!n)
		return;
	g_string_append_printf(sdp, "a=fmtp:%u", pt);
	for (unsigned kind = 0; kind < 3; kind++) {
		bool any = false;
		for (unsigned i = 0; i < n; i++) {
			if (sets[i].size < 2 || (unsigned)(sets[i].data[0] >> 1 & 63) != 32 + kind)
				continue;
			g_autofree char *text = g_base64_encode(sets[i].data, sets[i].size);
			if (any)
				g_string_append_printf(sdp, ",%s", text);
			else
				g_string_append_printf(sdp, "%s%s=%s", separator, names[kind], text);
			any = true;
			separator = ";";
		}
	}
	g_string_append(sdp, "\r\n");
}

void pt_rtp_describe(const PtFormat *f, unsigned track, GString *sdp) {
	static const char *const kinds[] = {"video", "audio", "application"};
	static const char *const names[PT_N_CODECS] = {
	    "H264", "H265", "JPEG", "mpeg4-generic", "PCMU", "PCMA", "opus", "vnd.onvif.metadata", "L16", "G726"};
	unsigned pt = pt_rtp_payload_type(f, track);
	g_string_append_printf(sdp, "m=%s 0 RTP/AVP %u\r\n", kinds[pt_codec_kind(f->codec)], pt);
	g_string_append_printf(sdp, "a=rtpmap:%u %s", pt, names[f->codec]);
	if (f->codec == PT_CODEC_G726)
		g_string_append_printf(sdp, "-%u", 8 * pt_g726_bits(f));
	g_string_append_printf(sdp, "/%u", pt_rtp_clock_rate(f));
	if (f->codec == PT_CODEC_OPUS)
		g_string_append(sdp, "/2"); /* always: RFC 7587 §7 */
	else if (pt_codec_kind(f->codec) == PT_KIND_AUDIO && f->channels > 1)
		g_string_append_printf(sdp, "/%u", f->channels);
	g_string_append(sdp, "\r\n");
	if (f->codec == PT_CODEC_H264)
		describe_h264(f, pt, sdp);
	if (f->codec == PT_CODEC_H265)
		describe_h265(f, pt, sdp);
	if (f->codec == PT_CODEC_OPUS && f->channels > 1)
		g_string_append_printf(sdp, "a=fmtp:%u sprop-stereo=1\r\n", pt);
	if (f->codec == PT_CODEC_AAC) { /* RFC 3640 §4.1 */
		g_string_append_printf(sdp,
		                       "a=fmtp:%u streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
		                       "indexdeltalength=3;config=",
		                       pt);
		for (size_t i = 0; i < f->config_size; i++)
			g_string_append_printf(sdp, "%02x", f->config[i]);
		g_string_append(sdp, "\r\n");
	}
}
