/* SPDX-License-Identifier: Apache-2.0 */
#include "site/edit.h"
#include "base/error.h"
#include "site/internal.h"
#include "site/yaml.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean write_file(const char *path, const char *text, int mode, GError **error) {
	g_autoptr(GError) cause = NULL;
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, mode,
	                             &cause))
		return TRUE;
	pt_error_set(error, DISK, "write %s: %s (the program must be allowed to write there)", path, cause->message);
	return FALSE;
}

static void put(GString *out, const char *key, const char *value) {
	g_autofree char *quoted = pt_yaml_quote(value);
	g_string_append_printf(out, "%s: %s\n", key, quoted);
}

static char *camera_path(const PtSite *site, const char *name) {
	g_autofree char *file = g_strconcat(name, ".yaml", NULL);
	return g_build_filename(site->dir, "cameras.d", file, NULL);
}

gboolean pt_site_add_camera(const PtSite *site, const PtSiteNewCamera *c, GError **error) {
	if (!pt_site_name_valid(c->name)) {
		pt_error_set(
		    error, INVALID,
		    "'%.60s' is no name for a camera: 1 to 40 of a-z, 0-9, - and _, beginning with a letter or digit",
		    c->name);
		return FALSE;
	}
	if (pt_site_camera(site, c->name)) {
		pt_error_set(error, BUSY, "there is a camera named %s already", c->name);
		return FALSE;
	}
	g_autofree char *dir = g_build_filename(site->dir, "cameras.d", NULL), *path = camera_path(site, c->name);
	if (g_mkdir_with_parents(dir, 0750)) {
		pt_error_set(error, DISK, "create %s: %s (the program must be allowed to write there)", dir,
		             g_strerror(errno));
		return FALSE;
	}
	g_autoptr(GString) text = g_string_new(NULL);
	put(text, "source", c->source);
	if (c->sub)
		put(text, "sub", c->sub);
	if (c->login)
		put(text, "login", c->login);
	if (c->tls)
		put(text, "tls", c->tls);
	put(text, "record", pt_record_words[c->record]);
	return write_file(path, text->str, 0640, error);
}

gboolean pt_site_remove_camera(const PtSite *site, const char *name, GError **error) {
	g_autofree char *path = pt_site_name_valid(name) ? camera_path(site, name) : NULL;
	if (!path || unlink(path)) {
		pt_error_set(error, NOT_FOUND,
		             "camera %.60s has no file in cameras.d: it is removed where it stands, in the site file", name);
		return FALSE;
	}
	return TRUE;
}

/* ---- the secrets file: edited as text, so that what people wrote in it stays ---- */

static size_t line_start(const char *text, int line) {
	const char *p = text;
	for (int i = 1; i < line && p; i++) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return p ? (size_t)(p - text) : strlen(text);
}

/* The text with the entry added to logins:, in the style in which they are written. */
static GString *insert(const char *text, const PtNode *root, const char *entry) {
	GString *out = g_string_new(text);
	const PtNode *logins = pt_node_get(root, "logins");
	g_autofree char *line = NULL;
	if (!logins || !pt_node_count(logins)) {
		if (logins) { /* "logins:" or "logins: {}" and nothing in it */
			size_t at = line_start(text, logins->key_line), n = strcspn(text + at, "\n");
			g_string_erase(out, (gssize)at, (gssize)n);
			g_string_insert(out, (gssize)at, "logins:");
			line = g_strdup_printf("\n  %s", entry);
			g_string_insert(out, (gssize)(at + strlen("logins:")), line);
			return out;
		}
		if (out->len && out->str[out->len - 1] != '\n')
			g_string_append_c(out, '\n');
		g_string_append_printf(out, "logins:\n  %s\n", entry);
		return out;
	}
	size_t at = line_start(text, logins->key_line), colon = at + strcspn(text + at, ":");
	size_t value = colon + 1 + strspn(text + colon + 1, " ");
	if (text[colon] && text[value] == '{') {
		line = g_strdup_printf(" %s,", entry);
		g_string_insert(out, (gssize)value + 1, line);
	} else { /* one a line: the same indentation */
		at = line_start(text, pt_node_at(logins, 0)->key_line);
		line = g_strdup_printf("%.*s%s\n", (int)strspn(text + at, " "), text + at, entry);
		g_string_insert(out, (gssize)at, line);
	}
	return out;
}

/* Whether the new text means the old one and the login, and nothing else. */
static bool means(const char *text, const PtNode *before, const char *name, const char *user, const char *password) {
	g_autoptr(PtNode) after = pt_yaml_parse(text, strlen(text), "secrets.yaml", NULL);
	const PtNode *one = pt_node_get(pt_node_get(after, "logins"), name), *u = pt_node_get(one, "user"),
	             *p = pt_node_get(one, "password");
	if (!u || !p || g_strcmp0(u->text, user) || g_strcmp0(p->text, password) ||
	    pt_node_count(pt_node_get(after, "logins")) != pt_node_count(pt_node_get(before, "logins")) + 1)
		return false;
	for (unsigned i = 0; i < pt_node_count(before); i++) {
		const PtNode *was = pt_node_at(before, i);
		unsigned more = !strcmp(was->key, "logins");
		if (pt_node_count(pt_node_get(after, was->key)) != pt_node_count(was) + more)
			return false;
	}
	return true;
}

gboolean pt_site_add_login(const PtSite *site, const char *name, const char *user, const char *password, GError **error) {
	g_autofree char *text = NULL;
	g_autoptr(GError) cause = NULL;
	if (!g_file_get_contents(site->secrets_path, &text, NULL, &cause)) {
		if (!g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
			pt_error_set(error, DISK, "read %s: %s", site->secrets_path, cause->message);
			return FALSE;
		}
		text = g_strdup("");
	}
	g_autoptr(PtNode) root = pt_yaml_parse(text, strlen(text), "secrets.yaml", error);
	if (!root)
		return FALSE;
	if (pt_node_get(pt_node_get(root, "logins"), name)) {
		pt_error_set(error, BUSY, "there is a login named %s in the secrets file already", name);
		return FALSE;
	}
	g_autofree char *u = pt_yaml_quote(user), *p = pt_yaml_quote(password),
	                *entry = g_strdup_printf("%s: { user: %s, password: %s }", name, u, p);
	g_autoptr(GString) out = insert(text, root, entry);
	gboolean ok = means(out->str, root, name, user, password);
	if (ok)
		ok = write_file(site->secrets_path, out->str, 0600, error);
	else
		pt_error_set(error, INVALID,
		             "%s is written in a way that is not safe to change: add 'logins: { %s: … }' by hand",
		             site->secrets_path, name);
	explicit_bzero(out->str, out->len);
	explicit_bzero(entry, strlen(entry));
	explicit_bzero(text, strlen(text));
	return ok;
}
