/* The two files with what must not stand in the site file: secrets.yaml (logins, tokens, app passwords) and users.yaml. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "site/internal.h"
#include "site/yaml.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const pt_role_words[] = {"viewer", "operator", "admin", NULL};

/* NULL: absent, or refused with a problem. */
static PtNode *load(const char *path, bool named, mode_t forbidden, const char *what, GPtrArray *problems) {
	struct stat st;
	g_autoptr(GError) error = NULL;
	if (stat(path, &st)) {
		if (named || errno != ENOENT)
			pt_problem_text(problems, "%s: the %s file cannot be read: %s", path, what, g_strerror(errno));
		return NULL;
	}
	if (st.st_mode & forbidden) {
		pt_problem_text(problems, "%s: others can %s the %s file (mode %03o): run chmod 600 %s", path,
		                forbidden & 044 ? "read" : "change", what, (unsigned)(st.st_mode & 0777), path);
		return NULL;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		pt_problem_text(problems, "%s: the %s file belongs to another user: run chown on it", path, what);
		return NULL;
	}
	PtNode *node = pt_yaml_load(path, &error);
	if (!node)
		pt_problem_text(problems, "%s", error->message);
	return node;
}

/* They go into headers and protocols of lines, where such a one would end or begin what is somebody else's. The text is not
 * shown. */
static void check_secret(const PtNode *node, const char *text, GPtrArray *problems) {
	for (const char *p = text; p && *p; p++)
		if ((guchar)*p < ' ' || *p == 0x7f) {
			pt_problem(problems, node, "holds a line break or another control character: write it in one line");
			return;
		}
}

static void read_logins(GPtrArray *list, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"user", "password", NULL};
	if (!node || !pt_node_is_kind(node, PT_NODE_MAP, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *one = pt_node_at(node, i);
		if (!pt_site_check_name(one, "a login", problems) || !pt_node_check_keys(one, known, problems))
			continue;
		PtSiteLogin *login = g_new0(PtSiteLogin, 1);
		login->name = g_strdup(one->key);
		g_autofree char *path = pt_node_path(one);
		login->place = g_strdup_printf("%s:%d: %s", pt_node_file(one), one->line, path);
		g_ptr_array_add(list, login);
		if (!pt_node_read_text(pt_node_get(one, "user"), &login->user, problems))
			pt_problem(problems, one, "needs user and password");
		const PtNode *password = pt_node_get(one, "password");
		if (password && password->kind == PT_NODE_SCALAR)
			login->password = g_strdup(password->text); /* may be empty: some cameras have none */
		else
			pt_problem(problems, one, "needs password (\"\" for none)");
		check_secret(pt_node_get(one, "user"), login->user, problems);
		check_secret(password, login->password, problems);
	}
}

