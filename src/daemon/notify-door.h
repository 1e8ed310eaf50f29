/* Where cameras deliver their events (ONVIF base notification): an HTTP listener of its own with one unguessable address per
 * subscription, taken only from the camera that it was given to. It listens while somebody may deliver. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct PtNotifyDoor PtNotifyDoor;
PtNotifyDoor *pt_notify_door_new(void);
void pt_notify_door_free(PtNotifyDoor *door); /* takes NULL */

/* "ADDRESS:PORT" to listen on; NULL: any free port of the address by which the camera is reached. For doors that are opened
 * later. */
void pt_notify_door_set_listen(PtNotifyDoor *door, const char *listen);

/* False: this is no delivery. */
typedef bool (*PtDeliveryFn)(void *user, const void *message, size_t size);
/* For the device at this numeric address. Returns what it is told to deliver to; NULL: nobody can be reached there. Caller
 * frees. */
char *pt_notify_door_open(PtNotifyDoor *door, const char *remote, PtDeliveryFn fn, void *user, GError **error);
void pt_notify_door_close(PtNotifyDoor *door, const char *address);

typedef struct {
	guint64 delivered, strangers, nonsense; /* strangers: an address that nobody was given, or somebody else's */
} PtNotifyDoorStats;
void pt_notify_door_get_stats(const PtNotifyDoor *door, PtNotifyDoorStats *ret);
