/* How a site shows itself to Home Assistant: the messages of its MQTT discovery, one for each thing. Pure.
 * Source of the format: Home Assistant, "MQTT", section discovery, and the pages of the integrations binary_sensor, switch,
 * light, button, camera and alarm_control_panel (www.home-assistant.io/integrations/mqtt). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "site/config.h"

#define PT_HOME_ASSISTANT_PICTURE "picture_" /* what the object of a camera's picture begins with */

typedef struct {
	char *topic;   /* PREFIX/COMPONENT/NODE/OBJECT/config */
	char *payload; /* JSON */
} PtAnnouncement;

/* of PtAnnouncement *, owned; free with g_ptr_array_unref(). version: of this program. */
GPtrArray *pt_home_assistant_announce(const PtSite *site, const char *version);
