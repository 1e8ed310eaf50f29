/* YAML to nodes to a site: whatever comes, it ends in problems or in a site whose text reads back as the same text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "site/config.h"
#include "site/yaml.h"
#include <glib/gstdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static char *dir, *path;
	if (!dir) {
		dir = g_dir_make_tmp("pt-fuzz-site-XXXXXX", NULL);
		path = g_build_filename(dir, "site.yaml", NULL);
	}
	g_autoptr(GError) error = NULL;
	g_autoptr(PtNode) root = pt_yaml_parse((const char *)data, size, "site.yaml", &error);
	g_assert(!root == (error != NULL));
	if (!root)
		return 0;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtSite) site = NULL, again = NULL;
	g_assert(g_file_set_contents(path, (const char *)data, (gssize)size, NULL));
	gboolean ok = pt_site_load(path, &site, problems);
	g_assert(ok == (problems->len == 0) && problems->len <= PT_PROBLEMS_MAX + 1);
	if (!ok)
		return 0;
	g_autofree char *text = pt_site_print(site);
	g_assert(g_file_set_contents(path, text, -1, NULL));
	ok = pt_site_load(path, &again, problems);
	g_assert(ok);
	g_autofree char *text2 = pt_site_print(again);
	g_assert_cmpstr(text, ==, text2);
	return 0;
}
