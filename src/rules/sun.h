/* Sunrise and sunset after NOAA's solar equations: pure arithmetic, right to about a minute between the polar circles. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

typedef enum { PT_SUN_NORMAL, PT_SUN_POLAR_DAY, PT_SUN_POLAR_NIGHT } PtSunKind;

/* For the day (days since 1970-01-01, local date) at a place (degrees, north and east positive) with the zone's offset from
 * UTC: minutes since local midnight, possibly below 0 or above 1440 where the zone is far from the sun. In a polar day
 * the sun rises at 0 and sets at 1440, in a polar night it rises and sets at 720, so that "between sunset and
 * sunrise" is never true in the one and always in the other. */
PtSunKind pt_sun_times(int64_t day, double latitude, double longitude, int utc_offset_s, double *ret_rise_min,
                       double *ret_set_min);
