/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mqtt.h"
#include "base/error.h"
#include "base/json.h"
#include "base/units.h"
#include "daemon/home-assistant.h"
#include "daemon/mqtt-alarm.h"
#include "daemon/mqtt-pictures.h"
#include "web/host.h"
#include <json-glib/json-glib.h>
#include <string.h>

#define MISSED_MAX 100000 /* events of the log that are queued after an unclean end */
#define ACTOR "mqtt"

struct PtMqttSite {
	PtMqttSiteEnv env;
	PtMqtt *client;
	PtSite *site;
	char *prefix;
	PtBusSubscription *heard;
	PtMqttAlarm *alarm;              /* NULL: not yet */
	PtMqttPictures *pictures;        /* NULL: not yet */
	unsigned commands, found, watch; /* subscriptions; 0: none */
	GHashTable *announced;           /* topics that are to be there: of char * */

	GMutex lock;
	GHashTable *states; /* under lock: topic -> what was said last */
};

/* ---- out: events and states; on whatever thread publishes ---- */

static void queue_event(PtMqttSite *m, const PtEvent *event) {
	g_autoptr(GString) json = g_string_new(NULL);
	g_auto(GStrv) levels = g_strsplit(event->source, "/", 2);
	g_autoptr(GString) topic = g_string_new(m->prefix);
	g_string_append_printf(topic, "/event/%s", event->topic);
	for (char **l = levels; *l; l++) {
		g_autofree char *level = pt_mqtt_level(*l);
		g_string_append_printf(topic, "/%s", level);
	}
	pt_event_to_json(event, json);
	pt_mqtt_queue(m->client, event->id, topic->str, json->str);
}

/* Where the state of what an event tells of stands; NULL: nowhere. */
static char *state_topic(const PtMqttSite *m, const PtEvent *event) {
	static const struct {
		const char *topic, *kind, *leaf;
	} table[] = {{PT_TOPIC_INPUT, "input", "state"},
	             {PT_TOPIC_RELAY, "relay", "state"},
	             {PT_TOPIC_STREAM, "camera", "state"},
	             {PT_TOPIC_MOTION, "camera", "motion"}};
	if (!strcmp(event->topic, PT_TOPIC_MODE))
		return g_strdup_printf("%s/mode/state", m->prefix);
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		const char *name = strcmp(event->topic, table[i].topic) ? NULL : pt_event_name(event, table[i].kind);
		if (name)
			return g_strdup_printf("%s/%s/%s/%s", m->prefix, table[i].kind, name, table[i].leaf);
	}
	return NULL;
}

static void on_event(PtEvent *event, void *data) {
	PtMqttSite *m = data;
	queue_event(m, event);
	char *topic = event->past ? NULL : state_topic(m, event);
	if (!topic)
		return;
	g_mutex_lock(&m->lock);
	pt_mqtt_publish(m->client, topic, event->state, true);
	g_hash_table_replace(m->states, topic, g_strdup(event->state));
	g_mutex_unlock(&m->lock);
}

/* ---- connected: how everything stands ---- */

static void say_states(PtMqttSite *m) {
	GHashTableIter i;
	gpointer topic, state;
	g_mutex_lock(&m->lock);
	g_hash_table_iter_init(&i, m->states);
	while (g_hash_table_iter_next(&i, &topic, &state))
		pt_mqtt_publish(m->client, topic, state, true);
	g_mutex_unlock(&m->lock);
}

static void announce(PtMqttSite *m) {
	g_hash_table_remove_all(m->announced);
	if (!m->site->mqtt || !m->site->mqtt->home_assistant)
		return;
	g_autoptr(GPtrArray) list = pt_home_assistant_announce(m->site, PT_VERSION);
	for (guint i = 0; i < list->len; i++) {
		const PtAnnouncement *a = list->pdata[i];
		g_hash_table_add(m->announced, g_strdup(a->topic));
		pt_mqtt_publish(m->client, a->topic, a->payload, true);
	}
}

