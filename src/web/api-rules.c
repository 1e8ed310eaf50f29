/* The rules over HTTP: what each is, how often it fired, and why it did or did not, now and at another time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/json.h"
#include "base/units.h"
#include "rules/simulate.h"
#include "web/host.h"
#include <string.h>

#define BEFORE_NS (INT64_C(86400) * PT_NS_PER_S) /* of the log: how things stood */
#define AROUND_NS (60 * PT_NS_PER_S)
#define EVENTS_MAX 200000
#define PAGE 10000

static bool may_see_subject(PtHost *host, PtRequest *r, const PtSubject *s) {
	PtSite *site = host->site(host->user);
	switch (s->kind) {
	case PT_SUBJECT_INPUT:
	case PT_SUBJECT_RELAY: {
		const PtPlugSettings *plug =
		    s->kind == PT_SUBJECT_INPUT ? pt_site_input(site, s->name) : pt_site_relay(site, s->name);
		return plug && pt_api_may_see_plug(r, plug);
	}
	case PT_SUBJECT_CAMERA:
	case PT_SUBJECT_SIGHT:
		return pt_request_may_see(r, s->name);
	default:
		return false; /* what is of the whole site */
	}
}

static bool may_see_cond(PtHost *host, PtRequest *r, const PtCond *c) {
	bool all = c->kind != PT_COND_STATE || may_see_subject(host, r, &c->subject);
	for (guint i = 0; c->of && i < c->of->len; i++)
		all &= may_see_cond(host, r, g_ptr_array_index(c->of, i));
	return all;
}

static bool may_see_action(PtHost *host, PtRequest *r, const PtAction *a) {
	switch (a->kind) {
	case PT_DO_RELAY:
		return may_see_subject(host, r, &(PtSubject){.kind = PT_SUBJECT_RELAY, .name = a->target});
	case PT_DO_RECORD:
	case PT_DO_SNAPSHOT:
	case PT_DO_SHOW:
	case PT_DO_LIGHT:
	case PT_DO_SAY:
		return pt_request_may_see(r, a->target);
	case PT_DO_ALARM:
	case PT_DO_MODE:
	case PT_DO_MQTT:
	case PT_DO_WEBHOOK:
		return false;
	case PT_DO_NOTIFY:
		return !a->camera || pt_request_may_see(r, a->camera);
	default:
		return true;
	}
}

/* A rule tells of all that it names. */
static bool may_see_rule(PtHost *host, PtRequest *r, const PtRule *rule) {
	if (!pt_request_caller(r)->cameras)
		return true;
	bool all = !rule->cond || may_see_cond(host, r, rule->cond);
	for (guint i = 0; i < rule->when->len; i++) {
		const PtTrigger *t = g_ptr_array_index(rule->when, i);
		all &= t->kind == PT_WHEN_TIME || may_see_subject(host, r, &t->subject);
	}
	for (guint i = 0; i < rule->actions->len; i++)
		all &= may_see_action(host, r, g_ptr_array_index(rule->actions, i));
	return all;
}

