/* SPDX-License-Identifier: Apache-2.0 */
#include "media/speaker/speaker.h"
#include <string.h>

#define BLOCK (PT_SPEAKER_RATE / 50) /* samples written at once */

struct PtSpeaker {
	int refs; /* atomic: its owner, its thread */
	const PtSpeakerOps *ops;
	char *where;
	PtSpeakerDone done;
	void *user;

	GMutex lock;
	GCond more;
	/* under lock */
	GByteArray *waiting; /* int16_t */
	bool finished, at_once;
};

static const PtSpeakerOps *const all[] = {&pt_alsa_speaker, &pt_wav_speaker};

/* The next samples, at most BLOCK; 0: it is over. */
static size_t take(PtSpeaker *s, int16_t *to) {
	g_mutex_lock(&s->lock);
	while (!s->waiting->len && !s->finished)
		g_cond_wait(&s->more, &s->lock);
	guint n = s->at_once ? 0 : MIN(s->waiting->len, BLOCK * sizeof *to);
	if (n) {
		memcpy(to, s->waiting->data, n);
		g_byte_array_remove_range(s->waiting, 0, n);
	}
	g_mutex_unlock(&s->lock);
	return n / sizeof *to;
}

static void wait_for_finish(PtSpeaker *s) {
	g_mutex_lock(&s->lock);
	while (!s->finished)
		g_cond_wait(&s->more, &s->lock);
	g_mutex_unlock(&s->lock);
}

static void speaker_unref(PtSpeaker *s) {
	if (!g_atomic_int_dec_and_test(&s->refs))
		return;
	g_byte_array_unref(s->waiting);
	g_mutex_clear(&s->lock);
	g_cond_clear(&s->more);
	g_free(s->where);
	g_free(s);
}

static void *run(void *data) {
	PtSpeaker *s = data;
	int16_t block[BLOCK];
	GError *error = NULL;
	void *device = s->ops->open(s->where, &error);
	for (size_t n; !error && (n = take(s, block));)
		s->ops->write(device, block, n, &error);
	if (error)
		wait_for_finish(s);
	if (device)
		s->ops->close(device, s->at_once || error);
	s->done(s->user, error);
	g_clear_error(&error);
	speaker_unref(s);
	return NULL;
}

PtSpeaker *pt_speaker_open(const char *location, PtSpeakerDone done, void *user, GError **error) {
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		if (!g_str_has_prefix(location, all[i]->scheme) || !location[strlen(all[i]->scheme)])
			continue;
		PtSpeaker *s = g_new0(PtSpeaker, 1);
		*s = (PtSpeaker){.refs = 2,
		                 .ops = all[i],
		                 .where = g_strdup(location + strlen(all[i]->scheme)),
		                 .done = done,
		                 .user = user};
		g_mutex_init(&s->lock);
		g_cond_init(&s->more);
		s->waiting = g_byte_array_new();
		g_thread_unref(g_thread_new("pt-speaker", run, s));
		return s;
	}
	pt_error_set(error, INVALID, "'%.60s' is neither alsa:PCM nor wav:FILE", location);
	return NULL;
}

void pt_speaker_put(PtSpeaker *s, const int16_t *samples, size_t n) {
	g_mutex_lock(&s->lock);
	g_byte_array_append(s->waiting, (const guint8 *)samples, (guint)(n * sizeof *samples));
	g_cond_signal(&s->more);
	g_mutex_unlock(&s->lock);
}

size_t pt_speaker_waiting(PtSpeaker *s) {
	g_mutex_lock(&s->lock);
	size_t n = s->waiting->len / sizeof(int16_t);
	g_mutex_unlock(&s->lock);
	return n;
}

static void finish(PtSpeaker *s, bool at_once) {
	g_mutex_lock(&s->lock);
	s->finished = true;
	s->at_once |= at_once;
	g_cond_signal(&s->more);
	g_mutex_unlock(&s->lock);
}

void pt_speaker_finish(PtSpeaker *s) { finish(s, false); }

void pt_speaker_close(PtSpeaker *s, bool at_once) {
	if (!s)
		return;
	finish(s, at_once);
	speaker_unref(s);
}
