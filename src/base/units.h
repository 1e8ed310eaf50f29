/* Quantities as people write them in the site file and on the command line: durations, sizes, rates, percentages.
 * A number without its unit is refused (only 0 needs none), so that nobody has to guess what "30" meant. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <glib.h>

/* "20ms", "30s", "1.5h", "30d"; units ns us ms s min h d w. 0 .. 292 years, in ns. */
gboolean pt_units_parse_duration(const char *text, int64_t *ret_ns, GError **error);
/* "5GiB", "500MB", "512KiB", "100B", in bytes. */
gboolean pt_units_parse_size(const char *text, uint64_t *ret_bytes, GError **error);
/* "20Mbit/s", "512kbit/s", in bits per second. */
gboolean pt_units_parse_rate(const char *text, uint64_t *ret_bits_per_s, GError **error);
/* "5%", 0 .. 100. */
gboolean pt_units_parse_percent(const char *text, double *ret_percent, GError **error);

/* Of a resistor, as shops and circuit diagrams write it: "2.2k", "2k2", "4700", "470R", "1M", "12.1 kohm". Above 0, to 100M. */
gboolean pt_units_parse_ohm(const char *text, double *ret_ohm, GError **error);

/* An instant as people write it: "now", "10min ago", "-10min", "+2h", or what pt_time_parse() takes. now_ns: wall time. */
gboolean pt_units_parse_time(const char *text, int64_t now_ns, int64_t *ret_wall_ns, GError **error);

/* The same value in the largest unit that keeps it whole; what these give, the above read back. Caller frees. */
char *pt_units_format_duration(int64_t ns); /* ns >= 0 */
char *pt_units_format_size(uint64_t bytes);
char *pt_units_about_size(uint64_t bytes); /* for people, not to be read back: "34.7 MiB" */
char *pt_units_format_rate(uint64_t bits_per_s);
char *pt_units_format_percent(double percent);
char *pt_units_format_ohm(double ohm);
