/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tell.h"
#include "daemon/devices.h"
#include "daemon/still.h"
#include "notify/notify.h"
#include "rules/template.h"
#include "web/host.h"
#include <string.h>

#define PICTURE_BEFORE_NS PT_NS_PER_S /* what set something off was there before it was noticed */

struct PtTell {
	PtTellEnv env;
	PtNotify *notify;
	PtDevices *devices;
	PtSite *site;
};

/* From any thread. */
static void publish(PtTell *t, const char *target, const char *state, const char *actor, const char *detail) {
	g_autofree char *source = g_strconcat("notify/", target, NULL);
	g_autoptr(PtEvent) event = pt_event_now(t->env.clock, source, PT_TOPIC_NOTIFY, state, actor, detail);
	pt_bus_publish(t->env.bus, event);
}

/* ---- what becomes of it; on the notifier's threads ---- */

static void on_done(void *user, const char *target, const PtQueued *m, const char *reason) {
	g_autofree char *text = pt_queued_text(m);
	g_autofree char *detail =
	    reason ? g_strdup_printf("%s (not delivered after %" G_GINT64_FORMAT " tries: %s)", text, m->tries, reason)
	           : g_strdup(text);
	publish(user, target, reason ? "failed" : "sent", m->actor, detail);
}

static void on_link(void *user, const char *target, const char *why) {
	publish(user, target, why ? "lost" : "live", NULL, why);
}

static GBytes *picture(void *user, const char *camera, int64_t wall_ns, GCancellable *cancellable, GError **error) {
	int64_t captured_ns;
	return pt_still_at(((PtTell *)user)->env.archive, camera, wall_ns - PICTURE_BEFORE_NS, NULL, &captured_ns,
	                   cancellable, error);
}

/* ---- what is said ---- */

static char *local_time(const PtTell *t, int64_t wall_ns, const char *format) {
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(wall_ns / PT_NS_PER_S);
	g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, t->site->zone);
	return g_date_time_format(local, format);
}

static char *fill(const PtTell *t, const char *text, const char *camera, const PtActContext *c, const char *format) {
	const char *seen = c->event ? pt_event_name(c->event, "camera") : NULL;
	g_autofree char *time = local_time(t, c->wall_ns, format);
	return pt_template_fill(text, &(PtTemplateValues){.site = t->site->name,
	                                                  .camera = seen ? seen : camera,
	                                                  .input = c->event ? pt_event_name(c->event, "input") : NULL,
	                                                  .time = time,
	                                                  .state = c->event ? c->event->state : NULL,
	                                                  .cause = c->cause});
}

static char *fill_written(const PtTell *t, const char *text, const char *camera, const PtActContext *c) {
	return fill(t, text, camera, c, "%Y-%m-%d %H:%M:%S");
}

char *pt_tell_fill_spoken(const PtTell *t, const char *text, const char *camera, const PtActContext *c) {
	return fill(t, text, camera, c, "%H:%M");
}

/* The timeline at that moment; NULL: nobody but this machine reaches the pages. Caller frees. */
static char *link_to(const PtTell *t, const char *camera, int64_t wall_ns) {
	const PtSite *s = t->site;
	if (!camera || !s->web_names || !s->web_names[0])
		return NULL;
	bool loopback = g_str_has_prefix(s->web_listen, "127.") || g_str_has_prefix(s->web_listen, "[::1]") ||
	                g_str_has_prefix(s->web_listen, "localhost:");
	const char *port = strrchr(s->web_listen, ':');
	g_autofree char *at = pt_time_format(wall_ns);
	/* what listens on this machine alone is reached through a proxy, whose port is that of HTTPS */
	return g_strdup_printf("https://%s%s/#/time/%s?at=%s&span=60", s->web_names[0],
	                       loopback && !s->tls_cert && !s->tls_own ? "" : port, camera, at);
}

/* A device of somebody who is no user any more is told nothing. Whoever came by the first start's link is none either. */
static bool is_for(const PtTell *t, const PtNotifyTarget *push, const PtDevice *d) {
	return pt_site_user(t->site, d->user) && (!push->to || g_strv_contains((const char *const *)push->to, d->user));
}

/* Of what goes to devices, and none has been registered: that is told, or nobody would ever know. Whether there is such. */
static bool tell_of_none(PtTell *t, const char *name, const char *actor) {
	const GPtrArray *devices = pt_devices_list(t->devices);
	bool any = false;
	for (guint i = 0; i < t->site->notify->len; i++) {
		const PtNotifyTarget *push = t->site->notify->pdata[i];
		bool heard = push->kind != PT_NOTIFY_PUSH || (name && strcmp(name, push->name) != 0);
		for (guint k = 0; !heard && k < devices->len; k++)
			heard = is_for(t, push, devices->pdata[k]);
		if (!heard)
			publish(t, push->name, "failed", actor,
			        "no device takes these messages yet: log in on each, open the menu behind your name, press "
			        "'Notify me on this device'");
		any |= !heard;
	}
	return any;
}

static void do_notify(PtTell *t, const PtAction *a, const PtActContext *c) {
	const PtEvent *event = c->event;
	g_autofree char *text = fill_written(t, a->text, a->camera, c);
	g_autofree char *like = g_strdup_printf("%s\n%s", c->actor, a->text);
	g_autofree char *link = link_to(t, a->camera, c->wall_ns);
	g_autoptr(GString) json = g_string_new(NULL);
	if (event)
		pt_event_to_json(event, json);
	if (event && event->late) {
		g_autofree char *when = local_time(t, event->wall_ns, "%Y-%m-%d %H:%M:%S %Z"),
		                *said = g_steal_pointer(&text);
		text = g_strdup_printf("%s (late: happened at %s)", said, when);
	}
	bool none = tell_of_none(t, a->target, c->actor);
	if (!pt_notify_send(t->notify, a->target,
	                    &(PtNotifyMessage){.title = t->site->name,
	                                       .text = text,
	                                       .actor = c->actor,
	                                       .event = event ? json->str : NULL,
	                                       .camera = a->camera,
	                                       .code = a->code,
	                                       .link = link,
	                                       .like = like,
	                                       .zone = a->zone,
	                                       .priority = (int)a->priority,
	                                       .wall_ns = c->wall_ns}) &&
	    !none)
		publish(t, "nobody", "failed", c->actor, "nobody to tell: the site file names no target under notify");
}

