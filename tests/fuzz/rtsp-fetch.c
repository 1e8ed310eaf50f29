/* A whole fetch against a camera that says whatever it likes, all at once, and hangs up: it ends once, with a sentence or
 * without, and what it gave until then is in order. Redirects are left out: they would lead away from this machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fetch.h"
#include "peer.h"

static GMutex lock;
static GCond cond;
static unsigned ended;
static int64_t last_dts;

static bool on_sample(void *user, PtSample *s, const PtFetchFlags *flags) {
	g_assert(!ended && s->dts > last_dts && s->format && s->size <= PT_SAMPLE_MAX);
	last_dts = s->dts;
	return true;
}

static void on_done(void *user, const GError *error) {
	g_assert(!error || (*error->message && g_utf8_validate(error->message, -1, NULL)));
	g_mutex_lock(&lock);
	ended++;
	g_cond_signal(&cond);
	g_mutex_unlock(&lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static PtLoop *loop;
	static int listener = -1;
	static unsigned port;
	if (!size || size > 32 * 1024 || memmem(data, size, "ocation", 7) || memmem(data, size, "OCATION", 7))
		return 0;
	if (listener < 0) {
		loop = pt_loop_new("fuzz");
		listener = peer_open(&port);
	}
	ended = 0;
	last_dts = INT64_MIN;
	g_autofree char *url = g_strdup_printf("rtsp://127.0.0.1:%u/replay", port);
	PtFetch *f = pt_fetch_start(&(PtFetchParams){.camera = "fuzz",
	                                             .location = url,
	                                             .user = "u",
	                                             .password = "p",
	                                             .kind = (PtKind)(size % 3),
	                                             .from_ns = INT64_C(1789000000000000000),
	                                             .to_ns = INT64_C(1789000008000000000),
	                                             .loop = loop,
	                                             .sample = on_sample,
	                                             .done = on_done});
	peer_say(listener, data, size);
	g_mutex_lock(&lock);
	while (!ended)
		g_cond_wait(&cond, &lock);
	g_mutex_unlock(&lock);
	pt_fetch_free(f);
	g_assert(ended == 1);
	return 0;
}
