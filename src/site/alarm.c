/* The section `alarm:`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "base/units.h"
#include "site/internal.h"
#include <string.h>

#define DELAY_NS (30 * PT_NS_PER_S)
#define DELAY_MAX_NS (INT64_C(600) * PT_NS_PER_S)

/* One word or a list of them, each of which is among the names. NULL: there were problems. */
static char **read_names(const PtNode *node, const char *what, const char *const *names, GPtrArray *problems) {
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();
	guint before = problems->len;
	bool list = node->kind == PT_NODE_LIST;
	unsigned n = list ? pt_node_count(node) : 1;
	for (unsigned i = 0; i < n; i++) {
		const PtNode *one = list ? pt_node_at(node, i) : node;
		g_autofree char *word = NULL;
		if (!pt_node_read_text(one, &word, problems))
			continue;
		g_autofree char *meant = pt_suggest_text(word, names);
		if (!g_strv_contains(names, word))
			pt_problem(problems, one, "there is no %s named '%.60s'%s", what, word, meant);
		g_strv_builder_add(words, word);
	}
	if (!n)
		pt_problem(problems, node, "names no %s", what);
	return problems->len > before ? NULL : g_strv_builder_end(words);
}

static void read_armed_in(const PtSite *site, const PtNode *zone, PtAlarmZone *z, GPtrArray *problems) {
	const PtNode *node = pt_node_get(zone, "armed-in");
	if (!node) {
		pt_problem(problems, zone, "needs armed-in: the modes in which it is armed, or always");
		return;
	}
	z->always = node->kind == PT_NODE_SCALAR && !strcmp(node->text, "always");
	if (z->always)
		return;
	z->modes = read_names(node, "mode", (const char *const *)site->modes, problems);
	if (z->modes && g_strv_contains((const char *const *)z->modes, site->modes[0]))
		pt_problem(problems, node, "in mode %s nothing is armed but what is always: write always", site->modes[0]);
}

static void read_zone(PtSite *site, const PtNode *node, const char *const *inputs, const PtNode *rules,
                      GPtrArray *problems) {
	static const char *const known[] = {"inputs",    "armed-in", "entry",    "open", "text",
	                                    "procedure", "camera",   "priority", NULL};
	static const char *const entries[] = {"immediate", "delayed", NULL}, *const opens[] = {"refuse", "leave-out", NULL};
	int entry = 0, left = 0;
	int64_t priority = PT_ALARM_PRIORITY;
	if (!pt_site_check_name(node, "a zone", problems) || !pt_node_check_keys(node, known, problems))
		return;
	if (pt_node_get(rules, node->key))
		pt_problem(problems, node, "a rule has this name too: their alarms could not be told apart");
	PtAlarmZone *z = pt_alarm_plan_add_zone(site->alarm, node->key);
	const PtNode *of = pt_node_get(node, "inputs"), *camera = pt_node_get(node, "camera");
	if (!of)
		pt_problem(problems, node, "needs inputs: any of which opens it");
	z->inputs = of ? read_names(of, "input", inputs, problems) : NULL;
	read_armed_in(site, node, z, problems);
	pt_node_read_choice(pt_node_get(node, "entry"), entries, &entry, problems);
	z->delayed = entry == 1;
	if (z->delayed && z->always)
		pt_problem(problems, pt_node_get(node, "entry"), "a zone that is always armed waits for nobody");
	pt_node_read_choice(pt_node_get(node, "open"), opens, &left, problems);
	z->leave_out = left == 1;
	pt_node_read_text(pt_node_get(node, "text"), &z->text, problems);
	pt_node_read_text(pt_node_get(node, "procedure"), &z->procedure, problems);
	if (pt_node_read_integer(pt_node_get(node, "priority"), 1, 5, &priority, problems))
		z->priority = (unsigned)priority;
	if (!pt_node_read_text(camera, &z->camera, problems) || pt_site_camera(site, z->camera))
		return;
	g_autofree const char **names = pt_site_names(site->cameras, G_STRUCT_OFFSET(PtSiteCamera, name));
	g_autofree char *meant = pt_suggest_text(z->camera, names);
	pt_problem(problems, camera, "there is no camera named '%.60s'%s", z->camera, meant);
}

void pt_site_read_alarm(PtSite *site, const PtNode *node, const PtNode *rules, GPtrArray *problems) {
	static const char *const known[] = {"exit-delay", "entry-delay", "zones", NULL};
	site->alarm = pt_alarm_plan_new((const char *const *)site->modes);
	if (pt_node_is_empty(node) || !pt_node_check_keys(node, known, problems))
		return;
	site->alarm->exit_ns = site->alarm->entry_ns = DELAY_NS;
	pt_node_read_duration(pt_node_get(node, "exit-delay"), 0, DELAY_MAX_NS, &site->alarm->exit_ns, problems);
	pt_node_read_duration(pt_node_get(node, "entry-delay"), 0, DELAY_MAX_NS, &site->alarm->entry_ns, problems);
	const PtNode *zones = pt_node_get(node, "zones");
	g_autofree const char **inputs = pt_site_names(site->inputs, G_STRUCT_OFFSET(PtPlugSettings, name));
	if (!pt_node_is_empty(zones) && pt_node_is_kind(zones, PT_NODE_MAP, problems))
		for (unsigned i = 0; i < pt_node_count(zones); i++)
			read_zone(site, pt_node_at(zones, i), inputs, rules, problems);
}

static void print_list(GString *out, const char *key, char **words) {
	g_autofree char *list = g_strjoinv(", ", words);
	g_string_append_printf(out, ", %s: [%s]", key, list);
}

void pt_site_print_alarm(GString *out, const PtSite *s) {
	const PtAlarmPlan *plan = s->alarm;
	if (!plan->exit_ns && !plan->entry_ns && !plan->zones->len)
		return;
	g_autofree char *leave = pt_units_format_duration(plan->exit_ns), *enter = pt_units_format_duration(plan->entry_ns);
	g_string_append_printf(out, "alarm:\n  exit-delay: %s\n  entry-delay: %s\n", leave, enter);
	for (guint i = 0; i < plan->zones->len; i++) {
		const PtAlarmZone *z = g_ptr_array_index(plan->zones, i);
		g_string_append_printf(out, "%s    %s: { entry: %s", i ? "" : "  zones:\n", z->name,
		                       z->delayed ? "delayed" : "immediate");
		print_list(out, "inputs", z->inputs);
		if (z->always)
			pt_print_text(out, "armed-in", "always");
		else
			print_list(out, "armed-in", z->modes);
		pt_print_text(out, "open", z->leave_out ? "leave-out" : NULL);
		pt_print_text(out, "text", z->text);
		pt_print_text(out, "procedure", z->procedure);
		pt_print_text(out, "camera", z->camera);
		pt_print_number(out, "priority", z->priority);
		g_string_append(out, " }\n");
	}
}
