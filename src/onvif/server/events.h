/* Event service: pull points, base notification, and the operations at the addresses of subscriptions. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/subscriptions.h"

#define PT_SUBSCRIPTION_PATH "/onvif/subscription/"
extern const PtSubscriptionsOps pt_events_subscriptions_ops;
