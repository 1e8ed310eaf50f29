/* The device service is spread over a few files; its table is in device.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/call.h"

/* device-network.c */
void pt_device_get_hostname(PtCall *call);
void pt_device_get_dns(PtCall *call);
void pt_device_get_ntp(PtCall *call);
void pt_device_get_dynamic_dns(PtCall *call);
void pt_device_get_interfaces(PtCall *call);
void pt_device_get_protocols(PtCall *call);
void pt_device_get_gateway(PtCall *call);
void pt_device_get_zero_configuration(PtCall *call);

/* device-scopes.c */
void pt_device_get_scopes(PtCall *call);
void pt_device_set_scopes(PtCall *call);
void pt_device_add_scopes(PtCall *call);
void pt_device_remove_scopes(PtCall *call);
void pt_device_get_discovery_mode(PtCall *call);
void pt_device_set_discovery_mode(PtCall *call);

/* device-users.c */
void pt_device_get_users(PtCall *call);
void pt_device_create_users(PtCall *call);
void pt_device_delete_users(PtCall *call);
void pt_device_set_user(PtCall *call);
