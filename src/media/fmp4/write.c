/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fmp4/write.h"
#include "base/clock.h"
#include "media/g726.h"
#include <glib.h>

#define EPOCH_1904 INT64_C(2082844800) /* seconds from 1904 to 1970, the two eras of MP4 and UNIX */
#define EPOCH_1900 INT64_C(2208988800) /* likewise for NTP */

/* sample_flags of ISO 14496-12 §8.8.3.1: depends_on = 2 (a key) or 1, and is_non_sync_sample */
#define FLAGS_KEY 0x02000000u
#define FLAGS_NOT_KEY 0x01010000u

#define TFHD_DEFAULT_FLAGS 0x000020u
#define TFHD_DEFAULT_BASE_IS_MOOF 0x020000u
#define TRUN_DATA_OFFSET 0x000001u
#define TRUN_FIRST_FLAGS 0x000004u
#define TRUN_DURATION 0x000100u
#define TRUN_SIZE 0x000200u
#define TRUN_FLAGS 0x000400u
#define TRUN_COMPOSITION 0x000800u
#define PRFT_CAPTURED 24u /* the time is that of capture */

size_t pt_mp4_box_begin(PtBuf *out, const char type[4]) {
	size_t begin = out->size;
	pt_buf_u32(out, 0);
	pt_buf_put(out, type, 4);
	return begin;
}

size_t pt_mp4_fullbox_begin(PtBuf *out, const char type[4], uint8_t version, uint32_t flags) {
	size_t begin = pt_mp4_box_begin(out, type);
	pt_buf_u32(out, (uint32_t)version << 24 | flags);
	return begin;
}

void pt_mp4_box_end(PtBuf *out, size_t begin) { pt_buf_patch_u32(out, begin, (uint32_t)(out->size - begin)); }

static uint64_t mp4_time(int64_t wall_ns) { return (uint64_t)(wall_ns / PT_NS_PER_S + EPOCH_1904); }

static uint64_t ntp_time(int64_t wall_ns) {
	uint64_t s = (uint64_t)(wall_ns / PT_NS_PER_S + EPOCH_1900), ns = (uint64_t)(wall_ns % PT_NS_PER_S);
	return s << 32 | ((ns << 32) + PT_NS_PER_S / 2) / PT_NS_PER_S;
}

static void put_matrix(PtBuf *out) {
	static const uint32_t unity[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};
	for (unsigned i = 0; i < 9; i++)
		pt_buf_u32(out, unity[i]);
}

void pt_mp4_write_mvhd(PtBuf *out, uint32_t timescale, uint64_t duration, uint32_t next_track, int64_t created_ns) {
	size_t mvhd = pt_mp4_fullbox_begin(out, "mvhd", 1, 0);
	pt_buf_u64(out, mp4_time(created_ns));
	pt_buf_u64(out, mp4_time(created_ns));
	pt_buf_u32(out, timescale);
	pt_buf_u64(out, duration);
	pt_buf_u32(out, 0x10000); /* rate */
	pt_buf_u16(out, 0x100);   /* volume */
	pt_buf_zero(out, 10);
	put_matrix(out);
	pt_buf_zero(out, 24);
	pt_buf_u32(out, next_track);
	pt_mp4_box_end(out, mvhd);
}

void pt_mp4_write_tkhd(PtBuf *out, const PtFormat *format, uint32_t track_id, uint64_t duration, int64_t created_ns) {
	PtKind kind = pt_codec_kind(format->codec);
	size_t tkhd = pt_mp4_fullbox_begin(out, "tkhd", 1, 3); /* enabled, in movie */
	pt_buf_u64(out, mp4_time(created_ns));
	pt_buf_u64(out, mp4_time(created_ns));
	pt_buf_u32(out, track_id);
	pt_buf_u32(out, 0);
	pt_buf_u64(out, duration);
	pt_buf_zero(out, 12); /* reserved, layer, group */
	pt_buf_u16(out, kind == PT_KIND_AUDIO ? 0x100 : 0);
	pt_buf_u16(out, 0);
	put_matrix(out);
	pt_buf_u32(out, (uint32_t)format->width << 16);
	pt_buf_u32(out, (uint32_t)format->height << 16);
	pt_mp4_box_end(out, tkhd);
}

