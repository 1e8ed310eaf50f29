/* Fills gaps from the cameras' cards: finds those that may be filled, keeps a job for each in the index, asks the camera
 * what it has of it, fetches it, counts what is still missing, and says what became of it. Its books are kept on a loop of
 * its own; the main thread carries questions to cameras and answers back. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/cameras.h"
#include <json-glib/json-glib.h>

typedef struct PtBackfill PtBackfill;

typedef struct {
	PtArchive *archive;
	PtBus *bus;
	PtClock *clock;
	PtCameras *cameras;
} PtBackfillEnv;

PtBackfill *pt_backfill_new(const PtBackfillEnv *env); /* main thread; env is copied, what it names outlives this */
void pt_backfill_apply(PtBackfill *backfill, PtSite *site);
/* What is under way stops and is taken up at the next start. Before the cameras end. Takes NULL. */
void pt_backfill_free(PtBackfill *backfill);

/* A person asks for what is missing in [from, to) of a camera now, whatever the hour and what was tried before: how many
 * gaps that are. Blocks on the index; any thread but the main one. -1 and error when it cannot be asked. */
int pt_backfill_ask(PtBackfill *backfill, const char *camera, int64_t from_ns, int64_t to_ns, GError **error);
/* A drill: cuts the camera's streams for so long, and is answered at once; what becomes of the gap is seen as with any
 * other. False, and why, when it could not be filled, or another drill is on. Main thread. */
bool pt_backfill_drill(PtBackfill *backfill, const char *camera, int64_t length_ns, GError **error);
/* Stops all filling, what is being fetched as well, or goes on with it, until the program ends. What came is kept. Any
 * thread. */
void pt_backfill_pause(PtBackfill *backfill, bool pause);
bool pt_backfill_paused(PtBackfill *backfill);

/* What runs now; any thread. Returns how many, at most max. */
unsigned pt_backfill_get_progress(PtBackfill *backfill, PtJobProgress *ret, unsigned max);
/* Why a job that has not ended waits; "" when it does not. Any thread. */
void pt_backfill_get_wait(PtBackfill *backfill, const PtJobRow *job, char *ret, size_t size);
