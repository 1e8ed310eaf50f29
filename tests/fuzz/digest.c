/* The first line is a challenge to a client, the second a login to a server. No login made up may pass. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include <string.h>

static char *lookup(void *data, const char *user) { return g_strdup("secret nobody guesses"); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	g_autofree char *text = g_strndup((const char *)data, size), *second = NULL;
	char *nl = strchr(text, '\n');
	if (nl) {
		*nl = 0;
		second = g_strdup(nl + 1);
	}
	PtDigestClient *c = pt_digest_client_new("op", "pw");
	pt_digest_client_begin(c);
	pt_digest_client_challenge(c, text);
	if (pt_digest_client_choose(c) == PT_DIGEST_RETRY) {
		g_autofree char *value = pt_digest_client_authorize(c, "PLAY", "rtsp://h/a");
		g_assert(value && !strpbrk(value, "\r\n"));
	}
	pt_digest_client_free(c);
	PtDigestServer *s = pt_digest_server_new("r", PT_NS_PER_S, pt_clock_system());
	g_assert(pt_digest_server_verify(s, second, "PLAY", NULL, lookup, NULL, NULL) != PT_DIGEST_OK);
	pt_digest_server_free(s);
	return 0;
}
