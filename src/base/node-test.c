/* SPDX-License-Identifier: Apache-2.0 */
#include "base/node.h"

static PtNode *tree(const char *text) {
	PtNode *root = pt_node_new(PT_NODE_MAP, NULL, 1, 1), *list = pt_node_new(PT_NODE_LIST, NULL, 2, 3);
	root->file = g_strdup("site.yaml");
	pt_node_add(root, list, "do", 2);
	pt_node_add(list, pt_node_new(PT_NODE_SCALAR, "first", 3, 5), NULL, 0);
	pt_node_add(list, pt_node_new(PT_NODE_SCALAR, text, 4, 5), NULL, 0);
	return root;
}

static const char *const words[] = {"on", "off", "keep", NULL};

static void test_path_and_problems(void) {
	g_autoptr(PtNode) root = tree("keeep");
	g_autoptr(GPtrArray) problems = pt_problems_new();
	int choice = -1;
	const PtNode *node = pt_node_at(pt_node_get(root, "do"), 1);
	g_assert_false(pt_node_read_choice(node, words, &choice, problems));
	g_assert_cmpint(choice, ==, -1);
	g_assert_cmpstr(problems->pdata[0], ==,
	                "site.yaml:4: do[2]: 'keeep' is not one of on, off, keep (did you mean keep?)");
	for (int i = 0; i < 100; i++)
		pt_problem(problems, node, "again");
	g_assert_cmpuint(problems->len, ==, PT_PROBLEMS_MAX + 1);
	static const char *const known[] = {"when", "if", NULL};
	g_autoptr(GPtrArray) others = pt_problems_new();
	g_assert_true(pt_node_check_keys(root, known, others));
	g_assert_cmpuint(others->len, ==, 1);
	g_assert_false(pt_node_is_kind(node, PT_NODE_MAP, others));
}

static const struct {
	const char *text;
	int choice, value; /* -1: refused */
} switches[] = {
    {"on", 0, 1},    {"On", 0, 1},    {"true", 0, 1}, {"yes", 0, 1}, {"off", 1, 0}, {"no", 1, 0},
    {"False", 1, 0}, {"keep", 2, -1}, {"1", -1, -1},  {"", -1, -1},  {"~", -1, -1},
};

static void test_switches(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(switches); i++) {
		g_autoptr(PtNode) root = tree(switches[i].text);
		g_autoptr(GPtrArray) problems = pt_problems_new();
		const PtNode *node = pt_node_at(pt_node_get(root, "do"), 1);
		int choice = -1;
		bool value = false;
		g_test_message("'%s'", switches[i].text);
		g_assert_cmpint(pt_node_read_choice(node, words, &choice, problems), ==, switches[i].choice >= 0);
		g_assert_cmpint(choice, ==, switches[i].choice);
		g_assert_cmpint(pt_node_read_switch(node, &value, problems), ==, switches[i].value >= 0);
		g_assert_cmpint(value, ==, switches[i].value == 1);
	}
}

static void test_numbers(void) {
	static const struct {
		const char *text;
		bool integer, number;
	} cases[] = {{"17", true, true},
	             {"-1", false, true},
	             {"1.5", false, true},
	             {"1e3", false, false},
	             {"nan", false, false},
	             {"0x10", false, false},
	             {"99999999999999999999", false, false},
	             {"seven", false, false}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(PtNode) root = tree(cases[i].text);
		g_autoptr(GPtrArray) problems = pt_problems_new();
		const PtNode *node = pt_node_at(pt_node_get(root, "do"), 1);
		int64_t integer;
		double number;
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(pt_node_read_integer(node, 0, 100, &integer, problems), ==, cases[i].integer);
		g_assert_cmpint(pt_node_read_number(node, -90, 90, &number, problems), ==, cases[i].number);
	}
	int64_t ns = 3;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_assert_false(pt_node_read_duration(NULL, 0, 10, &ns, problems)); /* absent: nothing is said */
	g_assert_cmpuint(problems->len, ==, 0);
	g_autoptr(PtNode) root = tree("2h");
	g_assert_false(
	    pt_node_read_duration(pt_node_at(pt_node_get(root, "do"), 1), 0, INT64_C(60000000000), &ns, problems));
	g_assert_cmpstr(problems->pdata[0], ==, "site.yaml:4: do[2]: '2h' is not from 0s to 1min");
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/node/path-and-problems", test_path_and_problems);
	g_test_add_func("/node/switches", test_switches);
	g_test_add_func("/node/numbers", test_numbers);
	return g_test_run();
}
