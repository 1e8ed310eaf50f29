/* SPDX-License-Identifier: Apache-2.0 */
#include "web/login.h"
#include "base/attempts.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include <argon2.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/random.h>

#define COOKIE "pigtail"
#define SESSION_SECONDS (30 * 86400)
#define LINK_SECONDS 600
#define SESSIONS_MAX 1000
#define CHECKS_MAX 2 /* at once: each takes 19 MiB */

/* argon2id as OWASP's cheat sheet recommends for interactive logins: 19 MiB, two passes, one lane */
#define ARGON_MEMORY_KIB (19 * 1024)
#define ARGON_PASSES 2

#define PIN_MIN 4 /* digits: who guesses is slowed to one a minute */
#define PIN_MAX 12

typedef struct {
	char *name, *password, **cameras;
	PtRole role;
} User;

typedef struct {
	char *user;     /* "" for the link's */
	char *password; /* the hash it was made under: a changed password ends it */
	int64_t until_s;
} Session;

struct PtLogin {
	char *sessions_path;
	GHashTable *users;    /* name → User */
	GHashTable *sessions; /* hex SHA-256 of the token → Session */
	PtAttempts *attempts; /* by address */
	GHashTable *links;    /* hex SHA-256 of the token → expiry, seconds (GINT_TO_POINTER of monotonic) */
	unsigned checking;
	PtServer *server; /* borrowed; NULL before there is one */
	void (*observer)(const char *, const char *, const char *, void *);
	void *observer_data;
};

static void user_free(void *data) {
	User *u = data;
	g_free(u->name);
	g_free(u->password);
	g_strfreev(u->cameras);
	g_free(u);
}

static void session_free(void *data) {
	Session *s = data;
	g_free(s->user);
	g_free(s->password);
	g_free(s);
}

static int64_t now_s(void) { return pt_wall_ns(pt_clock_system()) / PT_NS_PER_S; }
static int64_t mono(void) { return pt_mono_ns(pt_clock_system()); }

static char *random_token(void) {
	uint8_t bytes[32];
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		g_error("the kernel gives no random bytes");
	char *token = g_base64_encode(bytes, sizeof bytes);
	g_strdelimit(token, "+", '-');
	g_strdelimit(token, "/", '_');
	*strchrnul(token, '=') = 0;
	return token;
}

static char *token_hash(const char *token) { return g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1); }

static void observe(PtLogin *l, const char *user, const char *remote, const char *what) {
	if (l->observer)
		l->observer(user, remote, what, l->observer_data);
}

/* ---- passwords ---- */

static char *hash_secret(const char *secret, GError **error) {
	uint8_t salt[16];
	if (getrandom(salt, sizeof salt, 0) != sizeof salt)
		g_error("the kernel gives no random bytes");
	char encoded[200];
	int e = argon2id_hash_encoded(ARGON_PASSES, ARGON_MEMORY_KIB, 1, secret, strlen(secret), salt, sizeof salt, 32,
	                              encoded, sizeof encoded);
	if (e != ARGON2_OK) {
		pt_error_set(error, FAILED, "argon2id: %s", argon2_error_message(e));
		return NULL;
	}
	return g_strdup(encoded);
}

char *pt_login_hash_password(const char *password, GError **error) {
	if (g_utf8_strlen(password, -1) >= 8)
		return hash_secret(password, error);
	pt_error_set(error, INVALID, "a password needs at least 8 characters");
	return NULL;
}

char *pt_login_hash_pin(const char *pin, GError **error) {
	size_t n = strlen(pin);
	if (n >= PIN_MIN && n <= PIN_MAX && strspn(pin, "0123456789") == n)
		return hash_secret(pin, error);
	pt_error_set(error, INVALID, "a PIN is %d to %d digits", PIN_MIN, PIN_MAX);
	return NULL;
}

bool pt_login_is_right(const char *hash, const char *secret) {
	return argon2id_verify(hash, secret, strlen(secret)) == ARGON2_OK;
}

/* ---- sessions ---- */