static void do_webhook(PtTell *t, const PtAction *a, const PtActContext *c) {
	guint number = 0;
	g_ptr_array_find(c->rule->actions, a, &number);
	g_autofree char *name = pt_site_webhook_name(c->rule, number), *body = fill_written(t, a->text, NULL, c);
	pt_notify_send(t->notify, name, &(PtNotifyMessage){.text = body, .actor = c->actor, .wall_ns = c->wall_ns});
}

void pt_tell_act(PtTell *t, const PtAction *action, const PtActContext *context) {
	if (action->kind == PT_DO_WEBHOOK)
		do_webhook(t, action, context);
	else
		do_notify(t, action, context);
}

/* ---- devices ---- */

#define DEVICE_NAME "%s: device %s" /* target of the site file, id */

static PtNotifyTarget *device_target(const PtTell *t, const PtNotifyTarget *push, const PtDevice *d) {
	g_autofree char *name = g_strdup_printf(DEVICE_NAME, push->name, d->id);
	const PtSite *s = t->site;
	PtNotifyTarget *target = pt_notify_target_new(PT_NOTIFY_PUSH, name);
	target->of = g_strdup(push->name);
	target->url = g_strdup(d->endpoint);
	target->from = g_strdup_printf("https://%s", s->web_names && s->web_names[0] ? s->web_names[0] : "pigtail.invalid");
	target->vapid = pt_devices_vapid(t->devices);
	memcpy(target->point, d->point, sizeof target->point);
	memcpy(target->auth, d->auth, sizeof target->auth);
	target->quiet_from_min = push->quiet_from_min;
	target->quiet_to_min = push->quiet_to_min;
	target->zone = g_time_zone_ref(push->zone);
	target->group_ns = push->group_ns;
	target->expires_ns = push->expires_ns;
	return target;
}

static void set_targets(void *user) {
	PtTell *t = user;
	const GPtrArray *devices = pt_devices_list(t->devices);
	g_autoptr(GPtrArray) targets = g_ptr_array_new_with_free_func(pt_notify_target_unref);
	for (guint i = 0; i < t->site->notify->len; i++) {
		PtNotifyTarget *target = t->site->notify->pdata[i];
		if (target->kind != PT_NOTIFY_PUSH)
			g_ptr_array_add(targets, pt_notify_target_ref(target));
		for (guint k = 0; target->kind == PT_NOTIFY_PUSH && k < devices->len; k++)
			if (is_for(t, target, devices->pdata[k]))
				g_ptr_array_add(targets, device_target(t, target, devices->pdata[k]));
	}
	pt_notify_set_targets(t->notify, targets);
}

typedef struct {
	PtTell *tell;
	char *id;
} Gone;

static void gone_free(void *data) {
	g_free(((Gone *)data)->id);
	g_free(data);
}

static gboolean forget(void *data) {
	Gone *gone = data;
	pt_devices_forget(gone->tell->devices, gone->id);
	return G_SOURCE_REMOVE;
}

/* On the notifier's thread. The main loop runs no more once the PtTell is freed. */
static void on_gone(void *user, const char *target) {
	Gone *gone = g_new0(Gone, 1);
	*gone = (Gone){user, g_strdup(strrchr(target, ' ') + 1)};
	g_idle_add_full(G_PRIORITY_DEFAULT, forget, gone, gone_free);
}

PtDevices *pt_tell_devices(PtTell *t) { return t->devices; }

/* ---- life ---- */

PtTell *pt_tell_new(const PtTellEnv *env, GError **error) {
	g_autofree char *path = g_build_filename(env->state_dir, "notify.db", NULL);
	PtTell *t = g_new0(PtTell, 1);
	t->env = *env;
	t->env.state_dir = NULL;
	t->devices = pt_devices_open(env->state_dir, env->clock, set_targets, t, error);
	if (!t->devices) {
		g_free(t);
		return NULL;
	}
	t->notify = pt_notify_new(&(PtNotifySettings){.queue_path = path,
	                                              .clock = env->clock,
	                                              .done = on_done,
	                                              .link = on_link,
	                                              .gone = on_gone,
	                                              .picture = picture,
	                                              .user = t},
	                          error);
	if (!t->notify) {
		pt_devices_free(t->devices);
		g_clear_pointer(&t, g_free);
	}
	return t;
}

void pt_tell_apply(PtTell *t, PtSite *site) {
	PtSite *old = t->site;
	t->site = pt_site_ref(site);
	set_targets(t);
	pt_site_unref(old);
}

void pt_tell_free(PtTell *t) {
	if (!t)
		return;
	pt_notify_free(t->notify);
	pt_devices_free(t->devices);
	pt_site_unref(t->site);
	g_free(t);
}

void pt_tell_describe(PtTell *t, JsonBuilder *b) {
	PtNotifyCounters n;
	pt_notify_counters(t->notify, &n);
	pt_json_object(b, "notify");
	pt_json_int(b, "waiting", n.waiting);
	pt_json_int(b, "sent", (int64_t)n.sent);
	pt_json_int(b, "failed", (int64_t)n.failed);
	json_builder_end_object(b);
}
