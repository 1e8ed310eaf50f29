/* The bus: events from any thread to whoever subscribed. A direct subscriber runs inside pt_bus_publish() on the
 * publishing thread, so that an edge reaches the rules and their relay without any thread being woken; everybody who may
 * be slow (the log, web pages) takes a bounded queue and a main context. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/event.h"

typedef struct PtBus PtBus;
typedef struct PtBusSubscription PtBusSubscription;
typedef void (*PtBusFn)(PtEvent *event, void *data); /* takes a reference of its own to keep the event */

PtBus *pt_bus_new(void);
void pt_bus_free(PtBus *bus); /* after all subscriptions ended; takes NULL */

/* From any thread; never blocks on a subscriber's queue. Subscribers are called in the order they subscribed. Events
 * published by one thread reach each subscriber in order; one published from inside a direct subscriber is delivered
 * at once, nested. */
void pt_bus_publish(PtBus *bus, PtEvent *event);

/* Called on the publishing thread, possibly on several at once: quick, thread-safe, without locks held while publishing.
 * topic: one PT_TOPIC_… or NULL for all. */
PtBusSubscription *pt_bus_subscribe_direct(PtBus *bus, const char *topic, PtBusFn fn, void *data);

/* Called on the thread that runs context (NULL: the default one), at a GLib priority. At most limit events wait; beyond
 * that the oldest is dropped and counted, so that the last state always arrives. */
PtBusSubscription *pt_bus_subscribe_queued(PtBus *bus, const char *topic, GMainContext *context, int priority,
                                           unsigned limit, PtBusFn fn, void *data);

/* Ends it; takes NULL. A direct one: returns when no other thread is inside it, so not from its own callback.
 * A queued one: from the thread of its context (its own callback included), what waits is dropped. */
void pt_bus_unsubscribe(PtBusSubscription *subscription);

/* How many events this subscription lost to a full queue. */
uint64_t pt_bus_dropped(PtBusSubscription *subscription);
/* Of the whole bus, since it was made: published, and dropped by subscriptions that ended or stand. */
void pt_bus_counters(PtBus *bus, uint64_t *ret_published, uint64_t *ret_dropped);
