/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/alarm-desk.h"
#include "daemon/state-file.h"
#include "plugs/wake.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

typedef struct {
	void (*done)(void *data, const char *problem);
	void *data;
} Waiting;

struct PtAlarmDesk {
	PtAlarmDeskEnv env;
	PtSite *site;
	PtAlarmCentre *centre;
	PtBusSubscription *inputs;
	GSource *wake;
	GThread *thread;
	GPtrArray *held; /* news from before the beginning; NULL: it has begun */

	char *path;
	dev_t medium;
	bool dirty, writing;      /* dirty: something is not in the file that is being written, if any */
	bool failing;             /* the last time; told once */
	GArray *waiting, *served; /* of Waiting: for what is not being written yet, and for what is */
};

static PtAlarmNow now_of(const PtAlarmDesk *d) { return (PtAlarmNow){pt_mono_ns(d->env.clock), pt_wall_ns(d->env.clock)}; }

static void publish(PtAlarmDesk *d, const char *source, const char *topic, const char *state, const char *actor,
                    const char *detail) {
	g_autoptr(PtEvent) event = pt_event_now(d->env.clock, source, topic, state, actor, detail);
	pt_bus_publish(d->env.bus, event);
}

/* ---- keeping it ---- */

static void serve(GArray *list, const char *problem) {
	for (guint i = 0; i < list->len; i++) {
		Waiting w = g_array_index(list, Waiting, i);
		w.done(w.data, problem);
	}
	g_array_set_size(list, 0);
}

static void keep(PtAlarmDesk *d);

static void written(GObject *source, GAsyncResult *result, gpointer data) {
	PtAlarmDesk *d = data;
	g_autoptr(GError) error = NULL;
	pt_state_write_finish(result, &error);
	d->writing = false;
	if (error && !d->failing)
		publish(d, "system/alarm", PT_TOPIC_SYSTEM, "warning", NULL, error->message);
	d->failing = error != NULL;
	serve(d->served, error ? error->message : NULL);
	keep(d);
}

/* One file at a time is written; what changes meanwhile is in the next. */
static void keep(PtAlarmDesk *d) {
	if (!d->dirty || d->writing)
		return;
	PtAlarmNow now = now_of(d);
	char *text = pt_alarm_centre_save(d->centre, &now);
	d->dirty = false;
	d->writing = true;
	g_array_append_vals(d->served, d->waiting->data, d->waiting->len);
	g_array_set_size(d->waiting, 0);
	pt_state_write_async(d->path, d->medium, text, 0600, written, d);
}

void pt_alarm_desk_when_kept(PtAlarmDesk *d, void (*done)(void *, const char *), void *data) {
	Waiting w = {done, data};
	if (d->dirty)
		g_array_append_val(d->waiting, w);
	else if (d->writing)
		g_array_append_val(d->served, w);
	else
		done(data, NULL);
}

/* ---- news ---- */

static void tell(PtAlarmDesk *d, GPtrArray *news) {
	for (guint i = 0; i < news->len; i++) {
		const PtAlarmNews *n = g_ptr_array_index(news, i);
		PtEvent what = {.wall_ns = pt_wall_ns(d->env.clock),
		                .mono_ns = pt_mono_ns(d->env.clock),
		                .noticed_ns = pt_mono_ns(d->env.clock),
		                .source = n->source,
		                .topic = n->topic,
		                .state = n->state,
		                .actor = n->actor,
		                .detail = n->detail,
		                .initial = n->initial};
		g_autoptr(PtEvent) event = pt_event_new(&what);
		pt_bus_publish(d->env.bus, event);
	}
}

/* Of one thing that happened: written, timed, told. Takes news. */
static void follow(PtAlarmDesk *d, GPtrArray *news) {
	d->dirty |= news->len > 0;
	keep(d);
	pt_wake_set(d->wake, d->env.clock, pt_alarm_centre_due(d->centre));
	tell(d, news);
	g_ptr_array_unref(news);
}

static void on_wake(void *data) {
	PtAlarmDesk *d = data;
	PtAlarmNow now = now_of(d);
	GPtrArray *news = pt_alarm_news_new();
	pt_alarm_centre_tick(d->centre, &now, news);
	follow(d, news);
}

/* What was fetched from a log afterwards is no news of how it is now. */
static void on_input(PtEvent *event, void *data) {
	PtAlarmDesk *d = data;
	const char *name = pt_event_name(event, "input");
	if (!name || event->past || g_thread_self() != d->thread)
		return;
	PtAlarmInput state = !strcmp(event->state, "inactive")  ? PT_ALARM_INPUT_CLOSED
	                     : !strcmp(event->state, "unknown") ? PT_ALARM_INPUT_UNKNOWN
	                     : !strcmp(event->state, "fault")   ? PT_ALARM_INPUT_FAULT
	                                                        : PT_ALARM_INPUT_OPEN;
	PtAlarmNow now = now_of(d);
	GPtrArray *news = pt_alarm_news_new();
	pt_alarm_centre_input(d->centre, name, state, event->wall_ns, &now, news);
	follow(d, news);
}

/* ---- what is asked of it ---- */

const PtAlarmCentre *pt_alarm_desk_centre(const PtAlarmDesk *d) { return d->centre; }

/* P6 */
static gboolean note_intent(PtAlarmDesk *d, const char *source, const char *what, const char *actor, const char *detail,
                            GError **error) {
	g_autoptr(PtEvent) intent = pt_event_now(d->env.clock, source, PT_TOPIC_COMMAND, what, actor, detail);
	if (!d->env.journal(d->env.user, intent, error))
		return FALSE;
	pt_bus_publish(d->env.bus, intent);
	return TRUE;
}

