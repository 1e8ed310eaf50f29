/* TLS for connections on a worker loop (OpenSSL 3): bytes in, bytes out, no descriptor and no waiting. The owner receives
 * and sends; what TLS itself wants to be sent (handshake, alerts) lands in the same buffer as what the owner encrypts. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/error.h"
#include <sys/types.h>

typedef enum {
	PT_TRUST_ANY,    /* whoever answers: encrypted, not authenticated */
	PT_TRUST_VERIFY, /* a certificate for that name or address, by an authority this machine knows */
	PT_TRUST_PINNED, /* the one certificate with this fingerprint */
} PtTrustKind;

typedef struct {
	PtTrustKind kind;
	uint8_t sha256[32]; /* of the certificate (DER); PINNED */
} PtTrust;

/* A server's certificate and key. Immutable, outlives its connections. */
typedef struct PtTlsIdentity PtTlsIdentity;
/* PEM files; the certificate with its chain behind it. */
PtTlsIdentity *pt_tls_identity_load(const char *cert_path, const char *key_path, GError **error);
void pt_tls_identity_free(PtTlsIdentity *identity); /* takes NULL */

/* One connection; from one thread. */
typedef struct PtTls PtTls;
/* out: where encrypted bytes are put behind what stands there; outlives the PtTls. */
PtTls *pt_tls_accept(const PtTlsIdentity *identity, PtBuf *out);
PtTls *pt_tls_connect(const PtTrust *trust, const char *host, PtBuf *out); /* its first message stands in out */
void pt_tls_free(PtTls *tls);                                              /* takes NULL */

/* Takes n bytes that came, and gives plain ones: how many, 0 when more has to come first. room is at least n. -1 and a
 * reason that begins in mid-sentence: the connection is beyond use (what stands in out may still be sent). */
ssize_t pt_tls_take(PtTls *tls, const void *data, size_t n, uint8_t *plain, size_t room, GError **error);
bool pt_tls_is_up(const PtTls *tls); /* the handshake is done and the peer is who it should be */
/* Encrypts; only when it is up. */
void pt_tls_put(PtTls *tls, const void *data, size_t n);
/* Says that nothing more comes. */
void pt_tls_bye(PtTls *tls);
