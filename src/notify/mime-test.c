/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mime.h"
#include <string.h>

static void test_header(void) {
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"Front door", "Front door"},
	    {"Lager 4 – Süd", "=?UTF-8?B?TGFnZXIgNCDigJMgU8O8ZA==?="},
	    {"a\r\nBcc: x@example.org", "=?UTF-8?B?YQ0KQmNjOiB4QGV4YW1wbGUub3Jn?="},
	    {"=?x", "=?UTF-8?B?PT94?="},
	    {"", ""},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = pt_mime_header(cases[i].text);
		g_assert_cmpstr(got, ==, cases[i].want);
	}
	g_autoptr(GString) text = g_string_new(NULL);
	for (int i = 0; i < 500; i++)
		g_string_append(text, "ü");
	g_autofree char *long_one = pt_mime_header(text->str);
	g_auto(GStrv) words = g_strsplit(long_one, " ", -1);
	for (char **w = words; *w; w++)
		g_assert_cmpuint(strlen(*w), <=, 75);
}

static void test_mail(void) {
	char *to[] = {(char *)"a@example.org", (char *)"b@example.org", NULL};
	guint8 data[200];
	memset(data, 0xff, sizeof data);
	g_autoptr(GBytes) jpeg = g_bytes_new(data, sizeof data);
	PtMimeMail m = {"hub@example.org", to, "Süd\n: opened", "Tür\r\n.\r\nauf", "1.2@example.org", 1790000000, jpeg};
	g_autoptr(GString) mail = pt_mime_mail(&m);
	g_assert_nonnull(strstr(mail->str, "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"));
	g_assert_nonnull(strstr(mail->str, "To: a@example.org,\r\n b@example.org\r\n"));
	g_assert_nonnull(strstr(mail->str, "\r\nContent-Type: image/jpeg\r\n"));
	g_auto(GStrv) lines = g_strsplit(mail->str, "\r\n", -1);
	for (char **l = lines; *l; l++) {
		g_assert_cmpuint(strlen(*l), <=, 78);
		g_assert_cmpstr(*l, !=, ".");
		g_assert_null(strpbrk(*l, "\r\n"));
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notify/mime/header", test_header);
	g_test_add_func("/notify/mime/mail", test_mail);
	return g_test_run();
}
