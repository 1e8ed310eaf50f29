/* Sound files as they are said: WAV, Ogg with Opus, MP4 with a codec of ours in it, made into what a back channel takes by
 * pigtail-codec. What is not understood is an error in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/error.h"
#include "media/sample.h"
#include <gio/gio.h>

#define PT_SOUND_FILE_MAX (32u * 1024 * 1024) /* bytes */
#define PT_SOUND_MAX_S 300

/* int16_t, one channel, 8000 Hz (PT_TALK_RATE). NULL and an error. Both block: never on the main or a worker thread. */
GBytes *pt_sound_load(const char *path, GCancellable *cancellable, GError **error);
GBytes *pt_sound_decode(GBytes *file, GCancellable *cancellable, GError **error); /* WAV or Ogg */

/* The samples of a file, of one track and in order, appended to ret (of PtSample *, with references). FALSE and an error
 * when it is not understood; what is cut short is no error as long as there is anything. Pure. */
gboolean pt_wav_read(PtBytes file, GPtrArray *ret, GError **error); /* wav.c; becomes L16, or G.711 as it is */
gboolean pt_ogg_read(PtBytes file, GPtrArray *ret, GError **error); /* ogg.c */