static void save_sessions(PtLogin *l) {
	if (!l->sessions_path)
		return;
	GString *text = g_string_new("");
	GHashTableIter it;
	void *key, *value;
	g_hash_table_iter_init(&it, l->sessions);
	while (g_hash_table_iter_next(&it, &key, &value)) {
		const Session *s = value;
		g_autofree char *password = token_hash(s->password);
		g_string_append_printf(text, "%s %" G_GINT64_FORMAT " %s %s\n", (char *)key, s->until_s, password, s->user);
	}
	g_file_set_contents_full(l->sessions_path, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
	g_string_free(text, TRUE);
}

/* Which password stands behind a user now; "" for the link's administrator; NULL: no such user. */
static const char *password_of(PtLogin *l, const char *user) {
	const User *u = user[0] ? g_hash_table_lookup(l->users, user) : NULL;
	return !user[0] ? "" : u ? u->password : NULL;
}

static void load_sessions(PtLogin *l) {
	g_autofree char *text = NULL;
	if (!l->sessions_path || !g_file_get_contents(l->sessions_path, &text, NULL, NULL))
		return;
	g_auto(GStrv) lines = g_strsplit(text, "\n", SESSIONS_MAX);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) f = g_strsplit(*line, " ", 4);
		if (g_strv_length(f) != 4 || strlen(f[0]) != 64)
			continue;
		const char *password = password_of(l, f[3]);
		g_autofree char *hash = password ? token_hash(password) : NULL;
		int64_t until = g_ascii_strtoll(f[1], NULL, 10);
		if (!hash || strcmp(hash, f[2]) || until <= now_s())
			continue;
		Session *s = g_new0(Session, 1);
		s->user = g_strdup(f[3]);
		s->password = g_strdup(password);
		s->until_s = until;
		g_hash_table_replace(l->sessions, g_strdup(f[0]), s);
	}
}

static gboolean session_is_over(gpointer key, gpointer value, gpointer data) {
	const Session *s = value;
	const char *password = password_of(data, s->user);
	return s->until_s <= now_s() || !password || strcmp(password, s->password);
}

static void open_session(PtLogin *l, PtRequest *r, const char *user) {
	g_hash_table_foreach_remove(l->sessions, session_is_over, l);
	if (g_hash_table_size(l->sessions) >= SESSIONS_MAX) {
		pt_request_fail(r, 503, "too many people are logged in");
		return;
	}
	g_autofree char *token = random_token();
	Session *s = g_new0(Session, 1);
	s->user = g_strdup(user);
	s->password = g_strdup(password_of(l, user));
	s->until_s = now_s() + SESSION_SECONDS;
	g_hash_table_replace(l->sessions, token_hash(token), s);
	save_sessions(l);
	g_autofree char *cookie = g_strdup_printf(COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s", token,
	                                          SESSION_SECONDS, pt_request_is_tls(r) ? "; Secure" : "");
	pt_request_add_header(r, "Set-Cookie", cookie);
	observe(l, user[0] ? user : "start link", pt_request_remote(r), "logged in");
	pt_request_reply_text(r, 200, "application/json", "{\"ok\":true}\n");
}

void pt_login_hook(void *login, PtRequest *request, PtCaller *caller) {
	PtLogin *l = login;
	const char *token = pt_request_cookie(request, COOKIE);
	if (!token)
		return;
	g_autofree char *hash = token_hash(token);
	const Session *s = g_hash_table_lookup(l->sessions, hash);
	if (!s || session_is_over(NULL, (void *)s, l))
		return;
	const User *u = s->user[0] ? g_hash_table_lookup(l->users, s->user) : NULL;
	g_strlcpy(caller->user, u ? u->name : "start link", sizeof caller->user);
	caller->role = u ? u->role : PT_ROLE_ADMIN;
	caller->cameras = u ? g_strdupv(u->cameras) : NULL;
	g_strlcpy(caller->session, hash, sizeof caller->session);
}

static bool same_cameras(char *const *a, char *const *b) {
	return a && b ? g_strv_equal((const char *const *)a, (const char *const *)b) : a == b;
}

