/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/client-internal.h"
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OUT_MAX 10000 /* messages of pt_mqtt_publish() that wait for the thread */
#define IN_MAX 10000  /* messages that wait for the main thread */
#define EDGE_PRIORITY G_PRIORITY_HIGH

typedef struct {
	unsigned id;
	char *pattern; /* NULL: it watches the connection */
	PtMqttMessageFn message;
	PtMqttStateFn state;
	void *user;
} Listener;

static PtMqtt *the_client;

void pt_mqtt_op_free(void *data) {
	PtMqttOp *op = data;
	g_free(op->topic);
	g_free(op->payload);
	g_free(op);
}

void pt_mqtt_in_free(void *data) {
	PtMqttIn *in = data;
	g_free(in->topic);
	g_free(in->payload);
	g_free(in);
}

static void listener_free(void *data) {
	Listener *l = data;
	g_free(l->pattern);
	g_free(l);
}

char *pt_mqtt_level(const char *text) { return g_strdelimit(g_strdup(text), "+#/", '_'); }

/* ---- to the main thread ---- */

static gboolean deliver(gpointer data) {
	PtMqtt *c = data;
	GQueue got = G_QUEUE_INIT;
	g_mutex_lock(&c->lock);
	got = c->in;
	g_queue_init(&c->in);
	g_clear_pointer(&c->arrival, g_source_unref);
	g_mutex_unlock(&c->lock);
	PtMqttIn *in;
	while ((in = g_queue_pop_head(&got))) {
		if (!in->topic) {
			c->known_connected = in->connected;
			g_free(c->known_why);
			c->known_why = g_strdup(in->payload);
		}
		for (guint i = c->listeners->len; i-- > 0;) { /* from behind: the one that is called may go meanwhile */
			Listener l = *(Listener *)c->listeners->pdata[i];
			if (!in->topic && l.state)
				l.state(l.user, in->connected, in->payload);
			else if (in->topic && l.message && pt_mqtt_matches(l.pattern, in->topic))
				l.message(l.user,
				          &(PtMqttMessage){in->topic, in->payload, in->size, in->mono_ns, in->retained});
		}
		pt_mqtt_in_free(in);
	}
	return G_SOURCE_REMOVE;
}

void pt_mqtt_hand_over(PtMqtt *c, PtMqttIn *in) {
	g_mutex_lock(&c->lock);
	if (in->topic && c->in.length >= IN_MAX) {
		c->counters.dropped++;
		g_mutex_unlock(&c->lock);
		pt_mqtt_in_free(in);
		return;
	}
	c->counters.received += in->topic != NULL;
	g_queue_push_tail(&c->in, in);
	if (!c->arrival) {
		c->arrival = g_idle_source_new();
		g_source_set_priority(c->arrival, EDGE_PRIORITY);
		g_source_set_callback(c->arrival, deliver, c, NULL);
		g_source_attach(c->arrival, c->context);
	}
	g_mutex_unlock(&c->lock);
}

void pt_mqtt_tell_state(PtMqtt *c, bool connected, const char *why) {
	g_mutex_lock(&c->lock);
	c->counters.connected = connected;
	c->counters.version = c->version;
	g_strlcpy(c->counters.why, why ? why : "", sizeof c->counters.why);
	g_mutex_unlock(&c->lock);
	PtMqttIn *in = g_new0(PtMqttIn, 1);
	*in = (PtMqttIn){.connected = connected, .payload = g_strdup(why)};
	pt_mqtt_hand_over(c, in);
}

/* ---- from outside ---- */

static void put_op(PtMqtt *c, PtMqttOp *op) {
	uint64_t one = 1;
	g_mutex_lock(&c->lock);
	g_queue_push_tail(&c->ops, op);
	c->n_out += op->kind == OP_PUBLISH;
	g_mutex_unlock(&c->lock);
	if (write(c->wake, &one, sizeof one) < 0)
		g_warning("mqtt: waking the thread: %s", g_strerror(errno));
}

static PtMqttOp *op_new(PtMqttOpKind kind, uint64_t id, const char *topic, const char *payload, bool retain) {
	PtMqttOp *op = g_new0(PtMqttOp, 1);
	*op = (PtMqttOp){kind, id, g_strdup(topic), g_strdup(payload), payload ? strlen(payload) : 0, retain, false};
	return op;
}

PtMqtt *pt_mqtt_new(const PtMqttSettings *s, GMainContext *context, GError **error) {
	PtMqttQueue *queue = pt_mqtt_queue_open(s->queue_path, error);
	if (!queue)
		return NULL;
	pt_mqtt_library(true);
	PtMqtt *c = g_new0(PtMqtt, 1);
	c->settings = (PtMqttSettings){.host = g_strdup(s->host),
	                               .port = s->port,
	                               .tls = s->tls,
	                               .ca = g_strdup(s->ca),
	                               .user = g_strdup(s->user),
	                               .password = g_strdup(s->password),
	                               .client_id = g_strdup(s->client_id),
	                               .version = s->version,
	                               .status_topic = g_strdup(s->status_topic)};
	c->version = s->version ? s->version : 5;
	c->context = g_main_context_ref(context ? context : g_main_context_default());
	c->listeners = g_ptr_array_new_with_free_func(listener_free);
	c->next_id = 1;
	g_mutex_init(&c->lock);
	g_queue_init(&c->ops);
	g_queue_init(&c->in);
	c->queue = queue;
	c->found_id = pt_mqtt_queue_last_id(queue);
	c->counters.waiting = pt_mqtt_queue_length(queue);
	c->patterns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	c->under_way = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	c->bulks = g_hash_table_new(NULL, NULL);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->thread = g_thread_new("pt-mqtt", pt_mqtt_run, c);
	the_client = c;
	return c;
}

