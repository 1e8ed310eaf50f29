/* Inputs and relays of an ONVIF camera, by the tokens that it gives them. The camera itself is onvif/client/camera.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_onvif_driver;
