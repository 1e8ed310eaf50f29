/* pigtail rules: what they are, why they fired or did not, and what others would have done. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "base/units.h"
#include "cli/cli.h"
#include "rules/simulate.h"
#include "site/config.h"
#include <stdio.h>
#include <string.h>

#define DAY_NS (INT64_C(86400) * PT_NS_PER_S)
#define SAME_NS (2 * PT_NS_PER_S) /* firings so near to each other are one */
#define PAGE "10000"

const char pt_cli_rules_usage[] = "usage: pigtail rules ls [--json]\n"
                                  "       pigtail rules explain NAME [--at TIME] [--json]\n"
                                  "       pigtail rules simulate SITE.yaml [--from TIME] [--to TIME] [--all] [--json]\n"
                                  "times: 2026-11-20T22:13:00Z, \"10min ago\", -1d, now\n";

static int list(const char *name, bool json) {
	g_autoptr(JsonNode) answer = pt_cli_call("GET", "/api/rules", NULL);
	if (!answer)
		return PT_EXIT_FAILED;
	JsonArray *rules = json_object_get_array_member(json_node_get_object(answer), "rules");
	bool found = !name;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (guint i = 0; i < json_array_get_length(rules); i++) {
		JsonObject *r = json_array_get_object_element(rules, i);
		g_ptr_array_add(names, (char *)pt_cli_member(r, "name"));
		if (name && strcmp(pt_cli_member(r, "name"), name))
			continue;
		found = true;
		if (json) {
			pt_cli_print_json(json_array_get_element(rules, i));
			continue;
		}
		const char *why = pt_cli_member(r, "why");
		int count = (int)json_object_get_int_member(r, "count");
		printf("%-24s fired %d time%s%s%s%s%s\n", pt_cli_member(r, "name"), count, count == 1 ? "" : "s",
		       why[0] ? "; last: " : "", why, why[0] ? " at " : "", why[0] ? pt_cli_member(r, "at") : "");
	}
	g_ptr_array_add(names, NULL);
	g_autofree char *meant = found ? NULL : pt_suggest_text(name, (const char *const *)names->pdata);
	if (!found)
		fprintf(stderr, "pigtail rules: there is no rule '%s'%s\n", name, meant);
	return found ? PT_EXIT_DONE : PT_EXIT_FAILED;
}

static int explain_at(const char *name, const char *at, bool json) {
	g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
	g_autoptr(GString) path = g_string_new(NULL);
	g_string_printf(path, "/api/rules/%s/explain", escaped);
	pt_cli_add_query(path, "at", at);
	g_autoptr(JsonNode) answer = pt_cli_call("GET", path->str, NULL);
	if (!answer)
		return PT_EXIT_FAILED;
	if (json) {
		pt_cli_print_json(answer);
		return PT_EXIT_DONE;
	}
	JsonObject *o = json_node_get_object(answer);
	JsonArray *looked = json_object_get_array_member(o, "looked");
	if (!json_array_get_length(looked))
		printf("nothing that concerns %s happened within a minute of %s\n", name, pt_cli_member(o, "at"));
	for (guint i = 0; i < json_array_get_length(looked); i++) {
		JsonObject *l = json_array_get_object_element(looked, i);
		printf("%s %s: %s\n", pt_cli_member(l, "at"),
		       json_object_get_boolean_member(l, "fired") ? "fires" : "does not fire", pt_cli_member(l, "why"));
	}
	if (*pt_cli_member(o, "conditions"))
		printf("a minute after it the conditions %s: %s\n",
		       json_object_get_boolean_member(o, "holds") ? "hold" : "do not hold", pt_cli_member(o, "conditions"));
	return PT_EXIT_DONE;
}

/* ---- simulate ---- */

typedef struct {
	int64_t wall_ns;
	char *rule, *cause;
	GString *does; /* what would be done; of the log: NULL */
	bool matched;
} Firing;

static void firing_free(void *data) {
	Firing *f = data;
	g_free(f->rule);
	g_free(f->cause);
	if (f->does)
		g_string_free(f->does, TRUE);
	g_free(f);
}

static const char *text_member(JsonObject *o, const char *name) {
	const char *text = pt_cli_member(o, name);
	return *text ? text : NULL;
}