void pt_site_read_secrets(PtSite *site, bool named, GPtrArray *problems) {
	static const char *const known[] = {"logins", "app-passwords", "tokens", NULL};
	g_autoptr(PtNode) root = load(site->secrets_path, named, 077, "secrets", problems);
	if (!root || !pt_node_check_keys(root, known, problems))
		return;
	read_logins(site->logins, pt_node_get(root, "logins"), problems);
	read_logins(site->app_passwords, pt_node_get(root, "app-passwords"), problems);
	const PtNode *tokens = pt_node_get(root, "tokens");
	if (!tokens || !pt_node_is_kind(tokens, PT_NODE_MAP, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(tokens); i++) { /* kept as logins without a user */
		PtSiteLogin *login = g_new0(PtSiteLogin, 1);
		login->name = g_strdup_printf("token/%s", pt_node_at(tokens, i)->key);
		g_ptr_array_add(site->logins, login);
		pt_node_read_text(pt_node_at(tokens, i), &login->password, problems);
		check_secret(pt_node_at(tokens, i), login->password, problems);
	}
}

char *pt_site_token(const PtSite *site, const char *name) {
	g_autofree char *key = g_strconcat("token/", name, NULL);
	const PtSiteLogin *login = pt_site_login(site, key);
	return login ? g_strdup(login->password) : NULL;
}

static void read_pin(PtSiteUser *user, const PtNode *node, GPtrArray *problems) {
	if (!pt_node_read_text(node, &user->pin, problems))
		return;
	if (!g_str_has_prefix(user->pin, "$argon2id$"))
		pt_problem(problems, node, "is not an argon2id hash ($argon2id$…): run pigtail user pin for one");
	if (user->role == PT_SITE_ROLE_VIEWER)
		pt_problem(problems, node, "a viewer disarms nothing: take the PIN away, or write role: operator");
}

const char **pt_site_tokens(const PtSite *site) {
	const char **names = g_new0(const char *, site->logins->len + 1);
	for (guint i = 0, n = 0; i < site->logins->len; i++) {
		const PtSiteLogin *login = site->logins->pdata[i];
		if (g_str_has_prefix(login->name, "token/"))
			names[n++] = login->name + strlen("token/");
	}
	return names;
}

static void read_user(PtSite *site, const PtNode *node, const char *const *cameras, GPtrArray *problems) {
	static const char *const known[] = {"role", "cameras", "password", "pin", NULL};
	int role = PT_SITE_ROLE_VIEWER;
	if (!pt_site_check_name(node, "a user", problems) || !pt_node_check_keys(node, known, problems))
		return;
	PtSiteUser *user = g_new0(PtSiteUser, 1);
	g_ptr_array_add(site->users, user);
	user->name = g_strdup(node->key);
	if (!pt_node_get(node, "role"))
		pt_problem(problems, node, "needs role: viewer, operator or admin");
	pt_node_read_choice(pt_node_get(node, "role"), pt_role_words, &role, problems);
	user->role = (PtSiteRole)role;
	const PtNode *password = pt_node_get(node, "password"), *list = pt_node_get(node, "cameras");
	if (pt_node_read_text(password, &user->password, problems) && !g_str_has_prefix(user->password, "$argon2id$"))
		pt_problem(problems, password, "is not an argon2id hash ($argon2id$…): a password is never stored as it is");
	read_pin(user, pt_node_get(node, "pin"), problems);
	if (!list || !pt_node_is_kind(list, PT_NODE_LIST, problems))
		return;
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	for (unsigned i = 0; i < pt_node_count(list); i++) {
		g_autofree char *name = NULL;
		if (!pt_node_read_text(pt_node_at(list, i), &name, problems))
			continue;
		g_autofree char *meant = pt_suggest_text(name, cameras);
		if (!g_strv_contains(cameras, name))
			pt_problem(problems, pt_node_at(list, i), "there is no camera named '%.60s'%s", name, meant);
		g_strv_builder_add(names, name);
	}
	user->cameras = g_strv_builder_end(names);
}

/* App passwords of nobody: a note and no problem, so that a reload takes somebody's rights away although one is left. */
static void note_orphans(PtSite *site) {
	g_autofree const char **names = pt_site_names(site->users, G_STRUCT_OFFSET(PtSiteUser, name));
	for (guint i = 0; i < site->app_passwords->len; i++) {
		const PtSiteLogin *app = g_ptr_array_index(site->app_passwords, i);
		if (!app->user || pt_site_user(site, app->user))
			continue;
		g_autofree char *meant = pt_suggest_text(app->user, names);
		g_ptr_array_add(
		    site->notes,
		    g_strdup_printf("%s.user: there is no user '%.60s' in the users file%s: this login is refused",
		                    app->place, app->user, meant));
	}
}

void pt_site_read_users(PtSite *site, bool named, const char *const *cameras, GPtrArray *problems) {
	/* a first start has no users yet: the program makes the file */
	g_autoptr(PtNode) root = load(site->users_path, false, 022, "users", problems);
	struct stat st;
	if (!stat(site->users_path, &st) && st.st_mode & 044)
		g_ptr_array_add(site->notes, g_strdup_printf("%s: others can read the password hashes: run chmod 600 on it",
		                                             site->users_path));
	if (root && pt_node_is_kind(root, PT_NODE_MAP, problems))
		for (unsigned i = 0; i < pt_node_count(root); i++)
			read_user(site, pt_node_at(root, i), cameras, problems);
	note_orphans(site);
}
