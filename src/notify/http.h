/* The one HTTP client file: requests with a deadline, a bound on what is read, and no redirect to another scheme. On a
 * GLib main context, asynchronous. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <gio/gio.h>

typedef struct PtHttp PtHttp;
PtHttp *pt_http_new(void);       /* works on the thread-default context of the caller */
void pt_http_free(PtHttp *http); /* requests under way are cancelled and answered before it returns; takes NULL */

#define PT_HTTP_TIMEOUT_S 10         /* from the first byte to the last, all redirects included */
#define PT_HTTP_BODY_MAX (64 * 1024) /* of an answer; more is an error */
#define PT_HTTP_REDIRECT_MAX 3       /* within http or within https, or from http up to https on the same host */

typedef struct {
	const char *method, *url;        /* GET, POST */
	const char *content_type, *body; /* NULL: none */
	size_t body_size;
	const char *token;          /* Authorization: Bearer; NULL: none. Not sent on after a redirect */
	const char *const *headers; /* name, value, name, value, NULL; NULL: none */
} PtHttpRequest;

/* status: of the answer; body: at most PT_HTTP_BODY_MAX bytes, valid during the call. error: no answer (status 0). */
typedef void (*PtHttpFn)(void *user, unsigned status, const char *body, size_t size, const GError *error);
/* Copies what it needs. fn is called once, later. Errors carry no URL and no token. */
void pt_http_send(PtHttp *http, const PtHttpRequest *request, PtHttpFn fn, void *user);
