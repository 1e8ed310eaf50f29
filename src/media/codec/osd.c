/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/osd.h"
#include <glib.h>
#include <string.h>
#include <time.h>

static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

/* What n times this letter stands for. */
static void put_field(GString *out, char letter, size_t n, const struct tm *t) {
	int value;
	if (letter == 'd' && n > 2) {
		g_string_append(out, days[t->tm_wday]);
		return;
	}
	if (letter == 'M' && n > 2) {
		g_string_append(out, months[t->tm_mon]);
		return;
	}
	switch (letter) {
	case 'y':
		value = n > 2 ? t->tm_year + 1900 : t->tm_year % 100;
		break;
	case 'M':
		value = t->tm_mon + 1;
		break;
	case 'd':
		value = t->tm_mday;
		break;
	case 'H':
		value = t->tm_hour;
		break;
	case 'h':
		value = (t->tm_hour + 11) % 12 + 1;
		break;
	case 'm':
		value = t->tm_min;
		break;
	case 's':
		value = t->tm_sec;
		break;
	default:
		g_string_append(out, t->tm_hour < 12 ? "AM" : "PM");
		return;
	}
	g_string_append_printf(out, "%0*d", (int)MIN(n, 4), value);
}

void pt_osd_format(const char *pattern, int64_t local_s, char *ret, size_t size) {
	g_autoptr(GString) out = g_string_new(NULL);
	time_t seconds = (time_t)local_s;
	struct tm t;
	if (gmtime_r(&seconds, &t))
		for (const char *p = pattern; *p;) {
			size_t n = 1;
			if (!strchr("yMdHhmst", *p)) {
				g_string_append_c(out, *p++);
				continue;
			}
			while (p[n] == *p)
				n++;
			put_field(out, *p, n, &t);
			p += n;
		}
	g_strlcpy(ret, out->str, size);
}
