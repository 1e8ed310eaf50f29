/* How long something takes, of its last few hundred times, and the longest ever. Not thread-safe. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#define PT_LATENCY_KEPT 256

typedef struct {
	int64_t kept[PT_LATENCY_KEPT]; /* ns */
	uint64_t n;                    /* times so far */
	int64_t max_ns;
} PtLatency; /* begins as zeros */

typedef struct {
	int64_t p50_ns, p99_ns; /* of the last PT_LATENCY_KEPT; 0: there was none */
	int64_t max_ns;         /* of all */
} PtLatencyFigures;

void pt_latency_add(PtLatency *latency, int64_t ns);
PtLatencyFigures pt_latency_figures(const PtLatency *latency);
