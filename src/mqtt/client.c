/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/client.h"
#include "base/clock.h"
#include "base/error.h"
#include "mqtt/queue.h"
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define KEEPALIVE_S 20
#define WINDOW 100   /* queued messages under way at a time */
#define TICK_MS 1000 /* libmosquitto's own housekeeping */
#define CONNECT_S 15 /* from the call to the broker's answer */
#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 30000
#define OUT_MAX 10000 /* messages of pt_mqtt_publish() that wait for the thread */
#define IN_MAX 10000  /* messages that wait for the main thread */
#define EDGE_PRIORITY G_PRIORITY_HIGH
#define FAREWELL_MS 1000

typedef enum { OP_PUBLISH, OP_QUEUE, OP_SUBSCRIBE, OP_UNSUBSCRIBE } OpKind;
typedef struct {
	OpKind kind;
	uint64_t id;
	char *topic, *payload;
	bool retain;
} Op;

typedef struct {
	char *topic, *payload; /* topic NULL: the connection's state has changed, payload says why */
	size_t size;
	int64_t mono_ns;
	bool retained, connected;
} In;

typedef struct {
	unsigned id;
	char *pattern; /* NULL: it watches the connection */
	PtMqttMessageFn message;
	PtMqttStateFn state;
	void *user;
} Listener;

struct PtMqtt {
	PtMqttSettings settings;
	GMainContext *context;
	GThread *thread;
	int wake; /* eventfd: there is something in ops, or it is to stop */
	int stop; /* atomic */

	/* context's thread */
	GPtrArray *listeners;
	unsigned next_id;
	bool known_connected;
	char *known_why;

	GMutex lock;
	GQueue ops;              /* of Op, under lock */
	unsigned n_out;          /* of them OP_PUBLISH */
	GQueue in;               /* of In, under lock */
	GSource *arrival;        /* under lock; NULL: none is on its way */
	PtMqttCounters counters; /* under lock */
	uint64_t queue_dropped;  /* under lock */
	uint64_t found_id;

	/* own thread */
	PtMqttQueue *queue;
	struct mosquitto *m;
	GHashTable *patterns;  /* of char * -> number of listeners */
	GHashTable *under_way; /* mid -> row */
	int64_t last_row;      /* handed to the broker */
	bool connected, refused;
	int answer;  /* of the broker's refusal */
	int version; /* 5 or 311 */
};

static PtMqtt *the_client;

static void op_free(void *data) {
	Op *op = data;
	g_free(op->topic);
	g_free(op->payload);
	g_free(op);
}

static void in_free(void *data) {
	In *in = data;
	g_free(in->topic);
	g_free(in->payload);
	g_free(in);
}

static void listener_free(void *data) {
	Listener *l = data;
	g_free(l->pattern);
	g_free(l);
}

bool pt_mqtt_matches(const char *pattern, const char *topic) {
	bool result = false;
	return mosquitto_topic_matches_sub(pattern, topic, &result) == MOSQ_ERR_SUCCESS && result;
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
	In *in;
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
		in_free(in);
	}
	return G_SOURCE_REMOVE;
}

