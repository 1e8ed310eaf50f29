/* What a camera says it sends (SDP, RFC 8866), read as tolerantly as real cameras need it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdio.h>
#include "media/sample.h"

#define PT_SDP_MEDIA 16 /* more are not looked at */

typedef struct {
	char kind[24];     /* "video", "audio", "application" … */
	bool known;        /* a codec of ours */
	bool backchannel;  /* sound that the camera takes: not a track to record */
	PtCodec codec;     /* when known */
	char encoding[32]; /* as written: "H264", "MP4V-ES"; "payload type 35" when there is no name */
	int payload_type;  /* 0..127; -1: none that is a number */
	uint32_t clock_rate;
	uint8_t channels; /* 0: not stated */
	char *fmtp;       /* or NULL */
	char *control;    /* absolute URL for SETUP */
	PtFormat *format; /* a reference; NULL until parameters come with the stream */
} PtSdpMedia;

typedef struct {
	unsigned n_media;
	PtSdpMedia media[PT_SDP_MEDIA];
	char *control; /* absolute URL for PLAY and TEARDOWN */
	char *name;    /* s=, or "" */
} PtSdp;

/* content_base and content_location: those headers, or NULL. NULL and an error when there is no media in it. */
PtSdp *pt_sdp_parse(const char *text, size_t size, const char *request_url, const char *content_base,
                    const char *content_location, GError **error);
void pt_sdp_free(PtSdp *sdp); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtSdp, pt_sdp_free)
/* For people: one line per media. */
void pt_sdp_print(const PtSdp *sdp, FILE *out);
