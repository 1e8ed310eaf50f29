/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/range.h"
#include "base/clock.h"
#include <glib.h>
#include <string.h>

/* n digits, at *at; -1: there are not so many. */
static int digits(const char **at, unsigned n) {
	int value = 0;
	for (unsigned i = 0; i < n; i++, (*at)++) {
		if (!g_ascii_isdigit(**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

/* What follows a point, as ns; digits beyond the ninth count for nothing. */
static int64_t fraction(const char **at) {
	int64_t ns = 0, unit = PT_NS_PER_S / 10;
	if (**at != '.')
		return 0;
	for ((*at)++; g_ascii_isdigit(**at); (*at)++, unit /= 10)
		ns += (**at - '0') * unit;
	return ns;
}

static bool read_utc(const char **at, int64_t *ret) {
	int year = digits(at, 4), month = year < 0 ? -1 : digits(at, 2), day = month < 0 ? -1 : digits(at, 2);
	if (day < 0 || **at != 'T')
		return false;
	(*at)++;
	int hour = digits(at, 2), minute = hour < 0 ? -1 : digits(at, 2), second = minute < 0 ? -1 : digits(at, 2);
	if (second < 0)
		return false;
	int64_t ns = fraction(at);
	if (**at != 'Z')
		return false;
	(*at)++;
	/* a leap second is the first of the next minute */
	g_autoptr(GDateTime) time = g_date_time_new_utc(year, month, day, hour, minute, MIN(second, 59));
	if (!time || second > 60 || year < 1970 || year > 2200)
		return false;
	*ret = (g_date_time_to_unix(time) + (second == 60)) * PT_NS_PER_S + ns;
	return true;
}

static bool read_seconds(const char **at, int64_t *ret) {
	int64_t total = 0;
	for (unsigned parts = 0; parts < 3; parts++) {
		int64_t value = 0;
		if (!g_ascii_isdigit(**at))
			return false;
		for (; g_ascii_isdigit(**at); (*at)++)
			if ((value = value * 10 + (**at - '0')) > INT64_C(4000000000))
				return false;
		total = total * 60 + value;
		if (**at != ':')
			break;
		(*at)++;
	}
	if (total > INT64_C(4000000000))
		return false;
	*ret = total * PT_NS_PER_S + fraction(at);
	return true;
}

/* One end of the span. False: what stands there is no time. */
static bool read_end(const char **at, bool clock, bool *ret_has, int64_t *ret) {
	while (**at == ' ')
		(*at)++;
	*ret_has = g_ascii_isdigit(**at);
	if (*ret_has)
		return clock ? read_utc(at, ret) : read_seconds(at, ret);
	if (g_str_has_prefix(*at, "now"))
		*at += 3;
	return true;
}

bool pt_rtsp_range_parse(const char *text, PtRtspRange *ret) {
	*ret = (PtRtspRange){0};
	ret->clock = !g_ascii_strncasecmp(text, "clock=", 6);
	if (!ret->clock && g_ascii_strncasecmp(text, "npt=", 4))
		return false;
	const char *at = text + (ret->clock ? 6 : 4);
	if (!read_end(&at, ret->clock, &ret->has_from, &ret->from_ns))
		return false;
	while (*at == ' ')
		at++;
	if (*at++ != '-' || !read_end(&at, ret->clock, &ret->has_to, &ret->to_ns))
		return false;
	while (*at == ' ')
		at++;
	return !*at || *at == ';'; /* ";time=" is when it is to begin: at once */
}

char *pt_rtsp_clock_format(int64_t wall_ns) {
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ns / PT_NS_PER_S);
	g_autofree char *seconds = g_date_time_format(time, "%Y%m%dT%H%M%S");
	return g_strdup_printf("%s.%06dZ", seconds, (int)(wall_ns % PT_NS_PER_S / 1000));
}
