/* Whose PIN it is: of those users of a site who see all of it. One is asked for at a time, since each takes 19 MiB and some
 * 50 ms, on a thread of its own; who guesses is slowed down. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "site/config.h"

#define PT_PIN_BYTES 64 /* what is longer is none */

typedef struct PtPins PtPins;
/* whose: a user of the site that was asked; NULL: nobody's. */
typedef void (*PtPinFn)(void *data, const char *whose);

PtPins *pt_pins_new(PtClock *clock);
void pt_pins_free(PtPins *pins); /* what is being asked ends without an answer; takes NULL */

bool pt_pins_is_asking(const PtPins *pins);
/* How long an actor ("user/anna", "mqtt") has to wait after wrong ones; 0: not at all. */
int64_t pt_pins_wait_ns(PtPins *pins, const char *actor);
/* Nobody else is asking, and the actor has not to wait. A user who has a PIN has to know that one; else that of anybody
 * does, for a page on a wall. fn is called once, later, but for pt_pins_free(); free_data always. */
void pt_pins_ask(PtPins *pins, PtSite *site, const char *actor, const char *pin, PtPinFn fn, void *data,
                 GDestroyNotify free_data);
