/* Which packets of a track are to be taken: those of its own sender, once each, and how many are missing between them. Pure;
 * zero-initialise, then state what the server stated. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtp/packet.h"

typedef struct {
	uint8_t payload_type;
	bool has_ssrc; /* known, or stated by the server */
	uint32_t ssrc;
	uint64_t packets, lost;
	/* private, but for reports */
	uint16_t next_seq;
	uint32_t cycles;
	bool has_seq;
	uint8_t other_type;
	unsigned other_types;
	uint32_t foreign_ssrc;
	unsigned foreign_run;
} PtRtpAccept;

/* Whether it is of this track. *ret_anew: another sender has taken over: what was there is not continued. */
bool pt_rtp_accept_sender(PtRtpAccept *a, const PtRtpPacket *packet, bool *ret_anew);
/* Counts it and sets packet->lost. False: it came before. *ret_anew: the sender's count began anew. */
bool pt_rtp_accept_next(PtRtpAccept *a, PtRtpPacket *packet, bool *ret_anew);
