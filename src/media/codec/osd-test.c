/* How times are written. The patterns are those that ONVIF names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/osd.h"
#include <glib.h>

static void test_format(void) {
	static const struct {
		const char *pattern;
		int64_t local_s;
		const char *text;
	} cases[] = {
	    {"M/d/yyyy", 1362579261, "3/6/2013"},
	    {"MM/dd/yyyy", 1362579261, "03/06/2013"},
	    {"dd/MM/yyyy", 1362579261, "06/03/2013"},
	    {"yyyy/MM/dd", 1362579261, "2013/03/06"},
	    {"yyyy-MM-dd HH:mm:ss", 1362579261, "2013-03-06 14:14:21"},
	    {"dddd, MMMM dd, yyyy", 1362579261, "Wednesday, March 06, 2013"},
	    {"MMMM dd, yyyy", 1362579261, "March 06, 2013"},
	    {"dd MMMM, yyyy", 1362579261, "06 March, 2013"},
	    {"h:mm:ss tt", 1362579261, "2:14:21 PM"},
	    {"hh:mm:ss tt", 1362579261, "02:14:21 PM"},
	    {"H:mm:ss", 1362536121, "2:15:21"},
	    {"hh:mm:ss tt", 1362528921, "12:15:21 AM"},
	    {"", 0, ""},
	    {"100 % %s %n", 0, "100 % %0 %n"},
	    {"yyyy", INT64_MAX, ""}, /* no such year */
	    {"dddd dddd dddd dddd dddd", 0, "Thursday Thursday Thursday Thur"},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		char text[32];
		pt_osd_format(cases[i].pattern, cases[i].local_s, text, sizeof text);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/osd/format", test_format);
	return g_test_run();
}
