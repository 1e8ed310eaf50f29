/* Media profiles and the configurations they consist of, shared by the two media services. Each stream makes one fixed
 * profile with its configurations; clients make further ones of the same configurations. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/call.h"

#define PT_ONVIF_OUTPUT_LEVEL 100 /* of a loudspeaker, the only one */

/* What a configuration is called: "VideoSource", …; in GetProfiles of the two services. */
extern const char *const pt_conf_names[PT_N_CONF];

/* The token of a stream's configuration; "": it has none of that kind. */
void pt_conf_token(const PtOnvifStream *stream, PtConf conf, char ret[PT_ONVIF_TOKEN]);
/* The stream behind a configuration's token. FALSE: there is none. */
gboolean pt_conf_find(PtCall *call, PtConf conf, const char *token, PtOnvifStream *ret);
/* One of each token, for all streams. of PtOnvifStream; caller unrefs. */
GArray *pt_conf_all(PtCall *call, PtConf conf);
/* FALSE: there is none of a kind that cameras may lack, and a fault says so. */
gboolean pt_conf_need(PtCall *call, PtConf conf);
/* Writes it as an element of this name; media2: in the form of ver20. FALSE and nothing is written: that form cannot say
 * it (H.265 and Opus in ver10). */
gboolean pt_conf_put(PtCall *call, PtXml *xml, const char *element, PtConf conf, const PtOnvifStream *stream, bool media2);

GArray *pt_profiles(PtCall *call); /* of PtProfile; caller unrefs */
gboolean pt_profile_find(PtCall *call, const char *token, PtProfile *ret);
/* The same, with ter:NoProfile. */
gboolean pt_profile_need(PtCall *call, const char *token, PtProfile *ret);
/* The stream it plays; FALSE: it has no video encoder. */
gboolean pt_profile_stream(PtCall *call, const PtProfile *profile, PtOnvifStream *ret);
/* The same, with ter:IncompleteConfiguration. */
gboolean pt_profile_need_stream(PtCall *call, const PtProfile *profile, PtOnvifStream *ret);
/* Makes a new one with a token of its own when token is "". FALSE: a fault is set. */
gboolean pt_profile_create(PtCall *call, const char *token, const char *name, PtProfile *ret);
/* Adds (token) or removes (token NULL) a configuration. token "": any that fits. FALSE: a fault is set. */
gboolean pt_profile_change(PtCall *call, PtProfile *profile, PtConf conf, const char *token);
gboolean pt_profile_save(PtCall *call, const PtProfile *profile);
gboolean pt_profile_delete(PtCall *call, const char *token);
/* Its address on the RTSP server; NULL: a fault is set. Caller frees. */
char *pt_profile_uri(PtCall *call, const char *token);
char *pt_profile_snapshot_uri(PtCall *call, const char *token);
void pt_profile_key_frame(PtCall *call, const char *token);
