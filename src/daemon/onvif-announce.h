/* Tells the networks of this machine that there is an ONVIF camera here (WS-Discovery), where serve.onvif listens. Main
 * thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/onvif.h"

typedef struct PtOnvifAnnounce PtOnvifAnnounce;

/* onvif listens already and outlives it. listen: the site file's serve.onvif, copied. NULL and error: it can be used all the
 * same, but is not found by itself. */
PtOnvifAnnounce *pt_onvif_announce_new(PtOnvif *onvif, const char *listen, GError **error);
void pt_onvif_announce_free(PtOnvifAnnounce *announce); /* says Bye; takes NULL */
