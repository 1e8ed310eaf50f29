/* The event log and the live bus over HTTP. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/json.h"
#include "web/host.h"
#include <string.h>

#define BUS_QUEUE 1000
#define BACKLOG_MAX (256 * 1024) /* a page that reads nothing loses events, and is told how many */

/* A viewer with a list of cameras sees what concerns these, and nothing of the others. */
static bool may_see_event(char *const *cameras, const PtSite *site, const PtEvent *event) {
	if (!cameras)
		return true;
	const char *camera = pt_event_name(event, "camera"), *input = pt_event_name(event, "input");
	const char *relay = pt_event_name(event, "relay");
	const PtPlugSettings *plug = input ? pt_site_input(site, input) : relay ? pt_site_relay(site, relay) : NULL;
	if (plug)
		camera = plug->camera;
	return camera && g_strv_contains((const char *const *)cameras, camera);
}

/* ---- GET /api/events ---- */

typedef struct {
	PtHost *host;
	PtRequest *request;
	PtSite *site;
	PtEventlogQuery query;
	char *topic, *source;
	GString *json;
} Query;

static void query_free(void *data) {
	Query *q = data;
	pt_request_unref(q->request);
	pt_site_unref(q->site);
	g_free(q->topic);
	g_free(q->source);
	g_string_free(q->json, TRUE);
	g_free(q);
}

static void query_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Query *q = data;
	GError *error = NULL;
	g_autoptr(GPtrArray) events = pt_eventlog_query(q->host->log, &q->query, &error);
	if (!events) {
		g_task_return_error(task, error);
		return;
	}
	uint64_t last = 0;
	g_string_append(q->json, "{\"events\":[");
	for (guint i = 0, n = 0; i < events->len; i++) {
		const PtEvent *event = g_ptr_array_index(events, i);
		last = event->id;
		if (!may_see_event(pt_request_caller(q->request)->cameras, q->site, event))
			continue;
		if (n++)
			g_string_append_c(q->json, ',');
		pt_event_to_json(event, q->json);
	}
	char cursor[PT_EVENT_ID_TEXT] = "";
	if (events->len >= (q->query.limit ? q->query.limit : 200))
		pt_event_id_format(last, cursor);
	g_string_append_printf(q->json, "],\"more\":%s%s%s}", cursor[0] ? "\"" : "", cursor[0] ? cursor : "null",
	                       cursor[0] ? "\"" : "");
	g_task_return_boolean(task, TRUE);
}

static void query_done(GObject *source, GAsyncResult *result, gpointer data) {
	Query *q = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	if (g_task_propagate_boolean(G_TASK(result), &error))
		pt_request_reply_text(q->request, 200, "application/json", q->json->str);
	else
		pt_request_fail_error(q->request, error);
}

static const char *const topics[] = {PT_TOPIC_INPUT,  PT_TOPIC_RELAY,   PT_TOPIC_COMMAND,
                                     PT_TOPIC_STREAM, PT_TOPIC_RULE,    PT_TOPIC_TALK,
                                     PT_TOPIC_SYSTEM, PT_TOPIC_LOGIN,   PT_TOPIC_ARCHIVE,
                                     PT_TOPIC_NOTIFY, PT_TOPIC_MOTION,  PT_TOPIC_TAMPER,
                                     PT_TOPIC_SOUND,  PT_TOPIC_STORAGE, PT_TOPIC_REBOOT,
                                     PT_TOPIC_MODE,   PT_TOPIC_ALARM,   PT_TOPIC_NETWORK,
                                     PT_TOPIC_SHOW,   PT_TOPIC_PICTURE, NULL};