static void get_rules(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(GArray) views = pt_rules_engine_view(host->rules(host->user));
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_array(b, "rules");
	for (guint i = 0; i < views->len; i++) {
		const PtRuleView *v = &g_array_index(views, PtRuleView, i);
		if (!may_see_rule(host, r, v->rule))
			continue;
		pt_json_object(b, NULL);
		pt_json_text(b, "name", v->rule->name);
		pt_json_int(b, "line", v->rule->line);
		pt_json_int(b, "count", (int64_t)v->fired_count);
		pt_json_bool(b, "fired", v->fired);
		pt_json_text(b, "why", v->why);
		pt_json_time(b, "at", v->wall_ns);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

/* ---- why, at another time ---- */

typedef struct {
	PtHost *host;
	PtRequest *request;
	PtSite *site;
	char *rule;
	int64_t at_ns;
	JsonBuilder *json;
} Explain;

static void explain_free(void *data) {
	Explain *x = data;
	pt_request_unref(x->request);
	pt_site_unref(x->site);
	g_free(x->rule);
	g_object_unref(x->json);
	g_free(x);
}

static void explained(void *user, int64_t wall_ns, const PtExplain *e) {
	Explain *x = user;
	if (strcmp(e->rule->name, x->rule))
		return;
	pt_json_object(x->json, NULL);
	pt_json_time(x->json, "at", wall_ns);
	pt_json_bool(x->json, "fired", e->fired);
	pt_json_text(x->json, "why", e->why);
	json_builder_end_object(x->json);
}

static const PtRule *rule_of(const PtSite *site, const char *name) {
	for (guint i = 0; i < site->rules->list->len; i++) {
		const PtRule *rule = g_ptr_array_index(site->rules->list, i);
		if (!strcmp(rule->name, name))
			return rule;
	}
	return NULL;
}

static void simulated(void *user, const PtRulesState *state, const PtRulesNow *now) {
	Explain *x = user;
	const PtRule *rule = rule_of(x->site, x->rule);
	g_autoptr(GString) why = g_string_new(NULL);
	json_builder_end_array(x->json);
	pt_json_bool(x->json, "holds", !rule->cond || pt_rules_cond(state, rule->cond, now, why));
	pt_json_text(x->json, "conditions", why->len ? why->str : NULL);
}

/* All of the span, oldest first. */
static GPtrArray *read_log(PtEventlog *log, int64_t since, int64_t until, GError **error) {
	GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)pt_event_unref);
	PtEventlogQuery query = {.since_ns = since, .until_ns = until, .limit = PAGE, .oldest_first = true};
	guint got;
	do {
		g_autoptr(GPtrArray) page = pt_eventlog_query(log, &query, error);
		if (!page) {
			g_ptr_array_unref(all);
			return NULL;
		}
		got = page->len;
		for (guint i = 0; i < got; i++)
			g_ptr_array_add(all, pt_event_ref(g_ptr_array_index(page, i)));
		query.before_id = got ? ((PtEvent *)g_ptr_array_index(page, got - 1))->id : 0;
	} while (got == PAGE && all->len < EVENTS_MAX);
	return all;
}

static void explain_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Explain *x = data;
	GError *error = NULL;
	g_autoptr(GPtrArray) events = read_log(x->host->log, x->at_ns - BEFORE_NS, x->at_ns + AROUND_NS, &error);
	if (!events) {
		g_task_return_error(task, error);
		return;
	}
	pt_json_object(x->json, NULL);
	pt_json_text(x->json, "name", x->rule);
	pt_json_time(x->json, "at", x->at_ns);
	pt_json_array(x->json, "looked");
	pt_rules_simulate(&(PtSimulation){.rules = x->site->rules,
	                                  .from_ns = x->at_ns - AROUND_NS,
	                                  .to_ns = x->at_ns + AROUND_NS,
	                                  .zone = x->site->zone,
	                                  .located = x->site->located,
	                                  .latitude = x->site->latitude,
	                                  .longitude = x->site->longitude,
	                                  .explained = explained,
	                                  .ended = simulated,
	                                  .user = x},
	                  events);
	json_builder_end_object(x->json);
	g_task_return_boolean(task, TRUE);
}

static void explain_done(GObject *source, GAsyncResult *result, gpointer data) {
	Explain *x = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	if (g_task_propagate_boolean(G_TASK(result), &error))
		pt_api_reply(x->request, x->json);
	else
		pt_request_fail_error(x->request, error);
}

static void get_explain(PtRequest *r, void *data) {
	PtHost *host = data;
	PtSite *site = host->site(host->user);
	const char *name = pt_request_segment(r, 0), *at = pt_request_query(r, "at");
	const PtRule *rule = rule_of(site, name);
	g_autoptr(GError) error = NULL;
	int64_t at_ns = 0;
	if (!rule || !may_see_rule(host, r, rule)) {
		pt_request_fail(r, 404, "there is no rule '%.60s'", name);
		return;
	}
	if (!at || !pt_time_parse(at, &at_ns, &error)) {
		pt_request_fail(r, 400, "at: %s", error ? error->message : "a time is needed, such as 2026-11-20T22:13:00Z");
		return;
	}
	Explain *x = g_new0(Explain, 1);
	*x = (Explain){host, pt_request_ref(r), pt_site_ref(site), g_strdup(name), at_ns, json_builder_new()};
	g_autoptr(GTask) task = g_task_new(NULL, NULL, explain_done, NULL);
	g_task_set_task_data(task, x, explain_free);
	g_task_run_in_thread(task, explain_in_thread);
}

void pt_api_add_rules(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/rules", PT_ROLE_VIEWER, get_rules, host);
	pt_server_route(host->server, "GET", "/api/rules/*/explain", PT_ROLE_VIEWER, get_explain, host);
}