/* The broker remembers what was announced once; what is no more, goes, a picture with its camera. */
static void on_announced(void *user, const PtMqttMessage *message) {
	PtMqttSite *m = user;
	if (!message->size || g_hash_table_contains(m->announced, message->topic))
		return;
	pt_mqtt_publish(m->client, message->topic, "", true);
	g_autofree char *dir = g_path_get_dirname(message->topic), *object = g_path_get_basename(dir);
	if (!g_str_has_prefix(object, PT_HOME_ASSISTANT_PICTURE))
		return;
	g_autofree char *picture = pt_mqtt_picture_topic(m->prefix, object + strlen(PT_HOME_ASSISTANT_PICTURE));
	pt_mqtt_publish(m->client, picture, "", true);
}

static void on_connection(void *user, bool connected, const char *why) {
	PtMqttSite *m = user;
	if (!connected)
		return;
	announce(m);
	say_states(m);
	pt_mqtt_alarm_tell(m->alarm);
}

/* ---- in: orders ---- */

static void refuse(PtMqttSite *m, const char *relay, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void refuse(PtMqttSite *m, const char *relay, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *source = g_strconcat("relay/", relay, NULL);
	g_autoptr(PtEvent) event = pt_event_now(m->env.clock, source, PT_TOPIC_COMMAND, "refused", ACTOR, text);
	pt_bus_publish(m->env.bus, event);
}

typedef struct {
	PtRelayOrder order;
	int64_t for_ns;
	int64_t at_ns; /* wall time at which it was given; 0: not said */
} Order;

static bool order_of(const char *word, PtRelayOrder *ret) {
	for (int i = 0; word && pt_relay_order_words[i]; i++)
		if (!g_ascii_strcasecmp(word, pt_relay_order_words[i])) {
			*ret = (PtRelayOrder)i;
			return true;
		}
	return false;
}

static const char *text_member(JsonObject *o, const char *name) {
	JsonNode *n = json_object_get_member(o, name);
	bool text = n && JSON_NODE_HOLDS_VALUE(n) && json_node_get_value_type(n) == G_TYPE_STRING;
	return text ? json_node_get_string(n) : NULL;
}

/* What is said and not understood may be what ends it, or how old it is: nothing of an order is passed over. */
static char *find_unknown(JsonObject *o) {
	static const char *const known[] = {"state", "for", "at", NULL};
	g_autoptr(GList) members = json_object_get_members(o);
	for (GList *m = members; m; m = m->next) {
		if (!g_strv_contains(known, m->data))
			return g_strdup_printf("'%.40s' is none of state, for and at", (const char *)m->data);
		if (!text_member(o, m->data))
			return g_strdup_printf(
			    "%s is no text: write it in quotes, such as {\"state\": \"on\", \"for\": \"2min\"}",
			    (const char *)m->data);
	}
	return NULL;
}

/* "ON", or {"state": "on", "for": "2min", "at": "2026-…Z"}. NULL, or what is wrong with it; caller frees. */
static char *read_order(const PtMqttMessage *message, Order *ret) {
	*ret = (Order){0};
	if (memchr(message->payload, 0, message->size) || !g_utf8_validate(message->payload, (gssize)message->size, NULL))
		return g_strdup("it is no text");
	if (order_of(message->payload, &ret->order))
		return NULL;
	g_autoptr(JsonParser) parser = json_parser_new();
	if (message->payload[0] != '{' || !pt_json_is_shallow(message->payload, message->size, 8) ||
	    !json_parser_load_from_data(parser, message->payload, (gssize)message->size, NULL) ||
	    !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)))
		return g_strdup_printf(
		    "'%.40s' is not understood: ON, OFF, PULSE, or {\"state\": \"on\", \"for\": \"2min\"}",
		    message->payload);
	JsonObject *o = json_node_get_object(json_parser_get_root(parser));
	const char *span = text_member(o, "for"), *at = text_member(o, "at");
	g_autoptr(GError) error = NULL;
	char *unknown = find_unknown(o);
	if (unknown)
		return unknown;
	if (!order_of(text_member(o, "state"), &ret->order))
		return g_strdup("state is none of on, off and pulse");
	if (span && !pt_units_parse_duration(span, &ret->for_ns, &error))
		return g_strdup_printf("for: %s", error->message);
	if (span && !ret->for_ns)
		return g_strdup("for: 0 is no time; to switch it off, the state is off");
	if (at && !pt_time_parse(at, &ret->at_ns, &error))
		return g_strdup_printf("at: %s", error->message);
	return NULL;
}

