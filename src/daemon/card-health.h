/* How the medium under the archive does: what it says of its own age, and footage that is read back from it at night. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "base/bus.h"
#include <json-glib/json-glib.h>

typedef struct PtCardHealth PtCardHealth;

/* All outlive it. Main thread. */
PtCardHealth *pt_card_health_new(PtArchive *archive, PtClock *clock, PtBus *bus);
/* Night is between three and five in the site's zone; a reference is taken. */
void pt_card_health_set_zone(PtCardHealth *health, GTimeZone *zone);
void pt_card_health_describe(PtCardHealth *health, JsonBuilder *builder); /* members of "archive" in /api/state */
void pt_card_health_free(PtCardHealth *health);                           /* takes NULL */
