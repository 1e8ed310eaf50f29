/* The section `notify:`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "base/units.h"
#include "notify/dc09.h"
#include "site/internal.h"
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

#define MAIL_PORT 587
#define MAIL_PORT_TLS 465
#define WEBHOOK_EXPIRES_NS (300 * PT_NS_PER_S) /* of a rule's own request: later it would surprise */

static const char *const formats[] = {"sia-dcs", "adm-cid", NULL};

/* ---- parts of a target ---- */

/* A token of the secrets file; NULL with a problem when there is none. Caller frees. */
static char *read_token(const PtSite *site, const PtNode *node, char **ret_name, GPtrArray *problems) {
	if (!pt_node_read_text(node, ret_name, problems))
		return NULL;
	char *token = pt_site_token(site, *ret_name);
	if (!token)
		pt_problem(problems, node, "there is no token named '%.60s': write 'tokens: { %.60s: … }' in secrets.yaml",
		           *ret_name, *ret_name);
	return token;
}

static bool is_mail_address(const char *text) {
	const char *at = strchr(text, '@');
	for (const char *p = text; *p; p++)
		if ((guchar)*p <= ' ' || (guchar)*p >= 0x7f || strchr("<>,;:\"()[]\\", *p))
			return false;
	return at && at > text && at[1] && !strchr(at + 1, '@') && strlen(text) < 255;
}

static void read_address(const PtNode *node, char **ret, GPtrArray *problems) {
	if (pt_node_read_text(node, ret, problems) && !is_mail_address(*ret))
		pt_problem(problems, node, "'%.60s' is no mail address: write one such as hub@example.org", *ret);
}

static char **read_addresses(const PtNode *node, GPtrArray *problems) {
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();
	bool several = node && node->kind == PT_NODE_LIST;
	for (unsigned i = 0; i < (several ? pt_node_count(node) : 1); i++) {
		g_autofree char *one = NULL;
		read_address(several ? pt_node_at(node, i) : node, &one, problems);
		if (one)
			g_strv_builder_add(list, one);
	}
	if (several && !pt_node_count(node))
		pt_problem(problems, node, "names nobody");
	return g_strv_builder_end(list);
}

/* SCHEME://HOST[:PORT], one of two schemes. False: a problem was added. */
static bool read_peer(const PtNode *node, const char *const *schemes, char **ret_host, int *ret_port, int *ret_scheme,
                      GPtrArray *problems) {
	g_autofree char *text = NULL;
	if (!pt_node_read_text(node, &text, problems) || !pt_site_check_url(node, text, schemes, problems))
		return false;
	g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NON_DNS, NULL);
	if (!uri || !g_uri_get_host(uri) || !*g_uri_get_host(uri) || strlen(g_uri_get_path(uri)) > 1 ||
	    g_uri_get_query(uri)) {
		pt_problem(problems, node, "'%.60s' is no address: write %s://HOST:PORT", text, schemes[0]);
		return false;
	}
	*ret_scheme = strcmp(g_uri_get_scheme(uri), schemes[0]) != 0;
	*ret_host = g_strdup(g_uri_get_host(uri));
	*ret_port = g_uri_get_port(uri);
	return true;
}

static bool read_plain(const PtNode *one, GPtrArray *problems) {
	static const char *const words[] = {"off", "lan", NULL};
	int word = 0;
	pt_node_read_choice(pt_node_get(one, "plain"), words, &word, problems);
	return word == 1;
}

/* ["22:00", "6:00"] */
static void read_quiet(const PtNode *node, PtNotifyTarget *t, GPtrArray *problems) {
	int *ends[] = {&t->quiet_from_min, &t->quiet_to_min};
	bool good = node && node->kind == PT_NODE_LIST && pt_node_count(node) == 2;
	for (unsigned i = 0; good && i < 2; i++) {
		const PtNode *end = pt_node_at(node, i);
		int hour = 0, minute = 0, used = 0;
		good = end->kind == PT_NODE_SCALAR && sscanf(end->text, "%2d:%2d%n", &hour, &minute, &used) == 2 &&
		       !end->text[used] && hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
		*ends[i] = hour * 60 + minute;
	}
	if (node && (!good || t->quiet_from_min == t->quiet_to_min)) {
		pt_problem(problems, node, "must be two times of day, such as [\"22:00\", \"6:00\"]");
		t->quiet_from_min = t->quiet_to_min = -1;
	}
}

