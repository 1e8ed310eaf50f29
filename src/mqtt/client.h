/* The one connection to the site's MQTT broker: MQTT 5, or 3.1.1 where the broker knows no better. A thread of its own talks
 * to the broker, so that nobody waits for it; what comes in is handed over on the main context, at the priority of edges.
 *
 * Messages go two ways. pt_mqtt_queue(): written to disk first and sent at least once (QoS 1), in their order, however long
 * the broker is away. pt_mqtt_publish(): now or never (QoS 0): states and orders, which must not be stale. The session is
 * clean: what others publish while we are away is not kept for us. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>

typedef struct PtMqtt PtMqtt;

typedef struct {
	char *host;
	int port;
	bool tls;              /* always verified */
	char *ca;              /* file of certificates to trust; NULL: the system's */
	char *user, *password; /* NULL: none */
	char *client_id;
	int version;        /* 5, 311; 0: 5, and 3.1.1 where the broker refuses that */
	char *status_topic; /* retained: "online" while connected, "offline" else (the last will) */
	char *queue_path;
} PtMqttSettings;

#define PT_MQTT_PAYLOAD_MAX (256 << 10) /* bytes; what comes in and is larger is ignored and counted */

/* Made once; client NULL in the functions below: nothing happens. NULL and error when the queue cannot be opened. context
 * NULL: the default one; all callbacks are called on its thread. */
PtMqtt *pt_mqtt_new(const PtMqttSettings *settings, GMainContext *context, GError **error);
/* Says "offline", sends for at most a second what is under way, and ends. */
void pt_mqtt_free(PtMqtt *client);

/* The site's client, for drivers; NULL: the site has none. Main thread. */
PtMqtt *pt_mqtt_get(void);

typedef struct {
	const char *topic, *payload; /* payload ends with a zero behind size */
	size_t size;
	int64_t mono_ns; /* CLOCK_MONOTONIC when it arrived */
	bool retained;   /* the broker had it: it is old, nobody knows how old */
} PtMqttMessage;
typedef void (*PtMqttMessageFn)(void *user, const PtMqttMessage *message);
typedef void (*PtMqttStateFn)(void *user, bool connected, const char *why); /* why: of a loss, in words */

/* Both from the context's thread; they last over reconnects. pattern as MQTT has it, with + and #. */
unsigned pt_mqtt_subscribe(PtMqtt *client, const char *pattern, PtMqttMessageFn fn, void *user);
void pt_mqtt_unsubscribe(PtMqtt *client, unsigned id);
/* fn is called at once with how it stands. */
unsigned pt_mqtt_watch(PtMqtt *client, PtMqttStateFn fn, void *user);
void pt_mqtt_unwatch(PtMqtt *client, unsigned id);

/* From any thread. False: not connected, and the message is gone. */
bool pt_mqtt_publish(PtMqtt *client, const char *topic, const char *payload, bool retain);
/* The same for what is large, as pictures. False also while PT_MQTT_BULK_MAX of it wait for a broker that is slow. */
#define PT_MQTT_BULK_MAX (2 << 20) /* bytes */
bool pt_mqtt_publish_bulk(PtMqtt *client, const char *topic, const void *data, size_t size, bool retain);
/* From any thread; id: of the event it tells of, 0: none. */
void pt_mqtt_queue(PtMqtt *client, uint64_t id, const char *topic, const char *payload);
/* The highest id that was queued, in this or an earlier life: as found at the start. */
uint64_t pt_mqtt_last_id(PtMqtt *client);

typedef struct {
	bool connected;
	int version;     /* of the protocol that is spoken: 5 or 311 */
	char why[200];   /* it is not connected: "" never tried, else what came */
	int64_t waiting; /* in the queue */
	uint64_t sent, received, dropped, too_large;
	uint64_t refused; /* of the queue: the broker does not take them, whenever they are sent */
} PtMqttCounters;
void pt_mqtt_counters(PtMqtt *client, PtMqttCounters *ret);

/* "a/+/c" matches "a/b/c"; for filters and tests. */
bool pt_mqtt_matches(const char *pattern, const char *topic);
/* Topic levels may not hold + # / or zeros: each becomes _. Caller frees. */
char *pt_mqtt_level(const char *text);
