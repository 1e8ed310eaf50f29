/* One subscription to a device's events by pull point (ONVIF Core §9): made, kept alive, pulled with long polls, made anew
 * once when it is lost, given back at the end. Whoever owns it decides what to do when that does not help. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/device.h"
#include "onvif/client/normalise.h"

typedef struct PtOnvifEvents PtOnvifEvents;

typedef struct {
	void (*said)(void *user, const PtOnvifSaid *said); /* in the order they came */
	void (*live)(void *user);                      /* the first answer of a subscription: states follow as Initialized */
	void (*lost)(void *user, const GError *error); /* for good; frees nothing. May free the object */
	void *user;
} PtOnvifEventsHost;

typedef struct {
	uint64_t pulls, messages, subscriptions, renewals, refused_renewals;
} PtOnvifEventsStats;

/* device is open, has events, and outlives it. */
PtOnvifEvents *pt_onvif_events_new(PtOnvifDevice *device, PtClock *clock, const PtOnvifEventsHost *host);
void pt_onvif_events_get_stats(const PtOnvifEvents *events, PtOnvifEventsStats *ret);
/* Gives the subscription back; gone (may be NULL) is called when the device has answered, or would not. Nothing else is said
 * any more. */
void pt_onvif_events_leave(PtOnvifEvents *events, void (*gone)(void *user), void *user);
void pt_onvif_events_free(PtOnvifEvents *events); /* at once; takes NULL */
