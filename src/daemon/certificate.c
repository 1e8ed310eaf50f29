/* A certificate of one's own, for a hub that nobody gave one: P-256, self-signed, ten years. A browser asks once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "daemon/serve.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define YEARS 10

static X509 *make_certificate(EVP_PKEY *key) {
	X509 *x = X509_new();
	g_autofree char *names =
	    g_strdup_printf("DNS:%s,DNS:%s.local,DNS:localhost,IP:127.0.0.1", g_get_host_name(), g_get_host_name());
	X509_set_version(x, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), (uint64_t)g_get_real_time());
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), (long)YEARS * 366 * 86400);
	X509_set_pubkey(x, key);
	X509_NAME *name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)g_get_host_name(), -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	if (alt) {
		X509_add_ext(x, alt, -1);
		X509_EXTENSION_free(alt);
	}
	if (!X509_sign(x, key, EVP_sha256())) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static char *to_text(BIO *bio) {
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	return g_strndup(p, (gsize)n);
}

static bool make_files(const char *cert_path, const char *key_path, GError **error) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? make_certificate(key) : NULL;
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	bool ok = x && PEM_write_bio_X509(cert_bio, x) && PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
	if (ok) {
		g_autofree char *cert_text = to_text(cert_bio), *key_text = to_text(key_bio);
		ok = g_file_set_contents_full(key_path, key_text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error) &&
		     g_file_set_contents_full(cert_path, cert_text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
		explicit_bzero(key_text, strlen(key_text));
	} else {
		pt_error_set(error, FAILED, "make a certificate: %s", ERR_error_string(ERR_get_error(), NULL));
	}
	BIO_free(cert_bio);
	BIO_free(key_bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

GTlsCertificate *pt_serve_own_certificate(const char *directory, GError **error) {
	g_autofree char *cert = g_build_filename(directory, "tls.crt", NULL);
	g_autofree char *key = g_build_filename(directory, "tls.key", NULL);
	if (!g_file_test(cert, G_FILE_TEST_EXISTS) || !g_file_test(key, G_FILE_TEST_EXISTS))
		if (!make_files(cert, key, error))
			return NULL;
	return g_tls_certificate_new_from_files(cert, key, error);
}
