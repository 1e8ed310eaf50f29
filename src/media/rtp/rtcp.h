/* RTCP (RFC 3550 §6): sender reports and BYE in, receiver reports out; for servers, sender reports out. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	bool has_report, bye; /* BYE of that ssrc */
	uint32_t ssrc;
	int64_t ntp_wall_ns; /* of the report, ns since 1970 UTC; INT64_MIN when the sender states none (0) */
	uint32_t ntp_middle; /* its middle 32 bits, to be echoed as LSR */
	uint32_t rtp;        /* the RTP time of that instant */
} PtRtcpInfo;

/* Reads a compound packet; what is damaged ends it. False when nothing of use was in it. */
bool pt_rtcp_parse(const void *data, size_t n, PtRtcpInfo *ret);

typedef struct {
	uint32_t ssrc, sender; /* ours; the source that is reported on */
	uint8_t fraction_lost; /* of 256, since the report before */
	uint32_t lost;         /* cumulative, 24 bits are sent */
	uint32_t highest_seq;  /* with its cycles */
	uint32_t jitter;       /* ticks */
	uint32_t lsr, dlsr;    /* 0: no sender report came */
} PtRtcpReceiverReport;

/* A time as NTP writes it (RFC 5905 §6): eight bytes. */
void pt_ntp_write(uint8_t *out, int64_t wall_ns);

#define PT_RTCP_MAX 128
/* RR and SDES; the bytes written (at most PT_RTCP_MAX). */
size_t pt_rtcp_write_receiver(uint8_t *out, const PtRtcpReceiverReport *report);
/* SR without report blocks, and SDES. */
size_t pt_rtcp_write_sender(uint8_t *out, uint32_t ssrc, int64_t wall_ns, uint32_t rtp, uint32_t packets, uint32_t octets);
size_t pt_rtcp_write_bye(uint8_t *out, uint32_t ssrc);
