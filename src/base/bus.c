/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bus.h"

#define BATCH 64 /* events delivered before other sources of the context get their turn */

struct PtBus {
	GMutex lock;
	/* under lock; replaced, never changed, so that publishing walks it without the lock */
	GPtrArray *subscriptions;
	uint64_t published, dropped;
};

struct PtBusSubscription {
	gatomicrefcount refs;
	PtBus *bus;
	char *topic;
	PtBusFn fn;
	void *data;
	int inside; /* atomic: threads that are in a direct callback */
	int ended;  /* atomic */

	GSource *source; /* NULL: direct */
	unsigned limit;
	GMutex lock;
	/* under lock */
	GQueue queue;
	uint64_t dropped;
};

typedef struct {
	GSource source;
	PtBusSubscription *subscription;
} QueueSource;

static void subscription_unref(void *data) {
	PtBusSubscription *s = data;
	if (!g_atomic_ref_count_dec(&s->refs))
		return;
	g_queue_clear_full(&s->queue, (GDestroyNotify)pt_event_unref);
	g_mutex_clear(&s->lock);
	g_free(s->topic);
	g_free(s);
}

static PtBusSubscription *subscription_ref(PtBusSubscription *s) {
	g_atomic_ref_count_inc(&s->refs);
	return s;
}

PtBus *pt_bus_new(void) {
	PtBus *bus = g_new0(PtBus, 1);
	g_mutex_init(&bus->lock);
	bus->subscriptions = g_ptr_array_new_with_free_func(subscription_unref);
	return bus;
}

void pt_bus_free(PtBus *bus) {
	if (!bus)
		return;
	g_assert(bus->subscriptions->len == 0);
	g_ptr_array_unref(bus->subscriptions);
	g_mutex_clear(&bus->lock);
	g_free(bus);
}

static void *copy_subscription(const void *src, void *data) { return subscription_ref((void *)src); }

/* Puts s in (add) or takes it out of a new copy of the list. */
static void change(PtBus *bus, PtBusSubscription *s, bool add) {
	g_mutex_lock(&bus->lock);
	GPtrArray *old = bus->subscriptions;
	GPtrArray *list = g_ptr_array_copy(old, copy_subscription, NULL);
	g_ptr_array_set_free_func(list, subscription_unref);
	if (add)
		g_ptr_array_add(list, subscription_ref(s));
	else
		g_ptr_array_remove(list, s);
	bus->subscriptions = list;
	g_mutex_unlock(&bus->lock);
	g_ptr_array_unref(old);
}

static void enqueue(PtBusSubscription *s, PtEvent *event) {
	PtEvent *lost = NULL;
	g_mutex_lock(&s->lock);
	if (s->queue.length >= s->limit) {
		lost = g_queue_pop_head(&s->queue);
		s->dropped++;
	}
	bool was_empty = !s->queue.length;
	g_queue_push_tail(&s->queue, pt_event_ref(event));
	g_mutex_unlock(&s->lock);
	if (lost) {
		pt_event_unref(lost);
		g_mutex_lock(&s->bus->lock);
		s->bus->dropped++;
		g_mutex_unlock(&s->bus->lock);
	}
	if (was_empty)
		g_source_set_ready_time(s->source, 0);
}

void pt_bus_publish(PtBus *bus, PtEvent *event) {
	g_mutex_lock(&bus->lock);
	bus->published++;
	GPtrArray *list = g_ptr_array_ref(bus->subscriptions);
	g_mutex_unlock(&bus->lock);
	for (guint i = 0; i < list->len; i++) {
		PtBusSubscription *s = list->pdata[i];
		if (s->topic && g_strcmp0(s->topic, event->topic))
			continue;
		g_atomic_int_inc(&s->inside);
		if (!g_atomic_int_get(&s->ended)) {
			if (s->source)
				enqueue(s, event);
			else
				s->fn(event, s->data);
		}
		g_atomic_int_add(&s->inside, -1);
	}
	g_ptr_array_unref(list);
}

static PtBusSubscription *subscription_new(PtBus *bus, const char *topic, PtBusFn fn, void *data) {
	PtBusSubscription *s = g_new0(PtBusSubscription, 1);
	g_atomic_ref_count_init(&s->refs);
	s->bus = bus;
	s->topic = g_strdup(topic);
	s->fn = fn;
	s->data = data;
	g_mutex_init(&s->lock);
	g_queue_init(&s->queue);
	return s;
}

PtBusSubscription *pt_bus_subscribe_direct(PtBus *bus, const char *topic, PtBusFn fn, void *data) {
	PtBusSubscription *s = subscription_new(bus, topic, fn, data);
	change(bus, s, true);
	return s;
}

static gboolean deliver(GSource *source, GSourceFunc unused, void *unused_data) {
	PtBusSubscription *s = subscription_ref(((QueueSource *)source)->subscription);
	/* before the first pop: what is published from now on finds the queue empty at some time and sets it again */
	g_source_set_ready_time(source, -1);
	for (unsigned n = 0; !g_atomic_int_get(&s->ended); n++) {
		g_mutex_lock(&s->lock);
		PtEvent *event = n < BATCH ? g_queue_pop_head(&s->queue) : NULL;
		bool more = s->queue.length > 0;
		g_mutex_unlock(&s->lock);
		if (!event) {
			if (more)
				g_source_set_ready_time(source, 0);
			break;
		}
		s->fn(event, s->data);
		pt_event_unref(event);
	}
	subscription_unref(s);
	return G_SOURCE_CONTINUE;
}

static void source_finalize(GSource *source) { subscription_unref(((QueueSource *)source)->subscription); }

static GSourceFuncs queue_funcs = {.dispatch = deliver, .finalize = source_finalize};

PtBusSubscription *pt_bus_subscribe_queued(PtBus *bus, const char *topic, GMainContext *context, int priority,
                                           unsigned limit, PtBusFn fn, void *data) {
	g_assert(limit > 0);
	PtBusSubscription *s = subscription_new(bus, topic, fn, data);
	s->limit = limit;
	s->source = g_source_new(&queue_funcs, sizeof(QueueSource));
	((QueueSource *)s->source)->subscription = subscription_ref(s);
	g_source_set_name(s->source, "bus");
	g_source_set_priority(s->source, priority);
	g_source_set_can_recurse(s->source, FALSE);
	g_source_attach(s->source, context);
	change(bus, s, true);
	return s;
}

void pt_bus_unsubscribe(PtBusSubscription *s) {
	if (!s)
		return;
	g_atomic_int_set(&s->ended, 1);
	change(s->bus, s, false);
	while (g_atomic_int_get(&s->inside)) /* a few microseconds: a callback that runs on another thread */
		g_usleep(50);
	if (s->source) {
		g_source_destroy(s->source);
		g_source_unref(s->source);
	}
	subscription_unref(s);
}

uint64_t pt_bus_dropped(PtBusSubscription *s) {
	g_mutex_lock(&s->lock);
	uint64_t dropped = s->dropped;
	g_mutex_unlock(&s->lock);
	return dropped;
}

void pt_bus_counters(PtBus *bus, uint64_t *ret_published, uint64_t *ret_dropped) {
	g_mutex_lock(&bus->lock);
	*ret_published = bus->published;
	*ret_dropped = bus->dropped;
	g_mutex_unlock(&bus->lock);
}
