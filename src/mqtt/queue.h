/* What has still to reach the broker, on disk: it survives the program, and goes out in its order. One thread at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>

typedef struct PtMqttQueue PtMqttQueue;

typedef struct {
	int64_t row;
	char *topic, *payload;
} PtMqttQueued;

#define PT_MQTT_QUEUE_MAX 1000000 /* messages; beyond it the oldest go, and are counted */

/* A file that cannot be read is put aside and begun anew. NULL and error when there can be none. */
PtMqttQueue *pt_mqtt_queue_open(const char *path, GError **error);
void pt_mqtt_queue_free(PtMqttQueue *queue); /* takes NULL */

/* Changes between begin and commit are one; FALSE: the disk refuses, and what was put is lost. */
void pt_mqtt_queue_begin(PtMqttQueue *queue);
bool pt_mqtt_queue_commit(PtMqttQueue *queue);
/* id: of the event it tells of; 0: none. */
bool pt_mqtt_queue_put(PtMqttQueue *queue, uint64_t id, const char *topic, const char *payload);
void pt_mqtt_queue_done(PtMqttQueue *queue, int64_t row);
/* Up to n messages behind a row, oldest first: of PtMqttQueued *, freed with the array. */
GPtrArray *pt_mqtt_queue_after(PtMqttQueue *queue, int64_t row, unsigned n);

uint64_t pt_mqtt_queue_last_id(PtMqttQueue *queue); /* the highest id that was ever put; 0: none */
int64_t pt_mqtt_queue_length(const PtMqttQueue *queue);
uint64_t pt_mqtt_queue_dropped(const PtMqttQueue *queue); /* since it was opened */
