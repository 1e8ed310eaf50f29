/* What a message says of a thing that is on or off, as Zigbee2MQTT, Tasmota, ESPHome and Shelly write it. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define PT_PAYLOAD_VALUE_MAX 100

typedef enum { PT_PAYLOAD_OTHER, PT_PAYLOAD_OFF, PT_PAYLOAD_ON } PtPayloadState;

/* The text of a value. field NULL: the whole payload, without blanks around it; else a member of the JSON object that it is,
 * "a.b" for one within another. Numbers and booleans become text ("true", "1.5"). False: there is none, or it is longer than
 * PT_PAYLOAD_VALUE_MAX. payload ends with a zero behind size. */
bool pt_payload_value(const char *payload, size_t size, const char *field, char ret[PT_PAYLOAD_VALUE_MAX + 1]);
/* on, off: the words that mean it, in any case; both NULL: ON true 1 open online and OFF false 0 closed offline. One alone:
 * what is not that is the other. */
PtPayloadState pt_payload_state(const char *value, const char *on, const char *off);
