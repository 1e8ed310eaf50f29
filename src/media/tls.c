/* SPDX-License-Identifier: Apache-2.0 */
#include "media/tls.h"
#include "base/digest.h"
#include <glib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct PtTlsIdentity {
	SSL_CTX *ctx;
};

struct PtTls {
	SSL *ssl;
	PtBytes in; /* during pt_tls_take() */
	PtBuf *out;
	bool up;
	PtTrust trust;
	char *host; /* client */
};

/* ---- the two ends of OpenSSL's pipe: what came, and what is to go ---- */

static int bio_read(BIO *bio, char *to, size_t n, size_t *ret_n) {
	PtTls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	*ret_n = MIN(n, t->in.left);
	if (!*ret_n) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(to, pt_bytes_take(&t->in, *ret_n), *ret_n);
	return 1;
}

static int bio_write(BIO *bio, const char *data, size_t n, size_t *ret_n) {
	PtTls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	pt_buf_put(t->out, data, n);
	*ret_n = n;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *data) { return command == BIO_CTRL_FLUSH; }

static int bio_create(BIO *bio) {
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *make_method(void) {
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pigtail");
	BIO_meth_set_read_ex(m, bio_read);
	BIO_meth_set_write_ex(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	BIO_meth_set_create(m, bio_create);
	return m;
}

/* ---- settings ---- */

static SSL_CTX *make_ctx(const SSL_METHOD *method) {
	SSL_CTX *ctx = SSL_CTX_new(method);
	g_assert(ctx);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* who connects stays for days: sessions to resume are not worth their memory. OpenSSL keeps its two buffers of 17
	 * KiB (no SSL_MODE_RELEASE_BUFFERS), so that nothing is allocated for a packet. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	return ctx;
}

static SSL_CTX *client_ctx(bool verify) {
	static gsize made[2];
	static SSL_CTX *ctxs[2];
	if (g_once_init_enter(&made[verify])) {
		SSL_CTX *ctx = ctxs[verify] = make_ctx(TLS_client_method());
		if (verify) {
			SSL_CTX_set_default_verify_paths(ctx);
			SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		} else { /* cameras have RSA keys of 1024 bits; nobody relies on them here, or a fingerprint says which it is
			  */
			SSL_CTX_set_security_level(ctx, 1);
		}
		g_once_init_leave(&made[verify], 1);
	}
	return ctxs[verify];
}

PtTlsIdentity *pt_tls_identity_load(const char *cert_path, const char *key_path, GError **error) {
	SSL_CTX *ctx = make_ctx(TLS_server_method());
	const char *what = cert_path;
	ERR_clear_error();
	bool ok = SSL_CTX_use_certificate_chain_file(ctx, cert_path) == 1;
	if (ok) {
		what = key_path;
		ok = SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) == 1;
	}
	if (!ok) {
		const char *reason = ERR_reason_error_string(ERR_get_error());
		pt_error_set(error, INVALID, "certificate: %s: %s", what, reason ? reason : "it cannot be used");
		SSL_CTX_free(ctx);
		return NULL;
	}
	PtTlsIdentity *identity = g_new0(PtTlsIdentity, 1);
	identity->ctx = ctx;
	return identity;
}

void pt_tls_identity_free(PtTlsIdentity *identity) {
	if (!identity)
		return;
	SSL_CTX_free(identity->ctx);
	g_free(identity);
}

/* ---- a connection ---- */

static PtTls *tls_new(SSL_CTX *ctx, PtBuf *out) {
	static gsize made;
	static BIO_METHOD *method;
	if (g_once_init_enter(&made)) {
		method = make_method();
		g_once_init_leave(&made, 1);
	}
	PtTls *t = g_new0(PtTls, 1);
	t->out = out;
	t->ssl = SSL_new(ctx);
	BIO *bio = BIO_new(method);
	g_assert(t->ssl && bio);
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	return t;
}

PtTls *pt_tls_accept(const PtTlsIdentity *identity, PtBuf *out) {
	PtTls *t = tls_new(identity->ctx, out);
	SSL_set_accept_state(t->ssl);
	return t;
}

PtTls *pt_tls_connect(const PtTrust *trust, const char *host, PtBuf *out) {
	PtTls *t = tls_new(client_ctx(trust->kind == PT_TRUST_VERIFY), out);
	t->trust = *trust;
	t->host = g_strdup(host);
	SSL_set_connect_state(t->ssl);
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	if (!X509_VERIFY_PARAM_set1_ip_asc(param, host)) { /* a name */
		SSL_set1_host(t->ssl, host);
		SSL_set_tlsext_host_name(t->ssl, host);
	}
	ERR_clear_error();
	SSL_do_handshake(t->ssl);
	return t;
}

void pt_tls_free(PtTls *t) {
	if (!t)
		return;
	SSL_free(t->ssl);
	g_free(t->host);
	g_free(t);
}

bool pt_tls_is_up(const PtTls *t) { return t->up; }

static void explain(const PtTls *t, int result, GError **error) {
	if (SSL_get_error(t->ssl, result) == SSL_ERROR_ZERO_RETURN) {
		pt_error_set(error, CLOSED, "it closed the connection");
		return;
	}
	long verdict = SSL_get_verify_result(t->ssl);
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);
	if (!t->up && t->trust.kind == PT_TRUST_VERIFY && verdict != X509_V_OK) {
		pt_error_set(error, DENIED, "the certificate of %s is not to be trusted: %s", t->host,
		             X509_verify_cert_error_string(verdict));
		return;
	}
	switch (ERR_GET_REASON(code)) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_BAD_RECORD_TYPE:
		pt_error_set(error, INVALID, "what came is not TLS (is the port right?)");
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		pt_error_set(error, UNSUPPORTED, "its TLS is older than 1.2");
		break;
	default:
		pt_error_set(error, INVALID, "TLS failed: %s", reason ? reason : "the peer broke the protocol");
	}
}

