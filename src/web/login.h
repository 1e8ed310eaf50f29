/* Who may: named users with argon2id passwords, sessions in a cookie, the link of the first start, attempts slowed down.
 * Main thread only; passwords are checked on a thread of their own. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "web/server.h"

typedef struct PtLogin PtLogin;

typedef struct {
	const char *name;
	PtRole role;
	char **cameras;       /* NULL: all */
	const char *password; /* "$argon2id$…" */
} PtLoginUser;

/* sessions_path: where sessions outlive a restart (mode 0600, hashed); NULL: nowhere. */
PtLogin *pt_login_new(const char *sessions_path);
void pt_login_free(PtLogin *login); /* takes NULL */

/* Replaces all users; sessions of users that are gone or changed end. */
void pt_login_set_users(PtLogin *login, const PtLoginUser *users, size_t n);
/* Told of every success and failure, for the log: user as given, address, and what happened. */
void pt_login_set_observer(PtLogin *login, void (*fn)(const char *user, const char *remote, const char *what, void *data),
                           void *data);

/* A single-use token for the link printed at start, good for ten minutes; it logs in as an administrator. Caller frees. */
char *pt_login_make_link_token(PtLogin *login);

/* For PtServerParams: user = the PtLogin. */
void pt_login_hook(void *login, PtRequest *request, PtCaller *caller);
bool pt_login_still_in(void *login, const PtCaller *caller);
/* POST /api/login {"user","password"} or {"token"}; POST /api/logout; GET /api/me. */
void pt_login_add_routes(PtLogin *login, PtServer *server);

/* "$argon2id$…" of a PIN of 4 to 12 digits, or NULL and an error. Slow on purpose. Caller frees. */
char *pt_login_hash_pin(const char *pin, GError **error);
/* Whether the hash is that of the password or PIN. Slow on purpose, from any thread. */
bool pt_login_is_right(const char *hash, const char *secret);
/* "$argon2id$…" of a password, or NULL and an error (too short: fewer than 8 characters). Slow on purpose. Caller frees. */
char *pt_login_hash_password(const char *password, GError **error);
