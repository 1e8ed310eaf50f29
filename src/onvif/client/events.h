/* One subscription to a device's events (ONVIF Core §9), by pull point or by base notification: made, kept alive, pulled
 * with long polls or delivered by the device, made anew once when it is lost, given back at the end. Whoever owns it decides
 * what to do when that does not help. */
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
	int64_t pulled_ns; /* monotonic: when what is answered now was asked for; 0: nothing is pulled */
} PtOnvifEventsStats;

/* device is open, has events, and outlives it. consumer: the address to which the device is to deliver (base notification;
 * whoever listens there hands it to pt_onvif_events_deliver()); NULL: a pull point. */
PtOnvifEvents *pt_onvif_events_new(PtOnvifDevice *device, PtClock *clock, const char *consumer,
                                   const PtOnvifEventsHost *host);
/* What came to consumer: a wsnt:Notify. False: it is none. */
bool pt_onvif_events_deliver(PtOnvifEvents *events, const PtXmlNode *notify);
void pt_onvif_events_get_stats(const PtOnvifEvents *events, PtOnvifEventsStats *ret);
/* Gives the subscription back; gone (may be NULL) is called when the device has answered, or would not. Nothing else is said
 * any more. */
void pt_onvif_events_leave(PtOnvifEvents *events, void (*gone)(void *user), void *user);
void pt_onvif_events_free(PtOnvifEvents *events); /* at once; takes NULL */
