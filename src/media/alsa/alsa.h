/* A source that is a microphone on this machine (ALSA): "alsa:default?codec=aac". Its sound becomes AAC in pigtail-codec, or
 * G.711 here; it comes on the track of sound, so that it can go beside the pictures of another source. One that is unplugged
 * is lost, and live when it is back. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"
#include "media/source.h"

#define PT_ALSA_TRACK 1

extern const PtSourceOps pt_alsa_source;

typedef struct {
	char pcm[128]; /* as ALSA calls it: "default", "plughw:1,0" */
	PtCodec codec; /* AAC, PCMU, PCMA */
} PtAlsaLocation;

bool pt_alsa_parse(const char *location, PtAlsaLocation *ret, GError **error);
/* The location that asks for this; caller frees. */
char *pt_alsa_location(const PtAlsaLocation *location);
/* As it is opened: a card as such knows its own rates alone. Caller frees. */
char *pt_alsa_pcm_name(const char *pcm);
void pt_alsa_be_quiet(void); /* before anything is opened */
static inline unsigned pt_alsa_rate(PtCodec codec) { return codec == PT_CODEC_AAC ? 48000 : 8000; }
#define PT_ALSA_BITRATE 64000 /* of each codec */
