/* The site on its MQTT broker: every event, how plugs and cameras stand, and orders to relays. doc/guide/mqtt.md lists the
 * topics. Main thread, but for what the bus calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/eventlog.h"
#include "daemon/alarm-desk.h"
#include "daemon/cameras.h"
#include "daemon/plugs.h"
#include "mqtt/client.h"
#include "site/config.h"
#include <json-glib/json-glib.h>

typedef struct PtMqttSite PtMqttSite;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtEventlog *log;
	PtPlugs *plugs;
	PtAlarmDesk *desk;
	PtCameras *cameras;
} PtMqttSiteEnv;

/* Before plugs are opened: drivers use the client. What the log holds and an end of the program kept from being queued is
 * queued now. NULL and error when there can be no queue. */
PtMqttSite *pt_mqtt_site_new(const PtMqttSiteEnv *env, const PtSite *site, GError **error);
/* After plugs are opened, and again after a reload: subscribes, says how everything stands, and announces it. */
void pt_mqtt_site_apply(PtMqttSite *m, PtSite *site);
void pt_mqtt_site_describe(PtMqttSite *m, JsonBuilder *builder); /* the member "mqtt"; nothing when m is NULL */
/* Before plugs are closed: no orders any more; takes NULL. */
void pt_mqtt_site_stop(PtMqttSite *m);
void pt_mqtt_site_free(PtMqttSite *m); /* after plugs are closed; takes NULL */
