/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/certificate.h"
#include "base/error.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define SERIAL_BITS 127 /* RFC 5280 §4.1.2.2: at most 20 octets; random, so that no two are the same */
#define CERTIFICATE_BEGIN "-----BEGIN CERTIFICATE-----"

typedef struct {
	X509 *x509;
	EVP_PKEY *key;
} Pair;

static void pair_clear(Pair *p) {
	X509_free(p->x509);
	EVP_PKEY_free(p->key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

static bool read_pair(const char *text, Pair *ret) {
	BIO *bio = BIO_new_mem_buf(text, -1);
	ret->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	ret->x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return ret->key && ret->x509 && X509_check_private_key(ret->x509, ret->key) == 1;
}

static char *write_pair(const Pair *p) {
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *copy = NULL;
	if (PEM_write_bio_PrivateKey(bio, p->key, NULL, NULL, 0, NULL, NULL) && PEM_write_bio_X509(bio, p->x509)) {
		size_t n = (size_t)BIO_get_mem_data(bio, &text);
		copy = g_strndup(text, n);
		explicit_bzero(text, n);
	}
	BIO_free(bio);
	return copy;
}

/* ---- making ---- */

static bool add(X509 *x509, X509V3_CTX *context, int nid, const char *value) {
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool ok = extension && X509_add_ext(x509, extension, -1);
	X509_EXTENSION_free(extension);
	return ok;
}

/* "DNS:a,IP:b" as the extension of an authority wants it. */
static char *limits_value(const char *limits) {
	g_auto(GStrv) list = g_strsplit(limits, ",", -1);
	g_autofree char *joined = g_strjoinv(",permitted;", list);
	return g_strconcat("critical,permitted;", joined, NULL);
}

static bool add_extensions(X509 *x509, X509 *issuer, const PtCertificateWish *w) {
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	bool ok = add(x509, &context, NID_subject_key_identifier, "hash");
	if (w->names) {
		ok = ok && add(x509, &context, NID_basic_constraints, "critical,CA:FALSE") &&
		     add(x509, &context, NID_key_usage, "critical,digitalSignature") &&
		     add(x509, &context, NID_ext_key_usage, "serverAuth") &&
		     add(x509, &context, NID_subject_alt_name, w->names);
	} else {
		g_autofree char *limits = w->limits ? limits_value(w->limits) : NULL;
		ok = ok && add(x509, &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
		     add(x509, &context, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		     (!limits || add(x509, &context, NID_name_constraints, limits));
	}
	return ok && (issuer == x509 || add(x509, &context, NID_authority_key_identifier, "keyid"));
}

static bool set_serial(X509 *x509) {
	BIGNUM *serial = BN_new();
	bool ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	          BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));
	BN_free(serial);
	return ok;
}

static bool fill(Pair *p, const PtCertificateWish *w, const Pair *signer) {
	p->key = EVP_EC_gen("P-256");
	p->x509 = X509_new();
	if (!p->key || !p->x509)
		return false;
	X509 *issuer = signer ? signer->x509 : p->x509;
	X509_NAME *name = X509_get_subject_name(p->x509);
	return X509_set_version(p->x509, X509_VERSION_3) && set_serial(p->x509) &&
	       ASN1_TIME_set(X509_getm_notBefore(p->x509), w->from_s) &&
	       ASN1_TIME_set(X509_getm_notAfter(p->x509), w->until_s) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w->name, -1, -1, 0) &&
	       X509_set_issuer_name(p->x509, X509_get_subject_name(issuer)) && X509_set_pubkey(p->x509, p->key) &&
	       add_extensions(p->x509, issuer, w) && X509_sign(p->x509, signer ? signer->key : p->key, EVP_sha256());
}

char *pt_certificate_make(const PtCertificateWish *wish, const char *signer_text, GError **error) {
	g_auto(Pair) signer = {0};
	g_auto(Pair) made = {0};
	char *text = NULL;
	ERR_clear_error();
	if ((!signer_text || read_pair(signer_text, &signer)) && fill(&made, wish, signer_text ? &signer : NULL))
		text = write_pair(&made);
	if (!text) {
		const char *reason = ERR_reason_error_string(ERR_get_error());
		pt_error_set(error, FAILED, "a certificate for %s could not be made: %s",
		             wish->names ? wish->names : wish->name, reason ? reason : "its authority is none");
	}
	return text;
}

void pt_certificate_wipe(char *text) {
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
}

/* ---- reading ---- */

static int64_t seconds_of(const ASN1_TIME *time) {
	struct tm tm;
	return ASN1_TIME_to_tm(time, &tm) ? timegm(&tm) : 0;
}

bool pt_certificate_read(const char *text, PtCertificateFacts *ret) {
	g_auto(Pair) p = {0};
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned n;
	if (!read_pair(text, &p) || !X509_digest(p.x509, EVP_sha256(), sum, &n) || n * 3 > sizeof ret->sha256)
		return false;
	ret->from_s = seconds_of(X509_get0_notBefore(p.x509));
	ret->until_s = seconds_of(X509_get0_notAfter(p.x509));
	for (unsigned i = 0; i < n; i++)
		g_snprintf(ret->sha256 + 3 * i, 4, "%02X%s", sum[i], i + 1 < n ? ":" : "");
	return true;
}

char *pt_certificate_public(const char *text) { return g_strdup(strstr(text, CERTIFICATE_BEGIN)); }

static bool has_names(X509 *x509, const char *names) {
	int at = X509_get_ext_by_NID(x509, NID_subject_alt_name, -1);
	X509_EXTENSION *wanted = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	bool same = at >= 0 && wanted &&
	            !ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509_get_ext(x509, at)), X509_EXTENSION_get_data(wanted));
	X509_EXTENSION_free(wanted);
	return same;
}

