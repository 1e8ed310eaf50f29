/* What was set over ONVIF and must outlast a restart: one small file, replaced as a whole. Settings of the site file are
 * elsewhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/host.h"

typedef struct PtSettings PtSettings;

#define PT_ONVIF_TOKEN 65 /* bytes of a token and its terminator */

/* Configurations a media profile may have. */
typedef enum {
	PT_CONF_VIDEO_SOURCE,
	PT_CONF_VIDEO_ENCODER,
	PT_CONF_AUDIO_SOURCE,
	PT_CONF_AUDIO_ENCODER,
	PT_CONF_METADATA,
	PT_CONF_AUDIO_OUTPUT,
	PT_CONF_AUDIO_DECODER,
	PT_N_CONF,
} PtConf;

/* A media profile made by a client. */
typedef struct {
	char token[PT_ONVIF_TOKEN], name[PT_ONVIF_TOKEN];
	char configs[PT_N_CONF][PT_ONVIF_TOKEN]; /* tokens; "": not part of it */
	bool fixed;                              /* one of ours, not in the file */
} PtProfile;

#define PT_ONVIF_PROFILES 32 /* made by clients */
#define PT_ONVIF_SCOPES 32   /* set by clients */

/* directory NULL: nothing is kept. A file that cannot be read begins anew. */
PtSettings *pt_settings_new(const char *directory);
void pt_settings_free(PtSettings *settings);                  /* takes NULL */
const char *pt_settings_endpoint(const PtSettings *settings); /* "urn:uuid:…" */

bool pt_settings_discoverable(const PtSettings *settings);
gboolean pt_settings_set_discoverable(PtSettings *settings, bool discoverable, GError **error);
char **pt_settings_scopes(const PtSettings *settings); /* the configurable ones; not NULL, borrowed */
gboolean pt_settings_set_scopes(PtSettings *settings, const char *const *scopes, GError **error);

gboolean pt_settings_relay(const PtSettings *settings, const char *relay, PtOnvifRelaySettings *ret); /* FALSE: none */
gboolean pt_settings_set_relay(PtSettings *settings, const char *relay, const PtOnvifRelaySettings *values, GError **error);
/* Calls fn for each relay with settings. */
void pt_settings_each_relay(const PtSettings *settings,
                            void (*fn)(void *user, const char *relay, const PtOnvifRelaySettings *values), void *user);

/* Encoders, by "CAMERA/main" or "CAMERA/sub". */
gboolean pt_settings_set_video(PtSettings *settings, const char *camera, bool sub, const PtOnvifVideo *video,
                               GError **error);
void pt_settings_each_video(const PtSettings *settings,
                            void (*fn)(void *user, const char *camera, bool sub, const PtOnvifVideo *video), void *user);

/* Sound, likewise. */
gboolean pt_settings_set_audio(PtSettings *settings, const char *camera, bool sub, PtOnvifAudioCodec codec, GError **error);
void pt_settings_each_audio(const PtSettings *settings,
                            void (*fn)(void *user, const char *camera, bool sub, PtOnvifAudioCodec codec), void *user);

/* Recording jobs that are idle, likewise; user: who wanted it so. user NULL: it is active. */
gboolean pt_settings_set_idle(PtSettings *settings, const char *camera, bool sub, const char *user, GError **error);
void pt_settings_each_idle(const PtSettings *settings, void (*fn)(void *user, const char *camera, bool sub, const char *who),
                           void *user);

/* Texts in pictures. */
GArray *pt_settings_osds(const PtSettings *settings, const char *camera); /* of PtOnvifOsd; NULL: all; caller unrefs */
gboolean pt_settings_set_osd(PtSettings *settings, const PtOnvifOsd *osd, GError **error); /* new, or over the old one */
gboolean pt_settings_remove_osd(PtSettings *settings, const char *token, GError **error);

GArray *pt_settings_profiles(const PtSettings *settings); /* of PtProfile; caller unrefs */
gboolean pt_settings_set_profile(PtSettings *settings, const PtProfile *profile,
                                 GError **error); /* new, or over the old one */
gboolean pt_settings_remove_profile(PtSettings *settings, const char *token, GError **error);
