/* Reads footage back from the medium, as a person would on the day it is needed: cards and disks lose what was written well
 * once. A share of all segments at a time, whole, at a bounded rate. Blocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/store.h"

typedef struct {
	unsigned parts, part; /* those of every parts-th minute: part 0 .. parts - 1 */
	int64_t bytes_per_s;  /* 0: no bound */
	const int *stop;      /* atomic; not 0: it ends before the next file. NULL: it does not */
} PtReadBackParams;

typedef struct {
	int64_t begun_ns, ended_ns; /* wall time; ended 0: not yet */
	unsigned files, bad;
	int64_t bytes;
	char first[400]; /* what was wrong with the first bad one; "" */
} PtReadBack;

/* A file is bad when it cannot be read, is not whole as far as the index promises, or holds pictures that are none. */
void pt_read_back(PtStore *store, const char *root, const PtReadBackParams *params, PtReadBack *ret);
