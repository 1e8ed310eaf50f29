/* How many events a second pass through the bus and so many rules on one core: rules of all kinds over a hundred inputs,
 * each event an edge of one of them, what rules decide counted and not done. Prints one JSON object. usage: rules RULES
 * EVENTS */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/engine.h"
#include "site/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INPUTS 100

/* What a site's rules are like: most speak of an edge under conditions, some wait, count, or go by the clock. */
static const char *const forms[] = {
    "{ when: i%d active, if: { between: [\"22:00\", \"6:00\"] }, do: [{ relay: { r: on, for: 2min } }, { log: x }] }",
    "{ when: i%d active, if: [{ days: workdays }, { state: i1 active }], cooldown: 1s, do: { notify: x } }",
    "{ when: i%d active for 30s, do: { log: left open } }",
    "{ when: i%d active 3 times in 10s, do: { log: often } }",
    "{ when: [i%d inactive, start], if: { mode: away }, do: [{ log: x }, { wait: 1s }, { log: y }], cancel: i2 active }",
    "{ when: { event: tamper, source: input/i%d, state: active }, do: { log: x } }",
    "{ when: i%d silent for 1h, do: { log: dead } }",
    "{ when: { cron: \"%d * * * *\" }, do: { log: x } }",
};

static uint64_t acted;

static void act(void *user, const PtAction *action, const PtActContext *context) { acted++; }

static PtSite *make_site(int n_rules) {
	g_autoptr(GString) text =
	    g_string_new("site: { timezone: UTC }\ncameras: { gate: { source: test:clock } }\ninputs:\n");
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autofree char *dir = g_dir_make_tmp("pt-bench-XXXXXX", NULL), *path = g_build_filename(dir, "site.yaml", NULL);
	PtSite *site = NULL;
	for (int i = 0; i < INPUTS; i++)
		g_string_append_printf(text, "  i%d: { driver: virtual, board: b%d, channel: %d }\n", i, i / 8, i % 8 + 1);
	g_string_append(
	    text, "relays: { r: { driver: virtual, channel: 1 } }\nnotify: { x: { ntfy: https://x.example/x } }\nrules:\n");
	for (int i = 0; i < n_rules; i++) {
		g_string_append_printf(text, "  rule %d: ", i);
		int form = i % (int)G_N_ELEMENTS(forms);
		g_autofree char *number = g_strdup_printf("%d", form == 7 ? i % 60 : i % INPUTS);
		g_auto(GStrv) parts = g_strsplit(forms[form], "%d", 2);
		g_autofree char *rule = g_strjoinv(number, parts);
		g_string_append_printf(text, "%s\n", rule);
	}
	g_file_set_contents(path, text->str, -1, NULL);
	if (!pt_site_load(path, &site, problems))
		for (guint i = 0; i < problems->len; i++)
			fprintf(stderr, "%s\n", (char *)problems->pdata[i]);
	remove(path);
	remove(dir);
	return site;
}

static double cpu_s(void) {
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
	int n_rules = argc > 1 ? atoi(argv[1]) : 500, n_events = argc > 2 ? atoi(argv[2]) : 100000;
	PtSite *site = make_site(n_rules);
	if (!site)
		return 1;
	PtBus *bus = pt_bus_new();
	PtRulesEngine *engine = pt_rules_engine_new(pt_clock_system(), bus, NULL, act, NULL);
	pt_rules_engine_set(engine, site->rules, &(PtRulesPlace){.zone = site->zone});
	pt_rules_engine_start(engine);
	double begin = cpu_s();
	for (int i = 0; i < n_events; i++) {
		char source[32];
		snprintf(source, sizeof source, "input/i%d", i * 37 % INPUTS);
		const char *state = i / INPUTS % 2 ? "inactive" : "active";
		g_autoptr(PtEvent) event = pt_event_now(pt_clock_system(), source, PT_TOPIC_INPUT, state, NULL, NULL);
		pt_bus_publish(bus, event);
		while (i % 64 == 0 && g_main_context_iteration(NULL, FALSE))
			;
	}
	double took = cpu_s() - begin;
	printf("{\"rules\": %u, \"events\": %d, \"actions\": %" G_GUINT64_FORMAT ", \"events_per_s\": %.0f}\n",
	       site->rules->list->len, n_events, acted, n_events / took);
	pt_rules_engine_free(engine);
	pt_bus_free(bus);
	pt_site_unref(site);
	return 0;
}
