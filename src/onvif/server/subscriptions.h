/* Who waits for events: pull points and push subscriptions, their queues, their times. Works in whatever time its clock
 * gives; sends nothing itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/topics.h"

#define PT_SUBSCRIPTIONS_MAX 64   /* at a time, pull and push together */
#define PT_SUBSCRIPTION_QUEUE 256 /* notices waiting for one client; beyond that the oldest goes and is counted */
#define PT_SUBSCRIPTION_SPAN_NS (60 * PT_NS_PER_S) /* where a client names none */
#define PT_SUBSCRIPTION_SPAN_MAX_NS (86400 * PT_NS_PER_S)
#define PT_PULL_MAX_NS (600 * PT_NS_PER_S) /* longest question */

typedef enum { PT_NOTICE_INITIALIZED, PT_NOTICE_CHANGED, PT_NOTICE_DELETED } PtNoticeKind;

/* Something that a client is told; shared by all who are. */
typedef struct {
	gatomicrefcount refs;
	PtOnvifTopic topic;
	PtNoticeKind kind;
	bool active;
	int64_t wall_ns;
	char *token, *camera; /* camera NULL: none */
} PtNotice;

PtNotice *pt_notice_new(PtOnvifTopic topic, PtNoticeKind kind, const char *token, const char *camera, bool active,
                        int64_t wall_ns);
void pt_notice_unref(PtNotice *notice);
/* <wsnt:NotificationMessage> */
void pt_notice_put(PtXml *xml, const PtNotice *notice);

typedef struct PtSubscription PtSubscription;
struct PtSubscription {
	char id[20];      /* the last part of its address */
	char *user;       /* who made it; NULL: nobody logged in */
	char *expression; /* topics wanted; NULL: all */
	char *consumer;   /* where notices are pushed; NULL: it is a pull point */
	bool changed_only;
	int64_t until_ns; /* monotonic */
	GQueue queue;     /* of PtNotice * */
	uint64_t dropped;
	/* a question that waits for an answer */
	void *waiting; /* NULL: none */
	int64_t answer_by_ns;
	unsigned limit;
	/* push */
	void *sending; /* a delivery is under way */
	unsigned failures;
	/* private */
	void *owner;
};

typedef struct {
	/* There is something for it: notices, or the time of its question is up. Called for who has notices whenever that
	 * begins or a question comes; pull points are only told while they wait. */
	void (*ready)(void *user, PtSubscription *subscription);
	/* Its time is up, or it is removed: whoever waits on it is told. Freed afterwards. */
	void (*ended)(void *user, PtSubscription *subscription);
	/* Something happened, whoever has subscribed to it; camera as in the notice. May be NULL. */
	void (*told)(void *user, const PtNotice *notice);
	/* May this user hear of that camera? */
	bool (*may_hear)(void *user, const char *name, const char *camera);
} PtSubscriptionsOps;

typedef struct PtSubscriptions PtSubscriptions;
PtSubscriptions *pt_subscriptions_new(PtClock *clock, const PtSubscriptionsOps *ops, void *user);
void pt_subscriptions_free(PtSubscriptions *subscriptions); /* all end; takes NULL */
/* NULL: there are PT_SUBSCRIPTIONS_MAX already. expression and consumer are copied; it gets all properties as Initialized,
 * unless changed_only. */
PtSubscription *pt_subscriptions_add(PtSubscriptions *subscriptions, const char *user, const char *expression,
                                     const char *consumer, bool changed_only, int64_t span_ns);
PtSubscription *pt_subscriptions_find(PtSubscriptions *subscriptions, const char *id);
void pt_subscriptions_remove(PtSubscriptions *subscriptions, PtSubscription *subscription);
unsigned pt_subscriptions_count(const PtSubscriptions *subscriptions);
uint64_t pt_subscriptions_dropped(const PtSubscriptions *subscriptions);
/* Somebody asks and waits; ready or ended answer. False: there is something to answer now, nobody waits. */
bool pt_subscription_wait(PtSubscription *subscription, void *waiting, int64_t timeout_ns, unsigned limit);
/* All properties once more as Initialized: a synchronisation point. */
void pt_subscription_repeat(PtSubscription *subscription);

/* Calls told for all properties, as Initialized. */
void pt_subscriptions_tell_all(PtSubscriptions *subscriptions);

/* As pt_onvif_server_set_property() and its relatives. */
void pt_subscriptions_set(PtSubscriptions *subscriptions, PtOnvifTopic topic, const char *token, const char *camera,
                          bool active, int64_t wall_ns);
void pt_subscriptions_drop(PtSubscriptions *subscriptions, PtOnvifTopic topic, const char *token, int64_t wall_ns);
void pt_subscriptions_drop_unless(PtSubscriptions *subscriptions,
                                  bool (*keep)(void *user, PtOnvifTopic topic, const char *token), void *user,
                                  int64_t wall_ns);

int64_t pt_subscriptions_due(const PtSubscriptions *subscriptions); /* monotonic; -1: never */
void pt_subscriptions_tick(PtSubscriptions *subscriptions);         /* does what is due */
