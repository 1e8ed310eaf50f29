/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include <string.h>
#include <sys/random.h>

#define MAX_VALUE 4096 /* a longer parameter is nobody's login */
#define MAX_NONCES 1024

bool pt_digest_equal(const void *a, const void *b, size_t n) {
	const volatile unsigned char *x = a, *y = b;
	unsigned char diff = 0;
	for (size_t i = 0; i < n; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

static bool same_text(const char *a, const char *b) {
	size_t n = strlen(a);
	return n == strlen(b) && pt_digest_equal(a, b, n);
}

static void wipe(char *text) {
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
}

static void random_bytes(void *p, size_t n) {
	if (getrandom(p, n, 0) != (ssize_t)n)
		g_error("the kernel gives no random numbers");
}

static char *hash_joined(GChecksumType type, const char *const *parts) {
	GChecksum *sum = g_checksum_new(type);
	for (const char *const *p = parts; *p; p++) {
		if (p != parts)
			g_checksum_update(sum, (const guchar *)":", 1);
		g_checksum_update(sum, (const guchar *)*p, (gssize)strlen(*p));
	}
	char *hex = g_strdup(g_checksum_get_string(sum));
	g_checksum_free(sum);
	return hex;
}

#define HASH(type, ...) hash_joined(type, (const char *const[]){__VA_ARGS__, NULL})

char *pt_digest_response(GChecksumType type, bool session, const char *user, const char *realm, const char *password,
                         const char *method, const char *uri, const char *nonce, const char *nc, const char *cnonce,
                         const char *qop) {
	char *a1 = HASH(type, user, realm, password);
	if (session) {
		char *once = a1;
		a1 = HASH(type, once, nonce, cnonce);
		wipe(once);
	}
	g_autofree char *a2 = HASH(type, method, uri);
	char *response = qop && *qop ? HASH(type, a1, nonce, nc, cnonce, qop, a2) : HASH(type, a1, nonce, a2);
	wipe(a1);
	return response;
}

/* ---- header syntax ---- */

typedef enum { SCHEME_OTHER, SCHEME_BASIC, SCHEME_DIGEST } Scheme;

typedef struct {
	Scheme scheme;
	GChecksumType type;
	bool known, session, stale, algorithm_given;
	char *realm, *nonce, *opaque, *qop; /* client and server */
	char *username, *uri, *response, *cnonce, *nc;
} Params;

static void params_clear(Params *p) {
	char **all[] = {&p->realm, &p->nonce, &p->opaque, &p->qop, &p->username, &p->uri, &p->response, &p->cnonce, &p->nc};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		g_free(*all[i]);
	*p = (Params){0};
}

static bool is_token(char c) { return g_ascii_isgraph(c) && !strchr("()<>@,;:\\\"/[]?={}", c); }

static void skip_blanks(const char **p) {
	while (**p == ' ' || **p == '\t')
		(*p)++;
}

static char *read_token(const char **p) {
	const char *start = *p;
	while (is_token(**p))
		(*p)++;
	return g_strndup(start, (gsize)(*p - start));
}

static char *read_value(const char **p) {
	if (**p != '"') { /* tolerant: whatever stands before a comma or blank */
		const char *start = *p;
		while (**p && !strchr(", \t", **p))
			(*p)++;
		return g_strndup(start, (gsize)(*p - start));
	}
	GString *s = g_string_new(NULL);
	for ((*p)++; **p && **p != '"'; (*p)++) {
		if (**p == '\\' && (*p)[1])
			(*p)++;
		g_string_append_c(s, **p);
	}
	if (**p == '"')
		(*p)++;
	return g_string_free(s, FALSE);
}

static void set_algorithm(Params *p, const char *value) {
	static const struct {
		const char *name;
		GChecksumType type;
		bool session;
	} known[] = {{"MD5", G_CHECKSUM_MD5, false},
	             {"MD5-sess", G_CHECKSUM_MD5, true},
	             {"SHA-256", G_CHECKSUM_SHA256, false},
	             {"SHA256", G_CHECKSUM_SHA256, false},
	             {"SHA-256-sess", G_CHECKSUM_SHA256, true}};
	p->known = false;
	p->algorithm_given = true;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (!g_ascii_strcasecmp(value, known[i].name)) {
			p->type = known[i].type;
			p->session = known[i].session;
			p->known = true;
		}
}

static void set_param(Params *p, const char *name, char *value) {
	struct {
		const char *name;
		char **to;
	} texts[] = {{"realm", &p->realm},       {"nonce", &p->nonce},       {"opaque", &p->opaque},
	             {"qop", &p->qop},           {"username", &p->username}, {"uri", &p->uri},
	             {"response", &p->response}, {"cnonce", &p->cnonce},     {"nc", &p->nc}};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (!g_ascii_strcasecmp(name, texts[i].name) && !*texts[i].to && strlen(value) <= MAX_VALUE) {
			*texts[i].to = value;
			return;
		}
	if (!g_ascii_strcasecmp(name, "algorithm"))
		set_algorithm(p, value);
	else if (!g_ascii_strcasecmp(name, "stale"))
		p->stale = !g_ascii_strcasecmp(value, "true");
	g_free(value);
}

static void set_scheme(Params *p, const char *name) {
	if (!g_ascii_strcasecmp(name, "Digest"))
		*p = (Params){.scheme = SCHEME_DIGEST, .type = G_CHECKSUM_MD5, .known = true};
	else if (!g_ascii_strcasecmp(name, "Basic"))
		*p = (Params){.scheme = SCHEME_BASIC, .known = true};
	else
		*p = (Params){.scheme = SCHEME_OTHER};
}

/* The next "Scheme name=value, name=value" of a header that may hold several; false at the end. */
static bool next_challenge(const char **cursor, Params *ret) {
	const char *p = *cursor;
	bool found = false;
	*ret = (Params){0};
	while (*p) {
		if (*p == ',' || !is_token(*p)) {
			p++;
			continue;
		}
		const char *start = p;
		g_autofree char *name = read_token(&p);
		skip_blanks(&p);
		if (*p == '=') {
			p++;
			skip_blanks(&p);
			set_param(ret, name, read_value(&p));
		} else if (found) {
			p = start; /* the next scheme begins */
			break;
		} else {
			params_clear(ret);
			set_scheme(ret, name);
			found = true;
		}
	}
	*cursor = p;
	if (!found)
		params_clear(ret);
	return found;
}

/* ---- client ---- */

struct PtDigestClient {
	char *user, *password;
	bool no_basic;
	Params gathered, current; /* scheme OTHER: none */
	bool tried;               /* the credentials went out and have not been accepted since */
	unsigned nc;
	bool elsewhere, foreign; /* foreign: a challenge came that is not to be answered */
	char *only_realm;        /* elsewhere; NULL: none is answered */
};

PtDigestClient *pt_digest_client_new(const char *user, const char *password) {
	PtDigestClient *c = g_new0(PtDigestClient, 1);
	c->user = g_strdup(user);
	c->password = g_strdup(password ? password : "");
	return c;
}

PtDigestClient *pt_digest_client_new_elsewhere(const PtDigestClient *first) {
	PtDigestClient *c = pt_digest_client_new(first->user, first->password);
	c->elsewhere = true;
	c->only_realm = g_strdup(first->elsewhere ? first->only_realm : first->current.realm);
	return c;
}

void pt_digest_client_free(PtDigestClient *client) {
	if (!client)
		return;
	g_free(client->only_realm);
	params_clear(&client->gathered);
	params_clear(&client->current);
	g_free(client->user);
	wipe(client->password);
	g_free(client);
}

void pt_digest_client_allow_basic(PtDigestClient *client, bool allow) { client->no_basic = !allow; }

void pt_digest_client_begin(PtDigestClient *client) {
	params_clear(&client->gathered);
	client->foreign = false;
}

static bool offers_auth(const char *qop) {
	if (!qop || !*qop)
		return true;
	g_auto(GStrv) list = g_strsplit_set(qop, ", \t", -1);
	for (char **q = list; *q; q++)
		if (!g_ascii_strcasecmp(*q, "auth"))
			return true;
	return false;
}

static int strength(const Params *p) {
	if (p->scheme == SCHEME_BASIC)
		return 1;
	if (p->scheme != SCHEME_DIGEST || !p->known || !p->nonce || !offers_auth(p->qop))
		return 0;
	return p->type == G_CHECKSUM_SHA256 ? 3 : 2;
}

void pt_digest_client_challenge(PtDigestClient *client, const char *www_authenticate) {
	Params p;
	while (next_challenge(&www_authenticate, &p)) {
		if (client->elsewhere &&
		    (p.scheme != SCHEME_DIGEST || !client->only_realm || g_strcmp0(p.realm, client->only_realm))) {
			client->foreign = true;
			params_clear(&p);
			continue;
		}
		if (strength(&p) > strength(&client->gathered)) {
			params_clear(&client->gathered);
			client->gathered = p;
		} else {
			params_clear(&p);
		}
	}
}

PtDigestAnswer pt_digest_client_choose(PtDigestClient *client) {
	Params *g = &client->gathered, *c = &client->current;
	bool usable = strength(g) && !(client->no_basic && g->scheme == SCHEME_BASIC);
	if (!usable && !(client->foreign && !client->user))
		return client->foreign ? PT_DIGEST_FOREIGN : PT_DIGEST_UNSUPPORTED;
	if (!client->user)
		return PT_DIGEST_NO_LOGIN;
	if (client->tried) {
		/* refused with this challenge's kind, unless the server says that its nonce alone was too old */
		bool again = g->scheme == SCHEME_DIGEST && (g->stale || c->scheme != SCHEME_DIGEST || c->type != g->type);
		if (!again || (g->stale && c->stale && !g_strcmp0(g->nonce, c->nonce)))
			return PT_DIGEST_WRONG;
	}
	params_clear(c);
	*c = *g;
	*g = (Params){0};
	client->nc = 0;
	return PT_DIGEST_RETRY;
}

void pt_digest_client_accepted(PtDigestClient *client) { client->tried = false; }
void pt_digest_client_reset(PtDigestClient *client) { client->tried = false; }

static void append_quoted(GString *s, const char *name, const char *value) {
	g_string_append_printf(s, "%s%s=\"", s->str[s->len - 1] == ' ' ? "" : ", ", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			g_string_append_c(s, '\\');
		if (*value != '\r' && *value != '\n')
			g_string_append_c(s, *value);
	}
	g_string_append_c(s, '"');
}

static char *authorize_basic(const PtDigestClient *c) {
	char *plain = g_strdup_printf("%s:%s", c->user, c->password);
	char *coded = g_base64_encode((const guchar *)plain, strlen(plain));
	char *value = g_strdup_printf("Basic %s", coded);
	wipe(plain);
	wipe(coded);
	return value;
}

char *pt_digest_client_authorize(PtDigestClient *client, const char *method, const char *uri) {
	const Params *p = &client->current;
	if (p->scheme == SCHEME_OTHER || !client->user)
		return NULL;
	client->tried = true;
	if (p->scheme == SCHEME_BASIC)
		return authorize_basic(client);
	unsigned char random[16];
	char cnonce[33], nc[9];
	random_bytes(random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		g_snprintf(cnonce + 2 * i, 3, "%02x", random[i]);
	g_snprintf(nc, sizeof nc, "%08x", ++client->nc);
	const char *qop = p->qop && *p->qop ? "auth" : NULL, *realm = p->realm ? p->realm : "";
	g_autofree char *response = pt_digest_response(p->type, p->session, client->user, realm, client->password, method,
	                                               uri, p->nonce, nc, cnonce, qop);
	GString *s = g_string_new("Digest ");
	append_quoted(s, "username", client->user);
	append_quoted(s, "realm", realm);
	append_quoted(s, "nonce", p->nonce);
	append_quoted(s, "uri", uri);
	append_quoted(s, "response", response);
	if (p->algorithm_given) /* some old servers choke on what they did not say */
		g_string_append_printf(s, ", algorithm=%s%s", p->type == G_CHECKSUM_SHA256 ? "SHA-256" : "MD5",
		                       p->session ? "-sess" : "");
	if (qop || p->session)
		append_quoted(s, "cnonce", cnonce);
	if (qop)
		g_string_append_printf(s, ", qop=auth, nc=%s", nc);
	if (p->opaque)
		append_quoted(s, "opaque", p->opaque);
	return g_string_free(s, FALSE);
}

/* ---- server ---- */

/* A nonce is its own proof: issue time, random, and a MAC over both. Only those somebody logged in with are remembered
 * (for their counts), so that strangers asking for challenges cannot push anybody out. */
#define NONCE_TEXT 64 /* 16 time + 16 random + 32 MAC */

typedef struct {
	char nonce[NONCE_TEXT + 1];
	int64_t issued;
	unsigned top;  /* highest count seen */
	uint64_t seen; /* bit n: top - n was used */
} Use;

struct PtDigestServer {
	char *realm;
	int64_t lifetime;
	PtClock *clock;
	unsigned char secret[32];

	/* under lock */
	GMutex lock;
	GHashTable *uses;  /* nonce -> Use */
	int64_t forgotten; /* uses of nonces issued until then are no longer remembered */
};

PtDigestServer *pt_digest_server_new(const char *realm, int64_t lifetime_ns, PtClock *clock) {
	PtDigestServer *s = g_new0(PtDigestServer, 1);
	s->realm = g_strdup(realm);
	s->lifetime = lifetime_ns;
	s->clock = clock;
	s->forgotten = INT64_MIN;
	random_bytes(s->secret, sizeof s->secret);
	g_mutex_init(&s->lock);
	s->uses = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	return s;
}

void pt_digest_server_free(PtDigestServer *server) {
	if (!server)
		return;
	g_hash_table_unref(server->uses);
	g_mutex_clear(&server->lock);
	explicit_bzero(server->secret, sizeof server->secret);
	g_free(server->realm);
	g_free(server);
}

static void sign_nonce(PtDigestServer *s, char *nonce) {
	g_autofree char *mac =
	    g_compute_hmac_for_data(G_CHECKSUM_SHA256, s->secret, sizeof s->secret, (const guchar *)nonce, 32);
	memcpy(nonce + 32, mac, 32);
	nonce[NONCE_TEXT] = 0;
}

char **pt_digest_server_challenges(PtDigestServer *server, bool stale) {
	guint64 random;
	char nonce[NONCE_TEXT + 1];
	random_bytes(&random, sizeof random);
	g_snprintf(nonce, sizeof nonce, "%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x",
	           (guint64)pt_mono_ns(server->clock), random);
	sign_nonce(server, nonce);
	GStrvBuilder *builder = g_strv_builder_new();
	static const char *const algorithms[] = {"SHA-256", "MD5"};
	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		GString *s = g_string_new("Digest ");
		append_quoted(s, "realm", server->realm);
		append_quoted(s, "nonce", nonce);
		g_string_append_printf(s, ", algorithm=%s, qop=\"auth\"%s", algorithms[i], stale ? ", stale=true" : "");
		g_strv_builder_add(builder, s->str);
		g_string_free(s, TRUE);
	}
	char **list = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return list;
}

/* Ours and not too old: when it was issued. */
static PtDigestVerdict check_nonce(PtDigestServer *s, const char *nonce, int64_t *ret_issued) {
	char want[NONCE_TEXT + 1], time[17];
	if (strlen(nonce) != NONCE_TEXT)
		return PT_DIGEST_STALE;
	memcpy(want, nonce, 32);
	sign_nonce(s, want);
	if (!pt_digest_equal(want, nonce, NONCE_TEXT))
		return PT_DIGEST_STALE;
	memcpy(time, nonce, 16);
	time[16] = 0;
	*ret_issued = (int64_t)g_ascii_strtoull(time, NULL, 16);
	return pt_mono_ns(s->clock) - *ret_issued > s->lifetime ? PT_DIGEST_STALE : PT_DIGEST_OK;
}

static void make_room(PtDigestServer *s) {
	GHashTableIter iter;
	gpointer value;
	int64_t now = pt_mono_ns(s->clock), oldest = INT64_MAX;
	g_hash_table_iter_init(&iter, s->uses);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Use *u = value;
		if (now - u->issued > s->lifetime)
			g_hash_table_iter_remove(&iter);
		else
			oldest = MIN(oldest, u->issued);
	}
	if (g_hash_table_size(s->uses) < MAX_NONCES)
		return;
	g_hash_table_iter_init(&iter, s->uses);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const Use *)value)->issued == oldest)
			g_hash_table_iter_remove(&iter);
	s->forgotten = MAX(s->forgotten, oldest);
}

