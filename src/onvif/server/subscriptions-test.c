/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/subscriptions.h"
#include <string.h>

static unsigned answers, ends;
static PtSubscription *last;

static void ready(void *user, PtSubscription *s) {
	answers++;
	last = s;
	s->waiting = NULL;
}

static void ended(void *user, PtSubscription *s) {
	ends++;
	s->waiting = NULL;
}

static bool may_hear(void *user, const char *name, const char *camera) {
	return strcmp(name, "neighbour") || !strcmp(camera, "yard");
}

static const PtSubscriptionsOps ops = {ready, ended, NULL, may_hear};

typedef struct {
	PtClock *clock;
	PtSubscriptions *all;
} Fixture;

static void set_up(Fixture *f, gconstpointer data) {
	f->clock = pt_clock_virtual_new(INT64_C(1700000000) * PT_NS_PER_S, 0);
	f->all = pt_subscriptions_new(f->clock, &ops, NULL);
	answers = ends = 0;
}

static void tear_down(Fixture *f, gconstpointer data) {
	pt_subscriptions_free(f->all);
	pt_clock_virtual_free(f->clock);
}

static PtSubscription *add(Fixture *f, const char *expression, int64_t seconds) {
	return pt_subscriptions_add(f->all, "anna", expression, NULL, false, seconds * PT_NS_PER_S);
}

static void take(PtSubscription *s, PtNoticeKind kind, const char *token, bool active) {
	PtNotice *n = g_queue_pop_head(&s->queue);
	g_assert_nonnull(n);
	g_assert_cmpint(n->kind, ==, kind);
	g_assert_cmpstr(n->token, ==, token);
	g_assert_cmpint(n->active, ==, active);
	pt_notice_unref(n);
}

/* Initialized for who comes, Changed for who is there, Deleted when it goes; never the same state twice. */
static void test_properties(Fixture *f, gconstpointer data) {
	PtSubscription *early = add(f, NULL, 60);
	pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", NULL, false, 1);
	take(early, PT_NOTICE_INITIALIZED, "door", false);
	PtSubscription *late = add(f, NULL, 60);
	take(late, PT_NOTICE_INITIALIZED, "door", false);
	pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", NULL, false, 2);
	g_assert_cmpuint(early->queue.length, ==, 0);
	pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", NULL, true, 3);
	take(early, PT_NOTICE_CHANGED, "door", true);
	take(late, PT_NOTICE_CHANGED, "door", true);
	pt_subscription_repeat(early);
	take(early, PT_NOTICE_INITIALIZED, "door", true);
	pt_subscriptions_drop(f->all, PT_ONVIF_DIGITAL_INPUT, "door", 4);
	take(early, PT_NOTICE_DELETED, "door", true);
	pt_subscription_repeat(early);
	g_assert_cmpuint(early->queue.length, ==, 0);
}

static void test_filters(Fixture *f, gconstpointer data) {
	PtSubscription *relays = add(f, "tns1:Device/Trigger/Relay", 60);
	PtSubscription *changes = pt_subscriptions_add(f->all, "anna", NULL, NULL, true, PT_NS_PER_S);
	PtSubscription *neighbour = pt_subscriptions_add(f->all, "neighbour", NULL, NULL, false, PT_NS_PER_S);
	pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", "gate", false, 1);
	pt_subscriptions_set(f->all, PT_ONVIF_RELAY, "lamp", "yard", false, 1);
	take(relays, PT_NOTICE_INITIALIZED, "lamp", false);
	take(neighbour, PT_NOTICE_INITIALIZED, "lamp", false);
	g_assert_cmpuint(relays->queue.length + changes->queue.length + neighbour->queue.length, ==, 0);
	pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", "gate", true, 2);
	take(changes, PT_NOTICE_CHANGED, "door", true);
}

/* A question is answered by an event or by its time, and prolongs the subscription by as much again. */
static void test_times(Fixture *f, gconstpointer data) {
	PtSubscription *s = add(f, NULL, 10);
	g_assert_cmpint(pt_subscriptions_due(f->all), ==, 10 * PT_NS_PER_S);
	g_assert_true(pt_subscription_wait(s, f, 8 * PT_NS_PER_S, 1));
	g_assert_cmpint(pt_subscriptions_due(f->all), ==, 8 * PT_NS_PER_S);
	pt_clock_virtual_advance(f->clock, 8 * PT_NS_PER_S - 1);
	pt_subscriptions_tick(f->all);
	g_assert_cmpuint(answers, ==, 0);
	pt_clock_virtual_advance(f->clock, 1);
	pt_subscriptions_tick(f->all);
	g_assert_cmpuint(answers, ==, 1);
	g_assert_cmpint(pt_subscriptions_due(f->all), ==, 16 * PT_NS_PER_S);
	pt_clock_virtual_step(f->clock, -3600 * PT_NS_PER_S); /* the wall clock has no say in it */
	g_assert_true(pt_subscription_wait(s, f, PT_NS_PER_S, 1));
	pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", NULL, true, 1);
	g_assert_cmpuint(answers, ==, 2);
	g_assert_true(last == s);
	g_assert_false(pt_subscription_wait(s, f, PT_NS_PER_S, 1)); /* there is something already */
	pt_clock_virtual_advance(f->clock, 8 * PT_NS_PER_S);
	pt_subscriptions_tick(f->all);
	g_assert_cmpuint(ends, ==, 1);
	g_assert_cmpuint(pt_subscriptions_count(f->all), ==, 0);
	g_assert_cmpint(pt_subscriptions_due(f->all), ==, -1);
}

static void test_bounds(Fixture *f, gconstpointer data) {
	PtSubscription *s = add(f, NULL, 60);
	for (int i = 0; i < 2 * PT_SUBSCRIPTION_QUEUE; i++)
		pt_subscriptions_set(f->all, PT_ONVIF_DIGITAL_INPUT, "door", NULL, i & 1, i);
	g_assert_cmpuint(s->queue.length, ==, PT_SUBSCRIPTION_QUEUE);
	g_assert_cmpuint(s->dropped, ==, PT_SUBSCRIPTION_QUEUE);
	g_assert_true(((PtNotice *)g_queue_peek_tail(&s->queue))->active); /* the last state is there */
	for (int i = 1; i < PT_SUBSCRIPTIONS_MAX; i++)
		g_assert_nonnull(add(f, NULL, 60));
	g_assert_null(add(f, NULL, 60));
	g_assert_true(pt_subscriptions_find(f->all, s->id) == s);
	pt_subscriptions_remove(f->all, s);
	g_assert_nonnull(add(f, NULL, 60));
}

int main(int argc, char **argv) {
	static const struct {
		const char *name;
		void (*fn)(Fixture *f, gconstpointer data);
	} tests[] = {
	    {"properties", test_properties}, {"filters", test_filters}, {"times", test_times}, {"bounds", test_bounds}};
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
		g_autofree char *path = g_strconcat("/onvif/subscriptions/", tests[i].name, NULL);
		g_test_add(path, Fixture, NULL, set_up, tests[i].fn, tear_down);
	}
	return g_test_run();
}
