/* What the parsers of units take, the writers give back to them unchanged. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const words[] = {"normally-open", "normally-closed", "on", NULL};
	g_autofree char *text = g_strndup((const char *)data, size);
	int64_t ns, ns2;
	uint64_t n, n2;
	double percent;
	g_autoptr(GError) error = NULL;
	if (pt_units_parse_duration(text, &ns, &error)) {
		g_autofree char *again = pt_units_format_duration(ns);
		g_assert(pt_units_parse_duration(again, &ns2, NULL) && ns2 == ns && ns >= 0);
	} else {
		g_assert(g_utf8_validate(error->message, -1, NULL));
	}
	if (pt_units_parse_size(text, &n, NULL)) {
		g_autofree char *again = pt_units_format_size(n);
		g_assert(pt_units_parse_size(again, &n2, NULL) && n2 == n);
	}
	if (pt_units_parse_rate(text, &n, NULL)) {
		g_autofree char *again = pt_units_format_rate(n);
		g_assert(pt_units_parse_rate(again, &n2, NULL) && n2 == n);
	}
	if (pt_units_parse_percent(text, &percent, NULL))
		g_assert(percent >= 0 && percent <= 100);
	pt_suggest(text, words);
	return 0;
}
