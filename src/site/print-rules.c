/* The rules as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"
#include "site/internal.h"
#include "site/yaml.h"

static void print_daytime(GString *out, const PtDaytime *t) {
	static const char *const sun[] = {"", "sunrise", "sunset"};
	if (t->kind == PT_DAYTIME_CLOCK)
		g_string_append_printf(out, "\"%02d:%02d\"", t->minutes / 60, t->minutes % 60);
	else if (t->minutes)
		g_string_append_printf(out, "%s%+dmin", sun[t->kind], t->minutes);
	else
		g_string_append(out, sun[t->kind]);
}

static void print_days(GString *out, unsigned days) {
	static const char *const words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	g_string_append(out, "days: [");
	for (int i = 0, n = 0; i < 7; i++)
		if (days >> i & 1)
			g_string_append_printf(out, "%s%s", n++ ? ", " : "", words[i]);
	g_string_append(out, "]");
}

static void print_subject(GString *out, const PtSubject *s) {
	g_autofree char *text = pt_subject_text(s);
	g_autofree char *quoted = pt_yaml_quote(text);
	g_string_append(out, quoted);
}

static void print_event(GString *out, const PtTrigger *t) {
	g_string_append(out, "{");
	pt_print_text(out, "event", t->subject.topic);
	pt_print_text(out, "source", t->subject.name);
	pt_print_text(out, "state", t->subject.state);
	pt_print_duration(out, "for", t->held_ns);
	if (t->times)
		pt_print_number(out, "times", t->times);
	pt_print_duration(out, "in", t->within_ns);
	g_string_append(out, " }");
}

static void print_trigger(GString *out, const PtTrigger *t) {
	if (t->kind == PT_WHEN_TIME) {
		g_string_append(out, "{");
		pt_print_text(out, t->schedule.cron ? "cron" : "at", t->text);
		if (!t->schedule.cron) {
			g_string_append(out, ", ");
			print_days(out, t->schedule.days);
		}
		g_string_append(out, " }");
		return;
	}
	if (t->subject.kind == PT_SUBJECT_EVENT) {
		print_event(out, t);
		return;
	}
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *subject = pt_subject_text(&t->subject);
	g_autofree char *held = t->held_ns ? pt_units_format_duration(t->held_ns) : NULL;
	g_autofree char *within = t->within_ns ? pt_units_format_duration(t->within_ns) : NULL;
	g_string_append(text, subject);
	if (t->kind == PT_WHEN_SILENT)
		g_string_append(text, " silent");
	if (held)
		g_string_append_printf(text, " for %s", held);
	if (within)
		g_string_append_printf(text, " %u times in %s", t->times, within);
	g_autofree char *quoted = pt_yaml_quote(text->str);
	g_string_append(out, quoted);
}

static void print_triggers(GString *out, const char *key, const GPtrArray *list) {
	if (!list->len)
		return;
	g_string_append_printf(out, "    %s: [", key);
	for (guint i = 0; i < list->len; i++) {
		g_string_append(out, i ? ", " : "");
		print_trigger(out, list->pdata[i]);
	}
	g_string_append(out, "]\n");
}

static void print_cond(GString *out, const PtCond *c) {
	static const char *const several[] = {"and", "or", "not"};
	g_string_append(out, "{ ");
	switch (c->kind) {
	case PT_COND_BETWEEN:
		g_string_append(out, "between: [");
		print_daytime(out, &c->from);
		g_string_append(out, ", ");
		print_daytime(out, &c->to);
		g_string_append(out, "]");
		break;
	case PT_COND_DAYS:
		print_days(out, c->days);
		break;
	case PT_COND_HOLIDAY:
		g_string_append(out, "holiday: true");
		break;
	case PT_COND_STATE:
		g_string_append(out, "state: ");
		print_subject(out, &c->subject);
		break;
	default:
		g_string_append_printf(out, "%s: %s", several[c->kind], c->kind == PT_COND_NOT ? "" : "[");
		for (guint i = 0; i < c->of->len; i++) {
			if (i)
				g_string_append(out, ", ");
			print_cond(out, c->of->pdata[i]);
		}
		if (c->kind != PT_COND_NOT)
			g_string_append(out, "]");
	}
	g_string_append(out, " }");
}

static void print_action(GString *out, const PtAction *a) {
	static const char *const orders[] = {"off", "on", "pulse", "auto"};
	g_autofree char *text = a->text ? pt_yaml_quote(a->text) : NULL;
	g_autofree char *after = pt_units_format_duration(a->after_ns);
	g_autofree char *span = pt_units_format_duration(a->for_ns);
	g_string_append(out, "      - ");
	switch (a->kind) {
	case PT_DO_RELAY:
		g_string_append_printf(out, "relay: { %s: %s", a->target, orders[a->order]);
		pt_print_duration(out, "for", a->for_ns);
		break;
	case PT_DO_RECORD:
		g_string_append(out, "record: {");
		pt_print_text(out, "camera", a->target);
		pt_print_duration(out, "before", a->before_ns);
		g_string_append_printf(out, ", after: %s", after);
		pt_print_duration(out, "keep", a->keep_ns);
		break;
	case PT_DO_SNAPSHOT:
		g_string_append(out, "snapshot: {");
		pt_print_text(out, "camera", a->target);
		pt_print_duration(out, "before", a->before_ns);
		break;
	case PT_DO_NOTIFY:
		g_string_append(out, "notify: {");
		pt_print_text(out, "to", a->target);
		pt_print_text(out, "text", a->text);
		if (a->priority)
			pt_print_number(out, "priority", a->priority);
		pt_print_text(out, "camera", a->camera);
		pt_print_text(out, "code", a->code);
		if (a->zone)
			pt_print_number(out, "zone", a->zone);
		break;
	case PT_DO_WEBHOOK: {
		g_autofree char *shown = pt_site_shown_url(a->target);
		g_string_append(out, "webhook: {");
		pt_print_text(out, "url", shown);
		pt_print_text(out, "method", a->method);
		pt_print_text(out, "body", a->text[0] ? a->text : NULL);
		pt_print_text(out, "secret", a->secret);
		break;
	}
	case PT_DO_ALARM:
		g_string_append(out, "alarm: {");
		pt_print_text(out, "text", a->text);
		pt_print_text(out, "procedure", a->procedure);
		pt_print_text(out, "camera", a->target);
		pt_print_number(out, "priority", a->priority);
		break;
	case PT_DO_LIGHT:
		g_string_append(out, "light: {");
		pt_print_text(out, "camera", a->target);
		pt_print_text(out, a->text ? "lamp" : "ir-cut", a->text ? a->text : orders[a->order]);
		break;
	case PT_DO_MQTT:
		g_string_append(out, "mqtt: {");
		pt_print_text(out, "topic", a->target);
		pt_print_text(out, "payload", a->text);
		pt_print_text(out, "retain", a->retain ? "on" : NULL);
		break;
	case PT_DO_SAY:
		g_string_append(out, "say: {");
		pt_print_text(out, "camera", a->target);
		pt_print_text(out, a->file ? "file" : "text", a->file ? a->file : a->text);
		break;
	case PT_DO_LOG:
		g_string_append_printf(out, "log: %s\n", text);
		return;
	case PT_DO_MODE:
		g_string_append_printf(out, "mode: %s\n", a->target);
		return;
	case PT_DO_SHOW:
		g_string_append_printf(out, "show: %s\n", a->target);
		return;
	case PT_DO_WAIT:
		g_string_append_printf(out, "wait: %s\n", span);
		return;
	}
	g_string_append(out, " }\n");
}

static void print_late(GString *out, const PtRule *r) {
	bool notify = r->late >> PT_DO_NOTIFY & 1, record = r->late >> PT_DO_RECORD & 1;
	if (r->late)
		g_string_append_printf(out, "    late: [%s%s%s]\n", notify ? "notify" : "", notify && record ? ", " : "",
		                       record ? "record" : "");
}

static void print_rule(GString *out, const PtRule *r) {
	g_autofree char *name = pt_yaml_quote(r->name);
	g_string_append_printf(out, "  %s:\n", name);
	print_triggers(out, "when", r->when);
	if (r->cond) {
		g_string_append(out, "    if: ");
		print_cond(out, r->cond);
		g_string_append_c(out, '\n');
	}
	if (r->cooldown_ns) {
		g_autofree char *cooldown = pt_units_format_duration(r->cooldown_ns);
		g_string_append_printf(out, "    cooldown: %s\n", cooldown);
	}
	print_late(out, r);
	g_string_append(out, "    do:\n");
	for (guint i = 0; i < r->actions->len; i++)
		print_action(out, r->actions->pdata[i]);
	if (r->repeats) {
		g_autofree char *every = pt_units_format_duration(r->repeat_ns);
		g_string_append_printf(out, "    repeat: { every: %s, times: %u }\n", every, r->repeats);
	}
	print_triggers(out, "cancel", r->cancel);
	if (r->restart)
		g_string_append(out, "    running: restart\n");
}

void pt_site_print_rules(GString *out, const PtSite *s) {
	for (guint i = 0; i < s->rules->list->len; i++) {
		g_string_append(out, i ? "" : "rules:\n");
		print_rule(out, s->rules->list->pdata[i]);
	}
}
