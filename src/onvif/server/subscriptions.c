/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/subscriptions.h"
#include <string.h>
#include <sys/random.h>

typedef struct {
	PtOnvifTopic topic;
	char *token, *camera;
	bool active;
	int64_t since_ns; /* wall time */
} Property;

struct PtSubscriptions {
	PtClock *clock;
	const PtSubscriptionsOps *ops;
	void *user;
	GPtrArray *list;       /* of PtSubscription * */
	GPtrArray *properties; /* of Property * */
	uint64_t dropped;
};

/* ---- notices ---- */

PtNotice *pt_notice_new(PtOnvifTopic topic, PtNoticeKind kind, const char *token, const char *camera, bool active,
                        int64_t wall_ns) {
	PtNotice *n = g_new0(PtNotice, 1);
	*n = (PtNotice){.topic = topic,
	                .kind = kind,
	                .active = active,
	                .wall_ns = wall_ns,
	                .token = g_strdup(token),
	                .camera = camera && *camera ? g_strdup(camera) : NULL};
	g_atomic_ref_count_init(&n->refs);
	return n;
}

void pt_notice_unref(PtNotice *n) {
	if (!n || !g_atomic_ref_count_dec(&n->refs))
		return;
	g_free(n->token);
	g_free(n->camera);
	g_free(n);
}

void pt_notice_put(PtXml *x, const PtNotice *n) {
	static const char *const kinds[] = {"Initialized", "Changed", "Deleted"};
	pt_xml_open(x, "wsnt:NotificationMessage");
	pt_topic_put_message(x, n->topic, kinds[n->kind], n->token, n->active, n->wall_ns);
	pt_xml_close(x);
}

/* ---- one subscription ---- */

static void subscription_free(PtSubscription *s) {
	g_queue_clear_full(&s->queue, (GDestroyNotify)pt_notice_unref);
	g_free(s->user);
	g_free(s->expression);
	g_free(s->consumer);
	g_free(s);
}

static void queue(PtSubscription *s, PtNotice *n) {
	PtSubscriptions *all = s->owner;
	if ((s->expression && !pt_topic_matches(s->expression, pt_topics[n->topic].path)) ||
	    (s->changed_only && n->kind != PT_NOTICE_CHANGED) ||
	    ((n->camera || pt_topic_is_plug(n->topic)) &&
	     !all->ops->may_hear(all->user, s->user, n->camera ? n->camera : "")))
		return;
	if (s->queue.length >= PT_SUBSCRIPTION_QUEUE) {
		pt_notice_unref(g_queue_pop_head(&s->queue));
		s->dropped++;
		all->dropped++;
	}
	g_atomic_ref_count_inc(&n->refs);
	g_queue_push_tail(&s->queue, n);
}

static void serve(PtSubscription *s) {
	PtSubscriptions *all = s->owner;
	if (s->queue.length && (s->waiting || s->consumer))
		all->ops->ready(all->user, s);
}

void pt_subscription_repeat(PtSubscription *s) {
	PtSubscriptions *all = s->owner;
	for (guint i = 0; i < all->properties->len; i++) {
		const Property *p = g_ptr_array_index(all->properties, i);
		PtNotice *n = pt_notice_new(p->topic, PT_NOTICE_INITIALIZED, p->token, p->camera, p->active, p->since_ns);
		queue(s, n);
		pt_notice_unref(n);
	}
	serve(s);
}

bool pt_subscription_wait(PtSubscription *s, void *waiting, int64_t timeout_ns, unsigned limit) {
	PtSubscriptions *all = s->owner;
	int64_t now = pt_mono_ns(all->clock);
	/* it lives while it is asked, and as long again after the answer (Core specification, "Pull messages") */
	s->until_ns = MAX(s->until_ns, now + 2 * timeout_ns);
	if (timeout_ns <= 0 || s->queue.length)
		return false;
	s->waiting = waiting;
	s->answer_by_ns = now + timeout_ns;
	s->limit = limit;
	return true;
}

/* ---- all of them ---- */

static void property_free(Property *p) {
	g_free(p->token);
	g_free(p->camera);
	g_free(p);
}

PtSubscriptions *pt_subscriptions_new(PtClock *clock, const PtSubscriptionsOps *ops, void *user) {
	PtSubscriptions *all = g_new0(PtSubscriptions, 1);
	all->clock = clock;
	all->ops = ops;
	all->user = user;
	all->list = g_ptr_array_new();
	all->properties = g_ptr_array_new_with_free_func((GDestroyNotify)property_free);
	return all;
}

void pt_subscriptions_remove(PtSubscriptions *all, PtSubscription *s) {
	if (!g_ptr_array_remove(all->list, s))
		return;
	all->ops->ended(all->user, s);
	subscription_free(s);
}

void pt_subscriptions_free(PtSubscriptions *all) {
	if (!all)
		return;
	while (all->list->len)
		pt_subscriptions_remove(all, g_ptr_array_index(all->list, 0));
	g_ptr_array_unref(all->list);
	g_ptr_array_unref(all->properties);
	g_free(all);
}

