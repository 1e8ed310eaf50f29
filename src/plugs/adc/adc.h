/* Inputs on supervised loops, read through an ADC of the kernel's industrial I/O (/sys/bus/iio). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_adc_driver;
