/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bus.h"
#include "base/event.h"
#include "base/json.h"
#include <string.h>

#define WALL (INT64_C(1795000000) * PT_NS_PER_S)

static void test_ids(void) {
	uint64_t last = 0;
	pt_event_set_hub(0xbeef, 0);
	for (int i = 0; i < 1000; i++) { /* more than 64 in one millisecond, and a clock that steps back */
		uint64_t id = pt_event_next_id(i < 500 ? WALL : WALL - 3600 * PT_NS_PER_S);
		g_assert_cmpuint(id, >, last);
		g_assert_cmpuint(id, <=, INT64_MAX);
		g_assert_cmpuint(id >> 6 & 0xffff, ==, 0xbeef);
		last = id;
	}
	char text[PT_EVENT_ID_TEXT];
	uint64_t back = 0;
	pt_event_id_format(last, text);
	g_assert_true(pt_event_id_parse(text, &back, NULL));
	g_assert_cmpuint(back, ==, last);
	static const char *const bad[] = {
	    "", "12", "00000000000000001", "000000000000000g", "ffffffffffffffff", "-00000000000001"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(pt_event_id_parse(bad[i], &back, NULL));
	pt_event_set_hub(0xbeef,
	                 last + (UINT64_C(1) << 32)); /* what was given out before a restart under a clock that ran ahead */
	g_assert_cmpuint(pt_event_next_id(WALL), >, last + (UINT64_C(1) << 32));
}

static void test_event(void) {
	PtEvent what = {.wall_ns = WALL, .mono_ns = 7, .source = "input/door", .topic = PT_TOPIC_INPUT, .state = "active"};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	g_assert_cmpstr(pt_event_name(event, "input"), ==, "door");
	g_assert_null(pt_event_name(event, "in"));
	g_assert_null(event->actor);
	g_assert_cmpint(event->noticed_ns, ==, 7);
	g_autofree char *longtext = g_strnfill(PT_EVENT_DETAIL_MAX - 1, 'x');
	g_autofree char *detail = g_strconcat(longtext, "ü", NULL); /* the cut must not split the letter */
	what.detail = detail;
	what.late = true;
	g_autoptr(PtEvent) cut = pt_event_new(&what);
	g_assert_cmpuint(strlen(cut->detail), ==, PT_EVENT_DETAIL_MAX - 1);
	g_autoptr(GString) json = g_string_new(NULL);
	what.detail = "say \"hi\"\n\xff<";
	what.id = 0x42;
	g_autoptr(PtEvent) quoted = pt_event_new(&what);
	pt_event_to_json(quoted, json);
	g_assert_cmpstr(json->str, ==,
	                "{\"id\":\"0000000000000042\",\"time\":\"2026-11-18T11:06:40.000Z\",\"source\":\"input/door\","
	                "\"topic\":\"input\",\"state\":\"active\",\"detail\":\"say "
	                "\\\"hi\\\"\\n\xef\xbf\xbd\\u003c\",\"late\":true,\"told\":\"2026-11-18T11:06:40.000Z\"}");
}

/* A late one stands at its time, whatever was given out since, and under no id that this hub gives out. */
static void test_late_ids(void) {
	PtEvent what = {
	    .wall_ns = WALL, .mono_ns = 5, .noticed_ns = 5 + 30 * PT_NS_PER_S, .topic = PT_TOPIC_INPUT, .past = true};
	uint64_t last = 0;
	for (unsigned i = 0; i < 70000; i++) { /* every number of a hub is met */
		g_autofree char *source = g_strdup_printf("input/%u", i);
		what.source = source;
		what.state = i % 2 ? "active" : "inactive";
		g_autoptr(PtEvent) event = pt_event_new(&what), again = pt_event_new(&what);
		g_assert_cmpuint(event->id, ==, again->id);
		g_assert_cmpuint(event->id, !=, last);
		g_assert_cmpuint(event->id >> 6 & 0xffff, !=, 0xbeef);
		g_assert_cmpint(pt_event_time_of_id(event->id), ==, WALL);
		g_assert_true(event->late);
		g_assert_cmpint(pt_event_told_ns(event), ==, WALL + 30 * PT_NS_PER_S);
		last = event->id;
	}
}

static PtEvent *make(const char *topic, int n) {
	g_autofree char *detail = g_strdup_printf("%d", n);
	return pt_event_now(pt_clock_system(), "input/a", topic, "active", NULL, detail);
}

static void count(PtEvent *event, void *data) { g_atomic_int_inc((int *)data); }

static void keep(PtEvent *event, void *data) { g_ptr_array_add(data, pt_event_ref(event)); }

static void test_bus_kinds(void) {
	PtBus *bus = pt_bus_new();
	int direct = 0, all = 0;
	g_autoptr(GPtrArray) queued = g_ptr_array_new_with_free_func((GDestroyNotify)pt_event_unref);
	PtBusSubscription *a = pt_bus_subscribe_direct(bus, PT_TOPIC_INPUT, count, &direct);
	PtBusSubscription *b = pt_bus_subscribe_direct(bus, NULL, count, &all);
	PtBusSubscription *c = pt_bus_subscribe_queued(bus, NULL, NULL, G_PRIORITY_DEFAULT, 100, keep, queued);
	for (int i = 0; i < 250; i++) {
		g_autoptr(PtEvent) event = make(i % 2 ? PT_TOPIC_RELAY : PT_TOPIC_INPUT, i);
		pt_bus_publish(bus, event);
	}
	g_assert_cmpint(direct, ==, 125);
	g_assert_cmpint(all, ==, 250);
	g_assert_cmpuint(queued->len, ==, 0);
	while (g_main_context_iteration(NULL, FALSE))
		;
	g_assert_cmpuint(queued->len, ==, 100); /* the newest hundred, in order */
	g_assert_cmpstr(((PtEvent *)queued->pdata[0])->detail, ==, "150");
	g_assert_cmpstr(((PtEvent *)queued->pdata[99])->detail, ==, "249");
	g_assert_cmpuint(pt_bus_dropped(c), ==, 150);
	uint64_t published, dropped;
	pt_bus_counters(bus, &published, &dropped);
	g_assert_cmpuint(published, ==, 250);
	g_assert_cmpuint(dropped, ==, 150);
	pt_bus_unsubscribe(a);
	pt_bus_unsubscribe(b);
	pt_bus_unsubscribe(c);
	pt_bus_free(bus);
}

typedef struct {
	PtBus *bus;
	int n;
} Publisher;

static void *publish_many(void *data) {
	Publisher *p = data;
	for (int i = 0; i < p->n; i++) {
		g_autoptr(PtEvent) event = make(PT_TOPIC_INPUT, i);
		pt_bus_publish(p->bus, event);
	}
	return NULL;
}

static void test_bus_threads(void) {
	PtBus *bus = pt_bus_new();
	int seen = 0, other = 0;
	PtBusSubscription *s = pt_bus_subscribe_direct(bus, NULL, count, &seen);
	GThread *threads[4];
	Publisher publisher = {bus, 2000};
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("publisher", publish_many, &publisher);
	for (int i = 0; i < 200; i++) { /* coming and going while events fly */
		PtBusSubscription *t = pt_bus_subscribe_direct(bus, NULL, count, &other);
		PtBusSubscription *q = pt_bus_subscribe_queued(bus, NULL, NULL, G_PRIORITY_HIGH, 10, count, &other);
		g_main_context_iteration(NULL, FALSE);
		pt_bus_unsubscribe(q);
		pt_bus_unsubscribe(t);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	g_assert_cmpint(seen, ==, 8000);
	pt_bus_unsubscribe(s);
	pt_bus_free(bus);
}

static void test_json(void) {
	g_autoptr(GString) out = g_string_new(NULL);
	pt_json_string(out, NULL);
	pt_json_string(out, "a\t\\é");
	g_assert_cmpstr(out->str, ==, "null\"a\\u0009\\\\é\"");
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/event/ids", test_ids);
	g_test_add_func("/event/fields", test_event);
	g_test_add_func("/event/late", test_late_ids);
	g_test_add_func("/bus/kinds", test_bus_kinds);
	g_test_add_func("/bus/threads", test_bus_threads);
	g_test_add_func("/json/string", test_json);
	return g_test_run();
}
