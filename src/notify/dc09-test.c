/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/dc09.h"
#include <string.h>

#define AT 1348582324 /* 2012-09-25 14:12:04 UTC */

static void test_write(void) {
	PtDc09Key none = {0};
	static const struct {
		PtDc09Message message;
		const char *want;
	} cases[] = {
	    {{"SIA-DCS", 3, 1, 1, "1234", "NBA3", 0, AT}, "\"SIA-DCS\"0003R1L1#1234[#1234|NBA3]_14:12:04,09-25-2012\r"},
	    {{"ADM-CID", 9999, 0, 0, "ABC", "1130 00 003", 0, AT},
	     "\"ADM-CID\"9999L0#ABC[#ABC|1130 00 003]_14:12:04,09-25-2012\r"},
	    {{"NULL", 0, 0, 0, "1234", NULL, 0, AT}, "\"NULL\"0000L0#1234[]_14:12:04,09-25-2012\r"},
	    {{"SIA-DCS", 1, 0, 0, "1234", "NBA3", AT - 3600, AT},
	     "\"SIA-DCS\"0001L0#1234[#1234|NBA3][H13:12:04,09-25-2012]_14:12:04,09-25-2012\r"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new(NULL);
		g_assert_true(pt_dc09_write(&cases[i].message, &none, out));
		g_assert_cmpint(out->str[0], ==, '\n');
		g_assert_cmpstr(out->str + 9, ==, cases[i].want);
		g_autofree char *length = g_strdup_printf("%04X", (unsigned)strlen(cases[i].want) - 1);
		g_assert_true(g_str_has_prefix(out->str + 5, length));
	}
}

/* What is encrypted is whole blocks, and never twice the same. */
static void test_encrypted(void) {
	for (unsigned size = 16; size <= 32; size += 8) {
		PtDc09Key key = {"0123456789abcdef0123456789abcde", size};
		PtDc09Message m = {"SIA-DCS", 3, 0, 0, "1234", "NBA3", 0, AT};
		g_autoptr(GString) a = g_string_new(NULL);
		g_autoptr(GString) b = g_string_new(NULL);
		g_assert_true(pt_dc09_write(&m, &key, a) && pt_dc09_write(&m, &key, b));
		g_assert_cmpstr(a->str, !=, b->str);
		const char *region = strchr(a->str, '[') + 1;
		g_assert_true(strstr(a->str, "\"*SIA-DCS\"0003L0#1234["));
		g_assert_cmpuint(strspn(region, "0123456789ABCDEF") % 32, ==, 0);
		g_assert_cmpuint(strspn(region, "0123456789ABCDEF"), ==, strlen(region) - 1);
		g_assert_null(strstr(a->str, "NBA3"));
	}
}

/* "|]_14:12:04,09-25-2012" behind its padding; made, like the others, by tests/e2e/sia_station.py. */
#define SECRET_ACK "\n3BEE0052\"*ACK\"0007L0#1234[D356CAAF911AA6065BA6136BD29C80968505C62BA81EFC157041509B51637ED2\r"

static const struct {
	const char *frame;
	bool key;
	int answer; /* -1: refused */
	unsigned sequence;
	int64_t time_s;
} replies[] = {
    {"\n158E0014\"ACK\"0003R1L1#1234[]\r", false, PT_DC09_ACK, 3, 0},
    {"\n158E0014\"ACK\"0003R1L1#1234[]\r", true, -1, 0, 0}, /* not encrypted: anybody can say that */
    {"\n158F0014\"ACK\"0003R1L1#1234[]\r", false, -1, 0, 0},
    {"\n158E0015\"ACK\"0003R1L1#1234[]\r", false, -1, 0, 0},
    {"158E0014\"ACK\"0003R1L1#1234[]\r", false, -1, 0, 0},
    {"\n158E0014\"ACK\"0003R1L1#1234[]", false, -1, 0, 0},
    {"\n436E0025\"NAK\"0000R0L0A0[]_14:12:04,09-25-2012\r", true, PT_DC09_NAK, 0, AT},
    {"\nA7330014\"DUH\"0004R0L0#1234[]\r", true, PT_DC09_DUH, 4, 0},
    {SECRET_ACK, true, PT_DC09_ACK, 7, AT},
    {SECRET_ACK, false, -1, 0, 0},
    {"", false, -1, 0, 0},
    {"\n\r", false, -1, 0, 0},
};

static void test_read(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
		PtDc09Key key = {"0123456789abcdef", replies[i].key ? 16 : 0};
		PtDc09Reply reply = {0};
		g_autoptr(GError) error = NULL;
		bool ok = pt_dc09_read(replies[i].frame, strlen(replies[i].frame), &key, &reply, &error);
		g_assert_cmpint(ok, ==, replies[i].answer >= 0);
		g_assert_cmpint(ok, ==, !error);
		if (!ok)
			continue;
		g_assert_cmpint(reply.answer, ==, replies[i].answer);
		g_assert_cmpuint(reply.sequence, ==, replies[i].sequence);
		g_assert_cmpint(reply.time_s, ==, replies[i].time_s);
	}
}

static void test_codes(void) {
	g_assert_true(pt_dc09_code_valid("BA", false) && pt_dc09_code_valid("1130", true) &&
	              pt_dc09_code_valid("3130", true));
	g_assert_false(pt_dc09_code_valid("ba", false) || pt_dc09_code_valid("1130", false) ||
	               pt_dc09_code_valid("", false));
	g_assert_false(pt_dc09_code_valid("BA", true) || pt_dc09_code_valid("2130", true) ||
	               pt_dc09_code_valid("113", true));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notify/dc09/write", test_write);
	g_test_add_func("/notify/dc09/encrypted", test_encrypted);
	g_test_add_func("/notify/dc09/read", test_read);
	g_test_add_func("/notify/dc09/codes", test_codes);
	return g_test_run();
}