void pt_mp4_write_media_heads(PtBuf *out, const PtFormat *format, uint64_t duration, int64_t created_ns) {
	static const char *const handlers[] = {
	    [PT_KIND_VIDEO] = "vide", [PT_KIND_AUDIO] = "soun", [PT_KIND_METADATA] = "meta"};
	size_t mdhd = pt_mp4_fullbox_begin(out, "mdhd", 1, 0);
	pt_buf_u64(out, mp4_time(created_ns));
	pt_buf_u64(out, mp4_time(created_ns));
	pt_buf_u32(out, format->timescale);
	pt_buf_u64(out, duration);
	pt_buf_u16(out, 0x55c4); /* "und" */
	pt_buf_u16(out, 0);
	pt_mp4_box_end(out, mdhd);
	size_t hdlr = pt_mp4_fullbox_begin(out, "hdlr", 0, 0);
	pt_buf_u32(out, 0);
	pt_buf_put(out, handlers[pt_codec_kind(format->codec)], 4);
	pt_buf_zero(out, 12);
	pt_buf_put(out, "pigtail", 8);
	pt_mp4_box_end(out, hdlr);
}

void pt_mp4_write_minf_heads(PtBuf *out, const PtFormat *format) {
	size_t head;
	switch (pt_codec_kind(format->codec)) {
	case PT_KIND_VIDEO:
		head = pt_mp4_fullbox_begin(out, "vmhd", 0, 1);
		pt_buf_zero(out, 8);
		break;
	case PT_KIND_AUDIO:
		head = pt_mp4_fullbox_begin(out, "smhd", 0, 0);
		pt_buf_zero(out, 4);
		break;
	default:
		head = pt_mp4_fullbox_begin(out, "nmhd", 0, 0);
	}
	pt_mp4_box_end(out, head);
	size_t dinf = pt_mp4_box_begin(out, "dinf");
	size_t dref = pt_mp4_fullbox_begin(out, "dref", 0, 0);
	pt_buf_u32(out, 1);
	pt_mp4_box_end(out, pt_mp4_fullbox_begin(out, "url ", 0, 1)); /* in this very file */
	pt_mp4_box_end(out, dref);
	pt_mp4_box_end(out, dinf);
}

/* ---- sample entries ---- */

/* MPEG-4 descriptors (ISO 14496-1 §7.2.6): tag, length in one byte (all of ours are short), content. */
static void put_esds(PtBuf *out, uint8_t object_type, uint8_t stream_type, const uint8_t *config, size_t config_size) {
	size_t decoder = 13 + (config_size ? 2 + config_size : 0);
	size_t es = 3 + 2 + decoder + 3;
	if (es > 127) /* an AudioSpecificConfig of that length is nobody's */
		config_size = 0, decoder = 13, es = 21;
	size_t esds = pt_mp4_fullbox_begin(out, "esds", 0, 0);
	pt_buf_u8(out, 3); /* ES_Descriptor */
	pt_buf_u8(out, (uint8_t)es);
	pt_buf_u16(out, 0);
	pt_buf_u8(out, 0);
	pt_buf_u8(out, 4); /* DecoderConfigDescriptor */
	pt_buf_u8(out, (uint8_t)decoder);
	pt_buf_u8(out, object_type);
	pt_buf_u8(out, (uint8_t)(stream_type << 2 | 1));
	pt_buf_zero(out, 11); /* buffer size and bit rates: not stated */
	if (config_size) {
		pt_buf_u8(out, 5); /* DecoderSpecificInfo */
		pt_buf_u8(out, (uint8_t)config_size);
		pt_buf_put(out, config, config_size);
	}
	pt_buf_u8(out, 6); /* SLConfigDescriptor */
	pt_buf_u8(out, 1);
	pt_buf_u8(out, 2);
	pt_mp4_box_end(out, esds);
}

static size_t sample_entry_begin(PtBuf *out, const char type[4]) {
	size_t entry = pt_mp4_box_begin(out, type);
	pt_buf_zero(out, 6);
	pt_buf_u16(out, 1); /* data reference */
	return entry;
}

static void put_visual(PtBuf *out, const PtFormat *f) {
	pt_buf_zero(out, 16);
	pt_buf_u16(out, f->width);
	pt_buf_u16(out, f->height);
	pt_buf_u32(out, 0x480000); /* 72 dpi */
	pt_buf_u32(out, 0x480000);
	pt_buf_u32(out, 0);
	pt_buf_u16(out, 1);
	pt_buf_zero(out, 32);
	pt_buf_u16(out, 24);
	pt_buf_u16(out, 0xffff);
}

static void put_audio(PtBuf *out, const PtFormat *f) {
	unsigned bits = pt_g726_bits(f);
	pt_buf_zero(out, 8);
	pt_buf_u16(out, f->channels ? f->channels : 1);
	pt_buf_u16(out, bits ? (uint16_t)bits : 16);
	pt_buf_u32(out, 0);
	pt_buf_u32(out, f->sample_rate << 16);
}

static void put_config_box(PtBuf *out, const char type[4], const PtFormat *f) {
	size_t box = pt_mp4_box_begin(out, type);
	pt_buf_put(out, f->config, f->config_size);
	pt_mp4_box_end(out, box);
}

