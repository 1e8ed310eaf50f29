/* Whom to tell, and how: filled from the site file, immutable from then on and ref-counted, so that a message under way
 * keeps the one it began with. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "notify/push.h"
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

typedef enum {
	PT_NOTIFY_WEBHOOK, /* JSON by POST */
	PT_NOTIFY_NTFY,    /* text by POST */
	PT_NOTIFY_ORDER,   /* the text as it is, by `method`: a rule's own request */
	PT_NOTIFY_MAIL,    /* SMTP */
	PT_NOTIFY_STATION, /* a monitoring station, SIA DC-09 */
	PT_NOTIFY_PUSH,    /* Web Push. Without a url: of the site file, and stands for the devices of its users */
} PtNotifyKind;

typedef struct {
	PtNotifyKind kind;
	char *name;
	char *of;              /* PUSH: the target of the site file that it is a device of; NULL: it is that itself */
	char *url;             /* all but STATION; of MAIL smtp:// or smtps:// */
	char *secret;          /* bearer token; NULL: none */
	char *method;          /* ORDER: GET, POST, PUT */
	uint64_t attach_bytes; /* NTFY: the picture goes with it when it is no larger; 0: it does not */
	char *login;           /* MAIL: its name in the secrets file; NULL: none */
	char *user, *password;
	char *from, **to; /* MAIL: addresses; PUSH: from: whom a push service may ask; to: users, NULL: all */
	char *ca;         /* MAIL: file of certificates to trust; NULL: the system's */
	bool plain;       /* MAIL, STATION: what is not encrypted is accepted */

	char *host; /* STATION */
	int port;
	bool udp, contact_id;    /* contact_id: ADM-CID, else SIA-DCS */
	char *account;           /* 3 to 16 hex digits */
	unsigned receiver, line; /* R and L; receiver 0: not sent */
	char *key_name;          /* in tokens of the secrets file; NULL: not encrypted */
	uint8_t key[32];         /* AES */
	unsigned key_size;       /* 16, 24, 32 */
	int64_t supervise_ns;    /* a NULL message after so long without any; 0: none */

	const PtVapid *vapid;                             /* PUSH: borrowed, outlives the notifier */
	uint8_t point[PT_PUSH_POINT], auth[PT_PUSH_AUTH]; /* PUSH: the browser's keys */

	int64_t expires_ns;               /* a message is given up this long after it was due first */
	int64_t group_ns;                 /* it waits so long for others like it; 0: it does not */
	int quiet_from_min, quiet_to_min; /* minutes of the day; -1: no quiet hours */
	GTimeZone *zone;                  /* of the quiet hours, and of times in mails; NULL: UTC */
} PtNotifyTarget;

#define PT_NOTIFY_EXPIRES_NS (INT64_C(86400) * 1000000000)

PtNotifyTarget *pt_notify_target_new(PtNotifyKind kind, const char *name); /* defaults of a target that says nothing more */
/* Whether a message to `name` (NULL: all) goes to it: to itself, or to what it is a device of. */
bool pt_notify_target_is(const PtNotifyTarget *target, const char *name);
PtNotifyTarget *pt_notify_target_ref(PtNotifyTarget *target);
void pt_notify_target_unref(void *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtNotifyTarget, pt_notify_target_unref)

/* When what is due at `now` (ns UTC) may be told: now itself, or the end of the quiet hours it falls into. */
int64_t pt_notify_target_quiet_until(const PtNotifyTarget *target, int64_t now_ns);