static bool check_pin(const PtTls *t, GError **error) {
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	X509 *x = SSL_get1_peer_certificate(t->ssl);
	bool known = x && X509_digest(x, EVP_sha256(), sum, &n) && n == sizeof t->trust.sha256;
	X509_free(x);
	if (known && pt_digest_equal(sum, t->trust.sha256, n))
		return true;
	g_autoptr(GString) text = g_string_new(NULL);
	for (unsigned i = 0; i < n; i++)
		g_string_append_printf(text, "%02x", sum[i]);
	pt_error_set(error, DENIED,
	             "the certificate of %s has the fingerprint sha256:%s, which is not the one it should have", t->host,
	             text->str);
	return false;
}

/* True once it is up. */
static bool shake_hands(PtTls *t, GError **error) {
	int result = SSL_do_handshake(t->ssl);
	if (result == 1)
		return t->up = t->trust.kind != PT_TRUST_PINNED || check_pin(t, error);
	if (SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ)
		explain(t, result, error);
	return false;
}

ssize_t pt_tls_take(PtTls *t, const void *data, size_t n, uint8_t *plain, size_t room, GError **error) {
	GError *failure = NULL;
	size_t total = 0, got;
	t->in = pt_bytes(data, n);
	ERR_clear_error();
	if (t->up || shake_hands(t, &failure))
		while (total < room) {
			int result = SSL_read_ex(t->ssl, plain + total, room - total, &got);
			if (result != 1) {
				if (SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ)
					explain(t, result, &failure);
				break;
			}
			total += got;
		}
	t->in = pt_bytes(NULL, 0);
	if (total) /* what came before the failure counts; the next call, or the end of the bytes, tells it again */
		g_clear_error(&failure);
	if (failure) {
		g_propagate_error(error, failure);
		return -1;
	}
	return (ssize_t)total;
}

void pt_tls_put(PtTls *t, const void *data, size_t n) {
	size_t written;
	g_assert(t->up);
	ERR_clear_error();
	if (n && SSL_write_ex(t->ssl, data, n, &written) != 1)
		ERR_clear_error(); /* it was broken before; reading says so */
}

void pt_tls_bye(PtTls *t) {
	if (!t->up)
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
}
