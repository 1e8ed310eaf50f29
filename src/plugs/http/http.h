/* Plugs that speak HTTP: an input that a webhook sets, a relay that is switched by a request and read back by another. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_http_driver;
