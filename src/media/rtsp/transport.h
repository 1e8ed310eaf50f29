/* The Transport header (RFC 2326 §12.39), for both ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	bool rtp_avp; /* RTP/AVP or RTP/AVPF; false: another profile (SAVP …) */
	bool tcp;     /* lower transport; UDP otherwise */
	bool multicast;
	bool record;                        /* mode=record */
	int interleaved[2];                 /* channels of RTP and RTCP, 0..255; -1: not stated */
	int client_port[2], server_port[2]; /* 1..65535; -1: not stated */
	bool has_ssrc;
	uint32_t ssrc;
	char source[64], destination[64]; /* "" when not stated */
} PtRtspTransport;

/* The next of the comma-separated alternatives; false at the end. Start with *cursor = the header's value. */
bool pt_rtsp_transport_next(const char **cursor, PtRtspTransport *ret);
/* Caller frees. */
char *pt_rtsp_transport_format(const PtRtspTransport *transport);
/* rtp_avp, nothing stated. */
void pt_rtsp_transport_init(PtRtspTransport *transport);
