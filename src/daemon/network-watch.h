/* Says when this machine's network goes and comes back: links and routes as the kernel tells of them. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"

typedef struct PtNetworkWatch PtNetworkWatch;

/* Publishes "system/network" lost and live; the first, as found, at once. Lost: there is no address but loopback's. */
PtNetworkWatch *pt_network_watch_new(PtClock *clock, PtBus *bus);
void pt_network_watch_free(PtNetworkWatch *watch); /* takes NULL */
