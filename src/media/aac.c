/* SPDX-License-Identifier: Apache-2.0 */
#include "media/aac.h"
#include "base/bytes.h"
#include <glib.h>

static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350};
static const uint8_t layouts[] = {0, 1, 2, 3, 4, 5, 6, 8};

static uint32_t get_object_type(PtBits *b) {
	uint32_t type = pt_bits_get(b, 5);
	return type == 31 ? 32 + pt_bits_get(b, 6) : type;
}

static uint32_t get_rate(PtBits *b) {
	uint32_t index = pt_bits_get(b, 4);
	return index == 15 ? pt_bits_get(b, 24) : index < G_N_ELEMENTS(rates) ? rates[index] : 0;
}

bool pt_aac_parse_config(const void *config, size_t size, PtAacConfig *ret) {
	PtBits b = pt_bits(config, size, false);
	uint32_t type = get_object_type(&b), rate = get_rate(&b), layout = pt_bits_get(&b, 4);
	if (type == 5 || type == 29) { /* SBR, PS: the core's type stands behind */
		get_rate(&b);
		type = get_object_type(&b);
	}
	bool short_frame = !b.bad && pt_bits_get(&b, 1);
	if (b.bad || !type || type > 42 || rate < 1000 || rate > 192000 || layout >= G_N_ELEMENTS(layouts))
		return false;
	/* layout 0: a program config element tells; nobody records more than two channels that way */
	*ret = (PtAacConfig){(uint8_t)type, rate, layout ? layouts[layout] : 2, short_frame ? 960 : 1024};
	return true;
}

PtFormat *pt_aac_format(const void *config, size_t size, uint32_t timescale) {
	PtAacConfig c;
	if (!pt_aac_parse_config(config, size, &c))
		return NULL;
	PtFormat f = {.codec = PT_CODEC_AAC,
	              .timescale = timescale ? timescale : c.sample_rate,
	              .sample_rate = c.sample_rate,
	              .channels = c.channels};
	g_snprintf(f.rfc6381, sizeof f.rfc6381, "mp4a.40.%u", c.object_type);
	return pt_format_new(&f, config, size);
}