static void on_command(void *user, const PtMqttMessage *message) {
	PtMqttSite *m = user;
	g_autofree char *start = g_strconcat(m->prefix, "/relay/", NULL), *name = g_strdup(message->topic + strlen(start));
	*strrchr(name, '/') = 0;
	PtRelay *relay = pt_plugs_relay(m->env.plugs, name);
	Order order;
	if (!relay) {
		refuse(m, name, "an order over MQTT: there is no relay of this name");
		return;
	}
	if (message->retained) {
		refuse(m, name, "an order over MQTT that the broker had kept: nobody knows how old it is");
		return;
	}
	if (!pt_relay_takes_mqtt(pt_relay_settings(relay))) {
		refuse(m, name, "an order over MQTT to what is a %s, whose settings hold no allow: [mqtt]",
		       pt_relay_kind_words[pt_relay_settings(relay)->relay_kind]);
		return;
	}
	g_autofree char *wrong = read_order(message, &order);
	if (wrong) {
		refuse(m, name, "an order over MQTT: %s", wrong);
		return;
	}
	int64_t age = order.at_ns ? pt_wall_ns(m->env.clock) - order.at_ns : 0;
	if (age > PT_RELAY_STALE_NS) {
		refuse(m, name, "an order over MQTT that is too old: it was given %.0f s ago", (double)age / 1e9);
		return;
	}
	if (age < -PT_RELAY_STALE_NS) {
		refuse(m, name, "an order over MQTT that comes %.0f s before it was given: the two clocks differ",
		       (double)-age / 1e9);
		return;
	}
	/* what cannot be done is in the log: the relay sees to that */
	pt_relay_command(
	    relay,
	    &(PtRelayCommand){
	        .order = order.order, .for_ns = order.for_ns, .issued_ns = pt_mono_ns(m->env.clock), .actor = ACTOR},
	    NULL);
}

/* ---- life ---- */

/* Events that were logged, and did not come as far as the queue before the program ended. */
static void queue_missed(PtMqttSite *m) {
	uint64_t last = pt_mqtt_last_id(m->client);
	PtEventlogQuery query = {.before_id = last, .limit = 10000, .oldest_first = true};
	for (guint total = 0; last && total < MISSED_MAX;) {
		g_autoptr(GPtrArray) events = pt_eventlog_query(m->env.log, &query, NULL);
		if (!events || !events->len)
			return;
		for (guint i = 0; i < events->len; i++) {
			const PtEvent *event = events->pdata[i];
			queue_event(m, event);
			query.before_id = event->id;
		}
		total += events->len;
	}
}

PtMqttSite *pt_mqtt_site_new(const PtMqttSiteEnv *env, const PtSite *site, GError **error) {
	const PtSiteMqtt *s = site->mqtt;
	PtMqttSite *m = g_new0(PtMqttSite, 1);
	m->env = *env;
	m->prefix = g_strdup(s->prefix);
	m->announced = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	m->states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_mutex_init(&m->lock);
	g_autofree char *status = g_strconcat(s->prefix, "/status", NULL);
	g_autofree char *queue = g_build_filename(site->archive_state, "mqtt.db", NULL);
	m->client = pt_mqtt_new(&(PtMqttSettings){.host = s->host,
	                                          .port = s->port,
	                                          .tls = s->tls,
	                                          .ca = s->ca,
	                                          .user = s->login ? s->login->user : NULL,
	                                          .password = s->login ? s->login->password : NULL,
	                                          .client_id = s->client_id,
	                                          .version = s->version,
	                                          .status_topic = status,
	                                          .queue_path = queue},
	                        NULL, error);
	if (!m->client) {
		pt_mqtt_site_free(m);
		return NULL;
	}
	queue_missed(m);
	m->heard = pt_bus_subscribe_direct(env->bus, NULL, on_event, m);
	return m;
}

