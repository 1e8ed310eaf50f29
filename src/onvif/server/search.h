/* What the two halves of the search service share: searches and their scope (search.c), events (search-events.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/recordings.h"

#define PT_SEARCH_FOUND_MAX 20000 /* of one search */

typedef struct {
	PtOnvifHappening what;
	char recording[sizeof((PtOnvifRecording *)0)->token]; /* that it is told with */
} PtFoundEvent;

/* Opens a search and answers with its token. Takes found. */
void pt_search_begin(PtCall *call, bool events, GArray *found);
guint pt_search_max_matches(const PtCall *call);
/* Leaves the call's recordings that the scope names. False: a fault is set. */
bool pt_search_apply_scope(PtCall *call);

/* FindEvents. */
void pt_search_find_events(PtCall *call);
/* tt:Result */
void pt_search_put_event(PtXml *xml, const PtFoundEvent *event);
