/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mime.h"
#include <stdbool.h>
#include <string.h>

#define WORD_BYTES 42 /* of text in an encoded word: 56 characters of base64, and at most 75 with what is around it */
#define LINE_BYTES 57 /* of data in a line of base64 of 76 characters */
#define BOUNDARY "=_pigtail_part_of_a_message"

char *pt_mime_header(const char *text) {
	bool plain = strlen(text) < 900;
	for (const char *p = text; *p; p++)
		plain = plain && *p >= ' ' && *p < 0x7f;
	if (plain && !strstr(text, "=?"))
		return g_strdup(text);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *out = g_string_new(NULL);
	for (const char *p = valid; *p;) {
		size_t n = 0;
		while (p[n] && n + (size_t)(g_utf8_next_char(p + n) - (p + n)) <= WORD_BYTES)
			n += (size_t)(g_utf8_next_char(p + n) - (p + n));
		g_autofree char *base64 = g_base64_encode((const guchar *)p, n);
		g_string_append_printf(out, "%s=?UTF-8?B?%s?=", out->len ? " " : "", base64);
		p += n;
	}
	return g_string_free(out, FALSE);
}

/* Encoded words that would make a line of more than 76 characters are folded. */
static void put_header(GString *out, const char *name, const char *value) {
	g_auto(GStrv) words = g_strsplit(value, " =?", -1);
	g_string_append_printf(out, "%s: %s", name, words[0]);
	for (char **w = words + 1; words[0] && *w; w++)
		g_string_append_printf(out, "\r\n =?%s", *w);
	g_string_append(out, "\r\n");
}

static void put_base64(GString *out, const void *data, size_t size) {
	for (size_t at = 0; at < size; at += LINE_BYTES) {
		g_autofree char *line = g_base64_encode((const guchar *)data + at, MIN(size - at, LINE_BYTES));
		g_string_append_printf(out, "%s\r\n", line);
	}
}

static void put_text(GString *out, const char *text) {
	g_string_append(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	put_base64(out, text, strlen(text));
}

GString *pt_mime_mail(const PtMimeMail *m) {
	GString *out = g_string_new(NULL);
	g_autofree char *subject = pt_mime_header(m->subject), *to = g_strjoinv(",\r\n ", (char **)m->to);
	g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(m->wall_s);
	/* the names of days and months are English, whatever the locale */
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	g_autofree char *rest = g_date_time_format(when, "%Y %H:%M:%S +0000");
	g_string_append_printf(out, "Date: %s, %d %s %s\r\n", days[g_date_time_get_day_of_week(when) - 1],
	                       g_date_time_get_day_of_month(when), months[g_date_time_get_month(when) - 1], rest);
	g_string_append_printf(out, "From: %s\r\nTo: %s\r\nMessage-ID: <%s>\r\n", m->from, to, m->id);
	put_header(out, "Subject", subject);
	g_string_append(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
	if (!m->jpeg) {
		put_text(out, m->text);
		return out;
	}
	size_t size;
	const void *data = g_bytes_get_data(m->jpeg, &size);
	g_string_append(out, "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\n\r\n--" BOUNDARY "\r\n");
	put_text(out, m->text);
	g_string_append(out, "--" BOUNDARY "\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n"
	                     "Content-Disposition: attachment; filename=\"picture.jpg\"\r\n\r\n");
	put_base64(out, data, size);
	g_string_append(out, "--" BOUNDARY "--\r\n");
	return out;
}