PtMqtt *pt_mqtt_get(void) { return the_client; }

void pt_mqtt_free(PtMqtt *c) {
	uint64_t one = 1;
	if (!c)
		return;
	if (the_client == c)
		the_client = NULL;
	g_atomic_int_set(&c->stop, 1);
	if (write(c->wake, &one, sizeof one) < 0)
		g_warning("mqtt: waking the thread: %s", g_strerror(errno));
	g_thread_join(c->thread);
	close(c->wake);
	if (c->arrival) {
		g_source_destroy(c->arrival);
		g_source_unref(c->arrival);
	}
	g_queue_clear_full(&c->in, pt_mqtt_in_free);
	g_queue_clear_full(&c->ops, pt_mqtt_op_free);
	pt_mqtt_queue_free(c->queue);
	g_hash_table_unref(c->patterns);
	g_hash_table_unref(c->under_way);
	g_hash_table_unref(c->bulks);
	g_ptr_array_unref(c->listeners);
	g_free(c->known_why);
	char *strings[] = {c->settings.host,     c->settings.ca,        c->settings.user,
	                   c->settings.password, c->settings.client_id, c->settings.status_topic};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_main_context_unref(c->context);
	g_mutex_clear(&c->lock);
	g_free(c);
	pt_mqtt_library(false);
}

static unsigned listen_for(PtMqtt *c, const char *pattern, PtMqttMessageFn message, PtMqttStateFn state, void *user) {
	Listener *l = g_new0(Listener, 1);
	*l = (Listener){c->next_id++, g_strdup(pattern), message, state, user};
	g_ptr_array_add(c->listeners, l);
	return l->id;
}

unsigned pt_mqtt_subscribe(PtMqtt *c, const char *pattern, PtMqttMessageFn fn, void *user) {
	if (!c)
		return 0;
	unsigned id = listen_for(c, pattern, fn, NULL, user);
	put_op(c, op_new(OP_SUBSCRIBE, 0, pattern, NULL, false));
	return id;
}

unsigned pt_mqtt_watch(PtMqtt *c, PtMqttStateFn fn, void *user) {
	if (!c) {
		fn(user, false, "the site file names no broker (mqtt: { broker: … })");
		return 0;
	}
	unsigned id = listen_for(c, NULL, NULL, fn, user);
	fn(user, c->known_connected, c->known_why ? c->known_why : "it is being connected");
	return id;
}

static void stop_listening(PtMqtt *c, unsigned id) {
	for (guint i = 0; c && i < c->listeners->len; i++) {
		Listener *l = c->listeners->pdata[i];
		if (l->id != id)
			continue;
		if (l->pattern)
			put_op(c, op_new(OP_UNSUBSCRIBE, 0, l->pattern, NULL, false));
		g_ptr_array_remove_index(c->listeners, i);
		return;
	}
}

void pt_mqtt_unsubscribe(PtMqtt *c, unsigned id) { stop_listening(c, id); }
void pt_mqtt_unwatch(PtMqtt *c, unsigned id) { stop_listening(c, id); }

bool pt_mqtt_publish(PtMqtt *c, const char *topic, const char *payload, bool retain) {
	if (!c)
		return false;
	g_mutex_lock(&c->lock);
	bool can = c->counters.connected && c->n_out < OUT_MAX;
	g_mutex_unlock(&c->lock);
	if (can)
		put_op(c, op_new(OP_PUBLISH, 0, topic, payload, retain));
	return can;
}

bool pt_mqtt_publish_bulk(PtMqtt *c, const char *topic, const void *data, size_t size, bool retain) {
	if (!c)
		return false;
	g_mutex_lock(&c->lock);
	bool can = c->counters.connected && c->bulk + size <= PT_MQTT_BULK_MAX;
	c->bulk += can ? size : 0;
	c->counters.dropped += c->counters.connected && !can;
	g_mutex_unlock(&c->lock);
	if (!can)
		return false;
	PtMqttOp *op = op_new(OP_PUBLISH, 0, topic, NULL, retain);
	op->payload = g_memdup2(data, size);
	op->size = size;
	op->bulk = true;
	put_op(c, op);
	return true;
}

void pt_mqtt_bulk_done(PtMqtt *c, size_t size) {
	g_mutex_lock(&c->lock);
	c->bulk -= size;
	g_mutex_unlock(&c->lock);
}

void pt_mqtt_queue(PtMqtt *c, uint64_t id, const char *topic, const char *payload) {
	if (c)
		put_op(c, op_new(OP_QUEUE, id, topic, payload, false));
}

uint64_t pt_mqtt_last_id(PtMqtt *c) { return c ? c->found_id : 0; }

void pt_mqtt_counters(PtMqtt *c, PtMqttCounters *ret) {
	*ret = (PtMqttCounters){0};
	if (!c)
		return;
	g_mutex_lock(&c->lock);
	*ret = c->counters;
	ret->dropped += c->queue_dropped;
	g_mutex_unlock(&c->lock);
}