gboolean pt_alarm_desk_set_mode(PtAlarmDesk *d, const char *mode, const char *actor, const char *detail, bool force,
                                GError **error) {
	PtAlarmNow now = now_of(d);
	GPtrArray *news = pt_alarm_news_new();
	g_autoptr(GError) refused = NULL;
	if (!note_intent(d, PT_SOURCE_MODE, mode, actor, detail, error)) {
		g_ptr_array_unref(news);
		return FALSE;
	}
	gboolean done = pt_alarm_centre_set_mode(d->centre, mode, actor, force, &now, news, &refused);
	if (!done) {
		publish(d, PT_SOURCE_MODE, PT_TOPIC_COMMAND, "refused", actor, refused->message);
		g_propagate_error(error, g_steal_pointer(&refused));
	}
	follow(d, news);
	return done;
}

typedef gboolean (*Settle)(PtAlarmCentre *, int64_t, const char *, const PtAlarmNow *, GPtrArray *, GError **);

static gboolean settle(PtAlarmDesk *d, int64_t id, const char *word, Settle how, const char *actor, GError **error) {
	const PtAlarm *alarm = pt_alarm_centre_find(d->centre, id);
	PtAlarmNow now = now_of(d);
	g_autofree char *source = alarm ? g_strconcat("alarm/", alarm->name, NULL) : NULL;
	if (alarm && !note_intent(d, source, word, actor, NULL, error))
		return FALSE;
	GPtrArray *news = pt_alarm_news_new();
	gboolean done = how(d->centre, id, actor, &now, news, error);
	follow(d, news);
	return done;
}

gboolean pt_alarm_desk_acknowledge(PtAlarmDesk *d, int64_t id, const char *actor, GError **error) {
	return settle(d, id, "acknowledge", pt_alarm_centre_acknowledge, actor, error);
}

gboolean pt_alarm_desk_clear(PtAlarmDesk *d, int64_t id, const char *actor, GError **error) {
	return settle(d, id, "clear", pt_alarm_centre_clear, actor, error);
}

void pt_alarm_desk_raise(PtAlarmDesk *d, const PtAlarmRaise *what) {
	PtAlarmNow now = now_of(d);
	GPtrArray *news = pt_alarm_news_new();
	pt_alarm_centre_raise(d->centre, what, &now, news);
	follow(d, news);
}

/* ---- life ---- */

/* NULL: nothing is wrong, or there was nothing to read yet. */
static char *load(PtAlarmDesk *d) {
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	PtAlarmNow now = now_of(d);
	if (!g_file_get_contents(d->path, &text, NULL, &error))
		return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? NULL : g_strdup(error->message);
	if (pt_alarm_centre_load(d->centre, text, &now, &error))
		return NULL;
	g_autofree char *aside = g_strconcat(d->path, ".damaged", NULL);
	g_rename(d->path, aside);
	return g_strdup_printf("it is damaged and was put aside as %s: %s", aside, error->message);
}

PtAlarmDesk *pt_alarm_desk_new(const PtAlarmDeskEnv *env, PtSite *site) {
	PtAlarmDesk *d = g_new0(PtAlarmDesk, 1);
	d->env = *env;
	d->site = pt_site_ref(site);
	d->thread = g_thread_self();
	d->path = g_build_filename(site->archive_state, "alarm.state", NULL);
	d->medium = pt_state_medium(d->path);
	d->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
	d->served = g_array_new(FALSE, FALSE, sizeof(Waiting));
	d->wake = pt_wake_new(NULL, on_wake, d);
	d->centre = pt_alarm_centre_new();
	d->held = pt_alarm_news_new();
	g_autofree char *problem = load(d);
	PtAlarmNow now = now_of(d);
	pt_alarm_centre_set_plan(d->centre, site->alarm, &now, d->held);
	if (problem) {
		g_autofree char *text =
		    g_strdup_printf("what the alarm centre remembered is lost, and the mode is %s now: %s",
		                    pt_alarm_centre_mode(d->centre), problem);
		publish(d, "system/alarm", PT_TOPIC_SYSTEM, "warning", NULL, text);
	}
	return d;
}

void pt_alarm_desk_begin(PtAlarmDesk *d) {
	GPtrArray *news = g_steal_pointer(&d->held);
	pt_alarm_centre_tell(d->centre, news);
	d->inputs = pt_bus_subscribe_direct(d->env.bus, PT_TOPIC_INPUT, on_input, d);
	follow(d, news);
}

void pt_alarm_desk_apply(PtAlarmDesk *d, PtSite *site) {
	if (site == d->site)
		return;
	PtAlarmNow now = now_of(d);
	GPtrArray *news = pt_alarm_news_new();
	pt_alarm_centre_set_plan(d->centre, site->alarm, &now, news);
	PtSite *old = d->site;
	d->site = pt_site_ref(site);
	pt_site_unref(old);
	follow(d, news);
}

void pt_alarm_desk_free(PtAlarmDesk *d) {
	if (!d)
		return;
	pt_bus_unsubscribe(d->inputs);
	pt_wake_free(d->wake);
	while (d->writing || d->dirty) { /* what changed meanwhile is written when that is */
		keep(d);
		g_main_context_iteration(NULL, TRUE);
	}
	if (d->held)
		g_ptr_array_unref(d->held);
	g_array_unref(d->waiting);
	g_array_unref(d->served);
	pt_alarm_centre_free(d->centre);
	pt_site_unref(d->site);
	g_free(d->path);
	g_free(d);
}
