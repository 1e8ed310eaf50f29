/* Messages to people. Each is written down for each target before it is sent, tried until it arrives or expires, and its
 * outcome told. What sends it is a channel: hook.h, mail.h, station.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "notify/queue.h"
#include "notify/target.h"
#include <gio/gio.h>

typedef struct PtNotify PtNotify;

typedef struct {
	const char *title; /* the site's name; NULL: "Pigtail" */
	const char *text;
	const char *actor;  /* "rule/night door" */
	const char *event;  /* JSON of what started it; NULL: nothing. Goes into the webhook's JSON */
	const char *camera; /* whose picture goes with it, where there is room for one; NULL: none */
	const char *code;   /* of a monitoring station: "BA", "1130"; NULL: the general one */
	const char *link;   /* URL of a page that shows it; NULL: none */
	const char *like;   /* messages with the same text here are alike: where a target groups, they are told as one */
	unsigned zone;      /* of a monitoring station: 0 .. 999 */
	int priority;       /* 1 .. 5 as ntfy has them; 0: 3. 5 waits neither for quiet hours' end nor for others like it */
	int64_t wall_ns;    /* when it happened */
} PtNotifyMessage;

/* All are called on the notifier's own threads, several at once. */
typedef struct {
	const char *queue_path;
	PtClock *clock;
	/* Once for each message and target: reason NULL: it arrived; else why it was given up, without URL and token. */
	void (*done)(void *user, const char *target, const PtQueued *message, const char *reason);
	/* The browser that is this target is no more. NULL: nobody asks. */
	void (*gone)(void *user, const char *target);
	/* A supervised station came (why NULL) or went. */
	void (*link)(void *user, const char *target, const char *why);
	/* A JPEG of what a camera saw shortly before wall_ns; NULL and error: there is none. May block. NULL: there never
	 * is. */
	GBytes *(*picture)(void *user, const char *camera, int64_t wall_ns, GCancellable *cancellable, GError **error);
	void *user;
	unsigned pause_ms;  /* before the second try, then double each time; 0: 2000 */
	unsigned queue_max; /* messages for each target; 0: PT_NOTIFY_QUEUE_MAX */
} PtNotifySettings;

#define PT_NOTIFY_PAUSE_MAX_MS 3600000u       /* of the pauses that double */
#define PT_NOTIFY_STATION_PAUSE_MAX_MS 60000u /* the same for monitoring stations */
/* Messages for one target; beyond it a new one is given up at once, or another for one of priority 5. A target that is away
 * takes no room of the others. */
#define PT_NOTIFY_QUEUE_MAX 10000

/* Copied. NULL and error when there can be no queue. Nothing is sent before the first set_targets. */
PtNotify *pt_notify_new(const PtNotifySettings *settings, GError **error);
void pt_notify_free(PtNotify *notify); /* what waits stays on disk; takes NULL */
/* Replaces the targets (of PtNotifyTarget *; references are taken). What waits for one that is gone is given up. Any thread.
 */
void pt_notify_set_targets(PtNotify *notify, const GPtrArray *targets);
/* target NULL: all but the orders of rules. Returns how many there are. Never blocks on a disk. Any thread. */
unsigned pt_notify_send(PtNotify *notify, const char *target, const PtNotifyMessage *message);
typedef struct {
	uint64_t sent, failed;
	int64_t waiting;
} PtNotifyCounters;
void pt_notify_counters(PtNotify *notify, PtNotifyCounters *ret);
