/* SPDX-License-Identifier: Apache-2.0 */
#include "site/edit.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static char *dir;

static PtSite *site_with(const char *secrets) {
	g_autofree char *path = g_build_filename(dir, "site.yaml", NULL),
	                *secret = g_build_filename(dir, "secrets.yaml", NULL);
	g_assert_true(g_file_set_contents(path, "cameras: { gate: { source: test:clock } }\n", -1, NULL));
	g_unlink(secret);
	if (secrets)
		g_assert_true(g_file_set_contents_full(secret, secrets, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	g_autoptr(GPtrArray) problems = pt_problems_new();
	PtSite *site = NULL;
	if (!pt_site_load(path, &site, problems))
		g_error("%s", (char *)problems->pdata[0]);
	return site;
}

static void test_login(void) {
	static const char *const files[] = {
	    NULL,
	    "",
	    "# mine\nlogins:\n    # the old one\n    old: { user: a, password: b }\ntokens: { t: x }\n",
	    "logins: { old: { user: a, password: \"b, c}\" } } # all\n",
	    "logins: {}\ntokens: { t: x }\n",
	    "tokens:\n  t: x",
	    "logins: {\n  old: { user: a, password: b } }\n",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autoptr(PtSite) site = site_with(files[i]);
		g_autoptr(GError) error = NULL;
		g_test_message("case %zu", i);
		pt_site_add_login(site, "new-one", "anna \"x\"", "p: {#'%\\ü", &error);
		g_assert_no_error(error);
		struct stat st;
		g_assert_cmpint(stat(site->secrets_path, &st), ==, 0);
		g_assert_cmpint(st.st_mode & 0777, ==, 0600);
		g_autofree char *text = NULL;
		g_file_get_contents(site->secrets_path, &text, NULL, NULL);
		g_assert_true(!files[i] || !strchr(files[i], '#') || strchr(text, '#')); /* comments stay */
		g_autoptr(PtSite) again = NULL;
		g_autoptr(GPtrArray) problems = pt_problems_new();
		g_assert_true(pt_site_load(site->path, &again, problems));
		const PtSiteLogin *login = NULL;
		for (guint k = 0; k < again->logins->len; k++)
			if (!strcmp(((PtSiteLogin *)again->logins->pdata[k])->name, "new-one"))
				login = again->logins->pdata[k];
		g_assert_nonnull(login);
		g_assert_cmpstr(login->user, ==, "anna \"x\"");
		g_assert_cmpstr(login->password, ==, "p: {#'%\\ü");
		g_assert_false(pt_site_add_login(again, "new-one", "a", "b", NULL));
	}
}

#define PIN "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_camera(void) {
	g_autoptr(PtSite) site = site_with("logins: { l: { user: a, password: b } }");
	g_autoptr(GError) error = NULL;
	PtSiteNewCamera c = {
	    .name = "yard", .source = "onvifs://192.0.2.9", .login = "l", .tls = PIN, .record = PT_RECORD_EVENTS};
	pt_site_add_camera(site, &c, &error);
	g_assert_no_error(error);
	g_autoptr(PtSite) again = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_assert_true(pt_site_load(site->path, &again, problems));
	const PtSiteCamera *read = pt_site_camera(again, "yard");
	g_assert_cmpstr(read->source, ==, "onvifs://192.0.2.9");
	g_assert_cmpint(read->tls, ==, PT_SITE_TLS_PINNED);
	g_assert_cmpint(read->tls_pin[31], ==, 0xef);
	g_assert_cmpstr(read->login->name, ==, "l");
	g_assert_cmpint(read->record_main, ==, PT_RECORD_EVENTS);
	static const char *const bad[] = {"yard", "gate", "../x", "", "A"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		c.name = bad[i];
		g_assert_false(pt_site_add_camera(again, &c, NULL));
	}
	g_assert_false(pt_site_remove_camera(again, "gate", NULL));
	g_assert_false(pt_site_remove_camera(again, "../site", NULL));
	g_assert_true(pt_site_remove_camera(again, "yard", NULL));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	dir = g_dir_make_tmp("pigtail-edit-XXXXXX", NULL);
	g_test_add_func("/edit/login", test_login);
	g_test_add_func("/edit/camera", test_camera);
	int failed = g_test_run();
	g_autofree char *command = g_strdup_printf("rm -r %s", dir);
	if (system(command))
		failed = 1;
	g_free(dir);
	return failed;
}
