/* Text in pictures, for both media services: kept here, burnt in by the host. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/call.h"

void pt_osd_get_all(PtCall *call);
void pt_osd_get(PtCall *call);
void pt_osd_get_options(PtCall *call);
void pt_osd_create(PtCall *call);
void pt_osd_set(PtCall *call);
void pt_osd_delete(PtCall *call);
