/* A loudspeaker on this machine (ALSA). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/alsa/alsa.h"
#include "media/speaker/speaker.h"
#include <alsa/asoundlib.h>

#define LATENCY_US 200000 /* gathered before anything is heard: what comes over a network comes unevenly */

static void *open_device(const char *where, GError **error) {
	snd_pcm_t *pcm = NULL;
	pt_alsa_be_quiet();
	g_autofree char *name = pt_alsa_pcm_name(where);
	int code = snd_pcm_open(&pcm, name, SND_PCM_STREAM_PLAYBACK, 0);
	if (code >= 0)
		code = snd_pcm_set_params(pcm, SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED, 1, PT_SPEAKER_RATE, 1,
		                          LATENCY_US);
	if (code >= 0)
		return pcm;
	pt_error_set(error, NOT_FOUND, "loudspeaker %s: %s", where, snd_strerror(code));
	if (pcm)
		snd_pcm_close(pcm);
	return NULL;
}

static bool write_device(void *device, const int16_t *samples, size_t n, GError **error) {
	while (n) {
		snd_pcm_sframes_t wrote = snd_pcm_writei(device, samples, n);
		if (wrote < 0) /* nothing came for a while, or the machine slept */
			wrote = snd_pcm_recover(device, (int)wrote, 1);
		if (wrote < 0) {
			pt_error_set(error, FAILED, "the loudspeaker is gone: %s", snd_strerror((int)wrote));
			return false;
		}
		samples += wrote;
		n -= (size_t)wrote;
	}
	return true;
}

static void close_device(void *device, bool at_once) {
	if (at_once)
		snd_pcm_drop(device);
	else
		snd_pcm_drain(device);
	snd_pcm_close(device);
}

const PtSpeakerOps pt_alsa_speaker = {"alsa:", open_device, write_device, close_device};
