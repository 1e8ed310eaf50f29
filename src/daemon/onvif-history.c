/* What happened to plugs, pictures and the disk, by the event log, in the words of ONVIF. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/onvif.h"
#include <string.h>

#define PAGE 1000
#define OF_ONE 20000 /* events of one thing at most */
#define BEFORE 50    /* events that are looked through for a state before the span */

/* ---- which things ---- */

static void add(GArray *list, PtOnvifTopic topic, const char *token, const char *camera) {
	PtOnvifHappening h = {.topic = topic};
	g_strlcpy(h.token, token, sizeof h.token);
	g_strlcpy(h.camera, camera ? camera : "", sizeof h.camera);
	g_array_append_val(list, h);
}

GArray *pt_onvif_history_things(const PtOnvifEnv *env, const PtSite *site) {
	GArray *list = g_array_new(FALSE, FALSE, sizeof(PtOnvifHappening));
	GPtrArray *inputs = pt_plugs_inputs(env->plugs), *relays = pt_plugs_relays(env->plugs);
	for (guint i = 0; i < inputs->len; i++) {
		const PtPlugSettings *s = pt_input_settings(g_ptr_array_index(inputs, i));
		add(list, PT_ONVIF_DIGITAL_INPUT, s->name, s->camera);
	}
	for (guint i = 0; i < relays->len; i++) {
		const PtPlugSettings *s = pt_relay_settings(g_ptr_array_index(relays, i));
		add(list, PT_ONVIF_RELAY, s->name, s->camera);
	}
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *camera = g_ptr_array_index(site->cameras, i);
		if (camera->motion)
			add(list, PT_ONVIF_MOTION_ALARM, camera->name, camera->name);
	}
	add(list, PT_ONVIF_STORAGE_FAILURE, "archive", NULL);
	add(list, PT_ONVIF_STORAGE_FAILURE, "read-back", NULL);
	return list;
}

/* ---- the log ---- */

static const struct {
	const char *topic, *kind, *yes, *no; /* no NULL: whatever else */
} words[PT_ONVIF_N_TOPICS] = {
    [PT_ONVIF_DIGITAL_INPUT] = {PT_TOPIC_INPUT, "input/", "active", "inactive"},
    [PT_ONVIF_RELAY] = {PT_TOPIC_RELAY, "relay/", "on", "off"},
    [PT_ONVIF_MOTION_ALARM] = {PT_TOPIC_MOTION, "camera/", "active", NULL},
    [PT_ONVIF_STORAGE_FAILURE] = {PT_TOPIC_STORAGE, "archive/", "active", "inactive"},
};

bool pt_onvif_history_state(PtOnvifTopic topic, const char *state, bool *ret_active) {
	*ret_active = !strcmp(state, words[topic].yes);
	return *ret_active || !words[topic].no || !strcmp(state, words[topic].no);
}

typedef struct {
	PtEventlog *log;
	const PtOnvifHappening *thing;
	PtEventlogQuery ask;
} Look;

/* The state that it had before the span: a happening with start. 1: there is one, 0: none is known, -1: error. */
static int read_start(const Look *l, PtOnvifHappening *ret, GError **error) {
	PtEventlogQuery ask = l->ask;
	ask.until_ns = l->ask.since_ns;
	ask.since_ns = 0;
	ask.limit = BEFORE;
	if (!ask.until_ns)
		return 0;
	g_autoptr(GPtrArray) page = pt_eventlog_query(l->log, &ask, error);
	if (!page)
		return -1;
	for (guint i = 0; i < page->len; i++) {
		const PtEvent *e = g_ptr_array_index(page, i);
		*ret = *l->thing;
		if (!pt_onvif_history_state(ret->topic, e->state, &ret->active))
			continue;
		ret->start = true;
		ret->wall_ns = l->ask.since_ns;
		return 1;
	}
	return 0;
}

/* Events of the span that are states, rising in time. */
static GArray *read_span(const Look *l, bool newest, GError **error) {
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(PtOnvifHappening));
	PtEventlogQuery ask = l->ask;
	ask.oldest_first = !newest;
	ask.limit = PAGE;
	for (guint n = PAGE; n == PAGE && found->len < OF_ONE;) {
		g_autoptr(GPtrArray) page = pt_eventlog_query(l->log, &ask, error);
		if (!page)
			return NULL;
		n = page->len;
		for (guint i = 0; i < n; i++) {
			const PtEvent *e = g_ptr_array_index(page, i);
			PtOnvifHappening h = *l->thing;
			h.wall_ns = e->wall_ns;
			ask.before_id = e->id;
			if (pt_onvif_history_state(h.topic, e->state, &h.active))
				g_array_append_val(found, h);
		}
	}
	for (guint i = 0; newest && i < found->len / 2; i++) {
		PtOnvifHappening *a = &g_array_index(found, PtOnvifHappening, i);
		PtOnvifHappening *b = &g_array_index(found, PtOnvifHappening, found->len - 1 - i), keep = *a;
		*a = *b;
		*b = keep;
	}
	return g_steal_pointer(&found);
}

static bool read_thing(PtEventlog *log, const PtOnvifHappening *thing, const PtOnvifRecordingsQuery *query, GArray *list,
                       GError **error) {
	bool whole = thing->topic == PT_ONVIF_STORAGE_FAILURE && !strcmp(thing->token, "archive"); /* not a part of it */
	g_autofree char *source = g_strconcat(whole ? "" : words[thing->topic].kind, thing->token, NULL);
	Look look = {log, thing, {.since_ns = MAX(query->from_ns, 0), .topic = words[thing->topic].topic, .source = source}};
	if (query->to_ns < INT64_MAX)
		look.ask.until_ns = query->to_ns + 1;
	PtOnvifHappening last;
	int known = read_start(&look, &last, error);
	g_autoptr(GArray) span = known < 0 ? NULL : read_span(&look, query->newest, error);
	if (!span)
		return false;
	if (known)
		g_array_append_val(list, last);
	/* the same state once more, as after a start, is no event */
	for (guint i = 0; i < span->len; i++) {
		const PtOnvifHappening *h = &g_array_index(span, PtOnvifHappening, i);
		if (known && last.active == h->active)
			continue;
		g_array_append_val(list, *h);
		last = *h;
		known = 1;
	}
	return true;
}

GArray *pt_onvif_history_read(PtEventlog *log, const GArray *things, const PtOnvifRecordingsQuery *query, GError **error) {
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(PtOnvifHappening));
	for (guint i = 0; i < things->len; i++)
		if (!read_thing(log, &g_array_index(things, PtOnvifHappening, i), query, list, error))
			return NULL;
	return g_steal_pointer(&list);
}
