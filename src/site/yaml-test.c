/* SPDX-License-Identifier: Apache-2.0 */
#include "site/yaml.h"
#include <string.h>

static const struct {
	const char *text, *said; /* said NULL: taken */
} cases[] = {
    {"", NULL},
    {"a: 1\nb: [x, {c: on}]\n", NULL},
    {"a: 1\na: 2\n", "t.yaml:2: the key 'a' stands here a second time (first in line 1)"},
    {"{a: 1, b: {c: 1, c: 2}}", "t.yaml:1: the key 'c'"},
    {"a: &x 1\nb: *x\n", "t.yaml:1: anchors (&x)"},
    {"b: *x\n", "t.yaml:1: aliases (*x)"},
    {"a: !!str 1\n", "t.yaml:1: tags"},
    {"a: 1\n---\nb: 2\n", "t.yaml:2: a second document"},
    {"a:\n  <<: {b: 1}\n", "t.yaml:2: merge keys"},
    {"? [a, b]\n: c\n", "t.yaml:1: a key must be a single value"},
    {"a: [1, 2\n", "not valid YAML"},
    {"a: b: c\n", "t.yaml:1: not valid YAML"},
    {"a: 1\nb: \xff\n", "t.yaml:2: not UTF-8"},
    {"a: \"x\\0y\"\n", "zero byte"},
    {"\ta: 1\n", "not valid YAML"},
    {"a:\n\tb: 1\n", "t.yaml:2: not valid YAML: while scanning for the next token, found character that cannot start any "
                     "token: indent with spaces, not with a tab"},
    {"a:\n  b: 1\n c: 2\n",
     "t.yaml:3: not valid YAML: while parsing a block mapping, did not find expected key: lines of one "
     "map must begin in the same column"},
    {"a: Gate: north\n", "a text with ': ' in it goes in quotes"},
    {"a: { b: Gate: north }\n", "a bracket is not closed, or a text with ': '"},
    {"a:\n  - x\n  b: 1\n", "t.yaml:3: not valid YAML: "},
    {"a: 1\nb\n",
     "t.yaml:3: not valid YAML: while scanning a simple key, could not find expected ':': a key ends in a colon"},
    {"a: \"x\nb: 1\n", "a quote is opened and not closed"},
};

static void test_cases(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(PtNode) root = pt_yaml_parse(cases[i].text, strlen(cases[i].text), "t.yaml", &error);
		g_autofree char *shown = g_strescape(cases[i].text, NULL);
		g_test_message("%s: %s", shown, error ? error->message : "taken");
		g_assert_cmpint(!root, ==, !!cases[i].said);
		if (cases[i].said)
			g_assert_nonnull(strstr(error->message, cases[i].said));
	}
}

static void test_tree(void) {
	static const char text[] =
	    "site: { name: Warehouse 4 }\nrules:\n  night door:\n    do:\n      - relay: { flood: on }\n"
	    "      - \"off\"\n";
	g_autoptr(PtNode) root = pt_yaml_parse(text, strlen(text), "t.yaml", NULL);
	const PtNode *actions = pt_node_get(pt_node_get(pt_node_get(root, "rules"), "night door"), "do");
	g_assert_cmpuint(pt_node_count(actions), ==, 2);
	const PtNode *state = pt_node_get(pt_node_get(pt_node_at(actions, 0), "relay"), "flood");
	g_autofree char *path = pt_node_path(state);
	g_assert_cmpstr(path, ==, "rules.night door.do[1].relay.flood");
	g_assert_cmpint(state->line, ==, 5);
	g_assert_cmpint(state->column, ==, 25);
	g_assert_true(pt_node_at(actions, 1)->quoted);
	g_assert_cmpstr(pt_node_get(pt_node_get(root, "site"), "name")->text, ==, "Warehouse 4");
}

/* Text that other readers of YAML take minutes or gigabytes for. */
static void test_bombs(void) {
	static const char *const units[] = {
	    "[", "{", "- ", "? ", "[{", "\"", "a: ", "{a: ", "' ", "!", "&a ", "|\n", "[?", "- - "};
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		g_autoptr(GString) bomb = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		while (bomb->len < 400000)
			g_string_append(bomb, units[i]);
		int64_t start = g_get_monotonic_time();
		g_autoptr(PtNode) root = pt_yaml_parse(bomb->str, bomb->len, "bomb.yaml", &error);
		int64_t took = g_get_monotonic_time() - start;
		g_autofree char *shown = g_strescape(units[i], NULL);
		g_test_message("400 kB of '%s': %d ms: %s", shown, (int)(took / 1000), error ? error->message : "taken");
		g_assert_null(root);
		g_assert_cmpint(took, <, 2000000); /* milliseconds without sanitizers */
	}
	g_autoptr(GString) wide = g_string_new("a: [");
	g_autoptr(GError) error = NULL;
	while (wide->len < 1000000)
		g_string_append(wide, "x, ");
	g_assert_null(pt_yaml_parse(wide->str, wide->len, "wide.yaml", &error));
	g_assert_nonnull(strstr(error->message, "more than"));
	g_autofree char *huge = g_strnfill(PT_YAML_BYTES_MAX + 1, '#');
	g_assert_null(pt_yaml_parse(huge, PT_YAML_BYTES_MAX + 1, "huge.yaml", NULL));
}

static void test_quote(void) {
	static const char *const texts[] = {"gate", "on", "a b", "1", "x: y", "\"q\"\\", "#", "tab\t", "", "null", "y", "ü"};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *quoted = pt_yaml_quote(texts[i]);
		g_autofree char *text = g_strdup_printf("k: %s\n", quoted);
		g_autoptr(PtNode) root = pt_yaml_parse(text, strlen(text), "q.yaml", NULL);
		g_assert_cmpstr(pt_node_get(root, "k")->text, ==, texts[i]);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/yaml/cases", test_cases);
	g_test_add_func("/yaml/tree", test_tree);
	g_test_add_func("/yaml/bombs", test_bombs);
	g_test_add_func("/yaml/quote", test_quote);
	return g_test_run();
}
