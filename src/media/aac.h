/* AAC's AudioSpecificConfig (ISO 14496-3 §1.6.2.1). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/sample.h"

typedef struct {
	uint8_t object_type;  /* 2 = AAC-LC */
	uint32_t sample_rate; /* Hz, of the core coder */
	uint8_t channels;     /* 1..8 */
	uint16_t frame;       /* samples per frame and channel: 1024 or 960 */
} PtAacConfig;

bool pt_aac_parse_config(const void *config, size_t size, PtAacConfig *ret);
/* NULL when the config is damaged. timescale: the RTP clock rate, 0 = the sampling rate. */
PtFormat *pt_aac_format(const void *config, size_t size, uint32_t timescale);
