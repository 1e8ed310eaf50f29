/* A question that needs the disk: asked by a request, worked on by a thread, answered on the main thread. What the api-*.c
 * files of the archive share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/playback.h"
#include "web/host.h"

typedef struct PtAsk PtAsk;
struct PtAsk {
	PtHost *host;
	PtRequest *request;
	char *camera, *stream;
	char **cameras; /* those asked for, all visible to the caller; NULL-terminated */
	int64_t from, to;
	JsonBuilder *json;
	bool (*work)(PtAsk *ask, GError **error); /* on a thread of its own */
	void (*answer)(PtAsk *ask);               /* afterwards */
	/* what only some need */
	bool detail; /* gaps of any length */
	int64_t epoch;
	PtKeepRow keep;
	PtPlayback playback;
	PtSample *still;
	unsigned width;
	int count;
};

/* Reads "from" and "to" of the query (the last day). NULL when the request has been answered already. */
PtAsk *pt_ask_new(PtHost *host, PtRequest *r);
/* The same, of the camera of the path and the stream of the query. */
PtAsk *pt_ask_camera(PtHost *host, PtRequest *r);
/* "camera=a,b" of the query, or all that the caller may see. False: answered. */
bool pt_ask_choose_cameras(PtAsk *ask);
/* Does the work and answers, with ask->answer or, when that is NULL, what ask->json holds. Takes it. */
void pt_ask_run(PtAsk *ask, bool (*work)(PtAsk *, GError **));
void pt_ask_answer(PtAsk *ask); /* with what ask->json holds */
void pt_ask_free(void *ask);
/* "main", "sub", "audio" or "metadata", main for NULL; NULL: it is none. */
const char *pt_ask_valid_stream(const char *name);