/* What is no more of the site leaves nothing at the broker. */
static void forget_gone(PtMqttSite *m, const PtSite *site) {
	GHashTableIter i;
	gpointer topic;
	g_mutex_lock(&m->lock);
	g_hash_table_iter_init(&i, m->states);
	while (g_hash_table_iter_next(&i, &topic, NULL)) {
		g_auto(GStrv) levels = g_strsplit((char *)topic + strlen(m->prefix) + 1, "/", 3);
		bool stays = g_strv_length(levels) < 3 || (!strcmp(levels[0], "input") && pt_site_input(site, levels[1])) ||
		             (!strcmp(levels[0], "relay") && pt_site_relay(site, levels[1])) ||
		             (!strcmp(levels[0], "camera") && pt_site_camera(site, levels[1]));
		if (stays)
			continue;
		pt_mqtt_publish(m->client, topic, "", true);
		g_hash_table_iter_remove(&i);
	}
	g_mutex_unlock(&m->lock);
}

void pt_mqtt_site_apply(PtMqttSite *m, PtSite *site) {
	PtSite *old = m->site;
	m->site = pt_site_ref(site);
	pt_site_unref(old);
	forget_gone(m, site);
	if (!m->commands) {
		m->alarm = pt_mqtt_alarm_new(&(PtMqttAlarmEnv){m->env.clock, m->env.bus, m->env.desk}, m->client, m->prefix);
		m->pictures = pt_mqtt_pictures_new(m->env.bus, m->env.cameras, m->client, m->prefix);
		g_autofree char *commands = g_strconcat(m->prefix, "/relay/+/set", NULL);
		m->commands = pt_mqtt_subscribe(m->client, commands, on_command, m);
		m->watch = pt_mqtt_watch(m->client, on_connection, m);
	} else {
		announce(m);
	}
	pt_mqtt_alarm_apply(m->alarm, site);
	pt_mqtt_pictures_apply(m->pictures, site);
	pt_mqtt_unsubscribe(m->client, m->found); /* asked anew, all that the broker remembers comes again */
	m->found = 0;
	if (site->mqtt && site->mqtt->home_assistant) {
		g_autofree char *node = g_strdelimit(g_strdup(m->prefix), "/", '_');
		g_autofree char *pattern = g_strdup_printf("%s/+/%s/+/config", site->mqtt->home_assistant, node);
		m->found = pt_mqtt_subscribe(m->client, pattern, on_announced, m);
	}
}

void pt_mqtt_site_describe(PtMqttSite *m, JsonBuilder *b) {
	PtMqttCounters n;
	if (!m)
		return;
	uint64_t pictures, failed;
	pt_mqtt_counters(m->client, &n);
	pt_mqtt_pictures_counters(m->pictures, &pictures, &failed);
	pt_json_object(b, "mqtt");
	pt_json_bool(b, "connected", n.connected);
	pt_json_text(b, "version", !n.connected ? NULL : n.version == 5 ? "5" : "3.1.1");
	pt_json_text(b, "error", n.connected || !n.why[0] ? NULL : n.why);
	pt_json_int(b, "waiting", n.waiting);
	pt_json_int(b, "sent", (int64_t)n.sent);
	pt_json_int(b, "received", (int64_t)n.received);
	pt_json_int(b, "dropped", (int64_t)(n.dropped + n.too_large));
	pt_json_int(b, "refused", (int64_t)n.refused);
	pt_json_int(b, "pictures", (int64_t)pictures);
	pt_json_int(b, "pictures_failed", (int64_t)failed);
	json_builder_end_object(b);
}

void pt_mqtt_site_stop(PtMqttSite *m) {
	if (!m)
		return;
	g_clear_pointer(&m->alarm, pt_mqtt_alarm_free);
	g_clear_pointer(&m->pictures, pt_mqtt_pictures_free);
	pt_mqtt_unsubscribe(m->client, m->commands);
	pt_mqtt_unsubscribe(m->client, m->found);
	pt_mqtt_unwatch(m->client, m->watch);
}

void pt_mqtt_site_free(PtMqttSite *m) {
	if (!m)
		return;
	pt_bus_unsubscribe(m->heard);
	pt_mqtt_free(m->client);
	pt_site_unref(m->site);
	g_hash_table_unref(m->announced);
	g_hash_table_unref(m->states);
	g_mutex_clear(&m->lock);
	g_free(m->prefix);
	g_free(m);
}
