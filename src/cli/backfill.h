/* Parts of `pigtail archive` that are about what is missing. All return exit codes. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* Any of camera, from and to may be NULL. */
int pt_cli_gaps(const char *camera, const char *from, const char *to, bool with_why, bool json);
int pt_cli_backfill(const char *camera, const char *from, const char *to, bool now, bool json);
int pt_cli_backfill_pause(bool pause);
int pt_cli_proof(const char *camera, const char *from, const char *to, bool json);
