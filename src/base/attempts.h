/* Slows down those who guess: after three wrong attempts under a key (an address, an address and a name) it has to wait 1 s,
 * 2 s, 4 s … up to a minute. Pure; times are monotonic ns. One thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

typedef struct PtAttempts PtAttempts;

PtAttempts *pt_attempts_new(void);
void pt_attempts_free(PtAttempts *attempts); /* takes NULL */
/* How long until the next attempt counts; 0: now. */
int64_t pt_attempts_wait_ns(PtAttempts *attempts, const char *key, int64_t now_ns);
void pt_attempts_failed(PtAttempts *attempts, const char *key, int64_t now_ns);
void pt_attempts_forgive(PtAttempts *attempts, const char *key); /* it was right this time */
