/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/push.h"
#include "base/error.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>

#define HASH 32
#define SALT 16
#define TAG 16
#define RECORD 4096
#define TOKEN_S (12 * 3600) /* RFC 8292 §2: at most a day */

struct PtVapid {
	EVP_PKEY *key;
	char *public_key;
};

/* ---- base64url (RFC 4648 §5), without padding ---- */

static char *encode(const void *data, size_t size) {
	char *text = g_base64_encode(data, size);
	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	text[strcspn(text, "=")] = 0;
	return text;
}

/* Exactly so many bytes. */
static bool decode(const char *text, uint8_t *ret, size_t size) {
	size_t n = strlen(text);
	if (n > 200 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") < strcspn(text, "="))
		return false;
	g_autofree char *plain = g_strndup(text, strcspn(text, "="));
	for (char *p = plain; *p; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	g_autofree char *padded = g_strdup_printf("%s%.*s", plain, (int)(-strlen(plain) & 3), "===");
	gsize got;
	g_autofree guchar *bytes = g_base64_decode(padded, &got);
	if (got != size)
		return false;
	memcpy(ret, bytes, size);
	return true;
}

/* ---- keys ---- */

static bool point_of(EVP_PKEY *key, uint8_t ret[PT_PUSH_POINT]) {
	size_t n = 0;
	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, ret, PT_PUSH_POINT, &n) && n == PT_PUSH_POINT &&
	       ret[0] == POINT_CONVERSION_UNCOMPRESSED;
}

/* NULL: it is no point of the curve. */
static EVP_PKEY *key_of(const uint8_t point[PT_PUSH_POINT]) {
	char group[] = "P-256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	                       OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, PT_PUSH_POINT),
	                       OSSL_PARAM_construct_end()};
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!c || EVP_PKEY_fromdata_init(c) <= 0 || EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(c);
	return key;
}

bool pt_push_read_keys(const char *p256dh, const char *auth, uint8_t ret_point[PT_PUSH_POINT],
                       uint8_t ret_auth[PT_PUSH_AUTH]) {
	uint8_t point[PT_PUSH_POINT], secret[PT_PUSH_AUTH];
	if (!decode(p256dh, point, sizeof point) || !decode(auth, secret, sizeof secret) ||
	    point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return false;
	EVP_PKEY *key = key_of(point);
	if (!key)
		return false;
	EVP_PKEY_free(key);
	memcpy(ret_point, point, sizeof point);
	memcpy(ret_auth, secret, sizeof secret);
	return true;
}

static EVP_PKEY *make_key(const char *path, GError **error) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	bool ok = key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	long size = ok ? BIO_get_mem_data(bio, &text) : 0;
	if (!ok)
		pt_error_set(error, FAILED, "no key for Web Push could be made");
	else
		ok = g_file_set_contents_full(path, text, size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		                              0600, error);
	BIO_free(bio);
	if (!ok)
		g_clear_pointer(&key, EVP_PKEY_free);
	return key;
}

PtVapid *pt_vapid_open(const char *path, GError **error) {
	g_autofree char *text = NULL;
	EVP_PKEY *key = NULL;
	uint8_t point[PT_PUSH_POINT];
	if (g_file_get_contents(path, &text, NULL, NULL)) {
		BIO *bio = BIO_new_mem_buf(text, -1);
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		BIO_free(bio);
	}
	if (!key) /* devices that were registered with a lost one have to register again */
		key = make_key(path, error);
	if (!key)
		return NULL;
	if (!point_of(key, point)) {
		pt_error_set(error, INVALID, "%s holds no key of the curve P-256: remove it", path);
		EVP_PKEY_free(key);
		return NULL;
	}
	PtVapid *v = g_new0(PtVapid, 1);
	v->key = key;
	v->public_key = encode(point, sizeof point);
	return v;
}

void pt_vapid_free(PtVapid *v) {
	if (!v)
		return;
	EVP_PKEY_free(v->key);
	g_free(v->public_key);
	g_free(v);
}

const char *pt_vapid_public_key(const PtVapid *v) { return v->public_key; }

/* ES256 (RFC 7518 §3.4): both numbers in 32 bytes each. */
static bool sign(EVP_PKEY *key, const char *text, uint8_t ret[64]) {
	uint8_t der[128];
	const uint8_t *p = der;
	size_t n = sizeof der;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	ECDSA_SIG *s = NULL;
	if (c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) > 0 &&
	    EVP_DigestSign(c, der, &n, (const uint8_t *)text, strlen(text)) > 0)
		s = d2i_ECDSA_SIG(NULL, &p, (long)n);
	bool ok =
	    s && BN_bn2binpad(ECDSA_SIG_get0_r(s), ret, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(s), ret + 32, 32) == 32;
	ECDSA_SIG_free(s);
	EVP_MD_CTX_free(c);
	return ok;
}

