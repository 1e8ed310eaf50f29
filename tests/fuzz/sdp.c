/* Any description: every media has its URL, what is known has a codec. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	g_autoptr(PtSdp) sdp = pt_sdp_parse((const char *)data, size, "rtsp://h/a", NULL, NULL, NULL);
	if (!sdp)
		return 0;
	g_assert(sdp->n_media && sdp->n_media <= PT_SDP_MEDIA && sdp->control && sdp->name);
	for (unsigned i = 0; i < sdp->n_media; i++) {
		const PtSdpMedia *m = &sdp->media[i];
		g_assert(m->control && m->payload_type >= -1 && m->payload_type < 128);
		g_assert(!m->known || m->codec < PT_N_CODECS);
	}
	return 0;
}
