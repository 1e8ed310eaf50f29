/* What is asked of a camera's Search, Recording and Replay services, and what its answers mean. Pure; recordings.c asks. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/normalise.h"
#include "onvif/client/recordings.h"

#define PT_ONVIF_RECORDINGS_MAX 256

/* ---- questions ---- */

PtXml *pt_onvif_ask_find_recordings(void);
PtXml *pt_onvif_ask_find_events(int64_t from_ns, int64_t to_ns); /* by the camera's clock */
/* events: of FindEvents, else of FindRecordings. */
PtXml *pt_onvif_ask_results(const char *search, bool events, int64_t wait_ns);
PtXml *pt_onvif_ask_end(const char *search);
PtXml *pt_onvif_ask_attributes(const PtOnvifRecording *recording);
PtXml *pt_onvif_ask_replay(const char *recording);

/* ---- answers ---- */

GPtrArray *pt_onvif_recordings_new(void); /* of PtOnvifRecording * */

const char *pt_onvif_read_search_token(const PtSoap *answer); /* "" when there is none */
bool pt_onvif_read_search_over(const PtSoap *answer);
bool pt_onvif_read_search_any(const PtSoap *answer); /* there is something in it, new or not */
/* GetRecordingSearchResults, GetRecordings: those that are not in the list yet. Returns how many there were. */
unsigned pt_onvif_read_search_recordings(const PtSoap *answer, GPtrArray *recordings);
/* GetMediaAttributes: what its pictures are, as far as it says. */
void pt_onvif_read_attributes(const PtSoap *answer, PtOnvifRecording *recording);
void pt_onvif_sort_recordings(GPtrArray *recordings); /* the highest resolution first, else as they came */

/* GetEventSearchResults: those that happened in [from, to), and states at the beginning; said is added to, of
 * PtOnvifSaid *. seen: keys of those that are there already, of char *. Returns how many new ones there were. */
unsigned pt_onvif_read_search_events(const PtSoap *answer, int64_t from_ns, int64_t to_ns, GPtrArray *said,
                                     GHashTable *seen);
void pt_onvif_sort_said(GPtrArray *said); /* by time; those of one time as they came */
