/* Still pictures: GET /onvif/snapshot/PROFILE, the address that GetSnapshotUri gives. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/server.h"

#define PT_SNAPSHOT_PATH "/onvif/snapshot/"
/* user is logged in. */
void pt_snapshot_answer(PtOnvifServer *server, const char *path, const char *user, const PtOnvifClient *client, void *data);
