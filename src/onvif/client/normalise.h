/* What cameras say in their notifications, in one form whatever the dialect: one row per way of saying it (normalise.c).
 * Pure; the same for pull points, base notification and the metadata track. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/xml.h"

typedef enum {
	PT_SAYS_OTHER, /* something that has no row: shown as it came */
	PT_SAYS_INPUT,
	PT_SAYS_RELAY,
	PT_SAYS_MOTION, /* and objects that were recognised */
	PT_SAYS_TAMPER,
	PT_SAYS_SOUND,
	PT_SAYS_STORAGE, /* active: it has failed */
	PT_SAYS_REBOOT,  /* active: it is about to, or has */
} PtSaysKind;
const char *pt_says_word(PtSaysKind kind); /* "input", … */

typedef enum { PT_SAID_NONE, PT_SAID_INITIALIZED, PT_SAID_CHANGED, PT_SAID_DELETED } PtSaidHow; /* PropertyOperation */

typedef struct {
	PtSaysKind kind;
	PtSaidHow how;
	int active;      /* 1, 0; -1: it did not say, or in words we do not know */
	int64_t utc_ns;  /* by the camera's clock; 0: none */
	int64_t told_ns; /* a time that it tells as its state: when it started; by its clock; 0: none */
	char token[100]; /* of the input, relay, video source …; "" when it names none */
	char topic[160]; /* with our prefixes where we know the namespace, else with the camera's */
	char text[240];  /* source and data as they came: "InputToken=AlarmIn_1 LogicalState=true" */
} PtOnvifSaid;

/* A wsnt:NotificationMessage. False: it is none, or holds no message. */
bool pt_onvif_read_said(const PtXmlNode *notification, PtOnvifSaid *ret);
/* The same by whatever name, as found events are (tt:Event). Takes NULL. */
bool pt_onvif_read_notification(const PtXmlNode *holder, PtOnvifSaid *ret);
/* All notifications of a tev:PullMessagesResponse, a wsnt:Notify or a tt:MetadataStream, in their order; said may be NULL.
 * Returns how many there were, understood or not. */
unsigned pt_onvif_read_all_said(const PtXmlNode *holder, void (*said)(void *user, const PtOnvifSaid *said), void *user);