static void hand_over(PtMqtt *c, In *in) {
	g_mutex_lock(&c->lock);
	if (in->topic && c->in.length >= IN_MAX) {
		c->counters.dropped++;
		g_mutex_unlock(&c->lock);
		in_free(in);
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

static void tell_state(PtMqtt *c, bool connected, const char *why) {
	g_mutex_lock(&c->lock);
	c->counters.connected = connected;
	c->counters.version = c->version;
	g_strlcpy(c->counters.why, why ? why : "", sizeof c->counters.why);
	g_mutex_unlock(&c->lock);
	In *in = g_new0(In, 1);
	*in = (In){.connected = connected, .payload = g_strdup(why)};
	hand_over(c, in);
}

/* ---- libmosquitto's callbacks: on our own thread, out of its loop functions ---- */

static void on_connect(struct mosquitto *m, void *user, int code, int flags, const mosquitto_property *properties) {
	PtMqtt *c = user;
	if (code) {
		c->refused = true;
		c->answer = code;
		return;
	}
	c->connected = true;
	mosquitto_publish(m, NULL, c->settings.status_topic, 6, "online", 1, true);
	GHashTableIter i;
	gpointer pattern;
	g_hash_table_iter_init(&i, c->patterns);
	while (g_hash_table_iter_next(&i, &pattern, NULL))
		mosquitto_subscribe(m, NULL, pattern, 0);
	tell_state(c, true, NULL);
}

static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *message) {
	PtMqtt *c = user;
	if (message->payloadlen < 0 || message->payloadlen > PT_MQTT_PAYLOAD_MAX) {
		g_mutex_lock(&c->lock);
		c->counters.too_large++;
		g_mutex_unlock(&c->lock);
		return;
	}
	In *in = g_new0(In, 1);
	in->topic = g_strdup(message->topic);
	in->size = (size_t)message->payloadlen;
	in->payload = g_malloc(in->size + 1);
	if (in->size)
		memcpy(in->payload, message->payload, in->size);
	in->payload[in->size] = 0;
	in->mono_ns = pt_mono_ns(pt_clock_system());
	in->retained = message->retain;
	hand_over(c, in);
}

/* The broker has it. */
static void on_publish(struct mosquitto *m, void *user, int mid) {
	PtMqtt *c = user;
	int64_t *row = g_hash_table_lookup(c->under_way, GINT_TO_POINTER(mid));
	if (!row)
		return;
	pt_mqtt_queue_done(c->queue, *row);
	g_hash_table_remove(c->under_way, GINT_TO_POINTER(mid));
	g_mutex_lock(&c->lock);
	c->counters.sent++;
	g_mutex_unlock(&c->lock);
}

/* ---- the thread ---- */

static void pattern_changes(PtMqtt *c, const char *pattern, bool more) {
	int n = GPOINTER_TO_INT(g_hash_table_lookup(c->patterns, pattern)) + (more ? 1 : -1);
	if (n > 0)
		g_hash_table_insert(c->patterns, g_strdup(pattern), GINT_TO_POINTER(n));
	else
		g_hash_table_remove(c->patterns, pattern);
	if (!c->connected)
		return;
	if (more) /* also the second time: what is retained is wanted by the new one */
		mosquitto_subscribe(c->m, NULL, pattern, 0);
	else if (!n)
		mosquitto_unsubscribe(c->m, NULL, pattern);
}

static void take_ops(PtMqtt *c) {
	uint64_t drained;
	GQueue ops = G_QUEUE_INIT;
	if (read(c->wake, &drained, sizeof drained) < 0 && errno != EAGAIN)
		return;
	g_mutex_lock(&c->lock);
	ops = c->ops;
	g_queue_init(&c->ops);
	c->n_out = 0;
	g_mutex_unlock(&c->lock);
	Op *op;
	while ((op = g_queue_pop_head(&ops))) {
		switch (op->kind) {
		case OP_PUBLISH:
			if (c->connected)
				mosquitto_publish(c->m, NULL, op->topic, (int)strlen(op->payload), op->payload, 0,
				                  op->retain);
			break;
		case OP_QUEUE:
			pt_mqtt_queue_put(c->queue, op->id, op->topic, op->payload);
			break;
		case OP_SUBSCRIBE:
		case OP_UNSUBSCRIBE:
			pattern_changes(c, op->topic, op->kind == OP_SUBSCRIBE);
			break;
		}
		op_free(op);
	}
}

static void count_queue(PtMqtt *c, bool kept) {
	g_mutex_lock(&c->lock);
	c->counters.waiting = pt_mqtt_queue_length(c->queue);
	c->queue_dropped = pt_mqtt_queue_dropped(c->queue);
	c->counters.dropped += !kept;
	g_mutex_unlock(&c->lock);
}

/* Hands the broker what is next, as far as the window goes. */
static void feed(PtMqtt *c) {
	unsigned free = WINDOW - g_hash_table_size(c->under_way);
	if (!c->connected || free < WINDOW / 2 || !pt_mqtt_queue_length(c->queue))
		return;
	g_autoptr(GPtrArray) list = pt_mqtt_queue_after(c->queue, c->last_row, free);
	for (guint i = 0; i < list->len; i++) {
		const PtMqttQueued *q = list->pdata[i];
		int mid = 0;
		if (mosquitto_publish(c->m, &mid, q->topic, (int)strlen(q->payload), q->payload, 1, false) !=
		    MOSQ_ERR_SUCCESS)
			return;
		g_hash_table_insert(c->under_way, GINT_TO_POINTER(mid), g_memdup2(&q->row, sizeof q->row));
		c->last_row = q->row;
	}
}

/* One turn; what went wrong, or MOSQ_ERR_SUCCESS. */
static int turn(PtMqtt *c, int timeout_ms) {
	int fd = mosquitto_socket(c->m), r = MOSQ_ERR_SUCCESS;
	if (fd < 0)
		return MOSQ_ERR_CONN_LOST;
	struct pollfd fds[] = {{fd, (short)(POLLIN | (mosquitto_want_write(c->m) ? POLLOUT : 0)), 0}, {c->wake, POLLIN, 0}};
	poll(fds, 2, timeout_ms);
	pt_mqtt_queue_begin(c->queue);
	if (fds[1].revents)
		take_ops(c);
	if (fds[0].revents & (POLLIN | POLLERR | POLLHUP))
		r = mosquitto_loop_read(c->m, WINDOW);
	if (!r)
		feed(c);
	if (!r && (fds[0].revents & POLLOUT || mosquitto_want_write(c->m)))
		r = mosquitto_loop_write(c->m, 1);
	if (!r)
		r = mosquitto_loop_misc(c->m);
	count_queue(c, pt_mqtt_queue_commit(c->queue));
	return r;
}

static struct mosquitto *prepare(PtMqtt *c) {
	const PtMqttSettings *s = &c->settings;
	struct mosquitto *m = mosquitto_new(s->client_id, true, c);
	mosquitto_threaded_set(m, true); /* it is asked for by the asynchronous connect */
	mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, c->version == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
	mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, WINDOW);
	mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_connect_v5_callback_set(m, on_connect);
	mosquitto_message_callback_set(m, on_message);
	mosquitto_publish_callback_set(m, on_publish);
	mosquitto_will_set(m, s->status_topic, 7, "offline", 1, true);
	if (s->user)
		mosquitto_username_pw_set(m, s->user, s->password);
	if (s->tls)
		mosquitto_tls_set(m, s->ca, s->ca ? NULL : "/etc/ssl/certs", NULL, NULL, NULL);
	return m;
}