static void put_opus(PtBuf *out, const PtFormat *f) {
	size_t box = pt_mp4_box_begin(out, "dOps");
	pt_buf_u8(out, 0);
	pt_buf_u8(out, f->channels ? f->channels : 1);
	pt_buf_u16(out, 0);     /* pre-skip: a live stream has none to cut */
	pt_buf_u32(out, 48000); /* rate of the original; not known, and informative only */
	pt_buf_u16(out, 0);
	pt_buf_u8(out, 0);
	pt_mp4_box_end(out, box);
}

void pt_mp4_write_stsd(PtBuf *out, const PtFormat *f) {
	size_t stsd = pt_mp4_fullbox_begin(out, "stsd", 0, 0);
	pt_buf_u32(out, 1);
	size_t entry;
	switch (f->codec) {
	case PT_CODEC_H264:
		entry = sample_entry_begin(out, "avc1");
		put_visual(out, f);
		put_config_box(out, "avcC", f);
		break;
	case PT_CODEC_H265:
		entry = sample_entry_begin(out, "hvc1");
		put_visual(out, f);
		put_config_box(out, "hvcC", f);
		break;
	case PT_CODEC_MJPEG:
		entry = sample_entry_begin(out, "mp4v");
		put_visual(out, f);
		put_esds(out, 0x6c, 4, NULL, 0);
		break;
	case PT_CODEC_AAC:
		entry = sample_entry_begin(out, "mp4a");
		put_audio(out, f);
		put_esds(out, 0x40, 5, f->config, f->config_size);
		break;
	case PT_CODEC_OPUS:
		entry = sample_entry_begin(out, "Opus");
		put_audio(out, f);
		put_opus(out, f);
		break;
	case PT_CODEC_PCMU:
	case PT_CODEC_PCMA:
		entry = sample_entry_begin(out, f->codec == PT_CODEC_PCMU ? "ulaw" : "alaw");
		put_audio(out, f);
		break;
	case PT_CODEC_L16: /* QuickTime's; ISO 23003-5's "ipcm" says the same, and programs of before 2023 do not know it */
		entry = sample_entry_begin(out, "twos");
		put_audio(out, f);
		break;
	case PT_CODEC_G726: /* QuickTime's form for the formats of WAVE files, of which this is number 0x45 */
		entry = sample_entry_begin(out, "ms\0\x45");
		put_audio(out, f);
		break;
	default:
		entry = sample_entry_begin(out, "metx");
		pt_buf_put(out, "\0http://www.onvif.org/ver10/schema\0", 36);
	}
	pt_mp4_box_end(out, entry);
	pt_mp4_box_end(out, stsd);
}

static void put_empty_table(PtBuf *out, const char type[4], unsigned zeros) {
	size_t box = pt_mp4_fullbox_begin(out, type, 0, 0);
	pt_buf_zero(out, zeros);
	pt_mp4_box_end(out, box);
}

static void put_trak(PtBuf *out, const PtFormat *f, uint32_t id, int64_t created_ns) {
	size_t trak = pt_mp4_box_begin(out, "trak");
	pt_mp4_write_tkhd(out, f, id, 0, created_ns);
	size_t mdia = pt_mp4_box_begin(out, "mdia");
	pt_mp4_write_media_heads(out, f, 0, created_ns);
	size_t minf = pt_mp4_box_begin(out, "minf");
	pt_mp4_write_minf_heads(out, f);
	size_t stbl = pt_mp4_box_begin(out, "stbl");
	pt_mp4_write_stsd(out, f);
	put_empty_table(out, "stts", 4);
	put_empty_table(out, "stsc", 4);
	put_empty_table(out, "stsz", 8);
	put_empty_table(out, "stco", 4);
	pt_mp4_box_end(out, stbl);
	pt_mp4_box_end(out, minf);
	pt_mp4_box_end(out, mdia);
	pt_mp4_box_end(out, trak);
}

/* As iTunes writes it and everybody reads it: the QuickTime file format's metadata list. */
static void put_comment(PtBuf *out, const char *comment) {
	size_t udta = pt_mp4_box_begin(out, "udta");
	size_t meta = pt_mp4_fullbox_begin(out, "meta", 0, 0);
	size_t hdlr = pt_mp4_fullbox_begin(out, "hdlr", 0, 0);
	pt_buf_u32(out, 0);
	pt_buf_put(out, "mdirappl", 8);
	pt_buf_zero(out, 9);
	pt_mp4_box_end(out, hdlr);
	size_t ilst = pt_mp4_box_begin(out, "ilst");
	size_t entry = pt_mp4_box_begin(out, "\251cmt");
	size_t data = pt_mp4_fullbox_begin(out, "data", 0, 1); /* UTF-8 */
	pt_buf_u32(out, 0);
	pt_buf_str(out, comment);
	pt_mp4_box_end(out, data);
	pt_mp4_box_end(out, entry);
	pt_mp4_box_end(out, ilst);
	pt_mp4_box_end(out, meta);
	pt_mp4_box_end(out, udta);
}

