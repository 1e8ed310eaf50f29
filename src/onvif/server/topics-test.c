/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/topics.h"
#include <string.h>

static void test_matching(void) {
	static const struct {
		const char *expression, *topic;
		bool matches;
	} cases[] = {
	    {"tns1:Device/Trigger/Relay", "tns1:Device/Trigger/Relay", true},
	    {"tns1:Device/Trigger", "tns1:Device/Trigger/Relay", false},
	    {"tns1:Device/Trigger/Relay/More", "tns1:Device/Trigger/Relay", false},
	    {"tns1:Device//.", "tns1:Device/Trigger/Relay", true},
	    {"tns1:Device/Trigger//.", "tns1:Device/Trigger/Relay", true},
	    {"tns1:Device/Trigger/Relay//.", "tns1:Device/Trigger/Relay", true}, /* itself */
	    {"tns1:Device/Tri//.", "tns1:Device/Trigger/Relay", false},          /* levels, not letters */
	    {"tns1:VideoSource//.", "tns1:Device/Trigger/Relay", false},
	    {"tns1:VideoSource//.|tns1:Device//.", "tns1:Device/Trigger/Relay", true},
	    {"tns1:Device/*/Relay", "tns1:Device/Trigger/Relay", true},
	    {"tns1:Device/*", "tns1:Device/Trigger/Relay", false},
	    {"tns1:Device//Relay", "tns1:Device/Trigger/Relay", true},
	    {"tns1:Device//Other", "tns1:Device/Trigger/Relay", false},
	    {"other:Device//.", "tns1:Device/Trigger/Relay", false},
	    {"", "tns1:Device/Trigger/Relay", false},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(pt_topic_matches(cases[i].expression, cases[i].topic), ==, cases[i].matches);
}

static char *read_expression(const char *text, const char *dialect, bool *unknown) {
	g_autofree char *xml = g_strdup_printf(
	    "<e xmlns:mine='http://www.onvif.org/ver10/topics' xmlns:x='urn:x' Dialect='%s'>%s</e>", dialect, text);
	g_autoptr(PtXmlDoc) doc = pt_xml_parse(xml, strlen(xml), false, NULL);
	g_assert_nonnull(doc);
	return pt_topic_expression(pt_xml_root(doc), unknown);
}

static void test_reading(void) {
	static const struct {
		const char *text, *expect; /* NULL: refused */
	} cases[] = {
	    {"mine:Device//.", "tns1:Device//."}, /* the prefix is the sender's */
	    {" mine:Device/Trigger | mine:VideoSource//. ", "tns1:Device/Trigger|tns1:VideoSource//."},
	    {"x:Device//.", "unknown:Device//."},
	    {"Device/Trigger", "Device/Trigger"},
	    {"mine:Device///.", NULL},
	    {"/mine:Device", NULL},
	    {"mine:Device/", NULL},
	    {"mine:Device//", NULL},
	    {"mine:Device|", NULL},
	    {"mine:De vice", NULL},
	    {"mine:Device[1]", NULL},
	    {"", NULL},
	};
	bool unknown;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = read_expression(cases[i].text, PT_DIALECT_CONCRETE_SET, &unknown);
		g_assert_cmpstr(got, ==, cases[i].expect);
		g_assert_false(unknown);
	}
	g_assert_null(read_expression("mine:Device//.", "urn:other", &unknown));
	g_assert_true(unknown);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif/topics/matching", test_matching);
	g_test_add_func("/onvif/topics/reading", test_reading);
	return g_test_run();
}