static const char *words_of(const PtMqtt *c, int r) {
	if (c->refused)
		return c->version == 5 ? mosquitto_reason_string(c->answer) : mosquitto_connack_string(c->answer);
	return r == MOSQ_ERR_ERRNO ? g_strerror(errno) : mosquitto_strerror(r);
}

static bool is_stopped(PtMqtt *c) { return g_atomic_int_get(&c->stop); }

static void say_farewell(PtMqtt *c) {
	int64_t end = g_get_monotonic_time() + FAREWELL_MS * 1000;
	mosquitto_publish(c->m, NULL, c->settings.status_topic, 7, "offline", 1, true);
	while (g_get_monotonic_time() < end && (g_hash_table_size(c->under_way) || mosquitto_want_write(c->m)))
		if (turn(c, 20))
			return;
	mosquitto_disconnect(c->m);
	mosquitto_loop_write(c->m, 1);
}

/* One connection from its beginning to its end; true when it stood. */
static bool serve(PtMqtt *c) {
	const PtMqttSettings *s = &c->settings;
	c->m = prepare(c);
	c->connected = c->refused = false;
	c->last_row = 0;
	int64_t by = g_get_monotonic_time() + CONNECT_S * G_USEC_PER_SEC;
	int r = mosquitto_connect_bind_async(c->m, s->host, s->port, KEEPALIVE_S, NULL);
	while (!r && !is_stopped(c) && !c->refused) {
		r = turn(c, TICK_MS);
		if (!r && !c->connected && g_get_monotonic_time() > by)
			r = MOSQ_ERR_KEEPALIVE;
	}
	bool stood = c->connected;
	if (!r && is_stopped(c) && c->connected)
		say_farewell(c);
	g_autofree char *why = g_strdup(words_of(c, r));
	c->connected = false;
	mosquitto_destroy(c->m);
	c->m = NULL;
	g_hash_table_remove_all(c->under_way);
	/* "unsupported protocol version", as each of the two says it */
	if (c->refused && !c->settings.version && c->version == 5 &&
	    (c->answer == CONNACK_REFUSED_PROTOCOL_VERSION || c->answer == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION)) {
		c->version = 311;
		return true; /* at once once more */
	}
	if (!is_stopped(c))
		tell_state(c, false, why);
	return stood;
}

