/* HTTP login for RTSP, SOAP and the web, both ends: Basic (RFC 7617) and Digest with MD5 and SHA-256 (RFC 7616, 2617 and
 * the older form of 2069). A client answers the strongest challenge it can; a server makes challenges and checks replies. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <glib.h>
#include "base/clock.h"

/* ---- client: one per server and login, from one thread ---- */

typedef struct PtDigestClient PtDigestClient;

typedef enum {
	PT_DIGEST_RETRY,       /* send the request again with the new header */
	PT_DIGEST_NO_LOGIN,    /* a login is asked for and there is none */
	PT_DIGEST_WRONG,       /* these very credentials were refused */
	PT_DIGEST_UNSUPPORTED, /* no challenge that is known */
	PT_DIGEST_FOREIGN,     /* a login is asked for where this one is not to be given */
} PtDigestAnswer;

/* user NULL: no login is known. Copies both. */
PtDigestClient *pt_digest_client_new(const char *user, const char *password);
/* The login of first for another server that first's server sent us to: it answers Digest alone, which does not give the
 * password away, and only in the realm that first was asked for it in. */
PtDigestClient *pt_digest_client_new_elsewhere(const PtDigestClient *first);
void pt_digest_client_free(PtDigestClient *client); /* takes NULL */
/* Whether the password may go out in clear when nothing better is offered; it may unless this says otherwise. */
void pt_digest_client_allow_basic(PtDigestClient *client, bool allow);
/* After a 401: begin, then challenge once per WWW-Authenticate header (each may hold several), then choose. */
void pt_digest_client_begin(PtDigestClient *client);
void pt_digest_client_challenge(PtDigestClient *client, const char *www_authenticate);
PtDigestAnswer pt_digest_client_choose(PtDigestClient *client);
/* The request was accepted: a later refusal gets one more try. */
void pt_digest_client_accepted(PtDigestClient *client);
/* A new connection: what was refused before may be tried again, a nonce is kept. */
void pt_digest_client_reset(PtDigestClient *client);
/* The value of the Authorization header for the next request, or NULL when no challenge stands. Caller frees. */
char *pt_digest_client_authorize(PtDigestClient *client, const char *method, const char *uri);

/* ---- server: thread-safe ---- */

typedef struct PtDigestServer PtDigestServer;

typedef enum {
	PT_DIGEST_OK,
	PT_DIGEST_MISSING, /* no Digest login in the header */
	PT_DIGEST_STALE,   /* right or wrong, its nonce is too old or was used: challenge again with stale */
	PT_DIGEST_REFUSED, /* unknown user or wrong password */
	PT_DIGEST_INVALID, /* breaks its format, or is for another URI */
} PtDigestVerdict;

/* Nonces live lifetime_ns. clock outlives the server. */
PtDigestServer *pt_digest_server_new(const char *realm, int64_t lifetime_ns, PtClock *clock);
void pt_digest_server_free(PtDigestServer *server); /* takes NULL */
/* The values of two WWW-Authenticate headers, SHA-256 first, then MD5 for those that know nothing else. g_strfreev. */
char **pt_digest_server_challenges(PtDigestServer *server, bool stale);
/* The password of a user, or NULL. The result is freed (and wiped) by the caller. */
typedef char *(*PtDigestLookup)(void *data, const char *user);
/* Checks an Authorization header (NULL: there was none). uri NULL: the reply's own URI is taken as it stands, else it must
 * be that one. ret_user (may be NULL) is set on OK only; caller frees. */
PtDigestVerdict pt_digest_server_verify(PtDigestServer *server, const char *authorization, const char *method,
                                        const char *uri, PtDigestLookup lookup, void *data, char **ret_user);

/* ---- both ---- */

/* Compares in a time that does not depend on where they differ. */
bool pt_digest_equal(const void *a, const void *b, size_t n);
/* The response of RFC 7616 §3.4.1; qop NULL or "": the form of RFC 2069. Caller frees. */
char *pt_digest_response(GChecksumType type, bool session, const char *user, const char *realm, const char *password,
                         const char *method, const char *uri, const char *nonce, const char *nc, const char *cnonce,
                         const char *qop);
