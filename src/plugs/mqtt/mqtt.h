/* Plugs of other devices at the site's MQTT broker. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_mqtt_driver;