bool pt_login_still_in(void *login, const PtCaller *caller) {
	PtLogin *l = login;
	if (!caller->session[0])
		return true;
	const Session *s = g_hash_table_lookup(l->sessions, caller->session);
	if (!s || session_is_over(NULL, (void *)s, l))
		return false;
	const User *u = s->user[0] ? g_hash_table_lookup(l->users, s->user) : NULL;
	return (u ? u->role : PT_ROLE_ADMIN) == caller->role && same_cameras(u ? u->cameras : NULL, caller->cameras);
}

/* Sockets that stay open must not outlive the login they came by. */
static void recheck(PtLogin *l) {
	if (l->server)
		pt_server_recheck(l->server);
}

/* ---- attempts ---- */

static void note_failure(PtLogin *l, const char *remote) { pt_attempts_failed(l->attempts, remote, mono()); }

typedef struct {
	PtLogin *login;
	PtRequest *request;
	char *user, *password, *hash;
	bool good;
} Check;

static void check_free(void *data) {
	Check *c = data;
	pt_request_unref(c->request);
	explicit_bzero(c->password, strlen(c->password));
	g_free(c->password);
	g_free(c->user);
	g_free(c->hash);
	g_free(c);
}

static void check_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Check *c = data;
	c->good = c->hash && pt_login_is_right(c->hash, c->password);
	if (!c->hash) { /* an unknown name costs the same time as a wrong password */
		g_autofree char *waste = pt_login_hash_password("no such user", NULL);
	}
	g_task_return_boolean(task, TRUE);
}

static void check_done(GObject *source, GAsyncResult *result, gpointer data) {
	Check *c = g_task_get_task_data(G_TASK(result));
	PtLogin *l = c->login;
	l->checking--;
	if (c->good && !g_strcmp0(password_of(l, c->user), c->hash)) {
		pt_attempts_forgive(l->attempts, pt_request_remote(c->request));
		open_session(l, c->request, c->user);
		return;
	}
	note_failure(l, pt_request_remote(c->request));
	observe(l, c->user, pt_request_remote(c->request), "wrong name or password");
	pt_request_fail(c->request, 401, "wrong name or password");
}

static void check_password(PtLogin *l, PtRequest *r, const char *user, const char *password) {
	if (l->checking >= CHECKS_MAX) {
		pt_request_add_header(r, "Retry-After", "1");
		pt_request_fail(r, 429, "others are logging in at this moment: try again in a second");
		return;
	}
	const User *u = g_hash_table_lookup(l->users, user);
	Check *c = g_new0(Check, 1);
	c->login = l;
	c->request = pt_request_ref(r);
	c->user = g_strdup(user);
	c->password = g_strdup(password);
	c->hash = u ? g_strdup(u->password) : NULL;
	l->checking++;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, check_done, NULL);
	g_task_set_task_data(task, c, check_free);
	g_task_run_in_thread(task, check_in_thread);
}

static void use_link(PtLogin *l, PtRequest *r, const char *token) {
	g_autofree char *hash = token_hash(token);
	void *expiry = NULL;
	g_autofree char *key = NULL;
	if (!g_hash_table_steal_extended(l->links, hash, (void **)&key, &expiry) ||
	    GPOINTER_TO_INT(expiry) < mono() / PT_NS_PER_S) {
		note_failure(l, pt_request_remote(r));
		observe(l, "start link", pt_request_remote(r), "link used up or too old");
		pt_request_fail(
		    r, 401,
		    "this link has been used or is older than ten minutes: restart pigtail for a new one, or log in");
		return;
	}
	open_session(l, r, "");
}

static const char *member(JsonObject *o, const char *name) {
	JsonNode *node = o ? json_object_get_member(o, name) : NULL;
	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
	           ? json_node_get_string(node)
	           : NULL;
}

