/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/actions.h"
#include "mqtt/client.h"
#include "onvif/client/control.h"

struct PtActions {
	PtActionsEnv env;
	PtSite *site;
};

static void publish(PtActions *a, const char *source, const char *topic, const char *state, const char *actor,
                    const char *detail) {
	g_autoptr(PtEvent) event = pt_event_now(a->env.clock, source, topic, state, actor, detail);
	pt_bus_publish(a->env.bus, event);
}

static void failed(PtActions *a, const char *actor, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void failed(PtActions *a, const char *actor, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	publish(a, actor, PT_TOPIC_RULE, "failed", actor, text);
}

static void do_relay(PtActions *a, const PtAction *action, const PtActContext *c) {
	static const PtRelayOrder orders[] = {
	    [PT_RULE_OFF] = PT_ORDER_OFF, [PT_RULE_ON] = PT_ORDER_ON, [PT_RULE_PULSE] = PT_ORDER_PULSE};
	PtRelay *relay = pt_plugs_relay(a->env.plugs, action->target);
	g_autoptr(GError) error = NULL;
	PtRelayCommand command = {
	    .order = orders[action->order], .for_ns = action->for_ns, .issued_ns = c->mono_ns, .actor = c->actor};
	if (!relay || !pt_relay_command(relay, &command, &error))
		failed(a, c->actor, "relay %s: %s", action->target, error ? error->message : "there is none of this name");
}

/* ---- cameras ---- */

/* What is under way to a camera may end after the actions did: the bus outlives both. */
typedef struct {
	PtClock *clock;
	PtBus *bus;
	char *actor, *camera;
} LightOrder;

static void light_done(void *user, const GError *error) {
	LightOrder *o = user;
	if (error) {
		g_autofree char *text = g_strdup_printf("light of camera %s: %s", o->camera, error->message);
		g_autoptr(PtEvent) event = pt_event_now(o->clock, o->actor, PT_TOPIC_RULE, "failed", o->actor, text);
		pt_bus_publish(o->bus, event);
	}
	g_free(o->actor);
	g_free(o->camera);
	g_free(o);
}

/* P6: written down first, as when a person does it. */
static void do_light(PtActions *a, const PtAction *action, const PtActContext *c) {
	static const char *const modes[] = {[PT_RULE_OFF] = "OFF", [PT_RULE_ON] = "ON", [PT_RULE_AUTO] = "AUTO"};
	g_autoptr(GError) error = NULL;
	const PtSiteCamera *settings = pt_site_camera(a->site, action->target);
	if (!settings || !pt_site_is_onvif(settings)) {
		failed(a, c->actor, "light of camera %s: it is not reached by ONVIF", action->target);
		return;
	}
	g_autofree char *source = g_strconcat("camera/", action->target, NULL);
	g_autofree char *detail = g_strdup_printf("%s%s", action->text ? "" : "IR cut filter ",
	                                          action->text ? action->text : modes[action->order]);
	g_autoptr(PtEvent) intent = pt_event_now(a->env.clock, source, PT_TOPIC_COMMAND, "light", c->actor, detail);
	if (!a->env.journal(a->env.user, intent, &error)) {
		failed(a, c->actor, "light of camera %s: %s", action->target, error->message);
		return;
	}
	pt_bus_publish(a->env.bus, intent);
	LightOrder *order = g_new0(LightOrder, 1);
	*order = (LightOrder){a->env.clock, a->env.bus, g_strdup(c->actor), g_strdup(action->target)};
	PtOnvifCamera *camera = pt_onvif_camera_get(action->target);
	if (action->text)
		pt_onvif_auxiliary(camera, action->text, light_done, order);
	else
		pt_onvif_set_ir_cut(camera, modes[action->order], light_done, order);
	pt_onvif_camera_unref(camera);
}

static void do_show(PtActions *a, const PtAction *action, const PtActContext *c) {
	g_autofree char *source = g_strconcat("camera/", action->target, NULL);
	publish(a, source, PT_TOPIC_SHOW, "active", c->actor, c->cause);
}

static void do_say(PtActions *a, const PtAction *action, const PtActContext *c) {
	g_autofree char *text = action->text ? pt_tell_fill_spoken(a->env.tell, action->text, action->target, c) : NULL;
	pt_talk_desk_say(a->env.talk,
	                 &(PtTalkOrder){.camera = action->target, .actor = c->actor, .text = text, .file = action->file});
}

/* ---- footage ---- */

static void do_record(PtActions *a, const PtAction *action, const PtActContext *c) {
	int64_t wall_ns = c->wall_ns;
	int64_t end = wall_ns + action->after_ns;
	PtKeepRow row = {.id = pt_keeper_new_id(a->env.keeper),
	                 .start_ns = wall_ns - action->before_ns,
	                 .end_ns = end,
	                 .until_ns = action->keep_ns ? end + action->keep_ns : 0,
	                 .ring = !action->keep_ns};
	g_strlcpy(row.camera, action->target, sizeof row.camera);
	g_strlcpy(row.who, c->actor, sizeof row.who);
	g_strlcpy(row.why, "a rule asked for it", sizeof row.why);
	pt_keeper_put(a->env.keeper, &row);
}

/* ---- alarms ---- */

static void do_alarm(PtActions *a, const PtAction *action, const PtActContext *c) {
	pt_alarm_desk_raise(a->env.alarm, &(PtAlarmRaise){.name = c->rule->name,
	                                                  .text = action->text,
	                                                  .procedure = action->procedure,
	                                                  .camera = action->target,
	                                                  .cause = c->cause,
	                                                  .actor = c->actor,
	                                                  .priority = action->priority});
}

/* Nobody stands there to close a window: what is open is left out, and told. */
static void do_mode(PtActions *a, const PtAction *action, const PtActContext *c) {
	g_autoptr(GError) error = NULL;
	if (!pt_alarm_desk_set_mode(a->env.alarm, action->target, c->actor, c->cause, true, &error))
		failed(a, c->actor, "mode %s: %s", action->target, error->message);
}

/* ---- all ---- */

void pt_actions_act(void *user, const PtAction *action, const PtActContext *c) {
	PtActions *a = user;
	switch (action->kind) {
	case PT_DO_RELAY:
		do_relay(a, action, c);
		break;
	case PT_DO_RECORD:
		do_record(a, action, c);
		break;
	case PT_DO_SNAPSHOT:
		pt_pictures_take(a->env.pictures, action->target, c->wall_ns - action->before_ns, c->actor);
		break;
	case PT_DO_NOTIFY:
	case PT_DO_WEBHOOK:
		pt_tell_act(a->env.tell, action, c);
		break;
	case PT_DO_LOG:
		publish(a, c->actor, PT_TOPIC_RULE, "log", c->actor, action->text);
		break;
	case PT_DO_LIGHT:
		do_light(a, action, c);
		break;
	case PT_DO_SAY:
		do_say(a, action, c);
		break;
	case PT_DO_SHOW:
		do_show(a, action, c);
		break;
	case PT_DO_MODE:
		do_mode(a, action, c);
		break;
	case PT_DO_ALARM:
		do_alarm(a, action, c);
		break;
	case PT_DO_MQTT:
		if (!pt_mqtt_publish(pt_mqtt_get(), action->target, action->text, action->retain))
			failed(a, c->actor, "mqtt %s: the broker is not connected", action->target);
		break;
	case PT_DO_WAIT: /* the evaluator's own */
		break;
	}
}

/* ---- life ---- */

PtActions *pt_actions_new(const PtActionsEnv *env) {
	PtActions *a = g_new0(PtActions, 1);
	a->env = *env;
	return a;
}

void pt_actions_apply(PtActions *a, PtSite *site) {
	PtSite *old = a->site;
	a->site = pt_site_ref(site);
	pt_site_unref(old);
}

void pt_actions_free(PtActions *a) {
	if (!a)
		return;
	pt_site_unref(a->site);
	g_free(a);
}