/* The log as it stands, oldest first; NULL: a message was printed. */
static GPtrArray *read_log(const char *from, const char *to) {
	GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)pt_event_unref);
	g_autofree char *before = NULL;
	do {
		g_autoptr(GString) path = g_string_new("/api/events?order=oldest&limit=" PAGE);
		pt_cli_add_query(path, "since", from);
		pt_cli_add_query(path, "until", to);
		pt_cli_add_query(path, "before", before);
		g_autoptr(JsonNode) answer = pt_cli_call("GET", path->str, NULL);
		if (!answer) {
			g_ptr_array_unref(events);
			return NULL;
		}
		JsonObject *o = json_node_get_object(answer);
		JsonArray *list = json_object_get_array_member(o, "events");
		for (guint i = 0; i < json_array_get_length(list); i++) {
			JsonObject *e = json_array_get_object_element(list, i);
			PtEvent what = {.source = pt_cli_member(e, "source"),
			                .topic = pt_cli_member(e, "topic"),
			                .state = pt_cli_member(e, "state"),
			                .actor = text_member(e, "actor"),
			                .detail = text_member(e, "detail"),
			                .late = json_object_get_boolean_member_with_default(e, "late", FALSE),
			                .past = json_object_get_boolean_member_with_default(e, "late", FALSE),
			                .initial = json_object_get_boolean_member_with_default(e, "initial", FALSE)};
			if (pt_event_id_parse(pt_cli_member(e, "id"), &what.id, NULL) &&
			    pt_time_parse(pt_cli_member(e, "time"), &what.wall_ns, NULL))
				g_ptr_array_add(events, pt_event_new(&what));
		}
		g_free(before);
		before = g_strdup(text_member(o, "more"));
	} while (before);
	return events;
}

static char *action_text(const PtAction *a) {
	static const char *const orders[] = {"off", "on", "pulse", "auto"};
	g_autofree char *span = a->for_ns ? pt_units_format_duration(a->for_ns) : NULL;
	if (a->kind == PT_DO_RELAY)
		return g_strdup_printf("relay %s %s%s%s", a->target, orders[a->order], span ? " for " : "",
		                       span ? span : "");
	return g_strdup_printf("%s %s", pt_action_word(a->kind), a->text ? a->text : a->file ? a->file : a->target);
}

static void decided(void *user, int64_t wall_ns, const PtDecision *d) {
	GPtrArray *firings = user;
	if (d->kind == PT_FIRED) {
		Firing *f = g_new0(Firing, 1);
		*f = (Firing){wall_ns, g_strdup(d->rule->name), g_strdup(d->cause), g_string_new(NULL), false};
		g_ptr_array_add(firings, f);
	}
	if (d->kind != PT_DECIDED)
		return;
	for (guint i = firings->len; i-- > 0;) { /* of its last firing */
		Firing *f = firings->pdata[i];
		if (strcmp(f->rule, d->rule->name))
			continue;
		g_autofree char *text = action_text(d->action);
		g_string_append_printf(f->does, "%s%s", f->does->len ? ", " : "", text);
		return;
	}
}

/* What rules did, as the log has it. */
static GPtrArray *firings_of_log(const GPtrArray *events, int64_t from_ns) {
	GPtrArray *firings = g_ptr_array_new_with_free_func(firing_free);
	for (guint i = 0; i < events->len; i++) {
		const PtEvent *e = events->pdata[i];
		const char *rule = pt_event_name(e, "rule");
		if (e->wall_ns < from_ns || !rule || strcmp(e->topic, PT_TOPIC_RULE) || strcmp(e->state, "fired"))
			continue;
		Firing *f = g_new0(Firing, 1);
		*f = (Firing){e->wall_ns, g_strdup(rule), g_strdup(e->detail), NULL, false};
		g_ptr_array_add(firings, f);
	}
	return firings;
}

static void match(GPtrArray *then, GPtrArray *now) {
	for (guint i = 0; i < now->len; i++)
		for (guint k = 0; k < then->len; k++) {
			Firing *a = now->pdata[i], *b = then->pdata[k];
			if (b->matched || strcmp(a->rule, b->rule) || ABS(a->wall_ns - b->wall_ns) > SAME_NS)
				continue;
			a->matched = b->matched = true;
			break;
		}
}

static gint by_time(gconstpointer a, gconstpointer b) {
	const Firing *x = *(Firing *const *)a, *y = *(Firing *const *)b;
	return (x->wall_ns > y->wall_ns) - (x->wall_ns < y->wall_ns);
}