/* Counts may come out of order over several connections, never twice. */
static bool use_count(PtDigestServer *s, const char *nonce, int64_t issued, unsigned nc) {
	Use *u = g_hash_table_lookup(s->uses, nonce);
	if (!u) {
		if (issued <= s->forgotten)
			return false;
		if (g_hash_table_size(s->uses) >= MAX_NONCES)
			make_room(s);
		u = g_new0(Use, 1);
		g_strlcpy(u->nonce, nonce, sizeof u->nonce);
		u->issued = issued;
		g_hash_table_insert(s->uses, u->nonce, u);
	}
	if (nc > u->top) {
		u->seen = nc - u->top < 64 ? u->seen << (nc - u->top) | 1 : 1;
		u->top = nc;
		return true;
	}
	unsigned back = u->top - nc;
	if (back >= 64 || u->seen >> back & 1)
		return false;
	u->seen |= UINT64_C(1) << back;
	return true;
}

static PtDigestVerdict verify(PtDigestServer *s, const Params *p, const char *method, const char *uri, PtDigestLookup lookup,
                              void *data) {
	bool counted = p->qop && *p->qop;
	char *end = NULL;
	if (!p->username || !p->realm || !p->nonce || !p->uri || !p->response || !p->known)
		return PT_DIGEST_INVALID;
	if ((counted && (g_ascii_strcasecmp(p->qop, "auth") || !p->nc || strlen(p->nc) != 8)) ||
	    ((counted || p->session) && !p->cnonce) || (uri && strcmp(uri, p->uri)) || strcmp(p->realm, s->realm))
		return PT_DIGEST_INVALID;
	guint64 nc = counted ? g_ascii_strtoull(p->nc, &end, 16) : 0;
	if (counted && (*end || !nc || !g_ascii_isxdigit(p->nc[0])))
		return PT_DIGEST_INVALID;
	int64_t issued = 0;
	PtDigestVerdict verdict = check_nonce(s, p->nonce, &issued);
	if (verdict != PT_DIGEST_OK)
		return verdict;
	char *password = lookup(data, p->username);
	/* an unknown user costs as long as a known one */
	g_autofree char *want =
	    pt_digest_response(p->type, p->session, p->username, p->realm, password ? password : "", method, p->uri,
	                       p->nonce, p->nc ? p->nc : "", p->cnonce ? p->cnonce : "", p->qop);
	g_autofree char *got = g_ascii_strdown(p->response, -1);
	bool right = same_text(want, got) && password;
	wipe(password);
	if (!right)
		return PT_DIGEST_REFUSED;
	if (!counted)
		return PT_DIGEST_OK;
	g_mutex_lock(&s->lock);
	bool fresh = use_count(s, p->nonce, issued, (unsigned)nc);
	g_mutex_unlock(&s->lock);
	return fresh ? PT_DIGEST_OK : PT_DIGEST_STALE;
}

PtDigestVerdict pt_digest_server_verify(PtDigestServer *server, const char *authorization, const char *method,
                                        const char *uri, PtDigestLookup lookup, void *data, char **ret_user) {
	Params p;
	if (!authorization || !next_challenge(&authorization, &p))
		return PT_DIGEST_MISSING;
	PtDigestVerdict verdict = PT_DIGEST_MISSING;
	if (p.scheme == SCHEME_DIGEST)
		verdict = verify(server, &p, method, uri, lookup, data);
	if (verdict == PT_DIGEST_OK && ret_user)
		*ret_user = g_steal_pointer(&p.username);
	params_clear(&p);
	return verdict;
}
