/* Plugs that speak HTTP: an input that a webhook sets, a relay that is switched by a request and read back by another. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtPlugDriver pt_http_driver;

typedef enum { PT_HOOK_INACTIVE, PT_HOOK_ACTIVE, PT_HOOK_TOUCH } PtHook; /* touch: active, and inactive a second later */
/* A webhook came, on the plugs' thread. False: there is no such input, or it is not its token; the two are not told apart.
 */
bool pt_http_hook(const char *input, const char *token, PtHook what);

/* Waits, seconds at most, until orders to relays that were closed are answered: the last one makes safe (P5). */
void pt_http_finish_orders(void);
