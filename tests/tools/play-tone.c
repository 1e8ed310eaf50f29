/* play-tone PCM HERTZ SECONDS: plays a tone into a sound card, for a microphone that hears it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <alsa/asoundlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RATE 48000

int main(int argc, char **argv) {
	snd_pcm_t *pcm;
	if (argc != 4)
		return 2;
	int code = snd_pcm_open(&pcm, argv[1], SND_PCM_STREAM_PLAYBACK, 0);
	if (code >= 0)
		code = snd_pcm_set_params(pcm, SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED, 1, RATE, 1, 200000);
	if (code < 0) {
		fprintf(stderr, "play-tone: %s: %s\n", argv[1], snd_strerror(code));
		return 1;
	}
	int16_t second[RATE];
	for (int i = 0; i < RATE; i++)
		second[i] = (int16_t)(12000 * sin(2 * M_PI * atof(argv[2]) * i / RATE));
	for (int s = 0; s < atoi(argv[3]); s++) {
		snd_pcm_sframes_t n = snd_pcm_writei(pcm, second, RATE);
		if (n < 0 && snd_pcm_recover(pcm, (int)n, 1) < 0)
			return 1;
	}
	snd_pcm_close(pcm);
	return 0;
}