void pt_mp4_write_init(PtBuf *out, PtFormat *const *formats, size_t n, int64_t created_ns, const char *comment) {
	size_t ftyp = pt_mp4_box_begin(out, "ftyp");
	pt_buf_str(out, "iso6");
	pt_buf_u32(out, 0);
	pt_buf_str(out, "iso6mp41");
	pt_mp4_box_end(out, ftyp);
	size_t moov = pt_mp4_box_begin(out, "moov");
	pt_mp4_write_mvhd(out, 1000, 0, (uint32_t)n + 1, created_ns);
	for (size_t i = 0; i < n; i++)
		put_trak(out, formats[i], (uint32_t)i + 1, created_ns);
	size_t mvex = pt_mp4_box_begin(out, "mvex");
	for (size_t i = 0; i < n; i++) {
		size_t trex = pt_mp4_fullbox_begin(out, "trex", 0, 0);
		pt_buf_u32(out, (uint32_t)i + 1);
		pt_buf_u32(out, 1);
		pt_buf_zero(out, 12);
		pt_mp4_box_end(out, trex);
	}
	pt_mp4_box_end(out, mvex);
	if (comment)
		put_comment(out, comment);
	pt_mp4_box_end(out, moov);
}

/* ---- fragments ---- */

static uint32_t sample_flags(const PtSample *s) { return s->key ? FLAGS_KEY : FLAGS_NOT_KEY; }

void pt_mp4_write_fragment(PtBuf *out, const PtFragmentHead *head, PtSample *const *samples, const uint32_t *durations,
                           size_t n) {
	bool composition = false, flags_differ = false;
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		composition |= samples[i]->pts != samples[i]->dts;
		flags_differ |= i && samples[i]->key != samples[n - 1]->key;
		bytes += samples[i]->size;
	}
	size_t prft = pt_mp4_fullbox_begin(out, "prft", 1, PRFT_CAPTURED);
	pt_buf_u32(out, head->track_id);
	pt_buf_u64(out, ntp_time(head->wall_ns));
	pt_buf_u64(out, (uint64_t)(head->base_dts + samples[0]->pts - samples[0]->dts));
	pt_mp4_box_end(out, prft);

	size_t moof = pt_mp4_box_begin(out, "moof");
	size_t mfhd = pt_mp4_fullbox_begin(out, "mfhd", 0, 0);
	pt_buf_u32(out, head->sequence);
	pt_mp4_box_end(out, mfhd);
	size_t traf = pt_mp4_box_begin(out, "traf");
	size_t tfhd = pt_mp4_fullbox_begin(out, "tfhd", 0, TFHD_DEFAULT_FLAGS | TFHD_DEFAULT_BASE_IS_MOOF);
	pt_buf_u32(out, head->track_id);
	pt_buf_u32(out, sample_flags(samples[n - 1]));
	pt_mp4_box_end(out, tfhd);
	size_t tfdt = pt_mp4_fullbox_begin(out, "tfdt", 1, 0);
	pt_buf_u64(out, (uint64_t)head->base_dts);
	pt_mp4_box_end(out, tfdt);
	size_t trun =
	    pt_mp4_fullbox_begin(out, "trun", 1,
	                         TRUN_DATA_OFFSET | TRUN_DURATION | TRUN_SIZE |
	                             (flags_differ ? TRUN_FLAGS : TRUN_FIRST_FLAGS) | (composition ? TRUN_COMPOSITION : 0));
	pt_buf_u32(out, (uint32_t)n);
	size_t data_offset = out->size;
	pt_buf_u32(out, 0);
	if (!flags_differ)
		pt_buf_u32(out, sample_flags(samples[0]));
	for (size_t i = 0; i < n; i++) {
		pt_buf_u32(out, durations[i]);
		pt_buf_u32(out, (uint32_t)samples[i]->size);
		if (flags_differ)
			pt_buf_u32(out, sample_flags(samples[i]));
		if (composition)
			pt_buf_u32(out, (uint32_t)(int32_t)(samples[i]->pts - samples[i]->dts));
	}
	pt_mp4_box_end(out, trun);
	pt_mp4_box_end(out, traf);
	pt_mp4_box_end(out, moof);
	pt_buf_patch_u32(out, data_offset, (uint32_t)(out->size + 8 - moof));
	pt_buf_u32(out, (uint32_t)(bytes + 8));
	pt_buf_put(out, "mdat", 4);
}
