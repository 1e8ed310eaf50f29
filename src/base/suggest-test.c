/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include <glib.h>

static const char *const words[] = {"normally-open", "normally-closed", "flood", "gate", "on", "a-", NULL};

static const struct {
	const char *word, *meant;
} cases[] = {
    {"normaly-closed", "normally-closed"},
    {"normally_open", "normally-open"},
    {"folod", "flood"},
    {"Gate", "gate"},
    {"gte", "gate"},
    {"siren", NULL},
    {"x", NULL},
    {"", NULL},
    {"no", "normally-open"}, /* its initials */
    {"a", "a-"},
    {"NC", "normally-closed"},
    {"ni", NULL},
    {"an-endless-word-that-nobody-could-have-typed-by-mistake-at-all", NULL},
};

static void test_suggest(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].word);
		g_assert_cmpstr(pt_suggest(cases[i].word, words), ==, cases[i].meant);
	}
	g_autofree char *text = pt_suggest_text("folod", words);
	g_assert_cmpstr(text, ==, " (did you mean flood?)");
	g_assert_null(pt_suggest("flood", NULL));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/suggest", test_suggest);
	return g_test_run();
}
