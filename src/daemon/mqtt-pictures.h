/* What cameras see, at the broker: a JPEG of each, anew at an interval and whenever something happens there. One is made at
 * a time, whatever the number of cameras, and what the broker does not take at once is not sent: the next one is newer. Main
 * thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "daemon/cameras.h"
#include "mqtt/client.h"
#include "site/config.h"

typedef struct PtMqttPictures PtMqttPictures;

/* What it is given outlives it; prefix is copied. */
PtMqttPictures *pt_mqtt_pictures_new(PtBus *bus, PtCameras *cameras, PtMqtt *client, const char *prefix);
/* The picture of a camera that goes is taken back from the broker. Keeps a reference. */
void pt_mqtt_pictures_apply(PtMqttPictures *pictures, PtSite *site);
void pt_mqtt_pictures_free(PtMqttPictures *pictures); /* takes NULL */
void pt_mqtt_pictures_counters(const PtMqttPictures *pictures, uint64_t *ret_sent, uint64_t *ret_failed);

/* PREFIX/camera/NAME/picture. Caller frees. */
char *pt_mqtt_picture_topic(const char *prefix, const char *camera);
