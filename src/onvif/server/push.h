/* Base notification: notices are sent to an address of the client's, several in one message while one is under way. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/server.h"
#include "onvif/server/subscriptions.h"

bool pt_push_address_is_good(const char *address);
void pt_push_send(PtOnvifServer *server, PtSubscription *subscription);
void pt_push_forget(PtSubscription *subscription); /* it ends */
