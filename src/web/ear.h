/* The sound of a live stream as browsers can play it: AAC as it comes, everything else converted to AAC by a process of its
 * own, on a loop's thread. A conversion that fails ends the sound and nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/loop.h"
#include "media/sample.h"

typedef struct PtEar PtEar;

/* On the pushing thread or the loop's: must not block, takes a reference to keep the sample. */
typedef void (*PtEarHeard)(PtSample *sample, void *user);

PtEar *pt_ear_new(PtLoop *loop, PtEarHeard heard, void *user);
void pt_ear_push(PtEar *ear, PtSample *sample); /* any thread; audio samples only */
/* Takes NULL. When it returns, heard is not and will not be called. Not from within heard. */
void pt_ear_free(PtEar *ear);
