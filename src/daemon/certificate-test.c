/* What is made is judged by OpenSSL's own verification, as strict as it can be. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/certificate.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NOW INT64_C(1790000000)
#define DAY INT64_C(86400)
#define NAMES "DNS:hub.local,DNS:gate.example.org,IP:192.168.1.20,IP:fd00::20"
#define LIMITS "DNS:local,DNS:gate.example.org,IP:192.168.0.0/255.255.0.0,IP:fc00::/fe00::,IP:203.0.113.7/255.255.255.255"

static char *make(const char *names, const char *limits, const char *signer) {
	g_autoptr(GError) error = NULL;
	char *text = pt_certificate_make(
	    &(PtCertificateWish){
	        .name = "Hub at Yard", .names = names, .limits = limits, .from_s = NOW, .until_s = NOW + 395 * DAY},
	    signer, &error);
	g_assert_no_error(error);
	return text;
}

static X509 *parse(const char *text) {
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	g_assert_nonnull(x);
	return x;
}

/* X509_V_OK or why not. name: a host name or address; NULL: whatever it is called. */
static int verify(const char *server, const char *authority, const char *name, int64_t at_s) {
	X509 *leaf = parse(server), *root = parse(authority);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, root);
	g_assert_true(X509_STORE_CTX_init(context, store, leaf, NULL));
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, at_s);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_POLICY_CHECK);
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	if (name && !X509_VERIFY_PARAM_set1_ip_asc(param, name))
		X509_VERIFY_PARAM_set1_host(param, name, 0);
	X509_verify_cert(context);
	int result = X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	X509_free(leaf);
	X509_free(root);
	return result;
}

static void test_chain(void) {
	char *authority = make(NULL, LIMITS, NULL), *other = make(NULL, LIMITS, NULL),
	     *server = make(NAMES, NULL, authority);
	static const char *const good[] = {"hub.local", "gate.example.org", "192.168.1.20", "fd00::20"};
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_cmpint(verify(server, authority, good[i], NOW + DAY), ==, X509_V_OK);
	g_assert_cmpint(verify(server, authority, "other.local", NOW + DAY), ==, X509_V_ERR_HOSTNAME_MISMATCH);
	g_assert_cmpint(verify(server, authority, "192.168.1.21", NOW + DAY), ==, X509_V_ERR_IP_ADDRESS_MISMATCH);
	g_assert_cmpint(verify(server, authority, NULL, NOW - DAY), ==, X509_V_ERR_CERT_NOT_YET_VALID);
	g_assert_cmpint(verify(server, authority, NULL, NOW + 396 * DAY), ==, X509_V_ERR_CERT_HAS_EXPIRED);
	g_assert_cmpint(verify(server, other, NULL, NOW + DAY), !=, X509_V_OK);
	g_assert_true(pt_certificate_is_for(server, NAMES, authority));
	g_assert_false(pt_certificate_is_for(server, NAMES, other));
	g_assert_false(pt_certificate_is_for(server, NAMES ",DNS:more.local", authority));
	g_assert_false(pt_certificate_is_for(authority, NAMES, authority));
	/* no certificate below the server's, and none that outdoes the limits */
	char *below = make("DNS:hub.local", NULL, server), *bank = make("DNS:bank.example", NULL, authority);
	g_assert_cmpint(verify(below, server, NULL, NOW + DAY), !=, X509_V_OK);
	g_assert_cmpint(verify(bank, authority, "bank.example", NOW + DAY), ==, X509_V_ERR_PERMITTED_VIOLATION);
	char *all[] = {authority, other, server, below, bank};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		pt_certificate_wipe(all[i]);
}

/* What pt_certificate_may() says is what OpenSSL says of a certificate for that name. */
static void test_limits(void) {
	static const struct {
		const char *name;
		bool may;
	} cases[] = {
	    {"DNS:hub.local", true},    {"DNS:a.b.LOCAL", true},          {"DNS:local", true},
	    {"DNS:hublocal", false},    {"DNS:gate.example.org", true},   {"DNS:x.gate.example.org", true},
	    {"DNS:example.org", false}, {"DNS:local.example.com", false}, {"IP:192.168.255.1", true},
	    {"IP:192.169.0.1", false},  {"IP:203.0.113.7", true},         {"IP:203.0.113.8", false},
	    {"IP:fd12:3456::1", true},  {"IP:2001:db8::1", false},        {"IP:::1", false},
	};
	char *authority = make(NULL, LIMITS, NULL), *free_one = make(NULL, NULL, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *server = make(cases[i].name, NULL, authority);
		g_test_message("%s", cases[i].name);
		g_assert_cmpint(pt_certificate_may(authority, cases[i].name), ==, cases[i].may);
		g_assert_cmpint(verify(server, authority, NULL, NOW + DAY), ==,
		                cases[i].may ? X509_V_OK : X509_V_ERR_PERMITTED_VIOLATION);
		g_assert_true(pt_certificate_may(free_one, cases[i].name));
		pt_certificate_wipe(server);
	}
	pt_certificate_wipe(authority);
	pt_certificate_wipe(free_one);
}

static void test_text(void) {
	char *text = make(NULL, LIMITS, NULL), *other = make(NULL, LIMITS, NULL);
	g_autofree char *public = pt_certificate_public(text), *strangers = pt_certificate_public(other);
	PtCertificateFacts facts;
	g_assert_true(pt_certificate_read(text, &facts));
	g_assert_cmpint(facts.from_s, ==, NOW);
	g_assert_cmpint(facts.until_s, ==, NOW + 395 * DAY);
	X509 *x = parse(text);
	uint8_t sum[32];
	X509_digest(x, EVP_sha256(), sum, NULL);
	X509_free(x);
	g_autofree char *start = g_strdup_printf("%02X:%02X:%02X:", sum[0], sum[1], sum[2]);
	g_assert_true(g_str_has_prefix(facts.sha256, start) && strlen(facts.sha256) == 95);
	g_assert_null(strstr(public, "KEY"));
	/* half of one is none, and neither is a certificate with another's key */
	g_assert_false(pt_certificate_read(public, &facts));
	for (size_t n = 0; n < strlen(text) - 2; n += 7) {
		g_autofree char *half = g_strndup(text, n);
		g_assert_false(pt_certificate_read(half, &facts));
	}
	g_autofree char *key = g_strndup(text, strlen(text) - strlen(public));
	g_autofree char *mixed = g_strconcat(key, strangers, NULL);
	g_assert_false(pt_certificate_read(mixed, &facts));
	g_autoptr(GError) error = NULL;
	g_assert_null(pt_certificate_make(&(PtCertificateWish){"x", NAMES, NULL, NOW, NOW + DAY}, public, &error));
	g_assert_nonnull(error);
	pt_certificate_wipe(text);
	pt_certificate_wipe(other);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/certificate/chain", test_chain);
	g_test_add_func("/certificate/limits", test_limits);
	g_test_add_func("/certificate/text", test_text);
	return g_test_run();
}