static void post_login(PtRequest *r, void *data) {
	PtLogin *l = data;
	int64_t wait = pt_attempts_wait_ns(l->attempts, pt_request_remote(r), mono());
	if (wait > 0) {
		g_autofree char *seconds = g_strdup_printf("%d", (int)(wait / PT_NS_PER_S) + 1);
		pt_request_add_header(r, "Retry-After", seconds);
		pt_request_fail(r, 429, "too many wrong attempts: wait %s s", seconds);
		return;
	}
	g_autoptr(GBytes) body = pt_request_body(r);
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	gsize size;
	const char *text = g_bytes_get_data(body, &size);
	JsonNode *root = size && size < 4096 && pt_json_is_shallow(text, size, PT_JSON_DEPTH_MAX) &&
	                         json_parser_load_from_data(parser, text, (gssize)size, NULL)
	                     ? json_parser_get_root(parser)
	                     : NULL;
	JsonObject *o = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
	const char *token = member(o, "token"), *user = member(o, "user"), *password = member(o, "password");
	if (token)
		use_link(l, r, token);
	else if (user && password)
		check_password(l, r, user, password);
	else
		pt_request_fail(r, 400, "send {\"user\": …, \"password\": …}");
}

static void post_logout(PtRequest *r, void *data) {
	PtLogin *l = data;
	const char *token = pt_request_cookie(r, COOKIE);
	if (token) {
		g_autofree char *hash = token_hash(token);
		g_hash_table_remove(l->sessions, hash);
		save_sessions(l);
		recheck(l);
	}
	pt_request_add_header(r, "Set-Cookie", COOKIE "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
	pt_request_reply_text(r, 200, "application/json", "{\"ok\":true}\n");
}

static void get_me(PtRequest *r, void *data) {
	const PtCaller *c = pt_request_caller(r);
	g_autoptr(JsonBuilder) b = json_builder_new();
	json_builder_begin_object(b);
	json_builder_set_member_name(b, "user");
	json_builder_add_string_value(b, c->user);
	json_builder_set_member_name(b, "role");
	json_builder_add_string_value(b, pt_role_name(c->role));
	json_builder_end_object(b);
	g_autoptr(JsonNode) root = json_builder_get_root(b);
	g_autofree char *text = json_to_string(root, FALSE);
	pt_request_reply_text(r, 200, "application/json", text);
}

void pt_login_add_routes(PtLogin *l, PtServer *server) {
	l->server = server;
	pt_server_route(server, "POST", "/api/login", PT_ROLE_NONE, post_login, l);
	pt_server_route(server, "POST", "/api/logout", PT_ROLE_NONE, post_logout, l);
	pt_server_route(server, "GET", "/api/me", PT_ROLE_NONE, get_me, l);
}

/* ---- life ---- */

char *pt_login_make_link_token(PtLogin *l) {
	char *token = random_token();
	g_hash_table_replace(l->links, token_hash(token), GINT_TO_POINTER((int)(mono() / PT_NS_PER_S) + LINK_SECONDS));
	return token;
}

void pt_login_set_users(PtLogin *l, const PtLoginUser *users, size_t n) {
	bool first = g_hash_table_size(l->users) == 0 && g_hash_table_size(l->sessions) == 0;
	g_hash_table_remove_all(l->users);
	for (size_t i = 0; i < n; i++) {
		User *u = g_new0(User, 1);
		u->name = g_strdup(users[i].name);
		u->password = g_strdup(users[i].password);
		u->role = users[i].role;
		u->cameras = g_strdupv(users[i].cameras);
		g_hash_table_replace(l->users, u->name, u);
	}
	if (first)
		load_sessions(l);
	g_hash_table_foreach_remove(l->sessions, session_is_over, l);
	recheck(l);
}

void pt_login_set_observer(PtLogin *l, void (*fn)(const char *, const char *, const char *, void *), void *data) {
	l->observer = fn;
	l->observer_data = data;
}

PtLogin *pt_login_new(const char *sessions_path) {
	PtLogin *l = g_new0(PtLogin, 1);
	l->sessions_path = g_strdup(sessions_path);
	l->users = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, user_free);
	l->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, session_free);
	l->attempts = pt_attempts_new();
	l->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return l;
}

void pt_login_free(PtLogin *l) {
	if (!l)
		return;
	g_hash_table_unref(l->users);
	g_hash_table_unref(l->sessions);
	pt_attempts_free(l->attempts);
	g_hash_table_unref(l->links);
	g_free(l->sessions_path);
	g_free(l);
}
