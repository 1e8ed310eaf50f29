/* The one HTTP client: requests with a deadline, a bound on what is read, Digest login, and no redirect to another scheme
 * or host. On a GLib main context, asynchronous. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stdint.h>
#include <gio/gio.h>

typedef struct PtHttp PtHttp;
typedef struct PtHttpCall PtHttpCall; /* a request under way; gone once its fn was called */

#define PT_HTTP_TIMEOUT_S 10         /* where a request names none */
#define PT_HTTP_BODY_MAX (64 * 1024) /* where a request names none */
#define PT_HTTP_REDIRECT_MAX 3       /* within http or within https, or from http up to https on the same host */

/* Works on the thread-default context of the caller. connections: at a time, to all hosts together; 0: 16. */
PtHttp *pt_http_new(unsigned connections);
void pt_http_free(PtHttp *http); /* requests under way are cancelled and answered before it returns; takes NULL */

/* The same, but that what is under way goes on, each until its deadline, without being told to its fn: an order that was
 * given on leaving. free_user(user) comes last, with what requests borrow. pt_http_finish() waits for all that were left. */
void pt_http_leave(PtHttp *http, GDestroyNotify free_user, void *user);
void pt_http_finish(void); /* main thread */

typedef enum {
	PT_HTTP_VERIFY, /* a certificate for that name or address, by an authority this machine knows */
	PT_HTTP_ANY,    /* whoever answers: encrypted, not authenticated */
	PT_HTTP_PINNED, /* the one certificate with this fingerprint */
} PtHttpTrustKind;

typedef struct {
	PtHttpTrustKind kind;
	uint8_t sha256[32]; /* of the certificate (DER); PINNED */
} PtHttpTrust;

/* Who answered. */
typedef struct {
	char address[64]; /* "192.0.2.20", without a port; "" when nobody did */
	bool tls;
	uint8_t sha256[32]; /* of its certificate; with tls */
} PtHttpPeer;

typedef struct {
	const char *method, *url;        /* GET, POST */
	const char *content_type, *body; /* NULL: none */
	size_t body_size;
	const char *token;          /* Authorization: Bearer; NULL: none. Not sent on after a redirect */
	const char *const *headers; /* name, value, name, value, NULL; NULL: none */
	PtDigestClient *login; /* answers a 401, twice at most; borrowed until fn was called; NULL: a 401 is the answer */
	unsigned timeout_s;    /* from the first byte to the last, all redirects and logins included; 0: PT_HTTP_TIMEOUT_S */
	/* What the peer's machine has not confirmed by then is lost, instead of arriving whenever the way is free again: of
	 * the connections that this request opens. 0: as long as the kernel likes. */
	unsigned unheard_ms;
	size_t body_max;   /* of an answer; more is an error; 0: PT_HTTP_BODY_MAX */
	PtHttpTrust trust; /* https:// */
	PtHttpPeer *peer;  /* set before fn is called, untouched when nobody was reached; NULL: nobody asks */
} PtHttpRequest;

/* status: of the answer; body: valid during the call. error: no answer (status 0). */
typedef void (*PtHttpFn)(void *user, unsigned status, const char *body, size_t size, const GError *error);
/* Copies what it needs. fn is called once, later. Errors carry no URL and no token. */
PtHttpCall *pt_http_send(PtHttp *http, const PtHttpRequest *request, PtHttpFn fn, void *user);
/* Before fn was called, which then never is. Takes NULL. */
void pt_http_cancel(PtHttpCall *call);
