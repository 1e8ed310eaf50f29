/* Whatever comes where TLS is expected, in two pieces, at both ends: the connection waits or ends, gives nothing out, and
 * what waits to be sent stays bounded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/tls.h"
#include <glib.h>
#include <openssl/pem.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static PtTlsIdentity *make_identity(void) {
	char path[] = "/tmp/pigtail-fuzz-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");
	static EVP_PKEY *key; /* once */
	static X509 *x;
	key = EVP_EC_gen("P-256"), x = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	g_assert(X509_sign(x, key, EVP_sha256()) && PEM_write_X509(file, x));
	g_assert(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) && !fclose(file));
	PtTlsIdentity *identity = pt_tls_identity_load(path, path, NULL);
	unlink(path);
	return identity;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static PtTlsIdentity *identity;
	static uint8_t plain[1 << 20];
	identity = identity ? identity : make_identity();
	for (unsigned client = 0; client < 2; client++) {
		PtBuf out = {0};
		PtTls *t = client ? pt_tls_connect(&(PtTrust){0}, "camera", &out) : pt_tls_accept(identity, &out);
		if (pt_tls_take(t, data, size / 2, plain, sizeof plain, NULL) >= 0)
			g_assert(pt_tls_take(t, data + size / 2, size - size / 2, plain, sizeof plain, NULL) <= 0);
		g_assert(!pt_tls_is_up(t) && out.size < 1 << 16);
		pt_tls_free(t);
		pt_buf_clear(&out);
	}
	return 0;
}
