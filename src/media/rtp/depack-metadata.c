/* The ONVIF metadata track (ONVIF Streaming §5.2.1): XML in pieces, a document ends with the marker. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include <glib.h>
#include <string.h>

typedef struct {
	PtDepack base;
	PtSample *sample;
	int64_t ticks;
	bool damaged;
} Metadata;

static void init(PtDepack *d, const PtDepackParams *params) {
	PtFormat f = {.codec = PT_CODEC_ONVIF_METADATA, .timescale = params->clock_rate ? params->clock_rate : 90000};
	d->format = pt_format_new(&f, NULL, 0);
}

static void emit(Metadata *m) {
	PtSample *s = m->sample;
	m->sample = NULL;
	if (m->damaged) {
		pt_sample_unref(s);
		m->base.dropped++;
		m->base.broken = true;
	} else if (s) {
		pt_depack_emit(&m->base, s, m->ticks, true);
	}
	m->damaged = false;
}

static void packet(PtDepack *d, const PtRtpPacket *packet) {
	Metadata *m = (Metadata *)d;
	pt_depack_note_loss(d, packet);
	if (packet->lost)
		m->damaged = true;
	if (m->sample && m->ticks != packet->ticks)
		emit(m);
	if (!m->sample)
		m->sample = pt_sample_new(packet->size);
	m->ticks = packet->ticks;
	if (m->sample->size + packet->size > PT_SAMPLE_MAX) {
		m->damaged = true;
	} else if (packet->size) {
		memcpy(pt_sample_grow(&m->sample, packet->size), packet->payload, packet->size);
	}
	if (packet->marker)
		emit(m);
}

static void finish(PtDepack *d) { pt_sample_unref(((Metadata *)d)->sample); }

const PtDepackOps pt_depack_metadata = {PT_CODEC_ONVIF_METADATA, sizeof(Metadata), init, packet, finish};