/* ---- the kinds ---- */

static void read_hook(PtSite *site, const PtNode *one, const PtNode *url, PtNotifyTarget *t, GPtrArray *problems) {
	static const char *const known[] = {"webhook", "ntfy", "attach", "secret", "quiet", "group", "expires", NULL};
	static const char *const schemes[] = {"https", "http", NULL};
	pt_node_check_keys(one, known, problems);
	if (pt_node_read_text(url, &t->url, problems))
		pt_site_check_url(url, t->url, schemes, problems);
	t->secret = read_token(site, pt_node_get(one, "secret"), &t->key_name, problems);
	const PtNode *attach = pt_node_get(one, "attach");
	if (attach && t->kind != PT_NOTIFY_NTFY)
		pt_problem(problems, attach, "is for ntfy: how large a picture may be that goes with a message");
	pt_node_read_size(attach, &t->attach_bytes, problems);
}

static void read_login(PtSite *site, const PtNode *node, PtNotifyTarget *t, GPtrArray *problems) {
	if (!pt_node_read_text(node, &t->login, problems))
		return;
	const PtSiteLogin *login = pt_site_login(site, t->login);
	if (login && login->user) {
		t->user = g_strdup(login->user);
		t->password = g_strdup(login->password);
		return;
	}
	pt_problem(problems, node,
	           "there is no login named '%.60s': write 'logins: { %.60s: { user: …, password: … } }' in "
	           "secrets.yaml",
	           t->login, t->login);
}

static void read_mail(PtSite *site, const PtNode *one, PtNotifyTarget *t, GPtrArray *problems) {
	static const char *const known[] = {"mail",  "smtp",  "from",  "login",   "ca",
	                                    "plain", "quiet", "group", "expires", NULL};
	static const char *const schemes[] = {"smtps", "smtp", NULL};
	g_autofree char *host = NULL;
	int port, clear;
	const PtNode *smtp = pt_node_get(one, "smtp");
	if (!pt_node_check_keys(one, known, problems))
		return;
	t->to = read_addresses(pt_node_get(one, "mail"), problems);
	read_address(pt_node_get(one, "from"), &t->from, problems);
	if (!smtp || !t->from)
		pt_problem(problems, one,
		           "needs smtp, the server, and from, the hub's own address: write { mail: you@example.org, "
		           "smtp: smtps://mail.example.org, from: hub@example.org, login: NAME }");
	read_login(site, pt_node_get(one, "login"), t, problems);
	if (pt_node_get(one, "ca"))
		pt_site_read_path(site, pt_node_get(one, "ca"), &t->ca, problems);
	if (!read_peer(smtp, schemes, &host, &port, &clear, problems))
		return;
	t->plain = clear && (read_plain(one, problems) || pt_site_is_loopback(host));
	bool v6 = strchr(host, ':') != NULL;
	t->url = g_strdup_printf("%s://%s%s%s:%d", schemes[clear], v6 ? "[" : "", host, v6 ? "]" : "",
	                         port > 0 ? port
	                         : clear  ? MAIL_PORT
	                                  : MAIL_PORT_TLS);
}

