/* Browsers that people registered to be told on, whether a page is open there or not. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "notify/push.h"
#include "web/host.h"

#include "daemon/tell.h"

typedef struct {
	char *id;   /* of the endpoint: the same browser registers under the same */
	char *user; /* whose it is */
	char *label, *endpoint;
	uint8_t point[PT_PUSH_POINT], auth[PT_PUSH_AUTH];
	int64_t since_ns; /* wall time */
} PtDevice;

#define PT_DEVICES_PER_USER 20

/* Registered ones and our own key are kept in a directory. changed: after each change. */
PtDevices *pt_devices_open(const char *dir, PtClock *clock, void (*changed)(void *user), void *user, GError **error);
void pt_devices_free(PtDevices *devices);                   /* takes NULL */
const GPtrArray *pt_devices_list(const PtDevices *devices); /* of PtDevice *; borrowed until the next change */
const PtVapid *pt_devices_vapid(const PtDevices *devices);  /* borrowed */
void pt_devices_forget(PtDevices *devices, const char *id); /* harmless when there is none */

/* The caller's own, answered. */
void pt_devices_get(PtDevices *devices, PtRequest *request);
void pt_devices_post(PtDevices *devices, PtRequest *request);
void pt_devices_delete(PtDevices *devices, PtRequest *request);
