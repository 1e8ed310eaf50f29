/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"
#include "base/clock.h"
#include "base/error.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
	const char *name;
	uint64_t factor;
	bool format; /* used when a value is written */
} Unit;

/* what is wrong with the word alone is said by `hint`, the accepted form by `form` */
typedef struct {
	const char *what, *form;
	const Unit *units; /* rising, ended by a NULL name */
	uint64_t max;
} Quantity;

static const Unit duration_units[] = {
    {"ns", 1, true},
    {"us", 1000, true},
    {"ms", 1000000, true},
    {"s", 1000000000, true},
    {"min", UINT64_C(60) * 1000000000, true},
    {"h", UINT64_C(3600) * 1000000000, true},
    {"d", UINT64_C(86400) * 1000000000, true},
    {"w", UINT64_C(604800) * 1000000000, false},
    {NULL, 0, false},
};
static const Unit size_units[] = {
    {"B", 1, true},
    {"kB", 1000, false},
    {"KB", 1000, false},
    {"KiB", UINT64_C(1) << 10, true},
    {"MB", 1000000, true},
    {"MiB", UINT64_C(1) << 20, true},
    {"GB", 1000000000, true},
    {"GiB", UINT64_C(1) << 30, true},
    {"TB", UINT64_C(1000000000000), true},
    {"TiB", UINT64_C(1) << 40, true},
    {NULL, 0, false},
};
static const Unit rate_units[] = {
    {"bit/s", 1, true}, {"kbit/s", 1000, true}, {"Mbit/s", 1000000, true}, {"Gbit/s", 1000000000, true}, {NULL, 0, false},
};
static const Quantity duration = {"duration", "a number with a unit such as 20ms, 30s, 2min, 1h or 30d", duration_units,
                                  INT64_MAX};
static const Quantity size = {"size", "a number with a unit such as 512KiB, 500MB or 5GiB", size_units, INT64_MAX};
static const Quantity rate = {"rate", "a number with a unit such as 512kbit/s or 20Mbit/s", rate_units, INT64_MAX};

/* Digits, at most one point, at most nine places after it: no sign, no exponent, no infinity, no locale. */
static bool parse_number(const char **text, uint64_t *ret_whole, uint64_t *ret_billionths) {
	const char *p = *text;
	uint64_t whole = 0, fraction = 0;
	int places = 0, digits = 0;
	for (; g_ascii_isdigit(*p); p++, digits++) {
		if (whole > (UINT64_MAX - 9) / 10)
			return false;
		whole = whole * 10 + (uint64_t)(*p - '0');
	}
	if (!digits)
		return false;
	if (*p == '.') {
		for (p++; g_ascii_isdigit(*p) && places < 9; p++, places++)
			fraction = fraction * 10 + (uint64_t)(*p - '0');
		if (!places)
			return false;
		for (; places < 9; places++)
			fraction *= 10;
	}
	*text = p;
	*ret_whole = whole;
	*ret_billionths = fraction;
	return true;
}

static gboolean refuse(const Quantity *q, const char *text, const char *why, GError **error) {
	g_autofree char *shown = g_strndup(text, 40);
	g_autofree char *valid = g_utf8_make_valid(shown, -1);
	pt_error_set(error, INVALID, "'%s' is not a %s%s%s: write %s", valid, q->what, *why ? ", " : "", why, q->form);
	return FALSE;
}

/* What people write for a unit, or the unit in other letters: 'sec', 'hours', 'gib'. NULL: no guess. */
static const char *unit_meant(const Quantity *q, const char *word) {
	static const char *const others[][2] = {{"sec", "s"},    {"secs", "s"},     {"second", "s"},    {"seconds", "s"},
	                                        {"mins", "min"}, {"minute", "min"}, {"minutes", "min"}, {"hr", "h"},
	                                        {"hrs", "h"},    {"hour", "h"},     {"hours", "h"},     {"day", "d"},
	                                        {"days", "d"},   {"week", "w"},     {"weeks", "w"},     {"k", "KiB"},
	                                        {"m", "MiB"},    {"g", "GiB"},      {"t", "TiB"}};
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		if (!g_ascii_strcasecmp(others[i][0], word))
			word = others[i][1];
	for (const Unit *unit = q->units; unit->name; unit++)
		if (!g_ascii_strcasecmp(unit->name, word))
			return unit->name;
	return NULL;
}

