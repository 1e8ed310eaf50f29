/* Writes down, one after the other and on a thread of its own, what footage is to be kept: whoever asks does not wait for a
 * disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"

typedef struct PtKeeper PtKeeper;

PtKeeper *pt_keeper_new(PtArchive *archive); /* which outlives it */
void pt_keeper_free(PtKeeper *keeper);       /* after what was asked is written down; takes NULL */
int64_t pt_keeper_new_id(PtKeeper *keeper);
/* Any thread. The row is copied; one of the same id replaces what it said before. */
void pt_keeper_put(PtKeeper *keeper, const PtKeepRow *row);
