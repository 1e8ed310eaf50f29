/* Between the two files of this driver. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/http/http.h"

extern const PtInputDriver pt_http_input;

PtLevel pt_http_level(const PtPlugSettings *settings, bool active);
GSource *pt_http_after(GMainContext *context, guint seconds, GSourceFunc fn, void *data);
void pt_http_drop(GSource **source); /* ends it, whether there is one or not */
