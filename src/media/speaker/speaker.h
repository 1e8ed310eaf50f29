/* A loudspeaker of this machine, "alsa:default", or a file in its place, "wav:heard.wav": what is put into it is heard in
 * order, on a thread of its own. Whoever opens it sees to it that nobody else talks over him. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_SPEAKER_RATE 8000 /* samples of one channel per second */

typedef struct PtSpeaker PtSpeaker;

/* Once, on its thread, as the last: all that was put was heard, or why not. */
typedef void (*PtSpeakerDone)(void *user, const GError *error);

/* The device is opened on its thread. NULL and an error when the location is none of a loudspeaker. */
PtSpeaker *pt_speaker_open(const char *location, PtSpeakerDone done, void *user, GError **error);
/* Never waits. From one thread at a time, as the next three. */
void pt_speaker_put(PtSpeaker *speaker, const int16_t *samples, size_t n);
size_t pt_speaker_waiting(PtSpeaker *speaker); /* samples that were put and not taken by the device yet */
void pt_speaker_finish(PtSpeaker *speaker);    /* nothing more comes: done is called when the last was heard */
/* The same, and gives it back, without waiting. at_once: what was not heard yet is not heard any more. Takes NULL. */
void pt_speaker_close(PtSpeaker *speaker, bool at_once);

/* ---- the devices (wav.c, ../alsa/playback.c) ---- */

typedef struct {
	const char *scheme; /* "alsa:" */
	void *(*open)(const char *where, GError **error);
	/* May take as long as it is heard. */
	bool (*write)(void *device, const int16_t *samples, size_t n, GError **error);
	/* at_once: what was written and is not heard yet is dropped. */
	void (*close)(void *device, bool at_once);
} PtSpeakerOps;

extern const PtSpeakerOps pt_wav_speaker, pt_alsa_speaker;
