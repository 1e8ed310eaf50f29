/* Lines of the machine's own GPIO chips: contacts of inputs, coils of relays. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_gpio_driver;
