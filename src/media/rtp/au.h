/* Builds access units of H.264 and H.265 from NAL units and pieces of them. It knows nothing of either codec: `look` says
 * what a NAL unit is. Packets go through pt_au_packet first, then their content is added, then pt_au_done ends them. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/nal.h"
#include "media/rtp/depack.h"

typedef struct {
	enum {
		PT_NAL_BAD,   /* thrown away and counted */
		PT_NAL_STRIP, /* of no use behind here: delimiters, filler */
		PT_NAL_KEEP,
		PT_NAL_SET, /* a parameter set */
		PT_NAL_SLICE,
	} use;
	bool first; /* slice: begins a picture */
	bool key;   /* slice of a picture, or message before one, where decoding can start */
	bool intra; /* slice that needs no other picture */
} PtNalInfo;

typedef struct PtAu {
	PtDepack base;
	void (*look)(const uint8_t *nal, size_t n, PtNalInfo *ret);
	bool (*put_set)(PtParamSets *sets, const void *nal, size_t size);
	PtFormat *(*make_format)(const PtParamSets *sets);

	PtParamSets sets;
	PtSample *sample; /* under construction, or NULL */
	int64_t ticks;    /* of the sample */
	size_t nal_at;    /* where the length of the open NAL unit stands */
	bool open;        /* a NAL unit is being built from pieces */
	bool has_slice, key, intra, damaged, after_loss;
	bool started;        /* a key sample was emitted */
	bool took_marker;    /* the access unit before ended by a marker, at .ticks */
	bool ignore_markers; /* this camera sets them in the middle of pictures */
	bool intra_keys;     /* it sends neither IDR nor recovery points: pictures of I slices must do */
	bool waiting;        /* .waiting_since is set */
	int64_t waiting_since;
	unsigned scan;               /* access units that are still to be searched for start codes */
	size_t last_key, last_other; /* sizes, to guess capacities from */
} PtAu;

void pt_au_init(PtAu *au); /* look, put_set and make_format are set */
void pt_au_finish(PtAu *au);
/* Parameter sets from the SDP: base64, comma-separated; NULL: none. */
void pt_au_put_base64(PtAu *au, const char *list);
void pt_au_update_format(PtAu *au);

void pt_au_packet(PtAu *au, const PtRtpPacket *packet);
void pt_au_nal(PtAu *au, const uint8_t *nal, size_t n);
/* A NAL unit in pieces: its header, then pieces. A piece without an open NAL unit damages the picture. */
/* key: it looks like the beginning of a key picture, which is larger than others. */
void pt_au_begin(PtAu *au, const uint8_t *header, size_t n, bool key);
void pt_au_piece(PtAu *au, const uint8_t *data, size_t n, bool end);
void pt_au_done(PtAu *au, const PtRtpPacket *packet);
void pt_au_flush(PtAu *au);
