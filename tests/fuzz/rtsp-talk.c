/* A message to a camera that says whatever it likes, all at once, and hangs up: it ends once, with a sentence or without.
 * Redirects are left out: they would lead away from this machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/talk.h"
#include "peer.h"
#include <string.h>

static GMutex lock;
static GCond cond;
static unsigned started, ended;

static void on_started(void *user) { g_assert(!started++ && !ended); }

static void on_done(void *user, const GError *error) {
	g_assert(!error || (*error->message && g_utf8_validate(error->message, -1, NULL)));
	g_mutex_lock(&lock);
	ended++;
	g_cond_signal(&cond);
	g_mutex_unlock(&lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const int16_t silence[PT_TALK_RATE / 10];
	static PtLoop *loop;
	static int listener = -1;
	static unsigned port;
	if (!size || size > 32 * 1024 || memmem(data, size, "ocation", 7) || memmem(data, size, "OCATION", 7))
		return 0;
	if (listener < 0) {
		loop = pt_loop_new("fuzz");
		listener = peer_open(&port);
	}
	started = ended = 0;
	g_autofree char *url = g_strdup_printf("rtsp://127.0.0.1:%u/a", port);
	g_autoptr(GBytes) sound = g_bytes_new_static(silence, sizeof silence);
	PtTalk *t = pt_talk_start(&(PtTalkParams){.camera = "fuzz",
	                                          .location = url,
	                                          .user = "u",
	                                          .password = "p",
	                                          .sound = sound,
	                                          .loop = loop,
	                                          .started = on_started,
	                                          .done = on_done});
	peer_say(listener, data, size);
	g_mutex_lock(&lock);
	while (!ended)
		g_cond_wait(&cond, &lock);
	g_mutex_unlock(&lock);
	pt_talk_free(t);
	g_assert(ended == 1);
	return 0;
}
