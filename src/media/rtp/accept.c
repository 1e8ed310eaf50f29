/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/accept.h"

#define FOREIGN_RUN 50 /* packets of one other source, and none of ours between: it is ours now */

/* Some servers leave sessions behind whose packets come along ours; others state an SSRC that they then do not use. */
bool pt_rtp_accept_sender(PtRtpAccept *a, const PtRtpPacket *p, bool *ret_anew) {
	*ret_anew = false;
	if (!a->has_ssrc) {
		a->has_ssrc = true;
		a->ssrc = p->ssrc;
	}
	if (p->ssrc == a->ssrc) {
		a->foreign_run = 0;
	} else {
		a->foreign_run = p->ssrc == a->foreign_ssrc ? a->foreign_run + 1 : 1;
		a->foreign_ssrc = p->ssrc;
		if (a->foreign_run < FOREIGN_RUN)
			return false;
		a->ssrc = p->ssrc;
		a->foreign_run = 0;
		a->has_seq = false;
		*ret_anew = a->packets != 0;
	}
	if (p->payload_type == a->payload_type)
		return true;
	/* comfort noise and the like; but if what the SDP says never comes, what comes is it */
	a->other_types = p->payload_type == a->other_type ? a->other_types + 1 : 1;
	a->other_type = p->payload_type;
	if (a->packets || a->other_types < FOREIGN_RUN)
		return false;
	a->payload_type = p->payload_type;
	return true;
}

bool pt_rtp_accept_next(PtRtpAccept *a, PtRtpPacket *p, bool *ret_anew) {
	*ret_anew = false;
	if (a->has_seq) {
		int gap = (int16_t)(p->seq - a->next_seq);
		if (gap < 0 && gap > -1000)
			return false;
		*ret_anew = gap < 0 || gap > 10000; /* how many are missing nobody knows */
		p->lost = gap < 0 ? 0 : gap > 10000 ? 1 : (uint32_t)gap;
		a->lost += p->lost;
		if (p->seq < a->next_seq && gap >= 0)
			a->cycles += 1 << 16;
	}
	a->has_seq = true;
	a->next_seq = (uint16_t)(p->seq + 1);
	a->packets++;
	return true;
}
