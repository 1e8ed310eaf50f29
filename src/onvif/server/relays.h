/* Relay outputs: the operations of the device service, which the Device IO service has as well. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/call.h"

void pt_relays_get(PtCall *call);       /* tds:GetRelayOutputs */
void pt_relays_set_state(PtCall *call); /* tds:SetRelayOutputState */
void pt_relays_set_tds(PtCall *call);   /* tds:SetRelayOutputSettings */
void pt_relays_set_tmd(PtCall *call);   /* tmd:SetRelayOutputSettings, which carries a whole RelayOutput */
void pt_relays_get_options(PtCall *call);
