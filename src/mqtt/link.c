/* The thread that speaks with the broker; the only place that sees libmosquitto. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "mqtt/client-internal.h"
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEPALIVE_S 20
#define WINDOW 100      /* queued messages under way at a time */
#define TICK_MS 1000    /* libmosquitto's own housekeeping */
#define CONNECT_S 15    /* from the call to the broker's answer */
#define UNHEARD_MS 5000 /* what the broker's machine has not confirmed by then is lost: an order must not come later */
#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 30000
#define FAREWELL_MS 1000
#define REASON_FAILED 0x80 /* MQTT 5 §2.4: from here on */

bool pt_mqtt_matches(const char *pattern, const char *topic) {
	bool result = false;
	return mosquitto_topic_matches_sub(pattern, topic, &result) == MOSQ_ERR_SUCCESS && result;
}

void pt_mqtt_library(bool begin) {
	if (begin)
		mosquitto_lib_init();
	else
		mosquitto_lib_cleanup();
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
	unsigned unheard_ms = UNHEARD_MS; /* best effort: not all systems know it */
	setsockopt(mosquitto_socket(m), IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
	mosquitto_publish(m, NULL, c->settings.status_topic, 6, "online", 1, true);
	GHashTableIter i;
	gpointer pattern;
	g_hash_table_iter_init(&i, c->patterns);
	while (g_hash_table_iter_next(&i, &pattern, NULL))
		mosquitto_subscribe(m, NULL, pattern, 0);
	pt_mqtt_tell_state(c, true, NULL);
}

static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *message) {
	PtMqtt *c = user;
	if (message->payloadlen < 0 || message->payloadlen > PT_MQTT_PAYLOAD_MAX) {
		g_mutex_lock(&c->lock);
		c->counters.too_large++;
		g_mutex_unlock(&c->lock);
		return;
	}
	PtMqttIn *in = g_new0(PtMqttIn, 1);
	in->topic = g_strdup(message->topic);
	in->size = (size_t)message->payloadlen;
	in->payload = g_malloc(in->size + 1);
	if (in->size)
		memcpy(in->payload, message->payload, in->size);
	in->payload[in->size] = 0;
	in->mono_ns = pt_mono_ns(pt_clock_system());
	in->retained = message->retain;
	pt_mqtt_hand_over(c, in);
}

