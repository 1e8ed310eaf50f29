/* A file in a loudspeaker's place: what would have been heard last, for whoever tries things without one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/speaker/speaker.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD 44
#define SIZE_MAX_BYTES (64u * 1024 * 1024) /* more than an hour */

typedef struct {
	FILE *file;
	uint32_t size; /* of the samples, bytes */
} Wav;

/* RIFF WAVE, PCM of 16 bits. */
static bool write_head(Wav *w) {
	static const uint8_t form[20] = {16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0};
	uint8_t head[HEAD];
	uint32_t riff = GUINT32_TO_LE(w->size + HEAD - 8), data = GUINT32_TO_LE(w->size);
	memcpy(head, "RIFF", 4);
	memcpy(head + 4, &riff, 4);
	memcpy(head + 8, "WAVEfmt ", 8);
	memcpy(head + 16, form, sizeof form);
	memcpy(head + 36, "data", 4);
	memcpy(head + 40, &data, 4);
	return fwrite(head, sizeof head, 1, w->file) == 1;
}

static void *wav_open(const char *where, GError **error) {
	Wav w = {fopen(where, "wbe"), 0};
	if (w.file && write_head(&w))
		return g_memdup2(&w, sizeof w);
	pt_error_set(error, DISK, "%s: %s", where, g_strerror(errno));
	if (w.file)
		fclose(w.file);
	return NULL;
}

static bool wav_write(void *device, const int16_t *samples, size_t n, GError **error) {
	Wav *w = device;
	for (size_t i = 0; i < n && w->size < SIZE_MAX_BYTES; i++) {
		int16_t value = GINT16_TO_LE(samples[i]);
		if (fwrite(&value, sizeof value, 1, w->file) != 1) {
			pt_error_set(error, DISK, "%s", g_strerror(errno));
			return false;
		}
		w->size += sizeof value;
	}
	return true;
}

static void wav_close(void *device, bool at_once) {
	Wav *w = device;
	if (!fseek(w->file, 0, SEEK_SET))
		write_head(w);
	fclose(w->file);
	g_free(w);
}

const PtSpeakerOps pt_wav_speaker = {"wav:", wav_open, wav_write, wav_close};
