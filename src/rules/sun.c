/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/sun.h"
#include <math.h>

#define RAD (M_PI / 180)
#define HORIZON 90.833 /* degrees from the zenith: refraction and half the sun's disc */

/* NOAA Global Monitoring Laboratory, "Solar Calculation Details" (after Meeus, Astronomical Algorithms): declination in
 * radians and the equation of time in minutes, at a Julian century since 2000. */
static void solar(double t, double *ret_declination, double *ret_equation_min) {
	double mean_long = fmod(280.46646 + t * (36000.76983 + t * 0.0003032), 360) * RAD;
	double anomaly = (357.52911 + t * (35999.05029 - 0.0001537 * t)) * RAD;
	double eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t);
	double centre = sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t)) +
	                sin(2 * anomaly) * (0.019993 - 0.000101 * t) + sin(3 * anomaly) * 0.000289;
	double omega = (125.04 - 1934.136 * t) * RAD;
	double apparent = mean_long + (centre - 0.00569 - 0.00478 * sin(omega)) * RAD;
	double obliquity =
	    (23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60 + 0.00256 * cos(omega)) * RAD;
	double y = tan(obliquity / 2) * tan(obliquity / 2);
	*ret_declination = asin(sin(obliquity) * sin(apparent));
	*ret_equation_min = 4 / RAD *
	                    (y * sin(2 * mean_long) - 2 * eccentricity * sin(anomaly) +
	                     4 * eccentricity * y * sin(anomaly) * cos(2 * mean_long) - 0.5 * y * y * sin(4 * mean_long) -
	                     1.25 * eccentricity * eccentricity * sin(2 * anomaly));
}

PtSunKind pt_sun_times(int64_t day, double latitude, double longitude, int utc_offset_s, double *ret_rise_min,
                       double *ret_set_min) {
	double offset_min = utc_offset_s / 60.0, declination, equation;
	double noon_julian = (double)day + 2440587.5 + 0.5 - offset_min / 1440;
	solar((noon_julian - 2451545) / 36525, &declination, &equation);
	double lat = latitude * RAD;
	double c = cos(HORIZON * RAD) / (cos(lat) * cos(declination)) - tan(lat) * tan(declination);
	double noon = 720 - 4 * longitude - equation + offset_min;
	if (c > 1) {
		*ret_rise_min = *ret_set_min = 720;
		return PT_SUN_POLAR_NIGHT;
	}
	if (c < -1) {
		*ret_rise_min = 0;
		*ret_set_min = 1440;
		return PT_SUN_POLAR_DAY;
	}
	double half = acos(c) / RAD * 4;
	*ret_rise_min = noon - half;
	*ret_set_min = noon + half;
	return PT_SUN_NORMAL;
}
