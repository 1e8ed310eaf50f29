/* Finds the cameras of a network and asks each what it has: for the command line and for "add camera". */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/camera.h"
#include <json-glib/json-glib.h>

typedef struct PtOnvifFind PtOnvifFind;

typedef struct {
	char *name;          /* made from what it calls itself: fit for the site file, and unlike the others found */
	char *source;        /* "onvif://192.0.2.20", as the site file wants it */
	char *title;         /* what it calls itself; "" when it does not say */
	char *endpoint;      /* "urn:uuid:…"; "" when it was not found by discovery */
	PtOnvifFound *found; /* NULL: it could not be asked; error says why */
	char *error;         /* NULL: none */
	bool clock_known;
	int64_t offset_ns; /* its clock less ours */
	PtHttpPeer peer;
} PtOnvifCandidate;

typedef struct {
	const char *const *hosts;    /* addresses to ask besides, "192.0.2.20" or "192.0.2.20:8080"; NULL: none */
	bool only_hosts;             /* no multicast */
	const char *user, *password; /* tried with every camera; NULL: none */
	unsigned seconds;            /* how long answers are waited for; 0: 3 */
} PtOnvifFindParams;

/* found: of each camera, once it has said what it has; valid during the call. done: the last call of all. */
typedef void (*PtOnvifCandidateFn)(void *user, const PtOnvifCandidate *candidate);
PtOnvifFind *pt_onvif_find_new(PtHttp *http, PtClock *clock, const PtOnvifFindParams *params, PtOnvifCandidateFn found,
                               void (*done)(void *user), void *user, GError **error);
void pt_onvif_find_free(PtOnvifFind *find); /* also before it is done, and from within done; takes NULL */

/* A piece of a site file that records cameras and names all their plugs: each section once. What could not be read stands in
 * comments. login: the name under logins: of the secrets file, NULL: none. */
typedef struct {
	GString *asides, *cameras, *inputs, *relays;
} PtOnvifPiece;
PtOnvifPiece *pt_onvif_piece_new(void);
void pt_onvif_piece_add(PtOnvifPiece *piece, const PtOnvifCandidate *candidate, const char *login);
char *pt_onvif_piece_end(PtOnvifPiece *piece); /* frees it; the caller frees the text */
/* The same for one. Caller frees. */
char *pt_onvif_fragment(const PtOnvifCandidate *candidate, const char *login);
/* "sha256:…" of the certificate that it showed, as the site file has it; NULL: it showed none. Caller frees. */
char *pt_onvif_candidate_pin(const PtOnvifCandidate *candidate);
/* An object with all of it, the piece of a site file too. */
void pt_onvif_candidate_json(const PtOnvifCandidate *candidate, const char *login, JsonBuilder *builder);
