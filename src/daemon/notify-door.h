/* Where cameras deliver their events (ONVIF base notification): an HTTP listener of its own with one unguessable address per
 * subscription, taken only from the camera that it was given to. It listens while somebody may deliver. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct PtNotifyDoor PtNotifyDoor;
PtNotifyDoor *pt_notify_door_new(void);
void pt_notify_door_free(PtNotifyDoor *door); /* takes NULL */

/* "ADDRESS:PORT" to listen on; NULL: any free port of the address by which the camera is reached. plain: the network is
 * trusted (serve.plain). Both for doors that are opened later. */
void pt_notify_door_set_listen(PtNotifyDoor *door, const char *listen, bool plain);

/* False: this is no delivery. */
typedef bool (*PtDeliveryFn)(void *user, const void *message, size_t size);
/* For the device at this numeric address. Returns what it is told to deliver to; NULL: nobody can be reached there, or it is
 * beyond this machine (deliveries are not encrypted) and nobody has said that this may be: neither chosen for this device,
 * nor by an address to listen on, nor by a network that is trusted. Caller frees. */
char *pt_notify_door_open(PtNotifyDoor *door, const char *remote, bool chosen, PtDeliveryFn fn, void *user, GError **error);
void pt_notify_door_close(PtNotifyDoor *door, const char *address);

typedef struct {
	guint64 delivered, strangers, nonsense; /* strangers: an address that nobody was given, or somebody else's */
} PtNotifyDoorStats;
void pt_notify_door_get_stats(const PtNotifyDoor *door, PtNotifyDoorStats *ret);
