/* The alarm centre at the MQTT broker, as Home Assistant's alarm panel wants it: how it stands, and orders to arm and
 * disarm. To disarm a PIN of a user is always needed. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/alarm-desk.h"
#include "mqtt/client.h"

typedef struct PtMqttAlarm PtMqttAlarm;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtAlarmDesk *desk;
} PtMqttAlarmEnv;

/* prefix: of the site's topics. All of it outlives this. */
PtMqttAlarm *pt_mqtt_alarm_new(const PtMqttAlarmEnv *env, PtMqtt *client, const char *prefix);
void pt_mqtt_alarm_apply(PtMqttAlarm *a, PtSite *site); /* whose PINs count; keeps a reference */
void pt_mqtt_alarm_free(PtMqttAlarm *a);                /* takes NULL; before the client */
void pt_mqtt_alarm_tell(PtMqttAlarm *a);                /* again: the broker is connected */

/* What a panel shows: disarmed, armed_home, armed_night, armed_away, armed_custom_bypass (a mode of the site's own), arming,
 * pending, triggered. */
const char *pt_mqtt_alarm_state(const PtAlarmCentre *centre, const PtSite *site);