PtSubscription *pt_subscriptions_add(PtSubscriptions *all, const char *user, const char *expression, const char *consumer,
                                     bool changed_only, int64_t span_ns) {
	uint64_t id;
	if (all->list->len >= PT_SUBSCRIPTIONS_MAX)
		return NULL;
	if (getrandom(&id, sizeof id, 0) != sizeof id)
		g_error("no random numbers");
	PtSubscription *s = g_new0(PtSubscription, 1);
	g_snprintf(s->id, sizeof s->id, "%016" G_GINT64_MODIFIER "x", id);
	s->owner = all;
	s->user = g_strdup(user);
	s->expression = g_strdup(expression);
	s->consumer = g_strdup(consumer);
	s->changed_only = changed_only;
	s->until_ns = pt_mono_ns(all->clock) + span_ns;
	g_queue_init(&s->queue);
	g_ptr_array_add(all->list, s);
	pt_subscription_repeat(s);
	return s;
}

PtSubscription *pt_subscriptions_find(PtSubscriptions *all, const char *id) {
	for (guint i = 0; i < all->list->len; i++) {
		PtSubscription *s = g_ptr_array_index(all->list, i);
		if (!strcmp(s->id, id))
			return s;
	}
	return NULL;
}

unsigned pt_subscriptions_count(const PtSubscriptions *all) { return all->list->len; }
uint64_t pt_subscriptions_dropped(const PtSubscriptions *all) { return all->dropped; }

/* ---- properties ---- */

static void tell(PtSubscriptions *all, const Property *p, PtNoticeKind kind, int64_t wall_ns) {
	PtNotice *n = pt_notice_new(p->topic, kind, p->token, p->camera, p->active, wall_ns);
	/* who is answered may be removed by it, never one that comes later in the list */
	for (guint i = all->list->len; i-- > 0;) {
		PtSubscription *s = g_ptr_array_index(all->list, i);
		queue(s, n);
		serve(s);
	}
	if (all->ops->told)
		all->ops->told(all->user, n);
	pt_notice_unref(n);
}

void pt_subscriptions_tell_all(PtSubscriptions *all) {
	for (guint i = 0; all->ops->told && i < all->properties->len; i++) {
		const Property *p = g_ptr_array_index(all->properties, i);
		PtNotice *n = pt_notice_new(p->topic, PT_NOTICE_INITIALIZED, p->token, p->camera, p->active, p->since_ns);
		all->ops->told(all->user, n);
		pt_notice_unref(n);
	}
}

static Property *find_property(PtSubscriptions *all, PtOnvifTopic topic, const char *token, guint *ret_index) {
	for (guint i = 0; i < all->properties->len; i++) {
		Property *p = g_ptr_array_index(all->properties, i);
		if (p->topic == topic && !strcmp(p->token, token)) {
			if (ret_index)
				*ret_index = i;
			return p;
		}
	}
	return NULL;
}

void pt_subscriptions_set(PtSubscriptions *all, PtOnvifTopic topic, const char *token, const char *camera, bool active,
                          int64_t wall_ns) {
	Property *p = find_property(all, topic, token, NULL);
	bool known = p != NULL;
	if (known && p->active == active)
		return;
	if (!known) {
		p = g_new0(Property, 1);
		p->topic = topic;
		p->token = g_strdup(token);
		p->camera = g_strdup(camera);
		g_ptr_array_add(all->properties, p);
	}
	p->active = active;
	p->since_ns = wall_ns;
	tell(all, p, known ? PT_NOTICE_CHANGED : PT_NOTICE_INITIALIZED, wall_ns);
}

void pt_subscriptions_drop(PtSubscriptions *all, PtOnvifTopic topic, const char *token, int64_t wall_ns) {
	guint i;
	Property *p = find_property(all, topic, token, &i);
	if (!p)
		return;
	tell(all, p, PT_NOTICE_DELETED, wall_ns);
	g_ptr_array_remove_index(all->properties, i);
}

void pt_subscriptions_drop_unless(PtSubscriptions *all, bool (*keep)(void *user, PtOnvifTopic topic, const char *token),
                                  void *user, int64_t wall_ns) {
	for (guint i = all->properties->len; i-- > 0;) {
		const Property *p = g_ptr_array_index(all->properties, i);
		if (!keep(user, p->topic, p->token))
			pt_subscriptions_drop(all, p->topic, p->token, wall_ns);
	}
}

/* ---- time ---- */

int64_t pt_subscriptions_due(const PtSubscriptions *all) {
	int64_t due = -1;
	for (guint i = 0; i < all->list->len; i++) {
		const PtSubscription *s = g_ptr_array_index(all->list, i);
		int64_t own = s->waiting ? MIN(s->answer_by_ns, s->until_ns) : s->until_ns;
		due = due < 0 ? own : MIN(due, own);
	}
	return due;
}

void pt_subscriptions_tick(PtSubscriptions *all) {
	int64_t now = pt_mono_ns(all->clock);
	for (guint i = all->list->len; i-- > 0;) {
		PtSubscription *s = g_ptr_array_index(all->list, i);
		if (s->waiting && s->answer_by_ns <= now)
			all->ops->ready(all->user, s);
		if (s->until_ns <= now)
			pt_subscriptions_remove(all, s);
	}
}