char *pt_vapid_authorization(const PtVapid *v, const char *endpoint, const char *subject, int64_t now_s) {
	static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
	const char *host = strstr(endpoint, "://");
	if (!host)
		return NULL;
	int origin = (int)(host + 3 - endpoint + (ptrdiff_t)strcspn(host + 3, "/?#"));
	g_autofree char *claims = g_strdup_printf("{\"aud\":\"%.*s\",\"exp\":%" G_GINT64_FORMAT ",\"sub\":\"%s\"}", origin,
	                                          endpoint, now_s + TOKEN_S, subject);
	g_autofree char *a = encode(head, strlen(head)), *b = encode(claims, strlen(claims));
	g_autofree char *text = g_strdup_printf("%s.%s", a, b);
	uint8_t signature[64];
	if (!sign(v->key, text, signature))
		return NULL;
	g_autofree char *c = encode(signature, sizeof signature);
	return g_strdup_printf("vapid t=%s.%s, k=%s", text, c, v->public_key);
}

/* ---- encryption ---- */

static void hmac(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret[HASH]) {
	HMAC(EVP_sha256(), key, (int)key_size, data, size, ret, NULL);
}

/* HKDF-Expand (RFC 5869 §2.3) of one block: info with the byte 1 behind it. */
static void expand(const uint8_t prk[HASH], const void *info, size_t size, uint8_t ret[HASH]) {
	g_autoptr(GByteArray) text = g_byte_array_new();
	g_byte_array_append(text, info, (guint)size);
	g_byte_array_append(text, (const uint8_t *)"\1", 1);
	hmac(prk, HASH, text->data, text->len, ret);
}

static bool agree(EVP_PKEY *own, const uint8_t point[PT_PUSH_POINT], uint8_t ret[32]) {
	EVP_PKEY *peer = key_of(point);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
	size_t n = 32;
	bool ok = peer && c && EVP_PKEY_derive_init(c) > 0 && EVP_PKEY_derive_set_peer(c, peer) > 0 &&
	          EVP_PKEY_derive(c, ret, &n) > 0 && n == 32;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	return ok;
}

/* RFC 8291 §3.4. */
static void derive(const uint8_t secret[32], const uint8_t auth[PT_PUSH_AUTH], const uint8_t ua[PT_PUSH_POINT],
                   const uint8_t as[PT_PUSH_POINT], const uint8_t salt[SALT], uint8_t ret_key[HASH],
                   uint8_t ret_nonce[HASH]) {
	static const char key_info[] = "Content-Encoding: aes128gcm", nonce_info[] = "Content-Encoding: nonce";
	uint8_t info[14 + 2 * PT_PUSH_POINT], prk[HASH], ikm[HASH];
	memcpy(info, "WebPush: info", 14);
	memcpy(info + 14, ua, PT_PUSH_POINT);
	memcpy(info + 14 + PT_PUSH_POINT, as, PT_PUSH_POINT);
	hmac(auth, PT_PUSH_AUTH, secret, 32, prk);
	expand(prk, info, sizeof info, ikm);
	hmac(salt, SALT, ikm, HASH, prk);
	expand(prk, key_info, sizeof key_info, ret_key); /* the zero behind the text is part of it */
	expand(prk, nonce_info, sizeof nonce_info, ret_nonce);
}

static bool seal(const uint8_t *key, const uint8_t *nonce, const void *text, size_t size, uint8_t *ret) {
	static const uint8_t last = 2; /* RFC 8188 §2: the delimiter of the last record */
	int a = 0, b = 0, end = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, nonce) &&
	          EVP_EncryptUpdate(c, ret, &a, text, (int)size) && EVP_EncryptUpdate(c, ret + a, &b, &last, 1) &&
	          EVP_EncryptFinal_ex(c, ret + a + b, &end) &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, ret + size + 1);
	EVP_CIPHER_CTX_free(c);
	return ok;
}

bool pt_push_encrypt(const uint8_t point[PT_PUSH_POINT], const uint8_t auth[PT_PUSH_AUTH], const char *text, size_t size,
                     GString *out) {
	static const uint8_t head[] = {RECORD >> 24 & 255, RECORD >> 16 & 255, RECORD >> 8 & 255, RECORD & 255,
	                               PT_PUSH_POINT};
	uint8_t own[PT_PUSH_POINT], secret[32], salt[SALT], key[HASH], nonce[HASH], sealed[PT_PUSH_TEXT_MAX + 1 + TAG];
	EVP_PKEY *once = EVP_EC_gen("P-256");
	bool ok = size <= PT_PUSH_TEXT_MAX && once && point_of(once, own) && agree(once, point, secret) &&
	          RAND_bytes(salt, sizeof salt) == 1;
	EVP_PKEY_free(once);
	if (!ok)
		return false;
	derive(secret, auth, point, own, salt, key, nonce);
	if (!seal(key, nonce, text, size, sealed))
		return false;
	g_string_append_len(out, (const char *)salt, SALT);
	g_string_append_len(out, (const char *)head, sizeof head);
	g_string_append_len(out, (const char *)own, sizeof own);
	g_string_append_len(out, (const char *)sealed, (gssize)(size + 1 + TAG));
	return true;
}