bool pt_certificate_is_for(const char *text, const char *names, const char *signer_text) {
	g_auto(Pair) p = {0};
	g_auto(Pair) signer = {0};
	return read_pair(text, &p) && read_pair(signer_text, &signer) && X509_verify(p.x509, signer.key) == 1 &&
	       has_names(p.x509, names);
}

/* RFC 5280 §4.2.1.10: the name itself, or with labels before it. */
static bool is_below(const ASN1_STRING *base, const char *name) {
	size_t n = (size_t)ASN1_STRING_length(base), length = strlen(name);
	const char *below = (const char *)ASN1_STRING_get0_data(base);
	return length >= n && !g_ascii_strncasecmp(name + length - n, below, n) &&
	       (length == n || name[length - n - 1] == '.');
}

/* base: an address and its mask. */
static bool is_within(const ASN1_OCTET_STRING *base, const ASN1_OCTET_STRING *address) {
	int n = ASN1_STRING_length(address);
	const uint8_t *net = ASN1_STRING_get0_data(base), *a = ASN1_STRING_get0_data(address);
	bool within = ASN1_STRING_length(base) == 2 * n;
	for (int i = 0; within && i < n; i++)
		within = (a[i] & net[n + i]) == net[i];
	return within;
}

bool pt_certificate_may(const char *authority, const char *name) {
	g_auto(Pair) p = {0};
	if (!read_pair(authority, &p))
		return false;
	NAME_CONSTRAINTS *limits = X509_get_ext_d2i(p.x509, NID_name_constraints, NULL, NULL);
	const char *value = strchr(name, ':') + 1;
	ASN1_OCTET_STRING *address = g_str_has_prefix(name, "IP:") ? a2i_IPADDRESS(value) : NULL;
	bool may = !limits;
	for (int i = 0; limits && !may && i < sk_GENERAL_SUBTREE_num(limits->permittedSubtrees); i++) {
		const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(limits->permittedSubtrees, i)->base;
		may = address ? base->type == GEN_IPADD && is_within(base->d.iPAddress, address)
		              : base->type == GEN_DNS && is_below(base->d.dNSName, value);
	}
	ASN1_OCTET_STRING_free(address);
	NAME_CONSTRAINTS_free(limits);
	return may;
}
