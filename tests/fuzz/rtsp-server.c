/* Whatever a client sends, in two pieces: the connection lives or is closed, and what waits for it stays bounded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/server-internal.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PtStream *stream;

static PtStream *find(void *data, const char *path, const char *user, GError **error) {
	if (!strcmp(path, "a"))
		return pt_stream_ref(stream);
	pt_error_set(error, NOT_FOUND, "there is no stream %s", path);
	return NULL;
}

static bool may_talk(void *data, const char *name, const char *user) { return true; }

static int talkers;

static void talked(void *user, const GError *error) { g_atomic_int_dec_and_test(&talkers); }

static PtSpeaker *talk(void *data, const char *name, const char *user, GError **error) {
	g_atomic_int_inc(&talkers);
	return pt_speaker_open("wav:/dev/null", talked, NULL, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const PtRtspServerOps ops = {.find = find, .may_talk = may_talk, .talk = talk};
	PtRtspServer server = {.ops = &ops, .udp_port = 20000, .rtp.fd = -1, .rtcp.fd = -1};
	PtFormat values = {.codec = PT_CODEC_PCMU, .timescale = 8000, .sample_rate = 8000, .channels = 1};
	if (!stream) {
		stream = pt_stream_new("a");
		pt_stream_set_format(stream, 0, pt_format_new(&values, NULL, 0));
	}
	Address address = {.v4.sin_family = AF_INET};
	Peer *peer = pt_peer_new(&server, -1, NULL, &address, sizeof address.v4);
	pt_peer_input(peer, data, size / 2);
	if (peer->talk.speaker)
		peer->state = SESSION_PLAYING; /* PLAY wants a session that nobody guesses */
	pt_peer_input(peer, data + size / 2, size - size / 2);
	if (peer->out.size > PT_PEER_REPLY_MAX + (1 << 16))
		abort();
	pt_peer_flush(peer);
	pt_peer_kill(peer);
	pt_peer_sweep(&server);
	while (g_atomic_int_get(&talkers))
		g_thread_yield();
	if (server.peers || server.feeds || server.stats.connections)
		abort();
	return 0;
}
