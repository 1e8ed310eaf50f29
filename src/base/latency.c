/* SPDX-License-Identifier: Apache-2.0 */
#include "base/latency.h"
#include <glib.h>
#include <stdlib.h>
#include <string.h>

void pt_latency_add(PtLatency *l, int64_t ns) {
	l->kept[l->n++ % PT_LATENCY_KEPT] = ns;
	l->max_ns = MAX(l->max_ns, ns);
}

static int by_size(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

PtLatencyFigures pt_latency_figures(const PtLatency *l) {
	int64_t sorted[PT_LATENCY_KEPT];
	size_t n = (size_t)MIN(l->n, PT_LATENCY_KEPT);
	if (!n)
		return (PtLatencyFigures){0};
	memcpy(sorted, l->kept, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_size);
	return (PtLatencyFigures){sorted[(n - 1) / 2], sorted[(n - 1) * 99 / 100], l->max_ns};
}
