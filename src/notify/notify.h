/* Messages to people: webhook (JSON by POST) and ntfy (text by POST), tried up to four times, never blocking anybody. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/event.h"

typedef struct PtNotify PtNotify;

typedef struct {
	const char *name, *url;
	bool ntfy;          /* else webhook */
	const char *secret; /* bearer token; NULL: none */
} PtNotifyTarget;

typedef struct {
	const char *title; /* the site's name */
	const char *text;
	const char *actor;    /* "rule/night door" */
	int priority;         /* 1 .. 5 as ntfy has them; 0: 3 */
	const PtEvent *event; /* what started it; NULL: nothing. Goes into the webhook's JSON */
} PtNotifyMessage;

/* Once for each message and target, when it arrived or was given up: for the log. reason: NULL when it arrived; holds
 * neither URL nor token. tries: 1 .. PT_NOTIFY_TRIES. */
typedef void (*PtNotifyDoneFn)(void *user, const char *target, const PtNotifyMessage *message, int tries,
                               const char *reason);

#define PT_NOTIFY_TRIES 4       /* the first and three more, after 2, 8 and 32 s */
#define PT_NOTIFY_QUEUE_MAX 200 /* messages waiting or under way; beyond it the new one is refused and counted */

/* On the thread-default main context of the caller; all functions from that thread. */
PtNotify *pt_notify_new(PtNotifyDoneFn done, void *user);
void pt_notify_free(PtNotify *notify); /* what waits is given up, and told so; takes NULL */
/* Replaces the targets (copied); what is under way to old ones goes on. */
void pt_notify_set_targets(PtNotify *notify, const PtNotifyTarget *targets, unsigned n);
/* target NULL: all of them. Returns how many were queued. */
unsigned pt_notify_send(PtNotify *notify, const char *target, const PtNotifyMessage *message);
typedef struct {
	uint64_t sent, failed, refused; /* refused: the queue was full, or there is no such target */
	unsigned waiting;
} PtNotifyCounters;
void pt_notify_counters(const PtNotify *notify, PtNotifyCounters *ret);
/* For tests: the first pause in ms, instead of 2000; each further is four times as long. */
void pt_notify_set_pause(PtNotify *notify, unsigned ms);