/* The broker has it, or says that it does not take it (its access list); of QoS 0: the socket has it. */
static void on_publish(struct mosquitto *m, void *user, int mid, int reason, const mosquitto_property *properties) {
	PtMqtt *c = user;
	gpointer size;
	if (g_hash_table_steal_extended(c->bulks, GINT_TO_POINTER(mid), NULL, &size)) {
		pt_mqtt_bulk_done(c, GPOINTER_TO_SIZE(size));
		return;
	}
	int64_t *row = g_hash_table_lookup(c->under_way, GINT_TO_POINTER(mid));
	if (!row)
		return;
	pt_mqtt_queue_done(c->queue, *row);
	g_hash_table_remove(c->under_way, GINT_TO_POINTER(mid));
	g_mutex_lock(&c->lock);
	*(reason < REASON_FAILED ? &c->counters.sent : &c->counters.refused) += 1;
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

static void publish(PtMqtt *c, const PtMqttOp *op) {
	int mid = 0;
	bool sent = c->connected &&
	            mosquitto_publish(c->m, &mid, op->topic, (int)op->size, op->payload, 0, op->retain) == MOSQ_ERR_SUCCESS;
	if (op->bulk && sent)
		g_hash_table_insert(c->bulks, GINT_TO_POINTER(mid), GSIZE_TO_POINTER(op->size));
	else if (op->bulk)
		pt_mqtt_bulk_done(c, op->size);
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
	PtMqttOp *op;
	while ((op = g_queue_pop_head(&ops))) {
		switch (op->kind) {
		case OP_PUBLISH:
			publish(c, op);
			break;
		case OP_QUEUE:
			pt_mqtt_queue_put(c->queue, op->id, op->topic, op->payload);
			break;
		case OP_SUBSCRIBE:
		case OP_UNSUBSCRIBE:
			pattern_changes(c, op->topic, op->kind == OP_SUBSCRIBE);
			break;
		}
		pt_mqtt_op_free(op);
	}
}

static void count_queue(PtMqtt *c, bool kept) {
	g_mutex_lock(&c->lock);
	c->counters.waiting = pt_mqtt_queue_length(c->queue);
	c->queue_dropped = pt_mqtt_queue_dropped(c->queue);
	c->counters.dropped += !kept;
	g_mutex_unlock(&c->lock);
}

/* It never will be: by its text, or by what the broker takes. The rest is about the connection. */
static bool is_for_good(int r) {
	return r == MOSQ_ERR_INVAL || r == MOSQ_ERR_PAYLOAD_SIZE || r == MOSQ_ERR_MALFORMED_UTF8 ||
	       r == MOSQ_ERR_OVERSIZE_PACKET;
}

static void drop(PtMqtt *c, int64_t row) {
	pt_mqtt_queue_done(c->queue, row);
	c->last_row = row;
	g_mutex_lock(&c->lock);
	c->counters.refused++;
	g_mutex_unlock(&c->lock);
}

/* Hands the broker what is next, as far as the window goes. What it cannot take holds up nothing behind it. */
static void feed(PtMqtt *c) {
	unsigned free = WINDOW - g_hash_table_size(c->under_way);
	if (!c->connected || free < WINDOW / 2 || !pt_mqtt_queue_length(c->queue))
		return;
	g_autoptr(GPtrArray) list = pt_mqtt_queue_after(c->queue, c->last_row, free);
	for (guint i = 0; i < list->len; i++) {
		const PtMqttQueued *q = list->pdata[i];
		int mid = 0, r = mosquitto_publish(c->m, &mid, q->topic, (int)strlen(q->payload), q->payload, 1, false);
		if (is_for_good(r)) {
			drop(c, q->row);
			continue;
		}
		if (r)
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
	mosquitto_publish_v5_callback_set(m, on_publish);
	mosquitto_will_set(m, s->status_topic, 7, "offline", 1, true);
	if (s->user)
		mosquitto_username_pw_set(m, s->user, s->password);
	return m;
}

/* False: nothing may be sent, since it would go unencrypted. */
static bool set_trust(PtMqtt *c) {
	const PtMqttSettings *s = &c->settings;
	return !s->tls ||
	       mosquitto_tls_set(c->m, s->ca, s->ca ? NULL : "/etc/ssl/certs", NULL, NULL, NULL) == MOSQ_ERR_SUCCESS;
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

static void lose_bulks(PtMqtt *c) {
	GHashTableIter i;
	gpointer size;
	g_hash_table_iter_init(&i, c->bulks);
	while (g_hash_table_iter_next(&i, NULL, &size))
		pt_mqtt_bulk_done(c, GPOINTER_TO_SIZE(size));
	g_hash_table_remove_all(c->bulks);
}

/* One connection from its beginning to its end; true when it stood. */
static bool serve(PtMqtt *c) {
	const PtMqttSettings *s = &c->settings;
	c->m = prepare(c);
	c->connected = c->refused = false;
	c->last_row = 0;
	int64_t by = g_get_monotonic_time() + CONNECT_S * G_USEC_PER_SEC;
	bool trusts = set_trust(c);
	int r = trusts ? mosquitto_connect_bind_async(c->m, s->host, s->port, KEEPALIVE_S, NULL) : MOSQ_ERR_TLS;
	while (!r && !is_stopped(c) && !c->refused) {
		r = turn(c, TICK_MS);
		if (!r && !c->connected && g_get_monotonic_time() > by)
			r = MOSQ_ERR_KEEPALIVE;
	}
	bool stood = c->connected;
	if (!r && is_stopped(c) && c->connected)
		say_farewell(c);
	g_autofree char *why =
	    trusts ? g_strdup(words_of(c, r))
	           : g_strdup_printf("the certificates by which to trust it (ca: %s) cannot be read", s->ca ? s->ca : "");
	c->connected = false;
	mosquitto_destroy(c->m);
	c->m = NULL;
	g_hash_table_remove_all(c->under_way);
	lose_bulks(c);
	/* "unsupported protocol version", as each of the two says it */
	if (c->refused && !c->settings.version && c->version == 5 &&
	    (c->answer == CONNACK_REFUSED_PROTOCOL_VERSION || c->answer == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION)) {
		c->version = 311;
		return true; /* at once once more */
	}
	if (!is_stopped(c))
		pt_mqtt_tell_state(c, false, why);
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

void *pt_mqtt_run(void *data) {
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