/* What is to be sent later is written down meanwhile. */
static void pause_for(PtMqtt *c, unsigned ms) {
	int64_t until = g_get_monotonic_time() + ms * INT64_C(1000);
	while (!is_stopped(c)) {
		int64_t left = (until - g_get_monotonic_time()) / 1000;
		if (left <= 0)
			break;
		struct pollfd fd = {c->wake, POLLIN, 0};
		poll(&fd, 1, (int)left);
		pt_mqtt_queue_begin(c->queue);
		take_ops(c);
		count_queue(c, pt_mqtt_queue_commit(c->queue));
	}
}

static void *run(void *data) {
	PtMqtt *c = data;
	unsigned pause = PAUSE_MIN_MS;
	while (!is_stopped(c)) {
		bool stood = serve(c);
		pause = stood ? PAUSE_MIN_MS : MIN(pause * 2, PAUSE_MAX_MS);
		/* not all clients of a broker that comes back at once */
		pause_for(c, pause / 2 + g_random_int_range(0, (gint32)pause / 2 + 1));
	}
	pt_mqtt_queue_begin(c->queue);
	take_ops(c);
	pt_mqtt_queue_commit(c->queue);
	return NULL;
}

/* ---- from outside ---- */

static void put_op(PtMqtt *c, Op *op) {
	uint64_t one = 1;
	g_mutex_lock(&c->lock);
	g_queue_push_tail(&c->ops, op);
	c->n_out += op->kind == OP_PUBLISH;
	g_mutex_unlock(&c->lock);
	if (write(c->wake, &one, sizeof one) < 0)
		g_warning("mqtt: waking the thread: %s", g_strerror(errno));
}

static Op *op_new(OpKind kind, uint64_t id, const char *topic, const char *payload, bool retain) {
	Op *op = g_new0(Op, 1);
	*op = (Op){kind, id, g_strdup(topic), g_strdup(payload), retain};
	return op;
}

PtMqtt *pt_mqtt_new(const PtMqttSettings *s, GMainContext *context, GError **error) {
	PtMqttQueue *queue = pt_mqtt_queue_open(s->queue_path, error);
	if (!queue)
		return NULL;
	mosquitto_lib_init();
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
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->thread = g_thread_new("pt-mqtt", run, c);
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
	g_queue_clear_full(&c->in, in_free);
	g_queue_clear_full(&c->ops, op_free);
	pt_mqtt_queue_free(c->queue);
	g_hash_table_unref(c->patterns);
	g_hash_table_unref(c->under_way);
	g_ptr_array_unref(c->listeners);
	g_free(c->known_why);
	char *strings[] = {c->settings.host,     c->settings.ca,        c->settings.user,
	                   c->settings.password, c->settings.client_id, c->settings.status_topic};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_main_context_unref(c->context);
	g_mutex_clear(&c->lock);
	g_free(c);
	mosquitto_lib_cleanup();
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
