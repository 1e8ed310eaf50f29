/* The way a device's events come: pulled, delivered by it, out of the metadata track of its stream; the first of these that
 * brings any, unless one was chosen. A device that has no events, or whose events nobody wants, is asked from time to time
 * whether it is still there. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/events.h"

typedef enum {
	PT_ONVIF_WAY_NONE,
	PT_ONVIF_WAY_PULL,
	PT_ONVIF_WAY_PUSH,
	PT_ONVIF_WAY_METADATA,
	PT_ONVIF_WAY_ANY, /* as a wish: whichever brings any, in this order */
} PtOnvifWay;
extern const char *const pt_onvif_way_words[]; /* "none", "pull", "push", "metadata", "any"; NULL-terminated */

/* Where a device that delivers finds us. */
typedef struct {
	/* An address at which this device, whose own is remote, can deliver; NULL: there is none. Caller frees. NULL as a
	 * function: nobody can deliver. */
	char *(*open)(void *user, const char *remote, GError **error);
	void (*close)(void *user, const char *address);
	void *user;
} PtOnvifDoor;

typedef struct {
	PtOnvifWay wish;
	bool metadata; /* its main stream has a metadata track */
	PtOnvifDoor door;
} PtOnvifWaysParams;

typedef struct PtOnvifWays PtOnvifWays;

/* device is open and outlives it. host: as of a subscription; live may be said more than once. */
PtOnvifWays *pt_onvif_ways_new(PtOnvifDevice *device, PtClock *clock, const PtOnvifWaysParams *params,
                               const PtOnvifEventsHost *host);
PtOnvifWay pt_onvif_ways_now(const PtOnvifWays *ways); /* never ANY */
void pt_onvif_ways_get_stats(const PtOnvifWays *ways, PtOnvifEventsStats *ret);
/* What came through the door. False: it is no delivery. */
bool pt_onvif_ways_deliver(PtOnvifWays *ways, const void *message, size_t size);
/* A document of the metadata track; those without events are nothing. */
void pt_onvif_ways_metadata(PtOnvifWays *ways, const void *document, size_t size);
/* As pt_onvif_events_leave() and _free(). */
void pt_onvif_ways_leave(PtOnvifWays *ways, void (*gone)(void *user), void *user);
void pt_onvif_ways_free(PtOnvifWays *ways); /* takes NULL */
