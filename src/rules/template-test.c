/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/template.h"

static const struct {
	const char *text, *unknown, *filled;
} cases[] = {
    {"Door opened", NULL, "Door opened"},
    {"{site}: {input} is {state} at {time}", NULL, "Yard: door is active at 12:00"},
    {"{camera}{cause}", NULL, "input door active"},
    {"{inputs}", "inputs", "{inputs}"},
    {"{\"input\": \"{input}\", \"n\": {}}", NULL, "{\"input\": \"door\", \"n\": {}}"},
    {"{input", NULL, "{input"},
    {"{ input }", NULL, "{ input }"},
    {"{{input}}", NULL, "{door}"},
};

static void test_cases(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *unknown = pt_template_unknown(cases[i].text);
		g_autofree char *filled = pt_template_fill(
		    cases[i].text, &(PtTemplateValues){"Yard", NULL, "door", "12:00", "active", "input door active"});
		g_assert_cmpstr(unknown, ==, cases[i].unknown);
		g_assert_cmpstr(filled, ==, cases[i].filled);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/template/cases", test_cases);
	return g_test_run();
}
