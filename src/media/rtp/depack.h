/* The contract of a depacketiser: RTP packets of one track in order, in; samples out. One file per codec, one static list.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/rtp/packet.h"
#include "media/sample.h"

typedef struct PtDepack PtDepack;

typedef struct {
	uint32_t clock_rate;  /* ticks per second of the RTP clock */
	uint8_t channels;     /* audio; 0: not stated */
	const char *fmtp;     /* "a=1;b=2" as in the SDP, or NULL */
	const char *encoding; /* "AAL2-G726-32" as in the SDP; NULL where the codec has but one */
} PtDepackParams;

typedef struct {
	PtCodec codec;
	size_t size; /* of the struct that begins with PtDepack */
	/* Reads what the SDP says; sets d->format when that is enough. */
	void (*init)(PtDepack *d, const PtDepackParams *params);
	/* The next packet; packet->lost says how many are missing before it. */
	void (*packet)(PtDepack *d, const PtRtpPacket *packet);
	/* all of the following are optional */
	void (*finish)(PtDepack *d); /* frees what init and packet made */
	void (*flush)(PtDepack *d);  /* nothing more comes: emits what is whole, as far as can be told */
} PtDepackOps;

/* The base of every depacketiser. Its owner's thread only. */
struct PtDepack {
	const PtDepackOps *ops;
	/* Takes the sample over. Filled: data, size, key, pts (unwrapped RTP ticks), broken, lost, format. */
	void (*emit)(PtDepack *d, PtSample *sample);
	void *user;       /* the owner's */
	PtFormat *format; /* a reference; NULL until it is known */
	uint32_t lost;    /* packets lost since the last sample that was emitted */
	bool broken;      /* something is missing before the next sample */
	uint32_t dropped; /* damaged samples thrown away; the owner reads and clears it */
	uint32_t bad;     /* packets (or parts of them) that broke their format; the owner reads and clears it */
};

PtDepack *pt_depack_new(PtCodec codec, const PtDepackParams *params, void (*emit)(PtDepack *, PtSample *), void *user);
void pt_depack_free(PtDepack *d); /* takes NULL */

/* ---- for the depacketisers ---- */

/* The value of a parameter of a=fmtp, or NULL; caller frees. */
char *pt_fmtp_get(const char *fmtp, const char *name);
/* A sample of its own format with a copy of the bytes, emitted. */
void pt_depack_emit_whole(PtDepack *d, int64_t ticks, const void *data, size_t size);
/* Stamps what every sample carries (format, pts, broken, lost) and emits it; without a format it is dropped. */
void pt_depack_emit(PtDepack *d, PtSample *sample, int64_t ticks, bool key);
/* Notes what packet->lost says. */
static inline void pt_depack_note_loss(PtDepack *d, const PtRtpPacket *packet) {
	if (packet->lost) {
		d->lost += packet->lost;
		d->broken = true;
	}
}

extern const PtDepackOps pt_depack_h264, pt_depack_h265, pt_depack_mjpeg, pt_depack_aac, pt_depack_pcmu, pt_depack_pcma,
    pt_depack_opus, pt_depack_metadata, pt_depack_l16, pt_depack_g726;
