/* Asks an opened device what it has, one question after the other; what it cannot say becomes a note and nothing more. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/camera.h"

typedef struct PtOnvifDescribe PtOnvifDescribe; /* under way; gone once fn was called */
/* found: taken by fn; NULL on error, which is one that stops everything (it is gone, the login is wrong). */
typedef void (*PtOnvifFoundFn)(void *user, PtOnvifFound *found, const GError *error);
typedef struct {
	const PtOnvifChoice *choice; /* outlives the describing; NULL: none */
	bool thorough; /* somebody looks: also its users, its storage, its lamps, and whether it asks for a login at all */
} PtOnvifDescribeParams;
PtOnvifDescribe *pt_onvif_describe_device(PtOnvifDevice *device, const PtOnvifDescribeParams *params, PtOnvifFoundFn fn,
                                          void *user);
void pt_onvif_describe_free(PtOnvifDescribe *describe); /* fn is not called; takes NULL */

void pt_onvif_found_free(PtOnvifFound *found); /* takes NULL */
PtOnvifPlug *pt_onvif_found_add_plug(PtOnvifFound *found, PtOnvifPlugKind kind, const char *token);

/* The order to a relay: for the device service, or for Device IO, which takes the very same. */
PtXml *pt_onvif_relay_order(const char *token, bool active);
/* Its mode, delay and idle state as the plug has them. */
PtXml *pt_onvif_relay_mode(const PtOnvifPlug *plug);

PtOnvifFound *pt_onvif_found_new(void);