static void get_events(PtRequest *r, void *data) {
	PtHost *host = data;
	PtEventlogQuery query = {0};
	const char *limit = pt_request_query(r, "limit"), *cursor = pt_request_query(r, "before"),
	           *order = pt_request_query(r, "order");
	guint64 n = 200;
	g_autoptr(GError) error = NULL;
	if (!pt_api_time(r, "since", 0, &query.since_ns) || !pt_api_time(r, "until", 0, &query.until_ns) ||
	    !pt_api_time(r, "told", 0, &query.told_ns))
		return;
	if (limit && !g_ascii_string_to_unsigned(limit, 10, 1, 10000, &n, NULL)) {
		pt_request_fail(r, 400, "limit: '%s' is not a number from 1 to 10000", limit);
		return;
	}
	if (cursor && !pt_event_id_parse(cursor, &query.before_id, &error)) {
		pt_request_fail(r, 400, "before: %s", error->message);
		return;
	}
	const char *topic = pt_request_query(r, "topic");
	if (topic && !g_strv_contains(topics, topic)) {
		g_autofree char *known = g_strjoinv(", ", (char **)topics);
		pt_request_fail(r, 400, "topic: '%s' is not one of %s", topic, known);
		return;
	}
	if (order && strcmp(order, "newest") && strcmp(order, "oldest")) {
		pt_request_fail(r, 400, "order: '%s' is not one of newest, oldest", order);
		return;
	}
	if (!host->log) {
		pt_request_fail(r, 503, "the event log could not be opened");
		return;
	}
	Query *q = g_new0(Query, 1);
	q->host = host;
	q->request = pt_request_ref(r);
	q->site = pt_site_ref(host->site(host->user));
	q->topic = g_strdup(topic);
	q->source = g_strdup(pt_request_query(r, "source"));
	q->json = g_string_new(NULL);
	q->query = query;
	q->query.limit = (unsigned)n;
	q->query.topic = q->topic;
	q->query.source = q->source;
	q->query.oldest_first = order && !strcmp(order, "oldest");
	g_autoptr(GTask) task = g_task_new(NULL, NULL, query_done, NULL);
	g_task_set_task_data(task, q, query_free);
	g_task_run_in_thread(task, query_in_thread);
}

/* ---- WebSocket /api/bus ---- */

typedef struct {
	PtHost *host;
	PtSocket *socket;
	PtBusSubscription *subscription;
	char **cameras;
	uint64_t skipped;
} Listener;

static void on_event(PtEvent *event, void *data) {
	Listener *l = data;
	if (!may_see_event(l->cameras, l->host->site(l->host->user), event))
		return;
	if (pt_socket_backlog(l->socket) > BACKLOG_MAX) {
		l->skipped++;
		return;
	}
	g_autoptr(GString) json = g_string_new(NULL);
	if (l->skipped) {
		g_autofree char *note = g_strdup_printf("{\"skipped\":%" G_GUINT64_FORMAT "}", l->skipped);
		pt_socket_send_text(l->socket, note);
		l->skipped = 0;
	}
	pt_event_to_json(event, json);
	pt_socket_send_text(l->socket, json->str);
}

static void bus_opened(PtSocket *socket, void *data) {
	Listener *l = data;
	l->socket = socket;
	l->subscription = pt_bus_subscribe_queued(l->host->bus, NULL, NULL, G_PRIORITY_DEFAULT, BUS_QUEUE, on_event, l);
}

static void bus_closed(PtSocket *socket, void *data) {
	Listener *l = data;
	pt_bus_unsubscribe(l->subscription);
	g_strfreev(l->cameras);
	g_free(l);
}

static void get_bus(PtRequest *r, void *data) {
	static const PtSocketOps ops = {.opened = bus_opened, .closed = bus_closed};
	Listener *l = g_new0(Listener, 1);
	l->host = data;
	l->cameras = g_strdupv(pt_request_caller(r)->cameras);
	if (!pt_request_upgrade(r, &ops, l)) {
		g_strfreev(l->cameras);
		g_free(l);
	}
}

void pt_api_add_events(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/events", PT_ROLE_VIEWER, get_events, host);
	pt_server_route(host->server, "GET", "/api/bus", PT_ROLE_VIEWER, get_bus, host);
}
