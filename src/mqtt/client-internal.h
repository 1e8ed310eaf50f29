/* What client.c (whom others call, on their threads) and link.c (the thread that speaks with the broker) share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "mqtt/client.h"
#include "mqtt/queue.h"

struct mosquitto;

typedef enum { OP_PUBLISH, OP_QUEUE, OP_SUBSCRIBE, OP_UNSUBSCRIBE } PtMqttOpKind;
typedef struct {
	PtMqttOpKind kind;
	uint64_t id;
	char *topic, *payload;
	size_t size; /* of payload */
	bool retain, bulk;
} PtMqttOp;

typedef struct {
	char *topic, *payload; /* topic NULL: the connection's state has changed, payload says why */
	size_t size;
	int64_t mono_ns;
	bool retained, connected;
} PtMqttIn;

struct PtMqtt {
	PtMqttSettings settings;
	GMainContext *context;
	GThread *thread;
	int wake; /* eventfd: there is something in ops, or it is to stop */
	int stop; /* atomic */

	/* context's thread */
	GPtrArray *listeners; /* client.c's */
	unsigned next_id;
	bool known_connected;
	char *known_why;

	GMutex lock;
	GQueue ops;              /* of PtMqttOp, under lock */
	unsigned n_out;          /* of them OP_PUBLISH */
	size_t bulk;             /* bytes of what is large, from the call until the socket has them; under lock */
	GQueue in;               /* of PtMqttIn, under lock */
	GSource *arrival;        /* under lock; NULL: none is on its way */
	PtMqttCounters counters; /* under lock */
	uint64_t queue_dropped;  /* under lock */
	uint64_t found_id;

	/* own thread */
	PtMqttQueue *queue;
	struct mosquitto *m;
	GHashTable *patterns;  /* of char * -> number of listeners */
	GHashTable *under_way; /* mid -> row */
	GHashTable *bulks;     /* mid -> its size, of what is large */
	int64_t last_row;      /* handed to the broker */
	bool connected, refused;
	int answer;  /* of the broker's refusal */
	int version; /* 5 or 311 */
};

/* ---- client.c ---- */
void pt_mqtt_op_free(void *op);
void pt_mqtt_in_free(void *in);
void pt_mqtt_bulk_done(PtMqtt *c, size_t size);  /* it is out, or lost */
void pt_mqtt_hand_over(PtMqtt *c, PtMqttIn *in); /* takes it; from the thread, to the context's */
void pt_mqtt_tell_state(PtMqtt *c, bool connected, const char *why);

/* ---- link.c ---- */
void *pt_mqtt_run(void *client);  /* the thread */
void pt_mqtt_library(bool begin); /* before the first client, after the last */