static gboolean parse(const Quantity *q, const char *text, uint64_t *ret, GError **error) {
	const char *p = text;
	uint64_t whole, billionths;
	if (!parse_number(&p, &whole, &billionths))
		return refuse(q, text, "", error);
	while (*p == ' ')
		p++;
	if (!*p) {
		if (whole || billionths)
			return refuse(q, text, "the unit is missing", error);
		*ret = 0;
		return TRUE;
	}
	if (q == &duration && (!strcmp(p, "m") || !strcmp(p, "M")))
		return refuse(q, text, "minutes are 'min', milliseconds 'ms'", error);
	if (q == &rate && g_str_has_suffix(p, "bps"))
		return refuse(q, text, "bits per second are 'bit/s'", error);
	for (const Unit *unit = q->units; unit->name; unit++) {
		if (strcmp(unit->name, p))
			continue;
		if (whole > q->max / unit->factor)
			return refuse(q, text, "it is too large", error);
		uint64_t value =
		    whole * unit->factor + (uint64_t)((unsigned __int128)billionths * unit->factor / 1000000000);
		if (value > q->max)
			return refuse(q, text, "it is too large", error);
		*ret = value;
		return TRUE;
	}
	const char *meant = unit_meant(q, p);
	g_autofree char *why = g_strdup_printf("the unit '%.12s' is unknown%s%s%s", g_str_is_ascii(p) ? p : "?",
	                                       meant ? " (did you mean " : "", meant ? meant : "", meant ? "?)" : "");
	return refuse(q, text, why, error);
}

static char *format(const Quantity *q, uint64_t value) {
	const Unit *best = &q->units[0];
	if (!value && q == &duration)
		return g_strdup("0s");
	for (const Unit *unit = q->units; unit->name; unit++)
		if (unit->format && value && value % unit->factor == 0)
			best = unit;
	return g_strdup_printf("%" G_GUINT64_FORMAT "%s", value / best->factor, best->name);
}

gboolean pt_units_parse_duration(const char *text, int64_t *ret_ns, GError **error) {
	uint64_t value;
	if (!parse(&duration, text, &value, error))
		return FALSE;
	*ret_ns = (int64_t)value;
	return TRUE;
}

gboolean pt_units_parse_size(const char *text, uint64_t *ret_bytes, GError **error) {
	return parse(&size, text, ret_bytes, error);
}

gboolean pt_units_parse_rate(const char *text, uint64_t *ret_bits_per_s, GError **error) {
	return parse(&rate, text, ret_bits_per_s, error);
}

gboolean pt_units_parse_percent(const char *text, double *ret_percent, GError **error) {
	const char *p = text;
	uint64_t whole, billionths;
	bool number = parse_number(&p, &whole, &billionths);
	while (number && *p == ' ')
		p++;
	if (!number || strcmp(p, "%") || whole > 100 || (whole == 100 && billionths)) {
		g_autofree char *shown = g_strndup(text, 40);
		g_autofree char *valid = g_utf8_make_valid(shown, -1);
		pt_error_set(error, INVALID, "'%s' is not a percentage: write a number from 0%% to 100%%, such as 5%%",
		             valid);
		return FALSE;
	}
	*ret_percent = (double)whole + (double)billionths / 1e9;
	return TRUE;
}

