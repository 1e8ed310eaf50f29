/* What is recorded here, for the services of Profile G (search, recording control, replay). Asking the host takes its time,
 * so their handlers go on later. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/profiles.h"
#include "onvif/server/topics.h"

/* Defers the call, asks for the recordings that the caller may see and runs fn; they are call->recordings then. */
void pt_recordings_then(PtCall *call, void (*fn)(PtCall *call));
/* The same with their history; what happened to all things is call->happenings then. */
void pt_recordings_history_then(PtCall *call, int64_t from_ns, int64_t to_ns, bool newest, void (*fn)(PtCall *call));
/* NULL: a fault is set (ter:NoRecording). */
const PtOnvifRecording *pt_recordings_need(PtCall *call, const char *token);
/* Children of an element of tt:RecordingSourceInformation. */
void pt_recording_put_source(PtCall *call, PtXml *xml, const PtOnvifRecording *recording);
/* tt:RecordingInformation as an element of this name. */
void pt_recording_put_information(PtCall *call, PtXml *xml, const char *element, const PtOnvifRecording *recording);
/* tt:TrackInformation as an element of this name. */
void pt_recording_put_track(PtXml *xml, const char *element, const PtOnvifRecording *recording, bool sound);

/* Searches that clients have begun. */
typedef struct PtSearches PtSearches;
void pt_searches_free(PtSearches *searches); /* takes NULL */
