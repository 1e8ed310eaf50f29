/* Samples as a lying file or camera may give them: what is packed fits its packets and says its true lengths. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/pack.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 3)
		return 0;
	PtFormat values = {
	    .codec = data[0] % PT_N_CODECS, .timescale = 48000, .sample_rate = 48000, .channels = data[1] % 9};
	size_t config = MIN((size_t)data[2], size - 3);
	PtSample *s = pt_sample_new(size);
	memcpy(pt_sample_grow(&s, size - 3 - config), data + 3 + config, size - 3 - config);
	s->format = pt_format_new(&values, data + 3, config);
	s->key = true;
	PtRtpPacker packer;
	pt_rtp_packer_init(&packer, s->format, 0);
	PtRtpBlock *b = pt_rtp_pack(&packer, s);
	for (unsigned i = 0; b && i < b->n_packets; i++) {
		const uint8_t *p = b->data.data + b->offsets[i];
		size_t n = b->offsets[i + 1] - b->offsets[i];
		if (n <= PT_RTP_INTERLEAVED + 12 || n > PT_RTP_INTERLEAVED + PT_RTP_MTU ||
		    (size_t)(p[2] << 8 | p[3]) != n - 4)
			abort();
	}
	g_autoptr(GString) sdp = g_string_new(NULL);
	pt_rtp_describe(s->format, 0, sdp);
	pt_rtp_block_unref(b);
	pt_sample_unref(s);
	return 0;
}