/* "2k2": the letter stands where the point would (IEC 60062). */
static bool parse_ohm(const char *text, double *ret) {
	static const char letters[] = "RkKM";
	static const double factors[] = {1, 1e3, 1e3, 1e6};
	const char *p = text;
	uint64_t whole, billionths;
	if (!parse_number(&p, &whole, &billionths))
		return false;
	double value = (double)whole + (double)billionths / 1e9, factor = 1;
	while (*p == ' ')
		p++;
	const char *letter = *p ? strchr(letters, *p) : NULL;
	if (letter) {
		factor = factors[letter - letters];
		p++;
		double place = 0.1;
		for (; g_ascii_isdigit(*p) && !billionths; p++, place /= 10)
			value += place * (*p - '0');
	}
	while (*p == ' ')
		p++;
	*ret = value * factor;
	return (!*p || !g_ascii_strcasecmp(p, "ohm") || !g_ascii_strcasecmp(p, "ohms")) && *ret > 0 && *ret <= 1e8;
}

gboolean pt_units_parse_ohm(const char *text, double *ret_ohm, GError **error) {
	double ohm;
	if (parse_ohm(text, &ohm)) {
		*ret_ohm = ohm;
		return TRUE;
	}
	g_autofree char *shown = g_strndup(text, 40);
	g_autofree char *valid = g_utf8_make_valid(shown, -1);
	pt_error_set(error, INVALID, "'%s' is no resistance: write ohms, such as 2.2k, 2k2, 4700 or 1M", valid);
	return FALSE;
}

char *pt_units_format_ohm(double ohm) {
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	const char *unit = ohm >= 1e6 ? "M" : ohm >= 1e3 ? "k" : "";
	g_ascii_formatd(text, sizeof text, "%.9g", ohm / (ohm >= 1e6 ? 1e6 : ohm >= 1e3 ? 1e3 : 1));
	return g_strconcat(text, unit, NULL);
}

char *pt_units_format_duration(int64_t ns) { return format(&duration, (uint64_t)MAX(ns, 0)); }
char *pt_units_format_size(uint64_t bytes) { return format(&size, bytes); }
char *pt_units_about_size(uint64_t bytes) {
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double n = (double)bytes;
	unsigned i = 0;
	for (; n >= 1000 && i + 1 < G_N_ELEMENTS(names); i++)
		n /= 1024;
	return g_strdup_printf(i && n < 100 ? "%.1f %s" : "%.0f %s", n, names[i]);
}

char *pt_units_format_rate(uint64_t bits_per_s) { return format(&rate, bits_per_s); }

char *pt_units_format_percent(double percent) {
	/* whole billionths, without trailing zeros; not printf's %g, which gives exponents and follows the locale */
	uint64_t billionths = (uint64_t)llround(CLAMP(percent, 0, 100) * 1e9);
	char text[40];
	g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT, billionths / 1000000000,
	           billionths % 1000000000);
	size_t n = strlen(text);
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	return g_strdup_printf("%.*s%%", (int)n, text);
}

gboolean pt_units_parse_time(const char *text, int64_t now_ns, int64_t *ret_wall_ns, GError **error) {
	bool ago = g_str_has_suffix(text, " ago");
	int64_t span_ns;
	if (!strcmp(text, "now")) {
		*ret_wall_ns = now_ns;
		return TRUE;
	}
	if (!ago && *text != '-' && *text != '+') {
		if (pt_time_parse(text, ret_wall_ns, NULL))
			return TRUE;
		pt_error_set(
		    error, INVALID,
		    "'%s' is not a time (write 2026-11-22T10:55:30Z, seconds since 1970, now, \"10min ago\" or -10min)",
		    text);
		return FALSE;
	}
	g_autofree char *span = ago ? g_strndup(text, strlen(text) - strlen(" ago")) : g_strdup(text + 1);
	if (!pt_units_parse_duration(span, &span_ns, error))
		return FALSE;
	bool far = span_ns > INT64_MAX / 4;
	int64_t at = far ? -1 : *text == '+' && !ago ? now_ns + span_ns : now_ns - span_ns;
	if (at < 0) {
		pt_error_set(error, INVALID, "'%s' is before 1970 or too far ahead", text);
		return FALSE;
	}
	*ret_wall_ns = at;
	return TRUE;
}
