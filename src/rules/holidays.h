/* Holidays: a text of dates, or a calendar as authorities publish them. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#define PT_HOLIDAYS_MAX 10000

typedef struct PtHolidays PtHolidays;

/* Lines of "2026-12-25" or, for each year, "12-25", with anything behind a space or #; or iCalendar (RFC 5545), whose events
 * are taken by their DTSTART and DTEND dates. NULL, with *ret_problem set (caller frees): "line 3: …". */
PtHolidays *pt_holidays_parse(const char *text, char **ret_problem);
PtHolidays *pt_holidays_ref(PtHolidays *holidays);
void pt_holidays_unref(PtHolidays *holidays); /* takes NULL */
/* day: days since 1970-01-01, local. holidays NULL: no day is one. */
bool pt_holidays_has(const PtHolidays *holidays, int64_t day);
unsigned pt_holidays_count(const PtHolidays *holidays);