static void print_firing(const Firing *f, bool json) {
	g_autofree char *time = pt_time_format(f->wall_ns);
	const char *kind = f->matched ? "same" : f->does ? "new" : "gone";
	if (!json) {
		printf("%s %s %s: %s%s%s\n",
		       f->matched ? " "
		       : f->does  ? "+"
		                  : "-",
		       time, f->rule, f->cause ? f->cause : "", f->does && f->does->len ? " -> " : "",
		       f->does ? f->does->str : "");
		return;
	}
	g_autoptr(JsonBuilder) b = json_builder_new();
	json_builder_begin_object(b);
	const char *const pairs[][2] = {
	    {"is", kind}, {"at", time}, {"rule", f->rule}, {"cause", f->cause}, {"does", f->does ? f->does->str : NULL}};
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		json_builder_set_member_name(b, pairs[i][0]);
		if (pairs[i][1])
			json_builder_add_string_value(b, pairs[i][1]);
		else
			json_builder_add_null_value(b);
	}
	json_builder_end_object(b);
	g_autoptr(JsonNode) node = json_builder_get_root(b);
	g_autofree char *line = json_to_string(node, FALSE);
	printf("%s\n", line);
}

static void report(GPtrArray *then, GPtrArray *now, bool all, bool json) {
	g_autoptr(GPtrArray) lines = g_ptr_array_new();
	unsigned same = 0, fresh = 0, gone = 0;
	for (guint i = 0; i < now->len; i++) {
		const Firing *f = now->pdata[i];
		same += f->matched;
		fresh += !f->matched;
		if (all || !f->matched)
			g_ptr_array_add(lines, now->pdata[i]);
	}
	for (guint i = 0; i < then->len; i++)
		if (!((Firing *)then->pdata[i])->matched) {
			gone++;
			g_ptr_array_add(lines, then->pdata[i]);
		}
	g_ptr_array_sort(lines, by_time);
	for (guint i = 0; i < lines->len; i++)
		print_firing(lines->pdata[i], json);
	if (!json)
		printf("%u firing%s as before, %u new (+), %u no more (-)\n", same, same == 1 ? "" : "s", fresh, gone);
}

static int simulate(const char *file, const char *from, const char *to, bool all, bool json) {
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtSite) site = NULL;
	int64_t from_ns, to_ns;
	if (!pt_site_load(file, &site, problems)) {
		for (guint i = 0; i < problems->len; i++)
			fprintf(stderr, "%s\n", (char *)problems->pdata[i]);
		return PT_EXIT_SITE;
	}
	if (!pt_time_parse(from, &from_ns, NULL) || !pt_time_parse(to, &to_ns, NULL) || from_ns >= to_ns) {
		fprintf(stderr, "pigtail rules simulate: from %s to %s is no span\n", from, to);
		return PT_EXIT_USAGE;
	}
	g_autofree char *before = pt_time_format(from_ns - DAY_NS); /* how things stood */
	g_autoptr(GPtrArray) events = read_log(before, to);
	if (!events)
		return PT_EXIT_FAILED;
	g_autoptr(GPtrArray) now = g_ptr_array_new_with_free_func(firing_free);
	g_autoptr(GPtrArray) then = firings_of_log(events, from_ns);
	pt_rules_simulate(&(PtSimulation){.rules = site->rules,
	                                  .from_ns = from_ns,
	                                  .to_ns = to_ns,
	                                  .zone = site->zone,
	                                  .located = site->located,
	                                  .latitude = site->latitude,
	                                  .longitude = site->longitude,
	                                  .decided = decided,
	                                  .user = now},
	                  events);
	match(then, now);
	report(then, now, all, json);
	return PT_EXIT_DONE;
}

int pt_cli_rules(int argc, char **argv) {
	bool json = pt_cli_flag(&argc, argv, "--json"), all = pt_cli_flag(&argc, argv, "--all");
	g_autofree char *at = NULL, *from = NULL, *to = NULL;
	if (!pt_cli_time(&argc, argv, "--at", &at) || !pt_cli_time(&argc, argv, "--from", &from) ||
	    !pt_cli_time(&argc, argv, "--to", &to))
		return PT_EXIT_USAGE;
	if (!pt_cli_connect(&argc, argv))
		return PT_EXIT_FAILED;
	if (argc == 2 && !strcmp(argv[1], "ls"))
		return list(NULL, json);
	if (argc == 3 && !strcmp(argv[1], "explain"))
		return at ? explain_at(argv[2], at, json) : list(argv[2], json);
	if (argc == 3 && !strcmp(argv[1], "simulate")) {
		int64_t now = pt_wall_ns(pt_clock_system());
		if (!from)
			from = pt_time_format(now - DAY_NS);
		if (!to)
			to = pt_time_format(now);
		return simulate(argv[2], from, to, all, json);
	}
	fprintf(stderr, "usage: %s", pt_cli_rules_usage);
	return PT_EXIT_USAGE;
}