static void read_key(PtSite *site, const PtNode *node, PtNotifyTarget *t, GPtrArray *problems) {
	g_autofree char *hex = read_token(site, node, &t->key_name, problems);
	size_t n = hex ? strlen(hex) : 0;
	if (!hex)
		return;
	bool good = (n == 32 || n == 48 || n == 64) && strspn(hex, "0123456789abcdefABCDEF") == n;
	for (size_t i = 0; good && i < n / 2; i++)
		t->key[i] = (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
	t->key_size = good ? (unsigned)(n / 2) : 0;
	if (!good)
		pt_problem(problems, node, "the token '%.60s' is no AES key: write 32, 48 or 64 hex digits", t->key_name);
	memset(hex, 0, n);
}

static void read_station(PtSite *site, const PtNode *one, PtNotifyTarget *t, GPtrArray *problems) {
	static const char *const known[] = {"sia",   "account",   "format", "key",   "receiver", "line",
	                                    "plain", "supervise", "quiet",  "group", "expires",  NULL};
	static const char *const schemes[] = {"tcp", "udp", NULL};
	int word = 0, udp = 0;
	int64_t number;
	if (!pt_node_check_keys(one, known, problems))
		return;
	const PtNode *sia = pt_node_get(one, "sia"), *account = pt_node_get(one, "account");
	if (pt_node_read_choice(pt_node_get(one, "format"), formats, &word, problems))
		t->contact_id = word == 1;
	if (!account)
		pt_problem(problems, one, "needs account: the number that the station gave you");
	if (pt_node_read_text(account, &t->account, problems) &&
	    (strlen(t->account) < 3 || strlen(t->account) > 16 ||
	     strspn(t->account, "0123456789ABCDEF") != strlen(t->account)))
		pt_problem(problems, account, "'%.40s' is no account: 3 to 16 digits, or A to F", t->account);
	if (pt_node_read_integer(pt_node_get(one, "receiver"), 1, 0xffffff, &number, problems))
		t->receiver = (unsigned)number;
	if (pt_node_read_integer(pt_node_get(one, "line"), 0, 0xffffff, &number, problems))
		t->line = (unsigned)number;
	pt_node_read_duration(pt_node_get(one, "supervise"), PT_NS_PER_S, 7 * 86400 * PT_NS_PER_S, &t->supervise_ns,
	                      problems);
	read_key(site, pt_node_get(one, "key"), t, problems);
	t->plain = read_plain(one, problems);
	if (!read_peer(sia, schemes, &t->host, &t->port, &udp, problems))
		return;
	t->udp = udp;
	if (t->port <= 0)
		pt_problem(problems, sia, "needs the station's port: write %s://%s:PORT", schemes[udp], t->host);
	if (!pt_node_get(one, "key") && !t->plain && !pt_site_is_loopback(t->host))
		pt_problem(problems, sia,
		           "%s is not on this machine, and without a key anybody on the way can read, change and "
		           "silence alarms: write key: NAME, or accept it with plain: lan",
		           t->host);
}

/* push: all | [USER, …] */
static void read_push(const PtNode *one, const PtNode *push, PtNotifyTarget *t, GPtrArray *problems) {
	static const char *const known[] = {"push", "quiet", "group", "expires", NULL};
	if (!pt_node_check_keys(one, known, problems) || (push->kind == PT_NODE_SCALAR && !strcmp(push->text, "all")))
		return;
	g_autoptr(GStrvBuilder) users = g_strv_builder_new();
	if (!pt_node_is_kind(push, PT_NODE_LIST, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(push); i++) {
		g_autofree char *name = NULL;
		if (pt_node_read_text(pt_node_at(push, i), &name, problems))
			g_strv_builder_add(users, name);
	}
	t->to = g_strv_builder_end(users);
}

void pt_site_read_notify(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const struct {
		const char *key;
		PtNotifyKind kind;
	} kinds[] = {{"webhook", PT_NOTIFY_WEBHOOK},
	             {"ntfy", PT_NOTIFY_NTFY},
	             {"mail", PT_NOTIFY_MAIL},
	             {"sia", PT_NOTIFY_STATION},
	             {"push", PT_NOTIFY_PUSH}};
	if (!node || !pt_node_is_kind(node, PT_NODE_MAP, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *one = pt_node_at(node, i), *what = NULL;
		PtNotifyKind kind = PT_NOTIFY_WEBHOOK;
		unsigned said = 0;
		if (!pt_site_check_name(one, "a notify target", problems) || !pt_node_is_kind(one, PT_NODE_MAP, problems))
			continue;
		for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
			if (!pt_node_get(one, kinds[k].key))
				continue;
			what = pt_node_get(one, kinds[k].key);
			kind = kinds[k].kind;
			said++;
		}
		if (said != 1) {
			pt_problem(problems, one, "needs one of webhook, ntfy, mail, sia and push: where to send to");
			continue;
		}
		PtNotifyTarget *t = pt_notify_target_new(kind, one->key);
		g_ptr_array_add(site->notify, t);
		if (kind == PT_NOTIFY_MAIL)
			read_mail(site, one, t, problems);
		else if (kind == PT_NOTIFY_STATION)
			read_station(site, one, t, problems);
		else if (kind == PT_NOTIFY_PUSH)
			read_push(one, what, t, problems);
		else
			read_hook(site, one, what, t, problems);
		t->zone = site->zone ? g_time_zone_ref(site->zone) : g_time_zone_new_local();
		read_quiet(pt_node_get(one, "quiet"), t, problems);
		pt_node_read_duration(pt_node_get(one, "group"), PT_NS_PER_S, 3600 * PT_NS_PER_S, &t->group_ns, problems);
		pt_node_read_duration(pt_node_get(one, "expires"), PT_NS_PER_S, 30 * 86400 * PT_NS_PER_S, &t->expires_ns,
		                      problems);
	}
}

/* ---- with the rules ---- */

static void check_users(const PtSite *site, const PtNotifyTarget *t, GPtrArray *problems) {
	g_autofree const char **names = pt_site_names(site->users, G_STRUCT_OFFSET(PtSiteUser, name));
	for (char **user = t->kind == PT_NOTIFY_PUSH ? t->to : NULL; user && *user; user++) {
		g_autofree char *meant = pt_suggest_text(*user, names);
		if (!pt_site_user(site, *user))
			pt_problem_text(problems, "%s: notify.%s.push: there is no user '%.60s' in the users file%s",
			                site->path, t->name, *user, meant);
	}
}

static void check_code(const PtSite *site, const PtRule *rule, const PtAction *a, GPtrArray *problems) {
	bool fits = !a->code;
	for (guint i = 0; i < site->notify->len; i++) {
		const PtNotifyTarget *t = site->notify->pdata[i];
		if (t->kind != PT_NOTIFY_STATION || (a->target && strcmp(a->target, t->name)))
			continue;
		if (a->code && !pt_dc09_code_valid(a->code, t->contact_id))
			pt_problem_text(problems, "%s:%d: rules.%s: the code '%.20s' is none that %s understands: write %s",
			                site->path, rule->line, rule->name, a->code, t->name,
			                t->contact_id ? "1, 3 or 6 and the event's three digits, such as 1130 (Contact ID)"
			                              : "two capital letters, such as BA");
		fits = true;
	}
	if (!fits)
		pt_problem_text(problems, "%s:%d: rules.%s: a code goes to monitoring stations alone, and %s is none",
		                site->path, rule->line, rule->name, a->target ? a->target : "any target");
}

static void add_webhook(PtSite *site, const PtRule *rule, guint number, const PtAction *a) {
	g_autofree char *name = pt_site_webhook_name(rule, number);
	PtNotifyTarget *t = pt_notify_target_new(PT_NOTIFY_ORDER, name);
	t->url = g_strdup(a->target);
	t->method = g_strdup(a->method);
	t->secret = a->secret ? pt_site_token(site, a->secret) : NULL;
	t->expires_ns = WEBHOOK_EXPIRES_NS;
	g_ptr_array_add(site->notify, t);
}

char *pt_site_webhook_name(const PtRule *rule, unsigned number) {
	return g_strdup_printf("%s: webhook %u", rule->name, number);
}

void pt_site_finish_notify(PtSite *site, GPtrArray *problems) {
	for (guint i = 0; i < site->notify->len; i++)
		check_users(site, site->notify->pdata[i], problems);
	for (guint i = 0; i < site->rules->list->len; i++) {
		const PtRule *rule = site->rules->list->pdata[i];
		for (guint k = 0; k < rule->actions->len; k++) {
			const PtAction *a = rule->actions->pdata[k];
			if (a->kind == PT_DO_NOTIFY)
				check_code(site, rule, a, problems);
			else if (a->kind == PT_DO_WEBHOOK)
				add_webhook(site, rule, k, a);
		}
	}
}

/* ---- as text ---- */

static void print_mail(GString *out, const PtNotifyTarget *t) {
	g_autofree char *to = g_strjoinv("\", \"", t->to); /* checked: nothing in them ends a quoted text */
	g_string_append_printf(out, " mail: [\"%s\"]", to);
	pt_print_text(out, "smtp", t->url);
	pt_print_text(out, "from", t->from);
	pt_print_text(out, "login", t->login);
	pt_print_text(out, "ca", t->ca);
	pt_print_text(out, "plain", t->plain ? "lan" : NULL);
}

static void print_station(GString *out, const PtNotifyTarget *t) {
	bool v6 = strchr(t->host, ':') != NULL;
	g_autofree char *sia =
	    g_strdup_printf("%s://%s%s%s:%d", t->udp ? "udp" : "tcp", v6 ? "[" : "", t->host, v6 ? "]" : "", t->port);
	pt_print_text(out, "sia", sia);
	g_string_append_printf(out, ", account: \"%s\"", t->account);
	pt_print_text(out, "format", formats[t->contact_id]);
	pt_print_text(out, "key", t->key_name);
	if (t->receiver)
		pt_print_number(out, "receiver", t->receiver);
	if (t->line)
		pt_print_number(out, "line", t->line);
	pt_print_duration(out, "supervise", t->supervise_ns);
	pt_print_text(out, "plain", t->plain ? "lan" : NULL);
}

static void print_push(GString *out, const PtNotifyTarget *t) {
	g_autofree char *users = t->to ? g_strjoinv(", ", t->to) : NULL; /* names of users: letters and digits */
	if (users)
		g_string_append_printf(out, " push: [%s]", users);
	else
		g_string_append(out, " push: all");
}

static void print_target(GString *out, const PtNotifyTarget *t) {
	g_autofree char *shown = t->url ? pt_site_shown_url(t->url) : NULL;
	if (t->kind == PT_NOTIFY_MAIL)
		print_mail(out, t);
	else if (t->kind == PT_NOTIFY_STATION)
		print_station(out, t);
	else if (t->kind == PT_NOTIFY_PUSH)
		print_push(out, t);
	else
		pt_print_text(out, t->kind == PT_NOTIFY_NTFY ? "ntfy" : "webhook", shown);
	if (t->kind == PT_NOTIFY_NTFY || t->kind == PT_NOTIFY_WEBHOOK)
		pt_print_text(out, "secret", t->key_name);
	g_autofree char *attach = t->attach_bytes ? pt_units_format_size(t->attach_bytes) : NULL;
	pt_print_text(out, "attach", attach);
	if (t->quiet_from_min >= 0)
		g_string_append_printf(out, ", quiet: [\"%02d:%02d\", \"%02d:%02d\"]", t->quiet_from_min / 60,
		                       t->quiet_from_min % 60, t->quiet_to_min / 60, t->quiet_to_min % 60);
	pt_print_duration(out, "group", t->group_ns);
	if (t->expires_ns != PT_NOTIFY_EXPIRES_NS)
		pt_print_duration(out, "expires", t->expires_ns);
}

void pt_site_print_notify(GString *out, const PtSite *s) {
	for (guint i = 0; i < s->notify->len; i++) {
		const PtNotifyTarget *t = s->notify->pdata[i];
		if (t->kind == PT_NOTIFY_ORDER) /* it stands with its rule */
			continue;
		g_string_append_printf(out, "%s  %s: {", i ? "" : "notify:\n", t->name);
		print_target(out, t);
		g_string_append(out, " }\n");
	}
}

bool pt_site_same_notify(const PtSite *a, const PtSite *b) {
	g_autoptr(GString) x = g_string_new(NULL);
	g_autoptr(GString) y = g_string_new(NULL);
	pt_site_print_notify(x, a);
	pt_site_print_notify(y, b);
	if (a->notify->len != b->notify->len || strcmp(x->str, y->str))
		return false;
	for (guint i = 0; i < a->notify->len; i++) {
		const PtNotifyTarget *s = a->notify->pdata[i], *t = b->notify->pdata[i];
		if (g_strcmp0(s->url, t->url) || g_strcmp0(s->secret, t->secret) || g_strcmp0(s->user, t->user) ||
		    g_strcmp0(s->password, t->password) || memcmp(s->key, t->key, sizeof s->key))
			return false;
	}
	return true;
}
