/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/actions.h"

struct PtActions {
	PtActionsEnv env;
	PtRulesActions table;
	PtNotify *notify;
	PtSite *site;
};

static void publish(PtActions *a, const char *source, const char *topic, const char *state, const char *actor,
                    const char *detail) {
	g_autoptr(PtEvent) event = pt_event_now(a->env.clock, source, topic, state, actor, detail);
	pt_bus_publish(a->env.bus, event);
}

static void do_relay(void *user, const PtAction *action, const char *actor, int64_t issued_mono_ns) {
	PtActions *a = user;
	static const PtRelayOrder orders[] = {
	    [PT_RULE_OFF] = PT_ORDER_OFF, [PT_RULE_ON] = PT_ORDER_ON, [PT_RULE_PULSE] = PT_ORDER_PULSE};
	PtRelay *relay = pt_plugs_relay(a->env.plugs, action->target);
	g_autoptr(GError) error = NULL;
	PtRelayCommand command = {
	    .order = orders[action->order], .for_ns = action->for_ns, .issued_ns = issued_mono_ns, .actor = actor};
	if (relay && pt_relay_command(relay, &command, &error))
		return;
	g_autofree char *text =
	    g_strdup_printf("relay %s: %s", action->target, error ? error->message : "there is none of this name");
	publish(a, actor, PT_TOPIC_RULE, "failed", actor, text);
}

/* ---- footage ---- */

static void do_record(void *user, const PtAction *action, const char *actor, int64_t wall_ns) {
	PtActions *a = user;
	int64_t end = wall_ns + action->after_ns;
	PtKeepRow row = {.id = pt_keeper_new_id(a->env.keeper),
	                 .start_ns = wall_ns - action->before_ns,
	                 .end_ns = end,
	                 .until_ns = action->keep_ns ? end + action->keep_ns : 0,
	                 .ring = !action->keep_ns};
	g_strlcpy(row.camera, action->target, sizeof row.camera);
	g_strlcpy(row.who, actor, sizeof row.who);
	g_strlcpy(row.why, "a rule asked for it", sizeof row.why);
	pt_keeper_put(a->env.keeper, &row);
}

/* ---- messages ---- */

static char *late_text(const PtActions *a, const char *text, int64_t wall_ns) {
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(wall_ns / PT_NS_PER_S);
	g_autoptr(GDateTime) local = utc && a->site && a->site->zone ? g_date_time_to_timezone(utc, a->site->zone) : NULL;
	g_autofree char *when = g_date_time_format(local ? local : utc, "%Y-%m-%d %H:%M:%S %Z");
	return g_strdup_printf("%s (late: happened at %s)", text, when);
}

static void do_notify(void *user, const PtAction *action, const char *actor, const PtEvent *event) {
	PtActions *a = user;
	g_autofree char *late = event && event->late ? late_text(a, action->text, event->wall_ns) : NULL;
	PtNotifyMessage message = {
	    .title = a->site ? a->site->name : NULL, .text = late ? late : action->text, .actor = actor, .event = event};
	if (!pt_notify_send(a->notify, action->target, &message))
		publish(a, actor, PT_TOPIC_NOTIFY, "failed", actor,
		        "nobody to tell: the site file names no target under notify, or its queue is full");
}

static void notified(void *user, const char *target, const PtNotifyMessage *message, int tries, const char *reason) {
	PtActions *a = user;
	g_autofree char *source = g_strconcat("notify/", target, NULL);
	g_autofree char *detail =
	    reason ? g_strdup_printf("%s (not delivered after %d tries: %s)", message->text, tries, reason)
	           : g_strdup(message->text);
	publish(a, source, PT_TOPIC_NOTIFY, reason ? "failed" : "sent", message->actor, detail);
}

static void do_log(void *user, const PtAction *action, const char *actor) {
	publish(user, actor, PT_TOPIC_RULE, "log", actor, action->text);
}

/* ---- life ---- */

PtActions *pt_actions_new(const PtActionsEnv *env) {
	PtActions *a = g_new0(PtActions, 1);
	a->env = *env;
	a->table = (PtRulesActions){do_relay, do_record, do_notify, do_log, a};
	a->notify = pt_notify_new(notified, a);
	return a;
}

void pt_actions_apply(PtActions *a, PtSite *site) {
	g_autofree PtNotifyTarget *targets = g_new0(PtNotifyTarget, site->notify->len);
	for (guint i = 0; i < site->notify->len; i++) {
		const PtSiteNotify *n = g_ptr_array_index(site->notify, i);
		targets[i] = (PtNotifyTarget){.name = n->name, .url = n->url, .ntfy = n->ntfy, .secret = n->secret};
	}
	pt_notify_set_targets(a->notify, targets, site->notify->len);
	PtSite *old = a->site;
	a->site = pt_site_ref(site);
	pt_site_unref(old);
}

void pt_actions_free(PtActions *a) {
	if (!a)
		return;
	pt_notify_free(a->notify);
	pt_site_unref(a->site);
	g_free(a);
}

const PtRulesActions *pt_actions_table(PtActions *actions) { return &actions->table; }
